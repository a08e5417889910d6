//! The usual numbers, for people who know them from other tools. Nothing is decided by them: they are right at one look
//! chosen beforehand, and a deployment is looked at all the time.

use std::collections::BTreeMap;

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
    /// Mann-Whitney's U: pairs of a canary and a stable execution of which the canary's took longer, ties as halves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mann_whitney_u: Option<f64>,
    /// Hodges-Lehmann: the median of all differences of a canary's and a stable duration, milliseconds. Durations are known by
    /// their place in the baseline, the canary's with `slow_tolerance_ms` taken off; longer than all of it counts as its longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift_ms: Option<f64>,
    /// Its 95 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift_ms_interval: Option<(f64, f64)>,
    /// The chance that a canary execution takes longer than a stable one (common language effect size).
    pub slower_chance: Option<f64>,
}

/// Compares over all periods. `baseline`: the frozen durations, milliseconds, sorted; without them no shift can be told.
pub fn compare(periods: &[Period], baseline: &[i64]) -> Comparison {
    let stable = pool(periods.iter().map(|period| &period.stable));
    let canary = pool(periods.iter().map(|period| &period.canary));
    let (stable_low, stable_high) = wilson(stable);
    let (canary_low, canary_high) = wilson(canary);
    let (p, q) = (canary.rate(), stable.rate());
    let below = ((p - canary_low).powi(2) + (stable_high - q).powi(2)).sqrt();
    let above = ((canary_high - p).powi(2) + (q - stable_low).powi(2)).sqrt();
    let durations = mann_whitney(periods);
    let shift = hodges_lehmann(periods, baseline);
    Comparison {
        stable_failure_rate: (stable_low, stable_high),
        canary_failure_rate: (canary_low, canary_high),
        difference: ((p - q - below).max(-1.0), (p - q + above).min(1.0)),
        fisher_p: fisher(stable, canary),
        mann_whitney_p: durations.map(|durations| durations.p),
        mann_whitney_u: durations.map(|durations| durations.u),
        slower_chance: durations.map(|durations| durations.chance),
        shift_ms: shift.map(|shift| shift.0),
        shift_ms_interval: shift.map(|shift| shift.1),
    }
}

/// Stable and canary executions by the place of their duration in the baseline.
fn buckets(periods: &[Period]) -> BTreeMap<u32, (u64, u64)> {
    let mut buckets = BTreeMap::<u32, (u64, u64)>::new();
    for period in periods {
        for rank in &period.stable.ranks {
            buckets.entry(rank.bucket).or_default().0 += rank.count;
        }
        for rank in &period.canary.ranks {
            buckets.entry(rank.bucket).or_default().1 += rank.count;
        }
    }
    buckets
}

/// The Hodges-Lehmann shift with its 95 % interval (Lehmann, "Nonparametrics", 2.5: the normal approximation of U picks the
/// differences that bound it).
fn hodges_lehmann(periods: &[Period], baseline: &[i64]) -> Option<(f64, (f64, f64))> {
    const Z: f64 = 1.959_963_984_540_054;
    let longest = baseline.len().checked_sub(1)?;
    let value = |bucket: u32| -> Option<f64> {
        let above = usize::try_from(bucket).ok()?.min(longest);
        let below = usize::try_from(bucket).ok()?.saturating_sub(1).min(longest);
        let at = |place: usize| {
            baseline
                .get(place)
                .and_then(|ms| u32::try_from(*ms).ok())
                .map(f64::from)
        };
        Some(f64::midpoint(at(below)?, at(above)?))
    };
    let buckets = buckets(periods);
    let mut differences = Vec::new();
    let (mut stables, mut canaries, mut pairs) = (0, 0, 0);
    for (bucket, &(stable, canary)) in &buckets {
        stables += stable;
        canaries += canary;
        for (other, &(against, _)) in &buckets {
            if canary > 0 && against > 0 {
                differences.push((value(*bucket)? - value(*other)?, canary * against));
                pairs += canary * against;
            }
        }
    }
    if pairs == 0 {
        return None;
    }
    differences.sort_by(|one, other| one.0.total_cmp(&other.0));
    let at = |place: f64| {
        let mut seen = 0;
        let found = differences.iter().find(|(_, count)| {
            seen += count;
            real(seen) >= place
        });
        found
            .or(differences.last())
            .map_or(0.0, |difference| difference.0)
    };
    let (m, n) = (real(stables), real(canaries));
    let spread = Z * (m * n * (m + n + 1.0) / 12.0).sqrt();
    let middle = real(pairs) / 2.0;
    let low = (middle - spread).max(1.0);
    Some((at(middle), (at(low), at(middle + spread))))
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

/// What Mann and Whitney say.
#[derive(Clone, Copy)]
struct Ranks {
    /// One-sided.
    p: f64,
    u: f64,
    /// Of being slower.
    chance: f64,
}

/// By the normal approximation, with correction for ties.
fn mann_whitney(periods: &[Period]) -> Option<Ranks> {
    let buckets = buckets(periods);
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
        return Some(Ranks { p: 0.5, u, chance });
    }
    let deviation = (u - m * n / 2.0) / variance.sqrt();
    Some(Ranks {
        p: 1.0 - Normal::standard().cdf(deviation),
        u,
        chance,
    })
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
        assert!((compare(&periods, &[]).fisher_p - 1.0 / 70.0).abs() < 1e-9);
    }

    #[test]
    fn equal_durations_are_a_coin_toss_and_longer_ones_are_not() {
        let same = [(1, 10), (2, 10), (3, 10)];
        let even = compare(
            &[Period {
                weight: 50,
                stable: arm(0, 30, &same),
                canary: arm(0, 30, &same),
            }],
            &[],
        );
        assert!((even.slower_chance.unwrap() - 0.5).abs() < 1e-9);
        assert!((even.mann_whitney_p.unwrap() - 0.5).abs() < 1e-9);
        let slow = compare(
            &[Period {
                weight: 50,
                stable: arm(0, 30, &same),
                canary: arm(0, 30, &[(4, 30)]),
            }],
            &[],
        );
        assert!((slow.slower_chance.unwrap() - 1.0).abs() < 1e-9);
        assert!(slow.mann_whitney_p.unwrap() < 1e-6);
    }

    #[test]
    fn the_shift_is_the_median_of_all_differences() {
        // Place k of this baseline lies between 100k and 100k + 100 ms.
        let baseline: Vec<i64> = (1..=100).map(|k| k * 100).collect();
        let ranks: Vec<_> = (10..50).map(|bucket| (bucket, 1)).collect();
        let later: Vec<_> = (13..53).map(|bucket| (bucket, 1)).collect();
        let compared = compare(
            &[Period {
                weight: 50,
                stable: arm(0, 40, &ranks),
                canary: arm(0, 40, &later),
            }],
            &baseline,
        );
        assert!((compared.shift_ms.unwrap() - 300.0).abs() < 1e-9, "{compared:?}");
        let (low, high) = compared.shift_ms_interval.unwrap();
        assert!(low < 300.0 && 300.0 < high, "{compared:?}");
        assert!(compare(&[], &baseline).shift_ms.is_none());
    }
}
