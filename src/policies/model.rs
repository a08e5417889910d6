//! Diagnostics, rules, rule sets and exemptions: the types.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::config::EnvironmentName;
use crate::ids::ExemptionId;
use crate::region::Region;

/// How grave a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// It runs, but probably not as it should.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// As written in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Info => "INFO",
        }
    }
}

/// What a broken rule means. Written in lower case in a rule, as in the contract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleSeverity {
    /// The definition is refused.
    #[default]
    Error,
    /// It is mentioned.
    Warning,
    /// It is mentioned.
    Info,
}

impl From<RuleSeverity> for Severity {
    fn from(severity: RuleSeverity) -> Self {
        match severity {
            RuleSeverity::Error => Self::Error,
            RuleSeverity::Warning => Self::Warning,
            RuleSeverity::Info => Self::Info,
        }
    }
}

/// What an expression is evaluated over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleScope {
    /// Once over `definition`.
    #[default]
    Definition,
    /// Once over each state, nested ones too, as `state` with its `name`; `definition` is there as well.
    State,
}

impl RuleScope {
    /// Whether nothing else was said.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A rule of the house: a CEL expression that must be true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names the rule in messages and in exemptions.
    pub name: String,
    /// A CEL expression that gives a bool, such as `has(definition.Comment)`.
    pub expression: String,
    /// What it is evaluated over.
    #[serde(default, skip_serializing_if = "RuleScope::is_default")]
    pub scope: RuleScope,
    /// What a broken rule means.
    #[serde(default)]
    pub severity: RuleSeverity,
    /// What to tell whoever breaks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A mend that a machine can make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fix {
    /// What it does, in the imperative.
    pub title: String,
    /// `certain`: may be applied unasked; `likely`: a good guess.
    pub confidence: String,
    /// JSON Patch (RFC 6902) against the definition.
    #[schema(value_type = Vec<Object>)]
    pub patch: Value,
}

/// What is wrong with, or worth knowing about, a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnostic {
    /// How grave it is.
    pub severity: Severity,
    /// Stable code of the rule.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// The rule of the house that is broken, where it is one of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where, as AWS writes it: `/States/A/Next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Line of that place in the definition's text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The text it is about: the very key, where AWS names only the object around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The page about its code: a path of this service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
    /// The mend, where a machine can make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// The exemption that keeps it from refusing anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<ExemptionId>,
}

impl From<asl::Diagnostic> for Diagnostic {
    fn from(diagnostic: asl::Diagnostic) -> Self {
        let severity = match diagnostic.severity() {
            asl::Severity::Error => Severity::Error,
            asl::Severity::Warning => Severity::Warning,
            asl::Severity::Info => Severity::Info,
        };
        let code = diagnostic.code.as_str();
        Self {
            severity,
            code: code.to_owned(),
            message: diagnostic.message,
            rule: None,
            location: diagnostic.location,
            line: Some(diagnostic.line),
            column: Some(diagnostic.column),
            region: Some(diagnostic.region.into()),
            help: diagnostic.help,
            documentation: Some(format!("{DOCUMENTATION_PATH}/{code}")),
            fix: diagnostic.fix.map(|fix| Fix {
                confidence: match fix.confidence {
                    asl::Confidence::Certain => "certain",
                    asl::Confidence::Likely => "likely",
                }
                .to_owned(),
                patch: serde_json::to_value(&fix.patch).unwrap_or_default(),
                title: fix.title,
            }),
            exemption: None,
        }
    }
}

/// Where the pages about codes are served.
pub const DOCUMENTATION_PATH: &str = "/docs/diagnostics";

/// What a rule set makes of a lint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LintLevel {
    /// It refuses.
    Error,
    /// It is mentioned.
    Warning,
    /// It is mentioned.
    Info,
    /// It is not mentioned.
    Off,
}

/// What is demanded of definitions: lints by code, and rules of the house.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Built-in lints by their codes, such as `TASK_NO_TIMEOUT`; those not named keep their own severity. What AWS refuses stays an error.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lints: BTreeMap<String, LintLevel>,
    /// Rules in CEL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// The name of a rule set: lower case letters, digits and dashes, a letter first, at most 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[schema(value_type = String, pattern = "^[a-z][a-z0-9-]{0,39}$", examples("production-baseline"))]
pub struct RuleSetId(String);

/// Not a name of a rule set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a rule set has lower case letters, digits and dashes, a letter first, at most 40 characters"
)]
pub struct InvalidRuleSetId;

impl RuleSetId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RuleSetId {
    type Err = InvalidRuleSetId;

    fn from_str(text: &str) -> Result<Self, InvalidRuleSetId> {
        // The same letters as an environment's, for the same reasons: it stands in URLs and lists.
        text.parse::<EnvironmentName>()
            .map(|_| Self(text.to_owned()))
            .map_err(|_| InvalidRuleSetId)
    }
}

impl fmt::Display for RuleSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RuleSetId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A rule set as it is saved.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SavedRuleSet {
    /// Its name.
    pub id: String,
    /// Counts the changes; also the ETag.
    pub version: i64,
    /// What it demands.
    #[serde(flatten)]
    pub body: RuleSet,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
    /// When.
    pub updated_at: DateTime<Utc>,
}

/// A rule that a template need not keep for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exemption {
    /// Its id.
    pub id: ExemptionId,
    /// The template.
    pub template: String,
    /// Code of a lint, or name of a rule.
    pub rule: String,
    /// Absent: in every environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Absent: wherever in the definition. Else at this place and below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Why.
    pub reason: String,
    /// Who granted it.
    pub granted_by: String,
    /// When.
    pub granted_at: DateTime<Utc>,
    /// From when on the rule counts again.
    pub expires_at: DateTime<Utc>,
    /// Who took it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Exemption {
    /// Whether it counts at this time.
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}
