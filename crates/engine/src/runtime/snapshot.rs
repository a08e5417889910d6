//! How an open execution is written down: a snapshot of all it is, and a log of the inputs it took since.
//!
//! A small frame is written whole at each record. A large one (a Map over thousands of items) is not: its inputs are
//! appended, and it is written whole again when the log has grown as large as the last snapshot, so the bytes written
//! are at most about twice the bytes of the inputs, however large the frame.
//!
//! Taking the logged inputs again must give the history that is durable already. Each logged input carries a check
//! of the events it made; when a later version of the evaluator makes others, the execution is held and not driven on
//! with a history that does not fit (docs/decisions/engine-recovery.md).

use std::sync::Arc;

use asl::eval::{Event, Frame, MapRunCall, TaskCall, TaskId, TimerId};
use asl::json::Payload;
use serde::{Deserialize, Serialize};

use super::chance::Moment;
use super::live::Live;

/// Frames up to this size are always written whole, in bytes: one row that is replaced costs less than rows that are
/// appended and deleted.
pub(super) const WHOLE_BYTES_MAX: usize = 8 * 1024;

/// A task that is not answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OpenTask {
    pub(super) call: Arc<TaskCall>,
    pub(super) stage: Stage,
    /// Of a `.sync` job: what its service answered when it was submitted. Whoever takes over follows that job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) submitted: Option<Payload>,
}

/// A Map Run that has not ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum OpenMapRun {
    /// To be begun, or begun and not heard of.
    Begin(Arc<MapRunCall>),
    /// To be redriven for the `count`th time, or redriven and not heard of.
    Redrive { arn: Arc<str>, count: u32 },
    /// It is in the tables, and what it was asked for with it.
    Begun { arn: Arc<str> },
}

impl OpenMapRun {
    pub(super) fn arn(&self) -> &Arc<str> {
        match self {
            Self::Begin(call) => &call.map_run_arn,
            Self::Redrive { arn, .. } | Self::Begun { arn } => arn,
        }
    }

    pub(super) fn is_begun(&self) -> bool {
        matches!(self, Self::Begun { .. })
    }

    pub(super) fn begun(&mut self) {
        let arn = Arc::clone(self.arn());
        *self = Self::Begun { arn };
    }
}

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Stage {
    /// To be handed out, or handed out and not heard of.
    Scheduled,
    /// Its call is under way; of an activity: a worker has it.
    Started,
    /// Its call was answered; its end comes from somewhere else.
    Submitted,
}

/// All that an open execution is.
#[derive(Debug, Deserialize)]
pub(super) struct Snapshot {
    pub(super) frame: Frame,
    pub(super) tasks: Vec<OpenTask>,
    pub(super) timers: Vec<(TimerId, i64)>,
    #[serde(default)]
    pub(super) map_runs: Vec<(TaskId, OpenMapRun)>,
    pub(super) resume: bool,
}

#[derive(Serialize)]
struct SnapshotRef<'a> {
    frame: &'a Frame,
    tasks: Vec<&'a OpenTask>,
    timers: Vec<(TimerId, i64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    map_runs: Vec<(TaskId, &'a OpenMapRun)>,
    resume: bool,
}

/// One logged input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) event: Event,
    pub(super) now_ms: i64,
    pub(super) seed: u64,
    /// Activities that were asked for and were not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) missing_activities: Vec<Arc<str>>,
    /// Of the events it made.
    pub(super) check: u64,
}

impl Input {
    pub(super) fn moment(&self) -> Moment {
        Moment {
            now_ms: self.now_ms,
            seed: self.seed,
        }
    }
}

/// The bytes of a snapshot.
pub(super) fn write(live: &Live) -> Result<Vec<u8>, serde_json::Error> {
    let mut tasks: Vec<_> = live.tasks.values().collect();
    tasks.sort_by_key(|task| task.call.id);
    let mut timers: Vec<_> = live.timers.iter().map(|(id, due_ms)| (*id, *due_ms)).collect();
    timers.sort_unstable();
    let mut map_runs: Vec<_> = live.map_runs.iter().map(|(id, run)| (*id, run)).collect();
    map_runs.sort_by_key(|(id, _)| *id);
    serde_json::to_vec(&SnapshotRef {
        frame: &live.frame,
        tasks,
        timers,
        map_runs,
        resume: live.resume,
    })
}

/// FNV-1a over the events' text: enough to notice that another version made other events.
pub(super) fn check(events: &str) -> u64 {
    events.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
