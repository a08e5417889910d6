//! What one execution wants written at a time.

use std::sync::Arc;

use uuid::Uuid;

use crate::executions::{ExecutionId, ExecutionStatus, ParentTask};
use crate::map_runs::ChildRef;

/// Version of the shapes of snapshots and inputs. Raise it when they change, and keep reading the former ones.
pub const FRAME_FORMAT: i32 = 2;

/// All that happened to one execution since its last record. It becomes durable as a whole or not at all.
#[derive(Debug)]
pub struct Record {
    /// Whose.
    pub execution: ExecutionId,
    /// Set in an execution's first record.
    pub row: Option<Box<Row>>,
    /// Set in the last one (which may be the first, too).
    pub close: Option<Box<Close>>,
    /// Set when a closed execution goes on.
    pub redrive: Option<Redrive>,
    /// The events that happened.
    pub history: Option<HistoryChunk>,
    /// What recovery needs.
    pub frame: FrameWrite,
}

/// The new row of `engine.executions`.
#[derive(Debug)]
pub struct Row {
    /// The execution's ARN, unique.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The state machine's ARN, without version or alias.
    pub machine_arn: Arc<str>,
    /// The version it runs, when it was started by version or alias.
    pub version_arn: Option<Arc<str>>,
    /// The alias it was started by.
    pub alias_arn: Option<Arc<str>>,
    /// The definition it runs.
    pub revision_id: Uuid,
    /// The Map Run it is a child of.
    pub(crate) map_run: Option<ChildRef>,
    /// The input's text.
    pub input: Arc<str>,
    /// ms since 1970.
    pub started_at: i64,
    /// The X-Ray header it was started with.
    pub trace_header: Option<Arc<str>>,
    /// Test case of the mock file.
    pub mock_case: Option<Arc<str>>,
    /// The task that waits for its end.
    pub parent: Option<ParentTask>,
}

/// How it closed.
#[derive(Debug, Clone)]
pub struct Close {
    /// Any but running.
    pub status: ExecutionStatus,
    /// The output's text, of success only.
    pub output: Option<Arc<str>>,
    /// The error's name.
    pub error: Option<Arc<str>>,
    /// The error's cause.
    pub cause: Option<Arc<str>>,
    /// ms since 1970.
    pub stopped_at: i64,
}

/// A closed execution goes on.
#[derive(Debug, Clone, Copy)]
pub struct Redrive {
    /// The new count.
    pub count: u32,
    /// ms since 1970.
    pub at: i64,
}

/// Consecutive events.
#[derive(Debug)]
pub struct HistoryChunk {
    /// Id of the first.
    pub first_event_id: u64,
    /// Id of the last.
    pub last_event_id: u64,
    /// A JSON array of AWS's `HistoryEvent`, in UTF-8.
    pub events: Vec<u8>,
}

/// What becomes of the execution's frame in the tables.
#[derive(Debug)]
pub enum FrameWrite {
    /// Nothing: there is none, and none is needed.
    None,
    /// A whole snapshot, which replaces the former and all inputs up to `inputs_applied`.
    Snapshot {
        /// False when the execution is closed and the snapshot is kept for a redrive.
        open: bool,
        /// See `runtime`, which alone reads them.
        bytes: Vec<u8>,
        /// The last input that is in the snapshot.
        inputs_applied: u64,
        /// There may be inputs in the log that it replaces.
        absorbs: bool,
        /// The earliest timer, in ms since 1970.
        next_due_ms: Option<i64>,
        /// Recovery must load it at once: it has something to do besides waiting.
        wake: bool,
    },
    /// The inputs since the snapshot, in order: sequence number and bytes.
    Inputs(Vec<(u64, Vec<u8>)>),
    /// It closed for good.
    Forget {
        /// There may be inputs in the log.
        absorbs: bool,
    },
}

/// What came of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Whose record.
    pub execution: ExecutionId,
    /// Whether it is durable.
    pub fate: Fate,
}

/// What can become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is durable.
    Durable,
    /// A first record, and another execution has its ARN.
    Conflict,
    /// Postgres does not take what is in it, and never will: a bug of the engine. Others are not to suffer from it.
    Refused,
}

impl Record {
    /// About how many bytes it adds to a statement.
    pub fn bytes(&self) -> usize {
        let frame = match &self.frame {
            FrameWrite::None | FrameWrite::Forget { .. } => 0,
            FrameWrite::Snapshot { bytes, .. } => bytes.len(),
            FrameWrite::Inputs(inputs) => inputs.iter().map(|(_, bytes)| bytes.len()).sum(),
        };
        let row = self.row.as_ref().map_or(0, |row| row.input.len() + 512);
        let close = self
            .close
            .as_ref()
            .and_then(|close| close.output.as_ref())
            .map_or(0, |output| output.len());
        let history = self.history.as_ref().map_or(0, |history| history.events.len());
        frame + row + close + history
    }
}
