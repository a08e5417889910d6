//! What is asked for when a deployment is to start, and what may be wrong with it: pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::judge::Analysis;
use super::model::InFlightPolicy;
use super::strategy::StrategyChoice;
use super::tests::{Tests, TestsWritten};
use crate::approvals::Gate;

/// What to do when another deployment of the same template and environment is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// 409.
    #[default]
    Reject,
    /// Wait in line.
    Queue,
    /// The other one goes back to its stable version and ends; this one follows.
    Supersede,
}

/// What happens to running executions when it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OnRollback {
    /// Default `leave`.
    pub in_flight: InFlightPolicy,
    /// Whether the workflow may run twice with the same input. `stop_and_restart` of one that may not, or of which nobody says
    /// so, asks for an approval before traffic moves. Default false.
    pub idempotent: bool,
}

/// A deployment that is asked for. Only `template` is required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartDeployment {
    /// The template's name.
    pub template: String,
    /// The revision. Default the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i32>,
    /// The environment's name. Default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// For a rolling deployment: environments, one wave each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
    /// How, or the name of a strategy that is kept. Default `blue_green`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyChoice>,
    /// Run against the new version before it gets traffic: a list of cases, or `{"cases": […], "replay": {…}}`.
    #[serde(default, skip_serializing_if = "Tests::is_empty")]
    #[schema(value_type = Option<TestsWritten>)]
    pub tests: Tests,
    /// Whether somebody else must agree before traffic moves. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_required: Option<bool>,
    /// Who must agree, and when; instead of the one approver of `approval_required`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Whether it takes itself back when it is worse. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_enabled: Option<bool>,
    /// Whether executions are judged. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_enabled: Option<bool>,
    /// SNS topics besides the environment's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notification_topics: Vec<String>,
    /// How strictly to judge.
    #[serde(default)]
    pub analysis: Analysis,
    /// The name of an analysis that is kept, instead of `analysis`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis_template: Option<String>,
    /// When another deployment is active. Default `reject`.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// When it is taken back.
    #[serde(default)]
    pub on_rollback: OnRollback,
    /// Whether starts that bypass the alias keep the old definition. Default: when there are such starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect_unqualified: Option<bool>,
    /// Why a revision that took itself back here before is deployed nevertheless: an admin's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_quarantine: Option<String>,
    /// Why, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer into the body.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}
