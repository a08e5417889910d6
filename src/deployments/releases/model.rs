//! The shapes of releases.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::judge::Analysis;
use super::super::strategy::{OnFailure, StrategyChoice};
use super::super::tests::{TestCase, TestExpectation};
use super::super::waves::Rules;
use crate::step_functions::MachineType;

/// Most members of a release.
pub(super) const MEMBERS_MAX: usize = 100;

/// Most scenarios of a release, and steps of a scenario.
pub(super) const SCENARIOS_MAX: usize = 50;

/// A release that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRelease {
    /// Where. Default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// How each member goes that names no strategy of its own, or the name of a strategy that is kept. Default `blue_green`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyChoice>,
    /// What is deployed.
    #[serde(alias = "members")]
    pub workflows: Vec<ReleaseWorkflow>,
    /// Run across the workflows when all are deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<Scenario>,
    /// Whether a member's definition that names the state machine (or the alias) of a member it depends on is deployed with the
    /// version that this release gives that one, so that both go forth and back together. Default false.
    #[serde(default)]
    pub pin_children: bool,
    /// When a member or a scenario fails. Default all goes back.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// How strictly members are judged that say nothing themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// The name of an analysis that is kept, instead of `analysis`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis_template: Option<String>,
    /// For each member. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_required: Option<bool>,
    /// For each member. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_enabled: Option<bool>,
    /// For each member. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_enabled: Option<bool>,
    /// SNS topics that are told of the end, besides the environment's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notification_topics: Vec<String>,
    /// Why, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseWorkflow {
    /// The template's name.
    #[serde(alias = "name")]
    pub template: String,
    /// The revision. Default the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i32>,
    /// Its definition, an object or text, instead of a revision: the template is registered if it is new, and gets a revision
    /// if its definition is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub definition: Option<Value>,
    /// What AWS is to run it as, if it is new. Default `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    pub kind: Option<MachineType>,
    /// With a definition: the role of its state machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// It comes after every member with a lower number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u32>,
    /// How it goes, or the name of a strategy that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyChoice>,
    /// Run against its new version before it gets traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty", alias = "test_cases")]
    pub tests: Vec<TestCase>,
    /// Templates of this release that must be deployed before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// How strictly it is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// The name of an analysis that is kept, instead of `analysis`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis_template: Option<String>,
    /// Why a revision that took itself back here before is deployed nevertheless: an admin's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_quarantine: Option<String>,
}

/// A business process across workflows: steps, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name; no other scenario of the release has it.
    pub name: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The steps.
    pub steps: Vec<ScenarioStep>,
}

/// One execution of a scenario, started through the alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioStep {
    /// Which workflow.
    pub template: String,
    /// Its input. `{"$from": "/0/output/order_id"}` anywhere in it is replaced by what that JSON Pointer finds in the steps
    /// before: a list of `{status, output, error}`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub input: Value,
    /// How it is to end. Default `SUCCEEDED`.
    #[serde(default = "succeeded")]
    pub expected_status: String,
    /// What its output is to contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub expected_output: Option<Value>,
    /// The error it is to end with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_error: Option<String>,
    /// After this it is stopped and the scenario has failed. Default 300.
    #[serde(default = "five_minutes")]
    pub timeout_seconds: u64,
}

fn succeeded() -> String {
    "SUCCEEDED".to_owned()
}

fn five_minutes() -> u64 {
    300
}

impl ScenarioStep {
    /// What is expected.
    pub(super) fn expectation(&self) -> TestExpectation {
        TestExpectation {
            expected_status: self.expected_status.clone(),
            expected_output: self.expected_output.clone(),
            expected_error: self.expected_error.clone(),
        }
    }
}

/// How far a scenario is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct ScenarioProgress {
    /// Its name.
    pub name: String,
    /// Absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passed: Option<bool>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The steps that were begun.
    pub steps: Vec<StepProgress>,
}

/// How far a step of a scenario is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepProgress {
    /// Its execution.
    pub execution_arn: String,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// How it ended: `{status, output, error}`; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
}

/// How a release moves, as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct ReleaseRules {
    pub(in super::super) max_parallel: u32,
    pub(in super::super) on_failure: OnFailure,
    pub(in super::super) bake_seconds: u64,
    #[serde(default)]
    pub(in super::super) pin_children: bool,
}

