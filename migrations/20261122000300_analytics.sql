-- Rollups of closed executions, by the UTC day they started. Kept in the transaction that closes an execution;
-- a redrive takes the old contribution back and adds the new one.

create table execution_rollups (
    template        text    not null,
    environment     text    not null,
    -- The version's ARN; '' where the execution was started without one.
    version_arn     text    not null,
    day             date    not null,
    succeeded       bigint  not null default 0,
    failed          bigint  not null default 0,
    timed_out       bigint  not null default 0,
    aborted         bigint  not null default 0,
    duration_ms_sum numeric not null default 0,
    duration_ms_min bigint,
    duration_ms_max bigint,
    primary key (template, environment, version_arn, day),
    constraint rollup_counts_are_not_negative
        check (succeeded >= 0 and failed >= 0 and timed_out >= 0 and aborted >= 0)
);

-- A mergeable histogram of durations: bucket i holds (γ^(i-1), γ^i] ms, γ = 1.02/0.98 (relative error 2 % of the bucket's
-- bounds, 1 % of the value reported).
create table execution_rollup_durations (
    template    text    not null,
    environment text    not null,
    version_arn text    not null,
    day         date    not null,
    bucket      integer not null,
    count       bigint  not null,
    primary key (template, environment, version_arn, day, bucket)
);

create table execution_rollup_errors (
    template    text   not null,
    environment text   not null,
    version_arn text   not null,
    day         date   not null,
    error       text   not null,
    count       bigint not null,
    primary key (template, environment, version_arn, day, error)
);
