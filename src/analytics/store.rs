//! The SQL of the analytics: reads only, at one moment.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::model::Facts;
use crate::db::DbError;

/// Everything that is known of a template since a day, in one environment or all. In a transaction of one snapshot the counts agree.
pub(super) async fn facts(
    conn: &mut PgConnection,
    template: &str,
    environment: Option<&str>,
    since: NaiveDate,
) -> Result<Facts, DbError> {
    let rollups = sqlx::query_as(
        "select version_arn, day, sum(succeeded)::bigint as succeeded, sum(failed)::bigint as failed, sum(timed_out)::bigint as timed_out,
             sum(aborted)::bigint as aborted, sum(duration_ms_sum)::bigint as duration_ms_sum,
             min(duration_ms_min) as duration_ms_min, max(duration_ms_max) as duration_ms_max
         from execution_rollups where template = $1 and ($2::text is null or environment = $2) and day >= $3
         group by version_arn, day order by day, version_arn",
    )
    .bind(template)
    .bind(environment)
    .bind(since)
    .fetch_all(&mut *conn)
    .await?;
    let buckets = sqlx::query_as(
        "select version_arn, day, bucket, sum(count)::bigint as count from execution_rollup_durations
         where template = $1 and ($2::text is null or environment = $2) and day >= $3
         group by version_arn, day, bucket having sum(count) > 0",
    )
    .bind(template)
    .bind(environment)
    .bind(since)
    .fetch_all(&mut *conn)
    .await?;
    let errors = sqlx::query_as(
        "select error, sum(count)::bigint as count from execution_rollup_errors
         where template = $1 and ($2::text is null or environment = $2) and day >= $3
         group by error having sum(count) > 0",
    )
    .bind(template)
    .bind(environment)
    .bind(since)
    .fetch_all(&mut *conn)
    .await?;
    let from: DateTime<Utc> = since.and_time(chrono::NaiveTime::MIN).and_utc();
    let (running, ever): (i64, i64) = sqlx::query_as(
        "with open as (
             select started_at from executions
             where template = $1 and ($2::text is null or environment = $2)
                 and status in ('RUNNING', 'PENDING_REDRIVE') and record = 'started' and lost_at is null)
         select (select count(*) from open where started_at >= $3),
             (select count(*) from open) + coalesce((
                 select sum(succeeded + failed + timed_out + aborted)::bigint from execution_rollups
                 where template = $1 and ($2::text is null or environment = $2)), 0)",
    )
    .bind(template)
    .bind(environment)
    .bind(from)
    .fetch_one(conn)
    .await?;
    Ok(Facts {
        rollups,
        buckets,
        errors,
        running,
        ever,
    })
}
