//! Forget what is kept for a time only: the feeds of executions, and the answers kept for idempotency keys.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{limits, store};
use crate::app::App;
use crate::http::idempotency;
use crate::jobs::{Done, Job, JobError, Lease};

/// The schedule that forgets.
#[derive(Debug)]
pub struct ForgetOld;

/// Rows deleted per statement: short enough not to be in anybody's way.
const BATCH: i64 = 5_000;

impl Job for ForgetOld {
    const KIND: &'static str = "execution.forget";
    type Args = ();

    async fn run(app: Arc<App>, (): (), _lease: &Lease) -> Result<Done, JobError> {
        let now = app.clock.now();
        let before = now - TimeDelta::from_std(limits::FEED_RETENTION).unwrap_or(TimeDelta::MAX);
        let mut conn = app.db.connection().await?;
        while store::forget_events(&mut conn, before, BATCH).await? > 0 {}
        drop(conn);
        while idempotency::forget(&app.db, now, BATCH).await? > 0 {}
        Ok(Done::Finished)
    }
}
