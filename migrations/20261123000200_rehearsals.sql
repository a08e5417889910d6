-- Tests that are rehearsed: with mocks, or with the answers of a past execution.
alter table deployment_tests
    -- The past execution whose input is replayed.
    add column replay_of   text,
    -- `same`, `differs`, `not_comparable`, and what differs.
    add column outcome     text,
    add column differences jsonb not null default '[]',
    -- The states a rehearsal entered and the steps it took: it leaves no history to ask later.
    add column trail       jsonb,
    add constraint replay_outcome_is_known check (outcome in ('same', 'differs', 'not_comparable')),
    add constraint only_a_replay_has_an_outcome check (outcome is null or replay_of is not null);
