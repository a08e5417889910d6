//! Start a deployment: check what was asked for, make the plan, write it down. The worker does the rest.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::judge::Analysis;
use super::limits::TRAFFIC_WINDOW;
use super::model::{Deployment, State};
use super::prepare::{Prepared, prepare, prepare_whatever_is_demanded, refuse_quarantined};
use super::refusal::StartError;
use super::request::{OnConflict, OnRollback, StartDeployment};
use super::step::Command;
use super::store;
use super::store::record::{self, ONE_MOVER, Written};
use super::store::tests::PastRow;
use super::store::timeline::{self, NewEvent};
use super::strategy::{Strategy, StrategyKind};
use super::tests::Tests;
use super::write::{Actor, wake};
use crate::app::App;
use crate::approvals::GateMoment;
use crate::audit::{self, AuditEntry};
use crate::db::{DbError, Tx};
use crate::ids::DeploymentId;

/// Writes the deployment, and wakes its worker.
pub(super) async fn start(
    app: &App,
    request: &StartDeployment,
    requester: &str,
    parent: Option<&str>,
) -> Result<DeploymentId, StartError> {
    let prepared = prepare(app, request, requester.into()).await?;
    refuse_quarantined(request, &prepared)?;
    let mut tx = app.db.begin().await?;
    let (id, holder) = insert(app, &mut tx, request, &prepared, None, (requester, parent)).await?;
    tx.commit().await?;
    if let (Some(holder), OnConflict::Supersede) = (holder, request.on_conflict) {
        supersede(app, holder, id).await;
    }
    Ok(id)
}

/// A deployment that goes back to an earlier version: all traffic at once, untested, and unasked. One in quarantine takes an
/// admin's word (`overridden`), and then the approval that the environment asks for.
pub(super) async fn start_back(
    app: &App,
    place: (&str, &str),
    (version, revision): (&str, i32),
    requester: &str,
    (reason, overridden): (Option<&str>, Option<&str>),
) -> Result<DeploymentId, StartError> {
    let strategy = Strategy {
        settling_seconds: Some(0),
        final_bake_seconds: Some(0),
        ..Strategy::of(StrategyKind::Direct)
    };
    let request = StartDeployment {
        template: place.0.to_owned(),
        revision: Some(revision),
        environment: Some(place.1.to_owned()),
        environments: None,
        strategy: Some(strategy.into()),
        tests: Tests::default(),
        approval_required: if overridden.is_some() { None } else { Some(false) },
        gates: Vec::new(),
        rollback_enabled: None,
        monitoring_enabled: None,
        notification_topics: Vec::new(),
        analysis: Analysis::default(),
        analysis_template: None,
        on_conflict: OnConflict::Reject,
        on_rollback: OnRollback::default(),
        protect_unqualified: Some(false),
        override_quarantine: overridden.map(ToOwned::to_owned),
        reason: Some(reason.map_or_else(|| "rollback".to_owned(), |reason| format!("rollback: {reason}"))),
    };
    let prepared = prepare_whatever_is_demanded(app, &request, requester.into()).await?;
    refuse_quarantined(&request, &prepared)?;
    let mut tx = app.db.begin().await?;
    let (id, _) = insert(
        app,
        &mut tx,
        &request,
        &prepared,
        Some(version),
        (requester, None),
    )
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// Gives the new deployment, and the one that moves the alias at the moment.
async fn insert(
    app: &App,
    tx: &mut Tx,
    request: &StartDeployment,
    prepared: &Prepared,
    to_version: Option<&str>,
    (requester, parent): (&str, Option<&str>),
) -> Result<(DeploymentId, Option<DeploymentId>), StartError> {
    let now = app.clock.now();
    let id = DeploymentId::generate();
    let holder = record::mover(tx.conn(), &request.template, &prepared.environment).await?;
    let in_line = !record::in_line(tx.conn(), &request.template, &prepared.environment)
        .await?
        .is_empty();
    let in_progress = |holder: &record::Record| StartError::InProgress {
        template: request.template.clone(),
        environment: prepared.environment.clone(),
        holder: holder.id,
        state: holder.state(),
    };
    let waits = match (&holder, request.on_conflict) {
        (Some(holder), OnConflict::Reject) => return Err(in_progress(holder)),
        (None, OnConflict::Reject) => false,
        (holder, OnConflict::Queue | OnConflict::Supersede) => holder.is_some() || in_line,
    };
    let state = if waits { State::Pending } else { State::Validating };
    let past = drawn(tx, id, request, prepared, now).await?;
    let has_tests = !request.tests.cases.is_empty() || !past.is_empty();
    let deployment = begin(id, state, prepared, has_tests, to_version);
    let (body, plan) = (json(request)?, json(&prepared.plan)?);
    let new = written(&deployment, request, prepared, (&body, &plan));
    let place = (request.template.as_str(), prepared.environment.as_str());
    match record::insert(tx, place, &new, (requester, parent), now).await {
        Ok(()) => {}
        Err(error) if error.is_constraint(ONE_MOVER) => {
            return Err(refetch(app, request, prepared, error).await);
        }
        Err(error) => return Err(error.into()),
    }
    write_tests(tx, id, request, &past, 0).await?;
    let detail = format!(
        "revision {} of {} to {}",
        prepared.revision, request.template, prepared.environment
    );
    let event = NewEvent {
        event: "deployment.requested",
        state,
        actor: requester,
        detail: &detail,
        data: serde_json::json!({"plan_digest": prepared.plan.digest, "warnings": prepared.plan.warnings}),
    };
    timeline::add_event(tx, id, &event, now).await?;
    let entry = AuditEntry {
        actor: requester.to_owned(),
        action: "deployment.start",
        subject: id.to_string(),
        environment: Some(prepared.environment.clone()),
        reason: request
            .override_quarantine
            .clone()
            .or_else(|| request.reason.clone()),
        details: serde_json::json!({
            "override_quarantine": request.override_quarantine.is_some(),
            "template": request.template, "revision": prepared.revision, "plan_digest": prepared.plan.digest,
        }),
    };
    audit::record(tx, entry).await?;
    wake(tx, id, now).await?;
    Ok((id, holder.map(|holder| holder.id)))
}

/// Tells the holder to make way. It may have ended meanwhile, which is as good.
async fn supersede(app: &App, holder: DeploymentId, by: DeploymentId) {
    let by = by.to_string();
    let actor = Actor {
        name: &by,
        reason: Some("a newer deployment takes its place"),
    };
    if let Err(error) = super::act::act(app, holder, Command::Supersede, actor).await {
        tracing::info!(%holder, %error, "the deployment to be superseded goes its own way");
    }
}

/// Another request was faster: says which.
async fn refetch(app: &App, request: &StartDeployment, prepared: &Prepared, error: DbError) -> StartError {
    let Ok(mut conn) = app.db.pool().acquire().await else {
        return error.into();
    };
    match record::mover(&mut conn, &request.template, &prepared.environment).await {
        Ok(Some(holder)) => StartError::InProgress {
            template: request.template.clone(),
            environment: prepared.environment.clone(),
            holder: holder.id,
            state: holder.state(),
        },
        Ok(None) | Err(_) => error.into(),
    }
}

/// The past executions that a replay draws; none without a replay, or without a version that serves.
pub(super) async fn drawn(
    tx: &mut Tx,
    id: DeploymentId,
    request: &StartDeployment,
    prepared: &Prepared,
    now: DateTime<Utc>,
) -> Result<Vec<PastRow>, DbError> {
    let (Some(replay), Some(from)) = (&request.tests.replay, &prepared.plan.from_version_arn) else {
        return Ok(Vec::new());
    };
    let wanted = (replay.statuses.as_slice(), replay.samples);
    store::tests::draw(tx.conn(), id, from, wanted, now - TRAFFIC_WINDOW).await
}

/// Writes the tests of a plan; `changes` counts the plans before.
pub(super) async fn write_tests(
    tx: &mut Tx,
    id: DeploymentId,
    request: &StartDeployment,
    past: &[PastRow],
    changes: usize,
) -> Result<(), DbError> {
    let cases = &request.tests.cases;
    let name = |position| super::tests::run::execution_name(id, changes, position);
    store::tests::insert(tx, id, cases, name).await?;
    store::tests::insert_replays(tx, id, past, cases.len(), name).await
}

/// What the database keeps as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<Value, DbError> {
    serde_json::to_value(value).map_err(|error| DbError::Other(sqlx::Error::Encode(error.into())))
}

