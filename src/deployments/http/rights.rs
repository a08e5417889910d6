//! What of a request only an admin may ask for, besides the right to deploy that the route needs.

use super::super::request::StartDeployment;
use super::super::strategy::StrategyChoice;
use crate::app::App;
use crate::http::{Caller, Problem, Role};

/// Overriding a quarantine, and leaving out the approval that the environment asks for, are an admin's.
pub(super) fn check(app: &App, caller: &Caller, request: &StartDeployment) -> Result<(), Problem> {
    if request.override_quarantine.is_some() {
        caller.require(Role::Admin)?;
    }
    if request.approval_required != Some(false) || !request.gates.is_empty() {
        return Ok(());
    }
    let waves = match &request.strategy {
        Some(StrategyChoice::Written(strategy)) => strategy.waves.as_deref().unwrap_or_default(),
        Some(StrategyChoice::Named(_)) | None => &[],
    };
    let named = request
        .environments
        .iter()
        .flatten()
        .chain(waves.iter().flatten());
    let own = request.environment.as_deref().unwrap_or("default");
    for environment in named.map(String::as_str).chain([own]) {
        leave_out_approval(app, caller, environment)?;
    }
    Ok(())
}

/// Leaves out the approval that an environment asks for, where it asks for one.
pub(in super::super) fn leave_out_approval(
    app: &App,
    caller: &Caller,
    environment: &str,
) -> Result<(), Problem> {
    // An environment that is not known is refused with its place by whoever makes the plan.
    let target = app.environments.named(environment);
    if target.is_ok_and(|target| target.policies.approval_required) {
        caller.require(Role::Admin)?;
    }
    Ok(())
}
