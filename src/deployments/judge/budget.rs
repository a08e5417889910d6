//! The error budget: how much failing a template's objective leaves, and how fast it is being spent.
//!
//! Burn rate: the failure rate divided by the share that may fail. At 1 the budget lasts exactly its window; at 14.4 two
//! percent of a 30-day budget are gone in an hour, which is where Google's SRE workbook (chapter 5) pages somebody.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::lower_bound;
use super::evidence::Tally;
use super::real;

/// Where a fast burn begins unless the analysis says otherwise.
pub const BURN_RATE_DEFAULT: f64 = 14.4;

/// The confidence that a burn is no accident: 95 %, at all looks together.
const BURN_ALPHA: f64 = 0.05;

/// What a template promises.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// The share of closed executions that succeed, percent: above 0 and below 100, such as 99.5.
    pub objective_percent: f64,
    /// Over how many days, 1 to 90. Default 28.
    #[serde(default = "four_weeks")]
    pub window_days: u32,
}

fn four_weeks() -> u32 {
    28
}

impl Slo {
    /// What is wrong with it: (field, what).
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        if !(self.objective_percent > 0.0 && self.objective_percent < 100.0) {
            found.push(("objective_percent", "is not between 0 and 100"));
        }
        if !(1..=90).contains(&self.window_days) {
            found.push(("window_days", "is not within 1 to 90"));
        }
        found
    }

    /// The share that may fail.
    fn allowed(&self) -> f64 {
        1.0 - self.objective_percent / 100.0
    }
}

/// What a burning budget does to a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBudgetBurn {
    /// It pauses.
    #[default]
    Pause,
    /// It is taken back.
    Rollback,
    /// Nothing; it is shown.
    Ignore,
}

/// What was spent of the budget, both versions together: the promise is the alias's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Spending {
    /// The whole window.
    pub window: Tally,
    /// Since the deployment moved traffic, at most the last hour.
    pub recent: Tally,
}

/// How the budget stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// The promise.
    pub slo: Slo,
    /// What was spent.
    pub spending: Spending,
    /// What is left of the window's budget, 1 all of it, 0 none, below 0 overspent.
    pub remaining: f64,
    /// How many times faster than allowed it is being spent.
    pub burn_rate: f64,
    /// The burn rate is surely at least this.
    pub burn_rate_lower: f64,
}

impl Budget {
    /// Computes it.
    pub fn of(slo: Slo, spending: Spending) -> Self {
        let allowed = slo.allowed();
        let budget = allowed * real(spending.window.closed);
        let remaining = if budget > 0.0 {
            1.0 - real(spending.window.failed) / budget
        } else {
            1.0
        };
        Self {
            slo,
            spending,
            remaining,
            burn_rate: spending.recent.rate() / allowed,
            burn_rate_lower: lower_bound(spending.recent, BURN_ALPHA) / allowed,
        }
    }

    /// Why traffic should not go on to the new version; none while it may.
    pub fn alarm(&self, max_burn_rate: f64) -> Option<String> {
        let Tally { closed, failed } = self.spending.recent;
        let promise = self.slo.objective_percent;
        if self.burn_rate_lower > max_burn_rate {
            return Some(format!(
                "the error budget of {promise} % burns {:.1} times too fast ({failed} of {closed} executions failed), surely more than {max_burn_rate}",
                self.burn_rate
            ));
        }
        if self.remaining <= 0.0 && self.burn_rate_lower > 1.0 {
            return Some(format!(
                "the error budget of {promise} % over {} days is spent, and it goes on burning ({failed} of {closed} executions failed)",
                self.slo.window_days
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLO: Slo = Slo {
        objective_percent: 99.0,
        window_days: 28,
    };

    fn budget(window: (u64, u64), recent: (u64, u64)) -> Budget {
        let tally = |(failed, closed)| Tally { closed, failed };
        Budget::of(
            SLO,
            Spending {
                window: tally(window),
                recent: tally(recent),
            },
        )
    }

    #[test]
    fn what_is_left_and_how_fast_it_goes() {
        let half = budget((50, 10_000), (2, 100));
        assert!((half.remaining - 0.5).abs() < 1e-9);
        assert!((half.burn_rate - 2.0).abs() < 1e-9);
        assert!(
            (budget((0, 0), (0, 0)).remaining - 1.0).abs() < 1e-9,
            "nothing ran, nothing is spent"
        );
    }

    #[test]
    fn a_fast_burn_and_a_spent_budget_alarm_and_a_few_failures_do_not() {
        assert_eq!(
            budget((10, 10_000), (1, 5)).alarm(BURN_RATE_DEFAULT),
            None,
            "one failure is an accident"
        );
        let fast = budget((10, 10_000), (40, 100)).alarm(BURN_RATE_DEFAULT).unwrap();
        assert!(fast.contains("times too fast"), "{fast}");
        let spent = budget((200, 10_000), (100, 1_500))
            .alarm(BURN_RATE_DEFAULT)
            .unwrap();
        assert!(spent.contains("is spent"), "{spent}");
        assert_eq!(
            budget((200, 10_000), (0, 1_500)).alarm(BURN_RATE_DEFAULT),
            None,
            "spent before, not now"
        );
    }
}
