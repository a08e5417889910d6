//! Delete a template: its state machines first, then the record. Refused while executions run, since AWS would end them.

use serde_json::json;

use super::store;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::environments::{EnvironmentName, Target, UnknownEnvironment};
use crate::step_functions::{ErrorKind, ExecutionStatus, ListExecutions, StepFunctionsError};

/// Why a template was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// No such template.
    #[error("there is no template `{template}`")]
    UnknownTemplate {
        /// The name that was given.
        template: String,
    },
    /// It got another revision since it was read.
    #[error("`{template}` got another revision meanwhile")]
    Changed {
        /// The template.
        template: String,
    },
    /// Executions run.
    #[error("executions of `{template}` are running in `{environment}`")]
    Running {
        /// The template.
        template: String,
        /// Where.
        environment: EnvironmentName,
    },
    /// An environment is no longer configured, so its state machine can't be looked at.
    #[error(transparent)]
    Target(#[from] UnknownEnvironment),
    /// The environment's Step Functions refused or did not answer.
    #[error("the state machine could not be deleted")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed.
    #[error("the template could not be deleted")]
    Database(#[from] DbError),
}

/// Deletes a template and its state machines in every environment; with `newest` only while that is its newest revision.
pub(super) async fn remove(
    app: &App,
    template: &str,
    newest: Option<i32>,
    actor: &str,
) -> Result<(), RemoveError> {
    // From here on nothing is started through Signalbox, so that what is looked at stays true.
    let mut conn = app.db.connection().await?;
    if !store::set_deleting(&mut conn, template, newest).await? {
        let template = template.to_owned();
        return Err(match store::load_template(&mut conn, &template).await? {
            Some(_) => RemoveError::Changed { template },
            None => RemoveError::UnknownTemplate { template },
        });
    }
    drop(conn);
    let removed = remove_machines(app, template).await;
    if let Err(error) = removed {
        let mut conn = app.db.connection().await?;
        store::set_kept(&mut conn, template).await?;
        return Err(error);
    }
    let mut tx = app.db.begin().await?;
    store::delete_template(tx.conn(), template).await?;
    audit::record(
        &mut tx,
        AuditEntry {
            actor: actor.to_owned(),
            action: "template.delete",
            subject: template.to_owned(),
            environment: None,
            reason: None,
            details: json!({}),
        },
    )
    .await?;
    tx.commit().await?;
    tracing::info!(template, "deleted");
    Ok(())
}

async fn remove_machines(app: &App, template: &str) -> Result<(), RemoveError> {
    let mut conn = app.db.connection().await?;
    let bindings = store::list_bindings(&mut conn, template).await?;
    if let Some(environment) = store::environment_with_open_executions(&mut conn, template).await? {
        return Err(RemoveError::Running {
            template: template.to_owned(),
            environment,
        });
    }
    drop(conn);
    for binding in &bindings {
        let target = app.environments.target(&binding.environment)?;
        // Executions started past Signalbox a moment ago are only known there.
        if is_running(target, &binding.state_machine_arn).await? {
            return Err(RemoveError::Running {
                template: template.to_owned(),
                environment: binding.environment.clone(),
            });
        }
    }
    for binding in &bindings {
        let target = app.environments.target(&binding.environment)?;
        target
            .step_functions
            .delete_state_machine(&binding.state_machine_arn)
            .await?;
    }
    Ok(())
}

/// Whether Step Functions knows of a running execution. Express ones are never listed and end within five minutes by themselves.
async fn is_running(target: &Target, state_machine_arn: &str) -> Result<bool, StepFunctionsError> {
    let listing = target
        .step_functions
        .list_executions(ListExecutions {
            state_machine_arn: state_machine_arn.to_owned(),
            status: Some(ExecutionStatus::Running),
            max_results: Some(1),
            next_token: None,
        })
        .await;
    match listing {
        Ok(listing) => Ok(!listing.items.is_empty()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) if error.code() == Some("StateMachineTypeNotSupported") => Ok(false),
        Err(error) => Err(error),
    }
}
