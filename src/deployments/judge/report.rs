//! The usual numbers, for people who know them from other tools. Nothing is decided by them: they are right at one look
//! chosen beforehand, and a deployment is looked at all the time.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Discrete, Hypergeometric, Normal};
use utoipa::ToSchema;

use super::bounds::wilson;
use super::evidence::{ArmCounts, Period, Tally};
use super::real;

/// The two versions side by side over all weight periods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// Wilson's 95 % interval of the stable version's failure rate.
    pub stable_failure_rate: (f64, f64),
    /// The same of the canary's.
    pub canary_failure_rate: (f64, f64),
    /// Newcombe's 95 % interval of the difference, canary minus stable.
    pub difference: (f64, f64),
    /// Fisher's exact p, one-sided: this many canary failures or more if both fail alike.
    pub fisher_p: f64,
    /// Mann-Whitney p, one-sided: durations this much longer or more if both are alike. `None` without ranks.
    pub mann_whitney_p: Option<f64>,
    /// The chance that a canary execution takes longer than a stable one (common language effect size).
    pub slower_chance: Option<f64>,
}

/// Compares over all periods.
pub fn compare(periods: &[Period]) -> Comparison {
    let stable = pool(periods.iter().map(|period| &period.stable));
    let canary = pool(periods.iter().map(|period| &period.canary));
    let (stable_low, stable_high) = wilson(stable);
    let (canary_low, canary_high) = wilson(canary);
    let (p, q) = (canary.rate(), stable.rate());
    let below = ((p - canary_low).powi(2) + (stable_high - q).powi(2)).sqrt();
    let above = ((canary_high - p).powi(2) + (q - stable_low).powi(2)).sqrt();
    let durations = mann_whitney(periods);
    Comparison {
        stable_failure_rate: (stable_low, stable_high),
        canary_failure_rate: (canary_low, canary_high),
        difference: ((p - q - below).max(-1.0), (p - q + above).min(1.0)),
        fisher_p: fisher(stable, canary),
        mann_whitney_p: durations.map(|(p, _)| p),
        slower_chance: durations.map(|(_, chance)| chance),
    }
}

fn pool<'a>(arms: impl Iterator<Item = &'a ArmCounts>) -> Tally {
    arms.fold(Tally::default(), |sum, arm| Tally {
        closed: sum.closed + arm.tally.closed,
        failed: sum.failed + arm.tally.failed,
    })
}

fn fisher(stable: Tally, canary: Tally) -> f64 {
    let (all, failed) = (stable.closed + canary.closed, stable.failed + canary.failed);
    let Ok(law) = Hypergeometric::new(all, failed, canary.closed) else {
        return 1.0;
    };
    let most = failed.min(canary.closed);
    (canary.failed..=most).map(|k| law.pmf(k)).sum::<f64>().min(1.0)
}

/// (one-sided p, chance of being slower), normal approximation with correction for ties.
fn mann_whitney(periods: &[Period]) -> Option<(f64, f64)> {
    let mut buckets = std::collections::BTreeMap::<u32, (u64, u64)>::new();
    for period in periods {
        for rank in &period.stable.ranks {
            buckets.entry(rank.bucket).or_default().0 += rank.count;
        }
        for rank in &period.canary.ranks {
            buckets.entry(rank.bucket).or_default().1 += rank.count;
        }
    }
    let (m, n) = buckets
        .values()
        .fold((0, 0), |sum, at| (sum.0 + at.0, sum.1 + at.1));
    if m == 0 || n == 0 {
        return None;
    }
    let (mut below, mut u, mut ties) = (0.0, 0.0, 0.0);
    for &(stable, canary) in buckets.values() {
        u += real(canary) * (below + real(stable) / 2.0);
        below += real(stable);
        let both = real(stable + canary);
        ties += both.powi(3) - both;
    }
    let (m, n) = (real(m), real(n));
    let all = m + n;
    let variance = m * n / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)).max(1.0));
    let chance = u / (m * n);
    if variance <= 0.0 {
        return Some((0.5, chance));
    }
    let z = (u - m * n / 2.0) / variance.sqrt();
    Some((1.0 - Normal::standard().cdf(z), chance))
}

#[cfg(test)]
mod tests {
    use super::super::evidence::RankCount;
    use super::*;

    fn arm(failed: u64, closed: u64, ranks: &[(u32, u64)]) -> ArmCounts {
        let ranks = ranks
            .iter()
            .map(|&(bucket, count)| RankCount { bucket, count })
            .collect();
        ArmCounts {
            tally: Tally { closed, failed },
            ranks,
            ..ArmCounts::default()
        }
    }

    #[test]
    fn the_tea_tasting_table_has_fishers_p() {
        // Fisher's lady: 4 of 4 right, chance 1/70.
        let periods = [Period {
            weight: 50,
            stable: arm(0, 4, &[]),
            canary: arm(4, 4, &[]),
        }];
        assert!((compare(&periods).fisher_p - 1.0 / 70.0).abs() < 1e-9);
    }

    #[test]
    fn equal_durations_are_a_coin_toss_and_longer_ones_are_not() {
        let same = [(1, 10), (2, 10), (3, 10)];
        let even = compare(&[Period {
            weight: 50,
            stable: arm(0, 30, &same),
            canary: arm(0, 30, &same),
        }]);
        assert!((even.slower_chance.unwrap() - 0.5).abs() < 1e-9);
        assert!((even.mann_whitney_p.unwrap() - 0.5).abs() < 1e-9);
        let slow = compare(&[Period {
            weight: 50,
            stable: arm(0, 30, &same),
            canary: arm(0, 30, &[(4, 30)]),
        }]);
        assert!((slow.slower_chance.unwrap() - 1.0).abs() < 1e-9);
        assert!(slow.mann_whitney_p.unwrap() < 1e-6);
    }
}
