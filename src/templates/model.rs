//! The types of the registry: what a template, a revision, a rule, a diagnostic is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::limits;
use crate::config::EnvironmentName;
pub(super) use crate::policies::{Diagnostic, Rule, Severity};
pub(super) use crate::step_functions::{LogLevel, MachineType};

/// A template's name, which is also its state machine's: 1–80 letters, digits, `-` and `_`. AWS takes more characters but then
/// neither logs nor metrics work (Step Functions API reference, CreateStateMachine).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9A-Za-z_-]{1,80}$", examples("enterprise-etl-pipeline"))]
pub struct TemplateName(String);

/// A text that can't name a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name has 1 to {} letters, digits, `-` or `_`, but this one {what}",
    limits::NAME_LENGTH_MAX
)]
pub struct InvalidName {
    what: String,
}

impl TemplateName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TemplateName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        check_name(text)?;
        Ok(Self(text.to_owned()))
    }
}

/// Whether `text` can name a state machine or an execution everywhere.
pub fn check_name(text: &str) -> Result<(), InvalidName> {
    let length = text.chars().count();
    let what = if length == 0 {
        "is empty".to_owned()
    } else if length > limits::NAME_LENGTH_MAX {
        format!("has {length} characters")
    } else if let Some(bad) = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
    {
        format!("has {bad:?} in it")
    } else {
        return Ok(());
    };
    Err(InvalidName { what })
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TemplateName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Logging of a template's executions, to `/aws/stepfunctions/<name>` in the environment's account and region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// What is logged.
    #[serde(default)]
    pub level: LogLevel,
    /// Whether input and output are logged too.
    #[serde(default)]
    pub include_execution_data: bool,
}

/// How a revision is to be run. Part of the revision: two revisions may differ in nothing else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// Becomes the top-level `TimeoutSeconds` where the definition has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Becomes a Retry on transient errors on every Task that has none; 0 adds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_attempts: Option<u32>,
    /// The role the state machine runs as; absent: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Absent: off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// AWS X-Ray; absent: off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<bool>,
    /// Tags of the state machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// JSON Schema 2020-12 that inputs must fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub input_schema: Option<Value>,
    /// Rules of the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<Rule>>,
}

/// A definition as handed in: an object, or ASL text, which is kept as it was written.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Written {
    /// ASL text.
    Text(String),
    /// Anything else; what is not an object is refused by the checks.
    Json(Value),
}

impl Written {
    /// The text that diagnostics point into: as written, or the object pretty-printed.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Json(value) => format!("{value:#}"),
        }
    }
}

/// A change that Signalbox made to the definition before publishing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transform {
    /// The setting that asked for it: `timeout_seconds` or `retry_attempts`.
    pub setting: String,
    /// JSON Pointer to what was added.
    pub pointer: String,
    /// What was added.
    #[schema(value_type = Object)]
    pub added: Value,
}

/// An immutable revision of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Counts from 1.
    pub revision: i32,
    /// `sha256:` and the hex SHA-256 of the canonical JSON of definition and settings.
    pub digest: String,
    /// The definition as written.
    pub written: String,
    /// The definition as published.
    pub published: String,
    /// What differs between the two.
    pub transforms: Vec<Transform>,
    /// How it is to be run.
    pub settings: Settings,
    /// What was remarked when it was registered.
    pub diagnostics: Vec<Diagnostic>,
    /// Who registered it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// How far a template has come in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BindingState {
    /// Recorded; AWS is being brought to it.
    Pending,
    /// The alias points at a version.
    Live,
    /// AWS refused; the error says why. Registering again tries again.
    Failed,
}

impl BindingState {
    /// As kept in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Live => "live",
            Self::Failed => "failed",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "live" => Some(Self::Live),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// A template in an environment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Binding {
    /// The environment's name.
    pub environment: EnvironmentName,
    /// How far it has come.
    pub state: BindingState,
    /// The revision behind the alias; absent until the first one is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i32>,
    /// The state machine, by its constructed ARN.
    pub state_machine_arn: String,
    /// The published version behind the alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_arn: Option<String>,
    /// What executions are started through.
    pub alias_arn: String,
    /// Why AWS refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
    /// The revision that registration wants live.
    #[serde(skip)]
    pub wanted_revision: i32,
}

/// A template without its revisions.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its name.
    pub name: TemplateName,
    /// What AWS runs it as.
    pub kind: MachineType,
    /// Number of the newest revision.
    pub latest_revision: i32,
    /// Who registered it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When the newest revision came.
    pub updated_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_with_its_reason() {
        let refused = |text: &str| text.parse::<TemplateName>().unwrap_err().to_string();
        assert!(refused("").ends_with("is empty"));
        assert!(refused(&"x".repeat(81)).ends_with("has 81 characters"));
        assert!(refused("a b").ends_with("has ' ' in it"));
        assert!(refused("größe").contains("'ö'"));
        assert!("x".repeat(80).parse::<TemplateName>().is_ok());
    }

    #[test]
    fn text_is_kept_as_written_and_an_object_is_pretty_printed() {
        let text = Written::Text("{ \"StartAt\":\"A\" }".into());
        assert_eq!(text.into_text(), "{ \"StartAt\":\"A\" }");
        let object = Written::Json(serde_json::json!({"StartAt": "A", "Comment": "c"}));
        assert_eq!(
            object.into_text(),
            "{\n  \"StartAt\": \"A\",\n  \"Comment\": \"c\"\n}"
        );
    }
}
