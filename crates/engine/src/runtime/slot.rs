//! A shard's place for one open execution.

use std::collections::VecDeque;
use std::sync::Arc;

use asl::eval::Outcome;
use tokio::sync::oneshot;

use super::live::{Action, Happened, Live};
use super::message::{ActivityTask, AnswerRefused, Closed, Input, NotOpen, RedriveRefused, StartConflict};
use super::snapshot;
use crate::executions::ParentTask;
use crate::journal::{Redrive, Row};
use crate::logs::LogRecord;
use crate::machines::model::Kind;
use crate::machines::resolve::Definition;
use crate::map_runs::ChildRef;

/// What the shard knows of one open execution.
pub(super) struct Slot {
    pub(super) state: State,
    /// Inputs that came while it could not take them.
    pub(super) inbox: VecDeque<Input>,
    /// Ends of calls that have not been answered themselves.
    pub(super) early: Vec<Input>,
    /// A record is under way; nothing is taken until it is durable.
    pub(super) writing: Option<Box<Pending>>,
    /// What happened since the last record, and nobody waits for.
    pub(super) unwritten: Option<Box<Unwritten>>,
    /// The heap will ask for a write of what nobody waits for.
    pub(super) lazy_write_set: bool,
    /// Its timers are in the shard's heap.
    pub(super) timers_set: bool,
    /// It was open when the term began and has not been loaded since.
    pub(super) recovering: bool,
    /// Bytes it is counted with while it is in memory.
    pub(super) weight: usize,
    /// Bytes of the last snapshot, and of the inputs logged since.
    pub(super) snapshot_bytes: usize,
    pub(super) log_bytes: usize,
    /// Counts uses, to know in the queue of the idle which entry is the last.
    pub(super) uses: u32,
}

/// Where its frame is.
pub(super) enum State {
    Here(Box<Here>),
    /// In the tables only.
    Away,
    /// On its way back.
    Loading,
    /// It cannot be driven by this version of the engine; said once in the log.
    Held,
}

/// An execution in memory.
pub(super) struct Here {
    pub(super) live: Live,
    pub(super) definition: Arc<Definition>,
    pub(super) parent: Option<ParentTask>,
    /// The Map Run it is a child of.
    pub(super) map_run: Option<ChildRef>,
    pub(super) mock_case: Option<Arc<str>>,
    /// Who waits for an Express execution's end.
    pub(super) sync: Option<oneshot::Sender<Closed>>,
    /// It is closed, and here because of a redrive.
    pub(super) closed: bool,
}

impl Here {
    /// What it is; a Map Run's child may be Express of a Standard machine.
    pub(super) fn kind(&self) -> Kind {
        Kind::of_asl(self.live.frame.facts().kind)
    }
}

/// What is to become durable.
#[derive(Default)]
pub(super) struct Unwritten {
    pub(super) row: Option<Box<Row>>,
    pub(super) redrive: Option<Redrive>,
    pub(super) events: String,
    pub(super) ids: Option<(u64, u64)>,
    pub(super) inputs: Vec<(u64, snapshot::Input)>,
    /// The frame is another than the one that is written.
    pub(super) changed: bool,
    pub(super) pending: Pending,
}

/// What is to be done when it is.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) actions: Vec<Action>,
    pub(super) tells: Vec<Tell>,
    pub(super) closed: Option<(Outcome, i64)>,
    /// What the machine's logging asks for.
    pub(super) logged: Vec<LogRecord>,
}

/// Somebody who waits for an input to be durable.
pub(super) enum Tell {
    Started(oneshot::Sender<Result<(), StartConflict>>),
    Answered(oneshot::Sender<Result<(), AnswerRefused>>),
    Taken(oneshot::Sender<Option<ActivityTask>>, ActivityTask),
    Stopped(oneshot::Sender<Result<i64, NotOpen>>, i64),
    Redriven(oneshot::Sender<Result<i64, RedriveRefused>>, i64),
}

impl Slot {
    pub(super) fn new(state: State) -> Self {
        Self {
            state,
            inbox: VecDeque::new(),
            early: Vec::new(),
            lazy_write_set: false,
            writing: None,
            unwritten: None,
            timers_set: false,
            recovering: false,
            weight: 0,
            snapshot_bytes: 0,
            log_bytes: 0,
            uses: 0,
        }
    }

    /// Nothing is under way, so its frame can be put away.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_none() && self.unwritten.is_none() && self.inbox.is_empty()
    }
}

impl Unwritten {
    /// Adds what an input led to.
    pub(super) fn add(&mut self, happened: Happened, now_ms: i64) {
        if let Some((first, last)) = happened.ids {
            if self.events.is_empty() {
                self.events = happened.events;
            } else {
                self.events.push(',');
                self.events.push_str(&happened.events);
            }
            self.ids = Some((self.ids.map_or(first, |(first, _)| first), last));
        }
        self.pending.actions.extend(happened.actions);
        self.pending.logged.extend(happened.logged);
        if let Some(outcome) = happened.outcome {
            self.pending.closed = Some((outcome, now_ms));
        }
    }

    /// Whether somebody waits for it, or something is to be done once it is durable.
    pub(super) fn is_urgent(&self) -> bool {
        self.row.is_some()
            || self.redrive.is_some()
            || self.pending.closed.is_some()
            || !self.pending.tells.is_empty()
            || self
                .pending
                .actions
                .iter()
                .any(|action| !matches!(action, Action::Timer(..)))
    }
}

impl Tell {
    /// It is durable. Whoever hung up meanwhile is not told.
    pub(super) fn say(self) {
        match self {
            Self::Started(tell) => say(tell, Ok(())),
            Self::Answered(tell) => say(tell, Ok(())),
            Self::Taken(tell, task) => say(tell, Some(task)),
            Self::Stopped(tell, at) => say(tell, Ok(at)),
            Self::Redriven(tell, at) => say(tell, Ok(at)),
        }
    }
}

/// Says to whoever waits for this input that its execution is not open.
pub(super) fn refuse(input: Input) {
    match input {
        Input::Answer { tell, .. } => say(tell, Err(AnswerRefused::NotOpen)),
        Input::Take { tell, .. } => say(tell, None),
        Input::HasMapRun { tell, .. } | Input::HasTask { tell, .. } => say(tell, false),
        Input::Stop { tell, .. } => say(tell, Err(NotOpen)),
        Input::Redrive { tell, .. } => say(tell, Err(RedriveRefused::Gone)),
        Input::Task(_)
        | Input::Timer(..)
        | Input::LazyWrite
        | Input::Continue
        | Input::Early
        | Input::Look
        | Input::ChildClosed { .. } => {}
    }
}

/// Tells whoever waits, if they still do.
pub(super) fn say<T>(to: oneshot::Sender<T>, what: T) {
    let _hung_up = to.send(what);
}
