//! Tasks from outside: an engine with its integrations, against stand-ins for services that remember what they were sent.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed test should panic"
)]

mod aws;
mod functions;
mod harness;
mod http_tasks;
mod jobs;
mod logs;
mod map_runs;
mod nested;
mod optimised;
mod protocols;
mod signed;
