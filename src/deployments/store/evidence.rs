//! What executions did, counted for the judge, and the looks it took.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::super::judge::{ArmCounts, Evidence, NewError, Period, RankCount, Reading, Tally, Verdict};
use super::record::Record;
use crate::db::DbError;
use crate::ids::DeploymentId;

/// Which executions count, and against what.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Sample<'a> {
    pub(in super::super) record: &'a Record,
    pub(in super::super) alias_arn: &'a str,
    /// Longer than this is overdue; none without a baseline.
    pub(in super::super) overdue_after_ms: Option<i64>,
    pub(in super::super) slow_tolerance_ms: i64,
    pub(in super::super) now: DateTime<Utc>,
}

/// Executions of the sample's alias and versions. A redriven execution failed the first time, and that is what counts.
/// Written once, used by both questions below: `$1` deployment, `$2` template, `$3` environment, `$4` alias, `$5` stable,
/// `$6` canary, `$7` now.
macro_rules! sampled {
    () => {
        "from deployment_periods p join executions e on e.template = $2 and e.environment = $3 \
         and e.alias_arn = $4 and e.version_arn in ($5, $6) and e.record = 'started' and e.lost_at is null \
         and e.started_at >= p.valid_from and e.started_at < coalesce(p.valid_until, $7) \
         where p.deployment = $1"
    };
}

#[derive(sqlx::FromRow)]
struct CountRow {
    seq: i32,
    weight: i16,
    canary: Option<bool>,
    closed: i64,
    failed: i64,
    aborted: i64,
    open: i64,
    overdue: i64,
}

/// Counts the executions of each weight period.
pub(in super::super) async fn periods(
    conn: &mut PgConnection,
    sample: &Sample<'_>,
) -> Result<Vec<Period>, DbError> {
    let Sample { record, .. } = sample;
    let stable = record.from_version.as_deref().unwrap_or_default();
    let canary = record.to_version.as_deref().unwrap_or_default();
    let counts: Vec<CountRow> = sqlx::query_as(concat!(
        "select p.seq, p.weight, null::boolean as canary, 0::bigint as closed, 0::bigint as failed, 0::bigint as aborted, \
             0::bigint as open, 0::bigint as overdue from deployment_periods p where p.deployment = $1 \
         union all \
         select p.seq, p.weight, e.version_arn = $6, \
             count(*) filter (where e.status in ('SUCCEEDED', 'FAILED', 'TIMED_OUT') or e.redrive_count > 0), \
             count(*) filter (where e.status in ('FAILED', 'TIMED_OUT') or e.redrive_count > 0), \
             count(*) filter (where e.status = 'ABORTED' and e.redrive_count = 0), \
             count(*) filter (where e.status in ('RUNNING', 'PENDING_REDRIVE') and e.redrive_count = 0), \
             count(*) filter (where extract(epoch from coalesce(e.stopped_at, $7) - e.started_at) * 1000 > $8) \
         ",
        sampled!(),
        " group by p.seq, p.weight, e.version_arn = $6 order by seq"
    ))
    .bind(record.id)
    .bind(&record.template)
    .bind(&record.environment)
    .bind(sample.alias_arn)
    .bind(stable)
    .bind(canary)
    .bind(sample.now)
    .bind(sample.overdue_after_ms.unwrap_or(i64::MAX / 2))
    .fetch_all(&mut *conn)
    .await?;
    let ranks = if sample.overdue_after_ms.is_some() {
        ranks(conn, sample).await?
    } else {
        Vec::new()
    };
    let mut periods: Vec<(i32, Period)> = Vec::new();
    for row in counts {
        if periods.last().is_none_or(|(seq, _)| *seq != row.seq) {
            let weight = u8::try_from(row.weight).unwrap_or(100);
            periods.push((
                row.seq,
                Period {
                    weight,
                    stable: ArmCounts::default(),
                    canary: ArmCounts::default(),
                },
            ));
        }
        let (Some(is_canary), Some((_, period))) = (row.canary, periods.last_mut()) else {
            continue;
        };
        let arm = ArmCounts {
            tally: Tally {
                closed: unsigned(row.closed),
                failed: unsigned(row.failed),
            },
            aborted: unsigned(row.aborted),
            open: unsigned(row.open),
            overdue: unsigned(row.overdue),
            ranks: ranks
                .iter()
                .filter(|rank| rank.seq == row.seq && rank.canary == is_canary)
                .map(|rank| RankCount {
                    bucket: rank.bucket.unsigned_abs(),
                    count: unsigned(rank.count),
                })
                .collect(),
        };
        if is_canary {
            period.canary = arm;
        } else {
            period.stable = arm;
        }
    }
    Ok(periods.into_iter().map(|(_, period)| period).collect())
}

