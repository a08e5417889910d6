//! The way from Map Runs to executions: their children, and the execution around them.

use std::sync::Arc;

use asl::eval::{Event, TaskId};
use tokio::sync::oneshot;

use super::message::{Input, Message, Start};
use super::shards::Shards;
use crate::executions::ExecutionId;

/// Reaches the executions of one term. A Map Run has no more than `limits::MAP_RUN_CHILDREN_MAX` children open, which bounds
/// what it sends.
#[derive(Clone)]
pub(crate) struct Children {
    shards: Arc<Shards>,
}

impl Children {
    pub(super) fn new(shards: Arc<Shards>) -> Self {
        Self { shards }
    }

    /// Begins a child; its end is told to its Map Run.
    pub(crate) fn start(&self, start: Start) {
        self.shards.of(start.id).answer(Message::Start(Box::new(start)));
    }

    /// Stops a child. False when it is not open: it has closed already, or can't be driven.
    pub(crate) async fn stop(&self, id: ExecutionId) -> bool {
        let (tell, told) = oneshot::channel();
        self.input(
            id,
            Input::Stop {
                error: None,
                cause: None,
                tell,
            },
        );
        matches!(told.await, Ok(Ok(_)))
    }

    /// Lets a child that has closed go on. False when it can't.
    pub(crate) async fn redrive(&self, id: ExecutionId, count: u32) -> bool {
        let (tell, told) = oneshot::channel();
        self.input(id, Input::Redrive { count, tell });
        matches!(told.await, Ok(Ok(_)))
    }

    /// Tells an execution of its Map Run.
    pub(crate) fn tell(&self, id: ExecutionId, event: Event) {
        self.input(id, Input::Task(event));
    }

    /// Whether an execution waits for this Map Run. `None` when the term is over.
    pub(crate) async fn waits_for_map_run(&self, id: ExecutionId, arn: Arc<str>) -> Option<bool> {
        let (tell, told) = oneshot::channel();
        self.input(id, Input::HasMapRun { arn, tell });
        told.await.ok()
    }

    /// Whether an execution waits for this task of its own. `None` when the term is over.
    pub(super) async fn waits_for_task(&self, id: ExecutionId, task: TaskId) -> Option<bool> {
        let (tell, told) = oneshot::channel();
        self.input(id, Input::HasTask { task, tell });
        told.await.ok()
    }

    fn input(&self, id: ExecutionId, input: Input) {
        self.shards.of(id).answer(Message::Input(id, input));
    }
}
