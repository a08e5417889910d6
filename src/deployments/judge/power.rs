//! What can a step see? Closed forms, for plans; the bench measures how near they come (within about 20 %).

use super::evidence::Share;

/// Traffic of an alias, as far as its past says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// Executions closed per second.
    pub per_second: f64,
    /// The stable version's failure rate, 0 to 1.
    pub failure_rate: f64,
}

/// Failures, of both versions together, until a canary that fails `ratio` times as often is found out (median, roughly):
/// (ln(1/alpha) + 1.5) / KL(Bern(θ) ‖ Bern(w)) with θ the canary's share of the failures. `None`: never.
pub fn failures_to_detect(ratio: f64, share: Share, alpha: f64) -> Option<f64> {
    let w = share.get();
    let theta = share.tilted(ratio);
    let term = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    let divergence = term(theta, w) + term(1.0 - theta, 1.0 - w);
    (ratio > 1.0 && divergence > 0.0).then(|| (1.0 / alpha).ln().mul_add(1.0, 1.5) / divergence)
}

/// Executions, of both versions together, until a canary that fails with `canary_rate` is found out.
pub fn executions_to_detect(stable_rate: f64, canary_rate: f64, share: Share, alpha: f64) -> Option<f64> {
    // A stable version that never fails makes every ratio infinite; one failure in ten thousand is the floor of what its
    // past can have shown.
    let floor = stable_rate.max(1e-4);
    let failures = failures_to_detect(canary_rate / floor, share, alpha)?;
    let w = share.get();
    Some(failures / (w * canary_rate + (1.0 - w) * floor))
}

/// The smallest failure rate of the canary that `executions` are enough to find. `None`: not even one that always fails.
pub fn detectable_rate(stable_rate: f64, executions: f64, share: Share, alpha: f64) -> Option<f64> {
    let enough =
        |rate: f64| executions_to_detect(stable_rate, rate, share, alpha).is_some_and(|n| n <= executions);
    if !enough(1.0) {
        return None;
    }
    let (mut low, mut high) = (stable_rate, 1.0);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planner_comes_near_the_simulated_medians() {
        let ten = Share::of_percent(10).unwrap();
        let near = |planned: Option<f64>, simulated: f64| {
            let ratio = planned.unwrap() / simulated;
            assert!((0.6..1.6).contains(&ratio), "{planned:?} against {simulated}");
        };
        near(executions_to_detect(0.01, 0.05, ten, 0.005), 1_697.0);
        near(executions_to_detect(0.01, 0.20, ten, 0.005), 188.0);
    }

    #[test]
    fn more_executions_see_smaller_regressions() {
        let ten = Share::of_percent(10).unwrap();
        let few = detectable_rate(0.01, 500.0, ten, 0.005).unwrap();
        let many = detectable_rate(0.01, 5_000.0, ten, 0.005).unwrap();
        assert!(many < few && many > 0.01, "{few} {many}");
        assert_eq!(detectable_rate(0.01, 5.0, ten, 0.005), None);
    }
}
