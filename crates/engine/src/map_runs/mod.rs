//! Map Runs: a distributed Map's children, begun within its bounds, counted, written out and redriven.
//!
//! Tables: `engine.map_runs`, `engine.map_run_inputs`, written here and fenced by the driver's epoch as the journal is. A
//! child is an execution like any other; its row names its Map Run and the place of its input.
//!
//! ```text
//! runtime (a shard) ─ begin, redrive, stop ─► Drivers ─► one task for each open Map Run:
//!                                                read items ─► inputs in the tables ─► children ─► results ─► the parent
//!   a child closed ─ News ────────────────────►
//! ```
//!
//! Invariants: what a Map Run has done is read from its children's rows, so a process that takes over loses and repeats
//! nothing but Express children that had not closed; at most `limits::MAP_RUN_CHILDREN_MAX` children are open and their inputs
//! in memory, however many items there are; its end is written before the execution around it is told.

mod drive;
mod drivers;
mod files;
mod find;
mod inputs;
mod model;
mod parquet;
mod progress;
mod read;
mod reading;
mod results;
mod store;
mod update;

use std::sync::Arc;

use sqlx::PgPool;

use crate::runtime::Runtime;

pub use find::{FindError, Listed};
pub use model::{Count, Counts, MapRun, MapRunStatus, Settings};
pub use update::{UpdateError, UpdateMapRun};

pub(crate) use drivers::{Beginning, Drivers, Order, OrderKind, Setup};
pub(crate) use model::ChildOf;

/// The Map Runs of one engine. Cheap to clone.
#[derive(Clone)]
pub struct MapRuns {
    pool: PgPool,
    runtime: Runtime,
}

impl MapRuns {
    /// Over these tables, driven by this runtime.
    pub fn new(pool: PgPool, runtime: Runtime) -> Self {
        Self { pool, runtime }
    }
}

impl std::fmt::Debug for MapRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MapRuns").finish_non_exhaustive()
    }
}

/// A child and its place, as its shard knows it.
pub(crate) type ChildRef = Arc<ChildOf>;
