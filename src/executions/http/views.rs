//! What the endpoints of executions answer.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::model::{Execution, Origin, Status};
use crate::environments::EnvironmentName;
use crate::ids::ExecutionId;
use crate::step_functions::MachineType;

/// An execution.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExecutionView {
    #[serde(flatten)]
    summary: ExecutionSummary,
    /// What it was given.
    #[schema(value_type = Option<Object>)]
    input: Option<Box<RawValue>>,
    /// What it gave.
    #[schema(value_type = Option<Object>)]
    output: Option<Box<RawValue>>,
}

/// An execution in a listing: without input and output.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExecutionSummary {
    id: ExecutionId,
    template: String,
    environment: EnvironmentName,
    #[serde(rename = "type")]
    kind: MachineType,
    /// AWS's id; null until an Express execution has ended.
    execution_arn: Option<String>,
    state_machine_arn: String,
    alias_arn: Option<String>,
    version_arn: Option<String>,
    /// The revision it runs, where its version is one that Signalbox published.
    revision: Option<i32>,
    name: String,
    /// Who started it.
    origin: Origin,
    started_by: Option<String>,
    status: Status,
    redrive_count: i32,
    started_at: DateTime<Utc>,
    stopped_at: Option<DateTime<Utc>>,
    duration_ms: Option<i64>,
    /// Name of the error it failed with.
    error: Option<String>,
    cause: Option<String>,
    business_key: Option<String>,
    labels: BTreeMap<String, String>,
    callback_url: Option<String>,
    /// Since when the target no longer knows it, though it was open.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_at: Option<DateTime<Utc>>,
}

impl From<Execution> for ExecutionSummary {
    fn from(execution: Execution) -> Self {
        Self {
            duration_ms: execution.duration_ms(),
            id: execution.id,
            template: execution.template,
            environment: execution.environment,
            kind: execution.kind,
            execution_arn: execution.execution_arn,
            state_machine_arn: execution.state_machine_arn,
            alias_arn: execution.alias_arn,
            version_arn: execution.version_arn,
            revision: execution.revision,
            name: execution.name,
            origin: execution.origin,
            started_by: execution.started_by,
            status: execution.status,
            redrive_count: execution.redrive_count,
            started_at: execution.started_at,
            stopped_at: execution.stopped_at,
            error: execution.error,
            cause: execution.cause,
            business_key: execution.business_key,
            labels: execution.labels,
            callback_url: execution.callback_url,
            lost_at: execution.lost_at,
        }
    }
}

impl From<Execution> for ExecutionView {
    fn from(mut execution: Execution) -> Self {
        let (input, output) = (execution.input.take(), execution.output.take());
        Self {
            summary: execution.into(),
            input: input.and_then(json),
            output: output.and_then(json),
        }
    }
}

/// The text of a payload as JSON, to the letter; as a string where it is not JSON, which no target should send.
fn json(text: String) -> Option<Box<RawValue>> {
    RawValue::from_string(text.clone())
        .or_else(|_| serde_json::value::to_raw_value(&text))
        .ok()
}

/// A page of an execution's history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryPage {
    /// The events as AWS gives them; times are seconds since 1970.
    #[schema(value_type = Vec<Object>)]
    pub(super) data: Vec<Value>,
    /// Give this as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
    /// Whether there is a next page.
    pub(super) has_more: bool,
}
