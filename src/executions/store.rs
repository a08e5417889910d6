//! The SQL of executions and their feeds. Private to this folder.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::{PgConnection, QueryBuilder};

use super::model::{Contribution, Execution, FeedEvent, Filter, Knowledge, Origin, Record, Status};
use crate::db::DbError;
use crate::environments::EnvironmentName;
use crate::ids::ExecutionId;
use crate::step_functions::MachineType;

/// A start that is about to be asked for, or an execution that was found.
#[derive(Debug, Clone)]
pub(super) struct NewExecution<'a> {
    pub(super) id: ExecutionId,
    pub(super) template: &'a str,
    pub(super) environment: &'a EnvironmentName,
    pub(super) kind: MachineType,
    pub(super) state_machine_arn: &'a str,
    pub(super) execution_arn: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) origin: Origin,
    pub(super) record: Record,
    pub(super) started_at: DateTime<Utc>,
    pub(super) alias_arn: Option<&'a str>,
    pub(super) input: Option<&'a str>,
    pub(super) business_key: Option<&'a str>,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) callback_url: Option<&'a str>,
    pub(super) started_by: Option<&'a str>,
    pub(super) now: DateTime<Utc>,
}

/// Inserts an execution that runs as far as is known. Says whether it was new: its id or ARN may be taken already.
pub(super) async fn insert(conn: &mut PgConnection, new: &NewExecution<'_>) -> Result<bool, DbError> {
    let done = sqlx::query(
        "insert into executions (id, template, environment, kind, state_machine_arn, execution_arn, name, origin, record, status,
             started_at, alias_arn, input, business_key, labels, callback_url, started_by, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'RUNNING', $10, $11, $12, $13, $14, $15, $16, $17, $17)
         on conflict do nothing",
    )
    .bind(new.id)
    .bind(new.template)
    .bind(new.environment)
    .bind(new.kind)
    .bind(new.state_machine_arn)
    .bind(new.execution_arn)
    .bind(new.name)
    .bind(new.origin.as_str())
    .bind(new.record.as_str())
    .bind(new.started_at)
    .bind(new.alias_arn)
    .bind(new.input)
    .bind(new.business_key)
    .bind(sqlx::types::Json(new.labels))
    .bind(new.callback_url)
    .bind(new.started_by)
    .bind(new.now)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

macro_rules! columns {
    ($tail:literal) => {
        concat!(
            "select id, template, environment, kind, state_machine_arn, execution_arn, name, origin, record, status, redrive_count, ",
            "started_at, stopped_at, revision, version_arn, alias_arn, error, cause, business_key, labels, callback_url, ",
            "started_by, lost_at, ",
            $tail
        )
    };
}

pub(super) async fn load(conn: &mut PgConnection, id: ExecutionId) -> Result<Option<Execution>, DbError> {
    Ok(
        sqlx::query_as(columns!("input, output from executions where id = $1"))
            .bind(id)
            .fetch_optional(conn)
            .await?,
    )
}

pub(super) async fn load_by_arn(conn: &mut PgConnection, arn: &str) -> Result<Option<Execution>, DbError> {
    Ok(
        sqlx::query_as(columns!("input, output from executions where execution_arn = $1"))
            .bind(arn)
            .fetch_optional(conn)
            .await?,
    )
}

