//! Idle aliases, and versions that nothing needs any more.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::db::{DbError, Tx};

/// An alias that no deployment moves.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct IdleAlias {
    pub(in super::super) template: String,
    /// The version it is to serve.
    pub(in super::super) version_arn: String,
    pub(in super::super) drifted_at: Option<DateTime<Utc>>,
}

/// The idle aliases of an environment that were not looked at for the longest time.
pub(in super::super) async fn idle(
    conn: &mut PgConnection,
    environment: &str,
    limit: u32,
) -> Result<Vec<IdleAlias>, DbError> {
    Ok(sqlx::query_as(
        "select te.template, te.version_arn, w.drifted_at from template_environments te \
         left join alias_watch w on w.template = te.template and w.environment = te.environment \
         where te.environment = $1 and te.state = 'live' and te.version_arn is not null \
             and not exists (select 1 from deployments d where d.template = te.template and d.environment = te.environment \
                 and d.state not in ('pending', 'succeeded', 'rolled_back', 'failed', 'aborted', 'superseded')) \
         order by w.checked_at nulls first, te.template limit $2",
    )
    .bind(environment)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?)
}

/// Whether the alias is still idle and is still to serve `version_arn`; holds that until the transaction ends.
pub(in super::super) async fn still_idle(
    tx: &mut Tx,
    (template, environment): (&str, &str),
    version_arn: &str,
) -> Result<bool, DbError> {
    let found: Option<i32> = sqlx::query_scalar(
        "select 1 from template_environments te where te.template = $1 and te.environment = $2 and te.version_arn = $3 \
             and not exists (select 1 from deployments d where d.template = te.template and d.environment = te.environment \
                 and d.state not in ('pending', 'succeeded', 'rolled_back', 'failed', 'aborted', 'superseded')) \
         for update of te",
    )
    .bind(template)
    .bind(environment)
    .bind(version_arn)
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.is_some())
}

/// Notes what an alias was found to be; `drift` is what it was found with, when that is not what it is to serve.
pub(in super::super) async fn note(
    conn: &mut PgConnection,
    (template, environment): (&str, &str),
    drift: Option<&Option<Value>>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into alias_watch (template, environment, checked_at, drifted_at, found) \
         values ($1, $2, $3, case when $4 then $3 end, case when $4 then $5 end) \
         on conflict (template, environment) do update set checked_at = $3, \
             drifted_at = case when $4 then coalesce(alias_watch.drifted_at, $3) end, found = case when $4 then $5 end",
    )
    .bind(template)
    .bind(environment)
    .bind(now)
    .bind(drift.is_some())
    .bind(drift.and_then(Option::as_ref).map(Json))
    .execute(conn)
    .await?;
    Ok(())
}

/// Since when an idle alias stands elsewhere.
pub(in super::super) async fn drifted_since(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
) -> Result<Option<DateTime<Utc>>, DbError> {
    let found: Option<Option<DateTime<Utc>>> =
        sqlx::query_scalar("select drifted_at from alias_watch where template = $1 and environment = $2")
            .bind(template)
            .bind(environment)
            .fetch_optional(conn)
            .await?;
    Ok(found.flatten())
}

/// Versions beyond the newest `keep` of each template that nothing needs: not the alias, no deployment that moves or that
/// ended after `since` (the way back of a switch), the oldest first.
pub(in super::super) async fn prunable(
    conn: &mut PgConnection,
    environment: &str,
    keep: u32,
    since: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<(String, String)>, DbError> {
    Ok(sqlx::query_as(
        "select v.version_arn, v.template from ( \
             select version_arn, template, environment, published_at, \
                 row_number() over (partition by template order by published_at desc, version_arn desc) as place \
             from template_versions where environment = $1) v \
         where v.place > $2 \
             and not exists (select 1 from template_environments te where te.version_arn = v.version_arn) \
             and not exists (select 1 from deployments d where d.template = v.template and d.environment = v.environment \
                 and v.version_arn in (d.from_version, d.to_version) and (d.finished_at is null or d.finished_at > $3)) \
         order by v.published_at limit $4",
    )
    .bind(environment)
    .bind(i64::from(keep))
    .bind(since)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?)
}

/// Forgets a version that is no more.
pub(in super::super) async fn forget_version(tx: &mut Tx, version_arn: &str) -> Result<(), DbError> {
    sqlx::query("delete from template_versions where version_arn = $1")
        .bind(version_arn)
        .execute(tx.conn())
        .await?;
    Ok(())
}
