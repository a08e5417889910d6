//! Put an event into the outbox, in the transaction of what it tells of.

use super::deliver;
use super::model::Notification;
use super::{plan, store};
use crate::config::Notifications;
use crate::db::{DbError, Tx};
use crate::ids::{DeliveryId, EventId};

/// Writes one delivery per destination: those of the event and the standing ones of `settings` whose filter it passes.
/// They are sent if and only if the caller's transaction commits. No destination: nothing is written. An event with a
/// name (`once`) that was enqueued before is not written again.
pub async fn enqueue(
    tx: &mut Tx,
    settings: &Notifications,
    notification: &Notification,
) -> Result<Vec<DeliveryId>, DbError> {
    let event_id = notification
        .once
        .clone()
        .unwrap_or_else(|| EventId::generate().to_string());
    let mut written = Vec::new();
    for message in plan::outgoing(settings, notification, &event_id) {
        if store::insert(tx, notification, &event_id, &message).await? {
            deliver::schedule(tx, message.id, notification.occurred_at).await?;
            written.push(message.id);
        }
    }
    Ok(written)
}
