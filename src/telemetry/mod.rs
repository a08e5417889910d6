//! Logs and metrics.
//!
//! Logs: one event per state change, fields that can be queried, errors logged once where they are handled. Execution input and
//! output are customer data and never logged. Metrics: prefix `signalbox_`, unit suffix, no label with unbounded values.

mod engine;
pub mod logs;
mod metrics;

pub use engine::EngineCollector;
pub use metrics::Metrics;
