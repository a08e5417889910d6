//! The SQL of rule sets and exemptions. Private to this folder.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, Row as _};

use super::model::{Exemption, RuleSet, SavedRuleSet};
use crate::db::DbError;
use crate::ids::ExemptionId;

impl FromRow<'_, PgRow> for SavedRuleSet {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            version: row.try_get("version")?,
            body: row.try_get::<Json<RuleSet>, _>("body")?.0,
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
            updated_by: row.try_get("updated_by")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Exemption {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            template: row.try_get("template")?,
            rule: row.try_get("rule")?,
            environment: row.try_get("environment")?,
            location: row.try_get("location")?,
            reason: row.try_get("reason")?,
            granted_by: row.try_get("granted_by")?,
            granted_at: row.try_get("granted_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_by: row.try_get("revoked_by")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    }
}

pub(super) async fn load(conn: &mut PgConnection, id: &str) -> Result<Option<SavedRuleSet>, DbError> {
    Ok(sqlx::query_as(
        "select id, version, body, created_by, created_at, updated_by, updated_at from rule_sets where id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?)
}

/// Loads a rule set and holds its row.
pub(super) async fn lock(conn: &mut PgConnection, id: &str) -> Result<Option<SavedRuleSet>, DbError> {
    Ok(sqlx::query_as(
        "select id, version, body, created_by, created_at, updated_by, updated_at from rule_sets where id = $1 for update",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?)
}

pub(super) async fn list(
    conn: &mut PgConnection,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SavedRuleSet>, DbError> {
    Ok(sqlx::query_as(
        "select id, version, body, created_by, created_at, updated_by, updated_at from rule_sets
         where $1::text is null or id > $1 order by id limit $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

/// Inserts it, or writes its next version. Two who make the same one at the same time run into its primary key.
pub(super) async fn save(conn: &mut PgConnection, set: &SavedRuleSet) -> Result<(), DbError> {
    let statement = if set.version == 1 {
        "insert into rule_sets (id, version, body, created_by, created_at, updated_by, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7)"
    } else {
        "update rule_sets set version = $2, body = $3, created_by = $4, created_at = $5, updated_by = $6, updated_at = $7
         where id = $1"
    };
    sqlx::query(statement)
        .bind(&set.id)
        .bind(set.version)
        .bind(Json(&set.body))
        .bind(&set.created_by)
        .bind(set.created_at)
        .bind(&set.updated_by)
        .bind(set.updated_at)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn remove(conn: &mut PgConnection, id: &str) -> Result<(), DbError> {
    sqlx::query("delete from rule_sets where id = $1")
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn insert_exemption(conn: &mut PgConnection, exemption: &Exemption) -> Result<(), DbError> {
    sqlx::query(
        "insert into exemptions (id, template, rule, environment, location, reason, granted_by, granted_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(exemption.id)
    .bind(&exemption.template)
    .bind(&exemption.rule)
    .bind(&exemption.environment)
    .bind(&exemption.location)
    .bind(&exemption.reason)
    .bind(&exemption.granted_by)
    .bind(exemption.granted_at)
    .bind(exemption.expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn lock_exemption(
    conn: &mut PgConnection,
    id: ExemptionId,
) -> Result<Option<Exemption>, DbError> {
    Ok(
        sqlx::query_as("select * from exemptions where id = $1 for update")
            .bind(id)
            .fetch_optional(conn)
            .await?,
    )
}

pub(super) async fn revoke_exemption(conn: &mut PgConnection, exemption: &Exemption) -> Result<(), DbError> {
    sqlx::query("update exemptions set revoked_by = $2, revoked_at = $3 where id = $1")
        .bind(exemption.id)
        .bind(&exemption.revoked_by)
        .bind(exemption.revoked_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// What counts at a time, of a template: in an environment and in all of them, or, without one, in all of them only.
pub(super) async fn active_exemptions(
    conn: &mut PgConnection,
    template: &str,
    environment: Option<&str>,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Exemption>, DbError> {
    Ok(sqlx::query_as(
        "select * from exemptions where template = $1 and (environment is null or environment = $2)
         and expires_at > $3 and revoked_at is null order by expires_at desc limit $4",
    )
    .bind(template)
    .bind(environment)
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

/// What narrows a list of exemptions.
#[derive(Debug, Default)]
pub(super) struct ExemptionFilter {
    pub(super) template: Option<String>,
    pub(super) rule: Option<String>,
    /// Only those that count at this time.
    pub(super) active_at: Option<DateTime<Utc>>,
}

/// Exemptions, the newest first, before `before`.
pub(super) async fn list_exemptions(
    conn: &mut PgConnection,
    filter: &ExemptionFilter,
    before: Option<ExemptionId>,
    limit: i64,
) -> Result<Vec<Exemption>, DbError> {
    Ok(sqlx::query_as(
        "select * from exemptions where ($1::text is null or template = $1) and ($2::text is null or rule = $2)
         and ($3::timestamptz is null or (expires_at > $3 and revoked_at is null))
         and ($4::text is null or id < $4) order by id desc limit $5",
    )
    .bind(&filter.template)
    .bind(&filter.rule)
    .bind(filter.active_at)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}
