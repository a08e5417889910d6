//! Nothing that is done to a definition makes the check or the evaluation panic.
//!
//! `cargo test -p asl --test mutations` runs a few thousand changes, the same ones each time; `cargo test --release -p asl --test
//! mutations -- 1000000` as many as are asked for, and `-- 1000000 500000` begins at another one. The bodies are those of the fuzz
//! targets in `fuzz/`, for where there is no fuzzer.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed test should panic"
)]

mod mutate;
mod targets;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use mutate::{Dice, mutated};

/// Changes of an ordinary test run: some seconds, unoptimised.
const FEW: u64 = 3_000;

/// Definitions to change: between them every type of state, both languages, paths, calls, expressions.
const SEEDS: &[&str] = &[
    include_str!("../../benches/definitions/order.json"),
    include_str!("../../benches/definitions/batch.json"),
    include_str!("../../benches/definitions/prices.json"),
    include_str!("../../benches/definitions/everything.json"),
];

/// What stands where a definition leaves a function open.
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:work";

/// Inputs of the executions.
const INPUTS: &[&str] = &[
    "{}",
    "null",
    r#"{"a": [{"b": 1, "c": "x"}, {"b": 2}], "order": {"id": "o-1", "amount": 3}, "bucket": "b", "items": [{"price": 5, "name": "n"}], "limit": 9}"#,
    "[1, 2, 3]",
];

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let many = numbers.first().copied().unwrap_or(FEW);
    let first = numbers.get(1).copied().unwrap_or(0);
    // What nobody has filled in can't run.
    let filled: Vec<String> = SEEDS
        .iter()
        .map(|text| text.replace("${Scan}", FUNCTION).replace("${Read}", FUNCTION))
        .collect();
    let seeds: Vec<&str> = filled.iter().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    let mut valid = 0_u64;
    for number in first..first + many {
        let mut dice = Dice(number);
        let text = mutated(&seeds, &mut dice);
        let input = dice.one(INPUTS);
        let choices = dice.roll();
        let done = catch_unwind(AssertUnwindSafe(|| {
            targets::check_and_evaluate(&text, input, choices);
            number % 8 == 0 && targets::parse_and_check(&text).machine.is_some()
        }));
        let Ok(is_valid) = done else {
            writeln!(out, "change {number} panicked, on the input {input}:\n{text}").unwrap();
            return ExitCode::FAILURE;
        };
        valid += u64::from(is_valid);
    }
    writeln!(
        out,
        "{many} changed definitions without a panic; of each eighth, {valid} were valid and ran"
    )
    .unwrap();
    ExitCode::SUCCESS
}
