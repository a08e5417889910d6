//! What templates promise, and what was spent of it.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::super::judge::{Slo, Spending, Tally};
use crate::db::{DbError, Tx};

/// A template's promise.
pub(in super::super) async fn find(conn: &mut PgConnection, template: &str) -> Result<Option<Slo>, DbError> {
    let row: Option<(f64, i32)> =
        sqlx::query_as("select objective_percent, window_days from template_slos where template = $1")
            .bind(template)
            .fetch_optional(conn)
            .await?;
    Ok(row.map(|(objective_percent, window_days)| Slo {
        objective_percent,
        window_days: window_days.unsigned_abs(),
    }))
}

/// Writes a template's promise.
pub(in super::super) async fn set(
    tx: &mut Tx,
    template: &str,
    slo: Slo,
    who: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into template_slos (template, objective_percent, window_days, updated_by, updated_at) \
         values ($1, $2, $3, $4, $5) on conflict (template) do update set objective_percent = $2, window_days = $3, \
             updated_by = $4, updated_at = $5",
    )
    .bind(template)
    .bind(slo.objective_percent)
    .bind(i32::try_from(slo.window_days).unwrap_or(i32::MAX))
    .bind(who)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes it back; false when there was none.
pub(in super::super) async fn remove(tx: &mut Tx, template: &str) -> Result<bool, DbError> {
    let done = sqlx::query("delete from template_slos where template = $1")
        .bind(template)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Where the template is deployed.
pub(in super::super) async fn environments(
    conn: &mut PgConnection,
    template: &str,
) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar(
        "select environment from template_environments where template = $1 order by environment",
    )
    .bind(template)
    .fetch_all(conn)
    .await?)
}

/// What was spent: over the SLO's window by the day (the rollups' grain), and since `recent` of the alias one by one.
pub(in super::super) async fn spending(
    conn: &mut PgConnection,
    (template, environment): (&str, &str),
    alias_arn: &str,
    slo: Slo,
    (now, recent): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Spending, DbError> {
    let first = (now - TimeDelta::days(slo.window_days.into())).date_naive();
    let window: (i64, i64) = sqlx::query_as(
        "select coalesce(sum(succeeded + failed + timed_out), 0)::bigint, coalesce(sum(failed + timed_out), 0)::bigint \
         from execution_rollups where template = $1 and environment = $2 and day > $3",
    )
    .bind(template)
    .bind(environment)
    .bind(first)
    .fetch_one(&mut *conn)
    .await?;
    let recent: (i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where status <> 'SUCCEEDED') from executions \
         where template = $1 and environment = $2 and alias_arn = $3 and started_at >= $4 and record = 'started' \
             and status in ('SUCCEEDED', 'FAILED', 'TIMED_OUT')",
    )
    .bind(template)
    .bind(environment)
    .bind(alias_arn)
    .bind(recent)
    .fetch_one(conn)
    .await?;
    let tally = |(closed, failed): (i64, i64)| Tally {
        closed: closed.unsigned_abs(),
        failed: failed.unsigned_abs(),
    };
    Ok(Spending {
        window: tally(window),
        recent: tally(recent),
    })
}
