-- The engine's durable state of executions. Everything lives in schema `engine`; the journal (src/journal) is
-- the only writer of these tables while executions run, and it writes many executions in one statement.

create schema if not exists engine;

-- One row: which process drives the executions. The session that holds the advisory lock raises `epoch` when it
-- takes over; every write of the journal carries its epoch and writes nothing when another epoch has begun.
create table engine.driver (
    only_row boolean primary key default true,
    epoch bigint not null,
    taken_at timestamptz not null,
    -- Signs task tokens and page tokens. 32 random bytes, made once, never leaves the database otherwise.
    secret bytea not null,
    constraint one_driver check (only_row),
    constraint secret_is_256_bits check (octet_length(secret) = 32)
);

create table engine.executions (
    id uuid primary key,                            -- version 7: in order of start
    arn text not null,
    name text not null,
    machine_arn text not null,
    version_arn text,
    alias_arn text,
    -- The immutable definition (with role, logging …) this execution runs to its end, and when redriven.
    revision_id uuid not null,
    map_run_arn text,
    status text not null,
    input bytea not null,                           -- UTF-8 JSON text as it was sent
    output bytea,                                   -- UTF-8 JSON text
    error text,
    cause text,
    started_at bigint not null,                     -- all times: ms since 1970
    stopped_at bigint,
    redrive_count integer not null default 0,
    redriven_at bigint,
    trace_header text,
    mock_case text,                                 -- test case of the mock file, from `<machine arn>#<case>`
    -- The task of another execution that waits for this one (startExecution.sync).
    parent_id uuid,
    parent_task bigint,
    constraint known_status check (status in ('RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE')),
    constraint stopped_iff_closed check ((stopped_at is null) = (status in ('RUNNING', 'PENDING_REDRIVE'))),
    constraint output_only_of_success check (output is null or status = 'SUCCEEDED'),
    constraint parent_names_its_task check ((parent_id is null) = (parent_task is null)),
    constraint redriven_iff_counted check ((redriven_at is null) = (redrive_count = 0))
);
create unique index executions_arn on engine.executions (arn);
create index executions_of_machine on engine.executions (machine_arn, id desc);
create index executions_of_version on engine.executions (version_arn, id desc) where version_arn is not null;
create index executions_of_alias on engine.executions (alias_arn, id desc) where alias_arn is not null;
create index executions_of_map_run on engine.executions (map_run_arn, id desc) where map_run_arn is not null;
create index executions_running on engine.executions (machine_arn, id desc) where status = 'RUNNING';
create index executions_closed_by_age on engine.executions (stopped_at) where stopped_at is not null;

-- The history: one row holds many consecutive events, as the JSON array GetExecutionHistory answers with.
create table engine.history (
    execution_id uuid not null,
    first_event_id bigint not null,
    last_event_id bigint not null,
    events bytea not null,                          -- UTF-8 JSON array of AWS's HistoryEvent
    primary key (execution_id, first_event_id),
    constraint events_in_order check (last_event_id >= first_event_id and first_event_id >= 1)
);

-- What is needed to go on with an open execution: a snapshot of its frame with the tasks and timers that are
-- outstanding, and the events taken since (engine.frame_inputs). Gone when the execution closes, except that a
-- closed execution that can be redriven keeps its row with `open` = false.
create table engine.frames (
    execution_id uuid primary key,
    open boolean not null,
    format integer not null,                        -- version of the snapshot's shape, see src/runtime/snapshot.rs
    snapshot bytea not null,
    inputs_applied bigint not null,                 -- inputs with a sequence number up to this one are in the snapshot
    next_due_ms bigint,                             -- earliest timer, null: it waits for somebody else only
    wake boolean not null,                          -- has tasks to be dispatched again when a process takes over
    constraint closed_is_at_rest check (open or (next_due_ms is null and not wake))
) with (fillfactor = 70);

create index frames_open on engine.frames (execution_id) where open;

create table engine.frame_inputs (
    execution_id uuid not null,
    sequence bigint not null,
    input bytea not null,
    primary key (execution_id, sequence)
);

-- pglz costs several times what lz4 does; not every Postgres is built with it.
do $$
begin
    alter table engine.history alter column events set compression lz4;
    alter table engine.executions alter column input set compression lz4;
    alter table engine.executions alter column output set compression lz4;
    alter table engine.frames alter column snapshot set compression lz4;
    alter table engine.frame_inputs alter column input set compression lz4;
exception when feature_not_supported then
    null;
end
$$;
