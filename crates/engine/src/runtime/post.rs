//! Brings what became of tasks to their executions. Between two terms it is kept, so that a task that was called is not
//! called again because Postgres was away when it answered.

use std::sync::{Arc, Mutex, PoisonError};

use asl::eval::Event;

use super::message::{Input, Message};
use super::shards::Shards;
use crate::executions::ExecutionId;

/// The way from the lanes to the shards of the present term.
#[derive(Default)]
pub(super) struct Post {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shards: Option<Arc<Shards>>,
    /// At most a few for each task in flight.
    kept: Vec<(ExecutionId, Event)>,
}

impl Post {
    pub(super) fn deliver(&self, execution: ExecutionId, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.shards {
            Some(shards) => shards
                .of(execution)
                .answer(Message::Input(execution, Input::Task(event))),
            None => state.kept.push((execution, event)),
        }
    }

    /// A term has begun, and its shards know which executions are open.
    pub(super) fn open(&self, shards: Arc<Shards>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (execution, event) in state.kept.drain(..) {
            shards
                .of(execution)
                .answer(Message::Input(execution, Input::Task(event)));
        }
        state.shards = Some(shards);
    }

    /// The term is over.
    pub(super) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).shards = None;
    }
}
