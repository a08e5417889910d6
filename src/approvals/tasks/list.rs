//! Read human tasks.

use chrono::{DateTime, Utc};

use super::model::Task;
use super::store;
pub(super) use super::store::Filter;
use crate::db::{Db, DbError};
use crate::ids::TaskId;

/// Tasks, newest first.
pub(super) async fn list(
    db: &Db,
    filter: &Filter,
    before: Option<(DateTime<Utc>, TaskId)>,
    limit: i64,
) -> Result<Vec<Task>, DbError> {
    let mut conn = db.pool().acquire().await?;
    store::list(&mut conn, filter, before, limit).await
}

/// One task.
pub(super) async fn find(db: &Db, id: TaskId) -> Result<Option<Task>, DbError> {
    let mut conn = db.pool().acquire().await?;
    store::find(&mut conn, id).await
}
