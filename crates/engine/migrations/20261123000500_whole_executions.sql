-- An execution that ends in its first write has its events in its row: one row and one index entry less for each
-- (docs/decisions/journal-writes.md). `engine.history` shows both kinds of events, as the table of that name did.

alter table engine.history rename to history_chunks;

alter table engine.executions
    add column last_event_id bigint,
    add column events bytea,                        -- UTF-8 JSON array of AWS's HistoryEvent, from the first to `last_event_id`
    add constraint events_have_a_last check ((events is null) = (last_event_id is null));

create view engine.history as
    select execution_id, first_event_id, last_event_id, events from engine.history_chunks
    union all
    select id, 1::bigint, last_event_id, events from engine.executions where events is not null;

do $$
begin
    alter table engine.executions alter column events set compression lz4;
exception when feature_not_supported then
    null;
end
$$;
