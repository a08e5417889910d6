//! A durable server of the AWS Step Functions API, usable by any AWS SDK or the AWS CLI.
//!
//! `wire` speaks the protocol, `machines`, `executions`, `activities` and `map_runs` are the nouns behind it, `runtime`
//! drives the executions with frames in memory, `journal` makes what they did durable, `integrations` performs
//! their tasks, `mocks` answers for them in test cases, `logs` puts their events into CloudWatch Logs,
//! `state_tests` runs a single state on its own. The Amazon States Language itself is the crate `asl`.
//!
//! ```text
//! wire ─► executions ─► runtime (shards) ─► journal ─► Postgres, schema `engine`
//!    └──► machines            └───► integrations ─► Lambda, functions, SNS …
//! ```

pub mod activities;
pub mod arn;
pub mod clock;
pub mod executions;
pub mod integrations;
pub mod journal;
pub mod limits;
pub mod logs;
pub mod machines;
pub mod map_runs;
pub mod mocks;
pub mod pool;
pub mod runtime;
pub mod state_tests;
pub mod wire;

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::PgPool;

use crate::activities::Activities;
use crate::clock::{Clock, SystemClock};
use crate::executions::Executions;
use crate::integrations::{Dispatch, Unconnected};
use crate::logs::LogCounts;
use crate::machines::Machines;
use crate::map_runs::MapRuns;
use crate::runtime::{Readiness, Runtime, RuntimeConfig};
use crate::wire::page::Pager;
use crate::wire::signature::AccessKey;

/// How an engine is set up. `Default` is the embedded engine's.
#[derive(Clone)]
pub struct EngineConfig {
    /// Region of the ARNs it makes when a request does not name one by its signature.
    pub region: String,
    /// Account of the ARNs it makes when a request does not name one by its signature; twelve digits.
    pub account: String,
    /// Keys callers have to sign with; none means that any key is taken.
    pub access_keys: Vec<AccessKey>,
    /// Threads that evaluate; 0 means one per core.
    pub shards: usize,
    /// Bytes of frames kept in memory between events, over all shards.
    pub frames_resident_bytes_max: usize,
    /// How long a closed execution and its history are kept, in ms.
    pub retention_ms: i64,
    /// Map Runs of one account that are open at a time; more of them wait.
    pub map_runs_open_max: usize,
    /// The language's bounds; tests switch to tiny ones.
    pub limits: asl::limits::Limits,
    /// The mock file whose test cases executions can be started with; read anew at each such start.
    pub mock_config: Option<PathBuf>,
    /// What performs tasks.
    pub dispatch: Arc<dyn Dispatch>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            account: "000000000000".into(),
            access_keys: Vec::new(),
            shards: 0,
            frames_resident_bytes_max: limits::FRAMES_RESIDENT_BYTES_MAX,
            retention_ms: limits::RETENTION_MS,
            map_runs_open_max: limits::MAP_RUNS_OPEN_MAX,
            limits: asl::limits::Limits::AWS,
            mock_config: None,
            dispatch: Arc::new(Unconnected),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why an engine did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The schema `engine` could not be brought up to date.
    #[error("the engine's schema could not be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Postgres did not answer.
    #[error("the engine's database did not answer")]
    Database(#[from] sqlx::Error),
}

/// A running engine: the API and the executions behind it.
pub struct Engine {
    config: Arc<EngineConfig>,
    pool: PgPool,
    machines: Arc<Machines>,
    executions: Executions,
    runtime: Runtime,
    activities: Activities,
    map_runs: MapRuns,
    pager: Pager,
}

impl Engine {
    /// Brings the schema up to date and begins to drive executions as soon as no other process does.
    pub async fn open(pool: PgPool, config: EngineConfig) -> Result<Arc<Self>, OpenError> {
        migrate(&pool).await?;
        let secret = secret(&pool, config.clock.now_ms()).await?;
        let machines = Arc::new(Machines::new(
            pool.clone(),
            config.clock.clone(),
            Arc::clone(&config.dispatch),
        ));
        let activities = Activities::new(pool.clone(), config.clock.clone());
        let runtime = Runtime::open(RuntimeConfig {
            pool: pool.clone(),
            clock: config.clock.clone(),
            limits: config.limits,
            map_runs_open_max: config.map_runs_open_max,
            dispatch: Arc::clone(&config.dispatch),
            machines: Arc::clone(&machines),
            known_activities: Arc::clone(activities.known()),
            shards: config.shards,
            resident_bytes_max: config.frames_resident_bytes_max,
            retention_ms: config.retention_ms,
        });
        let executions = Executions::new(
            pool.clone(),
            config.clock.clone(),
            Arc::clone(&machines),
            runtime.clone(),
            config.mock_config.as_deref().map(Arc::from),
        );
        let engine = Arc::new(Self {
            map_runs: MapRuns::new(pool.clone(), runtime.clone()),
            executions,
            machines,
            runtime,
            activities,
            pager: Pager::new(secret),
            config: Arc::new(config),
            pool,
        });
        engine.config.dispatch.belong_to(Arc::downgrade(&engine));
        Ok(engine)
    }

    /// The state machines.
    pub fn machines(&self) -> &Machines {
        &self.machines
    }

    /// The activities.
    pub fn activities(&self) -> &Activities {
        &self.activities
    }

    /// The Map Runs.
    pub fn map_runs(&self) -> &MapRuns {
        &self.map_runs
    }

    /// The executions.
    pub fn executions(&self) -> &Executions {
        &self.executions
    }

    /// Whether it drives executions, or stands by while another process does.
    pub fn readiness(&self) -> Readiness {
        self.runtime.readiness()
    }

    /// What became of the records that machines with logging asked for.
    pub fn log_counts(&self) -> LogCounts {
        self.runtime.log_counts()
    }

    /// Waits until it drives executions.
    pub async fn driving(&self) {
        self.runtime.driving().await;
    }

    /// Lets what is under way become durable, and stops driving.
    pub async fn shutdown(&self) {
        self.runtime.shutdown().await;
    }

    pub(crate) fn pager(&self) -> &Pager {
        &self.pager
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.config.clock.now_ms()
    }

    /// The configuration it was opened with.
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// The database behind it.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// Brings schema `engine` up to date. Its table of migrations is in the schema itself, so that the engine can
/// share a database with anything else.
pub async fn migrate(pool: &PgPool) -> Result<(), sqlx::migrate::MigrateError> {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.create_schema("engine");
    migrator.dangerous_set_table_name("engine.migrations");
    migrator.run(pool).await
}

/// What tokens are signed with, made when a database is first used.
async fn secret(pool: &PgPool, now_ms: i64) -> Result<[u8; 32], sqlx::Error> {
    let fresh: [u8; 32] = rand::random();
    sqlx::query(
        "insert into engine.driver (epoch, taken_at, secret) values (0, to_timestamp($1::float8 / 1000), $2) \
         on conflict do nothing",
    )
    .bind(now_ms)
    .bind(fresh.as_slice())
    .execute(pool)
    .await?;
    let secret: Vec<u8> = sqlx::query_scalar("select secret from engine.driver")
        .fetch_one(pool)
        .await?;
    // The table takes no other length.
    secret
        .try_into()
        .map_err(|_| sqlx::Error::Decode("the secret is not 32 bytes long".into()))
}
