//! Claims due jobs and runs them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use sqlx::postgres::PgListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::job::{Done, JobError};
use super::lease::Lease;
use super::plan::{self, Settlement};
use super::queue::{self, Claimed};
use super::registry::{Registry, SCHEDULE_KEY};
use super::rescue;
use crate::app::App;
use crate::db::DbError;
use crate::limits;

/// Works on jobs of the registered kinds until the soft shutdown, and takes back what lost workers held. Returns at once:
/// everything runs in the lifecycle.
pub fn start(app: &Arc<App>, registry: Registry) {
    let registry = Arc::new(registry);
    app.lifecycle
        .spawn("jobs", keep_claiming(Arc::clone(app), registry));
    app.lifecycle
        .spawn("jobs rescue", rescue::keep_rescuing(Arc::clone(app)));
    app.lifecycle
        .spawn("jobs count", rescue::keep_counting(Arc::clone(app)));
}

/// Gives back the jobs that a hard shutdown left unfinished, so that another process takes them at once. The last thing a
/// process does with the queue.
pub async fn release(app: &App) -> Result<(), DbError> {
    let count = queue::release(&app.db, &app.worker, app.clock.now()).await?;
    if count > 0 {
        tracing::warn!(count, "gave back jobs that were not finished");
    }
    Ok(())
}

async fn keep_claiming(app: Arc<App>, registry: Arc<Registry>) {
    let kinds = registry.kinds();
    let seats = Arc::new(Semaphore::new(app.config.jobs.concurrency.max(1)));
    let mut wake_ups = WakeUps::new();
    let mut scheduled = false;
    while !app.lifecycle.is_shutting_down() {
        let seat = tokio::select! {
            seat = Arc::clone(&seats).acquire_owned() => seat,
            () = app.lifecycle.soft_shutdown() => break,
        };
        let Ok(seat) = seat else { break };
        let claimed = async {
            if !scheduled {
                enqueue_schedules(&app, &registry).await?;
                scheduled = true;
            }
            claim(&app, &kinds, &seats, seat).await
        };
        match claimed.await {
            Ok(claimed) if claimed.is_empty() => {
                tokio::select! {
                    () = wake_ups.wait(&app, &kinds) => {}
                    () = app.lifecycle.soft_shutdown() => {}
                }
            }
            Ok(claimed) => {
                for (job, seat) in claimed {
                    let (app, registry) = (Arc::clone(&app), Arc::clone(&registry));
                    app.lifecycle.clone().spawn("job", async move {
                        run(&app, &registry, job).await;
                        drop(seat);
                    });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "could not claim jobs");
                tokio::time::sleep(limits::JOB_CLAIM_RETRY).await;
            }
        }
    }
}

async fn enqueue_schedules(app: &App, registry: &Registry) -> Result<(), DbError> {
    let mut tx = app.db.begin().await?;
    for schedule in registry.schedules() {
        (schedule.enqueue)(&mut tx, app.clock.now()).await?;
    }
    tx.commit().await
}

