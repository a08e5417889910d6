//! Moves the tests of a deployment forward: starts those that were not started, reads those that run, stops those that take
//! too long; rehearses those that have mocks or replay the past.

use futures::StreamExt as _;
use serde_json::Value;

use super::super::converge::ConvergeError;
use super::super::limits::CALLS_AT_ONCE;
use super::super::store;
use super::super::store::record::Record;
use super::super::store::tests::TestRow;
use super::model::TestResult;
use super::sample;
use super::trail::Trail;
use crate::app::App;
use crate::db::DbError;
use crate::environments::Target;
use crate::ids::DeploymentId;
use crate::step_functions::{
    ErrorKind, Execution, ExecutionStatus, MachineType, StartExecution, StateMachine, StepFunctionsError,
};

/// The name of the execution of a case: the same each time, so that it is started once; another after each change of the plan.
pub(in super::super) fn execution_name(id: DeploymentId, changes: usize, position: usize) -> String {
    let id = id.to_string().to_ascii_lowercase();
    if changes == 0 {
        format!("test-{id}-{position}")
    } else {
        format!("test-{id}-{changes}-{position}")
    }
}

/// One round over all cases that have not ended.
pub(in super::super) async fn advance(
    app: &App,
    target: &Target,
    record: &Record,
) -> Result<(), ConvergeError> {
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let rows = store::tests::load(&mut conn, record.id).await?;
    drop(conn);
    let Some(version) = record.to_version.as_deref() else {
        return Ok(());
    };
    let open: Vec<_> = rows.into_iter().filter(|row| row.finished_at.is_none()).collect();
    let new = target.step_functions.describe_state_machine(version).await?;
    let replays = open.iter().any(|row| row.replay_of.is_some());
    let old = match &record.from_version {
        Some(from) if replays => Some(target.step_functions.describe_state_machine(from).await?),
        _ => None,
    };
    let machines = Machines {
        version,
        new: &new,
        old: old.as_ref(),
    };
    let mut rounds = futures::stream::iter(open)
        .map(|row| round(app, target, record, machines, row))
        .buffer_unordered(CALLS_AT_ONCE);
    while let Some(outcome) = rounds.next().await {
        outcome?;
    }
    Ok(())
}

/// What the tests are about.
#[derive(Clone, Copy)]
struct Machines<'a> {
    /// The new version's ARN.
    version: &'a str,
    new: &'a StateMachine,
    /// The version that serves, where something is replayed.
    old: Option<&'a StateMachine>,
}

async fn round(
    app: &App,
    target: &Target,
    record: &Record,
    machines: Machines<'_>,
    row: TestRow,
) -> Result<(), ConvergeError> {
    let Machines { version, new, old } = machines;
    if let Some(past) = &row.replay_of {
        // Without an old version nothing was drawn; one that vanished since replays against itself, and says so by its history.
        let played = sample::of_past(target, record, (old.unwrap_or(new), new), &row, past).await?;
        return finish(app, record, played.result, played.trail.as_ref()).await;
    }
    if let Some(mocks) = row.test_case.0.mocks.clone() {
        let played = sample::with_mocks(app, target, record, new, &row, mocks).await;
        return finish(app, record, played.result, played.trail.as_ref()).await;
    }
    let kind = new.machine_type;
    let start = StartExecution {
        state_machine_arn: version.to_owned(),
        name: Some(row.execution_name.clone()),
        input: Some(row.test_case.0.input.to_string()),
        trace_header: None,
    };
    if kind == MachineType::Express {
        return express(app, target, record, &row, start).await;
    }
    if let (Some(arn), Some(started_at)) = (&row.execution_arn, row.started_at) {
        let execution = target.step_functions.describe_execution(arn).await?;
        let seconds = i64::try_from(row.test_case.0.timeout_seconds).unwrap_or(i64::MAX / 1_000);
        return if execution.status.is_closed() {
            finish(app, record, ended(&row, &execution), None).await
        } else if app.clock.now() >= started_at + chrono::TimeDelta::seconds(seconds) {
            stop(app, target, record, &row, arn).await
        } else {
            Ok(())
        };
    }
    let arn = match target.step_functions.start_execution(start).await {
        Ok(started) => started.execution_arn,
        // It was started before, and has ended since.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            target.execution_arn(&record.template, &row.execution_name)
        }
        Err(error) if error.kind() == ErrorKind::Invalid => return refused(app, record, &row, &error).await,
        Err(error) => return Err(error.into()),
    };
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    store::tests::started(&mut conn, record.id, row.position, &arn, app.clock.now()).await?;
    Ok(())
}

/// Express executions have no history to ask later: run and read in one call.
async fn express(
    app: &App,
    target: &Target,
    record: &Record,
    row: &TestRow,
    start: StartExecution,
) -> Result<(), ConvergeError> {
    let ended = match target.step_functions.start_sync_execution(start).await {
        Ok(ended) => ended,
        Err(error) if error.kind() == ErrorKind::Invalid => return refused(app, record, row, &error).await,
        Err(error) => return Err(error.into()),
    };
    let output = ended
        .output
        .as_deref()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let failure =
        row.test_case
            .0
            .expectation()
            .failure(ended.status.as_str(), ended.error.as_deref(), output.as_ref());
    let result = TestResult {
        passed: Some(failure.is_none()),
        execution_arn: Some(ended.execution_arn),
        final_status: Some(ended.status.as_str().to_owned()),
        error: failure,
        duration_ms: Some((ended.stopped_at - ended.started_at).num_milliseconds()),
        ..row.result()
    };
    finish(app, record, result, None).await
}

/// How a case ended whose execution closed.
fn ended(row: &TestRow, execution: &Execution) -> TestResult {
    let output = execution
        .output
        .as_deref()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let status = execution.status.as_str();
    let failure = row
        .test_case
        .0
        .expectation()
        .failure(status, execution.error.as_deref(), output.as_ref());
    TestResult {
        passed: Some(failure.is_none()),
        final_status: Some(status.to_owned()),
        error: failure,
        duration_ms: execution
            .stopped_at
            .map(|stopped| (stopped - execution.started_at).num_milliseconds()),
        ..row.result()
    }
}

async fn stop(
    app: &App,
    target: &Target,
    record: &Record,
    row: &TestRow,
    arn: &str,
) -> Result<(), ConvergeError> {
    let why = ("Signalbox.TestTimedOut".to_owned(), record.id.to_string());
    match target
        .step_functions
        .stop_execution(arn, Some(why.0), Some(why.1))
        .await
    {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let status = ExecutionStatus::TimedOut.as_str();
    let timeout = row.test_case.0.timeout_seconds;
    let failure = row
        .test_case
        .0
        .expectation()
        .failure(status, None, None)
        .map(|failure| format!("{failure}: it ran longer than {timeout} s and was stopped"));
    let result = TestResult {
        passed: Some(failure.is_none()),
        final_status: Some(status.to_owned()),
        error: failure,
        duration_ms: None,
        ..row.result()
    };
    finish(app, record, result, None).await
}

/// The version does not even take the input.
async fn refused(
    app: &App,
    record: &Record,
    row: &TestRow,
    error: &StepFunctionsError,
) -> Result<(), ConvergeError> {
    let result = TestResult {
        passed: Some(false),
        error: Some(error.to_string()),
        ..row.result()
    };
    finish(app, record, result, None).await
}

async fn finish(
    app: &App,
    record: &Record,
    result: TestResult,
    trail: Option<&Trail>,
) -> Result<(), ConvergeError> {
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    store::tests::finished(&mut conn, record.id, &result, trail, app.clock.now()).await?;
    Ok(())
}
