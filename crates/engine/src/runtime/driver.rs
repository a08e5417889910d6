//! Who drives: one process at a time, the one that holds a Postgres advisory lock on a connection of its own. The others
//! wait for it as standbys. Whoever loses the connection stops driving and asks again; see `journal::write` for
//! how what it may still have under way is kept out.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::term::{Setup, Term, TermError};
use super::token::Secret;
use crate::limits;

/// Names the lock within the database ("sbengine" in ASCII).
const LOCK: i64 = 0x7362_656e_6769_6e65;

/// How this process stands.
#[derive(Clone, Default)]
pub(super) enum Standing {
    /// It asks for the lock, or Postgres is not there.
    #[default]
    Away,
    /// Another process drives.
    Standby,
    /// It drives.
    Drives(Arc<Term>),
}

/// Drives whenever it can, until `shutdown`.
pub(super) async fn drive(setup: Setup, standing: watch::Sender<Standing>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let turn = hold_a_term(&setup, &standing, &shutdown).await;
        standing.send_replace(Standing::Away);
        if let Err(error) = turn {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the engine does not drive executions; trying again"
            );
            let pause = Duration::from_millis(limits::DRIVER_CHECK_MS);
            shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }
}

async fn hold_a_term(
    setup: &Setup,
    standing: &watch::Sender<Standing>,
    shutdown: &CancellationToken,
) -> Result<(), TermError> {
    let mut lock = PgConnection::connect_with(&setup.pool.connect_options()).await?;
    let Some(taken) = shutdown.run_until_cancelled(take_lock(&mut lock, standing)).await else {
        return Ok(());
    };
    taken?;
    let (epoch, secret) = begin_epoch(&mut lock, setup.clock.now_ms()).await?;
    let (term, threads) = Term::begin(setup, epoch, secret).await?;
    let term = Arc::new(term);
    standing.send_replace(Standing::Drives(Arc::clone(&term)));

    let outcome = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        () = term.lost.cancelled() => Ok(()),
        error = watch_lock(&mut lock, &threads) => Err(error),
    };
    standing.send_replace(Standing::Away);
    setup.post.close();
    if shutdown.is_cancelled() && outcome.is_ok() && !term.lost.is_cancelled() {
        term.rest();
    } else {
        term.end();
    }
    let patience = Duration::from_millis(limits::REST_MS_MAX);
    if tokio::time::timeout(patience, threads.join()).await.is_err() {
        tracing::warn!("the shards did not come to rest in time");
    }
    term.end();
    drop(lock.close().await);
    Ok(outcome?)
}

async fn take_lock(lock: &mut PgConnection, standing: &watch::Sender<Standing>) -> sqlx::Result<()> {
    let mut said = false;
    loop {
        let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *lock)
            .await?;
        if taken {
            return Ok(());
        }
        if !said {
            said = true;
            standing.send_replace(Standing::Standby);
            tracing::info!("another process drives this database's executions; this one stands by");
        }
        tokio::time::sleep(Duration::from_millis(limits::DRIVER_CHECK_MS)).await;
    }
}

/// Waits for the former driver's writes that are under way, and keeps out those that come later.
async fn begin_epoch(lock: &mut PgConnection, now_ms: i64) -> sqlx::Result<(i64, Secret)> {
    let new_secret: [u8; 32] = rand::random();
    let mut tx = lock.begin().await?;
    sqlx::query("lock table engine.driver in access exclusive mode")
        .execute(&mut *tx)
        .await?;
    let (epoch, secret): (i64, Vec<u8>) = sqlx::query_as(
        "insert into engine.driver (epoch, taken_at, secret) values (1, to_timestamp($1::bigint / 1000.0), $2)
         on conflict (only_row) do update set epoch = driver.epoch + 1, taken_at = excluded.taken_at
         returning epoch, secret",
    )
    .bind(now_ms)
    .bind(new_secret.as_slice())
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok((epoch, Secret::new(&secret)))
}

/// Returns when the lock's connection does not answer any more, or a shard is gone.
async fn watch_lock(lock: &mut PgConnection, threads: &super::term::Threads) -> sqlx::Error {
    loop {
        tokio::time::sleep(Duration::from_millis(limits::DRIVER_CHECK_MS)).await;
        let patience = Duration::from_millis(limits::DRIVER_PING_MS_MAX);
        match tokio::time::timeout(patience, lock.ping()).await {
            Ok(Ok(())) if threads.any_is_gone() => return sqlx::Error::WorkerCrashed,
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error,
            Err(_) => return sqlx::Error::PoolTimedOut,
        }
    }
}
