//! Put an event into the outbox, in the transaction of what it tells of.

use super::model::Notification;
use super::{plan, store};
use crate::config::Notifications;
use crate::db::{DbError, Tx};
use crate::ids::{DeliveryId, EventId};

/// An event could not be put into the outbox.
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// The database failed; the caller's transaction is lost with it.
    #[error("could not write the event to the outbox")]
    Database(#[from] DbError),
}

/// Writes one delivery per destination: those of the event and the standing ones of `settings` whose filter it passes.
/// They are sent if and only if the caller's transaction commits. No destination: nothing is written.
pub async fn enqueue(
    tx: &mut Tx,
    settings: &Notifications,
    notification: &Notification,
) -> Result<Vec<DeliveryId>, EnqueueError> {
    let event_id = EventId::generate().to_string();
    let messages = plan::outgoing(settings, notification, &event_id);
    for message in &messages {
        store::insert(tx, notification, &event_id, message).await?;
    }
    Ok(messages.into_iter().map(|message| message.id).collect())
}
