-- Approvals (gates of deployments) and human tasks (workflows waiting for a person's answer).

create table approvals (
    id            text primary key,
    subject       text not null,
    gate          text not null,
    template      text,
    environment   text,
    title         text not null,
    requester     text not null,
    authors       text[] not null default '{}',
    rules         jsonb not null,
    digest        text not null,
    plan          jsonb not null,
    round         integer not null default 1,
    level         integer not null default 0,
    state         text not null default 'pending',
    escalated     boolean not null default false,
    open_to       text[] not null,
    shut_to       text[] not null,
    wake_kind     text,
    wake_key      text,
    created_at    timestamptz not null,
    expires_at    timestamptz,
    closed_at     timestamptz,
    closed_reason text,
    constraint approval_state_is_known check (state in ('pending', 'approved', 'rejected', 'expired', 'cancelled')),
    constraint closed_iff_not_pending check ((state = 'pending') = (closed_at is null)),
    constraint a_gate_asks_once unique (subject, gate),
    constraint approval_digest_is_sha256 check (digest ~ '^sha256:[0-9a-f]{64}$'),
    constraint wake_has_kind_and_key check ((wake_kind is null) = (wake_key is null)),
    constraint rounds_start_at_one check (round >= 1 and level >= 0)
);
comment on column approvals.round is 'counts the digests asked about: a changed plan opens the next round, decisions of earlier rounds stay as history';
comment on column approvals.open_to is 'terms (a name, group:NAME, role:NAME) whose bearers may decide at the current level; what the inbox searches';
comment on column approvals.shut_to is 'names the current level excludes, or which have decided at it';
create index approvals_newest_first on approvals (created_at desc, id desc);
create index approvals_pending on approvals using gin (open_to) where state = 'pending';

create table approval_decisions (
    seq         bigint generated always as identity primary key,
    approval    text not null references approvals (id),
    round       integer not null,
    level       integer not null,
    digest      text not null,
    person      text not null,
    on_behalf   text,
    decision    text not null,
    comment     text,
    via         text not null,
    at          timestamptz not null,
    constraint decision_is_known check (decision in ('approve', 'reject')),
    constraint decision_channel_is_known check (via in ('api', 'link', 'slack')),
    constraint a_person_decides_once_per_level unique (approval, round, level, person)
);

create table approval_delegations (
    approval  text not null references approvals (id),
    from_name text not null,
    to_name   text not null,
    at        timestamptz not null,
    primary key (approval, from_name, to_name),
    constraint nobody_delegates_to_themselves check (from_name <> to_name)
);

create table approval_digests (
    approval text not null references approvals (id),
    round    integer not null,
    digest   text not null,
    plan     jsonb not null,
    since    timestamptz not null,
    primary key (approval, round)
);

create table tasks (
    id            text primary key,
    environment   text not null,
    token_hash    bytea not null,
    execution_arn text,
    title         text not null,
    description   text,
    assignees     text[] not null,
    form          jsonb,
    input         jsonb,
    state         text not null default 'open',
    claimed_by    text,
    answered_by   text,
    answer        jsonb,
    error         text,
    cause         text,
    outcome_note  text,
    created_at    timestamptz not null,
    deadline_at   timestamptz,
    answered_at   timestamptz,
    sending_at    timestamptz,
    closed_at     timestamptz,
    constraint task_state_is_known check (state in ('open', 'claimed', 'completing', 'failing', 'completed', 'failed', 'gone')),
    constraint claimed_tasks_name_their_holder check (state <> 'claimed' or claimed_by is not null),
    constraint open_tasks_have_no_holder check (state <> 'open' or claimed_by is null),
    constraint answered_iff_past_the_inbox check ((state in ('open', 'claimed')) = (answered_at is null)),
    constraint closed_iff_at_rest check ((state in ('completed', 'failed', 'gone')) = (closed_at is not null)),
    constraint completing_has_an_answer check (state not in ('completing', 'completed') or answer is not null),
    constraint failing_has_an_error check (state not in ('failing', 'failed') or error is not null),
    constraint a_token_is_one_task unique (environment, token_hash),
    constraint token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
comment on column tasks.outcome_note is 'what the engine said when the answer could not be confirmed';
comment on column tasks.sending_at is 'set before the first call to the engine: a later refusal may then mean that call had succeeded';
create index tasks_newest_first on tasks (created_at desc, id desc);
create index tasks_in_the_inbox on tasks using gin (assignees) where state in ('open', 'claimed');

-- Apart from the task, so that no query for people can return it; the row goes when the answer is delivered.
create table task_tokens (
    task  text primary key references tasks (id),
    token text not null,
    constraint task_token_fits_the_api check (length(token) between 1 and 2048)
);
