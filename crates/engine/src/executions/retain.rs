//! What is kept, and for how long: closed executions for 90 days or as configured, what a redrive needs for 14.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::Clock;
use crate::limits;

// What stopped before a time was started before it, so its id is below that time's: the primary key finds it. A redrive that
// is being written has the row locked, and the execution is left out.
const FORGET: &str = "with old as materialized (
        select id from engine.executions where id < $3 and stopped_at < $1 order by id limit $2 for update skip locked
    ), history as (
        delete from engine.history_chunks h using old where h.execution_id = old.id
    ), frames as (
        delete from engine.frames f using old where f.execution_id = old.id
    )
    delete from engine.executions e using old where e.id = old.id";

const FORGET_FRAMES: &str = "delete from engine.frames f using (
        select f.execution_id from engine.frames f join engine.executions e on e.id = f.execution_id
        where not f.open and f.execution_id < $3 and e.stopped_at < $1 limit $2
    ) old
    where f.execution_id = old.execution_id and not f.open";

const FORGET_MAP_RUNS: &str = "delete from engine.map_runs r using (
        select arn from engine.map_runs where stopped_at < $1 limit $2
    ) old
    where r.arn = old.arn";

const FORGET_TOKENS: &str = "delete from engine.redrive_tokens t using (
        select execution_id, token from engine.redrive_tokens where asked_at < $1 order by asked_at limit $2
    ) old
    where t.execution_id = old.execution_id and t.token = old.token";

/// Forgets what is old, now and every hour, until the term is over. Closed executions are kept for `kept_ms`.
pub(crate) async fn run(pool: PgPool, clock: Arc<dyn Clock>, kept_ms: i64, lost: CancellationToken) {
    lost.run_until_cancelled(async {
        loop {
            if let Err(error) = forget(&pool, clock.now_ms(), kept_ms).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old executions could not be removed"
                );
            }
            tokio::time::sleep(Duration::from_millis(limits::RETENTION_CHECK_MS)).await;
        }
    })
    .await;
}

async fn forget(pool: &PgPool, now_ms: i64, kept_ms: i64) -> sqlx::Result<()> {
    for (statement, age_ms, batch) in [
        (FORGET, kept_ms, limits::RETENTION_BATCH_MAX),
        (FORGET_FRAMES, limits::REDRIVE_MS_MAX, limits::RETENTION_BATCH_MAX),
        (FORGET_MAP_RUNS, kept_ms, limits::MAP_RUN_RETENTION_BATCH_MAX),
        (
            FORGET_TOKENS,
            limits::REDRIVE_TOKEN_MS_MAX,
            limits::RETENTION_BATCH_MAX,
        ),
    ] {
        let before_ms = now_ms.saturating_sub(age_ms);
        loop {
            let done = sqlx::query(statement)
                .bind(before_ms)
                .bind(batch)
                .bind(first_id_at(before_ms))
                .execute(pool)
                .await?;
            if done.rows_affected() < batch.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}

/// The lowest id of executions that start at this time (RFC 9562, version 7: the first 48 bits are the ms since 1970).
fn first_id_at(ms: i64) -> Uuid {
    Uuid::from_u128(u128::from(ms.max(0).unsigned_abs()) << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_time_are_not_below_that_times_first() {
        let id = Uuid::now_v7();
        let (seconds, nanos) = id.get_timestamp().map_or((0, 0), |timestamp| timestamp.to_unix());
        let ms = i64::try_from(seconds * 1_000 + u64::from(nanos) / 1_000_000).unwrap_or(0);
        assert!(first_id_at(ms) <= id);
        assert!(first_id_at(ms + 1) > id);
        assert!(first_id_at(-1) <= first_id_at(0));
    }
}
