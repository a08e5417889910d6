//! From what happened to what is written.

use std::sync::Arc;

use asl::eval::{ExecutionFacts, Failure, Outcome};

use super::live::Live;
use super::slot::{Pending, Slot, Unwritten};
use super::snapshot;
use crate::executions::{ExecutionId, ExecutionStatus, ParentTask};
use crate::journal::{Close, FrameWrite, HistoryChunk, Record, Row};
use crate::machines::resolve::Definition;
use crate::map_runs::ChildRef;

/// The row of a new execution, besides what the facts say.
pub(super) struct Origin {
    pub(super) trace_header: Option<Arc<str>>,
    pub(super) mock_case: Option<Arc<str>>,
    pub(super) map_run: Option<ChildRef>,
    pub(super) parent: Option<ParentTask>,
}

pub(super) fn row_of(definition: &Definition, facts: &ExecutionFacts, origin: Origin) -> Box<Row> {
    let Origin {
        trace_header,
        mock_case,
        map_run,
        parent,
    } = origin;
    Box::new(Row {
        arn: Arc::clone(&facts.execution_arn),
        name: Arc::clone(&facts.name),
        machine_arn: Arc::clone(&facts.machine_arn),
        version_arn: facts.version_arn.clone(),
        alias_arn: facts.alias_arn.clone(),
        revision_id: definition.revision.id,
        map_run,
        input: Arc::clone(facts.input.text()),
        started_at: facts.start_ms,
        trace_header,
        mock_case,
        parent,
    })
}

/// The record of all that happened since the last one.
pub(super) fn record_of(
    id: ExecutionId,
    live: &Live,
    unwritten: Unwritten,
    pending: &Pending,
    slot: &mut Slot,
) -> Result<Record, serde_json::Error> {
    let close = pending
        .closed
        .as_ref()
        .map(|(outcome, stopped_at)| Box::new(close_of(outcome, *stopped_at)));
    let frame = match &close {
        Some(close) if close.status == ExecutionStatus::Succeeded && unwritten.row.is_some() => {
            FrameWrite::None
        }
        Some(close) if close.status == ExecutionStatus::Succeeded => FrameWrite::Forget {
            absorbs: slot.log_bytes > 0,
        },
        Some(_) => snapshot_of(live, false, slot)?,
        None => frame_of(live, &unwritten, slot)?,
    };
    let history = history_of(unwritten.events, unwritten.ids);
    Ok(Record {
        execution: id,
        row: unwritten.row,
        close,
        redrive: unwritten.redrive,
        history,
        frame,
    })
}

/// The record of a Map Run's Express child: its row, once it has closed. Nobody can ask for its history, and it is begun anew
/// rather than redriven.
pub(super) fn of_express_child(id: ExecutionId, unwritten: Unwritten, pending: &Pending) -> Record {
    let close = pending
        .closed
        .as_ref()
        .map(|(outcome, stopped_at)| Box::new(close_of(outcome, *stopped_at)));
    Record {
        execution: id,
        row: unwritten.row,
        close,
        redrive: None,
        history: None,
        frame: FrameWrite::None,
    }
}

/// The record of an execution that is put to rest.
pub(super) fn whole(id: ExecutionId, live: &Live, unwritten: Unwritten) -> Result<Record, serde_json::Error> {
    let frame = FrameWrite::Snapshot {
        open: true,
        bytes: live.to_bytes()?,
        inputs_applied: live.sequence,
        absorbs: true,
        next_due_ms: live.next_due_ms(),
        wake: live.wake(),
    };
    let history = history_of(unwritten.events, unwritten.ids);
    Ok(Record {
        execution: id,
        row: None,
        close: None,
        redrive: None,
        history,
        frame,
    })
}

fn frame_of(live: &Live, unwritten: &Unwritten, slot: &mut Slot) -> Result<FrameWrite, serde_json::Error> {
    if slot.snapshot_bytes <= snapshot::WHOLE_BYTES_MAX {
        return snapshot_of(live, true, slot);
    }
    let inputs = unwritten
        .inputs
        .iter()
        .map(|(sequence, input)| Ok((*sequence, serde_json::to_vec(input)?)))
        .collect::<Result<Vec<_>, serde_json::Error>>()?;
    let bytes: usize = inputs.iter().map(|(_, input)| input.len()).sum();
    if slot.log_bytes + bytes >= slot.snapshot_bytes {
        return snapshot_of(live, true, slot);
    }
    slot.log_bytes += bytes;
    Ok(FrameWrite::Inputs(inputs))
}

fn snapshot_of(live: &Live, open: bool, slot: &mut Slot) -> Result<FrameWrite, serde_json::Error> {
    let bytes = live.to_bytes()?;
    let absorbs = slot.log_bytes > 0;
    slot.snapshot_bytes = bytes.len();
    slot.log_bytes = 0;
    Ok(FrameWrite::Snapshot {
        open,
        bytes,
        inputs_applied: live.sequence,
        absorbs,
        next_due_ms: if open { live.next_due_ms() } else { None },
        wake: open && live.wake(),
    })
}

fn close_of(outcome: &Outcome, stopped_at: i64) -> Close {
    let (status, output, failure) = match outcome {
        Outcome::Succeeded { output } => (ExecutionStatus::Succeeded, Some(Arc::clone(output.text())), None),
        Outcome::Failed(failure) => (ExecutionStatus::Failed, None, Some(failure)),
        Outcome::TimedOut(failure) => (ExecutionStatus::TimedOut, None, Some(failure)),
        Outcome::Aborted(failure) => (ExecutionStatus::Aborted, None, Some(failure)),
    };
    let Failure { error, cause } = failure.cloned().unwrap_or_default();
    Close {
        status,
        output,
        error,
        cause,
        stopped_at,
    }
}

/// Events as the history stores them.
fn history_of(mut events: String, ids: Option<(u64, u64)>) -> Option<HistoryChunk> {
    let (first_event_id, last_event_id) = ids?;
    events.insert(0, '[');
    events.push(']');
    Some(HistoryChunk {
        first_event_id,
        last_event_id,
        events: events.into_bytes(),
    })
}
