//! What the evaluator is told.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::{TaskId, TimerId};
use crate::json::Payload;

/// Something that happened outside. An event for an id that is closed or unknown changes nothing: late answers are normal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The call was sent out. May be left away: an answer implies it.
    TaskStarted {
        /// Which attempt.
        id: TaskId,
    },
    /// A `.sync` or `.waitForTaskToken` call was accepted; its end comes later. Implies `TaskStarted`.
    TaskSubmitted {
        /// Which attempt.
        id: TaskId,
        /// The response to the call.
        output: Payload,
    },
    /// The task is done.
    TaskSucceeded {
        /// Which attempt.
        id: TaskId,
        /// Its result.
        output: Payload,
    },
    /// The task failed.
    TaskFailed {
        /// Which attempt.
        id: TaskId,
        /// The error's name, which Retry and Catch compare.
        error: Option<Arc<str>>,
        /// What happened.
        cause: Option<Arc<str>>,
        /// At which point of the call it failed.
        kind: FailureKind,
    },
    /// A Map Run has come to its end; the state's result.
    MapRunSucceeded {
        /// The one of its start or redrive.
        id: TaskId,
        /// The outputs in the order of the items, or what its `ResultWriter` says.
        output: Payload,
    },
    /// A Map Run failed.
    MapRunFailed {
        /// The one of its start or redrive.
        id: TaskId,
        /// Such as `States.ExceedToleratedFailureThreshold`.
        error: Option<Arc<str>>,
        /// What happened.
        cause: Option<Arc<str>>,
    },
    /// The task is alive: its heartbeat interval starts over.
    Heartbeat {
        /// Which attempt.
        id: TaskId,
    },
    /// A timer is due.
    TimerFired {
        /// Which timer.
        id: TimerId,
    },
    /// A worker took the activity's task.
    ActivityStarted {
        /// Which attempt.
        id: TaskId,
        /// The `workerName` it gave.
        worker: Option<Arc<str>>,
    },
    /// StopExecution.
    Stopped {
        /// The error given by the caller.
        error: Option<Arc<str>>,
        /// The cause given by the caller.
        cause: Option<Arc<str>>,
    },
    /// RedriveExecution: begin again at the states that failed.
    Redriven,
    /// Go on after a step that said `resume`.
    Continue,
}

/// At which point a task failed; it decides which event the history shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The work itself failed: `TaskFailed`, `LambdaFunctionFailed`, `ActivityFailed`.
    #[default]
    Failed,
    /// It could not be queued: `LambdaFunctionScheduleFailed`, `ActivityScheduleFailed`; `TaskFailed` for other services.
    ScheduleFailed,
    /// It could not be started: `TaskStartFailed`, `LambdaFunctionStartFailed`.
    StartFailed,
    /// A `.sync` or token call was refused: `TaskSubmitFailed`.
    SubmitFailed,
    /// It ran out of time at the callee: `TaskTimedOut`, `LambdaFunctionTimedOut`, `ActivityTimedOut`.
    TimedOut,
}
