//! Reading deployments.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::super::find;
use super::super::releases::http::release_view;
use super::super::store::record::Filter;
use super::super::strategy::CourseStep;
use super::super::tests::coverage::Coverage;
use super::super::tests::{TestReport, junit};
use super::super::view::{CallView, DeploymentView, FullAnalysis, LookView, full_analysis, line, view};
use crate::app::App;
use crate::db::paging::{Page, PageQuery, decode_cursor};
use crate::http::{Json, Path, Problem, Query, etag};
use crate::ids::{DeploymentId, ReleaseId};

/// Filter and page of a listing.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Name of a template.
    template: Option<String>,
    /// Name of an environment.
    environment: Option<String>,
    /// A state, such as `baking`.
    state: Option<String>,
    /// Id of a release: its members.
    parent: Option<String>,
    /// Most deployments to return, 1..=500; 50 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists deployments, newest first.
#[utoipa::path(get, path = "/v1/deployments", tag = "deployments", params(ListQuery), responses(
    (status = 200, description = "A page of deployments", body = Page<DeploymentView>),
    (status = 422, description = "A parameter is not valid", body = Problem)))]
pub(super) async fn list_deployments(
    State(app): State<Arc<App>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<DeploymentView>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let filter = Filter {
        template: query.template,
        environment: query.environment,
        state: query.state,
        parent: query.parent,
    };
    let key = format!("{filter:?}");
    let before: Option<(DateTime<Utc>, String)> = decode_cursor(page.cursor.as_deref(), &key)?;
    let rows = find::list(&app, &filter, before, page.limit()).await?;
    let page = Page::from_rows(rows, page.limit(), &key, |row| {
        (row.created_at, row.id.to_string())
    });
    let mut data = Vec::with_capacity(page.data.len());
    for row in &page.data {
        data.push(view(&app.db, row).await?);
    }
    Ok(Json(Page {
        data,
        next_cursor: page.next_cursor,
        has_more: page.has_more,
    }))
}

/// One deployment; with `Accept: text/plain` one line about it. The id of a rolling deployment over several environments
/// (`rel_…`) answers with its release.
#[utoipa::path(get, path = "/v1/deployments/{id}", tag = "deployments", params(("id" = String, Path)), responses(
    (status = 200, description = "The deployment, with the ETag that a change of its plan names", body = DeploymentView),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn get_deployment(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Ok(release) = id.parse::<ReleaseId>() {
        return Ok(Json(release_view(&app, release).await?).into_response());
    }
    let record = find::find(&app, parse(&id)?).await?;
    let view = view(&app.db, &record).await?;
    if wants_text(&headers) {
        return Ok(line(&view).into_response());
    }
    Ok(([etag(record.version.into())], Json(view)).into_response())
}

/// The plan it was started with.
#[utoipa::path(get, path = "/v1/deployments/{id}/plan", tag = "deployments", params(("id" = DeploymentId, Path)), responses(
    (status = 200, description = "The plan", body = crate::deployments::plan::Plan),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn get_plan(
    State(app): State<Arc<App>>,
    Path(id): Path<DeploymentId>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(find::find(&app, id).await?.plan.0))
}

/// A step and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepView {
    /// Counts from 1.
    number: usize,
    /// What is done in it.
    #[serde(flatten)]
    step: CourseStep,
    /// `done`, `current`, `waiting`.
    status: &'static str,
}

/// The steps.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepsView {
    /// In order.
    data: Vec<StepView>,
}

/// The steps of its course, and which is at hand.
#[utoipa::path(get, path = "/v1/deployments/{id}/steps", tag = "deployments", params(("id" = DeploymentId, Path)), responses(
    (status = 200, description = "The steps", body = StepsView),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn get_steps(
    State(app): State<Arc<App>>,
    Path(id): Path<DeploymentId>,
) -> Result<Json<StepsView>, Problem> {
    let deployment = find::find(&app, id).await?.deployment();
    let current = usize::from(deployment.step);
    let over = deployment.state.is_finished();
    let data = deployment
        .course
        .steps
        .iter()
        .enumerate()
        .map(|(place, step)| StepView {
            number: place + 1,
            step: *step,
            status: match place.cmp(&current) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal if over => "done",
                std::cmp::Ordering::Equal => "current",
                std::cmp::Ordering::Greater => "waiting",
            },
        });
    Ok(Json(StepsView { data: data.collect() }))
}

