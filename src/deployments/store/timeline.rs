//! What happened to a deployment, and what it called.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::super::model::State;
use crate::db::{DbError, Tx};
use crate::ids::DeploymentId;

/// One line of the timeline.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct EventRow {
    pub(in super::super) seq: i64,
    pub(in super::super) at: DateTime<Utc>,
    pub(in super::super) event: String,
    pub(in super::super) state: String,
    pub(in super::super) actor: String,
    pub(in super::super) detail: String,
    pub(in super::super) data: Json<Value>,
}

/// An event to be written.
#[derive(Debug)]
pub(in super::super) struct NewEvent<'a> {
    pub(in super::super) event: &'a str,
    pub(in super::super) state: State,
    pub(in super::super) actor: &'a str,
    pub(in super::super) detail: &'a str,
    pub(in super::super) data: Value,
}

/// Adds a line; numbers are given under the deployment's row lock, so they have no gaps.
pub(in super::super) async fn add_event(
    tx: &mut Tx,
    id: DeploymentId,
    new: &NewEvent<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "with numbered as (update deployments set event_seq = event_seq + 1 where id = $1 returning event_seq) \
         insert into deployment_events (deployment, seq, at, event, state, actor, detail, data) \
         select $1, event_seq, $2, $3, $4, $5, $6, $7 from numbered",
    )
    .bind(id)
    .bind(now)
    .bind(new.event)
    .bind(new.state.as_str())
    .bind(new.actor)
    .bind(new.detail)
    .bind(Json(&new.data))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lines after `after`, oldest first.
pub(in super::super) async fn events(
    conn: &mut PgConnection,
    id: DeploymentId,
    after: i64,
    limit: u32,
) -> Result<Vec<EventRow>, DbError> {
    Ok(sqlx::query_as(
        "select seq, at, event, state, actor, detail, data from deployment_events \
         where deployment = $1 and seq > $2 order by seq limit $3",
    )
    .bind(id)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?)
}

/// One call.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct CallRow {
    pub(in super::super) id: i64,
    pub(in super::super) at: DateTime<Utc>,
    pub(in super::super) operation: String,
    pub(in super::super) subject: String,
    pub(in super::super) outcome: String,
    pub(in super::super) detail: Option<String>,
}

/// Notes a call and its outcome.
pub(in super::super) async fn add_call(
    tx: &mut Tx,
    id: DeploymentId,
    call: (&str, &str),
    outcome: (&str, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into deployment_calls (deployment, at, operation, subject, outcome, detail) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(now)
    .bind(call.0)
    .bind(call.1)
    .bind(outcome.0)
    .bind(outcome.1)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Calls after `after`, oldest first; one row more than `limit`.
pub(in super::super) async fn calls(
    conn: &mut PgConnection,
    id: DeploymentId,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<CallRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, at, operation, subject, outcome, detail from deployment_calls \
         where deployment = $1 and ($2::bigint is null or id > $2) order by id limit $3",
    )
    .bind(id)
    .bind(after)
    .bind(i64::from(limit) + 1)
    .fetch_all(conn)
    .await?)
}
