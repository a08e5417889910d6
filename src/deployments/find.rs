//! Find deployments, and what belongs to them.

use chrono::{DateTime, Utc};

use super::act::ActError;
use super::store::evidence::LookRow;
use super::store::record::{self, CallRow, EventRow, Filter, Record};
use super::store::tests::TestRow;
use super::store::{self};
use super::tests::TestReport;
use crate::app::App;
use crate::db::DbError;
use crate::ids::DeploymentId;

/// The deployment.
pub(super) async fn find(app: &App, id: DeploymentId) -> Result<Record, ActError> {
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    record::load(&mut conn, id).await?.ok_or(ActError::Unknown(id))
}

/// A page of deployments, newest first; one more than `limit`.
pub(super) async fn list(
    app: &App,
    filter: &Filter,
    before: Option<(DateTime<Utc>, String)>,
    limit: u32,
) -> Result<Vec<Record>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    record::list(&mut conn, filter, before, limit).await
}

/// The tests.
pub(super) async fn tests(app: &App, id: DeploymentId) -> Result<TestReport, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    let rows = store::tests::load(&mut conn, id).await?;
    Ok(TestReport::of(rows.iter().map(TestRow::result).collect()))
}

/// Lines of the timeline after `after`.
pub(super) async fn events(
    app: &App,
    id: DeploymentId,
    after: i64,
    limit: u32,
) -> Result<Vec<EventRow>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    record::events(&mut conn, id, after, limit).await
}

/// Calls after `after`; one more than `limit`.
pub(super) async fn calls(
    app: &App,
    id: DeploymentId,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<CallRow>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    record::calls(&mut conn, id, after, limit).await
}

/// Looks after `after`; one more than `limit`.
pub(super) async fn looks(
    app: &App,
    id: DeploymentId,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<LookRow>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    store::evidence::looks(&mut conn, id, after, limit).await
}
