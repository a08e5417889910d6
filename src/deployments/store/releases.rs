//! Releases and rolling deployments: the whole and its members.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::super::releases::model::{ReleaseRules, Scenario, ScenarioProgress};
use super::super::request::StartDeployment;
use crate::db::{DbError, Tx};
use crate::ids::{DeploymentId, ReleaseId};

/// A release as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct ReleaseRow {
    pub(in super::super) id: ReleaseId,
    pub(in super::super) kind: String,
    pub(in super::super) environment: Option<String>,
    pub(in super::super) state: String,
    pub(in super::super) direction: String,
    pub(in super::super) strategy: String,
    pub(in super::super) rules: Json<ReleaseRules>,
    pub(in super::super) scenarios: Json<Vec<Scenario>>,
    pub(in super::super) scenario_state: Json<Vec<ScenarioProgress>>,
    pub(in super::super) requester: String,
    pub(in super::super) topics: Vec<String>,
    pub(in super::super) error: Option<String>,
    pub(in super::super) created_at: DateTime<Utc>,
    pub(in super::super) finished_at: Option<DateTime<Utc>>,
}

/// A member and its deployment, if it has one.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct MemberRow {
    pub(in super::super) position: i32,
    pub(in super::super) wave: i32,
    pub(in super::super) request: Json<StartDeployment>,
    pub(in super::super) deployment: Option<DeploymentId>,
    pub(in super::super) told_back: bool,
    pub(in super::super) state: Option<String>,
    pub(in super::super) strategy: Option<String>,
    pub(in super::super) error: Option<String>,
    pub(in super::super) finished_at: Option<DateTime<Utc>>,
}

/// A release that is to begin.
#[derive(Debug)]
pub(in super::super) struct NewRelease<'a> {
    pub(in super::super) id: ReleaseId,
    pub(in super::super) kind: &'a str,
    pub(in super::super) environment: Option<&'a str>,
    pub(in super::super) strategy: &'a str,
    pub(in super::super) request: &'a Value,
    pub(in super::super) rules: &'a ReleaseRules,
    pub(in super::super) scenarios: &'a [Scenario],
    pub(in super::super) requester: &'a str,
    pub(in super::super) topics: &'a [String],
    /// Wave and request of each.
    pub(in super::super) members: &'a [(u32, StartDeployment)],
}

/// Writes a new release with its members.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    new: &NewRelease<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into releases (id, kind, environment, state, direction, strategy, request, rules, scenarios, requester, topics, \
             created_at, updated_at) values ($1, $2, $3, 'in_progress', 'forward', $4, $5, $6, $7, $8, $9, $10, $10)",
    )
    .bind(new.id)
    .bind(new.kind)
    .bind(new.environment)
    .bind(new.strategy)
    .bind(Json(new.request))
    .bind(Json(new.rules))
    .bind(Json(new.scenarios))
    .bind(new.requester)
    .bind(new.topics)
    .bind(now)
    .execute(tx.conn())
    .await?;
    for (position, (wave, request)) in new.members.iter().enumerate() {
        sqlx::query("insert into release_members (release, position, wave, request) values ($1, $2, $3, $4)")
            .bind(new.id)
            .bind(i32::try_from(position).unwrap_or(i32::MAX))
            .bind(i32::try_from(*wave).unwrap_or(i32::MAX))
            .bind(Json(request))
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// The release.
pub(in super::super) async fn load(
    conn: &mut PgConnection,
    id: ReleaseId,
) -> Result<Option<ReleaseRow>, DbError> {
    Ok(sqlx::query_as("select * from releases where id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?)
}

/// Its members in order.
pub(in super::super) async fn members(
    conn: &mut PgConnection,
    id: ReleaseId,
) -> Result<Vec<MemberRow>, DbError> {
    Ok(sqlx::query_as(
        "select m.position, m.wave, m.request, m.deployment, m.told_back, d.state, d.strategy, d.error, d.finished_at \
         from release_members m left join deployments d on d.id = m.deployment where m.release = $1 order by m.position",
    )
    .bind(id)
    .fetch_all(conn)
    .await?)
}

/// A page, newest first; one row more than `limit`.
pub(in super::super) async fn list(
    conn: &mut PgConnection,
    before: Option<(DateTime<Utc>, String)>,
    limit: u32,
) -> Result<Vec<ReleaseRow>, DbError> {
    let (at, id) = before.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    Ok(sqlx::query_as(
        "select * from releases where ($1::timestamptz is null or (created_at, id) < ($1, $2)) \
         order by created_at desc, id desc limit $3",
    )
    .bind(at)
    .bind(id)
    .bind(i64::from(limit) + 1)
    .fetch_all(conn)
    .await?)
}

/// Notes which deployment a member is.
pub(in super::super) async fn set_deployment(
    conn: &mut PgConnection,
    id: ReleaseId,
    position: i32,
    deployment: DeploymentId,
) -> Result<(), DbError> {
    sqlx::query("update release_members set deployment = $3 where release = $1 and position = $2")
        .bind(id)
        .bind(position)
        .bind(deployment)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that a member was told to go back.
pub(in super::super) async fn set_told_back(
    conn: &mut PgConnection,
    id: ReleaseId,
    position: i32,
) -> Result<(), DbError> {
    sqlx::query("update release_members set told_back = true where release = $1 and position = $2")
        .bind(id)
        .bind(position)
        .execute(conn)
        .await?;
    Ok(())
}

/// Turns the release around; false when it has ended or turned already.
pub(in super::super) async fn turn_back(
    tx: &mut Tx,
    id: ReleaseId,
    error: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update releases set direction = 'back', state = 'in_progress', finished_at = null, error = $2, \
             version = version + 1, updated_at = $3 \
         where id = $1 and direction = 'forward' and state in ('in_progress', 'success')",
    )
    .bind(id)
    .bind(error)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Turns the release around because a person said so: all of it goes back, whatever was to go back by itself, and also what
/// stopped where it failed. False when it has gone back, or does.
pub(in super::super) async fn turn_back_by_hand(
    tx: &mut Tx,
    id: ReleaseId,
    error: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update releases set direction = 'back', state = 'in_progress', finished_at = null, error = $2, \
             rules = jsonb_set(rules, '{on_failure}', '\"rollback_all\"'), version = version + 1, updated_at = $3 \
         where id = $1 and state <> 'rolled_back' and not (direction = 'back' and rules ->> 'on_failure' = 'rollback_all')",
    )
    .bind(id)
    .bind(error)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the release.
pub(in super::super) async fn finish(
    tx: &mut Tx,
    id: ReleaseId,
    state: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update releases set state = $2, finished_at = $3, version = version + 1, updated_at = $3 \
         where id = $1 and state = 'in_progress'",
    )
    .bind(id)
    .bind(state)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps how far the scenarios are.
pub(in super::super) async fn set_scenarios(
    conn: &mut PgConnection,
    id: ReleaseId,
    progress: &[ScenarioProgress],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query("update releases set scenario_state = $2, updated_at = $3 where id = $1")
        .bind(id)
        .bind(Json(progress))
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}
