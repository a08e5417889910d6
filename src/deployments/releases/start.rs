//! Start a release, or a rolling deployment over several environments.

use std::sync::Arc;

use super::super::start::{Fault, StartDeployment, StartError, prepare, refuse_quarantined};
use super::super::store::releases::{NewRelease, insert};
use super::super::strategy::{Resolved, Strategy, StrategyChoice, StrategyKind};
use super::super::waves::order;
use super::advance::wake_release;
use super::model::{MEMBERS_MAX, ReleaseRules, SCENARIOS_MAX, StartRelease};
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
    let target = super::super::start::target(app, &environment)?;
    let waves = check(request)?;
    let revisions = Box::pin(register(app, request, requester)).await?;
    let members: Vec<(u32, StartDeployment)> = waves
        .into_iter()
        .zip(request.workflows.iter().zip(revisions))
        .map(|(wave, (workflow, revision))| {
            (
                wave,
                StartDeployment {
                    template: workflow.template.clone(),
                    revision,
                    environment: Some(environment.clone()),
                    environments: None,
                    strategy: workflow
                        .strategy
                        .clone()
                        .or_else(|| request.strategy.clone())
                        .map(StrategyChoice::from),
                    tests: workflow.tests.clone().into(),
                    approval_required: request.approval_required,
                    gates: Vec::new(),
                    rollback_enabled: request.rollback_enabled,
                    monitoring_enabled: request.monitoring_enabled,
                    notification_topics: Vec::new(),
                    analysis: workflow
                        .analysis
                        .clone()
                        .unwrap_or_else(|| request.analysis.clone()),
                    analysis_template: None,
                    on_conflict: super::super::start::OnConflict::Queue,
                    on_rollback: super::super::start::OnRollback::default(),
                    protect_unqualified: None,
                    override_quarantine: None,
                    reason: request.reason.clone(),
                },
            )
        })
        .collect();
    check_members(app, &members, requester, "/workflows").await?;
    let strategy = request
        .strategy
        .as_ref()
        .map_or(StrategyKind::BlueGreen, |strategy| strategy.kind);
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
            strategy: strategy.as_str(),
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

/// A rolling deployment over several environments, if the request asks for one.
pub(in super::super) async fn start_rolling(
    app: &App,
    request: &StartDeployment,
    requester: &str,
) -> Result<Option<ReleaseId>, StartError> {
    let Some(StrategyChoice::Written(strategy)) = &request.strategy else {
        return refuse_environments(request);
    };
    if strategy.kind != StrategyKind::Rolling {
        return refuse_environments(request);
    }
    let mut strategy: Strategy = strategy.as_ref().clone();
    if strategy.waves.is_none()
        && let Some(environments) = &request.environments
    {
        strategy.waves = Some(environments.iter().map(|name| vec![name.clone()]).collect());
    }
    let waves = match strategy.resolve(&request.analysis) {
        Ok(Resolved::Waves(waves)) => waves,
        Ok(Resolved::Course(_)) => return Ok(None),
        Err(problems) => {
            let fault = |problem: super::super::strategy::StrategyError| Fault {
                pointer: format!("/strategy/{}", problem.field.replace('.', "/")),
                message: problem.to_string(),
            };
            return Err(StartError::Invalid(problems.into_iter().map(fault).collect()));
        }
    };
    let members: Vec<(u32, StartDeployment)> = waves
        .waves
        .iter()
        .zip(0..)
        .flat_map(|(wave, number)| wave.iter().map(move |environment| (number, environment)))
        .map(|(wave, environment)| {
            (
                wave,
                StartDeployment {
                    environment: Some(environment.clone()),
                    environments: None,
                    strategy: Some(waves.inner.clone().into()),
                    notification_topics: Vec::new(),
                    ..request.clone()
                },
            )
        })
        .collect();
    check_members(app, &members, requester, "/strategy/waves").await?;
    let rules = ReleaseRules {
        max_parallel: waves.max_parallel,
        on_failure: waves.on_failure,
        bake_seconds: waves.bake_seconds,
        pin_children: false,
    };
    let body = serde_json::to_value(request).map_err(encode)?;
    let mut topics = request.notification_topics.clone();
    for target in app.environments.iter().filter(|target| {
        members
            .iter()
            .any(|member| member.1.environment.as_deref() == Some(target.name.as_str()))
    }) {
        topics.extend(target.policies.notification_topics.iter().cloned());
    }
    topics.sort_unstable();
    topics.dedup();
    write(
        app,
        &NewRelease {
            id: ReleaseId::generate(),
            kind: "rolling",
            environment: None,
            strategy: StrategyKind::Rolling.as_str(),
            request: &body,
            rules: &rules,
            scenarios: &[],
            requester,
            topics: &topics,
            members: &members,
        },
        request.reason.as_deref(),
    )
    .await
    .map(Some)
}

