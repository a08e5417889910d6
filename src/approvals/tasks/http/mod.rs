//! Endpoints of human tasks.

mod intake;
mod problems;
mod views;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::http::AssigneeIs;
use super::answer::answer;
use super::hold::{self, HoldError};
use super::intake::intake as take;
use super::list::{self, Filter};
use super::model::{TaskAnswer, TaskState};
use crate::app::App;
use crate::db::paging::{Page, PageQuery, decode_cursor};
use crate::http::{Caller, Json, Path, Problem, Query};
use crate::ids::TaskId;
use intake::{IntakeRequest, TEXT_CHARS_MAX};
use problems::invalid;
use views::TaskView;

/// Characters of an error's name and cause (Step Functions API model).
const ERROR_CHARS_MAX: usize = 256;
const CAUSE_CHARS_MAX: usize = 32_768;

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
    let (task, is_new) = take(&app, &caller, new).await?;
    let location = HeaderValue::from_str(&format!("/v1/tasks/{}", task.id)).map_err(Problem::internal)?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, [(header::LOCATION, location)], Json(TaskView::from(task))))
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
    let assignee = query.assignee.map(|whose| whose.inbox(&app, caller));
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
