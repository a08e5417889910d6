//! `[monitor]`

use serde::{Deserialize, Deserializer};

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
    /// Days that a closed execution is kept after it stopped. Default 365; at least 30, as a failed execution can be redriven for 14 days.
    /// What it added to the analytics stays.
    #[serde(deserialize_with = "long_enough")]
    pub keep_executions_days: u32,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            interval_seconds: 30,
            embedded_interval_ms: 500,
            settling_seconds: 60,
            keep_executions_days: 365,
        }
    }
}

/// Fewest days that a closed execution is kept: AWS lets a failed one be redriven for 14, and deployments look back as far.
const KEEP_EXECUTIONS_DAYS_MIN: u32 = 30;

fn long_enough<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let days = u32::deserialize(deserializer)?;
    if days < KEEP_EXECUTIONS_DAYS_MIN {
        return Err(serde::de::Error::custom(format!(
            "`keep_executions_days` must be at least {KEEP_EXECUTIONS_DAYS_MIN}"
        )));
    }
    Ok(days)
}
