//! Writes a transition: the deployment, its timeline, the audit trail, weight periods, what the alias serves, messages and
//! wake-ups. All of it in the caller's transaction, so all of it or nothing.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::advance::{Advance, AdvanceArgs};
use super::limits::{BASELINE_MIN, RECOVERY_WATCH};
use super::model::{PauseReason, State};
use super::recovery::{CheckRecovery, RecoveryArgs};
use super::releases::advance::wake_release;
use super::step::Transition;
use super::store::periods;
use super::store::record::{self, Record};
use super::store::timeline::{self, NewEvent};
use super::store::{self, facts};
use crate::app::App;
use crate::approvals;
use crate::audit::{self, AuditEntry};
use crate::db::{DbError, Tx};
use crate::environments::Target;
use crate::ids::DeploymentId;
use crate::jobs::{Enqueue, enqueue};
use crate::notifications::{self, Audience, DeploymentNotice, Destination, Notification};

/// Why a transition was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Somebody changed the deployment since it was read: read it again.
    #[error("the deployment was changed by somebody else meanwhile")]
    Changed,
    /// The database failed.
    #[error("the deployment could not be written")]
    Database(#[from] DbError),
}

/// Who makes a transition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Actor<'a> {
    /// A caller's name, or `signalbox`.
    pub(super) name: &'a str,
    /// What the person gave as the reason.
    pub(super) reason: Option<&'a str>,
}

/// Writes it. Wakes nobody for this deployment itself: see [`wake`].
pub(super) async fn write(
    app: &App,
    tx: &mut Tx,
    target: &Target,
    read: &Record,
    transition: &Transition,
    actor: Actor<'_>,
) -> Result<(), WriteError> {
    let now = app.clock.now();
    let next = &transition.next;
    if !record::update(tx, read, next, now).await? {
        return Err(WriteError::Changed);
    }
    let data = json!({
        "step": next.step,
        "weights": next.standing.as_ref().map(super::model::Routing::lines),
        "intent": next.intent.as_ref().map(|intent| intent.to.lines()),
        "pause": next.pause,
    });
    let event = NewEvent {
        event: transition.event,
        state: next.state,
        actor: actor.name,
        detail: &transition.detail,
        data,
    };
    timeline::add_event(tx, read.id, &event, now).await?;
    let entry = AuditEntry {
        actor: actor.name.to_owned(),
        action: transition.event,
        subject: read.id.to_string(),
        environment: Some(read.environment.clone()),
        reason: actor.reason.map(ToOwned::to_owned),
        details: json!({"from": read.state(), "to": next.state, "detail": transition.detail, "template": read.template}),
    };
    audit::record(tx, entry).await?;
    periods(tx, read, transition, now).await?;
    if read.state() == State::Validating && next.state == State::Publishing {
        freeze(tx, read, next.from_version.as_deref(), now).await?;
    }
    serve(tx, target, read, transition, now).await?;
    tell(app, tx, read, transition, now).await?;
    if read.state() == State::Gate && next.state.is_finished() {
        let why = next.error.as_deref().unwrap_or("the deployment has ended");
        approvals::withdraw(tx, now, &read.id.to_string(), actor.name, why).await?;
    }
    if next.state.is_finished() {
        finished(app, tx, read, transition, now).await?;
    }
    Ok(())
}

/// Makes the deployment's worker look again, now.
pub(super) async fn wake(tx: &mut Tx, id: DeploymentId, now: DateTime<Utc>) -> Result<(), DbError> {
    // Rollbacks must not wait behind other work.
    let how = Enqueue::at(now).unique(id.to_string()).priority(10).forever();
    enqueue::<Advance>(tx, &AdvanceArgs { deployment: id }, how).await?;
    Ok(())
}

/// Weight periods end before the call that changes the weights, and begin when the new ones are settled.
async fn periods(
    tx: &mut Tx,
    read: &Record,
    transition: &Transition,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let next = &transition.next;
    match next.state {
        State::Shifting | State::RollingBack if read.state() != next.state => {
            periods::close_period(tx, read.id, now).await
        }
        State::Paused
            if next
                .pause
                .as_ref()
                .is_some_and(|pause| pause.reason == PauseReason::Drift) =>
        {
            // Since it was last seen right, the weights are unknown.
            periods::close_period(tx, read.id, read.alias_read_at.unwrap_or(now)).await
        }
        State::Baking | State::FinalBake if read.state() == State::Shifting => {
            let (Some(bake), Some(step)) = (next.bake, next.course_step()) else {
                return Ok(());
            };
            periods::open_period(tx, read.id, step.weight, bake.from).await
        }
        state if state.is_finished() => periods::close_period(tx, read.id, now).await,
        _ => Ok(()),
    }
}