/// Starts whose answer never came, the oldest first.
pub(super) async fn unconfirmed(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Execution>, DbError> {
    Ok(sqlx::query_as(columns!(
        "input, output from executions where record = 'intended' and updated_at < $1 order by updated_at limit $2"
    ))
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

/// Says that somebody looks into this start now, so that others leave it alone for a while.
pub(super) async fn touch(
    conn: &mut PgConnection,
    id: ExecutionId,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query("update executions set updated_at = $2 where id = $1")
        .bind(id)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Records that nothing runs under this id: the target refused the start, or never got it.
pub(super) async fn abandon(
    conn: &mut PgConnection,
    id: ExecutionId,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "update executions set record = 'abandoned', execution_arn = null, updated_at = $2 where id = $1 and record = 'intended'",
    )
    .bind(id)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Records that the target no longer knows an execution that was open.
pub(super) async fn lose(
    conn: &mut PgConnection,
    id: ExecutionId,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update executions set lost_at = $2, updated_at = $2
         where id = $1 and status = 'RUNNING' and record = 'started' and lost_at is null",
    )
    .bind(id)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives an abandoned start another try.
pub(super) async fn revive(
    conn: &mut PgConnection,
    id: ExecutionId,
    execution_arn: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "update executions set record = 'intended', execution_arn = $2, started_at = $3, updated_at = $3
         where id = $1 and record = 'abandoned'",
    )
    .bind(id)
    .bind(execution_arn)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Records the ARN that an Express execution was given.
pub(super) async fn set_arn(
    conn: &mut PgConnection,
    id: ExecutionId,
    execution_arn: &str,
) -> Result<(), DbError> {
    sqlx::query("update executions set execution_arn = $2 where id = $1 and execution_arn is null")
        .bind(id)
        .bind(execution_arn)
        .execute(conn)
        .await?;
    Ok(())
}

/// A row under its lock, with all that joining and counting need.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct LockedRow {
    pub(super) id: ExecutionId,
    pub(super) template: String,
    pub(super) environment: EnvironmentName,
    pub(super) execution_arn: Option<String>,
    pub(super) name: String,
    #[sqlx(try_from = "String")]
    pub(super) record: Record,
    pub(super) status: Status,
    pub(super) redrive_count: i32,
    pub(super) started_at: DateTime<Utc>,
    pub(super) stopped_at: Option<DateTime<Utc>>,
    pub(super) version_arn: Option<String>,
    pub(super) alias_arn: Option<String>,
    pub(super) revision: Option<i32>,
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
    pub(super) error: Option<String>,
    pub(super) cause: Option<String>,
    pub(super) business_key: Option<String>,
    pub(super) labels: Value,
    pub(super) callback_url: Option<String>,
    pub(super) event_seq: i64,
    pub(super) lost_at: Option<DateTime<Utc>>,
    counted_day: Option<NaiveDate>,
    counted_version: Option<String>,
    counted_status: Option<Status>,
    counted_duration_ms: Option<i64>,
    counted_error: Option<String>,
}

impl LockedRow {
    /// What the row says of how the execution stands.
    pub(super) fn knowledge(&self) -> Knowledge {
        Knowledge {
            redrive_count: self.redrive_count,
            status: self.status,
            stopped_at: self.stopped_at,
            output: self.output.clone(),
            error: self.error.clone(),
            cause: self.cause.clone(),
            // Until the target confirms the start, the row has the time it was asked for.
            started_at: (self.record == Record::Started).then_some(self.started_at),
            input: self.input.clone(),
            version_arn: self.version_arn.clone(),
            alias_arn: self.alias_arn.clone(),
        }
    }

    /// What the rollups count for it now.
    pub(super) fn counted(&self) -> Option<Contribution> {
        Some(Contribution {
            day: self.counted_day?,
            version_arn: self.counted_version.clone()?,
            status: self.counted_status?,
            duration_ms: self.counted_duration_ms?,
            error: self.counted_error.clone(),
        })
    }
}

/// Locks the rows of these executions, always in the order of their ids, so that two such batches wait and don't deadlock.
pub(super) async fn lock_by_arns(
    conn: &mut PgConnection,
    arns: &[String],
) -> Result<Vec<LockedRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, template, environment, execution_arn, name, record, status, redrive_count, started_at, stopped_at, version_arn,
             alias_arn, revision, input, output, error, cause, business_key, labels, callback_url, event_seq, lost_at,
             counted_day, counted_version, counted_status, counted_duration_ms, counted_error
         from executions where execution_arn = any($1) order by id for update",
    )
    .bind(arns)
    .fetch_all(conn)
    .await?)
}

/// Writes what a row has become: what is known, what is counted, the last number of its feed.
pub(super) async fn write(
    conn: &mut PgConnection,
    row: &LockedRow,
    knowledge: &Knowledge,
    counted: Option<&Contribution>,
    event_seq: i64,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "update executions set record = 'started', lost_at = null, status = $2, redrive_count = $3, started_at = $4, stopped_at = $5,
             version_arn = $6, alias_arn = $7, revision = $8, input = $9, output = $10, error = $11, cause = $12, event_seq = $13,
             counted_day = $14, counted_version = $15, counted_status = $16, counted_duration_ms = $17, counted_error = $18,
             updated_at = $19
         where id = $1",
    )
    .bind(row.id)
    .bind(knowledge.status.as_str())
    .bind(knowledge.redrive_count)
    .bind(knowledge.started_at.unwrap_or(row.started_at))
    .bind(knowledge.stopped_at)
    .bind(&knowledge.version_arn)
    .bind(&knowledge.alias_arn)
    .bind(row.revision)
    .bind(&knowledge.input)
    .bind(&knowledge.output)
    .bind(&knowledge.error)
    .bind(&knowledge.cause)
    .bind(event_seq)
    .bind(counted.map(|counted| counted.day))
    .bind(counted.map(|counted| &counted.version_arn))
    .bind(counted.map(|counted| counted.status.as_str()))
    .bind(counted.map(|counted| counted.duration_ms))
    .bind(counted.and_then(|counted| counted.error.as_ref()))
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn append_event(
    conn: &mut PgConnection,
    id: ExecutionId,
    seq: i64,
    kind: &str,
    data: &Value,
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into execution_events (execution_id, seq, kind, data, at) values ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(seq)
    .bind(kind)
    .bind(data)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the next number of an execution's feed; holds its row's lock until the transaction ends.
pub(super) async fn next_seq(conn: &mut PgConnection, id: ExecutionId) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "update executions set event_seq = event_seq + 1 where id = $1 returning event_seq",
    )
    .bind(id)
    .fetch_one(conn)
    .await?)
}

