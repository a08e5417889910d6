//! The SQL of the queue.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::enqueue::Enqueue;
use super::model::{JobState, JobSummary};
use super::plan::{Attempts, Settlement};
use crate::db::{Db, DbError, Tx};
use crate::ids::JobId;

/// The channel on which workers hear of new jobs.
pub(super) const CHANNEL: &str = "signalbox_jobs";

pub(super) struct NewJob {
    pub(super) id: JobId,
    pub(super) kind: &'static str,
    pub(super) args: Value,
    pub(super) how: Enqueue,
}

/// A job that was claimed.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) id: JobId,
    pub(super) kind: String,
    pub(super) args: Value,
    pub(super) token: Uuid,
    pub(super) attempts: Attempts,
    pub(super) unique_key: Option<String>,
}

/// Inserts the job, or joins the live one of its key; the id of the one that stands.
pub(super) async fn insert(tx: &mut Tx, job: NewJob) -> Result<JobId, DbError> {
    let id = sqlx::query_scalar(
        "insert into jobs (id, kind, args, unique_key, run_at, priority, max_attempts)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (kind, unique_key) where unique_key is not null and state in ('ready', 'running')
         do update set
            args = excluded.args,
            run_at = case when jobs.state = 'ready' then least(jobs.run_at, excluded.run_at) else jobs.run_at end,
            again_at = case when jobs.state = 'running' then least(jobs.again_at, excluded.run_at) end,
            priority = greatest(jobs.priority, excluded.priority)
         returning id",
    )
    .bind(job.id)
    .bind(job.kind)
    .bind(job.args)
    .bind(job.how.unique_key)
    .bind(job.how.run_at)
    .bind(job.how.priority)
    .bind(job.how.max_attempts.map(u32::cast_signed))
    .fetch_one(tx.conn())
    .await?;
    sqlx::query("select pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(job.kind)
        .execute(tx.conn())
        .await?;
    Ok(id)
}

/// Moves the live job of a kind and key forward to `now`; one that is running runs once more. False when there is none.
pub(super) async fn wake(tx: &mut Tx, kind: &str, key: &str, now: DateTime<Utc>) -> Result<bool, DbError> {
    let woken = sqlx::query(
        "update jobs set
            run_at = case when state = 'ready' then least(run_at, $3) else run_at end,
            again_at = case when state = 'running' then least(again_at, $3) end
         where kind = $1 and unique_key = $2 and state in ('ready', 'running')",
    )
    .bind(kind)
    .bind(key)
    .bind(now)
    .execute(tx.conn())
    .await?;
    sqlx::query("select pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(kind)
        .execute(tx.conn())
        .await?;
    Ok(woken.rows_affected() == 1)
}

/// Claims up to `count` due jobs of these kinds. Committed when it returns.
pub(super) async fn claim(
    db: &Db,
    worker: &str,
    kinds: &[&'static str],
    now: DateTime<Utc>,
    lease: Duration,
    count: usize,
) -> Result<Vec<Claimed>, DbError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: JobId,
        kind: String,
        args: Value,
        lease_token: Uuid,
        attempt: i32,
        max_attempts: Option<i32>,
        unique_key: Option<String>,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "with due as (
            select id from jobs
            where state = 'ready' and run_at <= $1 and kind = any($2)
            order by priority desc, run_at, id
            limit $3
            for update skip locked)
         update jobs set
            state = 'running', lease_token = gen_random_uuid(), worker = $4,
            lease_until = clock_timestamp() + make_interval(secs => $5),
            attempt = attempt + 1
         from due where jobs.id = due.id
         returning jobs.id, kind, args, lease_token, attempt, max_attempts, unique_key",
    )
    .bind(now)
    .bind(kinds)
    .bind(i64::try_from(count).unwrap_or(i64::MAX))
    .bind(worker)
    .bind(lease.as_secs_f64())
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Claimed {
            id: row.id,
            kind: row.kind,
            args: row.args,
            token: row.lease_token,
            attempts: Attempts {
                number: row.attempt.cast_unsigned(),
                max: row.max_attempts.map(i32::cast_unsigned),
            },
            unique_key: row.unique_key,
        })
        .collect())
}

