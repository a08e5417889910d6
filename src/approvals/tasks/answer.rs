//! Answer a task: write the answer down, and see to it that it reaches the engine.

use serde_json::json;

use super::super::rules::terms;
use super::model::{Task, TaskAnswer, TaskState};
use super::rules::{self, TaskRefusal};
use super::{send, store};
use crate::access::Caller;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::ids::TaskId;
use crate::limits::EXECUTION_INPUT_BYTES_MAX;
use crate::schema::{self, InvalidSchema, Violation};

/// Why an answer is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("there is no task `{id}`")]
    NotFound { id: TaskId },
    #[error(transparent)]
    Refused(#[from] TaskRefusal),
    /// It does not fit the task's form.
    #[error("the answer does not fit the task's form")]
    Misfit(Vec<Violation>),
    /// It is larger than a task's output may be (AWS quota: 256 KiB).
    #[error("the answer has {bytes} bytes; a task's output has at most {EXECUTION_INPUT_BYTES_MAX}")]
    TooLarge { bytes: usize },
    /// The form, which was checked when it was handed in, is none.
    #[error(transparent)]
    Form(#[from] InvalidSchema),
    /// The database failed; nothing was answered.
    #[error("could not write the answer")]
    Database(#[from] DbError),
}

/// Takes an answer. Once it returns, the answer is durable and on its way. Its content is the customer's, and is not audited.
pub(super) async fn answer(
    app: &App,
    who: &Caller,
    id: TaskId,
    said: TaskAnswer,
    comment: Option<String>,
) -> Result<Task, AnswerError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let mut task = store::lock(&mut tx, id)
        .await?
        .ok_or(AnswerError::NotFound { id })?;
    rules::may_answer(&task, &terms(&app.config.approvals.groups, who), who)?;
    let action = match said {
        TaskAnswer::Complete(output) => {
            let bytes = output.to_string().len();
            if bytes > EXECUTION_INPUT_BYTES_MAX {
                return Err(AnswerError::TooLarge { bytes });
            }
            if let Some(form) = &task.form {
                let misfits = schema::violations(&schema::compile(form)?, &output);
                if !misfits.is_empty() {
                    return Err(AnswerError::Misfit(misfits));
                }
            }
            task.answer = Some(output);
            task.state = TaskState::Completing;
            "task.complete"
        }
        TaskAnswer::Fail { error, cause } => {
            task.error = Some(error);
            task.cause = cause;
            task.state = TaskState::Failing;
            "task.fail"
        }
    };
    task.answered_by = Some(who.name.clone());
    task.answered_at = Some(now);
    store::save(&mut tx, &task).await?;
    send::schedule(&mut tx, id, now).await?;
    let entry = AuditEntry {
        actor: who.name.clone(),
        action,
        subject: id.to_string(),
        environment: Some(task.environment.clone()),
        reason: comment,
        details: json!({"title": task.title, "error": task.error}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(task)
}
