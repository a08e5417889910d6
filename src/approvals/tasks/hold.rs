//! Claim a task, put it back, hand it on.

use serde_json::json;

use super::super::rules::terms;
use super::model::{Task, TaskState};
use super::rules::{self, TaskRefusal};
use super::store;
use crate::access::{Action, Caller, Forbidden, authorize, caller_named};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::ids::TaskId;

/// Why a task does not change hands.
#[derive(Debug, thiserror::Error)]
pub(super) enum HoldError {
    #[error("there is no task `{id}`")]
    NotFound { id: TaskId },
    #[error("`{name}` is not a caller of this service")]
    Unknown { name: String },
    /// The delegate's roles do not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error(transparent)]
    Refused(#[from] TaskRefusal),
    #[error("could not write the task")]
    Database(#[from] DbError),
}

/// Makes the caller the one who works on it.
pub(super) async fn claim(app: &App, who: &Caller, id: TaskId) -> Result<Task, HoldError> {
    let mut tx = app.db.begin().await?;
    let mut task = store::lock(&mut tx, id)
        .await?
        .ok_or(HoldError::NotFound { id })?;
    rules::may_claim(&task, &terms(&app.config.approvals.groups, who), who)?;
    task.state = TaskState::Claimed;
    task.claimed_by = Some(who.name.clone());
    store::save(&mut tx, &task).await?;
    audit::record(&mut tx, entry(who, "task.claim", &task, json!({}), None)).await?;
    tx.commit().await?;
    Ok(task)
}

/// Puts it back into the inbox.
pub(super) async fn release(app: &App, who: &Caller, id: TaskId) -> Result<Task, HoldError> {
    let mut tx = app.db.begin().await?;
    let mut task = store::lock(&mut tx, id)
        .await?
        .ok_or(HoldError::NotFound { id })?;
    rules::may_release(&task, who)?;
    let holder = task.claimed_by.take();
    task.state = TaskState::Open;
    store::save(&mut tx, &task).await?;
    audit::record(
        &mut tx,
        entry(who, "task.release", &task, json!({"holder": holder}), None),
    )
    .await?;
    tx.commit().await?;
    Ok(task)
}

/// Hands it to somebody else, who holds it then, assigned or not.
pub(super) async fn delegate(
    app: &App,
    who: &Caller,
    id: TaskId,
    to: &str,
    reason: Option<String>,
) -> Result<Task, HoldError> {
    let delegate =
        caller_named(&app.config.access, to).ok_or_else(|| HoldError::Unknown { name: to.to_owned() })?;
    authorize(&delegate, Action::WorkOnTasks, &id.to_string())?;
    let mut tx = app.db.begin().await?;
    let mut task = store::lock(&mut tx, id)
        .await?
        .ok_or(HoldError::NotFound { id })?;
    rules::may_answer(&task, &terms(&app.config.approvals.groups, who), who)?;
    task.state = TaskState::Claimed;
    task.claimed_by = Some(delegate.name.clone());
    store::save(&mut tx, &task).await?;
    audit::record(
        &mut tx,
        entry(who, "task.delegate", &task, json!({"to": delegate.name}), reason),
    )
    .await?;
    tx.commit().await?;
    Ok(task)
}

fn entry(
    who: &Caller,
    action: &'static str,
    task: &Task,
    details: serde_json::Value,
    reason: Option<String>,
) -> AuditEntry {
    AuditEntry {
        actor: who.name.clone(),
        action,
        subject: task.id.to_string(),
        environment: Some(task.environment.clone()),
        reason,
        details,
    }
}
