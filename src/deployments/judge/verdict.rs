//! From evidence to a verdict.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::{clopper_pearson_upper, lower_bound, upper_bound};
use super::budget::{Budget, OnBudgetBurn};
use super::evidence::{ArmCounts, Evidence, Period, Share, Tally};
use super::guard::{GuardState, OnBreach};
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
const HEALTH_ALPHA: f64 = 0.05;

/// Added to what history's failure rate may be at most before a version without control arm is called worse.
const HISTORY_MARGIN: f64 = 0.05;

/// A definition-level error never seen before holds a deployment when it came this often (DEPLOYMENTS: three times).
const NEW_ERRORS_HOLD: u64 = 3;

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

/// What was said outside: guards, and the error budget.
fn outside(analysis: &Analysis, evidence: &Evidence) -> Vec<(OnBreach, Finding)> {
    let mut found: Vec<_> = evidence
        .guards
        .iter()
        .filter(|guard| guard.state == GuardState::Breached)
        .map(|guard| {
            let detail = format!("the guard `{}` says no: {}", guard.name, guard.detail);
            let kind = FindingKind::Guard;
            (guard.on_breach, Finding { kind, detail })
        })
        .collect();
    let on_burn = match analysis.on_budget_burn {
        OnBudgetBurn::Pause => OnBreach::Hold,
        OnBudgetBurn::Rollback => OnBreach::Rollback,
        OnBudgetBurn::Ignore => return found,
    };
    let budget = evidence.budget.map(|(slo, spending)| Budget::of(slo, spending));
    let burns = budget.and_then(|budget| budget.alarm(analysis.max_burn_rate));
    found.extend(burns.map(|detail| {
        let kind = FindingKind::Budget;
        (on_burn, Finding { kind, detail })
    }));
    found
}

/// What needs no control arm.
fn guards(analysis: &Analysis, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    let canary = evidence.canary;
    let surely = lower_bound(canary, analysis.alpha);
    if let Some(most) = analysis.max_failure_rate.filter(|most| surely > *most) {
        let detail = format!(
            "{} of {} executions of the new version failed: surely more than {}, allowed are {}",
            canary.failed,
            canary.closed,
            percent(surely),
            percent(most)
        );
        found.push(Finding {
            kind: FindingKind::FailureRate,
            detail,
        });
    }
    let stopped = Tally {
        closed: canary.closed + evidence.canary_aborted,
        failed: evidence.canary_aborted,
    };
    if let Some(most) = analysis
        .max_abort_rate
        .filter(|most| lower_bound(stopped, analysis.alpha) > *most)
    {
        let detail = format!(
            "{} of {} executions of the new version were aborted, allowed are {}",
            stopped.failed,
            stopped.closed,
            percent(most)
        );
        found.push(Finding {
            kind: FindingKind::AbortRate,
            detail,
        });
    }
    if analysis.compare_with_history && without_control(evidence) {
        let used_to = upper_bound(evidence.history, HEALTH_ALPHA) + HISTORY_MARGIN;
        if surely > used_to {
            let detail = format!(
                "{} of {} executions of the new version failed; before, at most {} did (historical comparison, \
                 without a control arm)",
                canary.failed,
                canary.closed,
                percent(used_to - HISTORY_MARGIN)
            );
            found.push(Finding {
                kind: FindingKind::History,
                detail,
            });
        }
    }
    for alarm in evidence.alarms.iter().filter(|alarm| alarm.state == "ALARM") {
        found.push(Finding {
            kind: FindingKind::Alarm,
            detail: format!("alarm `{}` is in ALARM", alarm.name),
        });
    }
    found
}

/// Whether the newest executions have nothing to be compared with at random: all weight is on the new version.
fn without_control(evidence: &Evidence) -> bool {
    evidence
        .periods
        .last()
        .is_none_or(|period| Share::of_percent(period.weight).is_none())
}

fn holds(evidence: &Evidence) -> Vec<Finding> {
    evidence
        .new_errors
        .iter()
        .filter(|new| new.count >= NEW_ERRORS_HOLD)
        .map(|new| Finding {
            kind: FindingKind::NewError,
            detail: format!("`{}` came {} times and never before", new.error, new.count),
        })
        .collect()
}

/// A rate for people: `2.5 %`.
fn percent(rate: f64) -> String {
    format!("{:.1} %", rate * real(100))
}

#[cfg(test)]
mod tests {
    use super::super::evidence::{AlarmReading, Baseline, NewError, Period, RankCount};
    use super::*;

    fn arm(failed: u64, closed: u64) -> ArmCounts {
        ArmCounts {
            tally: Tally { closed, failed },
            ..ArmCounts::default()
        }
    }

    fn evidence(weight: u8, stable: ArmCounts, canary: ArmCounts) -> Evidence {
        Evidence {
            canary: canary.tally,
            history: Tally {
                closed: 100,
                failed: 0,
            },
            periods: vec![Period {
                weight,
                stable,
                canary,
            }],
            ..Evidence::default()
        }
    }

