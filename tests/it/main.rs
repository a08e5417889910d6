//! Tests from outside: the real executable, a real Postgres, the embedded engine, HTTP. One binary; a file per noun.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a failed test should panic; one binary has no outside; a test has no lifecycle and no configuration"
)]

mod access;
mod analytics;
mod approvals;
mod audit;
mod aws_receivers;
mod deaths;
mod deployment_care;
mod deployment_people;
mod deployment_plans;
mod deployments;
mod deployments_guards;
mod deployments_rehearsals;
mod durability;
mod executions;
mod harness;
mod monitor;
mod notifications;
mod releases;
mod service;
mod slack;
mod tasks;
mod templates;
mod validations;
