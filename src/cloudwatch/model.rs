//! The shapes of metric data.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Datum {
    /// Metric name.
    pub name: String,
    /// The value; never NaN or infinite.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
    /// Dimensions by name: at most 30, in this order.
    pub dimensions: Vec<(String, String)>,
    /// When it was measured. CloudWatch takes nothing older than two weeks.
    pub at: DateTime<Utc>,
}

/// Units in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// A count.
    Count,
}

/// An execution that closed, for [`super::execution_finished`].
#[derive(Debug, Clone)]
pub struct FinishedExecution<'a> {
    /// The template's name.
    pub template: &'a str,
    /// The final status as AWS writes it: `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub status: &'a str,
    /// Start to close, milliseconds.
    pub duration_ms: i64,
    /// When it closed.
    pub stopped_at: DateTime<Utc>,
}

/// A datum with its place in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiting {
    pub(super) seq: i64,
    pub(super) bytes: usize,
    pub(super) datum: Datum,
}
