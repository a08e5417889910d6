//! Tasks from outside: an engine with its integrations, against stand-ins for Lambda and SNS that remember what they were sent.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed test should panic"
)]

mod aws;
mod functions;
mod harness;
mod nested;
