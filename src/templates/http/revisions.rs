//! `/v1/templates/{template}/revisions`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;

use super::super::diff::Diff;
use super::super::find;
use super::super::revise::{self, Revise};
use super::requests::{DiffQuery, RegisterRevision};
use super::templates::{location, unknown};
use super::views::{RevisionSummary, RevisionView};
use crate::app::App;
use crate::db::paging::{self, Page, PageQuery};
use crate::http::{Caller, DryRun, Effect, Json, Path, Precondition, Problem, ProblemKind, Query, Role};

/// Registers a revision. It is not deployed by that. The same again gives 200 and the revision that is there. `If-Match` with the
/// template's ETag refuses it when somebody else has registered one meanwhile.
#[utoipa::path(post, path = "/v1/templates/{template}/revisions", tag = "templates", params(("template" = String, Path, description = "The template's name"), DryRun),
    request_body = RegisterRevision, responses(
    (status = 201, description = "Registered", body = RevisionView),
    (status = 200, description = "It was registered already", body = RevisionView),
    (status = 404, description = "No such template", body = Problem),
    (status = 412, description = "`If-Match` is not the newest revision", body = Problem),
    (status = 422, description = "The definition or a setting is not valid", body = Problem)))]
pub(super) async fn register_revision(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(template): Path<String>,
    Query(query): Query<DryRun>,
    precondition: Precondition,
    Json(request): Json<RegisterRevision>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Role::Deployer)?;
    let (definition, change) = request.into_parts();
    let command = Revise {
        template,
        definition,
        change,
        precondition,
        effect: query.effect(),
        actor: caller.name,
    };
    let (template, revision, known) = revise::revise(&app, command).await?;
    let name = template.name.as_str();
    let is_dry = query.effect() == Effect::Dry;
    let headers = if is_dry {
        HeaderMap::new()
    } else {
        location(&format!("/v1/templates/{name}/revisions/{}", revision.revision))
    };
    let status = if known || is_dry {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let view = RevisionView::new(name, revision).map_err(Problem::internal)?;
    Ok((status, headers, Json(view)))
}

/// Revisions, the newest first, without their definitions.
#[utoipa::path(get, path = "/v1/templates/{template}/revisions", tag = "templates", params(("template" = String, Path, description = "The template's name"), PageQuery), responses(
    (status = 200, description = "A page of revisions", body = Page<RevisionSummary>),
    (status = 404, description = "No such template", body = Problem)))]
pub(super) async fn list_revisions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(template): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<RevisionSummary>>, Problem> {
    caller.require(Role::Viewer)?;
    let filter = format!("revisions of {template}");
    let before: Option<i32> = paging::decode_cursor(page.cursor.as_deref(), &filter)?;
    let found = find::revisions(&app, &template, before, i64::from(page.limit()) + 1)
        .await?
        .ok_or_else(|| unknown(&template))?;
    let rows = found
        .into_iter()
        .map(|revision| RevisionSummary::new(&template, revision))
        .collect();
    Ok(Json(Page::from_rows(
        rows,
        page.limit(),
        &filter,
        RevisionSummary::number,
    )))
}

/// A revision: the definition as written, as published, and what differs between the two.
#[utoipa::path(get, path = "/v1/templates/{template}/revisions/{revision}", tag = "templates", params(("template" = String, Path, description = "The template's name"), ("revision" = i32, Path, description = "Its number")), responses(
    (status = 200, body = RevisionView), (status = 404, description = "No such revision", body = Problem)))]
pub(super) async fn get_revision(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((template, number)): Path<(String, i32)>,
) -> Result<Json<RevisionView>, Problem> {
    caller.require(Role::Viewer)?;
    let revision = find::revision(&app, &template, number).await?.ok_or_else(|| {
        Problem::new(
            ProblemKind::NotFound,
            format!("there is no revision {number} of `{template}`"),
        )
    })?;
    Ok(Json(
        RevisionView::new(&template, revision).map_err(Problem::internal)?,
    ))
}

/// What differs between two revisions.
#[utoipa::path(get, path = "/v1/templates/{template}/revisions/{revision}/diff", tag = "templates", params(("template" = String, Path, description = "The template's name"), ("revision" = i32, Path, description = "Its number"), DiffQuery), responses(
    (status = 200, body = Diff), (status = 404, description = "No such revision", body = Problem)))]
pub(super) async fn diff_revisions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((template, number)): Path<(String, i32)>,
    Query(query): Query<DiffQuery>,
) -> Result<Json<Diff>, Problem> {
    caller.require(Role::Viewer)?;
    let against = query.against.unwrap_or(number.saturating_sub(1));
    Ok(Json(find::compare(&app, &template, against, number).await?))
}
