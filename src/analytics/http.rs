//! `GET /v1/templates/{template}/analytics`.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Analytics;
use super::report::{self, ReportError};
use crate::app::App;
use crate::environments::EnvironmentName;
use crate::http::{Caller, Json, Path, Problem, ProblemKind, Query, Role};

/// Every route of the analytics.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(get_analytics))
}

/// Which executions are looked at.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AnalyticsQuery {
    /// Days up to now, 1..=90; 7 when absent.
    days: Option<u32>,
    /// In this environment; all when absent.
    environment: Option<EnvironmentName>,
}

/// What the executions of a template say about it: counts, durations, errors, day by day; a score; recommendations with their evidence.
#[utoipa::path(get, path = "/v1/templates/{template}/analytics", tag = "analytics",
    params(("template" = String, Path, description = "The template's name"), AnalyticsQuery), responses(
    (status = 200, body = Analytics), (status = 404, description = "No such template or environment", body = Problem),
    (status = 422, description = "`days` is not 1 to 90", body = Problem)))]
async fn get_analytics(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(template): Path<String>,
    Query(query): Query<AnalyticsQuery>,
) -> Result<Json<Analytics>, Problem> {
    caller.require(Role::Viewer)?;
    if let Some(environment) = &query.environment {
        app.environments.target(environment)?;
    }
    Ok(Json(
        report::report(&app, &template, query.environment.as_ref(), query.days).await?,
    ))
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::UnknownTemplate { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            ReportError::Days => Self::new(ProblemKind::InvalidRequest, error.to_string()),
            ReportError::Database(error) => error.into(),
        }
    }
}
