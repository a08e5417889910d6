//! Reading executions.

use std::sync::Arc;

use axum::extract::State;

use super::super::{find, limits};
use super::problems::unknown;
use super::requests::{ExecutionQuery, HistoryQuery};
use super::views::{ExecutionSummary, ExecutionView, HistoryPage};
use crate::app::App;
use crate::db::paging::{self, Page};
use crate::http::{Caller, Json, Path, Problem, Query, Role};
use crate::ids::ExecutionId;

/// Executions, the newest first, those started past Signalbox included.
#[utoipa::path(get, path = "/v1/executions", tag = "executions", params(ExecutionQuery), responses(
    (status = 200, description = "A page of executions, without input and output", body = Page<ExecutionSummary>),
    (status = 422, description = "A parameter is not valid", body = Problem)))]
pub(super) async fn list_executions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ExecutionQuery>,
) -> Result<Json<Page<ExecutionSummary>>, Problem> {
    caller.require(Role::Viewer)?;
    let page = query.page();
    let filter = query.into_filter()?;
    let name = format!("{filter:?}");
    let after = paging::decode_cursor(page.cursor.as_deref(), &name)?;
    let found = find::list(&app, &filter, i64::from(page.limit()) + 1, after).await?;
    let rows = Page::from_rows(found, page.limit(), &name, |row| (row.started_at, row.id));
    Ok(Json(rows.map(ExecutionSummary::from)))
}

/// An execution with its input and output.
#[utoipa::path(get, path = "/v1/executions/{id}", tag = "executions", params(("id" = ExecutionId, Path, description = "Its id")), responses(
    (status = 200, body = ExecutionView), (status = 404, description = "No such execution", body = Problem)))]
pub(super) async fn get_execution(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ExecutionId>,
) -> Result<Json<ExecutionView>, Problem> {
    caller.require(Role::Viewer)?;
    let execution = find::find(&app, id).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(execution.into()))
}

/// The history of an execution, as AWS gives it.
#[utoipa::path(get, path = "/v1/executions/{id}/history", tag = "executions", params(("id" = ExecutionId, Path, description = "Its id"), HistoryQuery), responses(
    (status = 200, body = HistoryPage), (status = 404, description = "No such execution", body = Problem)))]
pub(super) async fn get_history(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ExecutionId>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<HistoryPage>, Problem> {
    caller.require(Role::Viewer)?;
    let limit = query
        .limit
        .unwrap_or(limits::HISTORY_PAGE_DEFAULT)
        .clamp(1, limits::HISTORY_PAGE_MAX);
    let listing = find::history(&app, id, limit, query.reverse, query.cursor).await?;
    Ok(Json(HistoryPage {
        data: listing.items,
        has_more: listing.next_token.is_some(),
        next_cursor: listing.next_token,
    }))
}
