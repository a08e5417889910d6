//! Remove a rule set. Refused while an environment demands it: everything would be refused there.

use serde_json::json;

use super::store;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::http::{Precondition, Unmet};

/// Why a rule set was not removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemoveError {
    /// There is none.
    #[error("there is no rule set `{id}`")]
    Unknown { id: String },
    /// The caller has not seen the newest version, or has not said which.
    #[error("the rule set `{id}` was changed")]
    Unmet { id: String, unmet: Unmet },
    /// An environment demands it.
    #[error("the environment `{environment}` demands the rule set `{id}`")]
    InUse { id: String, environment: String },
    /// The database failed.
    #[error("the rule set could not be removed")]
    Database(#[from] DbError),
}

/// Removes it.
pub(super) async fn remove(
    app: &App,
    id: &str,
    precondition: &Precondition,
    actor: &str,
) -> Result<(), RemoveError> {
    let mut tx = app.db.begin().await?;
    let set = store::lock(tx.conn(), id)
        .await?
        .ok_or_else(|| RemoveError::Unknown { id: id.to_owned() })?;
    precondition
        .check_change(Some(set.version))
        .map_err(|unmet| RemoveError::Unmet {
            id: id.to_owned(),
            unmet,
        })?;
    if let Some(target) = app
        .environments
        .iter()
        .find(|target| target.policies.rule_set.as_deref() == Some(id))
    {
        return Err(RemoveError::InUse {
            id: id.to_owned(),
            environment: target.name.to_string(),
        });
    }
    store::remove(tx.conn(), id).await?;
    let entry = AuditEntry {
        actor: actor.to_owned(),
        action: "rule_set.remove",
        subject: id.to_owned(),
        environment: None,
        reason: None,
        details: json!({"version": set.version, "rule_set": set.body}),
    };
    audit::record(&mut tx, entry).await?;
    Ok(tx.commit().await?)
}
