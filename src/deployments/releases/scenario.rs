//! Runs the scenarios of a release, a little further each time: start what is next, read what runs, stop what takes too long.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::model::{Scenario, ScenarioProgress, ScenarioStep, StepProgress, fill_in};
use crate::app::App;
use crate::environments::Target;
use crate::ids::ReleaseId;
use crate::step_functions::{ErrorKind, StartExecution, StepFunctionsError};

/// One round over all scenarios; gives how far each is.
pub(super) async fn advance(
    app: &App,
    target: &Target,
    release: ReleaseId,
    scenarios: &[Scenario],
    progress: &[ScenarioProgress],
) -> Result<Vec<ScenarioProgress>, StepFunctionsError> {
    let mut next = Vec::with_capacity(scenarios.len());
    for (number, scenario) in scenarios.iter().enumerate() {
        let known = progress.iter().find(|known| known.name == scenario.name).cloned();
        let mut known = known.unwrap_or_else(|| ScenarioProgress {
            name: scenario.name.clone(),
            ..ScenarioProgress::default()
        });
        if known.passed.is_none() {
            round(app, target, (release, number), scenario, &mut known).await?;
        }
        next.push(known);
    }
    Ok(next)
}

async fn round(
    app: &App,
    target: &Target,
    (release, number): (ReleaseId, usize),
    scenario: &Scenario,
    known: &mut ScenarioProgress,
) -> Result<(), StepFunctionsError> {
    if let Some(place) = known.steps.iter().position(|step| step.result.is_none()) {
        let (Some(running), Some(step)) = (known.steps.get_mut(place), scenario.steps.get(place)) else {
            return Ok(());
        };
        if let Some(failure) = read(app, target, step, running).await? {
            known.passed = Some(false);
            known.error = Some(format!("step {} ({}): {failure}", place + 1, step.template));
        }
        return Ok(());
    }
    let place = known.steps.len();
    let Some(step) = scenario.steps.get(place) else {
        known.passed = Some(true);
        return Ok(());
    };
    let before = Value::Array(
        known
            .steps
            .iter()
            .filter_map(|step| step.result.clone())
            .collect(),
    );
    match start(app, target, (release, number, place), step, &before).await? {
        Ok(begun) => known.steps.push(begun),
        Err(failure) => {
            known.passed = Some(false);
            known.error = Some(format!("step {} ({}): {failure}", place + 1, step.template));
        }
    }
    Ok(())
}

/// Starts a step's execution, by a name made from its place: once, however often it is tried.
async fn start(
    app: &App,
    target: &Target,
    (release, number, place): (ReleaseId, usize, usize),
    step: &ScenarioStep,
    before: &Value,
) -> Result<Result<StepProgress, String>, StepFunctionsError> {
    let input = match fill_in(&step.input, before) {
        Ok(Value::Null) => json!({}),
        Ok(input) => input,
        Err(failure) => return Ok(Err(failure)),
    };
    let name = format!(
        "scenario-{}-{number}-{place}",
        release.to_string().to_ascii_lowercase()
    );
    let execution_arn = target.execution_arn(&step.template, &name);
    let started = target
        .step_functions
        .start_execution(StartExecution {
            state_machine_arn: target.alias_arn(&step.template),
            name: Some(name),
            input: Some(input.to_string()),
            trace_header: None,
        })
        .await;
    let execution_arn = match started {
        Ok(started) => started.execution_arn,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => execution_arn,
        Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound) => {
            return Ok(Err(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    Ok(Ok(StepProgress {
        execution_arn,
        started_at: app.clock.now(),
        result: None,
    }))
}

/// Reads a running step; gives why it failed, if it did.
async fn read(
    app: &App,
    target: &Target,
    step: &ScenarioStep,
    running: &mut StepProgress,
) -> Result<Option<String>, StepFunctionsError> {
    let execution = target
        .step_functions
        .describe_execution(&running.execution_arn)
        .await?;
    let (status, output, error) = if execution.status.is_closed() {
        let output = execution
            .output
            .as_deref()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        (execution.status.as_str(), output, execution.error)
    } else {
        let seconds = i64::try_from(step.timeout_seconds).unwrap_or(i64::MAX / 1_000);
        if app.clock.now() < running.started_at + TimeDelta::seconds(seconds) {
            return Ok(None);
        }
        let why = Some("Signalbox.TestTimedOut".to_owned());
        target
            .step_functions
            .stop_execution(&running.execution_arn, why, None)
            .await?;
        ("TIMED_OUT", None, None)
    };
    let failure = step
        .expectation()
        .failure(status, error.as_deref(), output.as_ref());
    running.result = Some(json!({"status": status, "output": output, "error": error}));
    Ok(failure)
}
