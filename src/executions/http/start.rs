//! `POST /v1/templates/{template}/executions`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;

use super::super::start::{self, Start};
use super::super::wait;
use super::requests::StartExecution;
use super::views::ExecutionView;
use crate::app::App;
use crate::http::layers::prefer_wait_seconds;
use crate::http::{Caller, IdempotencyToken, Json, Path, Problem, Role};

/// Starts an execution. With `Prefer: wait=N` the answer is its final state, if it closes within N seconds. With `Idempotency-Key` a
/// repetition is given the first answer.
#[utoipa::path(post, path = "/v1/templates/{template}/executions", tag = "executions",
    params(("template" = String, Path, description = "The template's name"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: seconds to wait for the execution to close, at most 55"),
        ("Idempotency-Key" = Option<String>, Header, description = "Names this request; kept for 24 hours")),
    request_body = StartExecution, responses(
    (status = 201, description = "Started; it runs", body = ExecutionView),
    (status = 200, description = "Started, waited for, and closed", body = ExecutionView),
    (status = 404, description = "No such template, or it is not in that environment", body = Problem),
    (status = 409, description = "The name is taken, or the template is not live yet", body = Problem),
    (status = 422, description = "The request or the input is not valid", body = Problem)))]
pub(super) async fn start_execution(
    State(app): State<Arc<App>>,
    caller: Caller,
    token: IdempotencyToken,
    Path(template): Path<String>,
    headers: HeaderMap,
    Json(request): Json<StartExecution>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Role::Operator)?;
    let command = Start {
        template,
        environment: request.environment,
        input: request
            .input
            .map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()),
        name: request.name,
        business_key: request.business_key,
        labels: request.labels,
        callback_url: request.callback_url,
        actor: caller.name,
        token: token.as_deref().map(ToOwned::to_owned),
    };
    let mut execution = start::start(&app, command).await?;
    let mut status = StatusCode::CREATED;
    if let Some(seconds) = prefer_wait_seconds(&headers) {
        execution = wait::until_closed(&app, execution, Duration::from_secs(seconds)).await?;
        if execution.status.is_closed() {
            status = StatusCode::OK;
        }
    }
    let location = HeaderValue::from_str(&format!("/v1/executions/{}", execution.id))
        .map(|path| HeaderMap::from_iter([(header::LOCATION, path)]))
        .unwrap_or_default();
    Ok((status, location, Json(ExecutionView::from(execution))))
}
