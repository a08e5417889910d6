//! The test of counts: among the failures seen, are too many the canary's?
//!
//! With failures numbered i and `a_i = 1` for a canary's, "no worse" means P(a_i = 1 | a failure) <= w, the canary's share
//! of the starts. Against it stands "ratio ψ times as likely to fail", where that chance is ψw / (ψw + 1 − w). The
//! likelihood ratio of one failure is ψ^a / (ψw + 1 − w); its expectation is at most 1 for every truth that is no worse.
//! The e-value is the mean, over a fixed grid of ψ, of the products.

use super::evidence::Share;
use super::real;

/// How many ratios the mixture holds.
pub const RATIOS: usize = 16;

/// The smallest ratio of the grid: below it a regression is not worth a rollback.
const RATIO_MIN: f64 = 1.25;

/// The largest ratio of the grid: from 1 % to all.
const RATIO_MAX: f64 = 100.0;

/// The state of the test: one log product per ratio. Adding is the whole of it, so the order of the executions within a
/// weight period does not matter and a state can be stored, resumed, or built again from counts.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioTest {
    logs: [f64; RATIOS],
    tolerance: f64,
}

impl RatioTest {
    /// Nothing seen yet. `tolerance` is the ratio still counted as "no worse": 1.0 asks for equality, 1.1 forgives ten
    /// percent more failures.
    pub fn new(tolerance: f64) -> Self {
        Self {
            logs: [0.0; RATIOS],
            tolerance,
        }
    }

    /// Adds failures of one weight period: `canary` of them the canary's, `stable` the stable version's.
    pub fn add(&mut self, share: Share, canary: u64, stable: u64) {
        let null = share.tilted(self.tolerance);
        for (log, ratio) in self.logs.iter_mut().zip(grid()) {
            let spread = (ratio * null + 1.0 - null).ln();
            *log += real(canary) * ratio.ln() - real(canary + stable) * spread;
        }
    }

    /// The test as it will stand, on average, when `open` running executions of the stable version have ended, if each fails
    /// with the chance `failing`.
    ///
    /// Failures are seen when they happen. A canary that fails as often as the stable version, but sooner, is seen to fail
    /// before its peers; without this it would look worse until they have caught up. Each open stable execution multiplies
    /// the final product by 1 if it succeeds and by 1/(ψw + 1 − w) if it fails, so its factor is, on average,
    /// 1 − q + q/(ψw + 1 − w). An open canary's is at least 1 and is left away. So the result is at most the expectation of
    /// what the test will say when all that has started has ended, and such expectations are a supermartingale too (Doob)
    /// as long as q is not below the truth. The factor is at most 1, so nothing is found that would not be found without it.
    #[must_use]
    pub fn with_open(&self, share: Share, open: u64, failing: f64) -> Self {
        let null = share.tilted(self.tolerance);
        let mut expected = self.clone();
        for (log, ratio) in expected.logs.iter_mut().zip(grid()) {
            let if_it_fails = 1.0 / (ratio * null + 1.0 - null);
            *log += real(open) * (failing * (if_it_fails - 1.0)).ln_1p();
        }
        expected
    }

    /// The natural logarithm of the e-value.
    pub fn ln_e(&self) -> f64 {
        ln_mean_exp(&self.logs)
    }
}

/// The ratios of the mixture, logarithmically spaced from [`RATIO_MIN`] to [`RATIO_MAX`].
fn grid() -> impl Iterator<Item = f64> {
    let step = (RATIO_MAX / RATIO_MIN).ln() / 15.0;
    (0..16_u32).map(move |i| RATIO_MIN * (step * f64::from(i)).exp())
}

/// ln of the mean of e^x, without overflow.
pub(super) fn ln_mean_exp(logs: &[f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        return top;
    }
    let sum: f64 = logs.iter().map(|log| (log - top).exp()).sum();
    top + (sum / real(logs.len() as u64)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: u8) -> Share {
        Share::of_percent(percent).unwrap()
    }

    #[test]
    fn three_failures_in_a_row_at_ten_percent_are_enough_for_alpha_half_a_percent() {
        let mut test = RatioTest::new(1.0);
        test.add(share(10), 2, 0);
        assert!(
            test.ln_e() < 200.0_f64.ln(),
            "two could be chance: {}",
            test.ln_e().exp()
        );
        test.add(share(10), 1, 0);
        assert!(
            test.ln_e() > 200.0_f64.ln(),
            "three are not: {}",
            test.ln_e().exp()
        );
    }

    #[test]
    fn the_expected_factor_is_one_when_the_canary_is_no_worse() {
        for percent in [1, 10, 50, 90, 99] {
            let w = f64::from(percent) / 100.0;
            let mut canary = RatioTest::new(1.0);
            canary.add(share(percent), 1, 0);
            let mut stable = RatioTest::new(1.0);
            stable.add(share(percent), 0, 1);
            let expected = w * canary.ln_e().exp() + (1.0 - w) * stable.ln_e().exp();
            assert!((expected - 1.0).abs() < 1e-9, "at {percent} %: {expected}");
        }
    }

    #[test]
    fn the_order_of_executions_does_not_matter_and_counts_resume_a_state() {
        let mut one_by_one = RatioTest::new(1.1);
        for canary in [1, 0, 0, 1, 1, 0] {
            one_by_one.add(share(10), canary, 1 - canary);
        }
        one_by_one.add(share(50), 2, 1);
        let mut at_once = RatioTest::new(1.1);
        at_once.add(share(50), 2, 1);
        at_once.add(share(10), 3, 3);
        assert!((one_by_one.ln_e() - at_once.ln_e()).abs() < 1e-9);
    }

    #[test]
    fn failures_shared_by_both_arms_in_proportion_prove_nothing() {
        let mut test = RatioTest::new(1.0);
        test.add(share(10), 500, 4_500);
        assert!(test.ln_e() < 0.0, "{}", test.ln_e());
    }

    #[test]
    fn open_executions_of_the_stable_version_count_as_the_failures_they_will_be() {
        let mut seen = RatioTest::new(1.0);
        seen.add(share(10), 3, 0);
        assert!(seen.ln_e() > 200.0_f64.ln());
        assert!((seen.with_open(share(10), 0, 0.05).ln_e() - seen.ln_e()).abs() < 1e-12);
        let expected = seen.with_open(share(10), 500, 0.05);
        assert!(
            expected.ln_e() < 0.0,
            "25 failures are on their way: {}",
            expected.ln_e()
        );
        let mut all = RatioTest::new(1.0);
        all.add(share(10), 3, 25);
        let certain = seen.with_open(share(10), 25, 1.0);
        assert!(
            (certain.ln_e() - all.ln_e()).abs() < 1e-9,
            "surely failing is failed"
        );
    }

    #[test]
    fn tolerance_forgives_a_ratio_up_to_it() {
        let (mut strict, mut lenient) = (RatioTest::new(1.0), RatioTest::new(2.0));
        strict.add(share(50), 300, 170);
        lenient.add(share(50), 300, 170);
        assert!(strict.ln_e() > 5.0);
        assert!(lenient.ln_e() < 0.0);
    }
}
