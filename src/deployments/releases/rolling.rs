//! Start a rolling deployment over several environments: a release of one template.

use serde::Serialize;

use super::super::check::strategy_fault;
use super::super::plan::Plan;
use super::super::refusal::StartError;
use super::super::request::{Fault, StartDeployment};
use super::super::store::releases::NewRelease;
use super::super::strategy::{Resolved, Strategy, StrategyChoice, StrategyKind, Waves};
use super::model::ReleaseRules;
use super::start::{check_members, encode, write};
use crate::app::App;
use crate::ids::ReleaseId;

/// What a rolling deployment over several environments would do.
#[derive(Debug, Serialize)]
pub(in super::super) struct RollingPlan {
    /// The plans wave by wave, one for each environment.
    waves: Vec<Vec<Plan>>,
}

/// What would be done, if the request asks for a rolling deployment over several environments.
pub(in super::super) async fn plan_rolling(
    app: &App,
    request: &StartDeployment,
    requester: &str,
) -> Result<Option<RollingPlan>, StartError> {
    let Some(waves) = waves(request)? else {
        return Ok(None);
    };
    let members = members(request, &waves);
    let plans = check_members(app, &members, requester, "/strategy/waves").await?;
    let mut found: Vec<Vec<Plan>> = Vec::new();
    found.resize_with(waves.waves.len(), Vec::new);
    for ((wave, _), plan) in members.iter().zip(plans) {
        if let Some(wave) = usize::try_from(*wave).ok().and_then(|wave| found.get_mut(wave)) {
            wave.push(plan);
        }
    }
    Ok(Some(RollingPlan { waves: found }))
}

/// The waves that a request asks for; none when it moves one alias.
fn waves(request: &StartDeployment) -> Result<Option<Waves>, StartError> {
    let rolling = match &request.strategy {
        Some(StrategyChoice::Written(strategy)) if strategy.kind == StrategyKind::Rolling => strategy,
        Some(_) | None if request.environments.is_some() => {
            return Err(StartError::Invalid(vec![Fault {
                pointer: "/environments".to_owned(),
                message: "several environments take the strategy `rolling`".to_owned(),
            }]));
        }
        Some(_) | None => return Ok(None),
    };
    let mut strategy: Strategy = rolling.as_ref().clone();
    if strategy.waves.is_none()
        && let Some(environments) = &request.environments
    {
        strategy.waves = Some(environments.iter().map(|name| vec![name.clone()]).collect());
    }
    match strategy.resolve(&request.analysis) {
        Ok(Resolved::Waves(waves)) => Ok(Some(waves)),
        Ok(Resolved::Course(_)) => Ok(None),
        Err(problems) => Err(StartError::Invalid(
            problems
                .iter()
                .map(|problem| strategy_fault(problem, "/strategy"))
                .collect(),
        )),
    }
}

/// One deployment for each environment, with its wave.
fn members(request: &StartDeployment, waves: &Waves) -> Vec<(u32, StartDeployment)> {
    let numbered = waves.waves.iter().zip(0..);
    numbered
        .flat_map(|(wave, number)| wave.iter().map(move |environment| (number, environment)))
        .map(|(wave, environment)| {
            let member = StartDeployment {
                environment: Some(environment.clone()),
                environments: None,
                strategy: Some(waves.inner.clone().into()),
                notification_topics: Vec::new(),
                ..request.clone()
            };
            (wave, member)
        })
        .collect()
}

/// Starts a rolling deployment over several environments, if the request asks for one.
pub(in super::super) async fn start_rolling(
    app: &App,
    request: &StartDeployment,
    requester: &str,
) -> Result<Option<ReleaseId>, StartError> {
    let Some(waves) = waves(request)? else {
        return Ok(None);
    };
    let members = members(request, &waves);
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
