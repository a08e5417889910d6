//! The test of durations: do the canary's executions take longer than the stable version's?
//!
//! A betting game on ranks. `R` is where a duration stands in the frozen durations of the stable version before the
//! deployment, 0 the fastest, 1 slower than all. Each closed execution multiplies the stake by
//! 1 + λ·(a − w)·g(R)/m, where g is a non-decreasing score, `a` is 1 for a canary and m keeps the factor positive. While
//! the canary's durations are not larger (in stochastic order), E[(a − w)·g(R)] = w(1−w)(E g(canary) − E g(stable)) <= 0,
//! whatever the baseline is worth: an old baseline costs power, not honesty.
//!
//! Two scores: the whole location, R − 0.5, and the tail, 1[R > 0.95] − 0.05. Four stakes each. The e-value is the mean.

use super::Arm;
use super::evidence::Share;
use super::ratio::ln_mean_exp;
use super::real;

/// How much of the admissible maximum is staked.
const STAKES: [f64; 4] = [0.1, 0.2, 0.4, 0.8];

/// Ranks above this are the tail.
const TAIL: f64 = 0.95;

/// The state of the test: one log product per score and stake.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RankTest {
    logs: [f64; 8],
}

impl RankTest {
    /// Adds `count` closed executions of one arm whose durations have the same rank, 0 to 1, in the baseline.
    pub fn add(&mut self, share: Share, arm: Arm, rank: f64, count: u64) {
        let w = share.get();
        let drawn = match arm {
            Arm::Canary => 1.0 - w,
            Arm::Stable => -w,
        };
        let tail = if rank > TAIL { TAIL } else { TAIL - 1.0 };
        // The most negative value (a − w)·g can take; a stake of 1 would lose everything there.
        let location_worst = w.max(1.0 - w) * 0.5;
        let tail_worst = (w * TAIL).max((1.0 - w) * (1.0 - TAIL));
        let scores = [drawn * (rank - 0.5) / location_worst, drawn * tail / tail_worst];
        let factors = scores
            .into_iter()
            .flat_map(|score| STAKES.map(|stake| (stake * score).ln_1p()));
        for (log, factor) in self.logs.iter_mut().zip(factors) {
            *log += real(count) * factor;
        }
    }

    /// The natural logarithm of the e-value.
    pub fn ln_e(&self) -> f64 {
        ln_mean_exp(&self.logs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u8 = 50;

    fn share(percent: u8) -> Share {
        Share::of_percent(percent).unwrap()
    }

    #[test]
    fn a_canary_always_slower_than_every_baseline_duration_is_found_within_dozens() {
        let mut test = RankTest::default();
        for i in 0..60_u32 {
            let (arm, rank) = if i.is_multiple_of(2) {
                (Arm::Canary, 1.0)
            } else {
                (Arm::Stable, f64::from(i) / 60.0)
            };
            test.add(share(HALF), arm, rank, 1);
        }
        assert!(test.ln_e() > 250.0_f64.ln(), "{}", test.ln_e());
    }

    #[test]
    fn a_faster_canary_never_earns_evidence() {
        let mut test = RankTest::default();
        for i in 0..200_u32 {
            let (arm, rank) = if i.is_multiple_of(2) {
                (Arm::Canary, 0.1)
            } else {
                (Arm::Stable, f64::from(i) / 200.0)
            };
            test.add(share(HALF), arm, rank, 1);
            assert!(test.ln_e() < 1.0);
        }
    }

    #[test]
    fn no_single_execution_can_lose_the_whole_stake() {
        for percent in [1, 10, 50, 90, 99] {
            for rank in [0.0, 0.5, 0.95, 0.96, 1.0] {
                for arm in [Arm::Stable, Arm::Canary] {
                    let mut test = RankTest::default();
                    test.add(share(percent), arm, rank, 1);
                    assert!(test.ln_e().is_finite(), "{percent} % {rank} {arm:?}");
                }
            }
        }
    }

    #[test]
    fn the_order_of_executions_does_not_matter() {
        let (mut left, mut right) = (RankTest::default(), RankTest::default());
        left.add(share(10), Arm::Canary, 0.7, 1);
        left.add(share(10), Arm::Stable, 0.2, 2);
        right.add(share(10), Arm::Stable, 0.2, 1);
        right.add(share(10), Arm::Canary, 0.7, 1);
        right.add(share(10), Arm::Stable, 0.2, 1);
        assert!((left.ln_e() - right.ln_e()).abs() < 1e-12);
    }
}
