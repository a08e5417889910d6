//! Fetches executions back from Postgres, many in one query.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::message::{LoadError, Loaded, Message};
use super::shards::Shards;
use crate::executions::{ExecutionId, ParentTask};
use crate::limits;
use crate::machines::Machines;
use crate::map_runs::{ChildOf, ChildRef};

/// Takes requests for executions. There are at most as many as there are slots that wait.
#[derive(Clone, Default)]
pub(super) struct Loader {
    wanted: Arc<Wanted>,
}

#[derive(Default)]
struct Wanted {
    ids: Mutex<Vec<ExecutionId>>,
    filled: Notify,
}

impl Loader {
    pub(super) fn request(&self, id: ExecutionId) {
        self.wanted
            .ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(id);
        self.wanted.filled.notify_one();
    }

    /// Answers requests until the term is over.
    pub(super) async fn run(
        self,
        pool: PgPool,
        machines: Arc<Machines>,
        shards: Arc<Shards>,
        lost: CancellationToken,
    ) {
        lost.run_until_cancelled(async {
            loop {
                let ids = self.next_batch().await;
                while let Err(error) = answer(&pool, &machines, &shards, &ids).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "executions could not be fetched; trying again"
                    );
                    tokio::time::sleep(Duration::from_millis(limits::DRIVER_CHECK_MS)).await;
                }
            }
        })
        .await;
    }

    async fn next_batch(&self) -> Vec<ExecutionId> {
        loop {
            {
                let mut ids = self.wanted.ids.lock().unwrap_or_else(PoisonError::into_inner);
                if !ids.is_empty() {
                    let rest = ids.len().saturating_sub(limits::LOAD_BATCH_MAX);
                    return ids.split_off(rest);
                }
            }
            self.wanted.filled.notified().await;
        }
    }
}

#[derive(sqlx::FromRow)]
struct FrameRow {
    execution_id: Uuid,
    open: bool,
    format: i32,
    snapshot: Vec<u8>,
    inputs_applied: i64,
    revision_id: Uuid,
    parent_id: Option<Uuid>,
    parent_task: Option<i64>,
    mock_case: Option<String>,
    map_run_arn: Option<String>,
    map_run_index: Option<i32>,
    map_run_items: Option<i32>,
}

async fn answer(
    pool: &PgPool,
    machines: &Machines,
    shards: &Shards,
    ids: &[ExecutionId],
) -> sqlx::Result<()> {
    let wanted: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let frames: Vec<FrameRow> = sqlx::query_as(
        "select f.execution_id, f.open, f.format, f.snapshot, f.inputs_applied, e.revision_id, e.parent_id,
                e.parent_task, e.mock_case, e.map_run_arn, e.map_run_index, e.map_run_items
         from engine.frames f join engine.executions e on e.id = f.execution_id
         where f.execution_id = any($1)",
    )
    .bind(&wanted)
    .fetch_all(pool)
    .await?;
    let inputs: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(
        "select execution_id, input from engine.frame_inputs where execution_id = any($1) order by execution_id, sequence",
    )
    .bind(&wanted)
    .fetch_all(pool)
    .await?;
    let mut logs: HashMap<Uuid, Vec<Vec<u8>>> = HashMap::new();
    for (id, input) in inputs {
        logs.entry(id).or_default().push(input);
    }
    let mut frames: HashMap<Uuid, FrameRow> = frames
        .into_iter()
        .map(|frame| (frame.execution_id, frame))
        .collect();
    for id in ids {
        let loaded = match frames.remove(&id.0) {
            None => Err(LoadError::NoFrame),
            Some(frame) => match machines.definition(frame.revision_id).await {
                Err(crate::machines::resolve::LoadError::Database(error)) => return Err(error),
                Err(error) => Err(LoadError::Definition(error)),
                Ok(definition) => Ok(Box::new(Loaded {
                    definition,
                    parent: parent_of(&frame),
                    map_run: child_of(&frame),
                    mock_case: frame.mock_case.map(Into::into),
                    open: frame.open,
                    format: frame.format,
                    snapshot: frame.snapshot,
                    applied: frame.inputs_applied.unsigned_abs(),
                    log: logs.remove(&id.0).unwrap_or_default(),
                })),
            },
        };
        shards.of(*id).answer(Message::Loaded(*id, loaded));
    }
    Ok(())
}

fn child_of(frame: &FrameRow) -> Option<ChildRef> {
    Some(Arc::new(ChildOf {
        map_run_arn: frame.map_run_arn.as_deref()?.into(),
        index: frame.map_run_index?.unsigned_abs(),
        items: frame.map_run_items?.unsigned_abs(),
    }))
}

fn parent_of(frame: &FrameRow) -> Option<ParentTask> {
    Some(ParentTask {
        execution: ExecutionId(frame.parent_id?),
        task: asl::eval::TaskId(frame.parent_task?.unsigned_abs()),
    })
}
