//! Where an execution stands: plain data that can be written down after any step and taken up again by another process.
//!
//! A *scope* is one line of flow: the execution's own, a Parallel's branch, a Map's iteration. It stands in one state, has that
//! state's input and its own variables, and knows which event its next event follows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::{Command, TaskId, TimerId};
use super::env::ExecutionFacts;
use super::history::HistoryEvent;
use crate::json::Payload;
use crate::machine::StateIx;

/// An execution between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub(crate) facts: Arc<ExecutionFacts>,
    pub(crate) next_event_id: u64,
    /// Tasks and timers share these ids.
    pub(crate) next_call_id: u64,
    pub(crate) scopes: Scopes,
    /// Scopes that can go on at once, in order.
    pub(crate) ready: VecDeque<ScopeIx>,
    /// Which scope waits for a task or timer.
    pub(crate) waiting: BTreeMap<u64, ScopeIx>,
    pub(crate) machine_timer: Option<TimerId>,
    pub(crate) closed: Option<Closed>,
    pub(crate) redrive_count: u32,
    pub(crate) redriven_ms: Option<i64>,
    /// Attempts of each state's task so far, where they are counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) attempts: BTreeMap<Arc<str>, u32>,
}

/// How an execution that is over may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Closed {
    /// It may not.
    ForGood,
    /// By a redrive; the event that ended it.
    Redrivable(u64),
}

/// A scope, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ScopeIx(pub(crate) u32);

/// Scopes in places that are used again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scopes {
    places: Vec<Option<Box<Scope>>>,
    free: Vec<ScopeIx>,
}

impl Scopes {
    pub(crate) fn get(&self, at: ScopeIx) -> Option<&Scope> {
        self.places.get(at.0 as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, at: ScopeIx) -> Option<&mut Scope> {
        self.places.get_mut(at.0 as usize)?.as_deref_mut()
    }

    pub(crate) fn insert(&mut self, scope: Scope) -> ScopeIx {
        let scope = Some(Box::new(scope));
        if let Some(at) = self.free.pop()
            && let Some(place) = self.places.get_mut(at.0 as usize)
        {
            *place = scope;
            return at;
        }
        // A frame's scopes are bounded by its history, far below 2^32.
        let at = ScopeIx(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
        self.places.push(scope);
        at
    }

    pub(crate) fn remove(&mut self, at: ScopeIx) -> Option<Box<Scope>> {
        let scope = self.places.get_mut(at.0 as usize)?.take()?;
        self.free.push(at);
        Some(scope)
    }

    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.free.clear();
    }
}

/// One line of flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub(crate) parent: Option<ScopeIx>,
    /// Which branch or iteration of the parent.
    pub(crate) index: u32,
    /// The item of a Map's iteration.
    pub(crate) item: Option<Payload>,
    pub(crate) state: StateIx,
    pub(crate) input: Payload,
    pub(crate) variables: Vec<(Arc<str>, Payload)>,
    /// The event the next one follows.
    pub(crate) previous: u64,
    pub(crate) entered_event: u64,
    /// The event the last one followed. It is what a failed expression follows: AWS takes a new event up only when all that
    /// was to be computed with it is.
    #[serde(default, alias = "entered_previous")]
    pub(crate) before_last: u64,
    pub(crate) entered_ms: i64,
    /// Attempts made by each retrier of the state.
    pub(crate) retries: Vec<u64>,
    pub(crate) retry_count: u64,
    pub(crate) phase: Phase,
    pub(crate) queued: bool,
}

impl Scope {
    pub(crate) fn new(state: StateIx, input: Payload, previous: u64) -> Scope {
        Scope {
            parent: None,
            index: 0,
            item: None,
            state,
            input,
            variables: Vec::new(),
            previous,
            entered_event: 0,
            before_last: 0,
            entered_ms: 0,
            retries: Vec::new(),
            retry_count: 0,
            phase: Phase::Enter,
            queued: false,
        }
    }
}

/// What a scope is doing in its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// About to enter it.
    Enter,
    /// About to do its work again, after a failure.
    Again,
    /// Waiting for a Wait's moment.
    Wait { timer: TimerId },
    /// Waiting before the next attempt.
    RetryWait { timer: TimerId },
    /// Waiting for a task.
    Task(TaskRun),
    /// Running branches.
    Parallel(Fork),
    /// Running an inline Map's iterations.
    Map(Iterations),
    /// Waiting for a distributed Map's Map Run; or (after a failure) having one that can be redriven.
    MapRun(MapRun),
    /// Failed or cut off here; only a redrive goes on.
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskRun {
    pub(crate) id: TaskId,
    pub(crate) started: bool,
    pub(crate) timeout: Option<TimerId>,
    pub(crate) heartbeat: Option<Heartbeat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heartbeat {
    pub(crate) timer: TimerId,
    pub(crate) seconds: u64,
    /// Moved by every heartbeat; the timer, which is not, looks here when it fires.
    pub(crate) due_ms: i64,
}

/// A Parallel at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fork {
    pub(crate) branches: Vec<Branch>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Branch {
    Running(ScopeIx),
    Done(Payload),
}

/// An inline Map at work. Iterations that have not begun have no scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Iterations {
    /// The array of items.
    pub(crate) items: Payload,
    pub(crate) next: u32,
    /// Those at work, and (after a failure) those to redrive.
    pub(crate) running: Vec<ScopeIx>,
    pub(crate) outputs: BTreeMap<u32, Payload>,
    /// 0: no bound.
    pub(crate) max_concurrency: u32,
    pub(crate) started_event: u64,
    /// The last event inside the iteration that ended last.
    pub(crate) last_inside: u64,
    /// The last `MapIterationSucceeded`, or `MapStateStarted`.
    pub(crate) last_succeeded: u64,
}

/// A distributed Map's Map Run, which goes on outside of the frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MapRun {
    /// What its end is told by; `None` once it has ended.
    pub(crate) id: Option<TaskId>,
    pub(crate) arn: Arc<str>,
    /// `MapRunStarted`, or `MapRunRedriven`.
    pub(crate) event: u64,
    pub(crate) redrive_count: u32,
}

impl Frame {
    /// A frame beside `whole` that has one scope of it, to evaluate in.
    pub(crate) fn of_one_scope(whole: &Frame, scope: Scope) -> Frame {
        let mut scopes = Scopes::default();
        scopes.insert(scope);
        Frame {
            facts: Arc::clone(&whole.facts),
            next_event_id: whole.next_event_id,
            next_call_id: whole.next_call_id,
            scopes,
            ready: VecDeque::new(),
            waiting: BTreeMap::new(),
            machine_timer: None,
            closed: whole.closed,
            redrive_count: whole.redrive_count,
            redriven_ms: whole.redriven_ms,
            attempts: BTreeMap::new(),
        }
    }

    /// What stays true of the execution.
    pub fn facts(&self) -> &ExecutionFacts {
        &self.facts
    }

    /// The id the next history event will have.
    pub fn next_event_id(&self) -> u64 {
        self.next_event_id
    }

    /// Whether the execution is over.
    pub fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Whether a redrive would go on with it.
    pub fn is_redrivable(&self) -> bool {
        matches!(self.closed, Some(Closed::Redrivable(_)))
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
