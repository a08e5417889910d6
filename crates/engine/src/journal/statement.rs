//! The statement's parts. Most batches need few of them, and Postgres sets up each part even for no rows. Their parameters keep
//! their numbers in every statement they are in, and one that lacks a part is given its parameters all the same, as empty arrays;
//! only the smallest has but its own.
//!
//! Arrays are taken apart in a select's list and not in its `from`: there Postgres would keep each array's elements in a store of its
//! own before it makes rows of them.

/// Nothing of a statement happens when another driver's epoch has begun.
macro_rules! fence {
    () => {
        r"with fence as materialized (
    select epoch from engine.driver where epoch = $1
"
    };
}

/// New executions that have closed, with all their events, unless their ARNs are taken.
macro_rules! passed {
    () => {
        r"), started as (
    insert into engine.executions (id, arn, name, machine_arn, revision_id, status, input, output, started_at, stopped_at,
        last_event_id, events)
    select unnest($2::uuid[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]), unnest($6::uuid[]), unnest($7::text[]),
        unnest($8::bytea[]), unnest($9::bytea[]), unnest($10::bigint[]), unnest($11::bigint[]), unnest($12::bigint[]),
        unnest($13::bytea[])
    from fence
    on conflict (arn) do nothing
    returning id
"
    };
}

/// New executions, unless their ARNs are taken.
macro_rules! started {
    () => {
        r"), started as (
    insert into engine.executions (id, arn, name, machine_arn, revision_id, status, input, output, started_at, stopped_at,
        last_event_id, events,
        version_arn, alias_arn, map_run_arn, error, cause, trace_header, mock_case, parent_id, parent_task, map_run_index,
        map_run_items)
    select unnest($2::uuid[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]), unnest($6::uuid[]), unnest($7::text[]),
        unnest($8::bytea[]), unnest($9::bytea[]), unnest($10::bigint[]), unnest($11::bigint[]), unnest($12::bigint[]),
        unnest($13::bytea[]),
        unnest($14::text[]), unnest($15::text[]), unnest($16::text[]), unnest($17::text[]), unnest($18::text[]),
        unnest($19::text[]), unnest($20::text[]), unnest($53::uuid[]), unnest($54::bigint[]), unnest($51::integer[]),
        unnest($52::integer[])
    from fence
    on conflict (arn) do nothing
    returning id
"
    };
}

/// Events; none of an execution that was not started.
macro_rules! told {
    () => {
        r"), told as (
    insert into engine.history_chunks (execution_id, first_event_id, last_event_id, events)
    select h.execution_id, h.first_event_id, h.last_event_id, h.events
    from unnest($30::uuid[], $31::bigint[], $32::bigint[], $33::bytea[], $34::boolean[])
        as h(execution_id, first_event_id, last_event_id, events, of_start)
    where exists (select from fence) and (not h.of_start or h.execution_id in (select id from started))
"
    };
}

/// Snapshots; none of an execution that was not started.
macro_rules! framed {
    () => {
        r"), framed as (
    insert into engine.frames (execution_id, open, format, snapshot, inputs_applied, next_due_ms, wake)
    select f.execution_id, f.open, $35, f.snapshot, f.inputs_applied, f.next_due_ms, f.wake
    from unnest($36::uuid[], $37::boolean[], $38::bytea[], $39::bigint[], $40::bigint[], $41::boolean[], $42::boolean[])
        as f(execution_id, open, snapshot, inputs_applied, next_due_ms, wake, of_start)
    where exists (select from fence) and (not f.of_start or f.execution_id in (select id from started))
    on conflict (execution_id) do update
    set open = excluded.open, format = excluded.format, snapshot = excluded.snapshot,
        inputs_applied = excluded.inputs_applied, next_due_ms = excluded.next_due_ms, wake = excluded.wake
"
    };
}

/// Executions that close in a later record than their first.
macro_rules! closed {
    () => {
        r"), closed as (
    update engine.executions e
    set status = c.status, output = c.output, error = c.error, cause = c.cause, stopped_at = c.stopped_at,
        redrive_count = coalesce(c.redrive_count, e.redrive_count), redriven_at = coalesce(c.redriven_at, e.redriven_at)
    from unnest($21::uuid[], $22::text[], $23::bytea[], $24::text[], $25::text[], $26::bigint[], $49::integer[], $50::bigint[])
        as c(id, status, output, error, cause, stopped_at, redrive_count, redriven_at)
    where e.id = c.id and exists (select from fence)
"
    };
}

/// Frames of executions that closed for good.
macro_rules! forgotten {
    () => {
        r"), forgotten as (
    delete from engine.frames f using unnest($48::uuid[]) as g(execution_id)
    where f.execution_id = g.execution_id and exists (select from fence)
"
    };
}

/// Executions that are redriven.
macro_rules! reopened {
    () => {
        r"), reopened as (
    update engine.executions e
    set status = 'RUNNING', output = null, error = null, cause = null, stopped_at = null,
        redrive_count = r.count, redriven_at = r.at
    from unnest($27::uuid[], $28::integer[], $29::bigint[]) as r(id, count, at)
    where e.id = r.id and exists (select from fence)
"
    };
}

/// The log of inputs: what is added, and what a snapshot has made superfluous.
macro_rules! logged {
    () => {
        r"), told_inputs as (
    insert into engine.frame_inputs (execution_id, sequence, input)
    select i.* from unnest($43::uuid[], $44::bigint[], $45::bytea[]) as i
    where exists (select from fence)
), absorbed as (
    delete from engine.frame_inputs i using unnest($46::uuid[], $47::bigint[]) as a(execution_id, up_to)
    where i.execution_id = a.execution_id and i.sequence <= a.up_to and exists (select from fence)
"
    };
}

/// Whether the epoch still stands, and which executions were started.
macro_rules! answered {
    () => {
        ") select exists (select from fence), array(select id from started)"
    };
}

/// The smallest statement that has what a batch needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Needs {
    /// Executions that begin and succeed in one record, and have nothing out of the ordinary.
    Passed,
    /// Executions that begin in it.
    Whole,
    /// Besides, frames that are written whole, and executions that close.
    Frames,
    /// Anything.
    All,
}

impl Needs {
    /// Its text.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Passed => concat!(fence!(), passed!(), answered!()),
            Self::Whole => concat!(fence!(), started!(), told!(), answered!()),
            Self::Frames => concat!(
                fence!(),
                started!(),
                told!(),
                framed!(),
                closed!(),
                forgotten!(),
                answered!()
            ),
            Self::All => concat!(
                fence!(),
                started!(),
                told!(),
                framed!(),
                closed!(),
                forgotten!(),
                reopened!(),
                logged!(),
                answered!()
            ),
        }
    }
}