impl From<ReleaseRules> for Rules {
    fn from(rules: ReleaseRules) -> Self {
        let ReleaseRules {
            max_parallel,
            on_failure,
            bake_seconds,
            pin_children: _,
        } = rules;
        Self {
            max_parallel,
            on_failure,
            bake_seconds,
        }
    }
}

/// A release as the API shows it, with the seed's keys.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReleaseView {
    /// Its id.
    pub id: String,
    /// The same, under the name listeners know.
    pub deployment_id: String,
    /// `release` or `rolling`.
    pub kind: String,
    /// Where; absent when in several.
    pub environment: Option<String>,
    /// `in_progress`, `success`, `failed` or `rolled_back`.
    pub overall_status: String,
    /// The state in the words of deployments, so that one poller serves both.
    pub state: String,
    /// The strategy's name.
    pub strategy: String,
    /// The members.
    pub workflows: Vec<ReleaseMember>,
    /// The scenarios.
    pub test_results: ScenarioReport,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// Who asked for it.
    pub requester: String,
    /// When.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A member as the API shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReleaseMember {
    /// The template.
    pub workflow_name: String,
    /// Where.
    pub environment: String,
    /// Its wave, from 0.
    pub wave: i32,
    /// `waiting`, `in_progress`, `success`, `failed` or `rolled_back`.
    pub status: String,
    /// Its deployment's state.
    pub state: Option<String>,
    /// Its deployment.
    pub deployment_id: Option<String>,
    /// The strategy's name.
    pub strategy: Option<String>,
    /// Why it did not succeed.
    pub error: Option<String>,
}

/// The scenarios of a release.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScenarioReport {
    /// `passed`, `failed`, `running`, `waiting` or `none`.
    pub overall_status: String,
    /// Scenarios.
    pub test_count: usize,
    /// Passed.
    pub passed_count: usize,
    /// One by one.
    pub test_results: Vec<ScenarioProgress>,
}

/// Replaces `{"$from": pointer}` by what the pointer finds in the steps before.
pub(super) fn fill_in(input: &Value, before: &Value) -> Result<Value, String> {
    match input {
        Value::Object(members) => {
            if let (1, Some(Value::String(pointer))) = (members.len(), members.get("$from")) {
                return before
                    .pointer(pointer)
                    .cloned()
                    .ok_or_else(|| format!("`{pointer}` finds nothing in the steps before"));
            }
            let filled = members
                .iter()
                .map(|(name, value)| Ok((name.clone(), fill_in(value, before)?)));
            filled
                .collect::<Result<serde_json::Map<_, _>, String>>()
                .map(Value::Object)
        }
        Value::Array(items) => items
            .iter()
            .map(|item| fill_in(item, before))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        _ => Ok(input.clone()),
    }
}

/// Replaces every text that is one of the names by what it stands for; whether there was any.
pub(super) fn pin_versions(definition: &mut Value, versions: &BTreeMap<String, String>) -> bool {
    match definition {
        Value::String(text) => match versions.get(text) {
            Some(version) => {
                version.clone_into(text);
                true
            }
            None => false,
        },
        Value::Array(items) => pin_all(items.iter_mut(), versions),
        Value::Object(members) => pin_all(members.values_mut(), versions),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn pin_all<'v>(values: impl Iterator<Item = &'v mut Value>, versions: &BTreeMap<String, String>) -> bool {
    let mut pinned = false;
    for value in values {
        pinned |= pin_versions(value, versions);
    }
    pinned
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_seeds_pipeline_is_read() {
        let read: StartRelease = serde_json::from_value(json!({
            "strategy": "blue_green",
            "workflows": [{"name": "customer-onboarding", "test_cases": [
                {"name": "valid_customer", "input": {"customer_id": "12345"}, "expected_status": "SUCCEEDED", "timeout": 60}]}]
        }))
        .unwrap();
        assert_eq!(read.workflows[0].template, "customer-onboarding");
        assert_eq!(read.workflows[0].tests[0].timeout_seconds, 60);
    }

    #[test]
    fn a_later_step_takes_what_an_earlier_one_gave() {
        let before = json!([{"status": "SUCCEEDED", "output": {"order": {"id": 7}}}]);
        let input = json!({"order_id": {"$from": "/0/output/order/id"}, "rest": [1, {"$from": "/0/status"}]});
        assert_eq!(
            fill_in(&input, &before),
            Ok(json!({"order_id": 7, "rest": [1, "SUCCEEDED"]}))
        );
        assert!(fill_in(&json!({"$from": "/1/output"}), &before).is_err());
    }
}
