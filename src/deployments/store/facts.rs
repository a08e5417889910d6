//! What plans and baselines are made of: templates' revisions and bindings, and the past of their executions.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::super::model::VersionWeight;

use crate::db::{DbError, Tx};

/// A revision that may be deployed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct RevisionRow {
    pub(in super::super) revision: i32,
    pub(in super::super) digest: String,
    pub(in super::super) published: String,
    pub(in super::super) created_by: String,
}

/// A revision of a template; the newest when none is named.
pub(in super::super) async fn revision(
    conn: &mut PgConnection,
    template: &str,
    revision: Option<i32>,
) -> Result<Option<RevisionRow>, DbError> {
    Ok(sqlx::query_as(
        "select r.revision, r.digest, r.published, r.created_by from template_revisions r \
         join templates t on t.name = r.template where r.template = $1 and r.revision = coalesce($2, t.latest_revision)",
    )
    .bind(template)
    .bind(revision)
    .fetch_optional(conn)
    .await?)
}

/// Whether the template exists at all.
pub(in super::super) async fn template_exists(
    conn: &mut PgConnection,
    template: &str,
) -> Result<bool, DbError> {
    Ok(
        sqlx::query_scalar("select exists (select 1 from templates where name = $1)")
            .bind(template)
            .fetch_one(conn)
            .await?,
    )
}

/// Whether the template's executions are Express.
pub(in super::super) async fn is_express(conn: &mut PgConnection, template: &str) -> Result<bool, DbError> {
    let kind: Option<String> = sqlx::query_scalar("select kind from templates where name = $1")
        .bind(template)
        .fetch_optional(conn)
        .await?;
    Ok(kind.as_deref() == Some("EXPRESS"))
}

/// What is recorded behind the alias: (version, revision).
pub(in super::super) async fn live(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
) -> Result<Option<(Option<String>, Option<i32>)>, DbError> {
    Ok(sqlx::query_as(
        "select version_arn, live_revision from template_environments where template = $1 and environment = $2",
    )
    .bind(template)
    .bind(environment)
    .fetch_optional(conn)
    .await?)
}

/// The routing that somebody said to leave so, and since when.
pub(in super::super) async fn ignored_drift(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
) -> Result<Option<(Vec<VersionWeight>, DateTime<Utc>)>, DbError> {
    let row: Option<(Json<Vec<VersionWeight>>, DateTime<Utc>)> = sqlx::query_as(
        "select routing, ignored_at from ignored_drifts where template = $1 and environment = $2",
    )
    .bind(template)
    .bind(environment)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(routing, at)| (routing.0, at)))
}

