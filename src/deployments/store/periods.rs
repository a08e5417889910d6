//! The weights in force, outside of settling windows.

use chrono::{DateTime, Utc};

use crate::db::{DbError, Tx};
use crate::ids::DeploymentId;

/// Ends the period at hand.
pub(in super::super) async fn close_period(
    tx: &mut Tx,
    id: DeploymentId,
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "update deployment_periods set valid_until = greatest(valid_from, $2) where deployment = $1 and valid_until is null",
    )
    .bind(id)
    .bind(at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Begins a period; starts before `from` are in the settling window.
pub(in super::super) async fn open_period(
    tx: &mut Tx,
    id: DeploymentId,
    weight: u8,
    from: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into deployment_periods (deployment, seq, weight, valid_from) \
         select $1, coalesce(max(seq), 0) + 1, $2, $3 from deployment_periods where deployment = $1",
    )
    .bind(id)
    .bind(i16::from(weight))
    .bind(from)
    .execute(tx.conn())
    .await?;
    Ok(())
}
