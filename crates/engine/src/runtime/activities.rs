//! Activity tasks that wait for a worker, and workers that wait for a task. Only ids are here: the tasks themselves are
//! in their executions' frames, so what is queued survives a restart with them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use asl::eval::TaskId;
use tokio::sync::oneshot;

use crate::executions::ExecutionId;

/// A task a worker may have. It may have been given up since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) execution: ExecutionId,
    pub(super) task: TaskId,
}

/// The queues of one term, by the activity's ARN.
#[derive(Debug, Default)]
pub(super) struct ActivityQueues {
    queues: Mutex<HashMap<Arc<str>, Queue>>,
}

/// Of tasks and workers at most one kind waits.
#[derive(Debug, Default)]
struct Queue {
    tasks: VecDeque<Ticket>,
    workers: VecDeque<oneshot::Sender<Ticket>>,
}

impl ActivityQueues {
    /// Gives the task to the worker that has waited longest, or queues it.
    pub(super) fn offer(&self, activity_arn: &Arc<str>, ticket: Ticket) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(Arc::clone(activity_arn)).or_default();
        let mut ticket = ticket;
        while let Some(worker) = queue.workers.pop_front() {
            match worker.send(ticket) {
                Ok(()) => return,
                // That worker hung up; the next one.
                Err(back) => ticket = back,
            }
        }
        queue.tasks.push_back(ticket);
    }

    /// Takes the oldest task, or a place in the queue of workers.
    pub(super) fn ask(&self, activity_arn: &str) -> Result<Ticket, oneshot::Receiver<Ticket>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(activity_arn.into()).or_default();
        if let Some(ticket) = queue.tasks.pop_front() {
            return Ok(ticket);
        }
        queue.workers.retain(|worker| !worker.is_closed());
        let (sender, receiver) = oneshot::channel();
        queue.workers.push_back(sender);
        Err(receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(task: u64) -> Ticket {
        Ticket {
            execution: ExecutionId(uuid::Uuid::nil()),
            task: TaskId(task),
        }
    }

    #[test]
    fn tasks_go_out_in_the_order_they_came() {
        let queues = ActivityQueues::default();
        let arn: Arc<str> = "arn".into();
        queues.offer(&arn, ticket(1));
        queues.offer(&arn, ticket(2));
        assert_eq!(queues.ask("arn").unwrap(), ticket(1));
        assert_eq!(queues.ask("arn").unwrap(), ticket(2));
        assert!(queues.ask("arn").is_err());
    }

    #[test]
    fn a_worker_that_hung_up_does_not_swallow_a_task() {
        let queues = ActivityQueues::default();
        let arn: Arc<str> = "arn".into();
        drop(queues.ask("arn").unwrap_err());
        let mut waiting = queues.ask("arn").unwrap_err();
        queues.offer(&arn, ticket(1));
        assert_eq!(waiting.try_recv().unwrap(), ticket(1));
    }
}
