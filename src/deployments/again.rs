//! Try again: what has ended without success is started anew; what waits for its next attempt makes it now.

use super::find::find;
use super::model::State;
use super::refusal::StartError;
use super::request::{Fault, StartDeployment};
use super::start::start;
use super::write::wake;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::ids::DeploymentId;

/// Why it was not tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum AgainError {
    /// There is no such deployment.
    #[error(transparent)]
    Find(#[from] super::act::ActError),
    /// It makes no sense now.
    #[error("a deployment that is `{}` can't be tried again: {why}", state.as_str())]
    Refused {
        /// Where it stands.
        state: State,
        /// What to do instead.
        why: &'static str,
    },
    /// The new one could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database failed.
    #[error("the deployment could not be woken")]
    Database(#[from] DbError),
}

/// Gives the deployment that goes on: the same, or a new one.
pub(super) async fn again(
    app: &App,
    id: DeploymentId,
    who: &str,
    reason: Option<&str>,
) -> Result<DeploymentId, AgainError> {
    let record = find(app, id).await?;
    let state = record.state();
    let refused = |why| AgainError::Refused { state, why };
    match state {
        State::Succeeded => Err(refused("it has succeeded")),
        State::Paused => Err(refused("resume it")),
        State::Failed | State::RolledBack | State::Aborted | State::Superseded => {
            if record.parent.is_some() {
                return Err(refused("it is a member of a release: start that again"));
            }
            let request: StartDeployment = serde_json::from_value(record.request.0).map_err(|error| {
                StartError::Invalid(vec![Fault {
                    pointer: String::new(),
                    message: format!("what was asked for then can't be read any more: {error}"),
                }])
            })?;
            let request = StartDeployment {
                revision: Some(record.revision),
                // Filled in then, and kept as it was.
                analysis_template: None,
                // Said once, for that deployment.
                override_quarantine: None,
                reason: Some(
                    reason.map_or_else(|| format!("{id} again"), |reason| format!("{id} again: {reason}")),
                ),
                ..request
            };
            Ok(start(app, &request, who, None).await?)
        }
        _ => {
            let mut tx = app.db.begin().await?;
            wake(&mut tx, id, app.clock.now()).await?;
            let entry = AuditEntry {
                actor: who.to_owned(),
                action: "deployment.retry",
                subject: id.to_string(),
                environment: Some(record.environment),
                reason: reason.map(ToOwned::to_owned),
                details: serde_json::json!({"state": state}),
            };
            audit::record(&mut tx, entry).await?;
            tx.commit().await?;
            Ok(id)
        }
    }
}
