//! What a state machine is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::arn::Place;

/// `STANDARD` or `EXPRESS`; fixed for a machine's life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// Durable, up to a year.
    #[default]
    Standard,
    /// In memory, up to five minutes.
    Express,
}

impl Kind {
    /// As AWS and the table write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }

    /// The evaluator's word for it.
    pub fn for_asl(self) -> asl::eval::MachineKind {
        match self {
            Self::Standard => asl::eval::MachineKind::Standard,
            Self::Express => asl::eval::MachineKind::Express,
        }
    }

    /// The other way round.
    pub fn of_asl(kind: asl::eval::MachineKind) -> Self {
        match kind {
            asl::eval::MachineKind::Standard => Self::Standard,
            asl::eval::MachineKind::Express => Self::Express,
        }
    }

    pub(super) fn by_name(name: &str) -> Self {
        if name == "EXPRESS" {
            Self::Express
        } else {
            Self::Standard
        }
    }
}

/// Which history events are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// All.
    All,
    /// Errors.
    Error,
    /// Errors that end an execution.
    Fatal,
    /// None.
    #[default]
    Off,
}

/// Where a machine's events are logged to, stored and answered as it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Which events.
    #[serde(default)]
    pub level: LogLevel,
    /// With inputs and outputs.
    #[serde(default)]
    pub include_execution_data: bool,
    /// Absent when it was not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<LogDestination>>,
}

/// One destination; AWS takes exactly one, a log group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogDestination {
    /// The log group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_watch_logs_log_group: Option<LogGroup>,
}

/// A log group by its ARN, which ends with `:*`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogGroup {
    /// The ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_arn: Option<String>,
}

/// Whether executions are traced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracing {
    /// On or off.
    #[serde(default)]
    pub enabled: bool,
}

/// Whose key encrypts the data. The engine stores and answers it; it does not encrypt by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// A customer's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Seconds a data key is reused, 60 to 900.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_data_key_reuse_period_seconds: Option<i32>,
    /// `AWS_OWNED_KEY` or `CUSTOMER_MANAGED_KMS_KEY`.
    #[serde(rename = "type")]
    pub kind: EncryptionKind,
}

impl Default for Encryption {
    fn default() -> Self {
        Self {
            kms_key_id: None,
            kms_data_key_reuse_period_seconds: None,
            kind: EncryptionKind::AwsOwnedKey,
        }
    }
}

/// The kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EncryptionKind {
    /// AWS's own.
    AwsOwnedKey,
    /// The customer's, named by `kmsKeyId`.
    CustomerManagedKmsKey,
}

/// State -> the variables it reads, sorted.
pub type VariableReferences = BTreeMap<String, Vec<String>>;

/// What a revision of a machine says; an update that changes none of it makes no new revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The definition's text as it was sent.
    pub definition: Arc<str>,
    /// The role its tasks would assume.
    pub role_arn: String,
    /// Logging.
    pub logging: Logging,
    /// Tracing.
    pub tracing: Tracing,
    /// Encryption.
    pub encryption: Encryption,
}

/// One immutable revision.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Its id.
    pub id: Uuid,
    /// 0 for the one that came with the machine.
    pub sequence: i64,
    /// What it says.
    pub content: Content,
    /// Which states read which variables.
    pub variable_references: VariableReferences,
    /// ms since 1970.
    pub created_at: i64,
}

impl Revision {
    /// AWS's revisionId: a machine that was never updated has none.
    pub fn shown_id(&self) -> Option<String> {
        (self.sequence > 0).then(|| self.id.to_string())
    }

    /// What callers name it by in a guard: the id, or `INITIAL`.
    pub fn guard(&self) -> String {
        self.shown_id().unwrap_or_else(|| "INITIAL".to_owned())
    }
}

/// A machine and its current revision.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its key in the tables.
    pub id: Uuid,
    /// Account and region.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Standard or Express.
    pub kind: Kind,
    /// ms since 1970.
    pub created_at: i64,
    /// Set by DeleteStateMachine.
    pub deleted_at: Option<i64>,
    /// Whether CreateStateMachine published, and with which description.
    pub created_published: bool,
    /// See `created_published`.
    pub created_description: Option<String>,
    /// What it runs when started without a qualifier.
    pub current: Revision,
}

impl Machine {
    /// Its ARN without a qualifier.
    pub fn arn(&self) -> String {
        self.place.machine(&self.name)
    }
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub number: i64,
    /// What it froze.
    pub revision_id: Uuid,
    /// As given when it was published.
    pub description: Option<String>,
    /// ms since 1970.
    pub created_at: i64,
}

/// A share of an alias's executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Which version.
    pub version: i64,
    /// 0 to 100.
    pub weight_percent: i32,
}

/// An alias: one version, or two that share the executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The first route.
    pub first: Route,
    /// The second, when there are two.
    pub second: Option<Route>,
    /// ms since 1970.
    pub created_at: i64,
    /// ms since 1970.
    pub updated_at: i64,
}

impl Alias {
    /// The routes in the order given.
    pub fn routes(&self) -> impl Iterator<Item = Route> {
        std::iter::once(self.first).chain(self.second)
    }
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Unique per resource.
    #[serde(default)]
    pub key: String,
    /// May be empty.
    #[serde(default)]
    pub value: String,
}
