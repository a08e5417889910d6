//! The queue on a real Postgres: workers that die at each point, wake-ups, schedules.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::plan::Settlement;
use super::queue::{self, Claimed, JobFilter};
use super::*;
use crate::app::{App, testing};
use crate::config::Config;

const LEASE: Duration = Duration::from_secs(60);
const NO_LEASE: Duration = Duration::ZERO;

struct Work;

#[derive(Serialize, Deserialize)]
struct Args {
    number: u32,
}

impl Job for Work {
    const KIND: &'static str = "work";
    type Args = Args;

    async fn run(_: Arc<App>, _: Args, _: &Lease) -> Result<Done, JobError> {
        Ok(Done::Finished)
    }
}

async fn enqueued(app: &App, how: Enqueue) -> Enqueued {
    let mut tx = app.db.begin().await.unwrap();
    let enqueued = enqueue::<Work>(&mut tx, &Args { number: 1 }, how).await.unwrap();
    tx.commit().await.unwrap();
    enqueued
}

fn now(app: &App) -> Enqueue {
    Enqueue::at(app.clock.now())
}

async fn claimed(app: &App, worker: &str, lease: Duration) -> Vec<Claimed> {
    queue::claim(&app.db, worker, &["work"], app.clock.now(), lease, 10)
        .await
        .unwrap()
}

async fn settled(app: &App, job: &Claimed, settlement: &Settlement) -> bool {
    queue::settle(&app.db, job.id, job.token, app.clock.now(), settlement)
        .await
        .unwrap()
}

async fn all(app: &App) -> Vec<JobSummary> {
    queue::list(&app.db, &JobFilter::default(), 100).await.unwrap()
}

#[tokio::test]
async fn a_job_is_there_only_if_its_transaction_commits() {
    let app = testing::app().await;
    let mut tx = app.db.begin().await.unwrap();
    enqueue::<Work>(&mut tx, &Args { number: 1 }, now(&app))
        .await
        .unwrap();
    drop(tx);
    assert!(all(&app).await.is_empty());
}

#[tokio::test]
async fn two_workers_never_claim_the_same_job() {
    let app = testing::app().await;
    for _ in 0..40 {
        enqueued(&app, now(&app)).await;
    }
    let claims = futures::future::join_all((0..8).map(|worker| {
        let app = Arc::clone(&app);
        async move { claimed(&app, &format!("worker {worker}"), LEASE).await }
    }))
    .await;
    let mut ids: Vec<_> = claims.iter().flatten().map(|job| job.id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), count), (40, 40));
}

