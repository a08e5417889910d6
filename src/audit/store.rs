//! The audit trail's SQL.

use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use super::chain::{GENESIS, Hash};
use super::model::{AuditEntry, ChainedEntry, Filter, RecordedEntry, StoredLink};
use crate::db::{DbError, Tx};
use crate::ids::AuditEventId;

/// Serialises sealing, across replicas too. Any constant will do that nobody else uses.
const SEAL_LOCK: i64 = 0x5b_a0d1_7000;

pub(super) async fn insert(tx: &mut Tx, id: AuditEventId, entry: &AuditEntry) -> Result<(), DbError> {
    sqlx::query(
        "with entry as (
             insert into audit_events (id, actor, action, subject, environment, reason, details)
             values ($1, $2, $3, $4, $5, $6, $7) returning seq, id
         )
         insert into audit_unsealed (seq, event_id) select seq, id from entry",
    )
    .bind(id.to_string())
    .bind(&entry.actor)
    .bind(entry.action)
    .bind(&entry.subject)
    .bind(&entry.environment)
    .bind(&entry.reason)
    .bind(&entry.details)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn lock_the_seal(tx: &mut Tx) -> Result<(), DbError> {
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(SEAL_LOCK)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The last link: position and hash; position 0 before the first.
pub(super) async fn head(conn: &mut PgConnection) -> Result<(i64, Hash), DbError> {
    let row = sqlx::query("select position, hash from audit_chain order by position desc limit 1")
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else { return Ok((0, GENESIS)) };
    let hash: Vec<u8> = row.try_get("hash")?;
    let hash = Hash::try_from(hash.as_slice()).unwrap_or(GENESIS); // the table checks the length
    Ok((row.try_get("position")?, hash))
}

pub(super) async fn unsealed(tx: &mut Tx, limit: i64) -> Result<Vec<RecordedEntry>, DbError> {
    let entries = sqlx::query_as(
        "select e.* from audit_unsealed u join audit_events e on e.id = u.event_id order by u.seq limit $1",
    )
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    Ok(entries)
}

/// Appends links in the order given, from position `first` on, and takes their entries off the waiting list.
pub(super) async fn append(tx: &mut Tx, first: i64, links: &[(String, Hash)]) -> Result<(), DbError> {
    let ids: Vec<&str> = links.iter().map(|(id, _)| id.as_str()).collect();
    let hashes: Vec<&[u8]> = links.iter().map(|(_, hash)| hash.as_slice()).collect();
    sqlx::query(
        "insert into audit_chain (position, event_id, hash)
         select $1 + t.ord - 1, t.id, t.hash from unnest($2::text[], $3::bytea[]) with ordinality as t (id, hash, ord)",
    )
    .bind(first)
    .bind(&ids)
    .bind(&hashes)
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from audit_unsealed where event_id = any($1)")
        .bind(&ids)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Links from `from` on, in order, each with its entry if that is still there.
pub(super) async fn links(
    conn: &mut PgConnection,
    from: i64,
    to: i64,
    limit: i64,
) -> Result<Vec<StoredLink>, DbError> {
    let rows = sqlx::query(
        "select c.position, c.hash, c.event_id, e.seq, e.id, e.at, e.actor, e.action, e.subject, e.environment,
                e.reason, e.details
         from audit_chain c left join audit_events e on e.id = c.event_id
         where c.position between $1 and $2 order by c.position limit $3",
    )
    .bind(from)
    .bind(to)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let seq: Option<i64> = row.try_get("seq")?;
            let entry = match seq {
                Some(_) => Some(<RecordedEntry as sqlx::FromRow<_>>::from_row(&row)?),
                None => None,
            };
            Ok(StoredLink {
                position: row.try_get("position")?,
                hash: row.try_get("hash")?,
                event_id: row.try_get("event_id")?,
                entry,
            })
        })
        .collect()
}

/// Ids of entries that are neither in the chain nor waiting for it: somebody took their link away.
pub(super) async fn without_a_place(conn: &mut PgConnection) -> Result<Option<String>, DbError> {
    let id = sqlx::query_scalar(
        "select e.id from audit_events e
         where not exists (select from audit_chain c where c.event_id = e.id)
           and not exists (select from audit_unsealed u where u.event_id = e.id)
         order by e.seq limit 1",
    )
    .fetch_optional(conn)
    .await?;
    Ok(id)
}

/// Newest first, entries written before `before` (a `seq`).
pub(super) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ChainedEntry>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new(
        "select e.*, c.position, c.hash from audit_events e left join audit_chain c on c.event_id = e.id where true",
    );
    if let Some(actor) = &filter.actor {
        query.push(" and e.actor = ").push_bind(actor);
    }
    match filter.action.as_deref() {
        Some(prefix) if prefix.ends_with('.') => {
            query
                .push(" and starts_with(e.action, ")
                .push_bind(prefix)
                .push(")");
        }
        Some(action) => {
            query.push(" and e.action = ").push_bind(action);
        }
        None => {}
    }
    if let Some(subject) = &filter.subject {
        query.push(" and e.subject = ").push_bind(subject);
    }
    if let Some(environment) = &filter.environment {
        query.push(" and e.environment = ").push_bind(environment);
    }
    if let Some(since) = filter.since {
        query.push(" and e.at >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(" and e.at < ").push_bind(until);
    }
    if let Some(before) = before {
        query.push(" and e.seq < ").push_bind(before);
    }
    query.push(" order by e.seq desc limit ").push_bind(limit);
    Ok(query.build_query_as().fetch_all(conn).await?)
}
