//! Metrics for CloudWatch: what happened to executions, in the namespace of the environment they ran in. And from it: what Step
//! Functions itself counted there ([`sums`]).
//!
//! Table: `metric_data`, an outbox: rows are written in the transaction of what they measure and leave once CloudWatch took them.
//! Jobs: [`flush::Dispatch`] (a schedule) looks for data; [`flush::Flush`] sends the data of one environment and namespace.
//!
//! Invariants: off unless the environment names a `metrics_namespace`. A crash between CloudWatch's answer and its record sends
//! a batch twice: PutMetricData has no idempotency key, and AWS's own metrics are at-least-once as well.

pub mod flush;
mod model;
mod read;
mod record;
mod rules;
mod store;

pub use model::{Datum, FinishedExecution, Unit};
pub use read::{ReadError, StatesMetric, client, sums};
pub use record::{execution_finished, record};
