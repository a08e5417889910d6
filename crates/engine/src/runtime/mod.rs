//! Drives executions: frames in memory, timers, dispatch of tasks, recovery.
//!
//! ```text
//! driver   takes the database's lock and begins a term; ends it when the lock or the journal is lost
//!  └ term    opens the journal, the shards and the loader; all that is in it is read from the tables
//!     ├ shard   a thread that owns some executions: inputs ─► evaluator ─► one record ─► effects
//!     └ loader  fetches executions back from Postgres
//! lanes    calls tasks, each lane with its limit; outlives terms      post   brings answers to the shards
//! ```
//!
//! Tables: `engine.frames`, `engine.frame_inputs`, `engine.driver`; written by the journal only.
//!
//! Invariants: an execution is in one shard of one process; it has at most one record under way; nothing it led to is
//! done or told before that record is durable; whatever fails in writing ends the term, and the next begins
//! from what is in the tables.

mod activities;
mod chance;
pub(crate) mod children;
mod driver;
mod lanes;
mod live;
mod loader;
mod message;
mod nested;
mod post;
mod queue;
mod record;
mod shard;
mod shards;
mod slot;
mod snapshot;
mod term;
mod timers;
mod token;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use asl::limits::Limits;
use sqlx::PgPool;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::driver::Standing;
use self::lanes::Lanes;
use self::message::{Input, Message};
use self::post::Post;
use self::queue::Refused;
use self::term::{Setup, Term};
use crate::activities::Known;
use crate::clock::Clock;
use crate::executions::ExecutionId;
use crate::integrations::Dispatch;
use crate::limits;
use crate::logs::{LogCounts, Logs};
use crate::machines::Machines;

pub use message::{
    ActivityTask, Answer, AnswerRefused, Closed, NotOpen, RedriveRefused, Start, StartConflict, StartTell,
};

/// The executions this process drives, or would drive. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    standing: watch::Receiver<Standing>,
    lanes: Lanes,
    logs: Logs,
    tracker: TaskTracker,
    shutdown: CancellationToken,
}

/// What a runtime is made from.
pub struct RuntimeConfig {
    /// The database; the runtime makes its own connections to it besides.
    pub pool: PgPool,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The language's bounds.
    pub limits: Limits,
    /// Map Runs of one account that are open at a time.
    pub map_runs_open_max: usize,
    /// What performs tasks.
    pub dispatch: Arc<dyn Dispatch>,
    /// Where definitions come from.
    pub machines: Arc<Machines>,
    /// Which activities there are.
    pub(crate) known_activities: Arc<Known>,
    /// Threads that evaluate; 0 means one per core.
    pub shards: usize,
    /// Bytes of frames in memory.
    pub resident_bytes_max: usize,
    /// How long a closed execution is kept, in ms.
    pub retention_ms: i64,
}

/// It can't be said now: this process does not drive, or has too much to do. The caller may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Another process drives this database's executions.
    #[error("another process drives the executions of this database; this one stands by")]
    Standby,
    /// The database is away, or the process just lost it. What was asked may have been done.
    #[error("the database is away")]
    Away,
    /// Too many requests wait already.
    #[error("too many requests are waiting")]
    Busy,
}

/// How the engine stands, for readiness checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It drives executions.
    Drives,
    /// Another process does.
    Standby,
    /// It waits for its database.
    Away,
}

impl Runtime {
    /// Begins to drive as soon as no other process does.
    pub fn open(config: RuntimeConfig) -> Self {
        let RuntimeConfig {
            pool,
            clock,
            limits,
            map_runs_open_max,
            dispatch,
            machines,
            known_activities,
            shards,
            resident_bytes_max,
            retention_ms,
        } = config;
        let tracker = TaskTracker::new();
        let shutdown = CancellationToken::new();
        let post = Arc::new(Post::default());
        let deliver = {
            let post = Arc::clone(&post);
            Arc::new(move |execution, event| post.deliver(execution, event))
        };
        let logs = Logs::open(
            Arc::clone(&dispatch),
            Arc::clone(&clock),
            &tracker,
            shutdown.clone(),
        );
        let lanes = Lanes::new(Arc::clone(&dispatch), deliver, tracker.clone(), shutdown.clone());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let setup = Setup {
            pool,
            clock,
            limits,
            map_runs_open_max,
            dispatch,
            machines,
            known_activities,
            lanes: lanes.clone(),
            logs: logs.clone(),
            post,
            shards: if shards == 0 { cores } else { shards },
            resident_bytes_max,
            retention_ms,
            tracker: tracker.clone(),
        };
        let (sender, standing) = watch::channel(Standing::default());
        tracker.spawn(driver::drive(setup, sender, shutdown.clone()));
        Self {
            standing,
            lanes,
            logs,
            tracker,
            shutdown,
        }
    }

