//! Stop asking.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::decide::close;
use super::model::ApprovalState;
use super::rules::Refusal;
use super::store;
use crate::access::{Action, Caller, Forbidden, authorize};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::{DbError, Tx};
use crate::ids::ApprovalId;

/// Cancels every pending approval of a subject, in the caller's transaction: what waited for it does not any more.
pub async fn withdraw(
    tx: &mut Tx,
    now: DateTime<Utc>,
    subject: &str,
    actor: &str,
    reason: &str,
) -> Result<(), DbError> {
    for id in store::pending_of(tx, subject).await? {
        if let Some(mut facts) = store::lock(tx, id).await?
            && facts.approval.state == ApprovalState::Pending
        {
            close(
                tx,
                &mut facts,
                ApprovalState::Cancelled,
                Some(reason.to_owned()),
                now,
            )
            .await?;
            let entry = AuditEntry {
                actor: actor.to_owned(),
                action: "approval.cancel",
                subject: id.to_string(),
                environment: facts.approval.environment.clone(),
                reason: Some(reason.to_owned()),
                details: json!({"for": subject}),
            };
            audit::record(tx, entry).await?;
        }
    }
    Ok(())
}

/// Why an approval is not cancelled.
#[derive(Debug, thiserror::Error)]
pub(super) enum CancelError {
    /// There is none with this id.
    #[error("there is no approval `{id}`")]
    NotFound { id: ApprovalId },
    /// Neither its requester nor an admin.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It is closed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error("could not cancel the approval")]
    Database(#[from] DbError),
}

/// Cancels one approval: its requester may, and admins. Whoever waits for it is told that it is not agreed.
pub(super) async fn cancel(
    app: &App,
    who: &Caller,
    id: ApprovalId,
    reason: Option<String>,
) -> Result<(), CancelError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let mut facts = store::lock(&mut tx, id)
        .await?
        .ok_or(CancelError::NotFound { id })?;
    if facts.approval.requester != who.name {
        authorize(who, Action::Administer, &id.to_string())?;
    }
    if facts.approval.state != ApprovalState::Pending {
        return Err(Refusal::Closed(facts.approval.state).into());
    }
    let told = reason
        .clone()
        .unwrap_or_else(|| format!("cancelled by {}", who.name));
    close(&mut tx, &mut facts, ApprovalState::Cancelled, Some(told), now).await?;
    let entry = AuditEntry {
        actor: who.name.clone(),
        action: "approval.cancel",
        subject: id.to_string(),
        environment: facts.approval.environment.clone(),
        reason,
        details: json!({"for": facts.approval.subject}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(())
}
