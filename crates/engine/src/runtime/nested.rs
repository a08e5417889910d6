//! Executions that a task waits for (`states:startExecution.sync`) are stopped when the task is: AWS tries to stop a job when nobody
//! waits for it any more (developer guide, "Run a Job (.sync)").

use sqlx::PgPool;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::children::Children;
use crate::executions::{ExecutionId, ParentTask};

/// Stops what nobody waits for.
#[derive(Clone)]
pub(super) struct Nested {
    pub(super) pool: PgPool,
    pub(super) children: Children,
    pub(super) tracker: TaskTracker,
    /// The shards' threads are outside of the async runtime.
    pub(super) handle: Handle,
}

impl Nested {
    /// Stops the execution this task waited for, if it runs.
    pub(super) fn stop(&self, parent: ParentTask) {
        let nested = self.clone();
        let stop = async move {
            let found: sqlx::Result<Vec<Uuid>> = sqlx::query_scalar(
                "select id from engine.executions where parent_id = $1 and parent_task = $2 and status = 'RUNNING'",
            )
            .bind(parent.execution.0)
            .bind(i64::try_from(parent.task.0).unwrap_or(i64::MAX))
            .fetch_all(&nested.pool)
            .await;
            nested.stop_all(found).await;
        };
        self.tracker.spawn_on(stop, &self.handle);
    }

    /// Stops an execution that has begun for a task which was given up while it was being started: who gave it up did not find
    /// it to stop it.
    pub(super) fn stop_unless_awaited(&self, id: ExecutionId, parent: ParentTask) {
        let children = self.children.clone();
        let stop = async move {
            if children.waits_for_task(parent.execution, parent.task).await == Some(false) {
                children.stop(id).await;
            }
        };
        self.tracker.spawn_on(stop, &self.handle);
    }

    /// Stops those whose parent has closed while no process was there to stop them.
    pub(super) async fn stop_orphans(self) {
        let found: sqlx::Result<Vec<Uuid>> = sqlx::query_scalar(
            "select child.id from engine.executions child join engine.executions parent on parent.id = child.parent_id
            where child.parent_id is not null and child.status = 'RUNNING' and parent.status <> 'RUNNING'",
        )
        .fetch_all(&self.pool)
        .await;
        self.stop_all(found).await;
    }

    async fn stop_all(&self, found: sqlx::Result<Vec<Uuid>>) {
        match found {
            Ok(found) => {
                for id in found {
                    self.children.stop(ExecutionId(id)).await;
                }
            }
            // Best effort, as AWS says of it; the next process to take over looks again.
            Err(error) => {
                tracing::warn!(%error, "executions that nobody waits for could not be found to be stopped");
            }
        }
    }
}
