//! `/v1/templates`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;

use super::super::register::{self, Register};
use super::super::{find, remove};
use super::requests::{RegisterTemplate, TemplateQuery};
use super::views::TemplateView;
use crate::app::App;
use crate::db::paging::{self, Page, PageQuery};
use crate::http::{
    Caller, DryRun, Effect, Json, Path, Precondition, Problem, ProblemKind, Query, Role, etag,
};

/// Registers a template and brings it to its environments. Registering the same again gives 200 and tries again where it is not live.
#[utoipa::path(post, path = "/v1/templates", tag = "templates", params(DryRun), request_body = RegisterTemplate, responses(
    (status = 201, description = "Registered; `environments` says how far it has come", body = TemplateView),
    (status = 200, description = "It was registered just so already, or this is a dry run", body = TemplateView),
    (status = 409, description = "The name belongs to another template", body = Problem),
    (status = 422, description = "The definition or a setting is not valid", body = Problem)))]
pub(super) async fn register_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<DryRun>,
    Json(request): Json<RegisterTemplate>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Role::Deployer)?;
    let settings = request.settings();
    let command = Register {
        name: request.name,
        kind: request.kind,
        definition: request.definition,
        settings,
        environments: request.environments,
        effect: query.effect(),
        actor: caller.name,
    };
    let registered = register::register(&app, command).await?;
    let is_dry = query.effect() == Effect::Dry;
    let status = if registered.known || is_dry {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let execution_count = if registered.known {
        find::find(&app, registered.template.name.as_str())
            .await?
            .map_or(0, |overview| overview.execution_count)
    } else {
        0
    };
    let headers = if is_dry {
        HeaderMap::new()
    } else {
        location(&format!("/v1/templates/{}", registered.template.name))
    };
    let view = TemplateView::new(
        registered.template,
        registered.revision,
        registered.bindings,
        execution_count,
    );
    Ok((status, headers, Json(view)))
}

/// The header that says where the new thing is.
pub(super) fn location(path: &str) -> HeaderMap {
    HeaderValue::from_str(path)
        .map(|path| HeaderMap::from_iter([(header::LOCATION, path)]))
        .unwrap_or_default()
}

/// Templates by name.
#[utoipa::path(get, path = "/v1/templates", tag = "templates", params(TemplateQuery), responses(
    (status = 200, description = "A page of templates", body = Page<TemplateView>)))]
pub(super) async fn list_templates(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<TemplateQuery>,
) -> Result<Json<Page<TemplateView>>, Problem> {
    caller.require(Role::Viewer)?;
    let filter = format!("templates search={:?}", query.search);
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let after: Option<String> = paging::decode_cursor(page.cursor.as_deref(), &filter)?;
    let found = find::list(
        &app,
        query.search.as_deref(),
        after.as_deref(),
        i64::from(page.limit()) + 1,
    )
    .await?;
    let rows = Page::from_rows(found, page.limit(), &filter, |row| row.template.name.to_string());
    Ok(Json(rows.map(TemplateView::from)))
}

/// A template with its newest revision, whose number is the ETag.
#[utoipa::path(get, path = "/v1/templates/{template}", tag = "templates", params(("template" = String, Path, description = "Its name")), responses(
    (status = 200, body = TemplateView), (status = 404, description = "No such template", body = Problem)))]
pub(super) async fn get_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(template): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Role::Viewer)?;
    let overview = find::find(&app, &template)
        .await?
        .ok_or_else(|| unknown(&template))?;
    let tag = etag(overview.revision.revision.into());
    Ok(([tag], Json(TemplateView::from(overview))))
}

/// The problem of a template that does not exist.
pub(super) fn unknown(template: &str) -> Problem {
    let shown: String = template.chars().take(100).collect();
    Problem::new(ProblemKind::NotFound, format!("there is no template `{shown}`"))
}

/// Deletes a template and its state machines. Refused while executions run; the record of past executions stays. With
/// `If-Match` only as long as its newest revision is the one that was read.
#[utoipa::path(delete, path = "/v1/templates/{template}", tag = "templates", params(("template" = String, Path, description = "Its name")), responses(
    (status = 204, description = "Deleted"), (status = 404, description = "No such template", body = Problem),
    (status = 409, description = "Executions run", body = Problem),
    (status = 412, description = "It has another newest revision than `If-Match` says", body = Problem)))]
pub(super) async fn delete_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(template): Path<String>,
    seen: Precondition,
) -> Result<StatusCode, Problem> {
    caller.require(Role::Deployer)?;
    let newest = if seen.is_given() {
        let found = find::find(&app, &template).await?;
        let newest = found.map(|found| found.revision.revision);
        seen.check_if_given(newest.map(i64::from))
            .map_err(|unmet| unmet.problem(&format!("`{template}`")))?;
        newest
    } else {
        None
    };
    remove::remove(&app, &template, newest, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
