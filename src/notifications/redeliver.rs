//! Send a delivered or dead delivery once more, by hand.

use chrono::{DateTime, Utc};

use super::deliver;
use super::model::Delivery;
use super::store;
use crate::audit::{self, AuditEntry};
use crate::db::{Db, DbError};
use crate::ids::DeliveryId;

/// Why a delivery is not sent again.
#[derive(Debug, thiserror::Error)]
pub(super) enum RedeliverError {
    /// There is none with this id.
    #[error("there is no delivery `{id}`")]
    NotFound {
        /// What was asked for.
        id: DeliveryId,
    },
    /// It is still on its way.
    #[error("delivery `{id}` is still pending")]
    Pending {
        /// What was asked for.
        id: DeliveryId,
    },
    /// The database failed.
    #[error("could not reopen the delivery")]
    Database(#[from] DbError),
}

/// Makes the delivery pending again, with the same event id and body and three fresh days.
pub(super) async fn redeliver(
    db: &Db,
    id: DeliveryId,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Delivery, RedeliverError> {
    let mut tx = db.begin().await?;
    let reopened = store::reopen(&mut tx, id, now).await?;
    let delivery = store::find(tx.conn(), id)
        .await?
        .ok_or(RedeliverError::NotFound { id })?;
    if !reopened {
        return Err(RedeliverError::Pending { id });
    }
    deliver::schedule(&mut tx, id, now).await?;
    let entry = AuditEntry {
        actor: actor.to_owned(),
        action: "delivery.redeliver",
        subject: id.to_string(),
        environment: delivery.environment.clone(),
        reason: None,
        details: serde_json::json!({"kind": delivery.kind, "about": delivery.subject}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(delivery)
}
