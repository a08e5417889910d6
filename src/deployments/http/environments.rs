//! A template in an environment: what it serves, what a step could see, drift, rollback.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::back::{BackError, GoBack, go_back};
use super::super::drift::{self, DriftError};
use super::super::find::find;
use super::super::plan::StepPower;
use super::super::status::{self, StatusError, StatusView};
use super::super::step::Command;
use super::super::view::{DeploymentView, view};
use super::act::command;
use crate::app::App;
use crate::http::{Caller, Json, Path, Problem, ProblemKind, Query, Role};

/// What the alias serves, compared with what it is to serve; starts that bypass it; open executions by version.
#[utoipa::path(get, path = "/v1/templates/{template}/environments/{environment}/status", tag = "deployments",
    params(("template" = String, Path), ("environment" = String, Path)), responses(
    (status = 200, description = "The status", body = StatusView),
    (status = 404, description = "The template is not in this environment", body = Problem)))]
pub(super) async fn status(
    State(app): State<Arc<App>>,
    Path((template, environment)): Path<(String, String)>,
) -> Result<Json<StatusView>, Problem> {
    Ok(Json(status::status(&app, &template, &environment).await?))
}

/// A step to think about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PowerQuery {
    /// Percent, 1 to 99. Default 10.
    weight: Option<u8>,
    /// Seconds. Default 300.
    duration: Option<u64>,
    /// Default 0.01.
    alpha: Option<f64>,
}

/// What a step of this weight and duration could see at the traffic of the last days.
#[utoipa::path(get, path = "/v1/templates/{template}/environments/{environment}/power", tag = "deployments",
    params(("template" = String, Path), ("environment" = String, Path), PowerQuery), responses(
    (status = 200, description = "What it could see", body = StepPower),
    (status = 422, description = "A parameter is not valid", body = Problem)))]
pub(super) async fn power(
    State(app): State<Arc<App>>,
    Path((template, environment)): Path<(String, String)>,
    Query(query): Query<PowerQuery>,
) -> Result<Json<StepPower>, Problem> {
    let (weight, duration) = (query.weight.unwrap_or(10), query.duration.unwrap_or(300));
    let alpha = query.alpha.unwrap_or(0.01);
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Problem::new(
            ProblemKind::InvalidRequest,
            "`alpha` is between 0 and 1",
        ));
    }
    status::power(&app, &template, &environment, (weight, duration, alpha))
        .await?
        .map(Json)
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::InvalidRequest,
                "`weight` is 1 to 99: at 100 there is nothing to compare with",
            )
        })
}

/// Which version to go back to, and why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RollbackBody {
    /// A version's ARN or its number. Default: the one before.
    to_version: Option<String>,
    /// For the timeline and the audit trail.
    reason: Option<String>,
    /// Why a version that was taken back here is to serve again: an admin's word. It then takes the approval that the
    /// environment asks for.
    override_quarantine: Option<String>,
}

/// Goes back to the version before, or to any earlier one, in one call. One that was taken back itself (`quarantined` in the
/// status) only with an admin's `override_quarantine`.
#[utoipa::path(post, path = "/v1/templates/{template}/environments/{environment}/rollback", tag = "deployments",
    params(("template" = String, Path), ("environment" = String, Path)), request_body = RollbackBody, responses(
    (status = 202, description = "It goes back; `Location` says where to look", body = DeploymentView),
    (status = 404, description = "The template is not in this environment", body = Problem),
    (status = 409, description = "There is nothing to go back to, or `version_quarantined`", body = Problem)))]
pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((template, environment)): Path<(String, String)>,
    Json(body): Json<RollbackBody>,
) -> Result<Response, Problem> {
    if body.override_quarantine.is_some() {
        caller.require(Role::Admin)?;
    }
    let wish = GoBack {
        to_version: body.to_version.as_deref(),
        reason: body.reason.as_deref(),
        override_quarantine: body.override_quarantine.as_deref(),
    };
    let id = go_back(&app, (&template, &environment), wish, &caller.name).await?;
    let view = view(&app.db, &find(&app, id).await?).await?;
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, format!("/v1/deployments/{id}"))],
        Json(view),
    )
        .into_response())
}

