//! Runs an Express execution to its end with StartSyncExecution, in a job: AWS neither lists nor describes Express executions, so its answer
//! is the only way to learn how one ended. A job that dies is run again, which is Express' own promise: at least once.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::merge::{self, Place};
use super::model::{Knowledge, Observation, Status};
use super::store;
use crate::app::App;
use crate::ids::ExecutionId;
use crate::jobs::{Done, Job, JobError, Lease};
use crate::step_functions::{StartExecution, StepFunctionsError};

/// The job that runs an Express execution.
#[derive(Debug)]
pub struct RunExpress;

/// Which execution.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExpressArgs {
    /// Its id.
    pub execution: ExecutionId,
}

impl Job for RunExpress {
    const KIND: &'static str = "execution.express";
    /// Five minutes is an Express execution's longest life (Step Functions quotas).
    const TIMEOUT: Duration = Duration::from_secs(330);
    type Args = ExpressArgs;

    async fn run(app: Arc<App>, args: ExpressArgs, lease: &Lease) -> Result<Done, JobError> {
        let mut conn = app.db.connection().await?;
        let Some(row) = store::load(&mut conn, args.execution).await? else {
            return Ok(Done::Finished);
        };
        drop(conn);
        if row.status != Status::Running {
            return Ok(Done::Finished);
        }
        let target = app
            .environments
            .target(&row.environment)
            .map_err(JobError::fail)?;
        let asked = target
            .step_functions
            .start_sync_execution(StartExecution {
                state_machine_arn: row
                    .alias_arn
                    .clone()
                    .unwrap_or_else(|| row.state_machine_arn.clone()),
                name: Some(row.name.clone()),
                input: row.input.clone(),
                trace_header: None,
            })
            .await;
        let observation = match asked {
            Ok(ended) => Observation {
                execution_arn: ended.execution_arn,
                name: row.name.clone(),
                knowledge: Knowledge {
                    redrive_count: 0,
                    status: ended.status,
                    stopped_at: Some(ended.stopped_at),
                    output: ended.output,
                    error: ended.error,
                    cause: ended.cause,
                    started_at: Some(ended.started_at),
                    input: None,
                    version_arn: None,
                    alias_arn: None,
                },
            },
            Err(error) if error.is_transient() && !lease.is_last_attempt() => {
                return Err(JobError::retry(error));
            }
            // It was acknowledged, so it must end: with what Step Functions refused it for.
            Err(error) => refused(&app, &row.id, &row.name, &error),
        };
        let mut conn = app.db.connection().await?;
        store::set_arn(&mut conn, row.id, &observation.execution_arn).await?;
        drop(conn);
        let place = Place {
            template: &row.template,
            target,
            state_machine_arn: &row.state_machine_arn,
        };
        merge::merge(&app, place, &[observation]).await?;
        Ok(Done::Finished)
    }
}

/// An execution that never ran. Its id stands for the ARN that it was never given.
fn refused(app: &App, id: &ExecutionId, name: &str, error: &StepFunctionsError) -> Observation {
    Observation {
        execution_arn: id.to_string(),
        name: name.to_owned(),
        knowledge: Knowledge {
            redrive_count: 0,
            status: Status::Failed,
            stopped_at: Some(app.clock.now()),
            output: None,
            error: Some(error.code().unwrap_or("Signalbox.NotStarted").to_owned()),
            cause: Some(error.message().to_owned()),
            started_at: None,
            input: None,
            version_arn: None,
            alias_arn: None,
        },
    }
}
