//! What speaks against a version without a comparison: bounds, alarms, the past, errors never seen, and what is said outside.

use super::bounds::{lower_bound, upper_bound};
use super::budget::{Budget, OnBudgetBurn};
use super::evidence::{Evidence, Share, Tally};
use super::finding::{Finding, FindingKind};
use super::guard::{GuardState, OnBreach};
use super::settings::Analysis;
use super::verdict::{HEALTH_ALPHA, percent};

/// Added to what history's failure rate may be at most before a version without control arm is called worse.
const HISTORY_MARGIN: f64 = 0.05;

/// A definition-level error never seen before holds a deployment when it came this often (DEPLOYMENTS: three times).
const NEW_ERRORS_HOLD: u64 = 3;

/// What was said outside: guards, and the error budget.
pub(super) fn outside(analysis: &Analysis, evidence: &Evidence) -> Vec<(OnBreach, Finding)> {
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
pub(super) fn guards(analysis: &Analysis, evidence: &Evidence) -> Vec<Finding> {
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

/// Errors of the definition that nobody saw before.
pub(super) fn holds(evidence: &Evidence) -> Vec<Finding> {
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
