-- Who changed the plan of a deployment while it waited, each time: none of them approves it.

alter table deployments add column changed_by text[] not null default '{}';
