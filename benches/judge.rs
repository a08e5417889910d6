//! The judge's operating characteristics, by simulation: how often it cries wolf, and how soon it sees a wolf.
//!
//! `cargo bench --bench judge` prints the table of docs/JUDGE.md. The generator is seeded and our own, so every run prints
//! the same numbers. `cargo bench --bench judge -- 20` runs a twentieth of the runs.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]
#![expect(clippy::unwrap_used, reason = "a broken simulation should stop")]

use signalbox::deployments::judge::{
    Analysis, Arm, RankTest, RatioTest, Share, Tally, executions_to_detect, failing_rate, lower_bound,
    upper_bound,
};

/// Runs of the rows that must not cry wolf, and of the others.
const RUNS_HEALTHY: u64 = 10_000;
const RUNS: u64 = 2_000;

/// Spread of the log-normal durations: the 99th percentile is about four times the median.
const SIGMA: f64 = 0.6;

/// Durations in the frozen baseline.
const BASELINE: usize = 500;

/// What is true in a row of the table.
#[derive(Clone, Copy)]
struct Truth {
    stable_failures: f64,
    canary_failures: f64,
    /// The canary's durations are multiplied by this,
    slower: f64,
    /// for this share of its executions.
    slower_share: f64,
    /// A fifth of the time half of all executions fail and all take three times as long, in both versions.
    outage: bool,
    /// Executions close long after they start, in the order of closing: the median takes as long as 200 starts.
    long: bool,
    /// The canary's failures come at once, so they are seen before the stable version's.
    fails_at_once: bool,
}

const HEALTHY: Truth = Truth {
    stable_failures: 0.01,
    canary_failures: 0.01,
    slower: 1.0,
    slower_share: 1.0,
    outage: false,
    long: false,
    fails_at_once: false,
};

/// A column: weights in percent and how many executions each lasts.
type Schedule = &'static [(u8, u32)];

struct Random([u64; 4]);

