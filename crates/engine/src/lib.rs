//! A durable server of the AWS Step Functions API, usable by any AWS SDK or the AWS CLI.
//!
//! `wire` speaks the protocol, `machines`, `executions`, `activities` and `map_runs` are the nouns behind it, `runtime`
//! drives the executions with frames in memory, `journal` makes what they did durable, `integrations` performs
//! their tasks. The Amazon States Language itself is the crate `asl`.
//!
//! ```text
//! wire ─► executions ─► runtime (shards) ─► journal ─► Postgres, schema `engine`
//!    └──► machines            └───► integrations ─► Lambda, functions, SNS …
//! ```

pub mod clock;
pub mod executions;
pub mod integrations;
pub mod limits;

use std::sync::Arc;

use sqlx::PgPool;

use crate::clock::{Clock, SystemClock};

/// How an engine is set up. `Default` is the embedded engine's.
#[derive(Clone)]
pub struct EngineConfig {
    /// Region of the ARNs it makes when a request does not name one by its signature.
    pub region: String,
    /// Account of the ARNs it makes when a request does not name one by its signature; twelve digits.
    pub account: String,
    /// Threads that evaluate; 0 means one per core.
    pub shards: usize,
    /// Bytes of frames kept in memory between events, over all shards.
    pub frames_resident_bytes_max: usize,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            account: "000000000000".into(),
            shards: 0,
            frames_resident_bytes_max: limits::FRAMES_RESIDENT_BYTES_MAX,
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
}

impl Engine {
    /// Brings the schema up to date and begins to drive executions as soon as no other process does.
    pub async fn open(pool: PgPool, config: EngineConfig) -> Result<Self, OpenError> {
        migrate(&pool).await?;
        Ok(Self {
            config: Arc::new(config),
            pool,
        })
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
