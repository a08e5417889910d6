//! What the judge is told: counts, nothing else. Stored with every look, so that every verdict can be computed again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::budget::{Slo, Spending};
use super::guard::GuardReading;
use super::real;

/// The canary's share of the starts while an alias routes to two versions: strictly between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl Share {
    /// `None` for 0 and 100 percent: with one version there is no draw, and so no randomised comparison.
    pub fn of_percent(percent: u8) -> Option<Self> {
        (1..=99)
            .contains(&percent)
            .then(|| Self(f64::from(percent) / 100.0))
    }

    /// Between 0 and 1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The share of the failures a canary may have that fails `ratio` times as often as the stable version.
    pub(super) fn tilted(self, ratio: f64) -> f64 {
        self.0 * ratio / (self.0 * ratio + 1.0 - self.0)
    }
}

/// Closed executions and how many of them failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Tally {
    /// Executions that ended (ABORTED not counted).
    pub closed: u64,
    /// Of those, FAILED or TIMED_OUT.
    pub failed: u64,
}

impl Tally {
    /// Failed of closed; 0 when nothing closed.
    pub fn rate(self) -> f64 {
        if self.closed == 0 {
            0.0
        } else {
            real(self.failed) / real(self.closed)
        }
    }
}

/// Executions of one rank in the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RankCount {
    /// How many of the baseline's durations are at most as long.
    pub bucket: u32,
    /// Executions.
    pub count: u64,
}

/// What one version did in one weight period.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ArmCounts {
    /// Closed and failed executions.
    #[serde(flatten)]
    pub tally: Tally,
    /// ABORTED executions: stopped by someone, so neutral.
    pub aborted: u64,
    /// Executions still running.
    pub open: u64,
    /// Executions that ran, or have been running, longer than the baseline's 99th percentile.
    pub overdue: u64,
    /// Closed executions by rank of their duration. Empty without a baseline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranks: Vec<RankCount>,
}

/// A stretch of time in which the alias routed with one weight, outside of settling windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Period {
    /// The canary's weight, percent.
    pub weight: u8,
    /// The stable version's executions started in it.
    pub stable: ArmCounts,
    /// The canary's executions started in it.
    pub canary: ArmCounts,
}

/// The stable version's durations before the deployment, frozen when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Baseline {
    /// How many durations it holds.
    pub size: u32,
    /// Its 99th percentile plus the tolerance, milliseconds: longer is overdue.
    pub overdue_after_ms: i64,
}

/// An error name the stable version never gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewError {
    /// For example `States.Runtime`.
    pub error: String,
    /// How many canary executions ended with it.
    pub count: u64,
}

/// What an alarm of the environment says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmReading {
    /// The alarm's name.
    pub name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
}

/// Everything known at one look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// The weight periods, oldest first.
    pub periods: Vec<Period>,
    /// Every execution of the new version through the alias, settling windows and full weight included: what the
    /// absolute guards read.
    pub canary: Tally,
    /// Its aborted executions.
    pub canary_aborted: u64,
    /// The stable version before the deployment.
    pub history: Tally,
    /// `None`: too few closed executions to rank durations against.
    pub baseline: Option<Baseline>,
    /// Definition-level errors never seen before.
    #[serde(default)]
    pub new_errors: Vec<NewError>,
    /// The configured alarms.
    #[serde(default)]
    pub alarms: Vec<AlarmReading>,
    /// What the guards said that ask outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardReading>,
    /// The template's promise and what was spent of it; none without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<(Slo, Spending)>,
    /// Express executions at AWS as CloudWatch counts them, minute by minute, best effort: no execution can be asked there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<Period>,
}
