//! Endpoints of human tasks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::model::Approver;
use super::super::rules::terms;
use super::super::store::Assignee;
use super::answer::{AnswerError, answer};
use super::hold::{self, HoldError};
use super::intake::{IntakeError, intake};
use super::list::{self, Filter};
use super::model::{NewTask, Task, TaskAnswer, TaskState};
use super::rules::TaskRefusal;
use crate::app::App;
use crate::config::{DEFAULT_ENVIRONMENT, Role};
use crate::db::paging::{Page, PageQuery, decode_cursor};
use crate::http::{Caller, ErrorItem, Json, Path, Problem, ProblemKind, Query};
use crate::ids::TaskId;
use crate::limits::EXECUTION_INPUT_BYTES_MAX;
use crate::schema::InvalidSchema;

/// Characters of a task token (Step Functions API model, `TaskToken`).
const TOKEN_CHARS_MAX: usize = 2_048;

/// Characters of a title, a description, a comment.
const TITLE_CHARS_MAX: usize = 200;
const TEXT_CHARS_MAX: usize = 4_000;

/// Terms of the list of assignees.
const ASSIGNEES_MAX: usize = 100;

/// Characters of an error's name and cause (Step Functions API model).
const ERROR_CHARS_MAX: usize = 256;
const CAUSE_CHARS_MAX: usize = 32_768;

/// Longest deadline, seconds: a year, the longest a Standard execution runs.
const DEADLINE_SECONDS_MAX: u64 = 366 * 24 * 3_600;

/// The routes of human tasks.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(take_in))
        .routes(routes!(list_tasks))
        .routes(routes!(get_task))
        .routes(routes!(claim_task))
        .routes(routes!(release_task))
        .routes(routes!(delegate_task))
        .routes(routes!(complete_task))
        .routes(routes!(fail_task))
}

/// A task handed in by a workflow's state that waits for its token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IntakeRequest {
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

/// A human task. Its token is not part of it.
#[derive(Debug, Serialize, ToSchema)]
struct TaskView {
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

/// Takes in a task from a state that waits for its token: from an HTTP Task, or from whatever the state calls.
#[utoipa::path(post, path = "/v1/task-intake", tag = "approvals", request_body = IntakeRequest, responses(
    (status = 201, description = "The task", body = TaskView),
    (status = 200, description = "The same token was handed in before; its task", body = TaskView),
    (status = 422, description = "A field is not valid", body = Problem)))]
async fn take_in(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(request): Json<IntakeRequest>,
) -> Result<impl IntoResponse, Problem> {
    let new = request.into_task(app.clock.now())?;
    let (task, is_new) = intake(&app, &caller, new).await?;
    let location = HeaderValue::from_str(&format!("/v1/tasks/{}", task.id)).map_err(Problem::internal)?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, [(header::LOCATION, location)], Json(TaskView::from(task))))
}

impl IntakeRequest {
    fn into_task(self, now: DateTime<Utc>) -> Result<NewTask, Problem> {
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

fn invalid(pointer: &str, message: String) -> Problem {
    Problem::new(ProblemKind::InvalidRequest, format!("`{pointer}`: {message}")).with_errors(vec![
        ErrorItem {
            pointer: Some(pointer.to_owned()),
            ..ErrorItem::new("invalid_field", message)
        },
    ])
}

/// Filter and page of a listing of tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `me`: the caller's inbox: what they hold, and what is open and assigned to them.
    assignee: Option<AssigneeIs>,
    /// `open`, `claimed`, `completing`, `failing`, `completed`, `failed` or `gone`.
    state: Option<TaskState>,
    /// Where the workflow runs.
    environment: Option<String>,
    /// Most tasks to return, 1..=500; 50 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AssigneeIs {
    Me,
}

/// Lists human tasks, newest first.
#[utoipa::path(get, path = "/v1/tasks", tag = "approvals", params(ListQuery), responses(
    (status = 200, description = "A page of tasks", body = Page<TaskView>),
    (status = 422, description = "A parameter is not valid", body = Problem)))]
