//! The kinds of work this program knows, and what comes at intervals.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::enqueue::{Enqueue, enqueue};
use super::job::{Done, Job, JobError};
use super::lease::Lease;
use crate::app::App;
use crate::db::{DbError, Tx};

/// Every kind of work and every schedule. Filled in `workers.rs`.
#[derive(Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Kind>,
}

type Outcome<'a> = Pin<Box<dyn Future<Output = Result<Done, JobError>> + Send + 'a>>;
type EnqueueSchedule = for<'a> fn(
    &'a mut Tx,
    chrono::DateTime<chrono::Utc>,
) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + 'a>>;

/// One kind of work, its types erased.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) run: for<'a> fn(Arc<App>, Value, &'a Lease) -> Outcome<'a>,
    pub(super) backoff: fn(u32) -> Duration,
    pub(super) timeout: Duration,
    pub(super) schedule: Option<Schedule>,
}

/// Work that comes at intervals.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    pub(super) every: Duration,
    pub(super) enqueue: EnqueueSchedule,
}

/// The key of the one job that is a schedule.
pub(super) const SCHEDULE_KEY: &str = "schedule";

impl Registry {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind of work.
    #[must_use]
    pub fn job<J: Job>(mut self) -> Self {
        self.kinds.insert(J::KIND, kind::<J>());
        self
    }

    /// Adds work that comes again `every` so often after it finished, in one replica at a time.
    #[must_use]
    pub fn schedule<J: Job<Args = ()>>(mut self, every: Duration) -> Self {
        let schedule = Schedule {
            every,
            enqueue: |tx, now| Box::pin(enqueue_schedule::<J>(tx, now)),
        };
        self.kinds.insert(
            J::KIND,
            Kind {
                schedule: Some(schedule),
                ..kind::<J>()
            },
        );
        self
    }

    pub(super) fn get(&self, kind: &str) -> Option<&Kind> {
        self.kinds.get(kind)
    }

    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().collect()
    }

    pub(super) fn schedules(&self) -> impl Iterator<Item = Schedule> {
        self.kinds.values().filter_map(|kind| kind.schedule)
    }
}

fn kind<J: Job>() -> Kind {
    Kind {
        run: |app, args, lease| Box::pin(run::<J>(app, args, lease)),
        backoff: J::backoff,
        timeout: J::TIMEOUT,
        schedule: None,
    }
}

async fn run<J: Job>(app: Arc<App>, args: Value, lease: &Lease) -> Result<Done, JobError> {
    // A newer version may have written what this one can't read: another replica may.
    let args = serde_json::from_value(args).map_err(JobError::retry)?;
    J::run(app, args, lease).await
}

async fn enqueue_schedule<J: Job<Args = ()>>(
    tx: &mut Tx,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), DbError> {
    enqueue::<J>(tx, &(), Enqueue::at(now).unique(SCHEDULE_KEY).forever()).await?;
    Ok(())
}
