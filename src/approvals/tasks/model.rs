//! The shapes of human tasks.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::model::Approver;
use crate::ids::TaskId;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub(super) enum TaskState {
    /// In the inbox of whoever it is assigned to.
    Open,
    /// Somebody works on it.
    Claimed,
    /// Answered; the answer is on its way to the engine.
    Completing,
    /// Failed by a person or its deadline; that is on its way to the engine.
    Failing,
    /// The engine has the answer.
    Completed,
    /// The engine knows that it failed.
    Failed,
    /// The engine does not wait for it any more: it timed out there, or its execution was stopped.
    Gone,
}

/// A task as it is handed in. The token is write-only: it has no place in [`Task`].
#[derive(Debug, Clone)]
pub(super) struct NewTask {
    pub(super) environment: String,
    pub(super) token: String,
    pub(super) execution_arn: Option<String>,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) assignees: Vec<Approver>,
    pub(super) form: Option<Value>,
    pub(super) input: Option<Value>,
    pub(super) deadline_at: Option<DateTime<Utc>>,
}

/// A task as it stands in the database.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) environment: String,
    pub(super) execution_arn: Option<String>,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) assignees: Vec<String>,
    pub(super) form: Option<Value>,
    pub(super) input: Option<Value>,
    pub(super) state: TaskState,
    pub(super) claimed_by: Option<String>,
    pub(super) answered_by: Option<String>,
    pub(super) answer: Option<Value>,
    pub(super) error: Option<String>,
    pub(super) cause: Option<String>,
    pub(super) outcome_note: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) deadline_at: Option<DateTime<Utc>>,
    pub(super) answered_at: Option<DateTime<Utc>>,
    pub(super) sending_at: Option<DateTime<Utc>>,
    pub(super) closed_at: Option<DateTime<Utc>>,
}

/// What a person says to a task.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TaskAnswer {
    /// The task's output: any JSON that fits its form.
    Complete(Value),
    /// An error that the workflow may catch by name.
    Fail { error: String, cause: Option<String> },
}
