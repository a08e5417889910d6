-- Background work. A row is a unit of work until it is finished (then it is deleted) or dead (then it waits for a person).
create table jobs (
    id           text primary key,
    kind         text        not null,
    args         jsonb       not null,
    state        text        not null default 'ready',
    priority     smallint    not null default 0,
    -- at most one live job for each kind and key
    unique_key   text,
    -- not before; by the control plane's clock
    run_at       timestamptz not null,
    -- asked for again while running: when it is finished it becomes ready for this time instead of going away
    again_at     timestamptz,
    -- counted when it is claimed, so that a job that kills its process runs out of attempts too
    attempt      integer     not null default 0,
    -- null: never gives up
    max_attempts integer,
    -- who holds it; every later write names the token, so that a holder that lost it changes nothing
    lease_token  uuid,
    -- by the database's clock, which all replicas share
    lease_until  timestamptz,
    worker       text,
    last_error   text,
    created_at   timestamptz not null default now(),
    died_at      timestamptz,

    constraint state_is_known check (state in ('ready', 'running', 'dead')),
    constraint leased_iff_running check (
        (state = 'running') = (lease_token is not null)
        and (lease_token is null) = (lease_until is null)
        and (lease_token is null) = (worker is null)),
    constraint died_iff_dead check ((state = 'dead') = (died_at is not null)),
    constraint dead_has_a_reason check (state <> 'dead' or last_error is not null),
    constraint again_only_while_running check (again_at is null or state = 'running'),
    constraint attempts_count_up check (attempt >= 0 and (max_attempts is null or max_attempts >= 1))
);

create unique index one_live_job_of_a_key on jobs (kind, unique_key)
    where unique_key is not null and state in ('ready', 'running');
create index jobs_due on jobs (priority desc, run_at, id) where state = 'ready';
create index jobs_next on jobs (run_at) where state = 'ready';
create index jobs_leased on jobs (lease_until) where state = 'running';
create index jobs_by_state on jobs (state, kind, id);

comment on table jobs is 'The queue of background work; see src/jobs/mod.rs';
