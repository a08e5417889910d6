//! `[monitor]`

use serde::Deserialize;

/// How executions are watched: open ones are listed for each state machine and compared with what is known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Monitor {
    /// Time between two looks at a state machine on AWS, seconds. Default 30. Each costs one ListExecutions for 1,000
    /// open executions, of 5 a second (2 outside of the large regions) that AWS grants.
    pub interval_seconds: u64,
    /// Time between two looks at a state machine of the embedded engine, milliseconds. Default 500.
    pub embedded_interval_ms: u64,
    /// Age under which an execution that is not listed yet counts as not yet visible, seconds. Default 60: AWS lists are
    /// eventually consistent.
    pub settling_seconds: u64,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            interval_seconds: 30,
            embedded_interval_ms: 500,
            settling_seconds: 60,
        }
    }
}
