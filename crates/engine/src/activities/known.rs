//! Which activities there are, in memory: the evaluator asks at each activity task. The process that drives the
//! executions is the one that creates and deletes activities, so what it did itself is all that changes.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use sqlx::PgPool;

use crate::arn::Place;

/// The ARNs of all activities. Some hundred bytes each; AWS's quota is 10,000.
#[derive(Debug, Default)]
pub(crate) struct Known {
    arns: RwLock<HashSet<String>>,
}

impl Known {
    pub(crate) fn has(&self, arn: &str) -> bool {
        self.arns
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(arn)
    }

    pub(super) fn add(&self, arn: String) {
        self.arns
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(arn);
    }

    pub(super) fn remove(&self, arn: &str) {
        self.arns
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(arn);
    }

    /// Reads them all: at the beginning of a term, since others may have driven before.
    pub(crate) async fn load(&self, pool: &PgPool) -> sqlx::Result<()> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("select account, region, name from engine.activities")
                .fetch_all(pool)
                .await?;
        let all = rows
            .iter()
            .map(|(account, region, name)| Place::new(account, region).activity(name))
            .collect();
        *self.arns.write().unwrap_or_else(PoisonError::into_inner) = all;
        Ok(())
    }
}