/// As many due jobs as there are seats, each with its seat.
async fn claim(
    app: &App,
    kinds: &[&'static str],
    seats: &Arc<Semaphore>,
    first: OwnedSemaphorePermit,
) -> Result<Vec<(Claimed, OwnedSemaphorePermit)>, DbError> {
    let mut taken = vec![first];
    while let Ok(seat) = Arc::clone(seats).try_acquire_owned() {
        taken.push(seat);
    }
    let lease = Duration::from_secs(app.config.jobs.lease_seconds);
    let claimed = queue::claim(&app.db, &app.worker, kinds, app.clock.now(), lease, taken.len()).await?;
    Ok(claimed.into_iter().zip(taken).collect())
}

/// Runs one job and writes how it ended.
async fn run(app: &Arc<App>, registry: &Registry, job: Claimed) {
    let span = tracing::info_span!("job", job = %job.id, kind = job.kind, attempt = job.attempts.number);
    let Some(kind) = registry.get(&job.kind) else {
        return;
    };
    let lease = Lease {
        job: job.id,
        token: job.token,
        attempts: job.attempts,
        lost: CancellationToken::new(),
    };
    let kept = Duration::from_secs(app.config.jobs.lease_seconds);
    let work = AssertUnwindSafe((kind.run)(Arc::clone(app), job.args, &lease)).catch_unwind();
    let outcome = async {
        tokio::select! {
            outcome = tokio::time::timeout(kind.timeout, work) => Some(flatten(outcome, kind.timeout)),
            () = lease.keep(&app.db, kept) => None,
        }
    };
    let Some(outcome) = outcome.instrument(span.clone()).await else {
        span.in_scope(|| tracing::warn!("lost the lease of a job that was running"));
        return;
    };
    let every = (job.unique_key.as_deref() == Some(SCHEDULE_KEY))
        .then_some(kind.schedule)
        .flatten()
        .map(|schedule| schedule.every);
    let wait = plan::jittered((kind.backoff)(job.attempts.number), rand::random());
    let settlement = plan::settle(&outcome, job.attempts, app.clock.now(), every, wait);
    span.in_scope(|| log(&settlement));
    settle(app, &lease, &settlement).instrument(span).await;
}

fn flatten(
    outcome: Result<std::thread::Result<Result<Done, JobError>>, tokio::time::error::Elapsed>,
    timeout: Duration,
) -> Result<Done, JobError> {
    match outcome {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => Err(JobError::retry("the job panicked; the log has the message")),
        Err(_elapsed) => Err(JobError::retry(format!(
            "the job did not finish in {} s",
            timeout.as_secs()
        ))),
    }
}

fn log(settlement: &Settlement) {
    match settlement {
        Settlement::Finish | Settlement::Snooze(_) => {}
        Settlement::Retry { at, error } => tracing::warn!(%at, error, "a job failed and will be tried again"),
        Settlement::Die { error } => tracing::error!(error, "a job is dead"),
    }
}

/// Writes how the run ended, also when the database is away for a while: for as long as the lease can be held.
async fn settle(app: &App, lease: &Lease, settlement: &Settlement) {
    let kept = Duration::from_secs(app.config.jobs.lease_seconds);
    let write = async {
        loop {
            match queue::settle(&app.db, lease.job, lease.token, app.clock.now(), settlement).await {
                Ok(true) => return,
                Ok(false) => {
                    tracing::warn!("lost the lease of a job before its end was written");
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "could not write how a job ended");
                    tokio::time::sleep(limits::JOB_CLAIM_RETRY).await;
                }
            }
        }
    };
    tokio::select! {
        () = write => {}
        () = lease.keep(&app.db, kept) => {}
    }
}

/// What ends the wait for work: a notification, the time of the next job, or the polling interval when neither is known.
struct WakeUps {
    listener: Option<PgListener>,
}

impl WakeUps {
    fn new() -> Self {
        Self { listener: None }
    }

    async fn wait(&mut self, app: &App, kinds: &[&'static str]) {
        let poll = Duration::from_millis(app.config.jobs.poll_interval_ms.max(1));
        let mut listening = true;
        if self.listener.is_none() {
            self.listener = app.db.listen(queue::CHANNEL).await.ok();
            // What was enqueued before this moment was not heard.
            listening = false;
        }
        let wait = match queue::next_due(&app.db, kinds).await {
            Ok(Some(due)) => (due - app.clock.now()).to_std().unwrap_or_default().min(poll),
            Ok(None) | Err(_) => poll,
        };
        let Some(listener) = self.listener.as_mut().filter(|_| listening) else {
            return tokio::time::sleep(wait.min(limits::JOB_CLAIM_RETRY)).await;
        };
        tokio::select! {
            heard = listener.recv() => {
                if heard.is_err() {
                    self.listener = None;
                }
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}
