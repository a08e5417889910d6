//! Acting on executions.

use std::sync::Arc;

use axum::extract::State;

use super::super::act;
use super::requests::{RedriveExecution, StopExecution};
use super::views::ExecutionView;
use crate::app::App;
use crate::http::{Caller, IdempotencyToken, Json, Path, Problem, Role};
use crate::ids::ExecutionId;

/// Stops an execution that runs; it ends as `ABORTED`.
#[utoipa::path(post, path = "/v1/executions/{id}/stop", tag = "executions", params(("id" = ExecutionId, Path, description = "Its id")),
    request_body = StopExecution, responses(
    (status = 200, description = "How it stands now", body = ExecutionView), (status = 404, description = "No such execution", body = Problem),
    (status = 409, description = "It has closed already, or is an Express execution", body = Problem)))]
pub(super) async fn stop_execution(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ExecutionId>,
    Json(request): Json<StopExecution>,
) -> Result<Json<ExecutionView>, Problem> {
    caller.require(Role::Operator)?;
    let execution = act::stop(&app, id, request.error, request.cause, &caller.name).await?;
    Ok(Json(execution.into()))
}

/// Runs an execution that failed, timed out or was stopped again, from the state in which it did.
#[utoipa::path(post, path = "/v1/executions/{id}/redrive", tag = "executions", params(("id" = ExecutionId, Path, description = "Its id")),
    request_body = RedriveExecution, responses(
    (status = 200, description = "How it stands now", body = ExecutionView), (status = 404, description = "No such execution", body = Problem),
    (status = 409, description = "It can't be redriven, or `version_quarantined`: its version was taken back", body = Problem)))]
pub(super) async fn redrive_execution(
    State(app): State<Arc<App>>,
    caller: Caller,
    token: IdempotencyToken,
    Path(id): Path<ExecutionId>,
    Json(request): Json<RedriveExecution>,
) -> Result<Json<ExecutionView>, Problem> {
    caller.require(if request.override_quarantine.is_some() {
        Role::Admin
    } else {
        Role::Operator
    })?;
    let token = token.as_deref().map(ToOwned::to_owned);
    let execution = act::redrive(&app, id, token, (&caller.name, request.override_quarantine)).await?;
    Ok(Json(execution.into()))
}
