-- What is old is found by its id, which begins with the time of the start (src/executions/retain.rs), so every execution
-- has one index less to be entered into.
drop index engine.executions_closed_by_age;
