//! Hand one's right to decide to somebody else, for one approval.

use serde_json::json;

use super::model::Delegation;
use super::rules::{self, Refusal};
use super::store;
use crate::access::{Action, Caller, Forbidden, authorize, caller_named};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::ids::ApprovalId;

/// Why a right is not handed on.
#[derive(Debug, thiserror::Error)]
pub(super) enum DelegateError {
    /// There is none with this id.
    #[error("there is no approval `{id}`")]
    NotFound { id: ApprovalId },
    /// Nobody has this name.
    #[error("`{name}` is not a caller of this service")]
    Unknown { name: String },
    /// To oneself.
    #[error("`{name}` has this right already")]
    Oneself { name: String },
    /// The delegator's, or the delegate's, roles do not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The gate's rules do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error("could not write the delegation")]
    Database(#[from] DbError),
}

/// Lets `to` decide in the place of `from`, who must be asked themselves and not have decided. A right got by delegation
/// can't be handed on.
pub(super) async fn delegate(
    app: &App,
    from: &Caller,
    id: ApprovalId,
    to: &str,
    reason: Option<String>,
) -> Result<(), DelegateError> {
    authorize(from, Action::Decide, &id.to_string())?;
    let delegate =
        caller_named(&app.config.access, to).ok_or_else(|| DelegateError::Unknown { name: to.to_owned() })?;
    authorize(&delegate, Action::Decide, &id.to_string())?;
    if delegate.name == from.name {
        return Err(DelegateError::Oneself { name: to.to_owned() });
    }
    let mut tx = app.db.begin().await?;
    let mut facts = store::lock(&mut tx, id)
        .await?
        .ok_or(DelegateError::NotFound { id })?;
    if rules::may_decide(&facts, &app.config.approvals.groups, from)?.is_some() {
        let reason = "a right got by delegation can't be handed on";
        return Err(Refusal::Excluded {
            name: from.name.clone(),
            reason,
        }
        .into());
    }
    rules::may_take_over(&facts, &delegate.name)?;
    let delegation = Delegation {
        from_name: from.name.clone(),
        to_name: delegate.name.clone(),
        at: app.clock.now(),
    };
    if store::insert_delegation(&mut tx, id, &delegation).await? {
        facts.delegations.push(delegation);
        store::save(&mut tx, &facts).await?;
        let entry = AuditEntry {
            actor: from.name.clone(),
            action: "approval.delegate",
            subject: id.to_string(),
            environment: facts.approval.environment.clone(),
            reason,
            details: json!({"to": delegate.name, "for": facts.approval.subject}),
        };
        audit::record(&mut tx, entry).await?;
        tx.commit().await?;
    }
    Ok(())
}
