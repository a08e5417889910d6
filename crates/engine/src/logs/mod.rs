//! Events of executions in CloudWatch Logs, as a machine's `loggingConfiguration` asks for it.
//!
//! What is to be logged is made where events are made (`record`, pure), handed over once the events are durable, and written by
//! one task behind a bounded queue (`write`). Evaluation never waits for it: what does not fit into the queue, or what CloudWatch Logs
//! refuses, is dropped and counted ([`LogCounts`]), as the logs of AWS are delivered without a promise either.

mod record;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asl::eval::{ExecutionFacts, HistoryEvent};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::record::LogRecord;
pub use self::write::LogStream;

use crate::arn::{Arn, Place, Resource};
use crate::clock::Clock;
use crate::integrations::Dispatch;
use crate::limits::LOG_QUEUE_BATCHES_MAX;
use crate::machines::model::{LogLevel, Logging};

/// What became of records so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// In CloudWatch Logs.
    pub written: u64,
    /// Refused, or more than the queue took.
    pub dropped: u64,
}

/// A log group, and the machine whose streams are in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LogGroup {
    pub(crate) name: Arc<str>,
    pub(crate) place: Place,
    pub(crate) machine: Arc<str>,
}

/// Records of one execution, in order.
#[derive(Debug)]
struct Batch {
    group: LogGroup,
    records: Vec<LogRecord>,
}

/// The queue. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Logs {
    queue: mpsc::Sender<Batch>,
    counted: Arc<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Counted {
    fn written(&self, records: usize) {
        self.written.fetch_add(records as u64, Ordering::Relaxed);
    }

    fn dropped(&self, records: usize) {
        self.dropped.fetch_add(records as u64, Ordering::Relaxed);
    }
}

impl Logs {
    /// Begins to write.
    pub(crate) fn open(
        dispatch: Arc<dyn Dispatch>,
        clock: Arc<dyn Clock>,
        tracker: &TaskTracker,
        shutdown: CancellationToken,
    ) -> Self {
        let (queue, batches) = mpsc::channel(LOG_QUEUE_BATCHES_MAX);
        let counted = Arc::<Counted>::default();
        let writer = write::Writer::new(dispatch, clock, Arc::clone(&counted));
        tracker.spawn(writer.run(batches, shutdown));
        Self { queue, counted }
    }

    /// Hands over what is durable. Never waits.
    pub(crate) fn push(&self, facts: &ExecutionFacts, logging: &Logging, records: Vec<LogRecord>) {
        if records.is_empty() {
            return;
        }
        let count = records.len();
        let sent = group_of(facts, logging)
            .is_some_and(|group| self.queue.try_send(Batch { group, records }).is_ok());
        if !sent {
            self.counted.dropped(count);
        }
    }

    /// What became of records so far.
    pub(crate) fn counts(&self) -> LogCounts {
        LogCounts {
            written: self.counted.written.load(Ordering::Relaxed),
            dropped: self.counted.dropped.load(Ordering::Relaxed),
        }
    }
}

/// The records of events, if they are to be logged at all.
pub(crate) fn records(events: &[HistoryEvent], facts: &ExecutionFacts, logging: &Logging) -> Vec<LogRecord> {
    if logging.level == LogLevel::Off || logging.destinations.is_none() {
        return Vec::new();
    }
    events
        .iter()
        .filter_map(|event| record::of(event, facts, logging))
        .collect()
}

/// The place and the name of the group a machine logs to: `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`. None without one.
pub(crate) fn destination(logging: &Logging) -> Option<(Place, Arc<str>)> {
    if logging.level == LogLevel::Off {
        return None;
    }
    let arn = logging.destinations.iter().flatten().find_map(|destination| {
        destination
            .cloud_watch_logs_log_group
            .as_ref()?
            .log_group_arn
            .as_deref()
    })?;
    let mut parts = arn.splitn(7, ':');
    let (region, account) = (parts.nth(3)?, parts.next()?);
    let name = parts.nth(1)?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    Some((Place::new(account, region), name.into()))
}

fn group_of(facts: &ExecutionFacts, logging: &Logging) -> Option<LogGroup> {
    let (place, name) = destination(logging)?;
    let Resource::Machine { name: machine, .. } = Arn::parse(&facts.machine_arn).ok()?.resource else {
        return None;
    };
    Some(LogGroup {
        name,
        place,
        machine: machine.into(),
    })
}
