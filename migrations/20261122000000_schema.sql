-- The schema itself is made before the migrations run (db/mod.rs), since their own table lives in it.
comment on schema signalbox is 'Signalbox, the control plane: templates, executions, deployments';