    fn verdict(analysis: &Analysis, evidence: &Evidence, demand: Demand) -> Verdict {
        judge(analysis, evidence).verdict(demand, evidence.canary)
    }

    fn kind(verdict: &Verdict) -> Option<FindingKind> {
        match verdict {
            Verdict::Harm(finding) | Verdict::Hold(finding) => Some(finding.kind),
            Verdict::Pass | Verdict::InsufficientData { .. } => None,
        }
    }

    #[test]
    fn a_canary_that_always_fails_is_harm_after_its_third_failure() {
        let analysis = Analysis::default();
        let two = evidence(10, arm(0, 18), arm(2, 2));
        assert!(matches!(
            verdict(&analysis, &two, Demand::default()),
            Verdict::Pass
        ));
        let three = evidence(10, arm(0, 27), arm(3, 3));
        assert_eq!(
            kind(&verdict(&analysis, &three, Demand::default())),
            Some(FindingKind::Failures)
        );
    }

    #[test]
    fn a_shared_outage_is_no_harm() {
        let outage = evidence(10, arm(450, 900), arm(50, 100));
        assert_eq!(
            verdict(&Analysis::default(), &outage, Demand::default()),
            Verdict::Pass
        );
    }

    #[test]
    fn failing_sooner_is_not_failing_more_often_while_the_stable_executions_still_run() {
        let slow_workflow = |canary_failed| {
            let mut seen = evidence(10, arm(0, 2), arm(canary_failed, 12));
            seen.periods[0].stable.open = 180;
            seen.history = Tally {
                closed: 500,
                failed: 25,
            };
            verdict(&Analysis::default(), &seen, Demand::default())
        };
        assert_eq!(
            slow_workflow(4),
            Verdict::Pass,
            "five percent of 180 will fail too"
        );
        assert_eq!(kind(&slow_workflow(12)), Some(FindingKind::Failures));
    }

    #[test]
    fn too_few_samples_are_insufficient_and_not_a_pass() {
        let demand = Demand {
            min_samples: 30,
            health: false,
        };
        let few = evidence(10, arm(0, 100), arm(0, 10));
        assert!(matches!(
            verdict(&Analysis::default(), &few, demand),
            Verdict::InsufficientData { .. }
        ));
        let enough = evidence(10, arm(0, 300), arm(0, 30));
        assert_eq!(verdict(&Analysis::default(), &enough, demand), Verdict::Pass);
    }

    #[test]
    fn health_is_shown_by_hundreds_of_clean_executions_not_by_thirty() {
        let demand = Demand {
            min_samples: 30,
            health: true,
        };
        let thirty = evidence(50, arm(0, 30), arm(0, 30));
        assert!(matches!(
            verdict(&Analysis::default(), &thirty, demand),
            Verdict::InsufficientData { .. }
        ));
        let hundreds = evidence(50, arm(0, 600), arm(0, 600));
        assert_eq!(verdict(&Analysis::default(), &hundreds, demand), Verdict::Pass);
    }

    #[test]
    fn slow_and_hanging_canaries_are_told_apart() {
        let ranks = |at: &[(u32, u64)]| {
            at.iter()
                .map(|&(bucket, count)| RankCount { bucket, count })
                .collect()
        };
        let baseline = Some(Baseline {
            size: 100,
            overdue_after_ms: 1_000,
        });
        let mut slow = evidence(50, arm(0, 100), arm(0, 100));
        slow.baseline = baseline;
        slow.periods[0].stable.ranks = ranks(&[(10, 50), (90, 50)]);
        slow.periods[0].canary.ranks = ranks(&[(100, 100)]);
        assert_eq!(
            kind(&verdict(&Analysis::default(), &slow, Demand::default())),
            Some(FindingKind::Slow)
        );

        let mut hang = evidence(10, arm(0, 100), arm(0, 0));
        hang.baseline = baseline;
        hang.periods[0].canary.overdue = 5;
        assert_eq!(
            kind(&verdict(&Analysis::default(), &hang, Demand::default())),
            Some(FindingKind::Hang)
        );
    }

    #[test]
    fn without_a_control_arm_the_past_is_the_measure_unless_switched_off() {
        let mut direct = evidence(100, arm(0, 0), arm(6, 6));
        assert_eq!(
            kind(&verdict(&Analysis::default(), &direct, Demand::default())),
            Some(FindingKind::History)
        );
        let off = Analysis {
            compare_with_history: false,
            ..Analysis::default()
        };
        assert_eq!(verdict(&off, &direct, Demand::default()), Verdict::Pass);
        direct.history = Tally {
            closed: 100,
            failed: 95,
        };
        assert_eq!(
            verdict(&Analysis::default(), &direct, Demand::default()),
            Verdict::Pass
        );
        direct.history = Tally::default();
        assert_eq!(
            verdict(&Analysis::default(), &direct, Demand::default()),
            Verdict::Pass,
            "no past, no measure"
        );
    }

