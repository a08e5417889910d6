-- Deployments, releases, and everything that was seen, decided and called on the way.

create table deployments (
    id                  text        primary key,
    template            text        not null,
    revision            integer     not null,
    environment         text        not null,
    -- The deployment over several environments, or the release, that this one belongs to.
    parent              text,
    strategy            text        not null,
    state               text        not null,
    step                smallint    not null default 0,
    -- What was asked for (without defaults), and the plan that was made of it. The plan's digest is what a gate approves.
    request             jsonb       not null,
    plan                jsonb       not null,
    plan_digest         text        not null,
    course              jsonb       not null,
    analysis            jsonb       not null,
    has_tests           boolean     not null,
    has_gate            boolean     not null,
    rollback_enabled    boolean     not null,
    monitoring_enabled  boolean     not null,
    in_flight           text        not null,
    protect_unqualified boolean     not null,
    from_version        text,
    to_version          text,
    -- Where the alias was last known to stand, where it is to stand, and what a person allowed to overwrite.
    standing            jsonb,
    intent              jsonb,
    may_overwrite       jsonb,
    bake                jsonb,
    promoted            boolean     not null default false,
    pause               jsonb,
    rollback            jsonb,
    error               text,
    -- Whether the rollback helped; judged a while after it.
    recovery            text,
    -- Durations (ms, sorted) and outcomes of the stable version when the deployment began. Frozen.
    baseline            bigint[]    not null default '{}',
    history_closed      bigint      not null default 0,
    history_failed      bigint      not null default 0,
    requester           text        not null,
    reason              text,
    topics              text[]      not null default '{}',
    alias_read_at       timestamptz,
    -- What the alarms of the analysis said last.
    alarms              jsonb       not null default '[]',
    alarms_read_at      timestamptz,
    version             integer     not null default 1,
    event_seq           bigint      not null default 0,
    created_at          timestamptz not null,
    started_at          timestamptz,
    finished_at         timestamptz,
    updated_at          timestamptz not null,
    constraint deployment_state_is_known check (state in (
        'pending', 'validating', 'publishing', 'testing', 'gate', 'shifting', 'baking', 'judging', 'final_bake', 'paused',
        'rolling_back', 'rollback_blocked', 'succeeded', 'rolled_back', 'failed', 'aborted', 'superseded')),
    constraint finished_iff_at_rest check ((finished_at is not null) =
        (state in ('succeeded', 'rolled_back', 'failed', 'aborted', 'superseded'))),
    constraint paused_iff_it_says_why check ((state = 'paused') = (pause is not null)),
    constraint going_back_names_its_reason check (state not in ('rolling_back', 'rollback_blocked') or rollback is not null),
    constraint moving_names_its_intent check (state not in ('baking', 'judging', 'final_bake', 'rolling_back') or intent is not null),
    constraint in_flight_policy_is_known check (in_flight in ('leave', 'stop', 'stop_and_restart', 'drain')),
    constraint plan_digest_is_sha256 check (plan_digest ~ '^sha256:[0-9a-f]{64}$')
);
comment on column deployments.version is 'counts changes; a writer names the one it read';
-- One mover per alias. Those waiting in line (pending) do not count.
create unique index one_deployment_moves_an_alias on deployments (template, environment)
    where state not in ('pending', 'succeeded', 'rolled_back', 'failed', 'aborted', 'superseded');
create index deployments_newest_first on deployments (created_at desc, id desc);
create index deployments_by_template on deployments (template, environment, created_at desc, id desc);
create index deployments_by_parent on deployments (parent) where parent is not null;
create index deployments_in_line on deployments (template, environment, created_at, id) where state = 'pending';

-- The weights in force, outside of settling windows: what makes the comparison a randomised experiment.
create table deployment_periods (
    deployment text        not null references deployments (id) on delete cascade,
    seq        integer     not null,
    weight     smallint    not null,
    valid_from timestamptz not null,
    -- Written before the call that ends it; open while it lasts.
    valid_until timestamptz,
    primary key (deployment, seq),
    constraint period_weight_is_a_percentage check (weight between 1 and 100)
);

-- What the judge saw each time something had changed. Enough to compute each verdict again.
create table deployment_looks (
    deployment text        not null references deployments (id) on delete cascade,
    seq        bigint      not null,
    at         timestamptz not null,
    step       smallint    not null,
    state      text        not null,
    evidence   jsonb       not null,
    reading    jsonb       not null,
    verdict    jsonb       not null,
    primary key (deployment, seq)
);

-- The timeline, and the feed of `GET …/events`.
create table deployment_events (
    deployment text        not null references deployments (id) on delete cascade,
    seq        bigint      not null,
    at         timestamptz not null,
    event      text        not null,
    state      text        not null,
    actor      text        not null,
    detail     text        not null,
    data       jsonb       not null,
    primary key (deployment, seq)
);

-- Every call that changes something at the environment's Step Functions, with its outcome.
create table deployment_calls (
    id         bigint      generated always as identity primary key,
    deployment text        not null references deployments (id) on delete cascade,
    at         timestamptz not null,
    operation  text        not null,
    subject    text        not null,
    outcome    text        not null,
    detail     text
);
create index deployment_calls_by_deployment on deployment_calls (deployment, id);

create table deployment_tests (
    deployment     text        not null references deployments (id) on delete cascade,
    position       integer     not null,
    test_case      jsonb       not null,
    execution_name text        not null,
    execution_arn  text,
    started_at     timestamptz,
    finished_at    timestamptz,
    passed         boolean,
    final_status   text,
    error          text,
    duration_ms    bigint,
    primary key (deployment, position),
    constraint test_ended_iff_it_passed_or_failed check ((finished_at is null) = (passed is null))
);

-- Versions that were taken back because they were worse: not deployed again without being asked for by name.
create table quarantined_versions (
    version_arn text        primary key,
    template    text        not null,
    environment text        not null,
    revision    integer     not null,
    deployment  text        not null references deployments (id) on delete cascade,
    reason      text        not null,
    at          timestamptz not null
);
create index quarantined_by_revision on quarantined_versions (template, environment, revision);

-- Several deployments as one: a release (several templates) or a rolling deployment (several environments).
create table releases (
    id             text        primary key,
    kind           text        not null,
    environment    text,
    state          text        not null,
    direction      text        not null,
    strategy       text        not null,
    request        jsonb       not null,
    rules          jsonb       not null,
    scenarios      jsonb       not null,
    scenario_state jsonb       not null default '[]',
    requester      text        not null,
    topics         text[]      not null default '{}',
    error          text,
    version        integer     not null default 1,
    created_at     timestamptz not null,
    finished_at    timestamptz,
    updated_at     timestamptz not null,
    constraint release_kind_is_known check (kind in ('release', 'rolling')),
    constraint release_state_is_known check (state in ('in_progress', 'success', 'failed', 'rolled_back')),
    constraint release_direction_is_known check (direction in ('forward', 'back')),
    constraint release_finished_iff_at_rest check ((state = 'in_progress') = (finished_at is null))
);
create index releases_newest_first on releases (created_at desc, id desc);

create table release_members (
    release    text     not null references releases (id) on delete cascade,
    position   integer  not null,
    wave       integer  not null,
    -- The deployment to start: the body of `POST /v1/deployments`.
    request    jsonb    not null,
    deployment text     references deployments (id),
    told_back  boolean  not null default false,
    primary key (release, position)
);