/// What the stable version did until now, for comparisons.
async fn freeze(tx: &mut Tx, read: &Record, from: Option<&str>, now: DateTime<Utc>) -> Result<(), DbError> {
    let Some(from) = from else { return Ok(()) };
    let (durations, closed, failed) =
        facts::history(tx.conn(), from, now, read.analysis.0.baseline_size).await?;
    let baseline = if durations.len() < BASELINE_MIN {
        Vec::new()
    } else {
        durations
    };
    record::freeze_history(tx, read.id, &baseline, closed, failed).await
}

/// What the alias serves, for the registry; quarantine.
async fn serve(
    tx: &mut Tx,
    target: &Target,
    read: &Record,
    transition: &Transition,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let next = &transition.next;
    let went_back = next
        .rollback
        .as_ref()
        .filter(|rollback| rollback.outcome == next.state);
    let serves = match (next.state, went_back) {
        (State::Succeeded, _) => next.to_version.as_deref(),
        (_, Some(_)) => next.from_version.as_deref(),
        _ => None,
    };
    if let Some(version) = serves {
        let place = (read.template.as_str(), read.environment.as_str());
        let arns = (
            target.state_machine_arn(&read.template),
            target.alias_arn(&read.template),
        );
        facts::set_live(tx, place, version, (&arns.0, &arns.1), now).await?;
    }
    if next.state == State::Succeeded
        && let Some(version) = &next.to_version
    {
        store::quarantine::release(tx, version).await?;
    }
    if let Some(rollback) = went_back.filter(|rollback| rollback.quarantine) {
        let why = (rollback.reason.as_str(), rollback.by_hand);
        store::quarantine::quarantine(tx, read, why, now).await?;
    }
    Ok(())
}

/// Messages: the seed's at the end, and one whenever a person should look.
async fn tell(
    app: &App,
    tx: &mut Tx,
    read: &Record,
    transition: &Transition,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let next = &transition.next;
    let url = app
        .config
        .notifications
        .public_url
        .as_ref()
        .map(|base| format!("{base}/v1/deployments/{}", read.id));
    let notification = if next.state.is_finished() && read.parent.is_none() {
        Notification::deployment_finished(DeploymentNotice {
            id: read.id.to_string(),
            environment: read.environment.clone(),
            status: match next.state {
                State::Succeeded => "success",
                State::RolledBack => "rolled_back",
                _ => "failed",
            }
            .to_owned(),
            workflow_count: 1,
            finished_at: now,
            error: next.error.clone(),
            url,
            topics: read.topics.clone(),
        })
    } else if matches!(
        next.state,
        State::Paused | State::RollingBack | State::RollbackBlocked
    ) && read.state() != next.state
    {
        Notification {
            event: transition.event,
            subject: read.id.to_string(),
            environment: Some(read.environment.clone()),
            occurred_at: now,
            title: format!(
                "Deployment of {} to {}: {}",
                read.template, read.environment, transition.detail
            ),
            data: json!({
                "deployment_id": read.id,
                "template": read.template,
                "environment": read.environment,
                "status": next.state,
                "timestamp": now,
                "detail": transition.detail,
                "url": url,
            }),
            choices: Vec::new(),
            audience: Audience::Standing,
            once: None,
            to: read
                .topics
                .iter()
                .map(|arn| Destination::Topic { arn: arn.clone() })
                .collect(),
        }
    } else {
        return Ok(());
    };
    notifications::enqueue(tx, &app.config.notifications, &notification).await?;
    Ok(())
}

/// Whoever waited for it goes on.
async fn finished(
    app: &App,
    tx: &mut Tx,
    read: &Record,
    transition: &Transition,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let next = &transition.next;
    app.metrics
        .deployments_total
        .with_label_values(&[read.strategy.as_str(), next.state.as_str()])
        .inc();
    for waiting in record::in_line(tx.conn(), &read.template, &read.environment).await? {
        wake(tx, waiting, now).await?;
    }
    if let Some(parent) = &read.parent {
        wake_release(tx, parent, now).await?;
    }
    if next.state == State::RolledBack {
        let how = Enqueue::at(now + RECOVERY_WATCH).unique(read.id.to_string());
        enqueue::<CheckRecovery>(
            tx,
            &RecoveryArgs {
                deployment: read.id,
                since: now,
            },
            how,
        )
        .await?;
    }
    Ok(())
}
