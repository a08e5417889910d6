//! The types of executions.

use std::fmt;
use std::sync::Arc;

use asl::eval::{Outcome, TaskId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An execution inside of the engine. Version 7, so ids sort by time of start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionId(pub Uuid);

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// As `DescribeExecution` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExecutionStatus {
    /// It goes on, or waits.
    Running,
    /// Closed with an output.
    Succeeded,
    /// Closed by an error nobody caught.
    Failed,
    /// Closed by the machine's `TimeoutSeconds`.
    TimedOut,
    /// Closed by `StopExecution`.
    Aborted,
    /// A child of a Map Run that is to be redriven.
    PendingRedrive,
}

impl ExecutionStatus {
    /// AWS's word, which is also the table's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
            Self::PendingRedrive => "PENDING_REDRIVE",
        }
    }

    /// The status of an execution that closed so.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded { .. } => Self::Succeeded,
            Outcome::Failed(_) => Self::Failed,
            Outcome::TimedOut(_) => Self::TimedOut,
            Outcome::Aborted(_) => Self::Aborted,
        }
    }

    /// The status of AWS's word.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "RUNNING" => Self::Running,
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" => Self::Failed,
            "TIMED_OUT" => Self::TimedOut,
            "ABORTED" => Self::Aborted,
            "PENDING_REDRIVE" => Self::PendingRedrive,
            _ => return None,
        })
    }
}

/// The task of another execution that waits for this one's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ParentTask {
    /// The waiting execution.
    pub execution: ExecutionId,
    /// Its task.
    pub task: TaskId,
}

/// An execution as `DescribeExecution` answers.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The engine's own id.
    pub id: ExecutionId,
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The state machine's ARN, without version or alias.
    pub machine_arn: Arc<str>,
    /// The version it runs, when it was started by version or alias.
    pub version_arn: Option<Arc<str>>,
    /// The alias it was started by.
    pub alias_arn: Option<Arc<str>>,
    /// The immutable definition it runs.
    pub revision_id: Uuid,
    /// The Map Run it is a child of.
    pub map_run_arn: Option<Arc<str>>,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// The input's text as it was sent.
    pub input: String,
    /// The output's text.
    pub output: Option<String>,
    /// The error's name.
    pub error: Option<String>,
    /// The error's cause.
    pub cause: Option<String>,
    /// ms since 1970.
    pub started_at: i64,
    /// ms since 1970; absent while it runs.
    pub stopped_at: Option<i64>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// ms since 1970 of the last redrive.
    pub redriven_at: Option<i64>,
    /// The X-Ray header it was started with.
    pub trace_header: Option<String>,
    /// The test case of the mock file it was started with.
    pub mock_case: Option<String>,
}
