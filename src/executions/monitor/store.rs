//! The SQL of watched machines: enrolling, claiming by lease, giving back.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::super::limits;
use crate::db::DbError;
use crate::environments::EnvironmentName;
use crate::ids::ExecutionId;
use crate::templates::Machine;

/// A machine this process may sweep.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct WatchedMachine {
    pub(super) state_machine_arn: String,
    pub(super) template: String,
    pub(super) environment: EnvironmentName,
    pub(super) watermark: DateTime<Utc>,
    pub(super) deep_sweep_at: DateTime<Utc>,
    pub(super) lease_token: String,
}

/// Makes these machines the watched ones.
pub(super) async fn enrol(
    conn: &mut PgConnection,
    machines: &[Machine],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let arns: Vec<&str> = machines
        .iter()
        .map(|machine| machine.state_machine_arn.as_str())
        .collect();
    let templates: Vec<&str> = machines.iter().map(|machine| machine.template.as_str()).collect();
    let environments: Vec<&str> = machines
        .iter()
        .map(|machine| machine.environment.as_str())
        .collect();
    let since: Vec<DateTime<Utc>> = machines.iter().map(|machine| machine.created_at).collect();
    sqlx::query(
        "insert into monitored_machines (state_machine_arn, template, environment, due_at, watermark, deep_sweep_at)
         select arn, template, environment, $5, since, $5 + interval '1 day'
         from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as machine (arn, template, environment, since)
         on conflict (state_machine_arn) do update
         set template = excluded.template, environment = excluded.environment
         where monitored_machines.template <> excluded.template or monitored_machines.environment <> excluded.environment",
    )
    .bind(&arns)
    .bind(&templates)
    .bind(&environments)
    .bind(&since)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    sqlx::query("delete from monitored_machines where state_machine_arn <> all($1)")
        .bind(&arns)
        .execute(conn)
        .await?;
    Ok(())
}

/// Leases machines that are due or wanted and that nobody holds.
pub(super) async fn claim(
    conn: &mut PgConnection,
    wanted: &[String],
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<WatchedMachine>, DbError> {
    let token = ulid::Ulid::generate().to_string();
    Ok(sqlx::query_as(
        "update monitored_machines set lease_token = $4, lease_until = $5
         where state_machine_arn in (
             select state_machine_arn from monitored_machines
             where (due_at <= $1 or state_machine_arn = any($2)) and (lease_until is null or lease_until < $1)
             order by due_at limit $3 for update skip locked)
         returning state_machine_arn, template, environment, watermark, deep_sweep_at, lease_token",
    )
    .bind(now)
    .bind(wanted)
    .bind(limit)
    .bind(token)
    .bind(now + TimeDelta::from_std(limits::SWEEP_LEASE).unwrap_or(TimeDelta::MAX))
    .fetch_all(conn)
    .await?)
}

/// Holds a machine for longer. False: somebody else has it now.
pub(super) async fn renew(
    conn: &mut PgConnection,
    machine: &WatchedMachine,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update monitored_machines set lease_until = $3 where state_machine_arn = $1 and lease_token = $2",
    )
    .bind(&machine.state_machine_arn)
    .bind(&machine.lease_token)
    .bind(now + TimeDelta::from_std(limits::SWEEP_LEASE).unwrap_or(TimeDelta::MAX))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a sweep leaves behind.
#[derive(Debug)]
pub(super) struct Swept<'a> {
    pub(super) due_at: DateTime<Utc>,
    pub(super) watermark: DateTime<Utc>,
    pub(super) deep_sweep_at: DateTime<Utc>,
    pub(super) error: Option<&'a str>,
}

/// Gives a machine back. A sweep that was asked for meanwhile ([`watch_soon`]) stays due.
pub(super) async fn give_back(
    conn: &mut PgConnection,
    machine: &WatchedMachine,
    begun_at: DateTime<Utc>,
    swept: &Swept<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "update monitored_machines set lease_token = null, lease_until = null, swept_at = $8, watermark = $4, deep_sweep_at = $5,
             error = $6, due_at = case when due_at > $7 then least(due_at, $3) else $3 end
         where state_machine_arn = $1 and lease_token = $2",
    )
    .bind(&machine.state_machine_arn)
    .bind(&machine.lease_token)
    .bind(swept.due_at)
    .bind(swept.watermark)
    .bind(swept.deep_sweep_at)
    .bind(swept.error)
    .bind(begun_at)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has a machine swept within an interval of activity: something was started.
pub(in super::super) async fn watch_soon(
    conn: &mut PgConnection,
    state_machine_arn: &str,
    due_at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query("update monitored_machines set due_at = $2 where state_machine_arn = $1 and due_at > $2")
        .bind(state_machine_arn)
        .bind(due_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// An execution that is open as far as is known.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Open {
    pub(super) id: ExecutionId,
    pub(super) execution_arn: String,
    pub(super) started_at: DateTime<Utc>,
}

pub(super) async fn open(conn: &mut PgConnection, state_machine_arn: &str) -> Result<Vec<Open>, DbError> {
    Ok(sqlx::query_as(
        "select id, execution_arn, started_at from executions
         where state_machine_arn = $1 and status = 'RUNNING' and record = 'started' and lost_at is null
             and execution_arn is not null and kind = 'STANDARD'
         order by started_at limit $2",
    )
    .bind(state_machine_arn)
    .bind(limits::OPEN_ROWS_MAX)
    .fetch_all(conn)
    .await?)
}

/// Those of these executions that are recorded as closed, with their redrive counts.
pub(super) async fn closed(conn: &mut PgConnection, arns: &[String]) -> Result<Vec<(String, i32)>, DbError> {
    Ok(sqlx::query_as(
        "select execution_arn, redrive_count from executions where execution_arn = any($1) and stopped_at is not null",
    )
    .bind(arns)
    .fetch_all(conn)
    .await?)
}

pub(super) async fn count_running(
    conn: &mut PgConnection,
) -> Result<Vec<(String, EnvironmentName, i64)>, DbError> {
    Ok(sqlx::query_as(
        "select template, environment, count(*) from executions
         where status = 'RUNNING' and record = 'started' and lost_at is null group by template, environment",
    )
    .fetch_all(conn)
    .await?)
}
