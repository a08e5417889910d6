//! From evidence to a verdict.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::absolute::{guards, holds, outside};
use super::bounds::{clopper_pearson_upper, upper_bound};
use super::evidence::{ArmCounts, Evidence, Period, Share, Tally};
use super::finding::{Finding, FindingKind, Health, Reading, TestName, TestReading};
use super::guard::OnBreach;
use super::rank::RankTest;
use super::ratio::RatioTest;
use super::settings::Analysis;
use super::{Arm, real};

/// How alpha is split: failures, durations, hanging.
const SPLIT: [(TestName, f64); 3] = [
    (TestName::Failures, 0.5),
    (TestName::Slow, 0.4),
    (TestName::Hang, 0.1),
];

/// The split where CloudWatch's counts are read too. They are best effort (late, now and then twice), so they get a stricter
/// part, which is taken from the failures that were seen one by one.
const SPLIT_MEASURED: [(TestName, f64); 4] = [
    (TestName::Failures, 0.4),
    (TestName::Slow, 0.4),
    (TestName::Hang, 0.1),
    (TestName::Measured, 0.1),
];

/// The confidence of the evidence of health and of what is compared with history: 95 %.
pub(super) const HEALTH_ALPHA: f64 = 0.05;

/// What a step asks for before it may be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Closed canary executions.
    pub min_samples: u64,
    /// Whether health must be shown.
    pub health: bool,
}

/// What the judge says at one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against it, and the step's demands are met.
    Pass,
    /// It is worse: take it back.
    Harm(Finding),
    /// Something is odd: ask a person.
    Hold(Finding),
    /// Nothing speaks against it, but too little was seen.
    InsufficientData {
        /// What is missing, as a sentence.
        missing: String,
    },
}

/// Reads the evidence: the same evidence gives the same reading, always.
pub fn judge(analysis: &Analysis, evidence: &Evidence) -> Reading {
    let mut failures = RatioTest::new(analysis.tolerance);
    let mut hang = RatioTest::new(analysis.tolerance);
    let mut slow = RankTest::default();
    for period in &evidence.periods {
        let Some(share) = Share::of_percent(period.weight) else {
            continue;
        };
        failures.add(share, period.canary.tally.failed, period.stable.tally.failed);
        let Some(baseline) = evidence.baseline else {
            continue;
        };
        hang.add(share, period.canary.overdue, period.stable.overdue);
        for (arm, counts) in [(Arm::Stable, &period.stable), (Arm::Canary, &period.canary)] {
            for rank in &counts.ranks {
                let place = f64::from(rank.bucket) / f64::from(baseline.size.max(1));
                slow.add(share, arm, place.min(1.0), rank.count);
            }
        }
    }
    let (stable, canary) = arms(&evidence.periods);
    let failing = failing_rate(evidence.history, stable);
    for period in &evidence.periods {
        if let Some(share) = Share::of_percent(period.weight) {
            failures = failures.with_open(share, period.stable.open, failing);
        }
    }
    let mut measured = RatioTest::new(analysis.tolerance);
    for period in &evidence.measured {
        if let Some(share) = Share::of_percent(period.weight) {
            measured.add(share, period.canary.tally.failed, period.stable.tally.failed);
        }
    }
    let split: &[(TestName, f64)] = if evidence.measured.is_empty() {
        &SPLIT
    } else {
        &SPLIT_MEASURED
    };
    let tests: Vec<_> = split
        .iter()
        .copied()
        .map(|(test, part)| {
            let ln_e = match test {
                TestName::Failures => failures.ln_e(),
                TestName::Slow => slow.ln_e(),
                TestName::Hang => hang.ln_e(),
                TestName::Measured => measured.ln_e(),
            };
            TestReading {
                test,
                e_value: ln_e.min(690.0).exp(),
                threshold: 1.0 / (analysis.alpha * part),
            }
        })
        .collect();
    let health = health(analysis, evidence, stable);
    let mut harm: Vec<_> = tests
        .iter()
        .filter_map(|test| match test.test {
            TestName::Measured => comparison(test, arms(&evidence.measured).0, arms(&evidence.measured).1),
            TestName::Failures | TestName::Slow | TestName::Hang => comparison(test, stable, canary),
        })
        .collect();
    harm.extend(guards(analysis, evidence));
    let mut hold = holds(evidence);
    for (on_breach, finding) in outside(analysis, evidence) {
        match on_breach {
            OnBreach::Rollback => harm.push(finding),
            OnBreach::Hold => hold.push(finding),
        }
    }
    Reading {
        tests,
        health,
        harm,
        hold,
    }
}