async fn list_tasks(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<TaskView>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let assignee = query.assignee.map(|AssigneeIs::Me| Assignee {
        terms: terms(&app.config.approvals.groups, &caller),
        name: caller.name,
    });
    let filter = Filter {
        state: query.state,
        environment: query.environment,
        assignee,
    };
    let fingerprint = format!("tasks {filter:?}");
    let before: Option<(DateTime<Utc>, TaskId)> = decode_cursor(page.cursor.as_deref(), &fingerprint)?;
    let rows = list::list(&app.db, &filter, before, i64::from(page.limit()) + 1).await?;
    let page = Page::from_rows(rows, page.limit(), &fingerprint, |row| (row.created_at, row.id));
    Ok(Json(page.map(TaskView::from)))
}

/// One human task.
#[utoipa::path(get, path = "/v1/tasks/{id}", tag = "approvals", params(("id" = TaskId, Path)), responses(
    (status = 200, description = "The task", body = TaskView),
    (status = 404, description = "There is none with this id", body = Problem)))]
async fn get_task(State(app): State<Arc<App>>, Path(id): Path<TaskId>) -> Result<Json<TaskView>, Problem> {
    let task = list::find(&app.db, id).await?.ok_or(HoldError::NotFound { id })?;
    Ok(Json(task.into()))
}

/// Makes the caller the one who works on it.
#[utoipa::path(post, path = "/v1/tasks/{id}/claim", tag = "approvals", params(("id" = TaskId, Path)), responses(
    (status = 200, description = "The task", body = TaskView),
    (status = 403, description = "It is not assigned to the caller", body = Problem),
    (status = 409, description = "Somebody else holds it, or it is answered", body = Problem)))]
async fn claim_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<TaskId>,
) -> Result<Json<TaskView>, Problem> {
    Ok(Json(hold::claim(&app, &caller, id).await?.into()))
}

/// Puts it back into the inbox.
#[utoipa::path(post, path = "/v1/tasks/{id}/release", tag = "approvals", params(("id" = TaskId, Path)), responses(
    (status = 200, description = "The task", body = TaskView),
    (status = 403, description = "The caller does not hold it", body = Problem),
    (status = 409, description = "It is answered", body = Problem)))]
async fn release_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<TaskId>,
) -> Result<Json<TaskView>, Problem> {
    Ok(Json(hold::release(&app, &caller, id).await?.into()))
}

/// Whom to hand it to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DelegateRequest {
    /// A caller's name.
    to: String,
    /// Why.
    reason: Option<String>,
}

/// Hands it to somebody else, who holds it then.
#[utoipa::path(post, path = "/v1/tasks/{id}/delegate", tag = "approvals", params(("id" = TaskId, Path)),
    request_body = DelegateRequest, responses(
    (status = 200, description = "The task", body = TaskView),
    (status = 403, description = "It is not the caller's, or the delegate may not work on tasks", body = Problem),
    (status = 409, description = "Somebody else holds it, or it is answered", body = Problem),
    (status = 422, description = "Nobody has this name", body = Problem)))]
async fn delegate_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<TaskId>,
    Json(request): Json<DelegateRequest>,
) -> Result<Json<TaskView>, Problem> {
    let reason = text("/reason", request.reason, TEXT_CHARS_MAX)?;
    Ok(Json(
        hold::delegate(&app, &caller, id, &request.to, reason)
            .await?
            .into(),
    ))
}

/// The answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CompleteRequest {
    /// The task's output for the workflow: any JSON that fits the form. `{}` when absent.
    #[schema(value_type = Option<Object>)]
    output: Option<Value>,
    /// Why, for the audit trail.
    comment: Option<String>,
}

/// Answers it. 202: the answer is durable, and on its way to the engine.
#[utoipa::path(post, path = "/v1/tasks/{id}/complete", tag = "approvals", params(("id" = TaskId, Path)),
    request_body = CompleteRequest, responses(
    (status = 202, description = "The task", body = TaskView),
    (status = 403, description = "It is not the caller's", body = Problem),
    (status = 409, description = "Somebody else holds it, or it is answered", body = Problem),
    (status = 422, description = "The answer does not fit the form (`invalid_input`)", body = Problem)))]
