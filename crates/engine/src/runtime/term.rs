//! One term as driver: from taking the lock to losing it. Everything in it is new, and everything of the one before is
//! dropped: what executions there are and how they stand is read from the tables.

use std::sync::Arc;
use std::thread::JoinHandle;

use asl::limits::Limits;
use futures::TryStreamExt;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::activities::ActivityQueues;
use super::children::Children;
use super::lanes::Lanes;
use super::loader::Loader;
use super::message::{Message, Recovered};
use super::nested::Nested;
use super::post::Post;
use super::shard::Shard;
use super::shards::Shards;
use super::token::Secret;
use crate::activities::Known;
use crate::clock::Clock;
use crate::executions::ExecutionId;
use crate::integrations::Dispatch;
use crate::journal::{Journal, Written};
use crate::limits;
use crate::logs::Logs;
use crate::machines::Machines;
use crate::map_runs::{self, Drivers};

/// What the shards of a term stand on.
pub(super) struct Ground {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) secret: Secret,
    pub(super) journal: Journal,
    pub(super) lanes: Lanes,
    pub(super) logs: Logs,
    pub(super) activities: ActivityQueues,
    pub(super) loader: Loader,
    pub(super) dispatch: Arc<dyn Dispatch>,
    pub(super) known_activities: Arc<Known>,
    pub(super) shards: Arc<Shards>,
    pub(super) map_runs: Drivers,
    pub(super) nested: Nested,
    pub(super) shard_resident_bytes_max: usize,
}

/// What a term is made from; the same for all of a process.
pub(super) struct Setup {
    pub(super) pool: PgPool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) map_runs_open_max: usize,
    pub(super) dispatch: Arc<dyn Dispatch>,
    pub(super) machines: Arc<Machines>,
    pub(super) known_activities: Arc<Known>,
    pub(super) lanes: Lanes,
    pub(super) logs: Logs,
    pub(super) post: Arc<Post>,
    pub(super) shards: usize,
    pub(super) resident_bytes_max: usize,
    pub(super) retention_ms: i64,
    pub(super) tracker: TaskTracker,
}

/// A term that began.
pub(super) struct Term {
    pub(super) ground: Arc<Ground>,
    pub(super) lost: CancellationToken,
}

/// Its threads.
pub(super) struct Threads(Vec<JoinHandle<()>>);

