//! Start a release.

use std::sync::Arc;

use super::super::judge::Analysis;
use super::super::plan::Plan;
use super::super::prepare::{prepare, refuse_quarantined};
use super::super::presets;
use super::super::refusal::StartError;
use super::super::request::{Fault, OnConflict, OnRollback, StartDeployment};
use super::super::store::releases::{NewRelease, insert};
use super::super::strategy::{Strategy, StrategyChoice, StrategyKind};
use super::advance::wake_release;
use super::check::check;
use super::model::{ReleaseRules, ReleaseWorkflow, StartRelease};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::ids::ReleaseId;
use crate::templates::{self, TemplateName, Wanted};

/// Starts a release. Every member is checked first: what can be seen to fail is refused before anything moves.
pub(in super::super) async fn start_release(
    app: &Arc<App>,
    request: &StartRelease,
    requester: &str,
) -> Result<ReleaseId, StartError> {
    let environment = request
        .environment
        .clone()
        .unwrap_or_else(|| "default".to_owned());
    let target = app.environments.named(&environment)?;
    let waves = check(request)?;
    let ways = ways(app, request).await?;
    let revisions = Box::pin(register(app, request, requester)).await?;
    let members: Vec<(u32, StartDeployment)> = waves
        .into_iter()
        .zip(request.workflows.iter().zip(ways.members))
        .zip(revisions)
        .map(|((wave, (workflow, way)), revision)| {
            (wave, member(request, &environment, workflow, way, revision))
        })
        .collect();
    check_members(app, &members, requester, "/workflows").await?;
    let mut topics = target.policies.notification_topics.clone();
    topics.extend(
        request
            .notification_topics
            .iter()
            .filter(|topic| !target.policies.notification_topics.contains(topic))
            .cloned(),
    );
    let rules = ReleaseRules {
        max_parallel: u32::MAX,
        on_failure: request.on_failure,
        bake_seconds: 0,
        pin_children: request.pin_children,
    };
    let body = serde_json::to_value(request).map_err(encode)?;
    write(
        app,
        &NewRelease {
            id: ReleaseId::generate(),
            kind: "release",
            environment: Some(&environment),
            strategy: ways.kind.as_str(),
            request: &body,
            rules: &rules,
            scenarios: &request.scenarios,
            requester,
            topics: &topics,
            members: &members,
        },
        request.reason.as_deref(),
    )
    .await
}

/// The deployment of one member, as `POST /v1/deployments` would take it.
fn member(
    request: &StartRelease,
    environment: &str,
    workflow: &ReleaseWorkflow,
    way: Way,
    revision: Option<i32>,
) -> StartDeployment {
    StartDeployment {
        template: workflow.template.clone(),
        revision,
        environment: Some(environment.to_owned()),
        environments: None,
        strategy: way.strategy.map(Into::into),
        tests: workflow.tests.clone().into(),
        approval_required: request.approval_required,
        gates: Vec::new(),
        rollback_enabled: request.rollback_enabled,
        monitoring_enabled: request.monitoring_enabled,
        notification_topics: Vec::new(),
        analysis: way.analysis,
        analysis_template: None,
        on_conflict: OnConflict::Queue,
        on_rollback: OnRollback::default(),
        protect_unqualified: None,
        override_quarantine: workflow.override_quarantine.clone(),
        reason: request.reason.clone(),
    }
}

/// How one member goes and is judged, with what was named put in its place.
#[derive(Clone)]
struct Way {
    strategy: Option<Strategy>,
    analysis: Analysis,
}

struct Ways {
    /// The release's own type of strategy, for those who look at it as one.
    kind: StrategyKind,
    members: Vec<Way>,
}

