//! `[telemetry]`

use serde::Deserialize;

use crate::telemetry::logs::LogFormat;

/// Logs, on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// `pretty` for people or `json`, one object a line. Default `pretty`.
    pub log_format: LogFormat,
    /// What is logged, in `tracing`'s syntax: `info`, `warn,signalbox=debug`. Default `info,sqlx=warn`.
    pub log_filter: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log_format: LogFormat::default(),
            log_filter: "info,sqlx=warn".to_owned(),
        }
    }
}
