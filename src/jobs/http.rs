//! Endpoints of the queue: what is dead, and another try.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::{JobState, JobSummary};
use super::queue::{self, JobFilter};
use crate::app::App;
use crate::db::paging::{Page, PageQuery, decode_cursor};
use crate::http::{Caller, Json, Path, Problem, ProblemKind, Query, Role};
use crate::ids::JobId;

/// The endpoints of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(retry_job))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListJobs {
    /// Only jobs in this state.
    state: Option<JobState>,
    /// Only jobs of this kind.
    kind: Option<String>,
    /// Most rows to return, 1..=500; 50 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Jobs, the newest first. `?state=dead` are those that wait for a person.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(ListJobs), responses(
    (status = 200, body = Page<JobSummary>), (status = 422, body = Problem)))]
async fn list_jobs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListJobs>,
) -> Result<Json<Page<JobSummary>>, Problem> {
    caller.require(Role::Viewer)?;
    let filter_name = format!("jobs {:?} {:?}", query.state, query.kind);
    let before = decode_cursor(query.cursor.as_deref(), &filter_name)?;
    let filter = JobFilter {
        state: query.state,
        kind: query.kind,
        before,
    };
    let limit = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    }
    .limit();
    let rows = queue::list(&app.db, &filter, limit + 1).await?;
    Ok(Json(Page::from_rows(rows, limit, &filter_name, |job| job.id)))
}

/// Gives a dead job another try, attempts from zero.
#[utoipa::path(post, path = "/v1/jobs/{id}/retry", tag = "jobs", params(("id" = JobId, Path)), responses(
    (status = 200, body = JobSummary), (status = 404, body = Problem),
    (status = 409, description = "It is not dead, or another one of its key is live", body = Problem)))]
async fn retry_job(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<JobId>,
) -> Result<Json<JobSummary>, Problem> {
    caller.require(Role::Operator)?;
    let mut tx = app.db.begin().await?;
    let revived = match queue::revive(&mut tx, id, app.clock.now()).await {
        Err(error) if error.is_constraint("one_live_job_of_a_key") => {
            let detail = format!("another job does the work of `{id}` meanwhile");
            return Err(Problem::new(ProblemKind::Conflict, detail));
        }
        revived => revived?,
    };
    tx.commit().await?;
    let job = queue::get(&app.db, id)
        .await?
        .ok_or_else(|| Problem::new(ProblemKind::NotFound, format!("there is no job `{id}`")))?;
    if !revived {
        return Err(Problem::new(
            ProblemKind::Conflict,
            format!("the job `{id}` is not dead"),
        ));
    }
    Ok(Json(job))
}
