//! Executions from outside: over HTTP, on a real Postgres.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test should panic"
)]

mod basics;
mod harness;
mod map_runs;
mod nested;
mod recovery;
