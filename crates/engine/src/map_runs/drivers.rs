//! The Map Runs this process drives, and how news reach them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use asl::eval::{MapRunCall, TaskId};
use asl::limits::Limits;
use sqlx::PgPool;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::drive::Driver;
use super::model::{ChildOf, Counts};
use super::store::Store;
use crate::clock::Clock;
use crate::executions::{ExecutionId, ExecutionStatus};
use crate::integrations::Dispatch;
use crate::machines::Machines;
use crate::machines::resolve::Definition;
use crate::runtime::children::Children;

/// What Map Runs are driven with, in one term.
pub(crate) struct Setup {
    pub(crate) pool: PgPool,
    pub(crate) epoch: i64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    /// Map Runs of one account that are open at a time.
    pub(crate) open_max: usize,
    pub(crate) machines: Arc<Machines>,
    pub(crate) dispatch: Arc<dyn Dispatch>,
    pub(crate) children: Children,
    pub(crate) tracker: TaskTracker,
    /// The shards' threads, which bring news, are outside of the async runtime.
    pub(crate) handle: Handle,
    /// The term is over.
    pub(crate) lost: CancellationToken,
}

/// All Map Runs that are driven in a term. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Drivers {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) setup: Setup,
    pub(super) store: Store,
    driven: Mutex<HashMap<Arc<str>, Driven>>,
    /// Room for open Map Runs, of each account in each region.
    open: Mutex<HashMap<Box<str>, Arc<Semaphore>>>,
}

struct Driven {
    news: mpsc::UnboundedSender<News>,
    counts: Shown,
}

/// How the children of a Map Run stand; `None` until the tables were read.
pub(super) type Shown = Arc<Mutex<Option<Counts>>>;

/// What is wanted of a Map Run by the execution around it.
#[derive(Clone)]
pub(crate) struct Order {
    /// That execution.
    pub(crate) execution: ExecutionId,
    /// What its evaluator is told the end by.
    pub(crate) task: TaskId,
    pub(crate) kind: OrderKind,
}

/// What is to be done.
#[derive(Clone)]
pub(crate) enum OrderKind {
    /// It is new; or was begun, and whoever takes over does not know.
    Begin(Box<Beginning>),
    /// It is in the tables.
    Resume,
    /// It ended badly, and goes on for the so manieth time.
    Redrive(u32),
}

/// What a new Map Run is made of.
#[derive(Clone)]
pub(crate) struct Beginning {
    pub(crate) call: Arc<MapRunCall>,
    pub(crate) definition: Arc<Definition>,
    pub(crate) execution_arn: Arc<str>,
    pub(crate) mock_case: Option<Arc<str>>,
}

/// To one Map Run. There are at most a few for each open child.
pub(super) enum News {
    Closed(u32, ExecutionStatus),
    /// Its settings were changed.
    Updated,
    Stop,
    Order(Order),
}

impl Drivers {
    pub(crate) fn new(setup: Setup) -> Self {
        let store = Store {
            pool: setup.pool.clone(),
            epoch: setup.epoch,
        };
        Self {
            inner: Arc::new(Inner {
                setup,
                store,
                driven: Mutex::default(),
                open: Mutex::default(),
            }),
        }
    }

    /// Drives a Map Run to its end and tells the execution.
    pub(crate) fn drive(&self, arn: &Arc<str>, order: Order) {
        self.send(arn, News::Order(order));
    }

    /// Nobody waits for the Map Run any more: it is aborted.
    pub(crate) fn stop(&self, arn: &Arc<str>) {
        self.send(arn, News::Stop);
    }

    /// A child has closed. Nobody needs to be told who is not there: who comes later reads it from the tables.
    pub(crate) fn child_closed(&self, child: &ChildOf, status: ExecutionStatus) {
        self.tell(&child.map_run_arn, News::Closed(child.index, status));
    }

    /// A Map Run's settings were changed in the tables.
    pub(crate) fn updated(&self, arn: &str) {
        self.tell(arn, News::Updated);
    }

    /// How the children stand of a Map Run that is driven.
    pub(crate) fn counts(&self, arn: &str) -> Option<Counts> {
        let driven = self.inner.driven();
        let counts = &driven.get(arn)?.counts;
        *counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Aborts Map Runs that nobody waits for: their execution was cut off and the process ended before they were.
    pub(crate) async fn abort_orphans(self) -> sqlx::Result<()> {
        for (arn, execution) in self.inner.store.running().await? {
            let children = &self.inner.setup.children;
            if children.waits_for_map_run(execution, Arc::clone(&arn)).await == Some(false) {
                self.stop(&arn);
            }
        }
        Ok(())
    }

    fn tell(&self, arn: &str, news: News) {
        if let Some(driven) = self.inner.driven().get(arn) {
            let _ended = driven.news.send(news);
        }
    }

    /// The same; whoever is not driven yet is from now on.
    fn send(&self, arn: &Arc<str>, news: News) {
        let mut all = self.inner.driven();
        if let Some(driven) = all.get(arn) {
            let _ended = driven.news.send(news);
            return;
        }
        let (sender, inbox) = mpsc::unbounded_channel();
        let counts = Shown::default();
        let _new = sender.send(news);
        all.insert(
            Arc::clone(arn),
            Driven {
                news: sender,
                counts: Arc::clone(&counts),
            },
        );
        let driver = Driver::new(Arc::clone(&self.inner), Arc::clone(arn), inbox, counts);
        let lost = self.inner.setup.lost.clone();
        let run = async move {
            lost.run_until_cancelled(driver.run()).await;
        };
        self.inner.setup.tracker.spawn_on(run, &self.inner.setup.handle);
    }
}

impl Inner {
    fn driven(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Driven>> {
        self.driven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room for Map Runs that are open at a time, which this one shares with its account's others.
    pub(super) fn open_beside(&self, arn: &str) -> Arc<Semaphore> {
        let account = arn.split(":mapRun:").next().unwrap_or_default();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let room = open
            .entry(account.into())
            .or_insert_with(|| Arc::new(Semaphore::new(self.setup.open_max)));
        Arc::clone(room)
    }

    /// A Map Run is not driven any more, unless there is something in its inbox.
    pub(super) fn leave(&self, arn: &str, inbox: &mut mpsc::UnboundedReceiver<News>) -> Option<News> {
        let mut driven = self.driven();
        let news = inbox.try_recv().ok();
        if news.is_none() {
            driven.remove(arn);
        }
        news
    }
}
