-- The outbox: what is to be told to people and machines outside, and what became of it.

create table deliveries (
    id              text primary key,
    seq             bigint generated always as identity,
    event_id        text not null,
    event_type      text not null,
    subject         text not null,
    environment     text,
    kind            text not null,
    destination     text not null,
    settings        jsonb not null default '{}',
    body            text not null,
    state           text not null default 'pending',
    attempts        integer not null default 0,
    created_at      timestamptz not null,
    retry_since     timestamptz not null,
    last_attempt_at timestamptz,
    next_attempt_at timestamptz,
    delivered_at    timestamptz,
    last_status     integer,
    last_error      text,
    constraint delivery_kind_is_known check (kind in ('webhook', 'sns', 'slack')),
    constraint delivery_state_is_known check (state in ('pending', 'delivered', 'dead')),
    constraint delivered_iff_it_has_a_time check ((state = 'delivered') = (delivered_at is not null)),
    constraint pending_iff_it_has_a_next_attempt check ((state = 'pending') = (next_attempt_at is not null)),
    constraint dead_deliveries_say_why check (state <> 'dead' or last_error is not null),
    constraint an_event_goes_to_a_destination_once unique (event_id, kind, destination)
);
comment on column deliveries.destination is 'a URL, a topic ARN, or the configured name of a Slack channel or webhook endpoint';
comment on column deliveries.retry_since is 'when the three days of retries began: the first attempt, or the first after a redelivery by hand';
create index deliveries_newest_first on deliveries (seq desc);
create index deliveries_by_state on deliveries (state, seq desc);
create index deliveries_by_subject on deliveries (subject, seq desc);
create index deliveries_waiting on deliveries (kind, destination, subject, seq) where state = 'pending';
create index deliveries_due on deliveries (next_attempt_at) where state = 'pending';

-- Metric data on their way to CloudWatch. A row leaves once PutMetricData accepted it.
create table metric_data (
    seq         bigint generated always as identity primary key,
    environment text not null,
    namespace   text not null,
    datum       jsonb not null,
    bytes       integer not null,
    measured_at timestamptz not null,
    constraint metric_namespace_is_not_reserved check (namespace !~ '^AWS/'),
    constraint metric_datum_is_an_object check (jsonb_typeof(datum) = 'object'),
    constraint metric_datum_fits_one_request check (bytes between 1 and 900000)
);
create index metric_data_by_place on metric_data (environment, namespace, seq);
create index metric_data_by_age on metric_data (measured_at);
