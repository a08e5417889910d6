//! Analytics: what the closed executions of a template say about it, read from the rollups that executions keep.
//!
//! Tables: none of its own; it reads `execution_rollups`, `execution_rollup_durations`, `execution_rollup_errors` and counts what is open.
//!
//! Invariants: an execution counts on the UTC day it started, whenever it closed, so a late event changes a past day and a redrive that
//! succeeds takes the failure back. Percentiles are within 1 % (histograms of logarithmic buckets), everything else is exact. Score and
//! recommendations are the formulas of the `EnterpriseStepFunctionsManager` that Signalbox grew out of, with their evidence.

pub mod http;
mod limits;
mod model;
mod plan;
mod report;
mod store;

pub use report::{ReportError, report};
