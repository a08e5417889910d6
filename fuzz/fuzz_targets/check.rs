//! Parse and check: any text.

#![no_main]

#[path = "../../crates/asl/tests/mutations/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|text: &str| {
    targets::parse_and_check(text);
});