pub(super) async fn events_after(
    conn: &mut PgConnection,
    id: ExecutionId,
    after: i64,
    limit: i64,
) -> Result<Vec<FeedEvent>, DbError> {
    Ok(sqlx::query_as(
        "select seq, kind, data, at from execution_events where execution_id = $1 and seq > $2 order by seq limit $3",
    )
    .bind(id)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

/// The first and the last number of an execution's feed that are kept, and the last one ever given out.
pub(super) async fn feed_bounds(
    conn: &mut PgConnection,
    id: ExecutionId,
) -> Result<Option<(Option<i64>, i64)>, DbError> {
    Ok(sqlx::query_as(
        "select (select min(seq) from execution_events e where e.execution_id = executions.id), event_seq from executions where id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?)
}

/// Deletes what the feeds told before `before`, at most `limit` events. Says how many there were.
pub(super) async fn forget_events(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, DbError> {
    let done = sqlx::query(
        "delete from execution_events where ctid = any(array(select ctid from execution_events where at < $1 limit $2))",
    )
    .bind(before)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes at most `limit` executions that stopped before `before`, with their feeds. The rollups keep what they counted.
pub(super) async fn forget_closed(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, DbError> {
    let done = sqlx::query(
        "delete from executions where id = any(array(select id from executions where stopped_at < $1 limit $2))",
    )
    .bind(before)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// What the next page begins after: the start time and id of the last row.
pub(super) type After = (DateTime<Utc>, ExecutionId);

/// Executions that match, the newest first, without input and output. Unconfirmed and abandoned starts are not shown.
pub(super) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: i64,
    after: Option<After>,
) -> Result<Vec<Execution>, DbError> {
    let mut query = QueryBuilder::new(columns!(
        "null::text as input, null::text as output from executions where record = 'started'"
    ));
    for (column, wanted) in [
        (" and template = ", filter.template.as_deref()),
        (
            " and environment = ",
            filter.environment.as_ref().map(EnvironmentName::as_str),
        ),
        (" and business_key = ", filter.business_key.as_deref()),
        (" and version_arn = ", filter.version_arn.as_deref()),
        (" and name = ", filter.name.as_deref()),
    ] {
        if let Some(wanted) = wanted {
            query.push(column).push_bind(wanted);
        }
    }
    if !filter.statuses.is_empty() {
        let statuses: Vec<&str> = filter.statuses.iter().map(|status| status.as_str()).collect();
        query.push(" and status = any(").push_bind(statuses).push(")");
    }
    if !filter.labels.is_empty() {
        query
            .push(" and labels @> ")
            .push_bind(sqlx::types::Json(&filter.labels));
    }
    if let Some(from) = filter.started_from {
        query.push(" and started_at >= ").push_bind(from);
    }
    if let Some(before) = filter.started_before {
        query.push(" and started_at < ").push_bind(before);
    }
    if let Some((started_at, id)) = after {
        query
            .push(" and (started_at, id) < (")
            .push_bind(started_at)
            .push(", ")
            .push_bind(id)
            .push(")");
    }
    query
        .push(" order by started_at desc, id desc limit ")
        .push_bind(limit);
    Ok(query.build_query_as().fetch_all(conn).await?)
}

/// Why a version was taken back by the judge. The table is kept by deployments, which stand above executions and hence
/// can't be asked from here.
pub(super) async fn quarantined(
    conn: &mut PgConnection,
    version_arn: &str,
) -> Result<Option<String>, DbError> {
    Ok(
        sqlx::query_scalar("select reason from quarantined_versions where version_arn = $1 and not by_hand")
            .bind(version_arn)
            .fetch_optional(conn)
            .await?,
    )
}
