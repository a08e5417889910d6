//! Where an execution stands: plain data that can be written down after any step and taken up again by another process.

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::env::ExecutionFacts;
use super::history::HistoryEvent;

/// An execution between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub(crate) facts: ExecutionFacts,
    pub(crate) next_event_id: u64,
}

impl Frame {
    /// What stays true of the execution.
    pub fn facts(&self) -> &ExecutionFacts {
        &self.facts
    }

    /// The id the next history event will have.
    pub fn next_event_id(&self) -> u64 {
        self.next_event_id
    }
}

/// What one call of `start` or `step` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stepped {
    /// The frame to go on from.
    pub frame: Frame,
    /// To be carried out in order once frame and history are durable.
    pub commands: Vec<Command>,
    /// The events that happened, in order of their ids.
    pub history: Vec<HistoryEvent>,
    /// The step's budget of transitions ran out: step again with [`super::Event::Continue`].
    pub resume: bool,
}
