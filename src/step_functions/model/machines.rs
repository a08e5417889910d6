//! State machines, their versions and aliases.

use std::collections::BTreeMap;

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
#[schema(as = VersionWeight)]
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
