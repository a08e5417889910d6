//! The worker of a deployment: observe, decide, do that one thing, again. One job per deployment, so one worker at a time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::act::{ActError, act};
use super::converge::{ConvergeError, chain, converge};
use super::gate;
use super::judge::Verdict;
use super::limits::{
    ASK_INTERVAL, ASK_INTERVAL_EMBEDDED, BACKOFF_MAX, LINE_INTERVAL, LOOK_INTERVAL, STEPS_PER_RUN,
};
use super::look::{keep, look};
use super::model::{Deployment, State};
use super::observe::{ObserveError, observe};
use super::step::{AliasState, Command, Converge, Observed, Step, Transition, next_step, past_deadline};
use super::store::record::{self, ONE_MOVER, Record};
use super::write::{Actor, WriteError, write};
use crate::app::App;
use crate::audit::SYSTEM_ACTOR;
use crate::db::DbError;
use crate::environments::Target;
use crate::ids::DeploymentId;
use crate::jobs::{Done, Job, JobError, Lease};

/// Moves one deployment forward until it has to wait.
#[derive(Debug)]
pub struct Advance;

/// Which.
#[derive(Debug, Serialize, Deserialize)]
pub struct AdvanceArgs {
    /// The deployment.
    pub deployment: DeploymentId,
}

/// What a step leads to.
enum Tick {
    /// The next one.
    Again,
    /// Nothing before then.
    Until(DateTime<Utc>),
    /// Nothing until somebody wakes it.
    Rest,
}

impl Job for Advance {
    const KIND: &'static str = "deployment.advance";
    type Args = AdvanceArgs;

    async fn run(app: Arc<App>, args: AdvanceArgs, lease: &Lease) -> Result<Done, JobError> {
        let mut published = None;
        for _ in 0..STEPS_PER_RUN {
            match Box::pin(tick(&app, args.deployment, lease, &mut published)).await? {
                Tick::Again => {}
                Tick::Until(until) => return Ok(Done::Snooze(until)),
                Tick::Rest => return Ok(Done::Finished),
            }
        }
        Ok(Done::Snooze(app.clock.now()))
    }

    fn backoff(attempt: u32) -> Duration {
        Duration::from_millis(250)
            .saturating_mul(1 << attempt.min(10))
            .min(BACKOFF_MAX)
    }
}

/// One step. `published` is what publishing answered earlier in this run.
async fn tick(
    app: &App,
    id: DeploymentId,
    lease: &Lease,
    published: &mut Option<String>,
) -> Result<Tick, JobError> {
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let Some(read) = record::load(&mut conn, id).await? else {
        return Ok(Tick::Rest);
    };
    drop(conn);
    let deployment = read.deployment();
    if deployment.state.is_finished() {
        return Ok(Tick::Rest);
    }
    let target = Arc::clone(
        app.environments
            .named(&read.environment)
            .map_err(JobError::retry)?,
    );
    let now = app.clock.now();
    if let Some(step) = late(&read, &deployment, &target, now)
        && let Step::Intend(transition) | Step::Finish(transition) = step
    {
        return intend(app, &target, &read, lease, &transition).await;
    }
    if deployment.state == State::Pending && !is_next(app, &read).await? {
        supersede(app, &read).await?;
        return Ok(Tick::Until(now + LINE_INTERVAL));
    }
    let mut observed = match observe(app, &target, &read, &deployment, now).await {
        Ok(observed) => observed,
        Err(error) => return refused(app, &target, &read, lease, Refusal::Observe(error)).await,
    };
    if observed.published.is_none() {
        observed.published.clone_from(published);
    }
    note_alias(app, &read, &observed, now).await?;
    let verdict = if deployment.is_watching() {
        let look = Box::pin(look(app, &target, &read)).await?;
        keep(app, &read, &look).await?;
        look.verdict
    } else {
        Verdict::Pass
    };
    let policy = read.analysis.0.on_insufficient_data;
    match next_step(&deployment, &observed, &verdict, policy, app.clock.now()) {
        Step::Rest => Ok(Tick::Rest),
        Step::Wait { until } => Ok(Tick::Until(paced(&deployment, until, now))),
        Step::Intend(transition) | Step::Finish(transition) => {
            intend(app, &target, &read, lease, &transition).await
        }
        Step::Converge(call) => match converge(app, &target, &read, &deployment, &call).await {
            Ok(version) => {
                *published = version;
                let ask = if target.embedded {
                    ASK_INTERVAL_EMBEDDED
                } else {
                    ASK_INTERVAL
                };
                Ok(match call {
                    Converge::Tests | Converge::InFlight => Tick::Until(now + ask),
                    Converge::Publish
                    | Converge::Preview
                    | Converge::Alias { .. }
                    | Converge::Unqualified => Tick::Again,
                })
            }
            Err(error) => refused(app, &target, &read, lease, Refusal::Converge(error)).await,
        },
    }
}

/// What ends a deployment that makes no progress. While traffic may not be moved, none is to be made.
fn late(read: &Record, deployment: &Deployment, target: &Target, now: DateTime<Utc>) -> Option<Step> {
    let seconds = read.analysis.0.progress_deadline_seconds?;
    let deadline = TimeDelta::seconds(i64::try_from(seconds).ok()?);
    if target.policies.closed_at(now).is_some() {
        return None;
    }
    past_deadline(deployment, deadline, read.updated_at, now)
}

