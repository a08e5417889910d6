//! What is wrong with a request, each fault with its place in the body.

use std::collections::BTreeSet;

use super::alarms;
use super::guards::credential_faults;
use super::judge::Analysis;
use super::model::InFlightPolicy;
use super::request::{Fault, StartDeployment};
use super::strategy::{Course, Resolved, Strategy, StrategyChoice, StrategyError, StrategyKind};
use super::tests::{Replay, check_cases};
use crate::app::App;
use crate::approvals::{self, Gate};
use crate::environments::Target;

/// Everything wrong with the request that can be seen without asking anybody.
pub(super) fn check(app: &App, request: &StartDeployment) -> (Option<Course>, Vec<Fault>) {
    let mut faults = analysis_faults(app, &request.analysis, "/analysis");
    for (field, problem) in request.tests.replay.iter().flat_map(Replay::problems) {
        let message = format!("`tests.replay.{}` {problem}", field.replace('/', "."));
        let pointer = format!("/tests/replay/{field}");
        faults.push(Fault { pointer, message });
    }
    for problem in check_cases(&request.tests.cases) {
        let list = if request.tests.replay.is_some() {
            "tests/cases"
        } else {
            "tests"
        };
        let pointer = format!("/{list}/{}/{}", problem.index, problem.field);
        faults.push(Fault {
            pointer,
            message: problem.to_string(),
        });
    }
    let strategy = match &request.strategy {
        Some(StrategyChoice::Written(strategy)) => strategy.as_ref().clone(),
        // Names are filled in before: see `presets`.
        Some(StrategyChoice::Named(name)) => {
            faults.push(Fault {
                pointer: "/strategy".to_owned(),
                message: format!("there is no strategy `{name}`"),
            });
            return (None, faults);
        }
        None => Strategy::of(StrategyKind::BlueGreen),
    };
    let course = match strategy.resolve(&request.analysis) {
        Ok(Resolved::Course(course)) => Some(course),
        // Waves of a deployment are taken apart before (`releases/rolling.rs`); here they are those of a member.
        Ok(Resolved::Waves(_)) => {
            faults.push(Fault {
                pointer: "/strategy/waves".to_owned(),
                message: "a member of a release goes to the release's environment alone".to_owned(),
            });
            None
        }
        Err(problems) => {
            faults.extend(
                problems
                    .iter()
                    .map(|problem| strategy_fault(problem, "/strategy")),
            );
            None
        }
    };
    (course, faults)
}

/// Everything wrong with a strategy that is to be kept.
pub(super) fn strategy_faults(strategy: &Strategy) -> Vec<Fault> {
    let problems = strategy.resolve(&Analysis::default()).err().unwrap_or_default();
    problems
        .iter()
        .map(|problem| strategy_fault(problem, ""))
        .collect()
}

pub(super) fn strategy_fault(problem: &StrategyError, below: &str) -> Fault {
    let path = problem.field.replace(['.', '['], "/").replace(']', "");
    Fault {
        pointer: format!("{below}/{path}"),
        message: problem.to_string(),
    }
}

/// Everything wrong with an analysis that can be seen without asking anybody. `below` is its place in the body.
pub(super) fn analysis_faults(app: &App, analysis: &Analysis, below: &str) -> Vec<Fault> {
    let mut faults: Vec<_> = analysis
        .problems()
        .into_iter()
        .map(|problem| Fault {
            pointer: format!("{below}/{}", problem.field),
            message: problem.to_string(),
        })
        .collect();
    let mut names = BTreeSet::new();
    for (index, guard) in analysis.guards.iter().enumerate() {
        let mut fault = |field: &str, message: String| {
            let pointer = format!("{below}/guards/{index}/{field}");
            faults.push(Fault { pointer, message });
        };
        for (field, what) in guard.problems() {
            fault(field, format!("`{field}` {what}"));
        }
        if !names.insert(guard.name()) {
            fault("name", "is the name of an earlier guard".to_owned());
        }
        for (place, what) in credential_faults(&app.config, guard.url().unwrap_or_default(), guard.headers())
        {
            fault(&format!("headers/{place}/secret"), what);
        }
        if let Some(Err(refused)) = guard.url().map(|url| app.outbound.check_url(url)) {
            fault("url", refused.to_string());
        }
    }
    faults
}

/// The gates asked for: those named, or one approver if approval is required.
pub(super) fn gates(
    app: &App,
    target: &Target,
    request: &StartDeployment,
    faults: &mut Vec<Fault>,
) -> Vec<Gate> {
    let required = request
        .approval_required
        .unwrap_or(target.policies.approval_required);
    for (index, gate) in request.gates.iter().enumerate() {
        for (pointer, message) in approvals::gate_faults(gate, &app.config.approvals.groups) {
            faults.push(Fault {
                pointer: format!("/gates/{index}{pointer}"),
                message,
            });
        }
    }
    let restarts =
        request.on_rollback.in_flight == InFlightPolicy::StopAndRestart && !request.on_rollback.idempotent;
    if request.gates.is_empty() && (required || restarts) {
        vec![Gate::default()]
    } else {
        request.gates.clone()
    }
}

/// A preview by the alias that callers start would be traffic.
pub(super) fn preview_fault(target: &Target, course: Option<&Course>) -> Option<Fault> {
    let preview = course?.preview.as_ref()?;
    (*preview == target.policies.alias).then(|| Fault {
        pointer: "/strategy/preview".to_owned(),
        message: "is the alias that callers start".to_owned(),
    })
}

/// What is wrong with the alarms that an analysis names.
pub(super) async fn missing_alarms(app: &App, target: &Target, names: &[String]) -> Vec<Fault> {
    let fault = |message| Fault {
        pointer: "/analysis/alarms".to_owned(),
        message,
    };
    match alarms::missing(app, target, names).await {
        Ok(missing) => missing
            .into_iter()
            .map(|name| {
                fault(format!(
                    "there is no alarm `{name}` in the environment's account and region"
                ))
            })
            .collect(),
        Err(error) => vec![fault(error.to_string())],
    }
}
