//! What goes into the API's operations and comes out of them, in plain types. Texts of definitions, inputs and outputs are JSON
//! as AWS has them; times are cut to microseconds.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How a state machine runs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "UPPERCASE")]
#[sqlx(type_name = "text", rename_all = "UPPERCASE")]
pub enum MachineType {
    /// Durable, up to a year, exactly once.
    #[default]
    Standard,
    /// In memory, up to five minutes, at least once.
    Express,
}

impl MachineType {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

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

/// What a state machine writes to CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineLogging {
    /// Which events.
    pub level: LogLevel,
    /// Whether inputs and outputs are written too.
    pub include_execution_data: bool,
    /// Exactly one log group; ends with `:*`. None only with the level `OFF`.
    pub log_group_arn: Option<String>,
}

/// Which events of an execution are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// All.
    All,
    /// Errors.
    Error,
    /// What ends the execution.
    Fatal,
    /// None.
    #[default]
    Off,
}

/// A state machine that is to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateStateMachine {
    /// Its name.
    pub name: String,
    /// Amazon States Language.
    pub definition: String,
    /// The role it runs as.
    pub role_arn: String,
    /// How it runs.
    pub machine_type: MachineType,
    /// What it logs.
    pub logging: Option<MachineLogging>,
    /// Whether X-Ray traces it.
    pub tracing: bool,
    /// At most 50.
    pub tags: BTreeMap<String, String>,
    /// Publish version 1 with this description (0 to 256 characters).
    pub publish: Option<String>,
}

/// A created state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedStateMachine {
    /// Its ARN.
    pub state_machine_arn: String,
    /// The version, if one was published.
    pub version_arn: Option<String>,
}

/// A change of a state machine; what is none stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UpdateStateMachine {
    /// Which.
    pub state_machine_arn: String,
    /// Amazon States Language.
    pub definition: Option<String>,
    /// The role it runs as.
    pub role_arn: Option<String>,
    /// What it logs.
    pub logging: Option<MachineLogging>,
    /// Whether X-Ray traces it.
    pub tracing: Option<bool>,
    /// Publish a version with this description (0 to 256 characters).
    pub publish: Option<String>,
}

/// A changed state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdatedStateMachine {
    /// When.
    pub updated_at: DateTime<Utc>,
    /// The revision it has now.
    pub revision_id: Option<String>,
    /// The version, if one was published.
    pub version_arn: Option<String>,
}

/// A state machine, or a version of one.
#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    /// As it was asked for: qualified when it was.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Amazon States Language.
    pub definition: String,
    /// The role it runs as.
    pub role_arn: String,
    /// How it runs.
    pub machine_type: MachineType,
    /// When it was created; for a version, when that was published.
    pub created_at: DateTime<Utc>,
    /// What it logs.
    pub logging: Option<MachineLogging>,
    /// Whether X-Ray traces it.
    pub tracing: bool,
    /// None: never updated (`INITIAL` to the operations that take one).
    pub revision_id: Option<String>,
    /// A version's description.
    pub description: Option<String>,
}

/// A state machine in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachineItem {
    /// Its ARN.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// How it runs.
    pub machine_type: MachineType,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// A version in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionItem {
    /// `…:stateMachine:NAME:7`.
    pub version_arn: String,
    /// When it was published.
    pub created_at: DateTime<Utc>,
}

/// A part of an alias's traffic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Route {
    /// The version it goes to.
    pub version_arn: String,
    /// Percent, 0 to 100; an alias's routes sum up to 100.
    pub weight: u8,
}

/// An alias as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// `…:stateMachine:NAME:live`.
    pub alias_arn: String,
    /// `live`.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// One or two.
    pub routes: Vec<Route>,
    /// When it was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was moved last.
    pub updated_at: Option<DateTime<Utc>>,
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

/// A page of a listing. It may hold fewer than were asked for though more follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// The next page.
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

/// One state, tested by itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestState {
    /// A state, or with `state_name` a whole definition.
    pub definition: String,
    /// Which state of the definition.
    pub state_name: Option<String>,
    /// The role it runs as; not needed with a mock.
    pub role_arn: Option<String>,
    /// JSON.
    pub input: Option<String>,
    /// The context object, JSON.
    pub context: Option<String>,
    /// Variables, JSON.
    pub variables: Option<String>,
    /// What the state's integration answers instead of being called.
    pub mock: Option<MockedAnswer>,
    /// How many retries went before.
    pub retrier_retry_count: Option<i32>,
}

/// What an integration answers in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MockedAnswer {
    /// This result, JSON.
    Result(String),
    /// This error.
    Error {
        /// Its name.
        error: String,
        /// More about it.
        cause: Option<String>,
    },
}

/// What a tested state did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestedState {
    /// `SUCCEEDED`, `FAILED`, `RETRIABLE` or `CAUGHT_ERROR`.
    pub status: Option<String>,
    /// JSON.
    pub output: Option<String>,
    /// The error's name.
    pub error: Option<String>,
    /// More about it.
    pub cause: Option<String>,
    /// Where it would go next.
    pub next_state: Option<String>,
}

/// What AWS says about a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedDefinition {
    /// Whether AWS would take it.
    pub ok: bool,
    /// What it finds, at most 100.
    pub diagnostics: Vec<RemoteDiagnostic>,
}

/// What AWS finds in a definition. Its codes and texts may change at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteDiagnostic {
    /// `ERROR` or `WARNING`.
    pub severity: String,
    /// Its code.
    pub code: String,
    /// Its text.
    pub message: String,
    /// `/States/X/Field`.
    pub location: Option<String>,
}