/// Someone else moved the alias: leave it so. A deployment that moves it ends; without one, the version that it leads to is what
/// it is to serve from now on.
#[utoipa::path(post, path = "/v1/templates/{template}/environments/{environment}/drift/adopt", tag = "deployments",
    params(("template" = String, Path), ("environment" = String, Path)), responses(
    (status = 200, description = "The deployment has ended; without one, the status of the alias", body = DeploymentView),
    (status = 409, description = "Nobody else moved the alias", body = Problem)))]
pub(super) async fn drift_adopt(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((template, environment)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    settle(&app, &caller, (&template, &environment), Command::Adopt, &headers).await
}

/// Someone else moved the alias: make it again what it is to be, whether a deployment moves it or not.
#[utoipa::path(post, path = "/v1/templates/{template}/environments/{environment}/drift/restore", tag = "deployments",
    params(("template" = String, Path), ("environment" = String, Path)), responses(
    (status = 200, description = "The alias is being restored; without a deployment it is, and this is its status", body = DeploymentView),
    (status = 409, description = "Nobody else moved the alias", body = Problem)))]
pub(super) async fn drift_restore(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((template, environment)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    settle(
        &app,
        &caller,
        (&template, &environment),
        Command::Restore,
        &headers,
    )
    .await
}

/// Someone else moved the alias while no deployment was active: leave it so, and don't count it as drift until it moves again.
#[utoipa::path(post, path = "/v1/templates/{template}/environments/{environment}/drift/ignore", tag = "deployments",
    params(("template" = String, Path), ("environment" = String, Path)), request_body = IgnoreBody, responses(
    (status = 200, description = "It is no drift any more", body = StatusView),
    (status = 404, description = "The template is not in this environment", body = Problem),
    (status = 409, description = "Nobody else moved the alias, or a deployment waits for an answer", body = Problem)))]
pub(super) async fn drift_ignore(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((template, environment)): Path<(String, String)>,
    Json(body): Json<IgnoreBody>,
) -> Result<Json<StatusView>, Problem> {
    let place = (template.as_str(), environment.as_str());
    Ok(Json(
        drift::ignore(&app, place, &caller.name, body.reason.as_deref()).await?,
    ))
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IgnoreBody {
    /// For the audit trail.
    reason: Option<String>,
}

async fn settle(
    app: &App,
    caller: &Caller,
    (template, environment): (&str, &str),
    verb: Command,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let Some(holder) = status::holder(app, template, environment).await? else {
        let place = (template, environment);
        match verb {
            Command::Adopt => drift::adopt(app, place, &caller.name).await?,
            _ => drift::restore(app, place, &caller.name).await?,
        }
        return Ok(Json(status::status(app, template, environment).await?).into_response());
    };
    command(app, caller, &holder.to_string(), verb, None, headers).await
}

impl From<BackError> for Problem {
    fn from(error: BackError) -> Self {
        let text = error.to_string();
        match error {
            BackError::NotHere { .. } | BackError::Environment(_) => Self::new(ProblemKind::NotFound, text),
            BackError::NothingEarlier { .. } | BackError::UnknownVersion { .. } => {
                Self::new(ProblemKind::Conflict, text)
            }
            BackError::Act(error) => error.into(),
            BackError::Start(error) => error.into(),
            BackError::Database(error) => error.into(),
        }
    }
}

impl From<StatusError> for Problem {
    fn from(error: StatusError) -> Self {
        let text = error.to_string();
        match error {
            StatusError::NotHere { .. } | StatusError::Environment(_) => {
                Self::new(ProblemKind::NotFound, text)
            }
            StatusError::StepFunctions(error) => error.into(),
            StatusError::Database(error) => error.into(),
        }
    }
}

impl From<DriftError> for Problem {
    fn from(error: DriftError) -> Self {
        let text = error.to_string();
        match error {
            DriftError::NotIdle { .. }
            | DriftError::Waiting(_)
            | DriftError::NoDrift
            | DriftError::Foreign(_) => Self::new(ProblemKind::Conflict, text),
            DriftError::Status(error) => error.into(),
            DriftError::Environment(_) => Self::new(ProblemKind::NotFound, text),
            DriftError::StepFunctions(error) => error.into(),
            DriftError::Database(error) => error.into(),
        }
    }
}
