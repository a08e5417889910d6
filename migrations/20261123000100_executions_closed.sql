-- Closed executions are forgotten after a time ([monitor] keep_executions_days): the oldest are found by this.
create index executions_closed on executions (stopped_at) where stopped_at is not null;
