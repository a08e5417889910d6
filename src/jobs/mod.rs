//! Background work: a queue in Postgres, claimed by lease.
//!
//! Table: `jobs`. States: `ready` (waits for its time) → `running` (leased) → gone when finished, `ready` again for a retry or a
//! snooze, or `dead`: out of attempts or failed for good, kept for a person to see and retry.
//!
//! Invariants:
//! - A job is enqueued in the transaction of what it follows from: both are there or neither.
//! - Claiming is one committed statement (`for update skip locked`, a fresh lease token, attempt + 1). No transaction is open
//!   while the job runs.
//! - Everything written about a claimed job names its lease token, so a worker that lost its lease (it stalled, its network
//!   was away) changes nothing any more. [`Lease::hold`] gives a feature's own writes the same protection.
//! - A job may run more than once: it dies with its process between the work and the record. Work is done so that a second
//!   run is harmless.
//! - With a `unique_key` there is one live job of a kind and key. Enqueueing it again moves it forward if it waits, and makes it
//!   run once more if it is running: a wake-up is never lost and two never run at once.
//!
//! Schedules are jobs that snooze for ever, unique by their kind: one in all replicas. Kinds and schedules are registered in
//! `workers.rs`.

mod enqueue;
pub mod http;
mod job;
mod lease;
mod model;
mod plan;
mod queue;
mod registry;
mod rescue;
mod runner;
#[cfg(test)]
mod tests;

pub use enqueue::{Enqueue, Enqueued, enqueue, wake};
pub use job::{Done, Job, JobError};
pub use lease::{Lease, LeaseLost};
pub use model::{JobState, JobSummary};
pub use plan::backoff;
pub use registry::Registry;
pub use runner::{release, start};
