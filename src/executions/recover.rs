//! Look into starts whose answer never came: the process died, or Step Functions did not answer. Either the target knows the execution, and
//! it is recorded as started, or it does not, and nobody was told that it runs.

use std::sync::Arc;

use chrono::TimeDelta;

use super::merge::{self, Place};
use super::model::Execution;
use super::{limits, observe, store};
use crate::app::App;
use crate::jobs::{Done, Job, JobError, Lease};

/// The schedule that looks into unconfirmed starts.
#[derive(Debug)]
pub struct RecoverStarts;

impl Job for RecoverStarts {
    const KIND: &'static str = "execution.recover";
    type Args = ();

    async fn run(app: Arc<App>, (): (), _lease: &Lease) -> Result<Done, JobError> {
        let before =
            app.clock.now() - TimeDelta::from_std(limits::UNCONFIRMED_AFTER).unwrap_or(TimeDelta::MAX);
        let mut conn = app.db.connection().await?;
        let rows = store::unconfirmed(&mut conn, before, limits::UNCONFIRMED_BATCH_MAX).await?;
        drop(conn);
        for row in rows {
            recover(&app, &row).await?;
        }
        Ok(Done::Finished)
    }
}

pub(super) async fn recover(app: &App, row: &Execution) -> Result<(), JobError> {
    let Ok(target) = app.environments.target(&row.environment) else {
        // The environment may be configured again: leave it, but behind the others.
        return touch(app, row).await;
    };
    match observe::ours(target, row).await {
        Ok(Some(observation)) => {
            let place = Place {
                template: &row.template,
                target,
                state_machine_arn: &row.state_machine_arn,
            };
            merge::merge(app, place, &[observation]).await?;
            tracing::info!(execution = %row.id, "a start without an answer was found running");
        }
        Ok(None) => {
            let mut conn = app.db.connection().await?;
            store::abandon(&mut conn, row.id, app.clock.now()).await?;
            tracing::info!(execution = %row.id, "a start without an answer never happened");
        }
        Err(error) => {
            tracing::warn!(execution = %row.id, %error, "a start without an answer could not be looked into");
            touch(app, row).await?;
        }
    }
    Ok(())
}

async fn touch(app: &App, row: &Execution) -> Result<(), JobError> {
    let mut conn = app.db.connection().await?;
    Ok(store::touch(&mut conn, row.id, app.clock.now()).await?)
}
