//! The outbox's SQL.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::model::{Delivery, DeliveryState, Kind, Notification, Outgoing};
use crate::db::{DbError, Tx};
use crate::ids::DeliveryId;

/// False when this event was written for this destination before.
pub(super) async fn insert(
    tx: &mut Tx,
    notification: &Notification,
    event_id: &str,
    message: &Outgoing,
) -> Result<bool, DbError> {
    let inserted = sqlx::query(
        "insert into deliveries (id, event_id, event_type, subject, environment, kind, destination, settings, body,
                                 created_at, retry_since, next_attempt_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10)
         on conflict on constraint an_event_goes_to_a_destination_once do nothing",
    )
    .bind(message.id)
    .bind(event_id)
    .bind(notification.event)
    .bind(&notification.subject)
    .bind(&notification.environment)
    .bind(message.kind)
    .bind(&message.destination)
    .bind(&message.settings)
    .bind(&message.body)
    .bind(notification.occurred_at)
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(super) async fn find(conn: &mut PgConnection, id: DeliveryId) -> Result<Option<Delivery>, DbError> {
    Ok(sqlx::query_as("select * from deliveries where id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?)
}

/// Whether an earlier delivery to the same destination about the same subject is still pending.
pub(super) async fn is_behind_another(conn: &mut PgConnection, delivery: &Delivery) -> Result<bool, DbError> {
    let behind = sqlx::query_scalar(
        "select exists (select from deliveries where state = 'pending' and kind = $1 and destination = $2
                        and subject = $3 and seq < $4)",
    )
    .bind(delivery.kind)
    .bind(&delivery.destination)
    .bind(&delivery.subject)
    .bind(delivery.seq)
    .fetch_one(conn)
    .await?;
    Ok(behind)
}

/// The delivery that waits for this one, if any.
pub(super) async fn next_in_line(tx: &mut Tx, delivery: &Delivery) -> Result<Option<DeliveryId>, DbError> {
    let next = sqlx::query_scalar(
        "select id from deliveries where state = 'pending' and kind = $1 and destination = $2 and subject = $3
         and id <> $4 order by seq limit 1",
    )
    .bind(delivery.kind)
    .bind(&delivery.destination)
    .bind(&delivery.subject)
    .bind(delivery.id)
    .fetch_optional(tx.conn())
    .await?;
    Ok(next)
}

/// How a delivery stands after an attempt.
#[derive(Debug)]
pub(super) struct AfterAttempt {
    pub(super) state: DeliveryState,
    pub(super) next_attempt_at: Option<DateTime<Utc>>,
    pub(super) status: Option<u16>,
    pub(super) error: Option<String>,
}

/// Notes an attempt; nothing happens if somebody else settled the delivery meanwhile.
pub(super) async fn note_attempt(
    tx: &mut Tx,
    id: DeliveryId,
    now: DateTime<Utc>,
    after: &AfterAttempt,
) -> Result<bool, DbError> {
    let noted = sqlx::query(
        "update deliveries set attempts = attempts + 1, last_attempt_at = $2,
                retry_since = case when attempts = 0 then $2 else retry_since end, state = $3, next_attempt_at = $4,
                delivered_at = case when $3 = 'delivered' then $2 end, last_status = $5, last_error = $6
         where id = $1 and state = 'pending'",
    )
    .bind(id)
    .bind(now)
    .bind(after.state)
    .bind(after.next_attempt_at)
    .bind(after.status.map(i32::from))
    .bind(&after.error)
    .execute(tx.conn())
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Makes a delivered or dead delivery pending again, with three fresh days. False when there is none such.
pub(super) async fn reopen(tx: &mut Tx, id: DeliveryId, now: DateTime<Utc>) -> Result<bool, DbError> {
    let reopened = sqlx::query(
        "update deliveries set state = 'pending', attempts = 0, delivered_at = null, retry_since = $2, next_attempt_at = $2
         where id = $1 and state <> 'pending'",
    )
    .bind(id)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(reopened.rows_affected() == 1)
}

/// What narrows a list of deliveries.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) kind: Option<Kind>,
    pub(super) state: Option<DeliveryState>,
    pub(super) subject: Option<String>,
    pub(super) event: Option<String>,
}

/// Newest first, those written before `before` (a `seq`).
pub(super) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Delivery>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new("select * from deliveries where true");
    if let Some(kind) = filter.kind {
        query.push(" and kind = ").push_bind(kind);
    }
    if let Some(state) = filter.state {
        query.push(" and state = ").push_bind(state);
    }
    if let Some(subject) = &filter.subject {
        query.push(" and subject = ").push_bind(subject);
    }
    if let Some(event) = &filter.event {
        query.push(" and event_type = ").push_bind(event);
    }
    if let Some(before) = before {
        query.push(" and seq < ").push_bind(before);
    }
    query.push(" order by seq desc limit ").push_bind(limit);
    Ok(query.build_query_as().fetch_all(conn).await?)
}

/// The newest two generations of the secret made for `purpose`, newest first.
pub(super) async fn secrets(
    conn: &mut PgConnection,
    purpose: &str,
) -> Result<Vec<(i32, Vec<u8>, DateTime<Utc>)>, DbError> {
    let secrets = sqlx::query_as(
        "select generation, secret, created_at from service_secrets where purpose = $1 order by generation desc limit 2",
    )
    .bind(purpose)
    .fetch_all(conn)
    .await?;
    Ok(secrets)
}

/// Adds a generation after `after`; of several writers at once the first wins.
pub(super) async fn insert_secret(
    conn: &mut PgConnection,
    purpose: &str,
    after: i32,
    secret: &[u8],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into service_secrets (purpose, generation, secret, created_at) values ($1, $2, $3, $4)
         on conflict (purpose, generation) do nothing",
    )
    .bind(purpose)
    .bind(after + 1)
    .bind(secret)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
