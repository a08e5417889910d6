//! Did the rollback help? A while after it, the old version's failures are compared with what they were before the deployment.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::judge::{Tally, lower_bound, upper_bound};
use super::store::{facts, record};
use crate::app::App;
use crate::ids::DeploymentId;
use crate::jobs::{Done, Job, JobError, Lease};

/// Judges a rollback, some minutes after it.
#[derive(Debug)]
pub struct CheckRecovery;

/// Which.
#[derive(Debug, Serialize, Deserialize)]
pub struct RecoveryArgs {
    /// The deployment that was taken back.
    pub deployment: DeploymentId,
    /// When the old version served all starts again.
    pub since: DateTime<Utc>,
}

impl Job for CheckRecovery {
    const KIND: &'static str = "deployment.check_recovery";
    type Args = RecoveryArgs;

    async fn run(app: Arc<App>, args: RecoveryArgs, _lease: &Lease) -> Result<Done, JobError> {
        let mut conn = app.db.pool().acquire().await.map_err(crate::db::DbError::from)?;
        let Some(read) = record::load(&mut conn, args.deployment).await? else {
            return Ok(Done::Finished);
        };
        let traffic = facts::traffic(&mut conn, &read.template, &read.environment, args.since).await?;
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        let after = Tally {
            closed: count(traffic.closed),
            failed: count(traffic.failed),
        };
        let before = Tally {
            closed: count(read.history_closed),
            failed: count(read.history_failed),
        };
        record::set_recovery(&mut conn, read.id, verdict(before, after)).await?;
        Ok(Done::Finished)
    }
}

/// `recovered`, `probably_not_the_deployment` (failures go on without the new version), or `unknown` (too little seen).
fn verdict(before: Tally, after: Tally) -> &'static str {
    const ALPHA: f64 = 0.05;
    if after.closed == 0 {
        "unknown"
    } else if lower_bound(after, ALPHA) > upper_bound(before, ALPHA) {
        "probably_not_the_deployment"
    } else {
        "recovered"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_go_on_without_the_new_version_were_not_its_fault() {
        let clean = Tally {
            closed: 200,
            failed: 1,
        };
        assert_eq!(
            verdict(
                clean,
                Tally {
                    closed: 50,
                    failed: 40
                }
            ),
            "probably_not_the_deployment"
        );
        assert_eq!(
            verdict(
                clean,
                Tally {
                    closed: 50,
                    failed: 0
                }
            ),
            "recovered"
        );
        assert_eq!(verdict(clean, Tally::default()), "unknown");
    }
}
