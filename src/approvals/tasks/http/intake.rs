//! What a workflow hands in, and what is wrong with it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::super::model::Approver;
use super::super::model::NewTask;
use super::problems::invalid;
use crate::config::{DEFAULT_ENVIRONMENT, Role};
use crate::http::Problem;
use crate::limits::EXECUTION_INPUT_BYTES_MAX;

/// Characters of a task token (Step Functions API model, `TaskToken`).
const TOKEN_CHARS_MAX: usize = 2_048;

/// Characters of a title, a description, a comment.
const TITLE_CHARS_MAX: usize = 200;
pub(super) const TEXT_CHARS_MAX: usize = 4_000;

/// Terms of the list of assignees.
const ASSIGNEES_MAX: usize = 100;

/// Longest deadline, seconds: a year, the longest a Standard execution runs.
const DEADLINE_SECONDS_MAX: u64 = 366 * 24 * 3_600;

/// A task handed in by a workflow's state that waits for its token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IntakeRequest {
    /// Where the workflow runs; `default` when absent.
    environment: Option<String>,
    /// `$$.Task.Token`. Write-only: it is never shown again.
    task_token: String,
    /// `$$.Execution.Id`, for people to look at.
    execution_arn: Option<String>,
    /// One line for people.
    title: String,
    /// What is to be decided.
    description: Option<String>,
    /// Who may answer: callers' names, `group:NAME`, `role:NAME`; `role:approver` when absent.
    assignees: Option<Vec<Approver>>,
    /// JSON Schema 2020-12 that the answer has to fit.
    #[schema(value_type = Option<Object>)]
    form: Option<Value>,
    /// What people need to see for their decision.
    #[schema(value_type = Option<Object>)]
    input: Option<Value>,
    /// Seconds until the task fails with `Signalbox.TaskDeadline`; none: it waits as long as the workflow does.
    deadline_seconds: Option<u64>,
}

impl IntakeRequest {
    /// The task, or the first thing that is wrong with it.
    pub(super) fn into_task(self, now: DateTime<Utc>) -> Result<NewTask, Problem> {
        let within = |field: &str, text: &str, limit: usize| {
            let chars = text.chars().count();
            if (1..=limit).contains(&chars) {
                Ok(())
            } else {
                Err(invalid(
                    field,
                    format!("it has {chars} characters; 1 to {limit} are allowed"),
                ))
            }
        };
        within("/task_token", &self.task_token, TOKEN_CHARS_MAX)?;
        within("/title", &self.title, TITLE_CHARS_MAX)?;
        if let Some(description) = &self.description {
            within("/description", description, TEXT_CHARS_MAX)?;
        }
        let assignees = self
            .assignees
            .unwrap_or_else(|| vec![Approver::Role(Role::Approver)]);
        if assignees.is_empty() || assignees.len() > ASSIGNEES_MAX {
            return Err(invalid(
                "/assignees",
                format!("1 to {ASSIGNEES_MAX} terms are allowed"),
            ));
        }
        if self
            .input
            .as_ref()
            .is_some_and(|input| input.to_string().len() > EXECUTION_INPUT_BYTES_MAX)
        {
            return Err(invalid(
                "/input",
                format!("at most {EXECUTION_INPUT_BYTES_MAX} bytes are allowed"),
            ));
        }
        let deadline_at = match self.deadline_seconds {
            None => None,
            Some(seconds) if (1..=DEADLINE_SECONDS_MAX).contains(&seconds) => {
                Some(now + TimeDelta::seconds(seconds.cast_signed()))
            }
            Some(_) => {
                return Err(invalid(
                    "/deadline_seconds",
                    format!("1 to {DEADLINE_SECONDS_MAX} are allowed"),
                ));
            }
        };
        Ok(NewTask {
            environment: self.environment.unwrap_or_else(|| DEFAULT_ENVIRONMENT.to_owned()),
            token: self.task_token,
            execution_arn: self.execution_arn.filter(|arn| !arn.is_empty()),
            title: self.title,
            description: self.description,
            assignees,
            form: self.form,
            input: self.input,
            deadline_at,
        })
    }
}