impl Reading {
    /// The verdict for a step with these demands.
    pub fn verdict(&self, demand: Demand, canary: Tally) -> Verdict {
        if let Some(finding) = self.harm.first() {
            return Verdict::Harm(finding.clone());
        }
        if let Some(finding) = self.hold.first() {
            return Verdict::Hold(finding.clone());
        }
        if canary.closed < demand.min_samples {
            let missing = format!(
                "{} of {} executions of the new version closed",
                canary.closed, demand.min_samples
            );
            return Verdict::InsufficientData { missing };
        }
        if demand.health && !self.health.shown() {
            let Health {
                failure_rate_upper,
                allowed,
                ..
            } = self.health;
            let missing = format!(
                "its failure rate is only known to be below {}, {} is asked for",
                percent(failure_rate_upper),
                percent(allowed)
            );
            return Verdict::InsufficientData { missing };
        }
        Verdict::Pass
    }
}

/// How many of the stable version's open executions are to be expected to fail: not below what its past and this deployment
/// show (Clopper-Pearson, 95 %), nor below what they do at the moment, which an outage may have raised.
pub fn failing_rate(history: Tally, stable: Tally) -> f64 {
    let known = Tally {
        closed: history.closed + stable.closed,
        failed: history.failed + stable.failed,
    };
    clopper_pearson_upper(known, HEALTH_ALPHA).max(stable.rate())
}

/// Both arms over all periods.
fn arms(periods: &[Period]) -> (Tally, Tally) {
    let sum = |arm: fn(&Period) -> &ArmCounts| {
        periods.iter().map(arm).fold(Tally::default(), |sum, arm| Tally {
            closed: sum.closed + arm.tally.closed,
            failed: sum.failed + arm.tally.failed,
        })
    };
    (sum(|period| &period.stable), sum(|period| &period.canary))
}

fn health(analysis: &Analysis, evidence: &Evidence, stable: Tally) -> Health {
    // Without a control arm the past is the only measure.
    let reference = if stable.closed > 0 {
        stable
    } else {
        evidence.history
    };
    Health {
        failure_rate_upper: upper_bound(evidence.canary, HEALTH_ALPHA),
        failure_rate_upper_fixed: clopper_pearson_upper(evidence.canary, HEALTH_ALPHA),
        allowed: (reference.rate() + analysis.health_margin).min(1.0),
    }
}

fn comparison(test: &TestReading, stable: Tally, canary: Tally) -> Option<Finding> {
    if test.e_value < test.threshold {
        return None;
    }
    let (kind, what) = match test.test {
        TestName::Failures => (FindingKind::Failures, "fails more often than the stable version"),
        TestName::Slow => (FindingKind::Slow, "is slower than the stable version"),
        TestName::Hang => (
            FindingKind::Hang,
            "leaves more executions open than the stable version",
        ),
        TestName::Measured => (
            FindingKind::Failures,
            "fails more often than the stable version (CloudWatch's minutes, best effort)",
        ),
    };
    let detail = format!(
        "the new version {what}: {} of {} failed against {} of {}, evidence {:.0} (threshold {:.0})",
        canary.failed, canary.closed, stable.failed, stable.closed, test.e_value, test.threshold
    );
    Some(Finding { kind, detail })
}

/// A rate for people: `2.5 %`.
pub(super) fn percent(rate: f64) -> String {
    format!("{:.1} %", rate * real(100))
}

#[cfg(test)]
mod tests;
