//! The routes of releases.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::http::rights::leave_out_approval;
use super::super::tests::{TestMode, TestReport, TestResult, junit};
use super::advance::take_back;
use super::model::{ReleaseView, ReleaseWorkflow, StartRelease};
use super::start::start_release;
use super::view;
use crate::app::App;
use crate::db::paging::{Page, PageQuery, decode_cursor};
use crate::http::{Caller, Json, Path, Problem, ProblemKind, Query, Role};
use crate::ids::ReleaseId;

/// The routes.
pub(in super::super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create_release, list_releases))
        .routes(routes!(get_release))
        .routes(routes!(rollback_release))
        .routes(routes!(abort_release))
        .routes(routes!(get_release_report))
}

/// Starts a release: several templates in the order of their dependencies, scenarios across them afterwards, and all of them
/// back when something fails.
#[utoipa::path(post, path = "/v1/releases", tag = "deployments", request_body = StartRelease, responses(
    (status = 202, description = "It begins; `Location` says where to look", body = ReleaseView),
    (status = 404, description = "No such template or revision", body = Problem),
    (status = 422, description = "Something about it can't be done", body = Problem)))]
async fn create_release(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(request): Json<StartRelease>,
) -> Result<Response, Problem> {
    let overrides = |workflow: &ReleaseWorkflow| workflow.override_quarantine.is_some();
    if request.workflows.iter().any(overrides) {
        caller.require(Role::Admin)?;
    }
    if request.approval_required == Some(false) {
        let environment = request.environment.as_deref().unwrap_or("default");
        leave_out_approval(&app, &caller, environment)?;
    }
    let id = Box::pin(start_release(&app, &request, &caller.name)).await?;
    let view = release_view(&app, id).await?;
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, format!("/v1/releases/{id}"))],
        Json(view),
    )
        .into_response())
}

/// Lists releases and rolling deployments, newest first.
#[utoipa::path(get, path = "/v1/releases", tag = "deployments", params(PageQuery), responses(
    (status = 200, description = "A page of releases", body = Page<ReleaseView>)))]
async fn list_releases(
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ReleaseView>>, Problem> {
    let before: Option<(DateTime<Utc>, String)> = decode_cursor(page.cursor.as_deref(), "releases")?;
    let rows = view::list(&app, before, page.limit()).await?;
    Ok(Json(Page::from_rows(rows, page.limit(), "releases", |row| {
        (row.started_at, row.id.clone())
    })))
}

/// One release.
#[utoipa::path(get, path = "/v1/releases/{id}", tag = "deployments", params(("id" = ReleaseId, Path)), responses(
    (status = 200, description = "The release", body = ReleaseView),
    (status = 404, description = "No such release", body = Problem)))]
async fn get_release(
    State(app): State<Arc<App>>,
    Path(id): Path<ReleaseId>,
) -> Result<Json<ReleaseView>, Problem> {
    Ok(Json(release_view(&app, id).await?))
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ReleaseReason {
    /// For the audit trail.
    reason: Option<String>,
}

/// Takes back every member, the last one first; also after it has succeeded.
#[utoipa::path(post, path = "/v1/releases/{id}/rollback", tag = "deployments", params(("id" = ReleaseId, Path)),
    request_body = ReleaseReason, responses(
    (status = 200, description = "It goes back", body = ReleaseView),
    (status = 404, description = "No such release", body = Problem),
    (status = 409, description = "It has gone back already, or failed", body = Problem)))]
async fn rollback_release(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ReleaseId>,
    Json(body): Json<ReleaseReason>,
) -> Result<Json<ReleaseView>, Problem> {
    Ok(Json(
        take_release_back(&app, id, &caller.name, body.reason.as_deref()).await?,
    ))
}

/// Ends a release; what was moved goes back.
#[utoipa::path(post, path = "/v1/releases/{id}/abort", tag = "deployments", params(("id" = ReleaseId, Path)),
    request_body = ReleaseReason, responses(
    (status = 200, description = "It goes back", body = ReleaseView),
    (status = 404, description = "No such release", body = Problem),
    (status = 409, description = "It has gone back already, or failed", body = Problem)))]
async fn abort_release(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ReleaseId>,
    Json(body): Json<ReleaseReason>,
) -> Result<Json<ReleaseView>, Problem> {
    Ok(Json(
        take_release_back(&app, id, &caller.name, body.reason.as_deref()).await?,
    ))
}

/// The scenarios as JUnit XML, for build servers.
#[utoipa::path(get, path = "/v1/releases/{id}/tests/report.xml", tag = "deployments", params(("id" = ReleaseId, Path)), responses(
    (status = 200, description = "JUnit XML", body = String, content_type = "application/xml"),
    (status = 404, description = "No such release", body = Problem)))]
async fn get_release_report(
    State(app): State<Arc<App>>,
    Path(id): Path<ReleaseId>,
) -> Result<Response, Problem> {
    let view = release_view(&app, id).await?;
    let results = view
        .test_results
        .test_results
        .into_iter()
        .zip(0..)
        .map(|(scenario, number)| TestResult {
            test_case: number,
            name: scenario.name,
            passed: scenario.passed,
            execution_arn: scenario.steps.last().map(|step| step.execution_arn.clone()),
            final_status: None,
            error: scenario.error,
            duration_ms: None,
            mode: TestMode::Live,
            replay_of: None,
            outcome: None,
            differences: Vec::new(),
        });
    let xml = junit::xml(&id.to_string(), &TestReport::of(results.collect())).map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/xml")], xml).into_response())
}

/// The release as shown, or the problem to answer with.
pub(in super::super) async fn release_view(app: &App, id: ReleaseId) -> Result<ReleaseView, Problem> {
    view::find(app, id)
        .await?
        .ok_or_else(|| Problem::new(ProblemKind::NotFound, format!("there is no release `{id}`")))
}

/// Takes it back, or says why not.
pub(in super::super) async fn take_release_back(
    app: &App,
    id: ReleaseId,
    who: &str,
    reason: Option<&str>,
) -> Result<ReleaseView, Problem> {
    let before = release_view(app, id).await?;
    if take_back(app, id, who, reason).await?.is_none() {
        return Err(Problem::new(
            ProblemKind::Conflict,
            format!(
                "a release that is `{}` can't be taken back, or goes back already",
                before.overall_status
            ),
        ));
    }
    release_view(app, id).await
}
