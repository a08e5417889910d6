//! Bounds on a failure rate.
//!
//! `lower_bound` and `upper_bound` hold at every look at once (a confidence sequence: invert the beta-binomial mixture
//! martingale with a uniform prior). `clopper_pearson_upper` and `wilson` hold at one look chosen beforehand: they are for
//! reading, never for deciding.

use statrs::function::beta::ln_beta;

use super::evidence::Tally;
use super::real;

/// Bisection halves the interval this often: finer than any rate one can act on.
const HALVINGS: u32 = 60;

/// With confidence `1 - alpha` at all looks together, the rate is not below this.
pub fn lower_bound(tally: Tally, alpha: f64) -> f64 {
    if tally.failed == 0 {
        return 0.0;
    }
    bisect(0.0, tally.rate(), |rate| {
        ln_martingale(tally, rate) >= -alpha.ln()
    })
}

/// With confidence `1 - alpha` at all looks together, the rate is not above this.
pub fn upper_bound(tally: Tally, alpha: f64) -> f64 {
    if tally.failed >= tally.closed {
        return 1.0;
    }
    bisect(tally.rate(), 1.0, |rate| ln_martingale(tally, rate) < -alpha.ln())
}

/// ln of ∫ p^x (1−p)^(n−x) dp / (rate^x (1−rate)^(n−x)): a martingale when `rate` is the truth.
fn ln_martingale(tally: Tally, rate: f64) -> f64 {
    let (x, rest) = (real(tally.failed), real(tally.closed - tally.failed));
    let mixture = ln_beta(x + 1.0, rest + 1.0);
    let log = |count: f64, p: f64| if count > 0.0 { count * p.ln() } else { 0.0 };
    mixture - log(x, rate) - log(rest, 1.0 - rate)
}

/// The point between `low` and `high` up to which `holds` is true.
fn bisect(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The one-sided Clopper-Pearson upper bound: the rate at which seeing this few failures has probability `alpha`.
/// 299 clean executions bound the rate below 1 % at 95 %, 59 below 5 %.
pub fn clopper_pearson_upper(tally: Tally, alpha: f64) -> f64 {
    if tally.failed >= tally.closed {
        return 1.0;
    }
    let (x, n) = (real(tally.failed), real(tally.closed));
    bisect(0.0, 1.0, |rate| {
        1.0 - statrs::function::beta::beta_reg(x + 1.0, n - x, rate) >= alpha
    })
}

/// Wilson's 95 % interval for a rate, for display.
pub fn wilson(tally: Tally) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if tally.closed == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (real(tally.closed), tally.rate());
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (
        ((centre - spread) / scale).max(0.0),
        ((centre + spread) / scale).min(1.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failed: u64, closed: u64) -> Tally {
        Tally { closed, failed }
    }

    #[test]
    fn clean_executions_bound_the_rate_as_the_design_says() {
        assert!(clopper_pearson_upper(tally(0, 299), 0.05) < 0.01);
        assert!(clopper_pearson_upper(tally(0, 298), 0.05) > 0.01);
        assert!(clopper_pearson_upper(tally(0, 59), 0.05) < 0.05);
        assert!(clopper_pearson_upper(tally(0, 58), 0.05) > 0.05);
    }

    #[test]
    fn four_failures_of_four_exceed_a_fifth_at_one_percent_and_three_do_not() {
        assert!(lower_bound(tally(4, 4), 0.01) > 0.2);
        assert!(lower_bound(tally(3, 3), 0.01) < 0.2);
    }

    #[test]
    fn bounds_enclose_the_observed_rate_and_narrow_with_evidence() {
        let (few, many) = (tally(2, 20), tally(200, 2_000));
        for tally in [few, many] {
            assert!(lower_bound(tally, 0.05) < 0.1 && upper_bound(tally, 0.05) > 0.1);
            let (low, high) = wilson(tally);
            assert!(low < 0.1 && high > 0.1);
        }
        assert!(upper_bound(many, 0.05) < upper_bound(few, 0.05));
        assert!(lower_bound(many, 0.05) > lower_bound(few, 0.05));
    }

    #[test]
    fn nothing_seen_bounds_nothing() {
        assert!(lower_bound(tally(0, 0), 0.01) <= 0.0);
        assert!(upper_bound(tally(0, 0), 0.01) >= 1.0);
        assert!(clopper_pearson_upper(tally(0, 0), 0.05) >= 1.0);
    }
}
