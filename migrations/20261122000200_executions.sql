-- What Signalbox knows of executions: those it started, and those it found.

create table executions (
    id                  text        primary key,
    template            text        not null,
    environment         text        not null,
    kind                text        not null,
    state_machine_arn   text        not null,
    -- Constructed before the call for Standard (AWS names it by machine and name); told by the answer for Express.
    execution_arn       text,
    name                text        not null,
    origin              text        not null,
    -- `intended` before StartExecution was answered, `started` after, `abandoned` when it is known that nothing runs.
    record              text        not null,
    status              text        not null,
    redrive_count       integer     not null default 0,
    started_at          timestamptz not null,
    stopped_at          timestamptz,
    revision            integer,
    version_arn         text,
    alias_arn           text,
    input               text,
    output              text,
    error               text,
    cause               text,
    business_key        text,
    labels              jsonb       not null default '{}',
    callback_url        text,
    started_by          text,
    -- The last sequence number handed out in execution_events; the row's lock orders them.
    event_seq           bigint      not null default 0,
    -- Set when the target no longer knows the execution: it is never asked again, and not counted as running.
    lost_at             timestamptz,
    -- What this execution contributes to the rollups now, so that a redrive can take it back.
    counted_day         date,
    counted_version     text,
    counted_status      text,
    counted_duration_ms bigint,
    counted_error       text,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    constraint one_row_per_execution_arn unique (execution_arn),
    constraint execution_kind_is_known check (kind in ('STANDARD', 'EXPRESS')),
    constraint execution_origin_is_known check (origin in ('signalbox', 'external')),
    constraint execution_record_is_known check (record in ('intended', 'started', 'abandoned')),
    constraint execution_status_is_known
        check (status in ('RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE')),
    constraint stopped_iff_closed check ((stopped_at is null) = (status in ('RUNNING', 'PENDING_REDRIVE'))),
    constraint only_a_started_execution_closes
        check (record = 'started' or status in ('RUNNING', 'PENDING_REDRIVE')),
    constraint counted_wholly_or_not
        check (num_nonnulls(counted_day, counted_version, counted_status, counted_duration_ms) in (0, 4)),
    constraint labels_are_an_object check (jsonb_typeof(labels) = 'object')
);
create index executions_newest_first on executions (started_at desc, id desc);
create index executions_by_template on executions (template, started_at desc, id desc);
create index executions_by_status on executions (status, started_at desc, id desc);
create index executions_by_business_key on executions (business_key, started_at desc, id desc) where business_key is not null;
create index executions_by_labels on executions using gin (labels jsonb_path_ops);
create index executions_open on executions (state_machine_arn)
    where status = 'RUNNING' and record = 'started' and lost_at is null;
create index executions_unconfirmed on executions (created_at) where record = 'intended';
create index executions_by_version_closed on executions (version_arn, stopped_at) where stopped_at is not null;
create index executions_by_counted_day on executions (template, environment, counted_day) where counted_day is not null;

-- The feed of one execution, for `GET …/events`. Numbers are given under the execution's row lock, so they have no gaps.
create table execution_events (
    execution_id text        not null references executions (id) on delete cascade,
    seq          bigint      not null,
    kind         text        not null,
    data         jsonb       not null,
    at           timestamptz not null,
    primary key (execution_id, seq),
    constraint event_kind_is_known
        check (kind in ('execution.started', 'execution.redriven', 'execution.closed', 'execution.lost'))
);
create index execution_events_by_time on execution_events (at);

-- One row per machine that is watched; who holds the lease sweeps it.
create table monitored_machines (
    state_machine_arn text        primary key,
    template          text        not null,
    environment       text        not null,
    due_at            timestamptz not null,
    lease_token       text,
    lease_until       timestamptz,
    -- Everything started before this is known; the listing of all executions goes back to here.
    watermark         timestamptz not null,
    deep_sweep_at     timestamptz not null,
    swept_at          timestamptz,
    error             text,
    constraint lease_wholly_or_not check ((lease_token is null) = (lease_until is null))
);
create index monitored_machines_due on monitored_machines (due_at);
