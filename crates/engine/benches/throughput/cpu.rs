//! What processes have taken of the processors: unlike time, this hardly changes with what else the machine does. On Linux;
//! elsewhere nothing is said.

use std::fs;

/// The engine's process, and the server's, whose children count, too.
#[derive(Clone, Copy)]
pub(crate) struct Watched {
    pub(crate) engine: Option<u32>,
    pub(crate) postgres: Option<u32>,
}

/// Seconds of processor time.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) engine: f64,
    pub(crate) postgres: f64,
}

impl Watched {
    pub(crate) fn taken(self) -> Taken {
        Taken {
            engine: self.engine.map_or(0.0, of),
            postgres: self
                .postgres
                .map_or(0.0, |server| of(server) + children(server).map(of).sum::<f64>()),
        }
    }
}

impl Taken {
    /// Microseconds for each of `count` executions since `before`: the engine's and Postgres'.
    pub(crate) fn since(self, before: Self, count: f64) -> (f64, f64) {
        let each = |after: f64, before: f64| (after - before) * 1e6 / count;
        (
            each(self.engine, before.engine),
            each(self.postgres, before.postgres),
        )
    }
}

/// proc(5): the fields behind the name, of which the 12th to 15th are user and system time, its own and of children it
/// waited for, in hundredths of a second.
fn of(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = fields
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}

fn children(process: u32) -> impl Iterator<Item = u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    let children: Vec<u32> = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect();
    children.into_iter()
}
