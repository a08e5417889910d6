//! Approve or reject, by whichever way.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::announce;
use super::model::{ApprovalState, Decision, Via, Vote};
use super::rules::{self, Facts, Refusal, Verdict};
use super::store;
use crate::access::{Action, Caller, Forbidden, authorize};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::{DbError, Tx};
use crate::ids::ApprovalId;
use crate::jobs;

/// Somebody's decision.
#[derive(Debug, Clone)]
pub struct Decide {
    /// What is decided.
    pub approval: ApprovalId,
    /// The digest the person saw.
    pub digest: String,
    /// Yes or no.
    pub vote: Vote,
    /// Why.
    pub comment: Option<String>,
    /// Which way it came.
    pub via: Via,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// How the approval stands now.
    pub state: ApprovalState,
    /// The level that is asked now, or was the last.
    pub level: i32,
}

/// Why a decision does not count.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is none with this id.
    #[error("there is no approval `{id}`")]
    NotFound {
        /// What was asked for.
        id: ApprovalId,
    },
    /// The caller's roles do not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The gate's rules do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed; nothing was decided.
    #[error("could not write the decision")]
    Database(#[from] DbError),
}

/// Counts a decision: once it returns, the decision, its audit entry and the wake-up of whoever waits are durable.
pub async fn decide(app: &App, who: &Caller, command: Decide) -> Result<Decided, DecideError> {
    let id = command.approval;
    authorize(who, Action::Decide, &id.to_string())?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let mut facts = store::lock(&mut tx, id)
        .await?
        .ok_or(DecideError::NotFound { id })?;
    let on_behalf = rules::may_decide(&facts, &app.config.approvals.groups, who)?;
    let verdict = rules::decide(&facts, &command.digest, command.vote)?;
    let decision = Decision {
        round: facts.approval.round,
        level: facts.approval.level,
        digest: command.digest,
        person: who.name.clone(),
        on_behalf: on_behalf.clone(),
        decision: command.vote,
        comment: command.comment.clone(),
        via: command.via,
        at: now,
    };
    store::insert_decision(&mut tx, id, &decision).await?;
    facts.decisions.push(decision);
    let reason = match &command.comment {
        Some(comment) => format!("rejected by {}: {comment}", who.name),
        None => format!("rejected by {}", who.name),
    };
    match verdict {
        Verdict::Counted => store::save(&mut tx, &facts).await?,
        Verdict::NextLevel(next) => {
            facts.approval.level = next;
            store::save(&mut tx, &facts).await?;
            announce::schedule(&mut tx, &facts.approval, 0, now).await?;
        }
        Verdict::Approved => close(&mut tx, &mut facts, ApprovalState::Approved, None, now).await?,
        Verdict::Rejected => close(&mut tx, &mut facts, ApprovalState::Rejected, Some(reason), now).await?,
    }
    let approval = &facts.approval;
    let entry = AuditEntry {
        actor: who.name.clone(),
        action: "approval.decide",
        subject: id.to_string(),
        environment: approval.environment.clone(),
        reason: command.comment,
        details: json!({
            "decision": command.vote, "via": command.via, "on_behalf": on_behalf, "for": approval.subject,
            "digest": approval.digest, "level": facts.decisions.last().map(|d| d.level), "state": approval.state,
        }),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(Decided {
        state: approval.state,
        level: approval.level,
    })
}

/// Closes an approval and wakes whoever waits for it.
pub(super) async fn close(
    tx: &mut Tx,
    facts: &mut Facts,
    state: ApprovalState,
    reason: Option<String>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let approval = &mut facts.approval;
    approval.state = state;
    approval.closed_at = Some(now);
    approval.closed_reason = reason;
    store::save(tx, facts).await?;
    announce::schedule_closed(tx, &facts.approval, now).await?;
    if let (Some(kind), Some(key)) = (&facts.approval.wake_kind, &facts.approval.wake_key) {
        jobs::wake(tx, kind, key, now).await?;
    }
    Ok(())
}