/// When the next job of these kinds is due; none when none waits.
pub(super) async fn next_due(db: &Db, kinds: &[&'static str]) -> Result<Option<DateTime<Utc>>, DbError> {
    Ok(sqlx::query_scalar(
        "select run_at from jobs where state = 'ready' and kind = any($1) order by run_at limit 1",
    )
    .bind(kinds)
    .fetch_optional(db.pool())
    .await?)
}

/// Renews the lease; false when it is not held any more.
pub(super) async fn renew(db: &Db, id: JobId, token: Uuid, lease: Duration) -> Result<bool, DbError> {
    let renewed = sqlx::query(
        "update jobs set lease_until = clock_timestamp() + make_interval(secs => $3) where id = $1 and lease_token = $2",
    )
    .bind(id)
    .bind(token)
    .bind(lease.as_secs_f64())
    .execute(db.pool())
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Locks the job's row if the lease is held: nobody can take it before the transaction ends.
pub(super) async fn lock_lease(tx: &mut Tx, id: JobId, token: Uuid) -> Result<bool, DbError> {
    let held: Option<i32> =
        sqlx::query_scalar("select 1 from jobs where id = $1 and lease_token = $2 for no key update")
            .bind(id)
            .bind(token)
            .fetch_optional(tx.conn())
            .await?;
    Ok(held.is_some())
}

/// Writes how a run ended, if the lease is still held; false when it is not.
pub(super) async fn settle(
    db: &Db,
    id: JobId,
    token: Uuid,
    now: DateTime<Utc>,
    settlement: &Settlement,
) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    if !lock_lease(&mut tx, id, token).await? {
        return Ok(false);
    }
    let freed = "lease_token = null, lease_until = null, worker = null, again_at = null";
    let mut sql = QueryBuilder::new("");
    match settlement {
        Settlement::Finish => {
            sql.push("with gone as (delete from jobs where again_at is null and id = ")
                .push_bind(id);
            sql.push(format!(
                ") update jobs set state = 'ready', attempt = 0, run_at = again_at, last_error = null, {freed} \
                 where again_at is not null and id = "
            ))
            .push_bind(id);
        }
        Settlement::Snooze(until) => {
            sql.push(
                "update jobs set state = 'ready', attempt = 0, last_error = null, run_at = least(again_at, ",
            )
            .push_bind(until);
            sql.push(format!("), {freed} where id = ")).push_bind(id);
        }
        Settlement::Retry { at, error } => {
            sql.push("update jobs set state = 'ready', run_at = ")
                .push_bind(at);
            sql.push(", last_error = ").push_bind(error);
            sql.push(format!(", {freed} where id = ")).push_bind(id);
        }
        // Asked for again while it ran: the news may be what it needs.
        Settlement::Die { error } => {
            sql.push("update jobs set state = case when again_at is null then 'dead' else 'ready' end, died_at = case when again_at is null then ")
                .push_bind(now);
            sql.push("::timestamptz end, attempt = case when again_at is null then attempt else 0 end");
            sql.push(", run_at = coalesce(again_at, run_at), last_error = ")
                .push_bind(error);
            sql.push(format!(", {freed} where id = ")).push_bind(id);
        }
    }
    sql.build().execute(tx.conn()).await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes back jobs whose lease ran out: ready again at once, or dead after the last attempt. How many.
pub(super) async fn rescue(db: &Db, now: DateTime<Utc>) -> Result<u64, DbError> {
    let rescued = sqlx::query(
        "update jobs set
            state = case when attempt >= max_attempts then 'dead' else 'ready' end,
            died_at = case when attempt >= max_attempts then $1 end,
            run_at = $1,
            last_error = 'the worker `' || worker || '` was lost while it ran this job',
            lease_token = null, lease_until = null, worker = null, again_at = null
         where id in (
            select id from jobs where state = 'running' and lease_until < clock_timestamp()
            order by lease_until limit 1000 for update skip locked)",
    )
    .bind(now)
    .execute(db.pool())
    .await?;
    Ok(rescued.rows_affected())
}

/// Gives back what this worker holds without counting the attempt: the process ends. How many.
pub(super) async fn release(db: &Db, worker: &str, now: DateTime<Utc>) -> Result<u64, DbError> {
    let released = sqlx::query(
        "update jobs set state = 'ready', run_at = $2, attempt = greatest(attempt - 1, 0),
            lease_token = null, lease_until = null, worker = null, again_at = null
         where state = 'running' and worker = $1",
    )
    .bind(worker)
    .bind(now)
    .execute(db.pool())
    .await?;
    Ok(released.rows_affected())
}

/// How many jobs of each kind there are in each state.
pub(super) async fn counts(db: &Db) -> Result<Vec<(String, String, i64)>, DbError> {
    Ok(
        sqlx::query_as("select kind, state, count(*) from jobs group by kind, state")
            .fetch_all(db.pool())
            .await?,
    )
}

const SUMMARY: &str = "select id, kind, state, unique_key, run_at, attempt, max_attempts, last_error, created_at, died_at from jobs";

/// Which jobs are listed.
#[derive(Debug, Clone, Default)]
pub(super) struct JobFilter {
    pub(super) state: Option<JobState>,
    pub(super) kind: Option<String>,
    /// Only those older than this one.
    pub(super) before: Option<JobId>,
}

/// Jobs, the newest first.
pub(super) async fn list(db: &Db, filter: &JobFilter, count: u32) -> Result<Vec<JobSummary>, DbError> {
    let mut sql = QueryBuilder::new(SUMMARY);
    sql.push(" where true");
    if let Some(state) = filter.state {
        sql.push(" and state = ").push_bind(state);
    }
    if let Some(kind) = &filter.kind {
        sql.push(" and kind = ").push_bind(kind);
    }
    if let Some(before) = filter.before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(i64::from(count));
    Ok(sql.build_query_as().fetch_all(db.pool()).await?)
}

/// One job.
pub(super) async fn get(db: &Db, id: JobId) -> Result<Option<JobSummary>, DbError> {
    let mut sql = QueryBuilder::new(SUMMARY);
    sql.push(" where id = ").push_bind(id);
    Ok(sql.build_query_as().fetch_optional(db.pool()).await?)
}

/// Makes a dead job ready again, attempts from zero; false when it is not dead. Fails with the rule
/// `one_live_job_of_a_key` when another job of its key is live meanwhile.
pub(super) async fn revive(tx: &mut Tx, id: JobId, now: DateTime<Utc>) -> Result<bool, DbError> {
    let revived = sqlx::query(
        "update jobs set state = 'ready', attempt = 0, run_at = $2, died_at = null where id = $1 and state = 'dead'",
    )
    .bind(id)
    .bind(now)
    .execute(tx.conn())
    .await?;
    sqlx::query("select pg_notify($1, '')")
        .bind(CHANNEL)
        .execute(tx.conn())
        .await?;
    Ok(revived.rows_affected() == 1)
}
