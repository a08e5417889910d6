//! Durations in logarithmic buckets, so that percentiles of any union of days, versions and environments can be had from sums.
//!
//! Bucket `i` holds durations in (γ^(i-1), γ^i] milliseconds with γ = (1+α)/(1-α); reporting 2γ^i/(γ+1) for it is wrong by at most
//! α = 1 % of the true value (DDSketch, Masson, Rim and Lee, VLDB 2019). Two of them are merged by adding up.

use std::collections::BTreeMap;

/// Largest relative error of a reported percentile.
pub(super) const RELATIVE_ERROR: f64 = 0.01;

const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);

/// The bucket of a duration; 0 for anything up to a millisecond. A year is in bucket 1,209.
pub(super) fn bucket(duration_ms: i64) -> i32 {
    if duration_ms <= 1 {
        return 0;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a duration has far fewer digits than an f64 keeps"
    )]
    let index = ((duration_ms as f64).ln() / GAMMA.ln()).ceil();
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of an i64 is small")]
    {
        index as i32
    }
}

/// The value that stands for a bucket, milliseconds.
fn value(bucket: i32) -> f64 {
    if bucket <= 0 {
        return 1.0;
    }
    2.0 * GAMMA.powi(bucket) / (GAMMA + 1.0)
}

/// Counts by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: BTreeMap<i32, i64>,
}

impl Histogram {
    /// Adds `count` durations of `bucket`.
    pub fn add(&mut self, bucket: i32, count: i64) {
        *self.counts.entry(bucket).or_default() += count;
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            self.add(*bucket, *count);
        }
    }

    /// The duration, milliseconds, below which a share `quantile` (0 to 1) lies, by the nearest rank; none when empty.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let total: i64 = self.counts.values().sum();
        if total <= 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "counts of executions have far fewer digits than an f64 keeps"
        )]
        let rank = ((quantile * total as f64).ceil() as i64).clamp(1, total);
        let mut seen = 0;
        for (bucket, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return Some(value(*bucket));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(durations: &[i64]) -> Histogram {
        let mut histogram = Histogram::default();
        for duration in durations {
            histogram.add(bucket(*duration), 1);
        }
        histogram
    }

    #[test]
    fn an_empty_histogram_has_no_percentiles() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn a_year_still_has_its_own_bucket() {
        assert_eq!(bucket(365 * 24 * 3_600 * 1_000), 1_209);
    }

    proptest! {
        #[test]
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a few hundred durations of at most a year, in milliseconds, are exact in an f64"
        )]
        fn a_percentile_is_within_one_percent_of_the_true_one(
            mut durations in prop::collection::vec(1_i64..31_536_000_000, 1..200), quantile in 0.01_f64..1.0
        ) {
            let reported = of(&durations).quantile(quantile).unwrap();
            durations.sort_unstable();
            let rank = ((quantile * durations.len() as f64).ceil() as usize).clamp(1, durations.len());
            let truth = durations[rank - 1] as f64;
            prop_assert!((reported - truth).abs() <= truth * (RELATIVE_ERROR + 1e-9), "{reported} for {truth}");
        }

        #[test]
        fn parts_merged_are_the_whole(
            one in prop::collection::vec(0_i64..1_000_000, 0..50), two in prop::collection::vec(0_i64..1_000_000, 0..50)
        ) {
            let mut merged = of(&one);
            merged.merge(&of(&two));
            prop_assert_eq!(merged, of(&[one, two].concat()));
        }
    }
}
