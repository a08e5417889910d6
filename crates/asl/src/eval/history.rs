//! History events as AWS records them. `wire` writes them down.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::Failure;
use crate::json::Payload;

/// One event of an execution's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// From 1, without gaps.
    pub id: u64,
    /// The event that led to this one (not always the one before); 0 for the first state and some ends.
    pub previous_event_id: u64,
    /// Epoch milliseconds.
    pub timestamp_ms: i64,
    /// What happened.
    pub detail: Detail,
}

/// Whether inputs, outputs and the like are shown (`includeExecutionData` of GetExecutionHistory).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionData {
    /// They are.
    Included,
    /// They are left away.
    Excluded,
}

/// The eight kinds of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StateType {
    /// Passes its input on, or data of its own.
    Pass,
    /// Does work.
    Task,
    /// Chooses the next state.
    Choice,
    /// Waits.
    Wait,
    /// Ends well.
    Succeed,
    /// Ends badly.
    Fail,
    /// Runs branches at the same time.
    Parallel,
    /// Runs its processor for every item.
    Map,
}

impl StateType {
    /// As written in a definition.
    pub fn name(self) -> &'static str {
        match self {
            StateType::Pass => "Pass",
            StateType::Task => "Task",
            StateType::Choice => "Choice",
            StateType::Wait => "Wait",
            StateType::Succeed => "Succeed",
            StateType::Fail => "Fail",
            StateType::Parallel => "Parallel",
            StateType::Map => "Map",
        }
    }
}

/// Name and index of a Map's iteration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iteration {
    /// The Map state's name.
    pub name: Arc<str>,
    /// From 0.
    pub index: u64,
}

/// What a task's event says of its service: `resourceType` and `resource`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskResource {
    /// For example `lambda`, `aws-sdk:s3`.
    pub resource_type: Arc<str>,
    /// For example `invoke`, `sendMessage.waitForTaskToken`.
    pub resource: Arc<str>,
}

/// What happened, with what AWS says about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "variants and members bear AWS's own names; see HistoryEvent in the Step Functions API reference"
)]
pub enum Detail {
    ExecutionStarted {
        input: Payload,
        role_arn: Arc<str>,
        version_arn: Option<Arc<str>>,
        alias_arn: Option<Arc<str>>,
    },
    ExecutionSucceeded {
        output: Payload,
    },
    ExecutionFailed(Failure),
    ExecutionTimedOut(Failure),
    ExecutionAborted(Failure),
    ExecutionRedriven {
        redrive_count: u32,
    },
    StateEntered {
        kind: StateType,
        name: Arc<str>,
        input: Payload,
    },
    StateExited {
        kind: StateType,
        name: Arc<str>,
        output: Payload,
        /// Name and JSON text of each variable this state assigned.
        assigned: Vec<(Arc<str>, Payload)>,
    },
    /// `TaskStateAborted`, `WaitStateAborted`, `ParallelStateAborted`, `MapStateAborted`.
    StateAborted {
        kind: StateType,
    },
    ParallelStateStarted,
    ParallelStateSucceeded,
    ParallelStateFailed,
    MapStateStarted {
        length: u64,
    },
    MapStateSucceeded,
    MapStateFailed,
    MapIterationStarted(Iteration),
    MapIterationSucceeded(Iteration),
    MapIterationFailed(Iteration),
    MapIterationAborted(Iteration),
    MapRunStarted {
        map_run_arn: Arc<str>,
    },
    MapRunSucceeded,
    MapRunFailed(Failure),
    MapRunAborted,
    MapRunRedriven {
        map_run_arn: Arc<str>,
        redrive_count: u32,
    },
    EvaluationFailed {
        error: Arc<str>,
        cause: Arc<str>,
        location: Option<Arc<str>>,
        state: Arc<str>,
    },
    TaskScheduled {
        resource: TaskResource,
        region: Arc<str>,
        parameters: Payload,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
        credentials_role_arn: Option<Arc<str>>,
    },
    TaskStarted(TaskResource),
    TaskStartFailed(TaskResource, Failure),
    TaskSubmitted {
        resource: TaskResource,
        output: Payload,
    },
    TaskSubmitFailed(TaskResource, Failure),
    TaskSucceeded {
        resource: TaskResource,
        output: Payload,
    },
    TaskFailed(TaskResource, Failure),
    TaskTimedOut(TaskResource, Failure),
    LambdaFunctionScheduled {
        resource: Arc<str>,
        input: Payload,
        timeout_seconds: Option<u64>,
        credentials_role_arn: Option<Arc<str>>,
    },
    LambdaFunctionScheduleFailed(Failure),
    LambdaFunctionStarted,
    LambdaFunctionStartFailed(Failure),
    LambdaFunctionSucceeded {
        output: Payload,
    },
    LambdaFunctionFailed(Failure),
    LambdaFunctionTimedOut(Failure),
    ActivityScheduled {
        resource: Arc<str>,
        input: Payload,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
    },
    ActivityScheduleFailed(Failure),
    ActivityStarted {
        worker: Option<Arc<str>>,
    },
    ActivitySucceeded {
        output: Payload,
    },
    ActivityFailed(Failure),
    ActivityTimedOut(Failure),
}
