//! Old versions: a state machine has at most 1,000 (Step Functions quotas, "versions per state machine"), so those that nothing
//! needs any more are deleted. Executions that run on one go on.
//!
//! Kept are the newest of each template (`versions_kept` of the environment), what the alias serves, and for a day after a
//! deployment both of its versions: going back is one call meanwhile.

use std::sync::Arc;
use std::time::Duration;

use super::limits::{PRUNE_AT_ONCE, WAY_BACK_KEPT};
use super::store::watch;
use crate::app::App;
use crate::audit::{self, AuditEntry, SYSTEM_ACTOR};
use crate::db::DbError;
use crate::environments::Target;
use crate::jobs::{Done, Job, JobError, Lease};
use crate::step_functions::{ErrorKind, Priority};

/// The schedule that deletes old versions.
#[derive(Debug)]
pub struct PruneVersions;

/// How often it runs.
pub const PRUNE_EVERY: Duration = Duration::from_hours(1);

impl Job for PruneVersions {
    const KIND: &'static str = "deployment.prune_versions";
    type Args = ();

    async fn run(app: Arc<App>, (): (), _lease: &Lease) -> Result<Done, JobError> {
        let since = app.clock.now() - WAY_BACK_KEPT;
        for target in app.environments.iter() {
            let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
            let keep = target.policies.versions_kept;
            let old = watch::prunable(&mut conn, target.name.as_str(), keep, since, PRUNE_AT_ONCE).await?;
            drop(conn);
            for (version, template) in old {
                if !prune(&app, target, &version, &template).await? {
                    break;
                }
            }
        }
        Ok(Done::Finished)
    }
}

/// Deletes one version; false when the environment is away.
async fn prune(app: &App, target: &Target, version: &str, template: &str) -> Result<bool, DbError> {
    let door = target.step_functions.at(Priority::Sweep);
    match door.delete_version(version).await {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // An alias of somebody else leads there.
        Err(error) if error.kind() == ErrorKind::Conflict => {
            tracing::debug!(version, "a version is still in use");
            return Ok(true);
        }
        Err(error) => {
            tracing::warn!(environment = %target.name, version, %error, "a version could not be deleted");
            return Ok(false);
        }
    }
    let mut tx = app.db.begin().await?;
    watch::forget_version(&mut tx, version).await?;
    let entry = AuditEntry {
        actor: SYSTEM_ACTOR.to_owned(),
        action: "version.prune",
        subject: version.to_owned(),
        environment: Some(target.name.to_string()),
        reason: None,
        details: serde_json::json!({"template": template}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(true)
}
