//! Hand in a task: a workflow's state waits for a person.

use sha2::{Digest, Sha256};

use super::deadline;
use super::model::{NewTask, Task};
use super::store;
use crate::access::Caller;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::config::InvalidEnvironmentName;
use crate::db::DbError;
use crate::environments::UnknownEnvironment;
use crate::ids::TaskId;
use crate::notifications::{self, Audience, Notification};
use crate::schema::{self, InvalidSchema};

/// Why a task is not taken in.
#[derive(Debug, thiserror::Error)]
pub(super) enum IntakeError {
    #[error(transparent)]
    UnknownEnvironment(#[from] UnknownEnvironment),
    #[error(transparent)]
    EnvironmentName(#[from] InvalidEnvironmentName),
    #[error(transparent)]
    Form(#[from] InvalidSchema),
    /// The database failed; nothing was taken in.
    #[error("could not write the task")]
    Database(#[from] DbError),
}

/// Takes a task in, and says whether it is new: a workflow that hands in the same token again gets the same task.
pub(super) async fn intake(app: &App, who: &Caller, new: NewTask) -> Result<(Task, bool), IntakeError> {
    app.environments.target(&new.environment.parse()?)?;
    if let Some(form) = &new.form {
        schema::compile(form)?;
    }
    let now = app.clock.now();
    let hash = Sha256::digest(new.token.as_bytes());
    let id = TaskId::generate();
    let mut tx = app.db.begin().await?;
    let is_new = store::insert(&mut tx, id, &new, &hash, now).await?;
    let Some(task) = store::by_token(&mut tx, &new.environment, &hash).await? else {
        // Inserted or found above, and rows of this table are never deleted.
        return Err(DbError::Other(sqlx::Error::RowNotFound).into());
    };
    if !is_new {
        return Ok((task, false));
    }
    if let Some(at) = task.deadline_at {
        deadline::schedule(&mut tx, task.id, at).await?;
    }
    let entry = AuditEntry {
        actor: who.name.clone(),
        action: "task.open",
        subject: task.id.to_string(),
        environment: Some(task.environment.clone()),
        reason: None,
        details: serde_json::json!({"title": task.title, "assignees": task.assignees, "execution_arn": task.execution_arn}),
    };
    audit::record(&mut tx, entry).await?;
    let told = Notification {
        event: "task.opened",
        subject: task.id.to_string(),
        environment: Some(task.environment.clone()),
        occurred_at: now,
        title: format!("Task: {}", task.title),
        data: serde_json::json!({
            "task_id": task.id, "title": task.title, "assignees": task.assignees, "deadline_at": task.deadline_at,
        }),
        choices: Vec::new(),
        to: Vec::new(),
        audience: Audience::Standing,
        once: None,
    };
    notifications::enqueue(&mut tx, &app.config.notifications, &told).await?;
    tx.commit().await?;
    Ok((task, true))
}
