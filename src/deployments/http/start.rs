//! `POST /v1/deployments`

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::find::find;
use super::super::plan::Plan;
use super::super::prepare::prepare;
use super::super::presets::fill_in;
use super::super::releases::http::release_view;
use super::super::releases::rolling::{plan_rolling, start_rolling};
use super::super::request::StartDeployment;
use super::super::start::start;
use super::super::view::{DeploymentView, view};
use super::rights;
use crate::app::App;
use crate::http::{Caller, Json, Problem, Query};

/// Whether anything is to happen.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StartQuery {
    /// True: check everything and answer the plan, but start nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Starts a deployment, or with `dry_run=true` answers its plan.
///
/// A strategy `rolling` over several environments answers with the release that holds their deployments.
#[utoipa::path(post, path = "/v1/deployments", tag = "deployments", params(StartQuery), request_body = StartDeployment, responses(
    (status = 202, description = "It begins; `Location` says where to look", body = DeploymentView),
    (status = 200, description = "The plan, with `dry_run=true`; of a rolling deployment over several environments `{\"waves\": [[plan, …], …]}`", body = Plan),
    (status = 404, description = "No such template or revision", body = Problem),
    (status = 409, description = "`deployment_in_progress`: another one moves the alias", body = Problem),
    (status = 422, description = "Something about it can't be done", body = Problem)))]
pub(super) async fn start_deployment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<StartQuery>,
    Json(mut request): Json<StartDeployment>,
) -> Result<Response, Problem> {
    fill_in(&app, &mut request).await?;
    rights::check(&app, &caller, &request)?;
    if query.dry_run {
        if let Some(plan) = plan_rolling(&app, &request, &caller.name).await? {
            return Ok(Json(plan).into_response());
        }
        let prepared = prepare(&app, &request, caller.name.as_str().into()).await?;
        return Ok(Json(prepared.plan).into_response());
    }
    if let Some(release) = start_rolling(&app, &request, &caller.name).await? {
        let location = format!("/v1/deployments/{release}");
        let view = release_view(&app, release).await?;
        return Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(view)).into_response());
    }
    let id = start(&app, &request, &caller.name, None).await?;
    let view = view(&app.db, &find(&app, id).await?).await?;
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, format!("/v1/deployments/{id}"))],
        Json(view),
    )
        .into_response())
}
