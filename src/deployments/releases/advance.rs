//! The worker of a release: look at the members, decide (`waves.rs`), do that, wait to be woken by a member.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::super::act::{ActError, act};
use super::super::limits::{ASK_INTERVAL, ASK_INTERVAL_EMBEDDED, BACKOFF_MAX, STEPS_PER_RUN};
use super::super::model::State;
use super::super::refusal::StartError;
use super::super::request::StartDeployment;
use super::super::start::start;
use super::super::step::Command;
use super::super::store::releases::{self, MemberRow, ReleaseRow};
use super::super::store::{facts, record};
use super::super::waves::{Direction, Member, Next, Outcome, next};
use super::super::write::Actor;
use super::model::pin_versions;
use super::scenario;
use crate::app::App;
use crate::audit::{self, AuditEntry, SYSTEM_ACTOR};
use crate::db::{DbError, Tx};
use crate::ids::{DeploymentId, ReleaseId};
use crate::jobs::{Done, Enqueue, Job, JobError, Lease, enqueue};
use crate::notifications::{self, DeploymentNotice, Notification};
use crate::templates;

/// How soon a release looks again that nobody woke.
const LOOK: TimeDelta = TimeDelta::seconds(2);

/// Moves one release forward until it has to wait.
#[derive(Debug)]
pub struct AdvanceRelease;

/// Which.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReleaseArgs {
    /// The release.
    pub release: ReleaseId,
}

impl Job for AdvanceRelease {
    const KIND: &'static str = "release.advance";
    type Args = ReleaseArgs;

