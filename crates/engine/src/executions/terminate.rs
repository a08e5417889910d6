//! Executions of a state machine that was deleted are aborted (API reference, `DeleteStateMachine`). AWS does it at their next
//! transition; here it is done at once, so that a Wait of a year does not keep the machine.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Executions;
use super::model::ExecutionId;
use super::stop::StopError;
use crate::limits;

const OF_DELETED: &str = "select e.id from engine.executions e
    join engine.machine_revisions r on r.id = e.revision_id
    join engine.machines m on m.id = r.machine_id
    where e.status = 'RUNNING' and m.deleted_at is not null and e.id > $1
    order by e.id limit $2";

impl Executions {
    /// A state machine was deleted.
    pub(crate) fn machine_deleted(&self) {
        self.deletions.notify_one();
    }

    /// Aborts what runs of deleted machines, whenever one was deleted and when this process begins to drive.
    pub(crate) async fn terminate_deleted(self, shutdown: CancellationToken) {
        shutdown
            .run_until_cancelled(async {
                loop {
                    self.runtime.driving().await;
                    if let Err(error) = self.terminate_all().await {
                        tracing::warn!(%error, "executions of a deleted state machine could not be aborted; trying again");
                        tokio::time::sleep(Duration::from_millis(limits::DRIVER_CHECK_MS)).await;
                        continue;
                    }
                    self.deletions.notified().await;
                }
            })
            .await;
    }

    async fn terminate_all(&self) -> Result<(), StopError> {
        let mut after = Uuid::nil();
        loop {
            let ids: Vec<Uuid> = sqlx::query_scalar(OF_DELETED)
                .bind(after)
                .bind(limits::RETENTION_BATCH_MAX)
                .fetch_all(&self.pool)
                .await
                .map_err(super::FindError::from)?;
            let Some(last) = ids.last() else { return Ok(()) };
            after = *last;
            for id in ids {
                // One that closed meanwhile has closed.
                let _stopped = self.runtime.stop(ExecutionId(id), None, None).await?;
            }
        }
    }
}
