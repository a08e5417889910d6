-- Secrets this installation made for itself because none were configured: webhook signing, approval links.

create table service_secrets (
    purpose    text not null,
    generation integer not null,
    secret     bytea not null,
    created_at timestamptz not null,
    primary key (purpose, generation),
    constraint secret_purpose_is_known check (purpose in ('webhooks', 'links')),
    constraint secret_has_256_bits check (octet_length(secret) = 32),
    constraint generations_start_at_one check (generation >= 1)
);
