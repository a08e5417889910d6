//! Read the trail, newest first.

use super::model::{ChainedEntry, Filter};
use super::store;
use crate::db::{Db, DbError};

/// Entries written before `before` (a `seq`), at most `limit`.
pub(super) async fn list(
    db: &Db,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ChainedEntry>, DbError> {
    let mut conn = db.pool().acquire().await?;
    store::list(&mut conn, filter, before, limit).await
}
