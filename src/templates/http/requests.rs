//! What clients send to the registry.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::super::model::{Logging, MachineType, Rule, Settings, TemplateName, Written};
use super::super::plan::{Setting, SettingsChange};
use crate::environments::EnvironmentName;
use crate::policies::RuleSet;

fn default_environments() -> Vec<EnvironmentName> {
    vec![EnvironmentName::default()]
}

/// A template to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterTemplate {
    /// Names the template and its state machine.
    pub(super) name: TemplateName,
    /// What AWS is to run it as; fixed for good.
    #[serde(default, rename = "type")]
    pub(super) kind: MachineType,
    /// Amazon States Language: an object, or text, which is kept as it was written.
    pub(super) definition: Written,
    /// Becomes the top-level `TimeoutSeconds` where the definition has none.
    timeout_seconds: Option<u32>,
    /// Becomes a Retry on transient errors on every Task that has none.
    retry_attempts: Option<u32>,
    /// The role the state machine runs as; absent: the environment's.
    role_arn: Option<String>,
    /// Logging of executions; absent: off.
    logging: Option<Logging>,
    /// AWS X-Ray; absent: off.
    tracing: Option<bool>,
    /// Tags of the state machine.
    tags: Option<BTreeMap<String, String>>,
    /// JSON Schema 2020-12 that inputs must fit.
    #[schema(value_type = Option<Object>)]
    input_schema: Option<Value>,
    /// Rules of the house, in CEL over `definition`.
    rules: Option<Vec<Rule>>,
    /// Where it goes live at once.
    #[serde(default = "default_environments")]
    pub(super) environments: Vec<EnvironmentName>,
}

impl RegisterTemplate {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            timeout_seconds: self.timeout_seconds,
            retry_attempts: self.retry_attempts,
            role_arn: self.role_arn.clone(),
            logging: self.logging.clone(),
            tracing: self.tracing,
            tags: self.tags.clone(),
            input_schema: self.input_schema.clone(),
            rules: self.rules.clone(),
        }
    }
}

/// A revision to register. Settings that are absent stay as in the newest revision; null takes one back to its default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterRevision {
    /// Amazon States Language: an object, or text, which is kept as it was written.
    pub(super) definition: Written,
    /// Becomes the top-level `TimeoutSeconds` where the definition has none.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    timeout_seconds: Setting<u32>,
    /// Becomes a Retry on transient errors on every Task that has none.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    retry_attempts: Setting<u32>,
    /// The role the state machine runs as.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    role_arn: Setting<String>,
    /// Logging of executions.
    #[serde(default)]
    #[schema(value_type = Option<Logging>)]
    logging: Setting<Logging>,
    /// AWS X-Ray.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    tracing: Setting<bool>,
    /// Tags of the state machine.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    tags: Setting<BTreeMap<String, String>>,
    /// JSON Schema 2020-12 that inputs must fit.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    input_schema: Setting<Value>,
    /// Rules of the house, in CEL over `definition`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Rule>>)]
    rules: Setting<Vec<Rule>>,
}

impl RegisterRevision {
    pub(super) fn into_parts(self) -> (Written, SettingsChange) {
        let change = SettingsChange {
            timeout_seconds: self.timeout_seconds,
            retry_attempts: self.retry_attempts,
            role_arn: self.role_arn,
            logging: self.logging,
            tracing: self.tracing,
            tags: self.tags,
            input_schema: self.input_schema,
            rules: self.rules,
        };
        (self.definition, change)
    }
}

/// A definition to check.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Validation {
    /// Amazon States Language: an object or text.
    pub(super) definition: Written,
    /// What it is to run as.
    #[serde(default, rename = "type")]
    pub(super) kind: MachineType,
    /// Rules of the house to check, too.
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
    /// A rule set to apply.
    pub(super) policy_set: Option<String>,
    /// Apply what this environment demands.
    pub(super) against_env: Option<EnvironmentName>,
    /// Count the exemptions of this template.
    pub(super) template: Option<String>,
}

/// Whether fixes are to be applied.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FixQuery {
    /// `true`: apply the fixes that are certain; `likely`: the good guesses, too. The answer has the definition after them.
    #[serde(default)]
    #[param(inline)]
    pub(super) fix: FixWish,
}

/// Which fixes are to be applied.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum FixWish {
    /// None.
    #[default]
    False,
    /// Those that are certain.
    True,
    /// Good guesses, too.
    Likely,
}

impl FixWish {
    pub(super) fn confidence(self) -> Option<asl::Confidence> {
        match self {
            Self::False => None,
            Self::True => Some(asl::Confidence::Certain),
            Self::Likely => Some(asl::Confidence::Likely),
        }
    }
}

/// A dry run of a rule set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EvaluateRuleSet {
    /// Judge by this one instead of the saved one, which need not exist then.
    pub(super) draft: Option<RuleSet>,
}

/// What narrows the list of templates.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateQuery {
    /// Part of the name, whatever its case.
    pub(super) search: Option<String>,
    /// Most rows to return, 1..=500; 50 when absent.
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// What to compare with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DiffQuery {
    /// Number of the revision to compare against; absent: the one before.
    pub(super) against: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_takes_a_setting_back_and_absence_keeps_it() {
        let revision: RegisterRevision =
            serde_json::from_str(r#"{"definition": {}, "retry_attempts": null, "tracing": true}"#).unwrap();
        let (_, change) = revision.into_parts();
        assert_eq!(change.retry_attempts, Setting::Clear);
        assert_eq!(change.tracing, Setting::Set(true));
        assert_eq!(change.timeout_seconds, Setting::Keep);
    }
}