    /// Lets what is under way become durable, and stops. Tasks in flight are dropped: they are called again by whoever drives next.
    pub async fn shutdown(&self) {
        self.shutdown.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// How it stands.
    pub fn readiness(&self) -> Readiness {
        match *self.standing.borrow() {
            Standing::Drives(_) => Readiness::Drives,
            Standing::Standby => Readiness::Standby,
            Standing::Away => Readiness::Away,
        }
    }

    /// What became of log records so far.
    pub fn log_counts(&self) -> LogCounts {
        self.logs.counts()
    }

    /// Waits until this process drives.
    pub async fn driving(&self) {
        let mut standing = self.standing.clone();
        // The sender is gone only after a shutdown, and then there is nothing to wait for.
        let _driving = standing
            .wait_for(|standing| matches!(standing, Standing::Drives(_)))
            .await;
    }

    /// How the lanes stand: name, tasks in flight, tasks waiting.
    pub fn lanes(&self) -> Vec<(String, usize, usize)> {
        self.lanes.stand()
    }

    fn term(&self) -> Result<Arc<Term>, Unavailable> {
        match &*self.standing.borrow() {
            Standing::Drives(term) => Ok(Arc::clone(term)),
            Standing::Standby => Err(Unavailable::Standby),
            Standing::Away => Err(Unavailable::Away),
        }
    }

    fn offer(&self, id: ExecutionId, message: Message) -> Result<(), Unavailable> {
        self.term()?
            .ground
            .shards
            .of(id)
            .offer(message)
            .map_err(|refused| match refused {
                Refused::Full => Unavailable::Busy,
                Refused::Closed => Unavailable::Away,
            })
    }

    async fn ask<T>(
        &self,
        id: ExecutionId,
        input: impl FnOnce(oneshot::Sender<T>) -> Input,
    ) -> Result<T, Unavailable> {
        let (tell, told) = oneshot::channel();
        self.offer(id, Message::Input(id, input(tell)))?;
        answer(told).await
    }

    /// Starts an execution; `start.tell` hears of it.
    pub fn start(&self, start: Start) -> Result<(), Unavailable> {
        let id = start.id;
        self.offer(id, Message::Start(Box::new(start)))
    }

    /// Stops an execution; when it stopped, in ms since 1970.
    pub async fn stop(
        &self,
        id: ExecutionId,
        error: Option<Arc<str>>,
        cause: Option<Arc<str>>,
    ) -> Result<Result<i64, NotOpen>, Unavailable> {
        self.ask(id, |tell| Input::Stop { error, cause, tell }).await
    }

    /// Lets a closed execution go on, for the `count`th time; when, in ms since 1970.
    pub async fn redrive(
        &self,
        id: ExecutionId,
        count: u32,
    ) -> Result<Result<i64, RedriveRefused>, Unavailable> {
        self.ask(id, |tell| Input::Redrive { count, tell }).await
    }

    /// How the children stand of a Map Run that this process drives.
    pub(crate) fn map_run_counts(&self, arn: &str) -> Option<crate::map_runs::Counts> {
        self.term().ok()?.ground.map_runs.counts(arn)
    }

    /// A Map Run's settings were changed in the tables. Who is not driven now reads them when they are.
    pub(crate) fn map_run_updated(&self, arn: &str) {
        if let Ok(term) = self.term() {
            term.ground.map_runs.updated(arn);
        }
    }

    /// The execution a task token was made for; `None` when it was not made here.
    pub fn execution_of_token(&self, token: &str) -> Result<Option<ExecutionId>, Unavailable> {
        Ok(token::execution_of(&self.term()?.ground.secret, token))
    }

    /// Answers a task of this execution by its token.
    pub async fn answer(
        &self,
        id: ExecutionId,
        token: Arc<str>,
        answer: Answer,
    ) -> Result<Result<(), AnswerRefused>, Unavailable> {
        self.ask(id, |tell| Input::Answer {
            token,
            answer,
            tell,
            early: true,
        })
        .await
    }

    /// Waits up to `patience` for a task of the activity. `None` when there is none by then.
    pub async fn take_activity_task(
        &self,
        activity_arn: &str,
        worker: Option<Arc<str>>,
        patience: Duration,
    ) -> Result<Option<ActivityTask>, Unavailable> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let term = self.term()?;
            let ticket = match term.ground.activities.ask(activity_arn) {
                Ok(ticket) => ticket,
                Err(waiting) => match tokio::time::timeout_at(deadline, waiting).await {
                    Ok(Ok(ticket)) => ticket,
                    Ok(Err(_)) => return Err(Unavailable::Away),
                    Err(_) => return Ok(None),
                },
            };
            let worker = worker.clone();
            let asked = self
                .ask(ticket.execution, |tell| Input::Take {
                    task: ticket.task,
                    worker,
                    tell,
                })
                .await;
            if asked.is_err() {
                // It may not have been taken, and the queue is to have it then.
                term.ground.activities.offer(&activity_arn.into(), ticket);
            }
            let task = asked?;
            if task.is_some() {
                return Ok(task);
            }
            // That task was given up meanwhile; the next one.
        }
    }
}

/// Waits until what was asked is durable. The shard hangs up when the term ends before.
async fn answer<T>(told: oneshot::Receiver<T>) -> Result<T, Unavailable> {
    match tokio::time::timeout(Duration::from_millis(limits::START_MS_MAX), told).await {
        Ok(Ok(told)) => Ok(told),
        Ok(Err(_)) | Err(_) => Err(Unavailable::Away),
    }
}
