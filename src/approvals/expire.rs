//! Close or escalate an approval whose time is over.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::model::{Approval, ApprovalState};
use super::rules::{self, Expiry};
use super::{announce, ask, decide, store};
use crate::app::App;
use crate::audit::{self, AuditEntry, SYSTEM_ACTOR};
use crate::db::{DbError, Tx};
use crate::ids::ApprovalId;
use crate::jobs::{self, Done, Enqueue, Job, JobError, Lease};

/// Looks at one approval when its time is over. One live job per approval; it looks at the row, not at what it was
/// enqueued with, so a new round or an escalation only moves it.
#[derive(Debug)]
pub struct Expire;

/// Which approval.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExpireArgs {
    approval: ApprovalId,
}

/// Sees to it that somebody looks when the time is over; nothing to do for a gate that never expires.
pub(super) async fn schedule(tx: &mut Tx, approval: &Approval) -> Result<(), DbError> {
    if let Some(at) = approval.expires_at {
        let args = ExpireArgs {
            approval: approval.id,
        };
        jobs::enqueue::<Expire>(
            tx,
            &args,
            Enqueue::at(at).unique(approval.id.to_string()).forever(),
        )
        .await?;
    }
    Ok(())
}

/// Asks more people, for as long again.
pub(super) fn escalate(approval: &mut Approval, now: DateTime<Utc>) {
    approval.escalated = true;
    approval.expires_at = ask::expiry(approval.rules.expires_seconds, now);
}

impl Job for Expire {
    const KIND: &'static str = "approvals.expire";
    type Args = ExpireArgs;

    async fn run(app: Arc<App>, args: ExpireArgs, lease: &Lease) -> Result<Done, JobError> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        lease.hold(&mut tx).await?;
        let Some(mut facts) = store::lock(&mut tx, args.approval).await? else {
            return Ok(Done::Finished);
        };
        let Some(expires_at) = facts.approval.expires_at else {
            return Ok(Done::Finished);
        };
        if facts.approval.state != ApprovalState::Pending {
            return Ok(Done::Finished);
        }
        if now < expires_at {
            return Ok(Done::Snooze(expires_at));
        }
        let outcome = rules::expire(&facts.approval);
        let again = match outcome {
            Expiry::Escalate => {
                escalate(&mut facts.approval, now);
                store::save(&mut tx, &facts).await?;
                announce::schedule(&mut tx, &facts.approval, 0, now).await?;
                facts.approval.expires_at
            }
            Expiry::Close => {
                let reason = Some("nobody decided in time".to_owned());
                decide::close(&mut tx, &mut facts, ApprovalState::Expired, reason, now).await?;
                None
            }
        };
        let entry = AuditEntry {
            actor: SYSTEM_ACTOR.to_owned(),
            action: match outcome {
                Expiry::Escalate => "approval.escalate",
                Expiry::Close => "approval.expire",
            },
            subject: args.approval.to_string(),
            environment: facts.approval.environment.clone(),
            reason: Some("nobody decided in time".to_owned()),
            details: json!({"for": facts.approval.subject}),
        };
        audit::record(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(again.map_or(Done::Finished, Done::Snooze))
    }
}