#[tokio::test]
async fn a_job_is_not_claimed_before_its_time_and_urgent_ones_go_first() {
    let app = testing::app().await;
    enqueued(&app, Enqueue::at(app.clock.now() + TimeDelta::hours(1))).await;
    let ordinary = enqueued(&app, now(&app)).await.id();
    let urgent = enqueued(&app, now(&app).priority(5)).await.id();
    let first = queue::claim(&app.db, "w", &["work"], app.clock.now(), LEASE, 1)
        .await
        .unwrap();
    let second = queue::claim(&app.db, "w", &["work"], app.clock.now(), LEASE, 5)
        .await
        .unwrap();
    assert_eq!((first[0].id, second[0].id, second.len()), (urgent, ordinary, 1));
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_can_not_write_how_its_run_ended() {
    let app = testing::app().await;
    enqueued(&app, now(&app)).await;
    let stale = claimed(&app, "stalled", NO_LEASE).await.remove(0);
    assert_eq!(queue::rescue(&app.db, app.clock.now()).await.unwrap(), 1);
    let fresh = claimed(&app, "other", LEASE).await.remove(0);
    assert_eq!(
        (stale.id, stale.attempts.number, fresh.attempts.number),
        (fresh.id, 1, 2)
    );

    for late in [
        Settlement::Finish,
        Settlement::Snooze(app.clock.now()),
        Settlement::Die { error: "x".into() },
    ] {
        assert!(!settled(&app, &stale, &late).await, "{late:?}");
    }
    assert!(!queue::renew(&app.db, stale.id, stale.token, LEASE).await.unwrap());
    assert!(settled(&app, &fresh, &Settlement::Finish).await);
    assert!(all(&app).await.is_empty());
}

#[tokio::test]
async fn writes_that_hold_a_lost_lease_are_refused() {
    let app = testing::app().await;
    enqueued(&app, now(&app)).await;
    let job = claimed(&app, "stalled", NO_LEASE).await.remove(0);
    let lease = Lease {
        job: job.id,
        token: job.token,
        attempts: job.attempts,
        lost: tokio_util::sync::CancellationToken::new(),
    };
    let mut tx = app.db.begin().await.unwrap();
    lease.hold(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    queue::rescue(&app.db, app.clock.now()).await.unwrap();
    let mut tx = app.db.begin().await.unwrap();
    assert!(matches!(lease.hold(&mut tx).await, Err(LeaseLost::Taken)));
}

#[tokio::test]
async fn a_job_that_kills_its_worker_each_time_is_dead_after_its_last_attempt() {
    let app = testing::app().await;
    enqueued(
        &app,
        Enqueue {
            max_attempts: Some(2),
            ..now(&app)
        },
    )
    .await;
    for _ in 0..2 {
        assert_eq!(claimed(&app, "crashes", NO_LEASE).await.len(), 1);
        queue::rescue(&app.db, app.clock.now()).await.unwrap();
    }
    let job = all(&app).await.remove(0);
    assert_eq!(job.state, JobState::Dead);
    assert!(job.last_error.unwrap().contains("`crashes` was lost"));
}

#[tokio::test]
async fn a_wake_up_while_the_job_runs_makes_it_run_once_more() {
    let app = testing::app().await;
    let first = enqueued(&app, now(&app).unique("dep_1")).await;
    let running = claimed(&app, "w", LEASE).await.remove(0);
    assert_eq!(
        enqueued(&app, now(&app).unique("dep_1")).await,
        Enqueued::Joined(first.id())
    );
    assert!(
        claimed(&app, "other", LEASE).await.is_empty(),
        "two of a key never run at once"
    );

    assert!(settled(&app, &running, &Settlement::Finish).await);
    let again = claimed(&app, "w", LEASE).await.remove(0);
    assert_eq!((again.id, again.attempts.number), (first.id(), 1));
    assert!(settled(&app, &again, &Settlement::Finish).await);
    assert!(all(&app).await.is_empty());
}

#[tokio::test]
async fn a_job_that_was_asked_for_again_while_it_failed_for_good_runs_once_more() {
    let app = testing::app().await;
    enqueued(&app, now(&app).unique("dep_1")).await;
    let running = claimed(&app, "w", LEASE).await.remove(0);
    enqueued(&app, now(&app).unique("dep_1")).await;
    assert!(settled(&app, &running, &Settlement::Die { error: "bad".into() }).await);
    assert_eq!(claimed(&app, "w", LEASE).await[0].attempts.number, 1);
}

#[tokio::test]
async fn a_wake_up_moves_a_snoozing_job_forward_and_never_back() {
    let app = testing::app().await;
    let later = app.clock.now() + TimeDelta::hours(1);
    enqueued(&app, Enqueue::at(later).unique("dep_1")).await;
    enqueued(&app, Enqueue::at(later + TimeDelta::hours(1)).unique("dep_1")).await;
    assert_eq!(all(&app).await[0].run_at, later);
    enqueued(&app, now(&app).unique("dep_1")).await;
    assert_eq!(claimed(&app, "w", LEASE).await.len(), 1);
}

#[tokio::test]
async fn a_dead_job_gets_another_try_unless_its_work_is_done_by_another() {
    let app = testing::app().await;
    let id = enqueued(&app, now(&app).unique("k")).await.id();
    let job = claimed(&app, "w", LEASE).await.remove(0);
    assert!(settled(&app, &job, &Settlement::Die { error: "bad".into() }).await);
    enqueued(&app, now(&app).unique("k")).await;

    let mut tx = app.db.begin().await.unwrap();
    let refused = queue::revive(&mut tx, id, app.clock.now()).await.unwrap_err();
    assert!(refused.is_constraint("one_live_job_of_a_key"), "{refused:?}");
    drop(tx);

    let other = claimed(&app, "w", LEASE).await.remove(0);
    settled(&app, &other, &Settlement::Finish).await;
    let mut tx = app.db.begin().await.unwrap();
    assert!(queue::revive(&mut tx, id, app.clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(claimed(&app, "w", LEASE).await[0].attempts.number, 1);
}

#[tokio::test]
async fn what_a_process_held_when_it_ended_is_free_at_once_and_costs_no_attempt() {
    let app = testing::app().await;
    enqueued(&app, now(&app)).await;
    claimed(&app, &app.worker, LEASE).await;
    release(&app).await.unwrap();
    assert_eq!(claimed(&app, "next", LEASE).await[0].attempts.number, 1);
}

static RUNS: AtomicU32 = AtomicU32::new(0);
static RUN: Semaphore = Semaphore::const_new(0);

struct FailsOnce;

impl Job for FailsOnce {
    const KIND: &'static str = "fails once";
    type Args = ();

    async fn run(_: Arc<App>, (): (), lease: &Lease) -> Result<Done, JobError> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        RUN.add_permits(1);
        assert!(lease.attempt() > 1, "the first attempt panics");
        Ok(Done::Finished)
    }

    fn backoff(_: u32) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test]
async fn a_job_that_panics_is_retried_and_a_finished_one_goes_away() {
    let app = testing::app().await;
    start(&app, Registry::new().job::<FailsOnce>());
    let mut tx = app.db.begin().await.unwrap();
    enqueue::<FailsOnce>(&mut tx, &(), now(&app)).await.unwrap();
    tx.commit().await.unwrap();

    RUN.acquire_many(2).await.unwrap().forget();
    while !all(&app).await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    app.lifecycle.finish(std::future::pending()).await;
}

static TICKS: Semaphore = Semaphore::const_new(0);

struct Tick;

impl Job for Tick {
    const KIND: &'static str = "tick";
    type Args = ();

    async fn run(_: Arc<App>, (): (), _: &Lease) -> Result<Done, JobError> {
        TICKS.add_permits(1);
        Ok(Done::Finished)
    }
}

#[tokio::test]
async fn a_schedule_comes_again_and_is_one_job_in_all_replicas() {
    let one = testing::app().await;
    let other = Arc::new(App {
        worker: "other".into(),
        lifecycle: crate::lifecycle::Lifecycle::new(),
        ..(*one).clone()
    });
    for replica in [&one, &other] {
        start(
            replica,
            Registry::new().schedule::<Tick>(Duration::from_millis(1)),
        );
    }
    TICKS.acquire_many(5).await.unwrap().forget();
    assert_eq!(all(&one).await.len(), 1);
    for replica in [&one, &other] {
        replica.lifecycle.finish(std::future::pending()).await;
    }
}

struct Stuck;
static STARTED: Semaphore = Semaphore::const_new(0);

impl Job for Stuck {
    const KIND: &'static str = "stuck";
    type Args = ();

    async fn run(_: Arc<App>, (): (), _: &Lease) -> Result<Done, JobError> {
        STARTED.add_permits(1);
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_run_ends_when_its_lease_was_given_to_another() {
    let mut config = Config::default();
    config.jobs.lease_seconds = 1;
    let app = testing::app_with(config).await;
    start(&app, Registry::new().job::<Stuck>());
    let mut tx = app.db.begin().await.unwrap();
    enqueue::<Stuck>(&mut tx, &(), now(&app)).await.unwrap();
    tx.commit().await.unwrap();
    STARTED.acquire().await.unwrap().forget();

    sqlx::query("update jobs set lease_token = gen_random_uuid(), worker = 'thief', lease_until = now() + interval '1 hour'")
        .execute(app.db.pool())
        .await
        .unwrap();
    // The run holds its task in the lifecycle: the shutdown ends by itself only if the run was given up.
    app.lifecycle.finish(std::future::pending()).await;
    assert_eq!(all(&app).await[0].state, JobState::Running);
}
