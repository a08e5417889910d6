//! Human tasks as the API shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::model::{Task, TaskState};
use crate::ids::TaskId;

/// A human task. Its token is not part of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskView {
    id: TaskId,
    environment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_arn: Option<String>,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    assignees: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    form: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    input: Option<Value>,
    state: TaskState,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_by: Option<String>,
    /// Who answered; `signalbox` for a deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    answer: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// What the engine said where it did not simply take the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome_note: Option<String>,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<DateTime<Utc>>,
}

impl From<Task> for TaskView {
    fn from(task: Task) -> Self {
        Self {
            id: task.id,
            environment: task.environment,
            execution_arn: task.execution_arn,
            title: task.title,
            description: task.description,
            assignees: task.assignees,
            form: task.form,
            input: task.input,
            state: task.state,
            claimed_by: task.claimed_by,
            answered_by: task.answered_by,
            answer: task.answer,
            error: task.error,
            cause: task.cause,
            outcome_note: task.outcome_note,
            created_at: task.created_at,
            deadline_at: task.deadline_at,
            answered_at: task.answered_at,
            closed_at: task.closed_at,
        }
    }
}