fn refuse_environments(request: &StartDeployment) -> Result<Option<ReleaseId>, StartError> {
    if request.environments.is_none() {
        return Ok(None);
    }
    Err(StartError::Invalid(vec![Fault {
        pointer: "/environments".to_owned(),
        message: "several environments take the strategy `rolling`".to_owned(),
    }]))
}

async fn write(app: &App, new: &NewRelease<'_>, reason: Option<&str>) -> Result<ReleaseId, StartError> {
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

/// The members' waves, or everything wrong with how they hang together.
fn check(request: &StartRelease) -> Result<Vec<u32>, StartError> {
    let mut faults = Vec::new();
    let mut fault = |pointer: String, message: String| faults.push(Fault { pointer, message });
    let places = |name: &str| {
        request
            .workflows
            .iter()
            .position(|workflow| workflow.template == name)
    };
    if request.workflows.is_empty() || request.workflows.len() > MEMBERS_MAX {
        fault(
            "/workflows".to_owned(),
            format!("a release has 1 to {MEMBERS_MAX} workflows"),
        );
    }
    let mut depends_on = Vec::new();
    for (index, workflow) in request.workflows.iter().enumerate() {
        if places(&workflow.template) != Some(index) {
            fault(
                format!("/workflows/{index}/template"),
                format!("`{}` is a member already", workflow.template),
            );
        }
        if workflow.definition.is_some() && workflow.revision.is_some() {
            fault(
                format!("/workflows/{index}/revision"),
                "means nothing beside a `definition`".to_owned(),
            );
        }
        if workflow.definition.is_none() && (workflow.kind.is_some() || workflow.role_arn.is_some()) {
            fault(
                format!("/workflows/{index}"),
                "`type` and `role_arn` mean nothing without a `definition`".to_owned(),
            );
        }
        let mut needs: Vec<usize> = earlier(request, workflow.order).collect();
        for (number, name) in workflow.depends_on.iter().enumerate() {
            match places(name) {
                Some(place) => needs.push(place),
                None => fault(
                    format!("/workflows/{index}/depends_on/{number}"),
                    format!("`{name}` is no member"),
                ),
            }
        }
        depends_on.push(needs);
    }
    let mut names = std::collections::BTreeSet::new();
    if request.scenarios.len() > SCENARIOS_MAX {
        fault(
            "/scenarios".to_owned(),
            format!("a release has at most {SCENARIOS_MAX} scenarios"),
        );
    }
    for (index, scenario) in request.scenarios.iter().enumerate() {
        if !names.insert(&scenario.name) {
            fault(
                format!("/scenarios/{index}/name"),
                "is the name of an earlier scenario".to_owned(),
            );
        }
        if scenario.steps.is_empty() || scenario.steps.len() > SCENARIOS_MAX {
            fault(
                format!("/scenarios/{index}/steps"),
                format!("a scenario has 1 to {SCENARIOS_MAX} steps"),
            );
        }
        for (number, step) in scenario.steps.iter().enumerate() {
            if let Some(problem) = step
                .expected_output
                .as_ref()
                .and_then(super::super::tests::matcher::problem)
            {
                fault(
                    format!("/scenarios/{index}/steps/{number}/expected_output"),
                    problem,
                );
            }
        }
    }
    let waves = order(&depends_on);
    if let Err(circle) = &waves {
        let names: Vec<_> = circle
            .iter()
            .filter_map(|place| request.workflows.get(*place))
            .map(|workflow| workflow.template.as_str())
            .collect();
        fault(
            "/workflows".to_owned(),
            format!("{} depend on each other in a circle", names.join(", ")),
        );
    }
    match waves {
        Ok(waves) if faults.is_empty() => Ok(waves),
        Ok(_) | Err(_) => Err(StartError::Invalid(faults)),
    }
}

/// The members with a lower number.
fn earlier(request: &StartRelease, order: Option<u32>) -> impl Iterator<Item = usize> + '_ {
    let lower = move |other: Option<u32>| order.is_some() && other.is_some() && other < order;
    request
        .workflows
        .iter()
        .enumerate()
        .filter(move |(_, other)| lower(other.order))
        .map(|(place, _)| place)
}

async fn check_members(
    app: &App,
    members: &[(u32, StartDeployment)],
    requester: &str,
    pointer: &str,
) -> Result<(), StartError> {
    let mut faults = Vec::new();
    for (index, (_, request)) in members.iter().enumerate() {
        match prepare(app, request, requester).await {
            Ok(prepared) => refuse_quarantined(request, &prepared)?,
            Err(StartError::Invalid(found)) => faults.extend(found.into_iter().map(|fault| Fault {
                pointer: format!("{pointer}/{index}{}", fault.pointer),
                ..fault
            })),
            Err(error) => return Err(error),
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(StartError::Invalid(faults))
    }
}

fn encode(error: serde_json::Error) -> DbError {
    DbError::Other(sqlx::Error::Encode(error.into()))
}
