//! Read the outbox, newest first.

use super::model::Delivery;
use super::store;
pub(super) use super::store::Filter;
use crate::db::{Db, DbError};
use crate::ids::DeliveryId;

/// Deliveries written before `before` (a `seq`), at most `limit`.
pub(super) async fn list(
    db: &Db,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Delivery>, DbError> {
    let mut conn = db.pool().acquire().await?;
    store::list(&mut conn, filter, before, limit).await
}

/// One delivery.
pub(super) async fn find(db: &Db, id: DeliveryId) -> Result<Option<Delivery>, DbError> {
    let mut conn = db.pool().acquire().await?;
    store::find(&mut conn, id).await
}
