//! Fail a task whose time is over.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::model::TaskState;
use super::rules::DEADLINE_ERROR;
use super::{send, store};
use crate::app::App;
use crate::audit::{self, AuditEntry, SYSTEM_ACTOR};
use crate::db::{DbError, Tx};
use crate::ids::TaskId;
use crate::jobs::{self, Done, Enqueue, Job, JobError, Lease};

/// Looks at one task when its time is over.
#[derive(Debug)]
pub struct Deadline;

/// Which task.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeadlineArgs {
    task: TaskId,
}

pub(super) async fn schedule(tx: &mut Tx, task: TaskId, at: DateTime<Utc>) -> Result<(), DbError> {
    let how = Enqueue::at(at).unique(task.to_string()).forever();
    jobs::enqueue::<Deadline>(tx, &DeadlineArgs { task }, how).await?;
    Ok(())
}

impl Job for Deadline {
    const KIND: &'static str = "tasks.deadline";
    type Args = DeadlineArgs;

    async fn run(app: Arc<App>, args: DeadlineArgs, lease: &Lease) -> Result<Done, JobError> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        lease.hold(&mut tx).await?;
        let Some(mut task) = store::lock(&mut tx, args.task).await? else {
            return Ok(Done::Finished);
        };
        let Some(deadline) = task.deadline_at else {
            return Ok(Done::Finished);
        };
        if !matches!(task.state, TaskState::Open | TaskState::Claimed) {
            return Ok(Done::Finished);
        }
        if now < deadline {
            return Ok(Done::Snooze(deadline));
        }
        let cause = format!("nobody answered the task `{}` until {deadline}", task.title);
        task.state = TaskState::Failing;
        task.error = Some(DEADLINE_ERROR.to_owned());
        task.cause = Some(cause.clone());
        task.answered_by = Some(SYSTEM_ACTOR.to_owned());
        task.answered_at = Some(now);
        store::save(&mut tx, &task).await?;
        send::schedule(&mut tx, task.id, now).await?;
        let entry = AuditEntry {
            actor: SYSTEM_ACTOR.to_owned(),
            action: "task.expire",
            subject: task.id.to_string(),
            environment: Some(task.environment),
            reason: Some(cause),
            details: json!({"deadline_at": deadline}),
        };
        audit::record(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(Done::Finished)
    }
}
