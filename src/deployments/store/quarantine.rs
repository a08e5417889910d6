//! Versions that were taken back.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::record::Record;
use crate::db::{DbError, Tx};
use crate::ids::DeploymentId;

/// A version that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(in super::super) struct QuarantineRow {
    pub(in super::super) version_arn: String,
    pub(in super::super) revision: i32,
    pub(in super::super) deployment: DeploymentId,
    pub(in super::super) reason: String,
    /// By a person: its revision may be deployed again.
    pub(in super::super) by_hand: bool,
    pub(in super::super) at: DateTime<Utc>,
}

/// Keeps a version from being deployed again unasked.
pub(in super::super) async fn quarantine(
    tx: &mut Tx,
    record: &Record,
    (reason, by_hand): (&str, bool),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into quarantined_versions (version_arn, template, environment, revision, deployment, reason, by_hand, at) \
         select $1, $2, $3, $4, $5, $6, $7, $8 where $1::text is not null \
         on conflict (version_arn) do update set deployment = excluded.deployment, reason = excluded.reason, \
             by_hand = excluded.by_hand, at = excluded.at",
    )
    .bind(&record.to_version)
    .bind(&record.template)
    .bind(&record.environment)
    .bind(record.revision)
    .bind(record.id)
    .bind(reason)
    .bind(by_hand)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A version that serves all traffic after a deployment was found good: it is in quarantine no more.
pub(in super::super) async fn release(tx: &mut Tx, version_arn: &str) -> Result<(), DbError> {
    sqlx::query("delete from quarantined_versions where version_arn = $1")
        .bind(version_arn)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// How a revision was taken back here last.
pub(in super::super) async fn of_revision(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
    revision: i32,
) -> Result<Option<QuarantineRow>, DbError> {
    Ok(sqlx::query_as(
        "select version_arn, revision, deployment, reason, by_hand, at from quarantined_versions \
         where template = $1 and environment = $2 and revision = $3 order by at desc limit 1",
    )
    .bind(template)
    .bind(environment)
    .bind(revision)
    .fetch_optional(conn)
    .await?)
}

/// How a version was taken back.
pub(in super::super) async fn of_version(
    conn: &mut PgConnection,
    version_arn: &str,
) -> Result<Option<QuarantineRow>, DbError> {
    Ok(sqlx::query_as(
        "select version_arn, revision, deployment, reason, by_hand, at from quarantined_versions where version_arn = $1",
    )
    .bind(version_arn)
    .fetch_optional(conn)
    .await?)
}

/// Everything that was taken back here, the last first.
pub(in super::super) async fn list(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
) -> Result<Vec<QuarantineRow>, DbError> {
    Ok(sqlx::query_as(
        "select version_arn, revision, deployment, reason, by_hand, at from quarantined_versions \
         where template = $1 and environment = $2 order by at desc limit 100",
    )
    .bind(template)
    .bind(environment)
    .fetch_all(conn)
    .await?)
}
