//! The types of executions: what is known of one, what was observed of one, what a listing may ask for.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::environments::EnvironmentName;
use crate::ids::ExecutionId;
pub use crate::step_functions::ExecutionStatus as Status;
use crate::step_functions::MachineType;

/// A text in the database that its CHECK should have refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of the values this column may have")]
pub struct UnknownValue(String);

macro_rules! read_from_column {
    ($($kind:ident),*) => {
        $(impl TryFrom<String> for $kind {
            type Error = UnknownValue;

            fn try_from(text: String) -> Result<Self, UnknownValue> {
                Self::parse(&text).ok_or(UnknownValue(text))
            }
        })*
    };
}
read_from_column!(Origin, Record);

/// What is known of how an execution stands, from a start, a listing, a description: in whatever order it is heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Knowledge {
    /// How often it was redriven.
    pub redrive_count: i32,
    /// How it stands.
    pub status: Status,
    /// When it closed; absent in a listing that does not tell.
    pub stopped_at: Option<DateTime<Utc>>,
    /// What it gave, as JSON text.
    pub output: Option<String>,
    /// Name of the error it failed with.
    pub error: Option<String>,
    /// What the error says of itself.
    pub cause: Option<String>,
    /// When it started, by the target's clock.
    pub started_at: Option<DateTime<Utc>>,
    /// What it was given, as JSON text.
    pub input: Option<String>,
    /// The version it runs.
    pub version_arn: Option<String>,
    /// The alias it was started through.
    pub alias_arn: Option<String>,
}

/// An execution as the target just told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    /// Its ARN.
    pub execution_arn: String,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub knowledge: Knowledge,
}

/// What an execution adds to the rollups of its template and environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contribution {
    /// UTC day of its start.
    pub day: NaiveDate,
    /// The version it ran; empty when started without one.
    pub version_arn: String,
    /// How it ended.
    pub status: Status,
    /// Start to close, milliseconds.
    pub duration_ms: i64,
    /// Name of the error, for those that failed or timed out.
    pub error: Option<String>,
}

/// Who started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Started through Signalbox.
    Signalbox,
    /// Started past it, and found.
    External,
}

impl Origin {
    /// As kept in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signalbox => "signalbox",
            Self::External => "external",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "signalbox" => Some(Self::Signalbox),
            "external" => Some(Self::External),
            _ => None,
        }
    }
}

/// How far the record of a start is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// Recorded; the target has not confirmed it yet.
    Intended,
    /// The target knows it.
    Started,
    /// Known not to run.
    Abandoned,
}

impl Record {
    /// As kept in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Started => "started",
            Self::Abandoned => "abandoned",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "intended" => Some(Self::Intended),
            "started" => Some(Self::Started),
            "abandoned" => Some(Self::Abandoned),
            _ => None,
        }
    }
}

/// One execution, without its input and output unless asked for.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Execution {
    /// Signalbox's id.
    pub id: ExecutionId,
    /// The template it runs.
    pub template: String,
    /// Where.
    pub environment: EnvironmentName,
    /// What AWS runs it as.
    pub kind: MachineType,
    /// The state machine.
    pub state_machine_arn: String,
    /// AWS's id; absent while an Express start is unconfirmed.
    pub execution_arn: Option<String>,
    /// Its name.
    pub name: String,
    /// Who started it.
    #[sqlx(try_from = "String")]
    pub origin: Origin,
    /// How far its record is.
    #[sqlx(try_from = "String")]
    pub record: Record,
    /// How it stands.
    pub status: Status,
    /// How often it was redriven.
    pub redrive_count: i32,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it closed.
    pub stopped_at: Option<DateTime<Utc>>,
    /// The revision it runs, where the version is one that Signalbox published.
    pub revision: Option<i32>,
    /// The version it runs.
    pub version_arn: Option<String>,
    /// The alias it was started through.
    pub alias_arn: Option<String>,
    /// What it was given.
    pub input: Option<String>,
    /// What it gave.
    pub output: Option<String>,
    /// Name of the error.
    pub error: Option<String>,
    /// What the error says of itself.
    pub cause: Option<String>,
    /// The caller's own key.
    pub business_key: Option<String>,
    /// The caller's own labels.
    #[sqlx(json)]
    pub labels: BTreeMap<String, String>,
    /// Who is told when it closes.
    pub callback_url: Option<String>,
    /// Who started it, where Signalbox knows.
    pub started_by: Option<String>,
    /// Since when the target no longer knows it.
    pub lost_at: Option<DateTime<Utc>>,
}

impl Execution {
    /// Start to close, milliseconds.
    pub fn duration_ms(&self) -> Option<i64> {
        Some((self.stopped_at? - self.started_at).num_milliseconds().max(0))
    }
}

/// What a listing asks for. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this template.
    pub template: Option<String>,
    /// In this environment.
    pub environment: Option<EnvironmentName>,
    /// In one of these statuses.
    pub statuses: Vec<Status>,
    /// With this business key.
    pub business_key: Option<String>,
    /// With all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Started at or after this.
    pub started_from: Option<DateTime<Utc>>,
    /// Started before this.
    pub started_before: Option<DateTime<Utc>>,
    /// Of this version.
    pub version_arn: Option<String>,
    /// With this name.
    pub name: Option<String>,
}

/// What happened to an execution, as its feed tells it.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(super) struct FeedEvent {
    /// Counts from 1 for each execution, without gaps.
    pub seq: i64,
    /// `execution.started`, `execution.redriven`, `execution.closed` or `execution.lost`.
    pub kind: String,
    /// The execution's id, status and times.
    pub data: serde_json::Value,
    /// When it was recorded.
    pub at: DateTime<Utc>,
}
