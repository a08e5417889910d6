//! What shards are told, and what they answer.

use std::sync::Arc;

use asl::eval::{Event, ExecutionFacts, Outcome, TaskId, TimerId};
use asl::json::Payload;
use tokio::sync::oneshot;

use crate::executions::{ExecutionId, ParentTask};
use crate::journal::Written;
use crate::machines::resolve::Definition;
use crate::map_runs::ChildRef;

/// To a shard.
pub(super) enum Message {
    Start(Box<Start>),
    Input(ExecutionId, Input),
    Written(Vec<Written>),
    Loaded(ExecutionId, Result<Box<Loaded>, LoadError>),
    /// Open executions that were found when the term began.
    Recovered(Vec<Recovered>),
    /// The process ends: write down whole what is only in the log, then stop.
    Rest,
}

/// An execution to be started.
pub struct Start {
    /// Its new id.
    pub id: ExecutionId,
    /// What it runs.
    pub definition: Arc<Definition>,
    /// What stays true of it.
    pub facts: ExecutionFacts,
    /// The X-Ray header.
    pub trace_header: Option<Arc<str>>,
    /// Test case of the mock file.
    pub mock_case: Option<Arc<str>>,
    /// The Map Run it is a child of.
    pub(crate) map_run: Option<ChildRef>,
    /// The task that waits for its end.
    pub parent: Option<ParentTask>,
    /// Whom to tell.
    pub tell: StartTell,
}

/// Who waits for a start.
pub enum StartTell {
    /// `StartExecution`: told when it is durable (of Express: when it began).
    Started(oneshot::Sender<Result<(), StartConflict>>),
    /// `StartSyncExecution`: told when it closed.
    Closed(oneshot::Sender<Closed>),
    /// A Map Run, which is told of its children's ends.
    Nobody,
}

/// Another execution has the ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartConflict;

/// An execution that closed.
#[derive(Debug, Clone)]
pub struct Closed {
    /// Which.
    pub facts: ExecutionFacts,
    /// How.
    pub outcome: Outcome,
    /// ms since 1970.
    pub stopped_at: i64,
}

/// Something for one execution.
pub(super) enum Input {
    /// From the lanes.
    Task(Event),
    /// A timer is due, by the heap.
    Timer(TimerId, i64),
    /// What is not written yet is to be written now.
    LazyWrite,
    /// The evaluator goes on.
    Continue,
    /// Answers that came before their call's own answer have waited for it long enough.
    Early,
    /// Something is due: it is to be brought into memory.
    Look,
    /// An answer with a task token.
    Answer {
        token: Arc<str>,
        answer: Answer,
        tell: oneshot::Sender<Result<(), AnswerRefused>>,
        early: bool,
    },
    /// A worker takes an activity's task.
    Take {
        task: TaskId,
        worker: Option<Arc<str>>,
        tell: oneshot::Sender<Option<ActivityTask>>,
    },
    /// A child closed that a task waits for.
    ChildClosed {
        task: TaskId,
        child: Arc<Closed>,
        early: bool,
    },
    /// Whether it waits for this Map Run.
    HasMapRun {
        arn: Arc<str>,
        tell: oneshot::Sender<bool>,
    },
    /// Whether this task is open.
    HasTask {
        task: TaskId,
        tell: oneshot::Sender<bool>,
    },
    /// StopExecution. Told when it stopped, in ms since 1970.
    Stop {
        error: Option<Arc<str>>,
        cause: Option<Arc<str>>,
        tell: oneshot::Sender<Result<i64, NotOpen>>,
    },
    /// RedriveExecution. Told when it was redriven.
    Redrive {
        count: u32,
        tell: oneshot::Sender<Result<i64, RedriveRefused>>,
    },
}

impl Input {
    /// The same, to be taken even if its call was not answered yet.
    pub(super) fn no_longer_early(self) -> Self {
        match self {
            Self::Answer {
                token,
                answer,
                tell,
                early: _,
            } => Self::Answer {
                token,
                answer,
                tell,
                early: false,
            },
            Self::ChildClosed {
                task,
                child,
                early: _,
            } => Self::ChildClosed {
                task,
                child,
                early: false,
            },
            other => other,
        }
    }
}

/// What is said with a task token.
#[derive(Debug, Clone)]
pub enum Answer {
    /// SendTaskSuccess
    Success(Payload),
    /// SendTaskFailure
    Failure {
        /// The error's name.
        error: Option<Arc<str>>,
        /// Its cause.
        cause: Option<Arc<str>>,
    },
    /// SendTaskHeartbeat
    Heartbeat,
}

/// The execution is closed, or was never there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOpen;

/// Why an answer was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerRefused {
    /// The execution is closed or was never there.
    NotOpen,
    /// The execution goes on, but that task has ended or timed out.
    TaskEnded,
}

/// Why a redrive was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedriveRefused {
    /// It runs.
    Open,
    /// There is nothing left to go on from.
    Gone,
}

/// A task for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityTask {
    /// What to answer with.
    pub token: Arc<str>,
    /// The task's input, a JSON text.
    pub input: Arc<str>,
}

/// An open execution as the tables have it.
pub(super) struct Loaded {
    pub(super) definition: Arc<Definition>,
    pub(super) parent: Option<ParentTask>,
    pub(super) map_run: Option<ChildRef>,
    pub(super) mock_case: Option<Arc<str>>,
    /// False: it is closed, and loaded for a redrive.
    pub(super) open: bool,
    pub(super) format: i32,
    pub(super) snapshot: Vec<u8>,
    pub(super) applied: u64,
    pub(super) log: Vec<Vec<u8>>,
}

/// Why an execution could not be taken up.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("its frame is not there")]
    NoFrame,
    #[error("its definition is not to be had")]
    Definition(#[source] crate::machines::resolve::LoadError),
}

/// An open execution that waits to be taken up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recovered {
    pub(super) id: ExecutionId,
    pub(super) next_due_ms: Option<i64>,
    pub(super) wake: bool,
}
