//! Ask a gate, or look at what became of asking.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::announce;
use super::expire;
use super::model::{ApprovalState, Question, Standing};
use super::store;
use crate::audit::{self, AuditEntry, canonical_json};
use crate::db::{DbError, Tx};
use crate::ids::ApprovalId;

/// The digest that approvers agree to: `sha256:` and the hex SHA-256 of the plan's canonical JSON.
pub fn plan_digest(plan: &Value) -> String {
    format!(
        "sha256:{}",
        hex::encode(Sha256::digest(canonical_json(plan).as_bytes()))
    )
}

/// Asks a gate, in the caller's transaction, and says how it stands. Idempotent: to be called again and again by whoever
/// waits, with the plan as it is at that time.
///
/// The first call opens the gate. A call with the same plan changes nothing. A call with another plan opens the next
/// round: pending again, at the first level, with a new expiry, whatever was decided before.
pub async fn ask(tx: &mut Tx, now: DateTime<Utc>, question: &Question) -> Result<Standing, DbError> {
    let digest = plan_digest(&question.plan);
    let expires_at = expiry(question.gate.expires_seconds, now);
    let id = ApprovalId::generate();
    let is_new = store::insert(tx, id, question, &digest, now, expires_at).await?;
    let Some(mut facts) = store::lock_gate(tx, &question.subject, &question.gate_name).await? else {
        // Inserted or found above, and rows of this table are never deleted.
        return Err(DbError::Other(sqlx::Error::RowNotFound));
    };
    if !is_new && facts.approval.digest == digest {
        return Ok(Standing::of(&facts.approval));
    }
    if !is_new {
        let approval = &mut facts.approval;
        approval.round += 1;
        approval.level = 0;
        approval.state = ApprovalState::Pending;
        approval.escalated = false;
        approval.expires_at = expires_at;
        approval.closed_at = None;
        approval.closed_reason = None;
        approval.title.clone_from(&question.title);
        approval.requester.clone_from(&question.requester);
        approval.authors.clone_from(&question.authors);
        approval.rules = question.gate.clone();
        approval.plan = question.plan.clone();
        approval.digest.clone_from(&digest);
    }
    store::save(tx, &facts).await?;
    let approval = &facts.approval;
    store::insert_digest(tx, approval.id, approval.round, &digest, &approval.plan, now).await?;
    announce::schedule_round(tx, approval, now).await?;
    expire::schedule(tx, approval).await?;
    let entry = AuditEntry {
        actor: question.requester.clone(),
        action: if is_new {
            "approval.request"
        } else {
            "approval.request_again"
        },
        subject: approval.id.to_string(),
        environment: question.environment.clone(),
        reason: None,
        details: json!({"for": question.subject, "gate": question.gate_name, "digest": digest, "round": approval.round}),
    };
    audit::record(tx, entry).await?;
    Ok(Standing::of(&facts.approval))
}

pub(super) fn expiry(seconds: Option<u64>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let seconds = i64::try_from(seconds?).ok()?;
    now.checked_add_signed(TimeDelta::try_seconds(seconds)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_the_plan_and_not_of_its_spelling() {
        let one: Value = serde_json::from_str(r#"{"revision": 2, "weights": [10, 100]}"#).unwrap();
        let same: Value = serde_json::from_str(r#"{"weights":[10,100],"revision":2}"#).unwrap();
        assert_eq!(plan_digest(&one), plan_digest(&same));
        assert_ne!(
            plan_digest(&one),
            plan_digest(&json!({"revision": 3, "weights": [10, 100]}))
        );
    }
}