#[derive(sqlx::FromRow)]
struct RankRow {
    seq: i32,
    canary: bool,
    bucket: i32,
    count: i64,
}

/// Closed executions by the place of their duration in the baseline; the canary's with its tolerance taken off.
async fn ranks(conn: &mut PgConnection, sample: &Sample<'_>) -> Result<Vec<RankRow>, DbError> {
    let Sample { record, .. } = sample;
    Ok(sqlx::query_as(concat!(
        "select p.seq, e.version_arn = $6 as canary, \
             width_bucket(greatest(0, (extract(epoch from e.stopped_at - e.started_at) * 1000)::bigint \
                 - case when e.version_arn = $6 then $9::bigint else 0 end), $8::bigint[]) as bucket, count(*) as count \
         ",
        sampled!(),
        " and e.stopped_at is not null and e.status <> 'ABORTED' group by 1, 2, 3 order by 1, 2, 3"
    ))
    .bind(record.id)
    .bind(&record.template)
    .bind(&record.environment)
    .bind(sample.alias_arn)
    .bind(record.from_version.as_deref().unwrap_or_default())
    .bind(record.to_version.as_deref().unwrap_or_default())
    .bind(sample.now)
    .bind(&record.baseline)
    .bind(sample.slow_tolerance_ms)
    .fetch_all(conn)
    .await?)
}

#[derive(sqlx::FromRow)]
struct TotalRow {
    closed: i64,
    failed: i64,
    aborted: i64,
}

/// Every execution of the new version through the alias since the first weight was in force, settling windows included:
/// (closed and failed, aborted).
pub(in super::super) async fn canary_total(
    conn: &mut PgConnection,
    record: &Record,
    alias_arn: &str,
) -> Result<(Tally, u64), DbError> {
    let row: TotalRow = sqlx::query_as(
        "select count(*) filter (where status in ('SUCCEEDED', 'FAILED', 'TIMED_OUT') or redrive_count > 0) as closed, \
             count(*) filter (where status in ('FAILED', 'TIMED_OUT') or redrive_count > 0) as failed, \
             count(*) filter (where status = 'ABORTED' and redrive_count = 0) as aborted \
         from executions where template = $1 and environment = $2 and alias_arn = $3 and version_arn = $4 \
             and started_at >= $5 and record = 'started'",
    )
    .bind(&record.template)
    .bind(&record.environment)
    .bind(alias_arn)
    .bind(&record.to_version)
    .bind(record.created_at)
    .fetch_one(conn)
    .await?;
    Ok((
        Tally {
            closed: unsigned(row.closed),
            failed: unsigned(row.failed),
        },
        unsigned(row.aborted),
    ))
}

#[derive(sqlx::FromRow)]
struct ErrorRow {
    error: String,
    count: i64,
}

/// Definition-level errors of the new version that no execution of the template in this environment ever gave before.
pub(in super::super) async fn new_errors(
    conn: &mut PgConnection,
    record: &Record,
) -> Result<Vec<NewError>, DbError> {
    let rows: Vec<ErrorRow> = sqlx::query_as(
        "select e.error, count(*) as count from executions e where e.template = $1 and e.environment = $2 \
             and e.version_arn = $3 and e.alias_arn is not null and e.started_at >= $4 \
             and e.error in ('States.Runtime', 'States.ParameterPathFailure', 'States.ResultPathMatchFailure', \
                 'States.ReferencePathConflict', \
                 'States.NoChoiceMatched', 'States.IntrinsicFailure', 'States.QueryEvaluationError', \
                 'States.DataLimitExceeded', 'States.Permissions', 'States.ItemReaderFailed') \
             and not exists (select 1 from executions o where o.template = $1 and o.environment = $2 and o.error = e.error \
                 and o.version_arn is distinct from $3) \
         group by e.error",
    )
    .bind(&record.template)
    .bind(&record.environment)
    .bind(&record.to_version)
    .bind(record.created_at)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| NewError {
            error: row.error,
            count: unsigned(row.count),
        })
        .collect())
}

