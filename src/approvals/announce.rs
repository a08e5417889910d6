//! Tell people that they are asked, remind them, and say what came of it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::{Approval, ApprovalState};
use super::rules::{self, Facts};
use super::{link, people, store};
use crate::app::App;
use crate::db::{DbError, Tx};
use crate::ids::ApprovalId;
use crate::jobs::{self, Done, Enqueue, Job, JobError, Lease};
use crate::notifications::{self, Audience, Choice, Destination, Notification};

/// Puts the messages about one moment of an approval into the outbox.
#[derive(Debug)]
pub struct Announce;

/// Which moment.
#[derive(Debug, Serialize, Deserialize)]
pub struct AnnounceArgs {
    approval: ApprovalId,
    round: i32,
    level: i32,
    moment: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Moment {
    /// A level is asked; `reminder` counts from 1, 0 is the first time. `escalated` asks more people.
    Asked {
        reminder: u32,
        escalated: bool,
    },
    Closed,
}

/// Announces the first level of a round now, and its reminders at their times.
pub(super) async fn schedule_round(
    tx: &mut Tx,
    approval: &Approval,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    schedule(tx, approval, 0, now).await?;
    for (index, seconds) in approval.rules.reminder_seconds.iter().enumerate() {
        let after = i64::try_from(*seconds).ok().and_then(TimeDelta::try_seconds);
        if let Some(at) = after.and_then(|after| now.checked_add_signed(after)) {
            schedule(tx, approval, u32::try_from(index).unwrap_or(u32::MAX - 1) + 1, at).await?;
        }
    }
    Ok(())
}

/// Announces the current level at `at`.
pub(super) async fn schedule(
    tx: &mut Tx,
    approval: &Approval,
    reminder: u32,
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    enqueue(
        tx,
        approval,
        Moment::Asked {
            reminder,
            escalated: approval.escalated,
        },
        at,
    )
    .await
}

/// Announces what came of it.
pub(super) async fn schedule_closed(
    tx: &mut Tx,
    approval: &Approval,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    enqueue(tx, approval, Moment::Closed, now).await
}

async fn enqueue(tx: &mut Tx, approval: &Approval, moment: Moment, at: DateTime<Utc>) -> Result<(), DbError> {
    let args = AnnounceArgs {
        approval: approval.id,
        round: approval.round,
        level: approval.level,
        moment,
    };
    jobs::enqueue::<Announce>(tx, &args, Enqueue::at(at)).await?;
    Ok(())
}

impl Job for Announce {
    const KIND: &'static str = "approvals.announce";
    type Args = AnnounceArgs;

    async fn run(app: Arc<App>, args: AnnounceArgs, lease: &Lease) -> Result<Done, JobError> {
        let links = link::keys(&app).await?;
        let mut tx = app.db.begin().await?;
        lease.hold(&mut tx).await?;
        let Some(facts) = store::lock(&mut tx, args.approval).await? else {
            return Ok(Done::Finished);
        };
        let approval = &facts.approval;
        if approval.round != args.round {
            return Ok(Done::Finished);
        }
        let messages = match args.moment {
            Moment::Closed if approval.state == ApprovalState::Pending => Vec::new(),
            Moment::Closed => vec![closed(&app, &facts)],
            // A reminder outlives its level: it goes to whoever is asked by then.
            Moment::Asked { reminder: 0, .. } if approval.level != args.level => Vec::new(),
            Moment::Asked { .. } if approval.state != ApprovalState::Pending => Vec::new(),
            Moment::Asked { reminder, escalated } => {
                let name = format!(
                    "{}-{}-{}-{reminder}-{escalated}",
                    approval.id, args.round, approval.level
                );
                asked(&app, &facts, &links, reminder, &name)
            }
        };
        for message in &messages {
            notifications::enqueue(&mut tx, &app.config.notifications, message).await?;
        }
        tx.commit().await?;
        Ok(Done::Finished)
    }
}

/// One message for everybody, and one with a personal link for each who has a webhook of their own and may decide.
fn asked(app: &App, facts: &Facts, links: &link::Keys, reminder: u32, name: &str) -> Vec<Notification> {
    let approval = &facts.approval;
    let base = link::base_url(app);
    let mut data = facts_of(approval, &base);
    if reminder > 0
        && let Some(members) = data.as_object_mut()
    {
        members.insert("reminder".to_owned(), json!(reminder));
    }
    let button = |label, action, danger| Choice {
        label,
        action,
        value: format!("{} {}", approval.id, approval.digest),
        danger,
    };
    let everybody = Notification {
        event: if reminder > 0 {
            "approval.reminder"
        } else {
            "approval.requested"
        },
        subject: approval.id.to_string(),
        environment: approval.environment.clone(),
        occurred_at: app.clock.now(),
        title: format!("Approval needed: {}", approval.title),
        data,
        choices: vec![
            button("Approve", "approve", false),
            button("Reject", "reject", true),
        ],
        to: Vec::new(),
        audience: Audience::Standing,
        once: Some(format!("evt_{name}")),
    };
    let reachable = people::known(&app.config).into_iter().filter(|person| {
        app.config.approvals.people.contains_key(&person.name)
            && rules::may_decide(facts, &app.config.approvals.groups, person).is_ok()
    });
    let personal = reachable.filter_map(|person| {
        let path = links.sign(approval, &person.name, app.clock.now())?;
        let mut message = everybody.clone();
        if let Some(members) = message.data.as_object_mut() {
            members.insert("link".to_owned(), Value::String(format!("{base}{path}")));
        }
        message.to = vec![Destination::Person {
            name: person.name.clone(),
        }];
        message.audience = Audience::NamedOnly;
        message.once = Some(format!("evt_{name}-{}", person.name));
        Some(message)
    });
    let personal: Vec<Notification> = personal.collect();
    std::iter::once(everybody).chain(personal).collect()
}

fn closed(app: &App, facts: &Facts) -> Notification {
    let approval = &facts.approval;
    let (event, said) = match approval.state {
        ApprovalState::Approved => ("approval.approved", "Approved"),
        ApprovalState::Rejected => ("approval.rejected", "Rejected"),
        ApprovalState::Expired => ("approval.expired", "Approval expired"),
        ApprovalState::Cancelled | ApprovalState::Pending => ("approval.cancelled", "Approval cancelled"),
    };
    let mut data = facts_of(approval, &link::base_url(app));
    if let (Some(reason), Some(members)) = (&approval.closed_reason, data.as_object_mut()) {
        members.insert("reason".to_owned(), json!(reason));
    }
    Notification {
        event,
        subject: approval.id.to_string(),
        environment: approval.environment.clone(),
        occurred_at: app.clock.now(),
        title: format!("{said}: {}", approval.title),
        data,
        choices: Vec::new(),
        to: Vec::new(),
        audience: Audience::Standing,
        once: Some(format!("evt_{}-{}-closed", approval.id, approval.round)),
    }
}

fn facts_of(approval: &Approval, base: &str) -> Value {
    json!({
        "approval_id": approval.id,
        "for": approval.subject,
        "gate": approval.gate,
        "state": approval.state,
        "template": approval.template,
        "environment": approval.environment,
        "requester": approval.requester,
        "digest": approval.digest,
        "level": approval.level + 1,
        "expires_at": approval.expires_at,
        "url": format!("{base}/v1/approvals/{}", approval.id),
    })
}