/// What the judge knows at its last look: counts, evidence, bounds, the usual intervals.
#[utoipa::path(get, path = "/v1/deployments/{id}/analysis", tag = "deployments", params(("id" = DeploymentId, Path)), responses(
    (status = 200, description = "The analysis", body = FullAnalysis),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn get_analysis(
    State(app): State<Arc<App>>,
    Path(id): Path<DeploymentId>,
) -> Result<Json<FullAnalysis>, Problem> {
    let record = find::find(&app, id).await?;
    Ok(Json(full_analysis(&app.db, &record).await?))
}

/// Every look the judge took that saw something new, oldest first. Each holds the counts its verdict was computed from.
#[utoipa::path(get, path = "/v1/deployments/{id}/analysis/looks", tag = "deployments",
    params(("id" = DeploymentId, Path), PageQuery), responses(
    (status = 200, description = "A page of looks", body = Page<LookView>),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn list_looks(
    State(app): State<Arc<App>>,
    Path(id): Path<DeploymentId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<LookView>>, Problem> {
    find::find(&app, id).await?;
    let key = format!("looks {id}");
    let after: Option<i64> = decode_cursor(page.cursor.as_deref(), &key)?;
    let rows = find::looks(&app, id, after, page.limit()).await?;
    Ok(Json(
        Page::from_rows(rows, page.limit(), &key, |row| row.seq).map(LookView::from),
    ))
}

/// Every call that changed something at the environment's Step Functions, oldest first.
#[utoipa::path(get, path = "/v1/deployments/{id}/calls", tag = "deployments",
    params(("id" = DeploymentId, Path), PageQuery), responses(
    (status = 200, description = "A page of calls", body = Page<CallView>),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn list_calls(
    State(app): State<Arc<App>>,
    Path(id): Path<DeploymentId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<CallView>>, Problem> {
    find::find(&app, id).await?;
    let key = format!("calls {id}");
    let after: Option<i64> = decode_cursor(page.cursor.as_deref(), &key)?;
    let rows = find::calls(&app, id, after, page.limit()).await?;
    Ok(Json(
        Page::from_rows(rows, page.limit(), &key, |row| row.id).map(CallView::from),
    ))
}

/// The tests of the new version, and what came of them.
#[utoipa::path(get, path = "/v1/deployments/{id}/tests", tag = "deployments", params(("id" = DeploymentId, Path)), responses(
    (status = 200, description = "The tests", body = TestReport),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn get_tests(
    State(app): State<Arc<App>>,
    Path(id): Path<DeploymentId>,
) -> Result<Json<TestReport>, Problem> {
    find::find(&app, id).await?;
    Ok(Json(find::tests(&app, id).await?))
}

/// What the tests went through: states, branches of choices, catches; and what they did not.
#[utoipa::path(get, path = "/v1/deployments/{id}/tests/coverage", tag = "deployments",
    params(("id" = DeploymentId, Path)), responses(
    (status = 200, description = "The coverage", body = Coverage),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn get_tests_coverage(
    State(app): State<Arc<App>>,
    Path(id): Path<DeploymentId>,
) -> Result<Json<Coverage>, Problem> {
    let record = find::find(&app, id).await?;
    Ok(Json(find::tests_coverage(&app, &record).await?))
}

/// The tests as JUnit XML, for build servers.
#[utoipa::path(get, path = "/v1/deployments/{id}/tests/report.xml", tag = "deployments",
    params(("id" = DeploymentId, Path)), responses(
    (status = 200, description = "JUnit XML", body = String, content_type = "application/xml"),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn get_tests_report(
    State(app): State<Arc<App>>,
    Path(id): Path<DeploymentId>,
) -> Result<Response, Problem> {
    let record = find::find(&app, id).await?;
    let report = find::tests(&app, id).await?;
    let suite = format!(
        "{}/{} revision {}",
        record.template, record.environment, record.revision
    );
    let xml = junit::xml(&suite, &report).map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/xml")], xml).into_response())
}

/// Whether plain text is asked for, and not JSON.
pub(super) fn wants_text(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.trim_start().starts_with("text/plain"))
}

/// The id of a deployment, or the problem to answer with.
pub(super) fn parse(id: &str) -> Result<DeploymentId, Problem> {
    id.parse().map_err(|error: crate::ids::InvalidId| {
        Problem::new(crate::http::ProblemKind::NotFound, error.to_string())
    })
}
