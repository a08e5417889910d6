-- Answers kept for `Idempotency-Key`.

create table idempotency_keys (
    principal    text        not null,
    -- Method and path: the same key on another route is another key.
    route        text        not null,
    key          text        not null,
    -- SHA-256 of the request's body.
    fingerprint  bytea       not null,
    -- What the handler derives names from: the same through every repetition while the key is kept.
    token        text        not null,
    -- Who works on it now, until when; both null once answered.
    lease_token  text,
    lease_until  timestamptz,
    status       smallint,
    headers      jsonb,
    body         bytea,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    primary key (principal, route, key),
    constraint answered_iff_not_leased check ((status is null) = (lease_token is not null)),
    constraint answered_wholly check (num_nonnulls(status, headers, body) in (0, 3)),
    constraint key_lease_wholly_or_not check ((lease_token is null) = (lease_until is null))
);
create index idempotency_keys_expired on idempotency_keys (expires_at);
