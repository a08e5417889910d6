//! Takes back what lost workers held, and counts what there is.

use std::sync::Arc;
use std::time::Duration;

use super::queue;
use crate::app::App;
use crate::db::DbError;
use crate::limits;

/// Every replica does this for all of them, until the soft shutdown.
pub(super) async fn keep_rescuing(app: Arc<App>) {
    let lease = Duration::from_secs(app.config.jobs.lease_seconds);
    loop {
        match queue::rescue(&app.db, app.clock.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "took back jobs whose worker was lost"),
            Err(error) => tracing::warn!(%error, "could not look for jobs whose worker was lost"),
        }
        tokio::select! {
            () = tokio::time::sleep(lease / 4) => {}
            () = app.lifecycle.soft_shutdown() => return,
        }
    }
}

/// Keeps `signalbox_jobs` up to date, until the soft shutdown.
pub(super) async fn keep_counting(app: Arc<App>) {
    loop {
        if let Err(error) = count(&app).await {
            tracing::debug!(%error, "could not count jobs");
        }
        tokio::select! {
            () = tokio::time::sleep(limits::JOB_COUNT_INTERVAL) => {}
            () = app.lifecycle.soft_shutdown() => return,
        }
    }
}

async fn count(app: &App) -> Result<(), DbError> {
    let counts = queue::counts(&app.db).await?;
    app.metrics.jobs.reset();
    for (kind, state, count) in counts {
        app.metrics.jobs.with_label_values(&[kind, state]).set(count);
    }
    Ok(())
}