async fn complete_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<TaskId>,
    Json(request): Json<CompleteRequest>,
) -> Result<(StatusCode, Json<TaskView>), Problem> {
    let comment = text("/comment", request.comment, TEXT_CHARS_MAX)?;
    let output = request.output.unwrap_or_else(|| serde_json::json!({}));
    let task = answer(&app, &caller, id, TaskAnswer::Complete(output), comment).await?;
    Ok((StatusCode::ACCEPTED, Json(task.into())))
}

/// The error.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FailRequest {
    /// The error's name, which a Catch may name; `Signalbox.TaskFailed` when absent.
    error: Option<String>,
    /// What happened.
    cause: Option<String>,
    /// Why, for the audit trail.
    comment: Option<String>,
}

/// Fails it. 202: that is durable, and on its way to the engine.
#[utoipa::path(post, path = "/v1/tasks/{id}/fail", tag = "approvals", params(("id" = TaskId, Path)),
    request_body = FailRequest, responses(
    (status = 202, description = "The task", body = TaskView),
    (status = 403, description = "It is not the caller's", body = Problem),
    (status = 409, description = "Somebody else holds it, or it is answered", body = Problem)))]
async fn fail_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<TaskId>,
    Json(request): Json<FailRequest>,
) -> Result<(StatusCode, Json<TaskView>), Problem> {
    let error = text("/error", request.error, ERROR_CHARS_MAX)?;
    let failed = TaskAnswer::Fail {
        error: error.unwrap_or_else(|| "Signalbox.TaskFailed".to_owned()),
        cause: text("/cause", request.cause, CAUSE_CHARS_MAX)?,
    };
    let comment = text("/comment", request.comment, TEXT_CHARS_MAX)?;
    let task = answer(&app, &caller, id, failed, comment).await?;
    Ok((StatusCode::ACCEPTED, Json(task.into())))
}

/// A text within its limit; an empty one is none.
fn text(pointer: &str, text: Option<String>, limit: usize) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.chars().count() > limit => Err(invalid(
            pointer,
            format!("at most {limit} characters are allowed"),
        )),
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

impl From<TaskRefusal> for Problem {
    fn from(refusal: TaskRefusal) -> Self {
        let kind = match refusal {
            TaskRefusal::NotAssigned { .. } | TaskRefusal::NotHeld { .. } => ProblemKind::Forbidden,
            TaskRefusal::Held { .. } | TaskRefusal::Answered => ProblemKind::Conflict,
        };
        let problem = Self::new(kind, refusal.to_string());
        match refusal {
            TaskRefusal::Held { holder } => problem.with("holder", holder),
            TaskRefusal::NotAssigned { .. } | TaskRefusal::NotHeld { .. } | TaskRefusal::Answered => problem,
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            HoldError::Unknown { .. } => invalid("/to", error.to_string()),
            HoldError::Forbidden(forbidden) => forbidden.into(),
            HoldError::Refused(refusal) => refusal.into(),
            HoldError::Database(error) => error.into(),
        }
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        let detail = error.to_string();
        match error {
            AnswerError::NotFound { .. } => Self::new(ProblemKind::NotFound, detail),
            AnswerError::Refused(refusal) => refusal.into(),
            AnswerError::Misfit(misfits) => {
                let items = misfits.into_iter().map(|misfit| ErrorItem {
                    pointer: Some(format!("/output{}", misfit.pointer)),
                    ..ErrorItem::new("invalid_field", misfit.message)
                });
                Self::new(ProblemKind::InvalidInput, detail).with_errors(items.collect())
            }
            AnswerError::TooLarge { .. } => Self::new(ProblemKind::PayloadTooLarge, detail),
            AnswerError::Form(form) => Self::internal(form),
            AnswerError::Database(error) => error.into(),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        let detail = error.to_string();
        match error {
            IntakeError::UnknownEnvironment(_) | IntakeError::EnvironmentName(_) => {
                invalid("/environment", detail)
            }
            IntakeError::Form(InvalidSchema { pointer, .. }) => invalid(&format!("/form{pointer}"), detail),
            IntakeError::Database(error) => error.into(),
        }
    }
}
