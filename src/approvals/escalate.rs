//! Ask those too whom the gate names for an escalation, now instead of at the expiry.

use super::announce;
use super::expire;
use super::model::ApprovalState;
use super::rules::Refusal;
use super::store;
use crate::access::{Action, Caller, Forbidden, authorize};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::ids::ApprovalId;

/// Why an approval is not escalated.
#[derive(Debug, thiserror::Error)]
pub(super) enum EscalateError {
    /// There is none with this id.
    #[error("there is no approval `{id}`")]
    NotFound { id: ApprovalId },
    /// The gate names nobody, or it was escalated before.
    #[error("the gate names nobody else to ask (`escalate_to`), or they are asked already")]
    NobodyElse,
    /// The caller's roles do not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It is closed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error("could not escalate the approval")]
    Database(#[from] DbError),
}

/// Asks `escalate_to` too, with the full time to expiry again.
pub(super) async fn escalate(
    app: &App,
    who: &Caller,
    id: ApprovalId,
    reason: Option<String>,
) -> Result<(), EscalateError> {
    authorize(who, Action::Decide, &id.to_string())?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let mut facts = store::lock(&mut tx, id)
        .await?
        .ok_or(EscalateError::NotFound { id })?;
    if facts.approval.state != ApprovalState::Pending {
        return Err(Refusal::Closed(facts.approval.state).into());
    }
    if facts.approval.escalated || facts.approval.rules.escalate_to.is_empty() {
        return Err(EscalateError::NobodyElse);
    }
    expire::escalate(&mut facts.approval, now);
    store::save(&mut tx, &facts).await?;
    announce::schedule(&mut tx, &facts.approval, 0, now).await?;
    expire::schedule(&mut tx, &facts.approval).await?;
    let entry = AuditEntry {
        actor: who.name.clone(),
        action: "approval.escalate",
        subject: id.to_string(),
        environment: facts.approval.environment.clone(),
        reason,
        details: serde_json::json!({"for": facts.approval.subject, "to": facts.approval.rules.escalate_to}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(())
}