/// Looks come at their own pace, unless the wait itself is shorter.
fn paced(deployment: &Deployment, until: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let look = now + LOOK_INTERVAL;
    let ends = deployment.bake.map(|bake| bake.until).filter(|ends| *ends > now);
    if deployment.is_watching() {
        ends.map_or(look, |ends| ends.min(look))
    } else {
        until
    }
}

/// Whether a deployment in line is the first, and nobody moves the alias.
async fn is_next(app: &App, read: &Record) -> Result<bool, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    if record::mover(&mut conn, &read.template, &read.environment)
        .await?
        .is_some()
    {
        return Ok(false);
    }
    let line = record::in_line(&mut conn, &read.template, &read.environment).await?;
    Ok(line.first() == Some(&read.id))
}

/// A deployment that is to supersede others tells the one at hand to make way: here too, because who asked for it may have
/// died after writing it down. One that has ended or goes back already needs no telling.
async fn supersede(app: &App, read: &Record) -> Result<(), JobError> {
    if read
        .request
        .0
        .get("on_conflict")
        .and_then(serde_json::Value::as_str)
        != Some("supersede")
    {
        return Ok(());
    }
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let holder = record::mover(&mut conn, &read.template, &read.environment).await?;
    drop(conn);
    let Some(holder) = holder else { return Ok(()) };
    if holder.state().is_finished() || holder.deployment().rollback.is_some() {
        return Ok(());
    }
    let by = read.id.to_string();
    let actor = Actor {
        name: &by,
        reason: Some("a newer deployment takes its place"),
    };
    match act(app, holder.id, Command::Supersede, actor).await {
        Ok(_) | Err(ActError::Refused(_) | ActError::Overtaken { .. } | ActError::Busy) => Ok(()),
        Err(error) => Err(JobError::retry(error)),
    }
}

/// Notes that the alias was seen where it should be.
async fn note_alias(
    app: &App,
    read: &Record,
    observed: &Observed,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let AliasState::Stands(seen) = &observed.alias else {
        return Ok(());
    };
    let deployment = read.deployment();
    if deployment
        .standing
        .as_ref()
        .is_some_and(|standing| standing.is_same(&seen.routing))
    {
        let mut conn = app.db.pool().acquire().await?;
        record::alias_read(&mut conn, read.id, now).await?;
    }
    Ok(())
}

/// Writes a transition, if this worker still has the lease and nobody changed the deployment.
async fn intend(
    app: &App,
    target: &Target,
    read: &Record,
    lease: &Lease,
    transition: &Transition,
) -> Result<Tick, JobError> {
    let mut tx = app.db.begin().await?;
    lease.hold(&mut tx).await?;
    let actor = Actor {
        name: SYSTEM_ACTOR,
        reason: None,
    };
    match write(app, &mut tx, target, read, transition, actor).await {
        Ok(()) => {}
        Err(WriteError::Changed) => return Ok(Tick::Again),
        // Another one was faster: stay in line.
        Err(WriteError::Database(error)) if error.is_constraint(ONE_MOVER) => {
            return Ok(Tick::Until(app.clock.now() + LINE_INTERVAL));
        }
        Err(WriteError::Database(error)) => return Err(error.into()),
    }
    if transition.next.state == State::Gate {
        gate::ask(app, &mut tx, read, &transition.next)
            .await
            .map_err(JobError::retry)?;
    }
    tx.commit().await?;
    tracing::info!(
        deployment = %read.id, template = read.template, environment = read.environment,
        from = read.state().as_str(), to = transition.next.state.as_str(), detail = transition.detail,
        "deployment moved"
    );
    Ok(if transition.next.state.is_finished() {
        Tick::Rest
    } else {
        Tick::Again
    })
}

/// What did not work.
enum Refusal {
    Observe(ObserveError),
    Converge(ConvergeError),
}

/// A call failed. What may pass is tried again; what will not ends the deployment while no traffic has moved, and blocks a
/// rollback visibly. In between the deployment stays where it is and tries again: the alias is safe where it stands.
async fn refused(
    app: &App,
    target: &Target,
    read: &Record,
    lease: &Lease,
    refusal: Refusal,
) -> Result<Tick, JobError> {
    let (what, transient) = match &refusal {
        Refusal::Observe(error) => (
            chain(error),
            match error {
                ObserveError::StepFunctions(error) => error.is_transient(),
                ObserveError::Database(_) => true,
            },
        ),
        Refusal::Converge(error) => (chain(error), error.is_transient()),
    };
    let deployment = read.deployment();
    let next = if transient {
        None
    } else if !deployment.has_shifted() {
        let next = Deployment {
            state: State::Failed,
            error: Some(what.clone()),
            pause: None,
            ..deployment
        };
        Some(Transition {
            next,
            event: "deployment.failed",
            detail: what.clone(),
        })
    } else if deployment.state == State::RollingBack {
        let next = Deployment {
            state: State::RollbackBlocked,
            ..deployment
        };
        Some(Transition {
            next,
            event: "deployment.rollback_blocked",
            detail: what.clone(),
        })
    } else {
        None
    };
    match next {
        Some(transition) => intend(app, target, read, lease, &transition).await,
        None => Err(JobError::retry(what)),
    }
}
