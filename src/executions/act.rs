//! Stop and redrive: ask Step Functions, look what came of it, record that.

use super::merge::{self, Place};
use super::model::Execution;
use super::{limits, monitor, observe, store};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::environments::{Target, UnknownEnvironment};
use crate::ids::ExecutionId;
use crate::step_functions::{MachineType, StepFunctionsError};

/// Why an execution was neither stopped nor redriven.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// No such execution.
    #[error("there is no execution `{id}`")]
    Unknown {
        /// The id that was given.
        id: ExecutionId,
    },
    /// AWS can neither stop nor redrive Express executions.
    #[error("`{id}` is an Express execution, which can be neither stopped nor redriven")]
    Express {
        /// The execution.
        id: ExecutionId,
    },
    /// Its state does not allow it.
    #[error("`{id}` is {status} and can't be {verb}")]
    State {
        /// The execution.
        id: ExecutionId,
        /// How it stands.
        status: &'static str,
        /// What was asked for.
        verb: &'static str,
    },
    /// What is said about the stop is too long.
    #[error(
        "`error` has at most {} characters, `cause` {}",
        limits::STOP_ERROR_LENGTH_MAX,
        limits::STOP_CAUSE_LENGTH_MAX
    )]
    TooLong,
    /// Its version was taken back: a redrive would run the same definition.
    #[error(
        "`{id}` ran on `{version_arn}`, which was taken back: {reason}; a redrive would run the same definition again. Start it \
         anew, or let an admin say why (`override_quarantine`)"
    )]
    Quarantined {
        /// The execution.
        id: ExecutionId,
        /// Its version.
        version_arn: String,
        /// Why it was taken back.
        reason: String,
    },
    /// Its environment is no longer configured.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// Step Functions refused.
    #[error("step functions refused")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed. If the call was made, the monitor records what came of it.
    #[error("the execution could not be read or recorded")]
    Database(#[from] DbError),
}

/// Stops an execution that runs. One that has closed already is left as it is.
pub(super) async fn stop(
    app: &App,
    id: ExecutionId,
    error: Option<String>,
    cause: Option<String>,
    actor: &str,
) -> Result<Execution, ActError> {
    let longer =
        |text: &Option<String>, max: usize| text.as_ref().is_some_and(|text| text.chars().count() > max);
    if longer(&error, limits::STOP_ERROR_LENGTH_MAX) || longer(&cause, limits::STOP_CAUSE_LENGTH_MAX) {
        return Err(ActError::TooLong);
    }
    let (row, execution_arn) = load(app, id).await?;
    if row.status.is_closed() {
        return Err(ActError::State {
            id,
            status: row.status.as_str(),
            verb: "stopped",
        });
    }
    let target = app.environments.target(&row.environment)?;
    target
        .step_functions
        .stop_execution(&execution_arn, error, cause)
        .await?;
    record(app, "execution.stop", actor, None, &row).await?;
    look(app, target, &row, &execution_arn).await
}

/// Runs an execution that failed, timed out or was stopped again, from where it failed. `token` makes a repetition the same redrive.
pub(super) async fn redrive(
    app: &App,
    id: ExecutionId,
    token: Option<String>,
    (actor, override_quarantine): (&str, Option<String>),
) -> Result<Execution, ActError> {
    let (row, execution_arn) = load(app, id).await?;
    if override_quarantine.is_none()
        && let Some(version_arn) = &row.version_arn
        && let Some(reason) = store::quarantined(&mut *app.db.connection().await?, version_arn).await?
    {
        let version_arn = version_arn.clone();
        return Err(ActError::Quarantined {
            id,
            version_arn,
            reason,
        });
    }
    let target = app.environments.target(&row.environment)?;
    target
        .step_functions
        .redrive_execution(&execution_arn, token)
        .await?;
    record(app, "execution.redrive", actor, override_quarantine, &row).await?;
    look(app, target, &row, &execution_arn).await
}

async fn load(app: &App, id: ExecutionId) -> Result<(Execution, String), ActError> {
    let mut conn = app.db.connection().await?;
    let row = store::load(&mut conn, id)
        .await?
        .ok_or(ActError::Unknown { id })?;
    if row.kind == MachineType::Express {
        return Err(ActError::Express { id });
    }
    match row.execution_arn.clone() {
        Some(execution_arn) => Ok((row, execution_arn)),
        None => Err(ActError::Unknown { id }),
    }
}

async fn record(
    app: &App,
    action: &'static str,
    actor: &str,
    reason: Option<String>,
    row: &Execution,
) -> Result<(), DbError> {
    let mut tx = app.db.begin().await?;
    audit::record(
        &mut tx,
        AuditEntry {
            actor: actor.to_owned(),
            action,
            subject: row.id.to_string(),
            environment: Some(row.environment.to_string()),
            reason,
            details: serde_json::json!({"template": row.template}),
        },
    )
    .await?;
    tx.commit().await
}

/// Records what the execution has become.
async fn look(
    app: &App,
    target: &Target,
    row: &Execution,
    execution_arn: &str,
) -> Result<Execution, ActError> {
    if let Some(observation) = observe::describe(&target.step_functions, execution_arn).await? {
        let place = Place {
            template: &row.template,
            target,
            state_machine_arn: &row.state_machine_arn,
        };
        merge::merge(app, place, &[observation]).await?;
    }
    let mut conn = app.db.connection().await?;
    monitor::watch_soon(&mut conn, &row.state_machine_arn, app.clock.now()).await?;
    let stands = store::load(&mut conn, row.id).await?;
    Ok(stands.unwrap_or_else(|| row.clone()))
}