/// Why a term did not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum TermError {
    #[error("Postgres did not answer")]
    Database(#[from] sqlx::Error),
    #[error("a thread could not be started")]
    Thread(#[from] std::io::Error),
}

impl Term {
    /// Begins: opens the journal, starts the shards and tells them which executions are open.
    pub(super) async fn begin(
        setup: &Setup,
        epoch: i64,
        secret: Secret,
    ) -> Result<(Self, Threads), TermError> {
        setup.known_activities.load(&setup.pool).await?;
        setup.machines.forget_all();
        let lost = CancellationToken::new();
        // Whatever was begun ends with this when something fails on the way.
        let guard = lost.clone().drop_guard();
        let shards = Arc::new(Shards::new(setup.shards));
        let journal = Journal::open(
            writers(&setup.pool).await?,
            epoch,
            tell_shards(&shards),
            &setup.tracker,
            &lost,
        );
        let children = Children::new(Arc::clone(&shards));
        let nested = Nested {
            pool: setup.pool.clone(),
            children: children.clone(),
            tracker: setup.tracker.clone(),
            handle: Handle::current(),
        };
        let map_runs = Drivers::new(map_runs::Setup {
            pool: setup.pool.clone(),
            epoch,
            clock: Arc::clone(&setup.clock),
            limits: setup.limits,
            open_max: setup.map_runs_open_max,
            machines: Arc::clone(&setup.machines),
            dispatch: Arc::clone(&setup.dispatch),
            children,
            tracker: setup.tracker.clone(),
            handle: Handle::current(),
            lost: lost.clone(),
        });
        let ground = Arc::new(Ground {
            clock: Arc::clone(&setup.clock),
            limits: setup.limits,
            secret,
            journal,
            lanes: setup.lanes.clone(),
            logs: setup.logs.clone(),
            activities: ActivityQueues::default(),
            loader: Loader::default(),
            dispatch: Arc::clone(&setup.dispatch),
            known_activities: Arc::clone(&setup.known_activities),
            shards: Arc::clone(&shards),
            map_runs,
            nested,
            shard_resident_bytes_max: setup.resident_bytes_max / setup.shards,
        });
        setup.tracker.spawn(ground.loader.clone().run(
            setup.pool.clone(),
            Arc::clone(&setup.machines),
            Arc::clone(&shards),
            lost.clone(),
        ));
        setup.tracker.spawn(crate::executions::retain::run(
            setup.pool.clone(),
            Arc::clone(&setup.clock),
            setup.retention_ms,
            lost.clone(),
        ));
        let mut threads = Vec::new();
        for (number, queue) in shards.all().enumerate() {
            let shard = Shard::new(Arc::clone(&ground), Arc::clone(queue), rand::random());
            threads.push(
                std::thread::Builder::new()
                    .name(format!("engine-{number}"))
                    .spawn(move || shard.run())?,
            );
        }
        let found = recover(&setup.pool, &shards).await?;
        tracing::info!(epoch, executions = found, "this process drives the executions");
        setup.post.open(Arc::clone(&shards));
        setup
            .tracker
            .spawn(stop_orphans(Arc::clone(&ground), lost.clone()));
        let _begun = guard.disarm();
        Ok((Self { ground, lost }, Threads(threads)))
    }

    /// The shards write down what is in the log only, and stop.
    pub(super) fn rest(&self) {
        self.ground
            .shards
            .all()
            .for_each(|queue| queue.answer(Message::Rest));
    }

    /// Ends it at once: nothing is written or begun after this.
    pub(super) fn end(&self) {
        self.lost.cancel();
        self.ground.shards.all().for_each(|queue| queue.close());
    }
}

impl Threads {
    /// Waits until the threads are gone.
    pub(super) async fn join(self) {
        let joined = tokio::task::spawn_blocking(move || {
            for thread in self.0 {
                if thread.join().is_err() {
                    tracing::error!("a shard panicked");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("the shards could not be waited for");
        }
    }

    /// Whether one of them is gone, which none may be while the term lasts.
    pub(super) fn any_is_gone(&self) -> bool {
        self.0.iter().any(JoinHandle::is_finished)
    }
}

/// Map Runs and nested executions whose parent was cut off just before the former driver ended.
async fn stop_orphans(ground: Arc<Ground>, lost: CancellationToken) {
    let stop = async {
        ground.nested.clone().stop_orphans().await;
        if let Err(error) = ground.map_runs.clone().abort_orphans().await {
            tracing::warn!(%error, "Map Runs that nobody waits for could not be found to be aborted");
        }
    };
    lost.run_until_cancelled(stop).await;
}

async fn writers(pool: &PgPool) -> sqlx::Result<Vec<PgConnection>> {
    let mut connections = Vec::new();
    for _ in 0..limits::JOURNAL_WRITERS {
        let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
        // Acknowledged means on disk. And the statement's plan is made when the tables may still be empty, when
        // reading them whole looks cheap, and kept when they are large.
        for setting in [
            "set synchronous_commit = on",
            "set enable_seqscan = off",
            "set enable_hashjoin = off",
            "set enable_mergejoin = off",
            "set jit = off",
            // Making a plan of it for each batch anew takes longer than most batches.
            "set plan_cache_mode = force_generic_plan",
        ] {
            sqlx::query(setting).execute(&mut connection).await?;
        }
        connections.push(connection);
    }
    Ok(connections)
}

fn tell_shards(shards: &Arc<Shards>) -> Arc<dyn Fn(Vec<Written>) + Send + Sync> {
    let shards = Arc::clone(shards);
    Arc::new(move |mut written| {
        // One message to each shard, not one for each record.
        while let Some(first) = written.first() {
            let queue = std::ptr::from_ref(shards.of(first.execution));
            let (own, others) = written
                .into_iter()
                .partition(|one| std::ptr::eq(queue, shards.of(one.execution)));
            let own: Vec<Written> = own;
            if let Some(first) = own.first() {
                shards.of(first.execution).answer(Message::Written(own));
            }
            written = others;
        }
    })
}

/// Tells the shards which executions are open, and how many there are.
async fn recover(pool: &PgPool, shards: &Shards) -> sqlx::Result<u64> {
    let mut rows = sqlx::query_as::<_, (Uuid, Option<i64>, bool)>(
        "select f.execution_id, f.next_due_ms,
                f.wake or exists (select from engine.frame_inputs i where i.execution_id = f.execution_id)
         from engine.frames f where f.open",
    )
    .fetch(pool);
    let mut count = 0;
    while let Some((id, next_due_ms, wake)) = rows.try_next().await? {
        let id = ExecutionId(id);
        count += 1;
        shards.of(id).answer(Message::Recovered(vec![Recovered {
            id,
            next_due_ms,
            wake,
        }]));
    }
    Ok(count)
}
