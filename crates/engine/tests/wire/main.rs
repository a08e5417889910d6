//! The wire protocol from outside: raw JSON over HTTP against a real Postgres.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed test should panic"
)]

mod activities;
mod aliases;
mod arns;
mod harness;
mod machines;
mod mocks;
mod pages;
mod protocol;
mod redrives;
mod shapes;
mod signatures;
mod state_tests;
mod tags;
mod versions;
