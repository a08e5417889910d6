//! Take an answer to the engine.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::model::{Task, TaskState};
use super::rules::{self, Heard};
use super::store;
use crate::app::App;
use crate::audit::{self, AuditEntry, SYSTEM_ACTOR};
use crate::db::{DbError, Tx};
use crate::ids::TaskId;
use crate::jobs::{self, Done, Enqueue, Job, JobError, Lease};
use crate::step_functions::{ErrorKind, StepFunctionsError};

/// Calls SendTaskSuccess or SendTaskFailure for one answered task, until the engine has said something final.
#[derive(Debug)]
pub struct SendAnswer;

/// Which task.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendAnswerArgs {
    task: TaskId,
}

pub(super) async fn schedule(tx: &mut Tx, task: TaskId, at: DateTime<Utc>) -> Result<(), DbError> {
    let how = Enqueue::at(at).unique(task.to_string()).forever();
    jobs::enqueue::<SendAnswer>(tx, &SendAnswerArgs { task }, how).await?;
    Ok(())
}

impl Job for SendAnswer {
    const KIND: &'static str = "tasks.send_answer";
    type Args = SendAnswerArgs;

    async fn run(app: Arc<App>, args: SendAnswerArgs, lease: &Lease) -> Result<Done, JobError> {
        let Some((task, token)) = intend(&app, args.task, lease).await? else {
            return Ok(Done::Finished);
        };
        let name = task.environment.parse().map_err(JobError::retry)?;
        let target = app.environments.target(&name).map_err(JobError::retry)?;
        let door = &target.step_functions;
        let answered = match &task.answer {
            Some(output) if task.state == TaskState::Completing => {
                door.send_task_success(&token, &output.to_string()).await
            }
            _ => {
                door.send_task_failure(&token, task.error.clone(), task.cause.clone())
                    .await
            }
        };
        let (heard, said) = match answered {
            Ok(()) => (Heard::Taken, String::new()),
            Err(error) => final_word(error)?,
        };
        record(&app, &task, heard, &said, lease).await?;
        Ok(Done::Finished)
    }
}

/// Notes that the engine is about to be called. `sending_at` of what is returned tells whether it was before.
async fn intend(app: &App, id: TaskId, lease: &Lease) -> Result<Option<(Task, String)>, JobError> {
    let mut tx = app.db.begin().await?;
    lease.hold(&mut tx).await?;
    let Some(task) = store::lock(&mut tx, id).await? else {
        return Ok(None);
    };
    if !matches!(task.state, TaskState::Completing | TaskState::Failing) {
        return Ok(None);
    }
    let Some(token) = store::token(tx.conn(), id).await? else {
        return Ok(None);
    };
    if task.sending_at.is_none() {
        let mut sending = task.clone();
        sending.sending_at = Some(app.clock.now());
        store::save(&mut tx, &sending).await?;
    }
    tx.commit().await?;
    Ok(Some((task, token)))
}

/// What an error of the engine says for good; what may pass is retried.
fn final_word(error: StepFunctionsError) -> Result<(Heard, String), JobError> {
    match error.kind() {
        ErrorKind::TaskGone | ErrorKind::Invalid | ErrorKind::NotFound => {
            let said = match error.code() {
                Some(code) => format!("{code}: {}", error.message()),
                None => error.message().to_owned(),
            };
            Ok((Heard::NotWaiting, said))
        }
        ErrorKind::AlreadyExists
        | ErrorKind::Conflict
        | ErrorKind::Quota
        | ErrorKind::Throttled
        | ErrorKind::AccessDenied
        | ErrorKind::KmsDenied
        | ErrorKind::Unavailable => Err(JobError::retry(error)),
    }
}

/// Notes what the engine said, and forgets the token.
async fn record(app: &App, sent: &Task, heard: Heard, said: &str, lease: &Lease) -> Result<(), JobError> {
    let mut tx = app.db.begin().await?;
    lease.hold(&mut tx).await?;
    let Some(mut task) = store::lock(&mut tx, sent.id).await? else {
        return Ok(());
    };
    let (state, note) = rules::end(sent.state, heard, sent.sending_at.is_some(), said);
    task.state = state;
    task.outcome_note = note.clone();
    task.closed_at = Some(app.clock.now());
    store::save(&mut tx, &task).await?;
    store::remove_token(&mut tx, task.id).await?;
    let entry = AuditEntry {
        actor: SYSTEM_ACTOR.to_owned(),
        action: "task.close",
        subject: task.id.to_string(),
        environment: Some(task.environment),
        reason: note,
        details: json!({"state": state}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(())
}
