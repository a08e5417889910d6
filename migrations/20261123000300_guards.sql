-- What was asked outside for a deployment, so that it is asked at its own pace: guards, the error budget, CloudWatch's counts.
alter table deployments add column outside jsonb not null default '{}';

-- What a template promises.
create table template_slos (
    template          text             primary key references templates (name) on delete cascade,
    objective_percent double precision not null,
    window_days       integer          not null,
    updated_by        text             not null,
    updated_at        timestamptz      not null,
    constraint objective_is_a_percentage check (objective_percent > 0 and objective_percent < 100),
    constraint window_is_kept check (window_days between 1 and 90)
);

-- Strategies and analyses that deployments name.
create table deployment_presets (
    kind       text        not null,
    name       text        not null,
    body       jsonb       not null,
    version    integer     not null default 1,
    updated_by text        not null,
    updated_at timestamptz not null,
    primary key (kind, name),
    constraint preset_kind_is_known check (kind in ('strategy', 'analysis'))
);

-- An alias that stands elsewhere than it should, and shall: nobody is told of it until it moves again.
create table ignored_drifts (
    template    text        not null references templates (name) on delete cascade,
    environment text        not null,
    routing     jsonb       not null,
    ignored_by  text        not null,
    reason      text,
    ignored_at  timestamptz not null,
    primary key (template, environment)
);
