//! The shape of the analytics, and what they are computed from.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Counts and durations of one version on one day.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(super) struct RollupRow {
    pub(super) version_arn: String,
    pub(super) day: NaiveDate,
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    pub(super) timed_out: i64,
    pub(super) aborted: i64,
    pub(super) duration_ms_sum: i64,
    pub(super) duration_ms_min: Option<i64>,
    pub(super) duration_ms_max: Option<i64>,
}

/// One bucket of the histogram of one version on one day.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(super) struct BucketRow {
    pub(super) version_arn: String,
    pub(super) day: NaiveDate,
    pub(super) bucket: i32,
    pub(super) count: i64,
}

/// How often one error ended an execution.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(super) struct ErrorRow {
    pub(super) error: String,
    pub(super) count: i64,
}

/// What the database knows of a template in a window, read at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) rollups: Vec<RollupRow>,
    pub(super) buckets: Vec<BucketRow>,
    pub(super) errors: Vec<ErrorRow>,
    /// Open executions started in the window.
    pub(super) running: i64,
    /// Executions ever.
    pub(super) ever: i64,
}

/// What the executions of a template say about it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Analytics {
    /// The template's name.
    pub workflow_name: String,
    /// The window, days up to now. Whole UTC days count: the first one entirely.
    pub analysis_period_days: u32,
    /// The environment looked at; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// About the template, whatever the window.
    pub template_info: TemplateInfo,
    /// Executions started in the window.
    pub total_executions: i64,
    /// Of these, still open.
    pub running_executions: i64,
    /// Of these, `SUCCEEDED`.
    pub successful_executions: i64,
    /// Of these, `FAILED`.
    pub failed_executions: i64,
    /// Of these, `TIMED_OUT`.
    pub timed_out_executions: i64,
    /// Of these, `ABORTED`.
    pub aborted_executions: i64,
    /// Succeeded of those that closed, percent.
    pub success_rate_percent: f64,
    /// Start to close, on average.
    pub avg_duration_seconds: f64,
    /// The shortest.
    pub min_duration_seconds: f64,
    /// The longest.
    pub max_duration_seconds: f64,
    /// Half of them were at most this long.
    pub p50_duration_seconds: f64,
    /// 95 of 100 were at most this long.
    pub p95_duration_seconds: f64,
    /// 99 of 100 were at most this long.
    pub p99_duration_seconds: f64,
    /// How often each error ended an execution, the most frequent first.
    #[schema(value_type = Object)]
    pub error_analysis: Map<String, Value>,
    /// Day by day; days without executions are left out.
    pub performance_trends: Vec<Day>,
    /// 0 to 100: up to 50 for the success rate, up to 50 for speed.
    pub performance_score: i64,
    /// What to do about it.
    pub recommendations: Vec<String>,
    /// What each recommendation, in the same order, is based on.
    pub recommendation_evidence: Vec<Evidence>,
    /// Version by version.
    pub versions: Vec<Version>,
}

/// About the template, whatever the window.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TemplateInfo {
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// Executions ever.
    pub total_executions: i64,
    /// `STANDARD` or `EXPRESS`.
    pub workflow_type: String,
}

/// One day.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
pub struct Day {
    /// UTC.
    pub day: NaiveDate,
    /// Executions that started on it and have closed.
    pub total: i64,
    /// Of these, `SUCCEEDED`.
    pub succeeded: i64,
    /// Of these, `FAILED`.
    pub failed: i64,
    /// Of these, `TIMED_OUT`.
    pub timed_out: i64,
    /// Of these, `ABORTED`.
    pub aborted: i64,
    /// 95 of 100 were at most this long.
    pub p95_duration_seconds: f64,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "`version_arn` is its name everywhere")]
pub struct Version {
    /// Absent: executions that were started without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_arn: Option<String>,
    /// Executions that have closed.
    pub total: i64,
    /// Of these, `SUCCEEDED`.
    pub succeeded: i64,
    /// Of these, `FAILED`.
    pub failed: i64,
    /// Of these, `TIMED_OUT`.
    pub timed_out: i64,
    /// Of these, `ABORTED`.
    pub aborted: i64,
    /// 95 of 100 were at most this long.
    pub p95_duration_seconds: f64,
}

/// What a recommendation is based on.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Evidence {
    /// The field it looks at.
    pub measure: &'static str,
    /// Its value.
    pub value: f64,
    /// The bound that was crossed.
    pub bound: f64,
    /// Closed executions it stands on.
    pub sample: i64,
}
