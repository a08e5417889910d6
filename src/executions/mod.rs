//! Executions: starting, watching, searching, stopping, redriving; and the rollups of those that closed.
//!
//! Tables: `executions` (one row each, also of those started past Signalbox), `execution_events` (the feed of each), `monitored_machines`
//! (who sweeps which state machine, when); `execution_rollups`, `execution_rollup_durations`, `execution_rollup_errors`, which the analytics
//! read.
//! Jobs: [`RunExpress`] runs an Express execution to its end, [`RecoverStarts`] looks into starts without an answer, [`ForgetOld`] forgets
//! old feeds and executions. [`watch`] is the monitor's loop.
//!
//! Invariants: an execution that was acknowledged has a row. What is known of it is joined by [`plan::join`], whatever the order it is heard
//! in. Everything that follows from a close (rollups, feed, outbox) is written in the transaction that records it, by `merge` and
//! nowhere else. Input and output are customers' data: neither logged nor sent in notifications.

mod act;
mod express;
mod find;
mod forget;
mod histogram;
pub mod http;
mod limits;
mod merge;
mod model;
mod monitor;
mod observe;
mod plan;
mod recover;
mod rollup;
mod start;
mod store;
mod tell;
mod wait;

pub use express::RunExpress;
pub use find::{find, list};
pub use forget::ForgetOld;
pub use histogram::Histogram;
pub use model::{Execution, Filter, Origin, Status};
pub use monitor::watch;
pub use recover::RecoverStarts;
pub use start::{Start, StartError, start};
pub use wait::until_closed;
