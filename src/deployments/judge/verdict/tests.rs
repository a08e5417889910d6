//! What the judge says of evidence.

use super::super::budget::OnBudgetBurn;
use super::super::evidence::{AlarmReading, Baseline, NewError, Period, RankCount};
use super::super::guard::GuardState;
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
