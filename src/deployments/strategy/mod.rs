//! Strategies: what a person writes ([`Strategy`]), and the course it means ([`Course`]), with every default filled in.
//!
//! Everything about traffic is done with one alias and two versions (Step Functions developer guide, "State machine
//! versions and aliases"); a strategy only says which weights, for how long, and what must be seen before the next.

mod read;
mod resolve;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use resolve::{Course, CourseStep, Resolved, Waves};

/// How the weight moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrategyKind {
    /// All at once.
    Direct,
    /// Tested beside the old version, then all at once; the old version stays ready.
    BlueGreen,
    /// Step by step, judged against the old version at each.
    Canary,
    /// In equal steps.
    Linear,
    /// In waves over environments.
    Rolling,
}

impl StrategyKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Direct,
        Self::BlueGreen,
        Self::Canary,
        Self::Linear,
        Self::Rolling,
    ];

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// As written in requests, answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::BlueGreen => "blue_green",
            Self::Canary => "canary",
            Self::Linear => "linear",
            Self::Rolling => "rolling",
        }
    }
}

/// One step of a canary, as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StrategyStep {
    /// The new version's share of the starts, percent, 1 to 100.
    pub weight: u8,
    /// How long to stay, seconds. Default 300; 0 for the last step, whose bake is `final_bake_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_seconds: Option<u64>,
    /// Executions of the new version that must have closed. Default 30 for bakes of a minute or longer, else 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_samples: Option<u64>,
}

/// A strategy as written. Fields that do not belong to its type are refused. A bare name stands for all defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Strategy {
    /// Which.
    #[serde(rename = "type")]
    pub kind: StrategyKind,
    /// canary: the steps. Default 10, 50, 100 percent, five minutes each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<StrategyStep>>,
    /// canary: go no further than this weight without a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_weight: Option<u8>,
    /// linear: percent per step, 1 to 99. Default 10; 25 for rolling over one environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub increment: Option<u8>,
    /// linear: seconds per step. Default 60; 300 for rolling over one environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u64>,
    /// rolling: environments, wave by wave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waves: Option<Vec<Vec<String>>>,
    /// rolling: the strategy within each environment. Default direct.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub inner: Option<Box<Strategy>>,
    /// rolling: environments moved at the same time within a wave. Default all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// rolling: what to take back when a wave fails. Default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// blue_green: an alias that leads to the new version before it gets traffic, for people to look at it. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
    /// Starts this soon after a change of weights count in no comparison: the alias is eventually consistent. Default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settling_seconds: Option<u64>,
    /// How long all traffic is watched at the end. Default 600, blue_green 1800; rolling: between waves, 900.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_bake_seconds: Option<u64>,
    /// How long a step may wait for its samples. Default six hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bake_seconds: Option<u64>,
}

/// What is taken back when one of several deployments fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Everything that was moved.
    #[default]
    RollbackAll,
    /// Only what failed.
    RollbackFailed,
    /// Nothing more than what takes itself back; the rest is not started.
    Stop,
}

/// The strategy of a request: written out, or the name of one that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum StrategyChoice {
    /// `PUT /v1/strategies/{id}` kept it.
    Named(String),
    /// Written out, or a bare type.
    Written(Box<Strategy>),
}

impl From<Strategy> for StrategyChoice {
    fn from(strategy: Strategy) -> Self {
        Self::Written(Box::new(strategy))
    }
}

/// A strategy that can't be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`strategy.{field}` {reason}")]
pub struct StrategyError {
    /// The field, as a path below `strategy`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Strategy {
    /// A strategy with all defaults.
    pub fn of(kind: StrategyKind) -> Self {
        Self {
            kind,
            steps: None,
            max_weight: None,
            increment: None,
            interval_seconds: None,
            waves: None,
            inner: None,
            max_parallel: None,
            on_failure: None,
            preview: None,
            settling_seconds: None,
            final_bake_seconds: None,
            max_bake_seconds: None,
        }
    }
}

#[cfg(test)]
mod tests;
