-- Care for aliases and versions between deployments.

-- Taken back by a person rather than by the judge: a warning, not a refusal.
alter table quarantined_versions add column by_hand boolean not null default false;

-- When each idle alias was last compared with what it is to serve, and since when it differs.
create table alias_watch (
    template    text        not null,
    environment text        not null,
    checked_at  timestamptz not null,
    drifted_at  timestamptz,
    -- The routing it was found with; absent when there was no alias, or none that can be read.
    found       jsonb,
    primary key (template, environment),
    constraint found_only_when_drifted check (found is null or drifted_at is not null)
);