impl Random {
    fn seeded(seed: u64) -> Self {
        let mut state = seed;
        Self([(); 4].map(|()| {
            // SplitMix64, as xoshiro's authors recommend for seeding.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }))
    }

    /// xoshiro256**, then the upper 53 bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    #[expect(
        clippy::many_single_char_names,
        reason = "the names of the published algorithm"
    )]
    fn uniform(&mut self) -> f64 {
        let [a, b, c, d] = &mut self.0;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= t;
        *d = d.rotate_left(45);
        (result >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    fn duration(&mut self) -> f64 {
        (SIGMA * self.normal()).exp()
    }
}

/// When a run was stopped.
#[derive(Clone, Copy)]
struct Stop {
    executions: u32,
    canaries: u32,
}

fn thresholds() -> (f64, f64, f64) {
    let alpha = Analysis::default().alpha;
    (-(alpha * 0.5).ln(), -(alpha * 0.4).ln(), -(alpha * 0.1).ln())
}

/// One closed execution.
struct Closed {
    at: f64,
    number: u32,
    step: usize,
    share: Share,
    canary: bool,
    failed: bool,
    duration: f64,
}

/// How many starts the median execution lasts where the order of closing matters.
const STARTS_PER_DURATION: f64 = 200.0;

/// The executions of one deployment in the order in which they close.
fn executions(truth: Truth, schedule: Schedule, random: &mut Random) -> Vec<Closed> {
    let total: u32 = schedule.iter().map(|step| step.1).sum();
    let weights = schedule
        .iter()
        .zip(0..)
        .flat_map(|(&(weight, count), step)| (0..count).map(move |_| (weight, step)));
    let mut closed: Vec<_> = weights
        .zip(1..)
        .map(|((weight, step), number): ((u8, usize), u32)| {
            let share = Share::of_percent(weight).unwrap();
            let canary = random.uniform() < share.get();
            let outage = truth.outage && (2 * total / 5..3 * total / 5).contains(&number);
            let rate = if canary {
                truth.canary_failures
            } else {
                truth.stable_failures
            };
            let failed = random.uniform() < if outage { 0.5 } else { rate };
            let mut duration = random.duration() * if outage { 3.0 } else { 1.0 };
            if canary && random.uniform() < truth.slower_share {
                duration *= truth.slower;
            }
            let mut at = f64::from(number);
            if truth.fails_at_once && canary && failed {
                duration = 0.0;
            }
            if truth.long {
                at += duration * STARTS_PER_DURATION;
            }
            Closed {
                at,
                number,
                step,
                share,
                canary,
                failed,
                duration,
            }
        })
        .collect();
    closed.sort_by(|one, other| one.at.total_cmp(&other.at));
    closed
}

/// One deployment, looked at after every execution.
fn run(truth: Truth, schedule: Schedule, seed: u64) -> Option<Stop> {
    let mut random = Random::seeded(seed);
    let mut baseline: Vec<f64> = (0..BASELINE).map(|_| random.duration()).collect();
    baseline.sort_by(f64::total_cmp);
    let size = f64::from(u32::try_from(BASELINE).unwrap());
    let overdue_after = *baseline.get(BASELINE * 99 / 100).unwrap();
    let history = Tally {
        closed: u64::try_from(BASELINE).unwrap(),
        failed: (0..BASELINE)
            .map(|_| u64::from(random.uniform() < truth.stable_failures))
            .sum(),
    };
    let (failures_at, slow_at, hang_at) = thresholds();
    let (mut failures, mut hang, mut slow) = (RatioTest::new(1.0), RatioTest::new(1.0), RankTest::default());
    let mut canaries = 0;
    let mut stable = Tally::default();
    let all = executions(truth, schedule, &mut random);
    // The stable version's starts in order, to know which are open: (number, step).
    let mut starts: Vec<_> = all
        .iter()
        .filter(|execution| !execution.canary)
        .map(|execution| (execution.number, execution.step))
        .collect();
    starts.sort_unstable();
    let mut starts = starts.into_iter().peekable();
    let mut open = vec![0_i64; schedule.len()];
    for (closed, executions) in all.iter().zip(1..) {
        while let Some((_, step)) = starts.next_if(|start| f64::from(start.0) <= closed.at) {
            *open.get_mut(step).unwrap() += 1;
        }
        if !closed.canary {
            *open.get_mut(closed.step).unwrap() -= 1;
            stable.closed += 1;
            stable.failed += u64::from(closed.failed);
        }
        canaries += u32::from(closed.canary);
        let (on_canary, on_stable) = (u64::from(closed.canary), u64::from(!closed.canary));
        if closed.failed {
            failures.add(closed.share, on_canary, on_stable);
        }
        if closed.duration > overdue_after {
            hang.add(closed.share, on_canary, on_stable);
        }
        let place = u32::try_from(baseline.partition_point(|known| *known <= closed.duration)).unwrap();
        let arm = if closed.canary { Arm::Canary } else { Arm::Stable };
        slow.add(closed.share, arm, f64::from(place) / size, 1);
        let mut expected = failures.clone();
        // The bound is dear and only ever lowers the evidence: it is needed where there would be enough without it.
        if truth.long && failures.ln_e() >= failures_at {
            let failing = failing_rate(history, stable);
            for (open, step) in open.iter().zip(schedule) {
                let share = Share::of_percent(step.0).unwrap();
                expected = expected.with_open(share, u64::try_from(*open).unwrap(), failing);
            }
        }
        if expected.ln_e() >= failures_at || slow.ln_e() >= slow_at || hang.ln_e() >= hang_at {
            return Some(Stop { executions, canaries });
        }
    }
    None
}

/// All runs of one cell, on all cores.
fn simulate(truth: Truth, schedule: Schedule, runs: u64) -> Vec<Stop> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let seeds = (0..runs).filter(move |seed| seed % threads == thread);
                    seeds
                        .filter_map(|seed| run(truth, schedule, seed + 1))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of runs")]
fn cell(truth: Truth, schedule: Schedule, runs: u64) -> String {
    let stops = simulate(truth, schedule, runs);
    let share = 100.0 * stops.len() as f64 / runs as f64;
    let median = |of: fn(&Stop) -> u32| {
        let mut values: Vec<u32> = stops.iter().map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    match (median(|stop| stop.executions), median(|stop| stop.canaries)) {
        (Some(executions), Some(canaries)) if share >= 2.0 => {
            format!("{share:.2} %, {executions} ({canaries})")
        }
        _ => format!("{share:.2} %"),
    }
}

#[expect(clippy::too_many_lines, reason = "one row of the table after the other")]
/// The rows: what is called, what is true, whether it must not cry wolf.
fn rows() -> Vec<(&'static str, Truth, bool)> {
    let row = |name, truth| (name, truth, false);
    let healthy = |name, truth| (name, truth, true);
    vec![
        healthy("no change, 1 % failures", HEALTHY),
        healthy(
            "no change, 5 % failures",
            Truth {
                stable_failures: 0.05,
                canary_failures: 0.05,
                ..HEALTHY
            },
        ),
        healthy(
            "no change and a shared outage",
            Truth {
                outage: true,
                ..HEALTHY
            },
        ),
        healthy(
            "no change, 5 % failures, the canary's come at once",
            Truth {
                stable_failures: 0.05,
                canary_failures: 0.05,
                long: true,
                fails_at_once: true,
                ..HEALTHY
            },
        ),
        healthy(
            "no change, 5 % failures, long executions",
            Truth {
                stable_failures: 0.05,
                canary_failures: 0.05,
                long: true,
                ..HEALTHY
            },
        ),
        healthy(
            "durations x0.5, long executions",
            Truth {
                slower: 0.5,
                long: true,
                ..HEALTHY
            },
        ),
        row(
            "canary better: 5 to 1 %, durations x0.8",
            Truth {
                stable_failures: 0.05,
                slower: 0.8,
                ..HEALTHY
            },
        ),
        row(
            "failures 1 to 100 %",
            Truth {
                canary_failures: 1.0,
                ..HEALTHY
            },
        ),
        row(
            "failures 1 to 100 %, at once, long executions",
            Truth {
                canary_failures: 1.0,
                long: true,
                fails_at_once: true,
                ..HEALTHY
            },
        ),
        row(
            "failures 1 to 20 %, at once, long executions",
            Truth {
                canary_failures: 0.2,
                long: true,
                fails_at_once: true,
                ..HEALTHY
            },
        ),
        row(
            "failures 0 to 100 %",
            Truth {
                stable_failures: 0.0,
                canary_failures: 1.0,
                ..HEALTHY
            },
        ),
        row(
            "failures 1 to 20 %",
            Truth {
                canary_failures: 0.2,
                ..HEALTHY
            },
        ),
        row(
            "failures 1 to 5 %",
            Truth {
                canary_failures: 0.05,
                ..HEALTHY
            },
        ),
        row(
            "failures 0.1 to 2 %",
            Truth {
                stable_failures: 0.001,
                canary_failures: 0.02,
                ..HEALTHY
            },
        ),
        row(
            "failures 1 to 2 %",
            Truth {
                canary_failures: 0.02,
                ..HEALTHY
            },
        ),
        row(
            "duration x2",
            Truth {
                slower: 2.0,
                ..HEALTHY
            },
        ),
        row(
            "duration x1.3",
            Truth {
                slower: 1.3,
                ..HEALTHY
            },
        ),
        row(
            "5 % of the canary 10 times slower",
            Truth {
                slower: 10.0,
                slower_share: 0.05,
                ..HEALTHY
            },
        ),
    ]
}

fn main() {
    let divisor: u64 = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(1);
    let long: Schedule = &[(10, 5_000)];
    let short: Schedule = &[(10, 500)];
    let half: Schedule = &[(50, 5_000)];
    let stepped: Schedule = &[(10, 2_500), (50, 2_500)];
    println!("| truth | 10 %, 5,000 executions | 10 %, 500 | 50 %, 5,000 | 10 then 50 %, 2,500 each |");
    println!("|---|---|---|---|---|");
    for (name, truth, healthy) in rows() {
        let runs = if healthy { RUNS_HEALTHY } else { RUNS } / divisor;
        let cells: Vec<_> = [long, short, half, stepped]
            .into_iter()
            .map(|schedule| cell(truth, schedule, runs))
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    planner(divisor);
    bounds(divisor);
}

/// The planner's closed form against the simulation.
fn planner(divisor: u64) {
    println!("\n| failures | weight | planned executions | simulated median |\n|---|---|---|---|");
    for (stable, canary, weight) in [
        (0.01, 0.2, 10_u8),
        (0.01, 0.05, 10),
        (0.01, 0.05, 50),
        (0.001, 0.02, 10),
    ] {
        let share = Share::of_percent(weight).unwrap();
        let planned = executions_to_detect(stable, canary, share, Analysis::default().alpha * 0.5).unwrap();
        let truth = Truth {
            stable_failures: stable,
            canary_failures: canary,
            ..HEALTHY
        };
        let schedule: Schedule = if weight == 10 {
            &[(10, 20_000)]
        } else {
            &[(50, 20_000)]
        };
        let mut stops: Vec<_> = simulate(truth, schedule, RUNS / 4 / divisor)
            .iter()
            .map(|stop| stop.executions)
            .collect();
        stops.sort_unstable();
        let median = stops.get(stops.len() / 2).copied().unwrap_or_default();
        println!("| {stable} to {canary} | {weight} % | {planned:.0} | {median} |");
    }
}

/// How often the guards' anytime bounds are wrong at any of 1,000 looks.
#[expect(clippy::cast_precision_loss, reason = "counts of runs")]
fn bounds(divisor: u64) {
    println!("\n| bound | truth | wrong at some look of 1,000 | allowed |\n|---|---|---|---|");
    for (rate, alpha) in [(0.01, 0.05), (0.2, 0.05), (0.2, 0.01)] {
        let runs = RUNS / divisor;
        let (mut below, mut above) = (0_u64, 0_u64);
        for seed in 0..runs {
            let mut random = Random::seeded(1_000_000 + seed);
            let mut tally = Tally::default();
            let (mut wrong_below, mut wrong_above) = (false, false);
            for _ in 0..1_000 {
                tally.closed += 1;
                tally.failed += u64::from(random.uniform() < rate);
                wrong_below |= !wrong_below && lower_bound(tally, alpha) > rate;
                wrong_above |= !wrong_above && upper_bound(tally, alpha) < rate;
            }
            below += u64::from(wrong_below);
            above += u64::from(wrong_above);
        }
        let share = |count: u64| 100.0 * count as f64 / runs as f64;
        println!(
            "| lower | {rate} | {:.2} % | {:.0} % |",
            share(below),
            alpha * 100.0
        );
        println!(
            "| upper | {rate} | {:.2} % | {:.0} % |",
            share(above),
            alpha * 100.0
        );
    }
}
