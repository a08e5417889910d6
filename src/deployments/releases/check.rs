//! How the members of a release hang together: pure.

use super::super::refusal::StartError;
use super::super::request::Fault;
use super::super::tests::matcher;
use super::super::waves::order;
use super::model::{MEMBERS_MAX, ReleaseWorkflow, SCENARIOS_MAX, Scenario, StartRelease};

/// The members' waves, or everything wrong with how they hang together.
pub(super) fn check(request: &StartRelease) -> Result<Vec<u32>, StartError> {
    let workflows = &request.workflows;
    let mut faults = Vec::new();
    if workflows.is_empty() || workflows.len() > MEMBERS_MAX {
        faults.push(fault(
            "/workflows".to_owned(),
            format!("a release has 1 to {MEMBERS_MAX} workflows"),
        ));
    }
    let mut depends_on = Vec::with_capacity(workflows.len());
    for (index, workflow) in workflows.iter().enumerate() {
        faults.extend(member_faults(workflows, index, workflow));
        let named = workflow
            .depends_on
            .iter()
            .filter_map(|name| place(workflows, name));
        depends_on.push(earlier(workflows, workflow.order).chain(named).collect());
    }
    faults.extend(scenario_faults(&request.scenarios));
    let waves = order(&depends_on);
    if let Err(circle) = &waves {
        let names: Vec<_> = circle
            .iter()
            .filter_map(|place| workflows.get(*place))
            .map(|workflow| workflow.template.as_str())
            .collect();
        faults.push(fault(
            "/workflows".to_owned(),
            format!("{} depend on each other in a circle", names.join(", ")),
        ));
    }
    match waves {
        Ok(waves) if faults.is_empty() => Ok(waves),
        Ok(_) | Err(_) => Err(StartError::Invalid(faults)),
    }
}

fn fault(pointer: String, message: String) -> Fault {
    Fault { pointer, message }
}

fn place(workflows: &[ReleaseWorkflow], name: &str) -> Option<usize> {
    workflows.iter().position(|workflow| workflow.template == name)
}

/// The members with a lower number.
fn earlier(workflows: &[ReleaseWorkflow], order: Option<u32>) -> impl Iterator<Item = usize> + '_ {
    let lower = move |other: Option<u32>| order.is_some() && other.is_some() && other < order;
    let numbered = workflows.iter().enumerate();
    numbered
        .filter(move |(_, other)| lower(other.order))
        .map(|(place, _)| place)
}

fn member_faults(workflows: &[ReleaseWorkflow], index: usize, workflow: &ReleaseWorkflow) -> Vec<Fault> {
    let mut faults = Vec::new();
    if place(workflows, &workflow.template) != Some(index) {
        faults.push(fault(
            format!("/workflows/{index}/template"),
            format!("`{}` is a member already", workflow.template),
        ));
    }
    if workflow.definition.is_some() && workflow.revision.is_some() {
        faults.push(fault(
            format!("/workflows/{index}/revision"),
            "means nothing beside a `definition`".to_owned(),
        ));
    }
    if workflow.definition.is_none() && (workflow.kind.is_some() || workflow.role_arn.is_some()) {
        faults.push(fault(
            format!("/workflows/{index}"),
            "`type` and `role_arn` mean nothing without a `definition`".to_owned(),
        ));
    }
    for (number, name) in workflow.depends_on.iter().enumerate() {
        if place(workflows, name).is_none() {
            faults.push(fault(
                format!("/workflows/{index}/depends_on/{number}"),
                format!("`{name}` is no member"),
            ));
        }
    }
    faults
}

fn scenario_faults(scenarios: &[Scenario]) -> Vec<Fault> {
    let mut faults = Vec::new();
    if scenarios.len() > SCENARIOS_MAX {
        faults.push(fault(
            "/scenarios".to_owned(),
            format!("a release has at most {SCENARIOS_MAX} scenarios"),
        ));
    }
    let mut names = std::collections::BTreeSet::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        if !names.insert(&scenario.name) {
            faults.push(fault(
                format!("/scenarios/{index}/name"),
                "is the name of an earlier scenario".to_owned(),
            ));
        }
        if scenario.steps.is_empty() || scenario.steps.len() > SCENARIOS_MAX {
            faults.push(fault(
                format!("/scenarios/{index}/steps"),
                format!("a scenario has 1 to {SCENARIOS_MAX} steps"),
            ));
        }
        for (number, step) in scenario.steps.iter().enumerate() {
            if let Some(problem) = step.expected_output.as_ref().and_then(matcher::problem) {
                faults.push(fault(
                    format!("/scenarios/{index}/steps/{number}/expected_output"),
                    problem,
                ));
            }
        }
    }
    faults
}
