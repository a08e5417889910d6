//! What is kept, and for how long: closed executions for 90 days, what a redrive needs for 14.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::limits;

// `for update` waits for a redrive that is being written, and then leaves the execution out.
const FORGET: &str = "with old as materialized (
        select id from engine.executions where stopped_at < $1 order by stopped_at limit $2 for update skip locked
    ), history as (
        delete from engine.history h using old where h.execution_id = old.id
    ), frames as (
        delete from engine.frames f using old where f.execution_id = old.id
    )
    delete from engine.executions e using old where e.id = old.id";

const FORGET_FRAMES: &str = "delete from engine.frames f using (
        select f.execution_id from engine.frames f join engine.executions e on e.id = f.execution_id
        where not f.open and e.stopped_at < $1 limit $2
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

/// Forgets what is old, now and every hour, until the term is over.
pub(crate) async fn run(pool: PgPool, clock: Arc<dyn Clock>, lost: CancellationToken) {
    lost.run_until_cancelled(async {
        loop {
            if let Err(error) = forget(&pool, clock.now_ms()).await {
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

async fn forget(pool: &PgPool, now_ms: i64) -> sqlx::Result<()> {
    for (statement, age_ms, batch) in [
        (FORGET, limits::RETENTION_MS, limits::RETENTION_BATCH_MAX),
        (FORGET_FRAMES, limits::REDRIVE_MS_MAX, limits::RETENTION_BATCH_MAX),
        (
            FORGET_MAP_RUNS,
            limits::RETENTION_MS,
            limits::MAP_RUN_RETENTION_BATCH_MAX,
        ),
        (
            FORGET_TOKENS,
            limits::REDRIVE_TOKEN_MS_MAX,
            limits::RETENTION_BATCH_MAX,
        ),
    ] {
        loop {
            let done = sqlx::query(statement)
                .bind(now_ms - age_ms)
                .bind(batch)
                .execute(pool)
                .await?;
            if done.rows_affected() < batch.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}
