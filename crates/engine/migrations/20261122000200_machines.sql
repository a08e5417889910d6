-- State machines and activities. Definitions are immutable: an update makes a new revision, and an execution runs the
-- revision it started with to its end.

create schema if not exists engine;

create table engine.machines (
    id uuid primary key,
    account text not null,
    region text not null,
    name text not null,
    kind text not null,
    created_at bigint not null,                     -- all times: ms since 1970
    deleted_at bigint,                              -- DeleteStateMachine; it is DELETING while executions of it are open, then gone
    last_version bigint not null default 0,         -- versions are never numbered twice, also after one was deleted
    -- What CreateStateMachine was asked, as far as its idempotency looks at it and the revision does not say it.
    created_published boolean not null,
    created_description text,
    constraint known_kind check (kind in ('STANDARD', 'EXPRESS'))
);
create unique index one_live_machine_per_name on engine.machines (account, region, name collate "C") where deleted_at is null;
create index machines_by_name on engine.machines (account, region, name);

create table engine.machine_revisions (
    id uuid primary key,                            -- AWS's revisionId, save for the first, which AWS does not show
    machine_id uuid not null references engine.machines on delete cascade,
    sequence bigint not null,                       -- 0 is the one CreateStateMachine made, addressed as INITIAL
    definition text not null,
    role_arn text not null,
    logging jsonb not null,                         -- AWS's LoggingConfiguration
    tracing_enabled boolean not null,
    encryption jsonb not null,                      -- AWS's EncryptionConfiguration
    variable_references jsonb not null,             -- state -> variables it reads
    created_at bigint not null,
    constraint revisions_in_order unique (machine_id, sequence)
);

create table engine.machine_versions (
    machine_id uuid not null references engine.machines on delete cascade,
    version bigint not null,
    revision_id uuid not null references engine.machine_revisions on delete cascade,
    description text,
    created_at bigint not null,
    primary key (machine_id, version),
    constraint versions_count_from_one check (version >= 1),
    constraint one_version_per_revision unique (machine_id, revision_id)
);

create table engine.machine_aliases (
    machine_id uuid not null references engine.machines on delete cascade,
    name text not null,
    description text,
    version bigint not null,
    weight integer not null,
    other_version bigint,
    other_weight integer,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (machine_id, name),
    foreign key (machine_id, version) references engine.machine_versions,
    foreign key (machine_id, other_version) references engine.machine_versions,
    constraint weights_are_percent check (weight between 0 and 100 and coalesce(other_weight, 0) between 0 and 100),
    constraint weights_sum_to_100 check (weight + coalesce(other_weight, 0) = 100),
    constraint other_route_is_whole check ((other_version is null) = (other_weight is null)),
    constraint routes_differ check (other_version <> version)
);

create table engine.activities (
    account text not null,
    region text not null,
    name text not null,
    encryption jsonb not null,
    created_at bigint not null,
    primary key (account, region, name)
);

-- Of state machines and activities.
create table engine.tags (
    resource_arn text not null,
    key text not null,
    value text not null,
    primary key (resource_arn, key)
);