/// What is written down of a deployment that begins, or begins again: `body` and `plan` are the request and the plan as JSON.
pub(super) fn written<'a>(
    deployment: &'a Deployment,
    request: &'a StartDeployment,
    prepared: &'a Prepared,
    (body, plan): (&'a Value, &'a Value),
) -> Written<'a> {
    Written {
        deployment,
        revision: prepared.revision,
        request: body,
        plan,
        plan_digest: &prepared.plan.digest,
        analysis: &request.analysis,
        monitoring_enabled: prepared.monitoring_enabled,
        in_flight: request.on_rollback.in_flight,
        protect_unqualified: prepared.plan.protect_unqualified,
        reason: request.reason.as_deref(),
        topics: &prepared.topics,
    }
}

/// A deployment that has done nothing yet.
pub(super) fn begin(
    id: DeploymentId,
    state: State,
    prepared: &Prepared,
    has_tests: bool,
    to_version: Option<&str>,
) -> Deployment {
    let asks = |moment: GateMoment| prepared.plan.gates.iter().any(|gate| gate.when == moment);
    let single = prepared.course.steps.len() == 1;
    Deployment {
        id,
        state,
        course: prepared.course.clone(),
        has_tests,
        has_gate: asks(GateMoment::BeforeTraffic) || (single && asks(GateMoment::BeforeFullTraffic)),
        has_full_gate: !single && asks(GateMoment::BeforeFullTraffic),
        rollback_enabled: prepared.plan.rollback_enabled,
        step: 0,
        from_version: None,
        to_version: to_version.map(ToOwned::to_owned),
        standing: None,
        intent: None,
        may_overwrite: None,
        bake: None,
        promoted: false,
        pause: None,
        rollback: None,
        error: None,
    }
}