/// The ways of all members: their own, or the release's.
async fn ways(app: &App, request: &StartRelease) -> Result<Ways, StartError> {
    let mut faults = Vec::new();
    let chosen = async |choice: &Option<StrategyChoice>, below: &str, faults: &mut Vec<Fault>| match choice {
        Some(choice) => presets::strategy(app, choice.clone(), below, faults).await,
        None => Ok(None),
    };
    let judged = async |written: Option<&Analysis>,
                        name: Option<&str>,
                        below: &str,
                        faults: &mut Vec<Fault>| match name {
        Some(name) => presets::analysis(app, name, written, below, faults).await,
        None => Ok(written.cloned()),
    };
    let strategy = chosen(&request.strategy, "", &mut faults).await?;
    let analysis = judged(
        request.analysis.as_ref(),
        request.analysis_template.as_deref(),
        "",
        &mut faults,
    )
    .await?;
    let analysis = analysis.unwrap_or_default();
    let mut members = Vec::with_capacity(request.workflows.len());
    for (index, workflow) in request.workflows.iter().enumerate() {
        let below = format!("/workflows/{index}");
        let own = judged(
            workflow.analysis.as_ref(),
            workflow.analysis_template.as_deref(),
            &below,
            &mut faults,
        )
        .await?;
        members.push(Way {
            strategy: chosen(&workflow.strategy, &below, &mut faults)
                .await?
                .or_else(|| strategy.clone()),
            analysis: own.unwrap_or_else(|| analysis.clone()),
        });
    }
    if !faults.is_empty() {
        return Err(StartError::Invalid(faults));
    }
    Ok(Ways {
        kind: strategy.map_or(StrategyKind::BlueGreen, |strategy| strategy.kind),
        members,
    })
}

/// The revision of each member: named, or that of its definition, or none for the newest.
async fn register(
    app: &Arc<App>,
    request: &StartRelease,
    requester: &str,
) -> Result<Vec<Option<i32>>, StartError> {
    let mut revisions = Vec::with_capacity(request.workflows.len());
    for (index, workflow) in request.workflows.iter().enumerate() {
        let Some(definition) = &workflow.definition else {
            revisions.push(workflow.revision);
            continue;
        };
        let name = workflow.template.parse::<TemplateName>().map_err(|error| {
            StartError::Invalid(vec![Fault {
                pointer: format!("/workflows/{index}/template"),
                message: error.to_string(),
            }])
        })?;
        let wanted = Wanted {
            name,
            kind: workflow.kind.unwrap_or_default(),
            definition: definition.clone(),
            role_arn: workflow.role_arn.clone(),
            actor: requester.to_owned(),
        };
        let revision = templates::ensure(app, wanted)
            .await
            .map_err(|source| StartError::Definition {
                template: workflow.template.clone(),
                source: Box::new(source),
            })?;
        revisions.push(Some(revision));
    }
    Ok(revisions)
}

/// Writes the release, and wakes its worker.
pub(super) async fn write(
    app: &App,
    new: &NewRelease<'_>,
    reason: Option<&str>,
) -> Result<ReleaseId, StartError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    insert(&mut tx, new, now).await?;
    let templates: Vec<_> = new.members.iter().map(|member| &member.1.template).collect();
    let entry = AuditEntry {
        actor: new.requester.to_owned(),
        action: "release.start",
        subject: new.id.to_string(),
        environment: new.environment.map(ToOwned::to_owned),
        reason: reason.map(ToOwned::to_owned),
        details: serde_json::json!({"kind": new.kind, "templates": templates}),
    };
    audit::record(&mut tx, entry).await?;
    wake_release(&mut tx, &new.id.to_string(), now).await?;
    tx.commit().await?;
    Ok(new.id)
}

/// The plan of each member, checked as if it were started alone; `pointer` is where they are in the body.
pub(super) async fn check_members(
    app: &App,
    members: &[(u32, StartDeployment)],
    requester: &str,
    pointer: &str,
) -> Result<Vec<Plan>, StartError> {
    let mut faults = Vec::new();
    let mut plans = Vec::with_capacity(members.len());
    for (index, (_, request)) in members.iter().enumerate() {
        match prepare(app, request, requester.into()).await {
            Ok(prepared) => {
                refuse_quarantined(request, &prepared)?;
                plans.push(prepared.plan);
            }
            Err(StartError::Invalid(found)) => faults.extend(found.into_iter().map(|fault| Fault {
                pointer: format!("{pointer}/{index}{}", fault.pointer),
                ..fault
            })),
            Err(error) => return Err(error),
        }
    }
    if faults.is_empty() {
        Ok(plans)
    } else {
        Err(StartError::Invalid(faults))
    }
}

pub(super) fn encode(error: serde_json::Error) -> DbError {
    DbError::Other(sqlx::Error::Encode(error.into()))
}
