-- The audit trail: who did what, when and why. Append-only, and chained by hashes once sealed (docs/decisions/audit-chain.md).

create table audit_events (
    seq         bigint generated always as identity primary key,
    id          text not null,
    at          timestamptz not null default clock_timestamp(),
    actor       text not null,
    action      text not null,
    subject     text not null,
    environment text,
    reason      text,
    details     jsonb not null default '{}',
    constraint audit_event_id_is_unique unique (id),
    constraint audit_event_names_its_actor check (actor <> ''),
    constraint audit_action_is_dotted_lower_case check (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
    constraint audit_details_are_an_object check (jsonb_typeof(details) = 'object')
);
comment on column audit_events.at is 'the database''s clock: whoever writes an entry does not choose its time';
create index audit_events_by_subject on audit_events (subject, seq desc);
create index audit_events_by_actor on audit_events (actor, seq desc);
create index audit_events_by_action on audit_events (action text_pattern_ops, seq desc);

-- Entries whose place in the chain is not given yet. A row leaves in the transaction that seals its entry.
create table audit_unsealed (
    seq      bigint primary key,
    event_id text not null references audit_events (id)
);

-- hash(n) = SHA-256(hash(n-1) || canonical JSON of the entry); hash(0) is 32 zero bytes.
create table audit_chain (
    position  bigint primary key,
    event_id  text not null references audit_events (id),
    hash      bytea not null,
    sealed_at timestamptz not null default clock_timestamp(),
    constraint an_entry_is_sealed_once unique (event_id),
    constraint chain_starts_at_one check (position >= 1),
    constraint chain_hash_is_sha256 check (octet_length(hash) = 32)
);

create function refuse_change_of_audit() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only: % on % refused', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end
$$;

create trigger audit_events_are_append_only before update or delete on audit_events
    for each row execute function refuse_change_of_audit();
create trigger audit_events_are_not_truncated before truncate on audit_events
    for each statement execute function refuse_change_of_audit();
create trigger audit_chain_is_append_only before update or delete on audit_chain
    for each row execute function refuse_change_of_audit();
create trigger audit_chain_is_not_truncated before truncate on audit_chain
    for each statement execute function refuse_change_of_audit();
