//! Everything that requests and workers share, built once. A struct of doors; there are no statics.

use std::sync::Arc;

use crate::clock::Clock;
use crate::db::Db;
use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;

/// The shared doors. Handlers get it as `State<Arc<App>>`.
#[derive(Debug)]
pub struct App {
    /// Postgres.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Prometheus metrics.
    pub metrics: Metrics,
    /// Spawning and shutting down.
    pub lifecycle: Lifecycle,
}
