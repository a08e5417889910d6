//! State machines: their definitions, versions and aliases.
//!
//! Tables: `engine.machines`, `engine.machine_revisions` (immutable), `engine.machine_versions`, `engine.machine_aliases`
//! and, shared with activities, `engine.tags`.
//!
//! Invariants:
//! - one live machine per account, region and name; a deleted one is DELETING while executions of it are open, then gone;
//! - an update that changes nothing makes no revision, a publication of a published revision no version;
//! - version numbers are never used twice; a version an alias routes to can't be deleted;
//! - an execution names the revision it runs, so nothing that happens here changes what runs.

pub mod aliases;
mod cache;
pub mod check;
pub mod create;
pub mod delete;
pub mod find;
pub mod model;
pub mod publish;
pub mod resolve;
pub mod rules;
mod store;
pub mod tags;
pub mod update;

use std::fmt;
use std::sync::Arc;

use sqlx::PgPool;

use crate::clock::Clock;
use crate::integrations::Dispatch;
use crate::logs;
use crate::machines::model::Logging;
use crate::machines::resolve::Caches;
use crate::machines::rules::LoggingError;

/// The state machines of one engine.
pub struct Machines {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    caches: Caches,
    /// Knows which log groups there are.
    dispatch: Arc<dyn Dispatch>,
}

impl Machines {
    /// Over these tables.
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, dispatch: Arc<dyn Dispatch>) -> Self {
        Self {
            pool,
            clock,
            caches: Caches::default(),
            dispatch,
        }
    }

    /// Refuses logging to a group that CloudWatch Logs says is not there. What can't be asked is taken.
    async fn check_destination(&self, logging: &Logging) -> Result<(), LoggingError> {
        let Some((place, group)) = logs::destination(logging) else {
            return Ok(());
        };
        match self.dispatch.log_group_exists(place, group).await {
            Some(false) => Err(LoggingError::NotFound),
            Some(true) | None => Ok(()),
        }
    }
}

impl fmt::Debug for Machines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machines").finish_non_exhaustive()
    }
}
