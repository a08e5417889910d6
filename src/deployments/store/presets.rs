//! Strategies and analyses that deployments name.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::db::{DbError, Tx};

/// A preset as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct PresetRow {
    pub(in super::super) name: String,
    pub(in super::super) body: Json<Value>,
    pub(in super::super) version: i32,
    pub(in super::super) updated_by: String,
    pub(in super::super) updated_at: DateTime<Utc>,
}

/// All of a kind by name.
pub(in super::super) async fn list(conn: &mut PgConnection, kind: &str) -> Result<Vec<PresetRow>, DbError> {
    Ok(sqlx::query_as(
        "select name, body, version, updated_by, updated_at from deployment_presets where kind = $1 order by name",
    )
    .bind(kind)
    .fetch_all(conn)
    .await?)
}

/// One.
pub(in super::super) async fn find(
    conn: &mut PgConnection,
    kind: &str,
    name: &str,
) -> Result<Option<PresetRow>, DbError> {
    Ok(sqlx::query_as(
        "select name, body, version, updated_by, updated_at from deployment_presets where kind = $1 and name = $2",
    )
    .bind(kind)
    .bind(name)
    .fetch_optional(conn)
    .await?)
}

/// Writes it if it still has the version that was read (0: there was none); false otherwise.
pub(in super::super) async fn put(
    tx: &mut Tx,
    (kind, name): (&str, &str),
    body: &Value,
    read: i32,
    (who, now): (&str, DateTime<Utc>),
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "insert into deployment_presets (kind, name, body, version, updated_by, updated_at) select $1, $2, $3, $4 + 1, $5, $6 \
             where $4 = 0 or exists (select 1 from deployment_presets where kind = $1 and name = $2) \
         on conflict (kind, name) do update set body = $3, version = $4 + 1, updated_by = $5, updated_at = $6 \
             where deployment_presets.version = $4",
    )
    .bind(kind)
    .bind(name)
    .bind(Json(body))
    .bind(read)
    .bind(who)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes it if it still has the version that was read; false otherwise.
pub(in super::super) async fn remove(
    tx: &mut Tx,
    kind: &str,
    name: &str,
    read: i32,
) -> Result<bool, DbError> {
    let done = sqlx::query("delete from deployment_presets where kind = $1 and name = $2 and version = $3")
        .bind(kind)
        .bind(name)
        .bind(read)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}