    #[test]
    fn guards_fire_on_rates_alarms_and_errors_never_seen() {
        let analysis = Analysis {
            max_failure_rate: Some(0.2),
            max_abort_rate: Some(0.5),
            ..Analysis::default()
        };
        let failing = evidence(90, arm(0, 0), arm(4, 4));
        assert_eq!(
            kind(&verdict(&analysis, &failing, Demand::default())),
            Some(FindingKind::FailureRate)
        );

        let mut stopped = evidence(10, arm(0, 100), arm(0, 1));
        stopped.canary_aborted = 30;
        assert_eq!(
            kind(&verdict(&analysis, &stopped, Demand::default())),
            Some(FindingKind::AbortRate)
        );

        let mut alarmed = evidence(10, arm(0, 100), arm(0, 10));
        alarmed.alarms = vec![AlarmReading {
            name: "errors".into(),
            state: "ALARM".into(),
        }];
        assert_eq!(
            kind(&verdict(&analysis, &alarmed, Demand::default())),
            Some(FindingKind::Alarm)
        );

        let mut odd = evidence(10, arm(0, 100), arm(0, 10));
        odd.new_errors = vec![NewError {
            error: "States.Runtime".into(),
            count: 3,
        }];
        let Verdict::Hold(finding) = verdict(&analysis, &odd, Demand::default()) else {
            panic!("should hold")
        };
        assert_eq!(finding.kind, FindingKind::NewError);
    }

    #[test]
    fn a_guard_that_says_no_does_what_it_was_told_to_and_one_without_an_answer_nothing() {
        use super::super::guard::GuardReading;
        let said = |state, on_breach| {
            let mut seen = evidence(10, arm(0, 100), arm(0, 10));
            seen.guards = vec![GuardReading {
                name: "orders per minute".into(),
                state,
                on_breach,
                detail: "3 is below 100".into(),
            }];
            verdict(&Analysis::default(), &seen, Demand::default())
        };
        assert!(matches!(
            said(GuardState::Breached, OnBreach::Rollback),
            Verdict::Harm(_)
        ));
        assert!(matches!(
            said(GuardState::Breached, OnBreach::Hold),
            Verdict::Hold(_)
        ));
        for state in [GuardState::Quiet, GuardState::Unknown] {
            assert_eq!(said(state, OnBreach::Rollback), Verdict::Pass);
        }
    }

    #[test]
    fn a_burning_budget_pauses_takes_back_or_is_only_shown() {
        use super::super::budget::{Slo, Spending};
        let mut seen = evidence(50, arm(20, 50), arm(20, 50));
        let recent = Tally {
            closed: 100,
            failed: 40,
        };
        let slo = Slo {
            objective_percent: 99.0,
            window_days: 28,
        };
        seen.budget = Some((
            slo,
            Spending {
                window: recent,
                recent,
            },
        ));
        for (on_budget_burn, expected) in [
            (OnBudgetBurn::Pause, Some(FindingKind::Budget)),
            (OnBudgetBurn::Rollback, Some(FindingKind::Budget)),
            (OnBudgetBurn::Ignore, None),
        ] {
            let analysis = Analysis {
                on_budget_burn,
                ..Analysis::default()
            };
            let said = verdict(&analysis, &seen, Demand::default());
            assert_eq!(kind(&said), expected, "{on_budget_burn:?}");
            let back = matches!(said, Verdict::Harm(_));
            assert_eq!(back, on_budget_burn == OnBudgetBurn::Rollback);
        }
    }

    #[test]
    fn cloudwatchs_counts_decide_with_a_stricter_part_and_are_labelled() {
        let measured = |failed| {
            let period = Period {
                weight: 10,
                stable: arm(0, 90),
                canary: arm(failed, 10),
            };
            let seen = Evidence {
                measured: vec![period],
                ..Evidence::default()
            };
            verdict(&Analysis::default(), &seen, Demand::default())
        };
        assert_eq!(
            measured(3),
            Verdict::Pass,
            "three are enough only where each was seen"
        );
        let Verdict::Harm(finding) = measured(6) else {
            panic!("should be harm")
        };
        assert!(finding.detail.contains("best effort"), "{}", finding.detail);
    }

    #[test]
    fn a_verdict_is_computed_again_from_its_stored_evidence() {
        let mut seen = evidence(10, arm(1, 90), arm(3, 10));
        seen.baseline = Some(Baseline {
            size: 50,
            overdue_after_ms: 100,
        });
        let stored = serde_json::to_string(&seen).unwrap();
        let again: Evidence = serde_json::from_str(&stored).unwrap();
        assert_eq!(
            judge(&Analysis::default(), &seen),
            judge(&Analysis::default(), &again)
        );
    }
}