    async fn run(app: Arc<App>, args: ReleaseArgs, lease: &Lease) -> Result<Done, JobError> {
        for _ in 0..STEPS_PER_RUN {
            match tick(&app, args.release, lease).await? {
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

enum Tick {
    Again,
    Until(DateTime<Utc>),
    Rest,
}

/// Makes a release's worker look again. `parent` that is no release's id has no worker.
pub(in super::super) async fn wake_release(
    tx: &mut Tx,
    parent: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let Ok(release) = parent.parse::<ReleaseId>() else {
        return Ok(());
    };
    enqueue::<AdvanceRelease>(
        tx,
        &ReleaseArgs { release },
        Enqueue::at(now).unique(parent).forever(),
    )
    .await?;
    Ok(())
}

/// A person's wish to take a release back. `None`: it is not possible any more.
pub(in super::super) async fn take_back(
    app: &App,
    id: ReleaseId,
    who: &str,
    reason: Option<&str>,
) -> Result<Option<()>, DbError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let why = reason.map_or_else(
        || format!("rolled back by {who}"),
        |reason| format!("rolled back by {who}: {reason}"),
    );
    if !releases::turn_back_by_hand(&mut tx, id, &why, now).await? {
        return Ok(None);
    }
    let entry = AuditEntry {
        actor: who.to_owned(),
        action: "release.rollback",
        subject: id.to_string(),
        environment: None,
        reason: reason.map(ToOwned::to_owned),
        details: serde_json::json!({}),
    };
    audit::record(&mut tx, entry).await?;
    wake_release(&mut tx, &id.to_string(), now).await?;
    tx.commit().await?;
    Ok(Some(()))
}

async fn tick(app: &App, id: ReleaseId, lease: &Lease) -> Result<Tick, JobError> {
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let Some(release) = releases::load(&mut conn, id).await? else {
        return Ok(Tick::Rest);
    };
    let members = releases::members(&mut conn, id).await?;
    drop(conn);
    if release.state != "in_progress" {
        return Ok(Tick::Rest);
    }
    let now = app.clock.now();
    let direction = if release.direction == "back" {
        Direction::Back
    } else {
        Direction::Forward
    };
    let standing: Vec<_> = members.iter().map(standing).collect();
    match next(&standing, direction, release.rules.0.into(), now) {
        Next::Start(places) => start_members(app, &release, &members, &places, lease).await,
        Next::TakeBack(places) => take_members_back(app, &release, &members, &places).await,
        Next::TurnBack(place) => {
            let member = members.get(place);
            let name = member.map_or("", |member| member.request.0.template.as_str());
            let why = member
                .and_then(|member| member.error.as_deref())
                .unwrap_or("it did not succeed");
            turn(app, &release, lease, &format!("{name}: {why}")).await
        }
        Next::Arrived => arrived(app, &release, lease).await,
        Next::Wait(until) => Ok(Tick::Until(
            until.map_or(now + LOOK, |until| until.min(now + LOOK)),
        )),
        Next::Over(outcome) => finish(app, &release, members.len(), outcome, lease).await,
    }
}

fn standing(row: &MemberRow) -> Member {
    Member {
        wave: u32::try_from(row.wave).unwrap_or_default(),
        state: row.state.as_deref().and_then(State::parse),
        told_back: row.told_back,
        finished_at: row.finished_at,
    }
}

async fn start_members(
    app: &App,
    release: &ReleaseRow,
    members: &[MemberRow],
    places: &[usize],
    lease: &Lease,
) -> Result<Tick, JobError> {
    let parent = release.id.to_string();
    for member in places.iter().filter_map(|place| members.get(*place)) {
        let deployment = match started(app, &member.request.0.template, &parent, member).await? {
            Some(deployment) => deployment,
            None => match start_member(app, release, members, member).await {
                Ok(deployment) => deployment,
                Err(StartError::Database(error)) => return Err(error.into()),
                Err(error) => {
                    let why = format!("{}: {error}", member.request.0.template);
                    return turn(app, release, lease, &why).await;
                }
            },
        };
        let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
        releases::set_deployment(&mut conn, release.id, member.position, deployment).await?;
    }
    Ok(Tick::Again)
}

/// Starts the deployment of a member, with the versions of the members before it pinned if that was asked for.
async fn start_member(
    app: &App,
    release: &ReleaseRow,
    members: &[MemberRow],
    member: &MemberRow,
) -> Result<DeploymentId, StartError> {
    let mut request = member.request.0.clone();
    if release.rules.0.pin_children {
        request.revision = pin(app, release, members, &request).await?.or(request.revision);
    }
    start(app, &request, &release.requester, Some(&release.id.to_string())).await
}

/// The revision of a member in which the state machines of the members that were deployed before are named by their new
/// versions; none when it names none of them. The same each time it is asked for.
async fn pin(
    app: &App,
    release: &ReleaseRow,
    members: &[MemberRow],
    request: &StartDeployment,
) -> Result<Option<i32>, StartError> {
    let target = app
        .environments
        .named(request.environment.as_deref().unwrap_or("default"))?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let mut versions = BTreeMap::new();
    for deployment in members.iter().filter_map(|other| other.deployment) {
        let Some(record) = record::load(&mut conn, deployment).await? else {
            continue;
        };
        if let (State::Succeeded, Some(version)) = (record.state(), record.to_version.clone()) {
            versions.insert(target.state_machine_arn(&record.template), version.clone());
            versions.insert(target.alias_arn(&record.template), version);
        }
    }
    let Some(row) = facts::revision(&mut conn, &request.template, request.revision).await? else {
        return Ok(None);
    };
    drop(conn);
    let Some(revision) = templates::revision(app, &request.template, row.revision).await? else {
        return Ok(None);
    };
    let mut definition = serde_json::from_str(&revision.written).unwrap_or_default();
    if !pin_versions(&mut definition, &versions) {
        return Ok(None);
    }
    match templates::revised(app, &request.template, definition, &release.requester).await {
        Ok(revision) => Ok(Some(revision)),
        Err(error) => Err(StartError::Definition {
            template: request.template.clone(),
            source: Box::new(error.into()),
        }),
    }
}

/// The deployment that was started for a member before this worker's predecessor died.
async fn started(
    app: &App,
    template: &str,
    parent: &str,
    member: &MemberRow,
) -> Result<Option<DeploymentId>, DbError> {
    let filter = super::super::store::record::Filter {
        template: Some(template.to_owned()),
        environment: member.request.0.environment.clone(),
        state: None,
        parent: Some(parent.to_owned()),
    };
    let mut conn = app.db.pool().acquire().await?;
    let found = super::super::store::record::list(&mut conn, &filter, None, 1).await?;
    Ok(found.first().map(|record| record.id))
}

async fn take_members_back(
    app: &App,
    release: &ReleaseRow,
    members: &[MemberRow],
    places: &[usize],
) -> Result<Tick, JobError> {
    let by = release.id.to_string();
    let reason = release.error.as_deref();
    for member in places.iter().filter_map(|place| members.get(*place)) {
        if let Some(deployment) = member.deployment {
            let actor = Actor { name: &by, reason };
            let outcome = match act(app, deployment, Command::Rollback, actor).await {
                // Not moved yet: it only has to end.
                Err(ActError::Refused(_)) => act(app, deployment, Command::Abort, actor).await,
                outcome => outcome,
            };
            match outcome {
                // It ended by itself, or goes back already, or a newer one stands there: nothing to take back.
                Ok(_) | Err(ActError::Refused(_) | ActError::Overtaken { .. } | ActError::Unknown(_)) => {}
                Err(error) => return Err(JobError::retry(error)),
            }
        }
        let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
        releases::set_told_back(&mut conn, release.id, member.position).await?;
    }
    Ok(Tick::Again)
}

/// Something failed: everything goes the other way.
async fn turn(app: &App, release: &ReleaseRow, lease: &Lease, why: &str) -> Result<Tick, JobError> {
    let mut tx = app.db.begin().await?;
    lease.hold(&mut tx).await?;
    releases::turn_back(&mut tx, release.id, why, app.clock.now()).await?;
    let entry = AuditEntry {
        actor: SYSTEM_ACTOR.to_owned(),
        action: "release.turn_back",
        subject: release.id.to_string(),
        environment: release.environment.clone(),
        reason: None,
        details: serde_json::json!({"why": why}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(Tick::Again)
}

/// All members are deployed: the scenarios decide.
async fn arrived(app: &App, release: &ReleaseRow, lease: &Lease) -> Result<Tick, JobError> {
    let (scenarios, progress) = (&release.scenarios.0, &release.scenario_state.0);
    let known = |name: &str| {
        progress
            .iter()
            .find(|known| known.name == name)
            .and_then(|known| known.passed)
    };
    if let Some(failed) = progress.iter().find(|known| known.passed == Some(false)) {
        let why = failed.error.as_deref().unwrap_or("it failed");
        return turn(
            app,
            release,
            lease,
            &format!("scenario `{}` failed: {why}", failed.name),
        )
        .await;
    }
    if scenarios
        .iter()
        .all(|scenario| known(&scenario.name) == Some(true))
    {
        return finish(app, release, 0, Outcome::Succeeded, lease).await;
    }
    let environment = release.environment.as_deref().unwrap_or("default");
    let target = Arc::clone(app.environments.named(environment).map_err(JobError::retry)?);
    let next = scenario::advance(app, &target, release.id, scenarios, progress)
        .await
        .map_err(JobError::retry)?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    releases::set_scenarios(&mut conn, release.id, &next, app.clock.now()).await?;
    let ask = if target.embedded {
        ASK_INTERVAL_EMBEDDED
    } else {
        ASK_INTERVAL
    };
    Ok(Tick::Until(app.clock.now() + ask))
}

async fn finish(
    app: &App,
    release: &ReleaseRow,
    count: usize,
    outcome: Outcome,
    lease: &Lease,
) -> Result<Tick, JobError> {
    let state = match outcome {
        Outcome::Succeeded => "success",
        Outcome::RolledBack => "rolled_back",
        Outcome::Failed => "failed",
    };
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    lease.hold(&mut tx).await?;
    if !releases::finish(&mut tx, release.id, state, now).await? {
        return Ok(Tick::Again);
    }
    let workflow_count = if count > 0 {
        count
    } else {
        releases::members(tx.conn(), release.id).await?.len()
    };
    let url = app
        .config
        .notifications
        .public_url
        .as_ref()
        .map(|base| format!("{base}/v1/releases/{}", release.id));
    let notification = Notification::deployment_finished(DeploymentNotice {
        id: release.id.to_string(),
        environment: release.environment.clone().unwrap_or_default(),
        status: state.to_owned(),
        workflow_count,
        finished_at: now,
        error: release.error.clone(),
        url,
        topics: release.topics.clone(),
    });
    notifications::enqueue(&mut tx, &app.config.notifications, &notification)
        .await
        .map_err(JobError::retry)?;
    let entry = AuditEntry {
        actor: SYSTEM_ACTOR.to_owned(),
        action: "release.finish",
        subject: release.id.to_string(),
        environment: release.environment.clone(),
        reason: None,
        details: serde_json::json!({"state": state, "error": release.error}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    app.metrics
        .deployments_total
        .with_label_values(&[release.kind.as_str(), state])
        .inc();
    Ok(Tick::Rest)
}
