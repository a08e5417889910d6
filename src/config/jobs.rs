//! `[jobs]`

use serde::Deserialize;

/// Background work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jobs {
    /// Jobs this process works on at the same time. Default 16.
    pub concurrency: usize,
    /// How often the queue is looked at when no notification comes, milliseconds. Default 1000.
    pub poll_interval_ms: u64,
    /// How long a job may work without sign of life before another process takes it over, seconds. Default 30. A job that
    /// runs renews its lease at a third of this.
    pub lease_seconds: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            concurrency: 16,
            poll_interval_ms: 1_000,
            lease_seconds: 30,
        }
    }
}
