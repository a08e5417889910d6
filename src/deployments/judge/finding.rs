//! What the judge found at one look, as it is stored and shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The three comparisons with the control arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestName {
    /// More failures.
    Failures,
    /// Longer durations.
    Slow,
    /// Executions that do not end.
    Hang,
    /// More failures, of Express executions as CloudWatch counts them.
    Measured,
}

/// One comparison's e-value against its threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestReading {
    /// Which one.
    pub test: TestName,
    /// The evidence of harm: 1 is none, each factor of ten is ten times more surprising if the canary is no worse.
    pub e_value: f64,
    /// Harm is called at this e-value.
    pub threshold: f64,
}

/// Why a version is taken back or held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// It fails more often than the control arm.
    Failures,
    /// It is slower than the control arm.
    Slow,
    /// It leaves more executions open than the control arm.
    Hang,
    /// `max_failure_rate` is exceeded.
    FailureRate,
    /// `max_abort_rate` is exceeded.
    AbortRate,
    /// It fails more often than its predecessor used to (no control arm).
    History,
    /// An alarm is in ALARM.
    Alarm,
    /// A definition-level error that was never seen before.
    NewError,
    /// A guard that asks outside said no.
    Guard,
    /// The template's error budget burns.
    Budget,
}

/// What was found, and the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// A sentence with the numbers.
    pub detail: String,
}

/// How well the new version is known to be healthy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Its failure rate is at most this, at all looks together (95 %).
    pub failure_rate_upper: f64,
    /// The same at this look alone (Clopper-Pearson, 95 %), for comparison with other tools.
    pub failure_rate_upper_fixed: f64,
    /// What it is compared with: the stable version's rate plus the margin.
    pub allowed: f64,
}

impl Health {
    /// Whether the bound is below what is allowed.
    pub fn shown(&self) -> bool {
        self.failure_rate_upper <= self.allowed
    }
}

/// All numbers of one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reading {
    /// The three comparisons.
    pub tests: Vec<TestReading>,
    /// Evidence of health.
    pub health: Health,
    /// Reasons to roll back.
    pub harm: Vec<Finding>,
    /// Reasons to hold and ask a person.
    pub hold: Vec<Finding>,
}
