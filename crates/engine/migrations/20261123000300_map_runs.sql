-- Map Runs. Their children are executions (engine.executions) that name their Map Run and the place of their input in it; how
-- far a Map Run has come is read from those rows, and not written down a second time.

alter table engine.executions
    add column map_run_index integer,               -- which input of its Map Run a child has
    add column map_run_items integer,               -- how many items are in that input
    add constraint child_knows_its_input check (
        (map_run_arn is null) = (map_run_index is null) and (map_run_arn is null) = (map_run_items is null)
    );
create index executions_of_map_run_by_index on engine.executions (map_run_arn, map_run_index) where map_run_arn is not null;
create index executions_running_of_parent on engine.executions (parent_id) where parent_id is not null and status = 'RUNNING';

create table engine.map_runs (
    arn text primary key,
    execution_id uuid not null,                     -- the execution around it, and what tells the evaluator of its end there
    task bigint not null,
    execution_arn text not null,
    revision_id uuid not null,                      -- what that execution runs, and so the children
    mock_case text,
    call bytea not null,                            -- JSON of the evaluator's MapRunCall; an array of items is left out of it
    status text not null,
    max_concurrency integer not null,               -- 0: as many as there may be
    tolerated_count bigint,
    tolerated_percentage double precision,
    started_at bigint not null,                     -- all times: ms since 1970
    stopped_at bigint,
    redrive_count integer not null default 0,
    redriven_at bigint,
    inputs bigint,                                  -- how many children it has in all; null until all items are read
    result bytea,                                   -- the state's result
    error text,
    cause text,
    counts jsonb,                                   -- of the children, when it ended
    constraint known_status check (status in ('RUNNING', 'SUCCEEDED', 'FAILED', 'ABORTED')),
    constraint stopped_iff_closed check ((stopped_at is null) = (status = 'RUNNING')),
    constraint result_iff_succeeded check ((result is not null) = (status = 'SUCCEEDED')),
    constraint counted_iff_closed check ((counts is null) = (status = 'RUNNING')),
    constraint redriven_iff_counted check ((redriven_at is null) = (redrive_count = 0))
);
create index map_runs_of_execution on engine.map_runs (execution_id, started_at);
create index map_runs_running on engine.map_runs (arn) where status = 'RUNNING';

-- The inputs of a Map Run's children, many in one row, in the order of the items.
create table engine.map_run_inputs (
    map_run_arn text not null references engine.map_runs on delete cascade,
    first_index integer not null,
    inputs bytea not null,                          -- UTF-8 JSON array
    items integer[] not null,                       -- how many items are in each
    primary key (map_run_arn, first_index)
);

-- Client tokens of redrives. `count` is the redrive the token stands for: whether that took place is read from the execution.
create table engine.redrive_tokens (
    execution_id uuid not null,
    token text not null,
    count integer not null,
    asked_at bigint not null,
    redriven_at bigint,                             -- null: it was asked for, and not heard of since
    primary key (execution_id, token)
);
create index redrive_tokens_by_age on engine.redrive_tokens (asked_at);

do $$
begin
    alter table engine.map_runs alter column call set compression lz4;
    alter table engine.map_run_inputs alter column inputs set compression lz4;
exception when feature_not_supported then
    null;
end
$$;
