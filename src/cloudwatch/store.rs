//! The SQL of the metric outbox.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::model::{Datum, Waiting};
use crate::db::{DbError, Tx};

pub(super) async fn insert(
    tx: &mut Tx,
    environment: &str,
    namespace: &str,
    data: &[Datum],
) -> Result<(), DbError> {
    let texts: Vec<String> = data
        .iter()
        .filter_map(|datum| serde_json::to_string(datum).ok())
        .collect();
    let times: Vec<DateTime<Utc>> = data.iter().map(|datum| datum.at).collect();
    sqlx::query(
        "insert into metric_data (environment, namespace, datum, bytes, measured_at)
         select $1, $2, t.datum::jsonb, octet_length(t.datum), t.at
         from unnest($3::text[], $4::timestamptz[]) as t (datum, at)",
    )
    .bind(environment)
    .bind(namespace)
    .bind(&texts)
    .bind(&times)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Environments and namespaces with data waiting. Skips from one to the next by the index.
pub(super) async fn places(conn: &mut PgConnection) -> Result<Vec<(String, String)>, DbError> {
    let places = sqlx::query_as(
        "with recursive place as (
             (select environment, namespace from metric_data order by environment, namespace limit 1)
             union all
             select next.environment, next.namespace from place, lateral (
                 select environment, namespace from metric_data
                 where (environment, namespace) > (place.environment, place.namespace)
                 order by environment, namespace limit 1) next
         )
         select environment, namespace from place",
    )
    .fetch_all(conn)
    .await?;
    Ok(places)
}

/// Data waiting for one place, oldest first.
pub(super) async fn waiting(
    conn: &mut PgConnection,
    environment: &str,
    namespace: &str,
    limit: i64,
) -> Result<Vec<Waiting>, DbError> {
    let rows: Vec<(i64, i32, Json<Datum>)> = sqlx::query_as(
        "select seq, bytes, datum from metric_data where environment = $1 and namespace = $2 order by seq limit $3",
    )
    .bind(environment)
    .bind(namespace)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(seq, bytes, Json(datum))| Waiting {
            seq,
            bytes: usize::try_from(bytes).unwrap_or_default(),
            datum,
        })
        .collect())
}

pub(super) async fn remove(tx: &mut Tx, seqs: &[i64]) -> Result<(), DbError> {
    sqlx::query("delete from metric_data where seq = any($1)")
        .bind(seqs)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Removes what CloudWatch would refuse for its age. How many.
pub(super) async fn remove_older(tx: &mut Tx, than: DateTime<Utc>) -> Result<u64, DbError> {
    let removed = sqlx::query("delete from metric_data where measured_at < $1")
        .bind(than)
        .execute(tx.conn())
        .await?;
    Ok(removed.rows_affected())
}
