-- Rule sets that environments demand, and exemptions from them that end.

create table rule_sets (
    id         text        primary key,
    -- Counts the changes; the ETag.
    version    bigint      not null,
    -- {description, lints, rules}, as it was saved.
    body       jsonb       not null,
    created_by text        not null,
    created_at timestamptz not null,
    updated_by text        not null,
    updated_at timestamptz not null,
    constraint rule_set_id_is_safe check (id ~ '^[a-z][a-z0-9-]{0,39}$'),
    constraint rule_set_version_counts_from_one check (version >= 1)
);

create table exemptions (
    id          text        primary key,
    template    text        not null,
    -- Code of a lint, or name of a rule.
    rule        text        not null,
    -- Null: in every environment, and wherever in the definition.
    environment text,
    location    text,
    reason      text        not null,
    granted_by  text        not null,
    granted_at  timestamptz not null,
    expires_at  timestamptz not null,
    revoked_by  text,
    revoked_at  timestamptz,
    constraint exemption_says_why check (btrim(reason) <> ''),
    constraint exemption_ends_after_it_begins check (expires_at > granted_at),
    constraint revoked_by_somebody check ((revoked_at is null) = (revoked_by is null))
);
create index exemptions_by_template on exemptions (template, expires_at) where revoked_at is null;