// ── looks ──

/// A look as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct LookRow {
    pub(in super::super) seq: i64,
    pub(in super::super) at: DateTime<Utc>,
    pub(in super::super) step: i16,
    pub(in super::super) state: String,
    pub(in super::super) evidence: Json<Evidence>,
    pub(in super::super) reading: Json<Reading>,
    pub(in super::super) verdict: Json<Verdict>,
}

/// The last look.
pub(in super::super) async fn last_look(
    conn: &mut PgConnection,
    id: DeploymentId,
) -> Result<Option<LookRow>, DbError> {
    Ok(
        sqlx::query_as("select * from deployment_looks where deployment = $1 order by seq desc limit 1")
            .bind(id)
            .fetch_optional(conn)
            .await?,
    )
}

/// Keeps a look, unless it saw nothing that the one before did not see.
pub(in super::super) async fn add_look(
    conn: &mut PgConnection,
    record: &Record,
    evidence: &Evidence,
    reading: &Reading,
    verdict: &Verdict,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let deployment = record.deployment();
    sqlx::query(
        "insert into deployment_looks (deployment, seq, at, step, state, evidence, reading, verdict) \
         select $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6, $7 from deployment_looks where deployment = $1 \
         having not exists (select 1 from (select evidence, verdict, state from deployment_looks where deployment = $1 \
             order by seq desc limit 1) last where last.evidence = $5 and last.verdict = $7 and last.state = $4)",
    )
    .bind(record.id)
    .bind(now)
    .bind(i16::try_from(deployment.step).unwrap_or(i16::MAX))
    .bind(deployment.state.as_str())
    .bind(Json(evidence))
    .bind(Json(reading))
    .bind(Json(verdict))
    .execute(conn)
    .await?;
    Ok(())
}

/// Looks after `after`, oldest first; one row more than `limit`.
pub(in super::super) async fn looks(
    conn: &mut PgConnection,
    id: DeploymentId,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<LookRow>, DbError> {
    Ok(sqlx::query_as(
        "select * from deployment_looks where deployment = $1 and ($2::bigint is null or seq > $2) order by seq limit $3",
    )
    .bind(id)
    .bind(after)
    .bind(i64::from(limit) + 1)
    .fetch_all(conn)
    .await?)
}

/// A stretch of time with one weight.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct Stretch {
    weight: i16,
    pub(in super::super) valid_from: DateTime<Utc>,
    pub(in super::super) valid_until: Option<DateTime<Utc>>,
}

impl Stretch {
    /// Percent. The CHECK of the column admits 1 to 100.
    pub(in super::super) fn weight(&self) -> u8 {
        u8::try_from(self.weight).unwrap_or(100)
    }

    #[cfg(test)]
    pub(in super::super) fn new(
        weight: i16,
        valid_from: DateTime<Utc>,
        valid_until: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            weight,
            valid_from,
            valid_until,
        }
    }
}

/// The weight periods in order.
pub(in super::super) async fn stretches(
    conn: &mut PgConnection,
    id: DeploymentId,
) -> Result<Vec<Stretch>, DbError> {
    Ok(sqlx::query_as(
        "select weight, valid_from, valid_until from deployment_periods where deployment = $1 order by seq",
    )
    .bind(id)
    .fetch_all(conn)
    .await?)
}

/// The weight periods as they are kept: `[{weight, from, until}]`.
pub(in super::super) async fn period_rows(
    conn: &mut PgConnection,
    id: DeploymentId,
) -> Result<Value, DbError> {
    let rows: Option<Json<Value>> = sqlx::query_scalar(
        "select jsonb_agg(jsonb_build_object('weight', weight, 'from', valid_from, 'until', valid_until) order by seq) \
         from deployment_periods where deployment = $1",
    )
    .bind(id)
    .fetch_one(conn)
    .await?;
    Ok(rows.map_or_else(|| Value::Array(Vec::new()), |json| json.0))
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
