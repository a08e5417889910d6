//! What the evaluator asks of whoever drives it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::map_run::MapRunCall;
use crate::json::Payload;

/// One attempt of a task, unique within its execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u64);

/// A timer, unique within its execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimerId(pub u64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0)
    }
}

impl fmt::Display for TimerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timer {}", self.0)
    }
}

/// To be carried out in order, after the frame and the history of the same step are durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Run this task and answer with `TaskSucceeded` or `TaskFailed`.
    Schedule(Box<TaskCall>),
    /// Begin this Map Run and answer with `MapRunSucceeded` or `MapRunFailed`.
    StartMapRun(Box<MapRunCall>),
    /// Let a Map Run that ended without success go on: what failed, was aborted or has not begun runs (again).
    RedriveMapRun {
        /// What the answer carries.
        id: TaskId,
        /// Which Map Run.
        map_run_arn: Arc<str>,
        /// How often that has been redriven now.
        redrive_count: u32,
    },
    /// Answer with `TimerFired` at `due_ms` (epoch milliseconds). A timer started again under the same id replaces the former.
    StartTimer {
        /// Which timer.
        id: TimerId,
        /// When, in epoch milliseconds.
        due_ms: i64,
    },
    /// Nobody waits for this timer any more.
    CancelTimer {
        /// Which timer.
        id: TimerId,
    },
    /// Nobody waits for this task or Map Run any more: stop it if that is possible.
    CancelTask {
        /// Which one.
        id: TaskId,
    },
    /// The execution is over.
    Close(Outcome),
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// With an output.
    Succeeded {
        /// The output.
        output: Payload,
    },
    /// By an error nobody caught, or a Fail state.
    Failed(Failure),
    /// The machine's own `TimeoutSeconds` ran out.
    TimedOut(Failure),
    /// Stopped from outside.
    Aborted(Failure),
}

/// Error and cause as DescribeExecution shows them. What was not given is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Arc<str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like this")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One attempt of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskCall {
    /// Which attempt; the answers carry it.
    pub id: TaskId,
    /// What to call.
    pub resource: Resource,
    /// The evaluated `Parameters` or `Arguments`, or the whole input where there are none.
    pub parameters: Payload,
    /// The task token, for `.waitForTaskToken` and activities.
    pub token: Option<Arc<str>>,
    /// The evaluated `Credentials`.
    pub credentials: Option<Payload>,
    /// Seconds the attempt may take. The evaluator has started the timer; this is for the callee's information.
    pub timeout_seconds: Option<u64>,
    /// Seconds allowed between heartbeats. The evaluator has started the timer.
    pub heartbeat_seconds: Option<u64>,
    /// The state's name.
    pub state_name: Arc<str>,
    /// The `…Scheduled` event of this attempt.
    pub scheduled_event_id: u64,
    /// How often the execution had asked for this state's task before, by retries and by coming round again. Always 0 where
    /// [`super::ExecutionFacts::counts_attempts`] is not set.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
}

/// What a Task calls, parsed from its `Resource` when the machine is built.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resource {
    /// A Lambda function's ARN written as the `Resource`.
    LambdaFunction {
        /// The ARN as written.
        arn: Arc<str>,
    },
    /// An activity's ARN.
    Activity {
        /// The ARN as written.
        arn: Arc<str>,
    },
    /// An optimised integration: `arn:aws:states:::<service>:<action>[.<pattern>]`.
    Service {
        /// The resource as written.
        text: Arc<str>,
        /// For example `lambda`, `states`, `sns`, `http`.
        service: Arc<str>,
        /// For example `invoke`, `startExecution`, `publish`.
        action: Arc<str>,
        /// How to wait for its end.
        pattern: Pattern,
    },
    /// Any API call: `arn:aws:states:::aws-sdk:<service>:<action>[.<pattern>]`.
    AwsSdk {
        /// The resource as written.
        text: Arc<str>,
        /// For example `s3`, `sfn`, `dynamodb`.
        service: Arc<str>,
        /// For example `listObjectsV2`.
        action: Arc<str>,
        /// How to wait for its end.
        pattern: Pattern,
    },
}

/// How a service integration is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pattern {
    /// The response is the result.
    RequestResponse,
    /// `.sync`: until the job is done.
    Sync,
    /// `.sync:2`: the same, with the job's output as JSON.
    Sync2,
    /// `.waitForTaskToken`: until somebody answers with the token.
    WaitForTaskToken,
}

impl Pattern {
    /// What stands behind the action in the resource, with its dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Pattern::RequestResponse => "",
            Pattern::Sync => ".sync",
            Pattern::Sync2 => ".sync:2",
            Pattern::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}

impl Resource {
    /// The resource as written in the definition.
    pub fn text(&self) -> &Arc<str> {
        match self {
            Resource::LambdaFunction { arn } | Resource::Activity { arn } => arn,
            Resource::Service { text, .. } | Resource::AwsSdk { text, .. } => text,
        }
    }

    /// How the task is waited for.
    pub fn pattern(&self) -> Pattern {
        match self {
            Resource::LambdaFunction { .. } | Resource::Activity { .. } => Pattern::RequestResponse,
            Resource::Service { pattern, .. } | Resource::AwsSdk { pattern, .. } => *pattern,
        }
    }
}
