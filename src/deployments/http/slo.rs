//! A template's SLO and its error budget.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::super::judge::Slo;
use super::super::promise::{self, PromiseError, SloView};
use crate::app::App;
use crate::http::{Caller, Json, Path, Problem, ProblemKind};

/// The promise, and what is left of the error budget in each environment.
#[utoipa::path(get, path = "/v1/templates/{template}/slo", tag = "deployments",
    params(("template" = String, Path)), responses(
    (status = 200, description = "The SLO and its budget", body = SloView),
    (status = 404, description = "No such template, or it has no SLO", body = Problem)))]
pub(super) async fn get_slo(
    State(app): State<Arc<App>>,
    Path(template): Path<String>,
) -> Result<Json<SloView>, Problem> {
    Ok(Json(promise::read(&app, &template).await?))
}

/// Promises: deployments pause, or go back, when the budget burns (`analysis.on_budget_burn`).
#[utoipa::path(put, path = "/v1/templates/{template}/slo", tag = "deployments",
    params(("template" = String, Path)), request_body = Slo, responses(
    (status = 200, description = "The SLO and its budget", body = SloView),
    (status = 404, description = "No such template", body = Problem),
    (status = 422, description = "A number is out of its range", body = Problem)))]
pub(super) async fn put_slo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(template): Path<String>,
    Json(slo): Json<Slo>,
) -> Result<Json<SloView>, Problem> {
    Ok(Json(promise::set(&app, &template, slo, &caller.name).await?))
}

/// Takes the promise back.
#[utoipa::path(delete, path = "/v1/templates/{template}/slo", tag = "deployments",
    params(("template" = String, Path)), responses(
    (status = 204, description = "It promises nothing any more"),
    (status = 404, description = "It had no SLO", body = Problem)))]
pub(super) async fn delete_slo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(template): Path<String>,
) -> Result<StatusCode, Problem> {
    promise::remove(&app, &template, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<PromiseError> for Problem {
    fn from(error: PromiseError) -> Self {
        let text = error.to_string();
        match error {
            PromiseError::UnknownTemplate(_) | PromiseError::None(_) => {
                Self::new(ProblemKind::NotFound, text)
            }
            PromiseError::Invalid { field, .. } => {
                Self::invalid_fields(text.clone(), [(format!("/{field}"), text)])
            }
            PromiseError::Database(error) => error.into(),
        }
    }
}
