//! Check and evaluate: a definition, its input, and what its tasks answer.

#![no_main]

#[path = "../../crates/asl/tests/mutations/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: (&str, &str, u64)| {
    let (text, input, choices) = data;
    targets::check_and_evaluate(text, input, choices);
});
