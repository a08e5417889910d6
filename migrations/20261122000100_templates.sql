-- The registry: templates, their immutable revisions, and where each is published.

create table templates (
    name            text        primary key,
    kind            text        not null,
    latest_revision integer     not null,
    created_by      text        not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    -- Set while the template is being deleted: nothing is started any more.
    deleting        boolean     not null default false,
    constraint template_name_is_safe_everywhere check (name ~ '^[0-9A-Za-z_-]{1,80}$'),
    constraint template_kind_is_known check (kind in ('STANDARD', 'EXPRESS')),
    constraint template_has_a_revision check (latest_revision >= 1)
);

create table template_revisions (
    template    text        not null references templates (name) on delete cascade,
    revision    integer     not null,
    -- SHA-256 of the canonical JSON of {definition, settings}: same digest, same revision.
    digest      text        not null,
    -- The definition exactly as it was handed in (pretty-printed where an object was).
    written     text        not null,
    -- What is sent to Step Functions: `written` after `transforms`.
    published   text        not null,
    transforms  jsonb       not null,
    settings    jsonb       not null,
    diagnostics jsonb       not null,
    created_by  text        not null,
    created_at  timestamptz not null,
    primary key (template, revision),
    constraint one_revision_per_digest unique (template, digest),
    constraint revision_counts_from_one check (revision >= 1),
    constraint digest_is_sha256 check (digest ~ '^sha256:[0-9a-f]{64}$')
);

-- A template in an environment: the state machine and the alias it lives behind.
create table template_environments (
    template          text        not null references templates (name) on delete cascade,
    environment       text        not null,
    state             text        not null,
    -- The revision registration wants live; deployments move `live_revision` afterwards.
    wanted_revision   integer     not null,
    live_revision     integer,
    state_machine_arn text        not null,
    alias_arn         text        not null,
    version_arn       text,
    error             jsonb,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    primary key (template, environment),
    foreign key (template, wanted_revision) references template_revisions (template, revision),
    foreign key (template, live_revision) references template_revisions (template, revision),
    constraint binding_state_is_known check (state in ('pending', 'live', 'failed')),
    constraint live_binding_has_a_version check (state <> 'live' or (version_arn is not null and live_revision is not null)),
    constraint failed_binding_says_why check (state <> 'failed' or error is not null)
);

-- Which revision a published version is. Written after AWS answered; publishing again gives the same answer.
create table template_versions (
    version_arn  text        primary key,
    template     text        not null,
    environment  text        not null,
    revision     integer     not null,
    published_at timestamptz not null,
    foreign key (template, revision) references template_revisions (template, revision) on delete cascade
);
create index template_versions_by_revision on template_versions (template, environment, revision);
