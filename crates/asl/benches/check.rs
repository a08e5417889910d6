//! How many definitions a second are checked on one core: `cargo bench -p asl --bench check`.
//!
//! Each definition is checked over and over for a second after a warm-up, once for its diagnostics alone (what a validator
//! does) and once with its machine (what creating a state machine does). `cargo bench -p asl --bench check -- PATH…` measures
//! definitions of your own, files or whatever lies in folders, each in turn, and prints the mean. Seconds are those the process
//! had a processor for, where the system tells them (Linux): what else runs on the machine then does not count.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use asl::CheckOptions;

/// How long each measurement runs.
const RUN: Duration = Duration::from_secs(1);
/// How long it runs before it counts.
const WARM_UP: Duration = Duration::from_millis(200);

const ORDER: &str = include_str!("definitions/order.json");
const BATCH: &str = include_str!("definitions/batch.json");
const PRICES: &str = include_str!("definitions/prices.json");

fn main() -> io::Result<()> {
    // `cargo bench` adds `--bench`.
    let files: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let mut definitions = Vec::new();
    for file in files {
        read(Path::new(&file), &mut definitions)?;
    }
    let mut out = io::stdout().lock();
    if definitions.is_empty() {
        for (name, text) in [("order", ORDER), ("batch", BATCH), ("prices (JSONata)", PRICES)] {
            row(&mut out, name, &[(name.to_owned(), text.to_owned())])?;
            definitions.push((name.to_owned(), text.to_owned()));
        }
    }
    row(&mut out, "all in turn", &definitions)
}

/// A file, or every file below a folder, as text.
fn read(path: &Path, definitions: &mut Vec<(String, String)>) -> io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            read(&entry?.path(), definitions)?;
        }
        return Ok(());
    }
    // What is no text is no definition.
    if let Ok(text) = String::from_utf8(std::fs::read(path)?) {
        definitions.push((path.display().to_string(), text));
    }
    Ok(())
}

fn row(out: &mut dyn Write, name: &str, definitions: &[(String, String)]) -> io::Result<()> {
    let options = CheckOptions::default();
    let bytes: usize = definitions.iter().map(|(_, text)| text.len()).sum();
    let diagnosed = per_second(definitions, |text| {
        asl::diagnose(text, &options).diagnostics.len()
    });
    let built = per_second(definitions, |text| asl::check(text, &options).diagnostics.len());
    let mean = bytes / definitions.len().max(1);
    writeln!(
        out,
        "{name:<18} {mean:>7} bytes  {diagnosed:>9.0} diagnosed/s  {built:>9.0} with machine/s"
    )
}

fn per_second(definitions: &[(String, String)], check: impl Fn(&str) -> usize) -> f64 {
    let run = |time: Duration| {
        let (start, begin) = (now(), processor_time());
        let mut count = 0_u32;
        while start.elapsed() < time {
            for (_, text) in definitions {
                std::hint::black_box(check(std::hint::black_box(text)));
                count += 1;
            }
        }
        let spent = begin
            .zip(processor_time())
            .map_or(start.elapsed(), |(begin, end)| end.saturating_sub(begin));
        f64::from(count) / spent.as_secs_f64()
    };
    run(WARM_UP);
    run(RUN)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock of the machine it is about"
)]
fn now() -> Instant {
    Instant::now()
}

/// How long this process has had a processor: the first number of `/proc/self/schedstat`, in nanoseconds.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