/// Leaves a routing so.
pub(in super::super) async fn ignore_drift(
    tx: &mut Tx,
    (template, environment): (&str, &str),
    routing: &[VersionWeight],
    (who, reason): (&str, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into ignored_drifts (template, environment, routing, ignored_by, reason, ignored_at) \
         values ($1, $2, $3, $4, $5, $6) on conflict (template, environment) do update set routing = excluded.routing, \
             ignored_by = excluded.ignored_by, reason = excluded.reason, ignored_at = excluded.ignored_at",
    )
    .bind(template)
    .bind(environment)
    .bind(Json(routing))
    .bind(who)
    .bind(reason)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Which revision a version is.
pub(in super::super) async fn revision_of(
    conn: &mut PgConnection,
    version_arn: &str,
) -> Result<Option<i32>, DbError> {
    Ok(
        sqlx::query_scalar("select revision from template_versions where version_arn = $1")
            .bind(version_arn)
            .fetch_optional(conn)
            .await?,
    )
}

/// Records what the alias serves now.
pub(in super::super) async fn set_live(
    tx: &mut Tx,
    place: (&str, &str),
    version_arn: &str,
    arns: (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let (template, environment) = place;
    sqlx::query(
        "insert into template_environments (template, environment, state, wanted_revision, live_revision, \
             state_machine_arn, alias_arn, version_arn, created_at, updated_at) \
         select $1, $2, 'live', v.revision, v.revision, $4, $5, $3, $6, $6 from template_versions v where v.version_arn = $3 \
         on conflict (template, environment) do update set state = 'live', wanted_revision = excluded.wanted_revision, \
             live_revision = excluded.live_revision, version_arn = excluded.version_arn, error = null, updated_at = $6",
    )
    .bind(template)
    .bind(environment)
    .bind(version_arn)
    .bind(arns.0)
    .bind(arns.1)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Durations of the last closed executions of a version (ms, sorted), with how many closed and failed.
pub(in super::super) async fn history(
    conn: &mut PgConnection,
    version_arn: &str,
    before: DateTime<Utc>,
    size: u32,
) -> Result<(Vec<i64>, i64, i64), DbError> {
    let rows: Vec<(i64, bool)> = sqlx::query_as(
        "select (extract(epoch from stopped_at - started_at) * 1000)::bigint, status <> 'SUCCEEDED' from executions \
         where version_arn = $1 and stopped_at is not null and stopped_at <= $2 \
             and status in ('SUCCEEDED', 'FAILED', 'TIMED_OUT') order by stopped_at desc limit $3",
    )
    .bind(version_arn)
    .bind(before)
    .bind(i64::from(size))
    .fetch_all(conn)
    .await?;
    let failed = rows.iter().filter(|row| row.1).count();
    let closed = rows.len();
    let mut durations: Vec<i64> = rows.into_iter().map(|row| row.0.max(0)).collect();
    durations.sort_unstable();
    Ok((
        durations,
        i64::try_from(closed).unwrap_or(i64::MAX),
        i64::try_from(failed).unwrap_or(i64::MAX),
    ))
}

/// Traffic of a template in an environment since `since`.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(in super::super) struct TrafficRow {
    pub(in super::super) total: i64,
    pub(in super::super) closed: i64,
    pub(in super::super) failed: i64,
    /// Started without alias or version.
    pub(in super::super) unqualified: i64,
    pub(in super::super) first_at: Option<DateTime<Utc>>,
}

/// Counts the starts of the last days. Executions of tests go by the version's ARN and count in neither.
pub(in super::super) async fn traffic(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
    since: DateTime<Utc>,
) -> Result<TrafficRow, DbError> {
    Ok(sqlx::query_as(
        "select count(*) as total, \
             count(*) filter (where status in ('SUCCEEDED', 'FAILED', 'TIMED_OUT')) as closed, \
             count(*) filter (where status in ('FAILED', 'TIMED_OUT')) as failed, \
             count(*) filter (where version_arn is null and alias_arn is null and status <> 'RUNNING') as unqualified, \
             min(started_at) as first_at \
         from executions where template = $1 and environment = $2 and started_at >= $3 and record = 'started' \
             and (version_arn is null or alias_arn is not null)",
    )
    .bind(template)
    .bind(environment)
    .bind(since)
    .fetch_one(conn)
    .await?)
}

/// Open executions by version.
pub(in super::super) async fn open_by_version(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
) -> Result<Vec<(Option<String>, i64)>, DbError> {
    Ok(sqlx::query_as(
        "select version_arn, count(*) from executions where template = $1 and environment = $2 \
             and status in ('RUNNING', 'PENDING_REDRIVE') and record = 'started' and lost_at is null \
         group by version_arn order by version_arn",
    )
    .bind(template)
    .bind(environment)
    .fetch_all(conn)
    .await?)
}

/// The newest earlier version of a template here that served all traffic after a deployment and was not taken back.
pub(in super::super) async fn earlier_good_version(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
    not: &str,
) -> Result<Option<String>, DbError> {
    Ok(sqlx::query_scalar(
        "select v.version_arn from template_versions v where v.template = $1 and v.environment = $2 and v.version_arn <> $3 \
             and not exists (select 1 from quarantined_versions q where q.version_arn = v.version_arn) \
             and v.published_at < coalesce((select published_at from template_versions where version_arn = $3), 'infinity') \
         order by v.published_at desc limit 1",
    )
    .bind(template)
    .bind(environment)
    .bind(not)
    .fetch_optional(conn)
    .await?)
}
