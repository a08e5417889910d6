//! How strictly to judge: the `analysis` of a deployment.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::budget::{BURN_RATE_DEFAULT, OnBudgetBurn};
use super::guard::{GUARDS_MAX, Guard};

/// What to do when a step's time is over and its samples are too few to say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnInsufficientData {
    /// Pause and wait for a person.
    #[default]
    Hold,
    /// Wait for another `max_bake_seconds`.
    Extend,
    /// Go on without evidence.
    Promote,
    /// Take the version back.
    Rollback,
}

/// How strictly to judge. Every field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Analysis {
    /// The chance, over the whole deployment and however often one looks, that a version no worse is rolled back by the
    /// three comparisons. Default 0.01.
    pub alpha: f64,
    /// The ratio of failure rates still counted as no worse. Default 1.0.
    pub tolerance: f64,
    /// A canary execution may be this much slower and still count as equal, milliseconds. Default 50.
    pub slow_tolerance_ms: u32,
    /// Roll back when the new version's failure rate is surely above this, whatever the old one does.
    pub max_failure_rate: Option<f64>,
    /// Roll back when the share of aborted executions of the new version is surely above this.
    pub max_abort_rate: Option<f64>,
    /// Whether a step needs its canary's failure rate bounded below the stable one plus `health_margin`. Default: at
    /// weights from 50 on, for steps that bake a minute or longer.
    pub require_evidence_of_health: Option<bool>,
    /// See `require_evidence_of_health`. Default 0.02.
    pub health_margin: f64,
    /// What to do when `max_bake_seconds` is over without enough samples.
    pub on_insufficient_data: OnInsufficientData,
    /// Without a control arm (direct, blue/green, the final bake): whether to compare with the version's past. Weaker
    /// than the randomised comparison: an outage looks like a regression. Default true.
    pub compare_with_history: bool,
    /// CloudWatch alarms of the environment's account: one in ALARM rolls back. A name that does not exist is an error.
    pub alarms: Vec<String>,
    /// Guards that ask outside: webhooks, Prometheus, CloudWatch's throttles. At most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Guard>,
    /// Where the template has an SLO: what happens when its error budget burns. Default `pause`.
    pub on_budget_burn: OnBudgetBurn,
    /// The budget burns when it is surely spent this many times faster than allowed. Default 14.4.
    pub max_burn_rate: f64,
    /// A state that makes no progress for this long, seconds, ends the deployment: it is taken back, or fails before traffic
    /// moved. Bakes, gates, pauses and closed change windows do not count. Default: no deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<u64>,
    /// How many of the stable version's last closed executions make the baseline of durations. Default 500.
    pub baseline_size: u32,
}

impl Default for Analysis {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            tolerance: 1.0,
            slow_tolerance_ms: 50,
            max_failure_rate: None,
            max_abort_rate: None,
            require_evidence_of_health: None,
            health_margin: 0.02,
            on_insufficient_data: OnInsufficientData::Hold,
            compare_with_history: true,
            alarms: Vec::new(),
            guards: Vec::new(),
            on_budget_burn: OnBudgetBurn::Pause,
            max_burn_rate: BURN_RATE_DEFAULT,
            progress_deadline_seconds: None,
            baseline_size: 500,
        }
    }
}

/// A setting outside of its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`analysis.{field}` must be {range}")]
pub struct AnalysisError {
    /// The field's name.
    pub field: &'static str,
    /// What it may be.
    pub range: &'static str,
}

impl Analysis {
    /// All fields outside of their ranges.
    pub fn problems(&self) -> Vec<AnalysisError> {
        let rate = |value: Option<f64>| value.is_none_or(|rate| rate > 0.0 && rate < 1.0);
        let rules = [
            (
                "alpha",
                "above 0 and at most 0.2",
                self.alpha > 0.0 && self.alpha <= 0.2,
            ),
            (
                "tolerance",
                "from 1 to 10",
                (1.0..=10.0).contains(&self.tolerance),
            ),
            (
                "slow_tolerance_ms",
                "at most 86,400,000",
                self.slow_tolerance_ms <= 86_400_000,
            ),
            ("max_failure_rate", "between 0 and 1", rate(self.max_failure_rate)),
            ("max_abort_rate", "between 0 and 1", rate(self.max_abort_rate)),
            (
                "health_margin",
                "above 0 and below 1",
                self.health_margin > 0.0 && self.health_margin < 1.0,
            ),
            ("alarms", "at most 100 names", self.alarms.len() <= 100),
            ("guards", "at most 20", self.guards.len() <= GUARDS_MAX),
            (
                "max_burn_rate",
                "from 1 to 1000",
                (1.0..=1_000.0).contains(&self.max_burn_rate),
            ),
            (
                "progress_deadline_seconds",
                "from 10 to 2592000",
                self.progress_deadline_seconds
                    .is_none_or(|seconds| (10..=2_592_000).contains(&seconds)),
            ),
            (
                "baseline_size",
                "from 20 to 2000",
                (20..=2000).contains(&self.baseline_size),
            ),
        ];
        rules
            .into_iter()
            .filter(|(_, _, holds)| !holds)
            .map(|(field, range, _)| AnalysisError { field, range })
            .collect()
    }
}
