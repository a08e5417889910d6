//! Is the new version worse than the old one? Asked after every execution, answered with a bounded chance of crying wolf.
//!
//! Three e-processes watch a canary against the stable version it shares an alias with: failures (`ratio`), durations
//! (`rank`) and executions that never end (`ratio` again, fed with overdue executions). Each is a product of factors
//! whose expectation is at most one as long as the canary is no worse, so by Ville's inequality the chance that it *ever*
//! reaches `1 / alpha_k` is at most `alpha_k`: one may look after every execution and stop at the first look that says so.
//! One `alpha` is split over the three (0.5 failures, 0.4 durations, 0.1 hanging).
//!
//! What makes the factors honest is that AWS draws the version of each start at random with the alias's weight. So given
//! that *some* execution failed, the chance that it was a canary's is at most the weight, whatever the failure rate is at
//! that hour: a shared outage hits both and proves nothing.
//!
//! Everything here is a function of counts. The counts of each weight period are stored with every look, so every verdict
//! can be computed again from its row. Nothing here reads a clock, a database or AWS.
//!
//! Sources: Lindon & Malek, "Anytime-Valid Inference for Multinomial Count Data", arXiv 2011.03567 (the ratio mixture);
//! Lindon, Sanden & Shirikian, "Rapid Regression Detection in Software Deployments through Sequential Testing",
//! arXiv 2205.14762 (sequential tests of stochastic order). `docs/JUDGE.md` has the measured operating characteristics.

mod absolute;
mod bounds;
pub mod budget;
mod evidence;
mod finding;
pub mod guard;
mod power;
mod rank;
mod ratio;
mod report;
mod settings;
mod verdict;

pub use bounds::{clopper_pearson_upper, lower_bound, upper_bound, wilson};
pub use budget::{BURN_RATE_DEFAULT, Budget, OnBudgetBurn, Slo, Spending};
pub use evidence::{AlarmReading, ArmCounts, Baseline, Evidence, NewError, Period, RankCount, Share, Tally};
pub use finding::{Finding, FindingKind, Health, Reading, TestName, TestReading};
pub use guard::{
    AskMethod, Guard, GuardReading, GuardState, OnBreach, PrometheusGuard, SecretHeader, ThrottledGuard,
    WebhookGuard,
};
pub use power::{Traffic, detectable_rate, executions_to_detect, failures_to_detect};
pub use rank::RankTest;
pub use ratio::{RATIOS, RatioTest};
pub use report::{Comparison, compare};
pub use settings::{Analysis, AnalysisError, OnInsufficientData};
pub use verdict::{Demand, Verdict, failing_rate, judge};

/// One of the two versions that share the alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// The version that served before the deployment.
    Stable,
    /// The version being deployed.
    Canary,
}

/// A count as a real number. Executions are counted far below 2^53, where this is exact.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of executions stay far below 2^53"
)]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}
