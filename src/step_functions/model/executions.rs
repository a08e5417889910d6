//! Executions and their history.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where an execution stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionStatus {
    /// It runs.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// It took longer than it may.
    TimedOut,
    /// Somebody stopped it.
    Aborted,
    /// A child of a map run that will run again with it.
    PendingRedrive,
}

impl ExecutionStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Aborted,
        Self::PendingRedrive,
    ];

    /// As AWS writes it.
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

    /// Whether it ended.
    pub fn is_closed(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::TimedOut | Self::Aborted
        )
    }
}

impl fmt::Display for ExecutionStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Not a status of an execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a status of an execution")]
pub struct UnknownStatus(pub String);

impl FromStr for ExecutionStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// An execution that is to start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StartExecution {
    /// A machine, version or alias.
    pub state_machine_arn: String,
    /// Its name, 1 to 80 characters; none: AWS makes one.
    pub name: Option<String>,
    /// JSON; none is `{}`.
    pub input: Option<String>,
    /// X-Ray.
    pub trace_header: Option<String>,
}

/// A started execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedExecution {
    /// Its ARN.
    pub execution_arn: String,
    /// When.
    pub started_at: DateTime<Utc>,
}

/// An Express execution that ran to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncExecution {
    /// Its ARN.
    pub execution_arn: String,
    /// Its name.
    pub name: Option<String>,
    /// How it ended.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub stopped_at: DateTime<Utc>,
    /// JSON.
    pub output: Option<String>,
    /// The error's name.
    pub error: Option<String>,
    /// More about it.
    pub cause: Option<String>,
    /// Billed milliseconds, in steps of 100.
    pub billed_duration_ms: Option<i64>,
    /// Billed memory, in steps of 64 MB.
    pub billed_memory_mb: Option<i64>,
}

/// An execution as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Its ARN.
    pub execution_arn: String,
    /// Its machine, unqualified.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub stopped_at: Option<DateTime<Utc>>,
    /// JSON; none when AWS can't show it.
    pub input: Option<String>,
    /// JSON.
    pub output: Option<String>,
    /// The error's name.
    pub error: Option<String>,
    /// More about it.
    pub cause: Option<String>,
    /// The version it runs; none when it was started without.
    pub version_arn: Option<String>,
    /// The alias it was started through.
    pub alias_arn: Option<String>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was redriven last.
    pub redriven_at: Option<DateTime<Utc>>,
    /// Whether it can be redriven (`REDRIVABLE`, `NOT_REDRIVABLE`, …).
    pub redrive_status: Option<String>,
    /// Why not.
    pub redrive_status_reason: Option<String>,
    /// The map run it is a child of.
    pub map_run_arn: Option<String>,
}

/// An execution in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionItem {
    /// Its ARN.
    pub execution_arn: String,
    /// Its machine, unqualified.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub stopped_at: Option<DateTime<Utc>>,
    /// The version it runs; none when it was started without.
    pub version_arn: Option<String>,
    /// The alias it was started through.
    pub alias_arn: Option<String>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was redriven last.
    pub redriven_at: Option<DateTime<Utc>>,
}

/// Which executions are listed: newest start first, eventually consistent, never Express.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListExecutions {
    /// A machine, version or alias.
    pub state_machine_arn: String,
    /// Only those that stand so.
    pub status: Option<ExecutionStatus>,
    /// At most 1,000; none is 100.
    pub max_results: Option<u16>,
    /// The page; none is the first. Good for 24 hours.
    pub next_token: Option<String>,
}

/// Which part of an execution's history is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GetExecutionHistory {
    /// The execution.
    pub execution_arn: String,
    /// At most 1,000; none is 100.
    pub max_results: Option<u16>,
    /// Newest first.
    pub reverse_order: bool,
    /// The page; none is the first.
    pub next_token: Option<String>,
}
