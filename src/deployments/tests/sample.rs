//! Runs the tests that are rehearsals: cases with mocks, and replays of past executions. They call the environment to read
//! definitions and histories, never to start anything.

use asl::eval::MachineKind;

use super::super::converge::ConvergeError;
use super::super::find::history;
use super::super::store::record::Record;
use super::super::store::tests::TestRow;
use super::mocks::{MockBook, Mocks};
use super::model::{TestMode, TestResult};
use super::recording::Recording;
use super::rehearse::{Rehearsal, Rehearsed, rehearse};
use super::replay::{OnDifference, Replay, ReplayOutcome, Replayed, Roles, mocked, parameters, replay};
use super::trail::Trail;
use crate::app::App;
use crate::environments::Target;
use crate::step_functions::{ErrorKind, MachineType, StateMachine};

/// What came of a rehearsal, for its row.
#[derive(Debug)]
pub(in super::super) struct Played {
    pub(in super::super) result: TestResult,
    pub(in super::super) trail: Option<Trail>,
}

/// Rehearses a case with its mocks.
pub(super) async fn with_mocks(
    app: &App,
    target: &Target,
    record: &Record,
    version: &StateMachine,
    row: &TestRow,
    mocks: Mocks,
) -> Played {
    let definition = version.definition.clone();
    let kind = kind(version);
    let names = Names::of(target, record, version, &row.execution_name);
    let input = row.test_case.0.input.to_string();
    let start_ms = app.clock.now().timestamp_millis();
    let ended = aside(move || {
        let mut book = MockBook::new(&mocks);
        rehearse(
            &names.rehearsal(&definition, kind, start_ms, &input),
            &mut |call| mocked(&mut book, call, &parameters(call)),
        )
    })
    .await;
    let result = TestResult {
        mode: TestMode::Mocked,
        ..row.result()
    };
    match ended {
        Some(Ok(ended)) => judged(row, result, ended),
        Some(Err(error)) => failed(result, error.to_string()),
        None => failed(result, "the rehearsal broke off".to_owned()),
    }
}

fn judged(row: &TestRow, result: TestResult, ended: Rehearsed) -> Played {
    let expectation = row.test_case.0.expectation();
    let failure = expectation.failure(ended.status, ended.error.as_deref(), ended.output.as_ref());
    Played {
        result: TestResult {
            passed: Some(failure.is_none()),
            final_status: Some(ended.status.to_owned()),
            error: failure,
            duration_ms: Some(ended.duration_ms),
            ..result
        },
        trail: Some(ended.trail),
    }
}

fn failed(result: TestResult, error: String) -> Played {
    Played {
        result: TestResult {
            passed: Some(false),
            error: Some(error),
            ..result
        },
        trail: None,
    }
}

/// Replays a past execution. `old` is the version that served it.
pub(super) async fn of_past(
    target: &Target,
    record: &Record,
    (old, new): (&StateMachine, &StateMachine),
    row: &TestRow,
    past: &str,
) -> Result<Played, ConvergeError> {
    let settings = settings(record);
    let result = TestResult {
        mode: TestMode::Replay,
        replay_of: Some(past.to_owned()),
        ..row.result()
    };
    let events = match history(target, past).await {
        Ok(events) => events,
        // AWS keeps histories for ninety days.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let gone = Replayed {
                outcome: ReplayOutcome::NotComparable,
                differences: vec!["its history is not kept any more".to_owned()],
                ended: None,
            };
            return Ok(compared(result, gone, settings.on_difference));
        }
        Err(error) => return Err(error.into()),
    };
    let (before, after) = (old.definition.clone(), new.definition.clone());
    let kind = kind(new);
    let name = past.rsplit(':').next().unwrap_or_default();
    let names = Names {
        execution_arn: past.to_owned(),
        ..Names::of(target, record, new, name)
    };
    let policy = settings.on_difference;
    let replayed = aside(move || {
        let recording = Recording::of(&events);
        let roles = Roles {
            kind,
            execution_arn: &names.execution_arn,
            name: &names.name,
            machine_arn: &names.machine_arn,
            machine_name: &names.machine_name,
            role_arn: &names.role_arn,
        };
        replay(&recording, (&before, &after), roles, &settings)
    })
    .await;
    Ok(match replayed {
        Some(replayed) => compared(result, replayed, policy),
        None => failed(result, "the replay broke off".to_owned()),
    })
}

fn compared(result: TestResult, replayed: Replayed, policy: OnDifference) -> Played {
    let same = replayed.outcome == ReplayOutcome::Same;
    let passed = same || policy == OnDifference::Report;
    let first = replayed.differences.first().cloned().unwrap_or_default();
    Played {
        trail: replayed.trail().cloned(),
        result: TestResult {
            passed: Some(passed),
            final_status: replayed.ended.as_ref().map(|ended| ended.status.to_owned()),
            error: (!passed).then_some(first),
            duration_ms: replayed.ended.as_ref().map(|ended| ended.duration_ms),
            outcome: Some(replayed.outcome),
            differences: replayed.differences,
            ..result
        },
    }
}

/// The replay that was asked for.
fn settings(record: &Record) -> Replay {
    let written = record
        .request
        .0
        .get("tests")
        .and_then(|tests| tests.get("replay"));
    written
        .and_then(|written| serde_json::from_value(written.clone()).ok())
        .unwrap_or(Replay {
            samples: 0,
            statuses: Vec::new(),
            on_difference: OnDifference::Fail,
            ignore: Vec::new(),
            mocks: Mocks::new(),
        })
}

fn kind(machine: &StateMachine) -> MachineKind {
    match machine.machine_type {
        MachineType::Standard => MachineKind::Standard,
        MachineType::Express => MachineKind::Express,
    }
}

/// What the context object says.
struct Names {
    execution_arn: String,
    name: String,
    machine_arn: String,
    machine_name: String,
    role_arn: String,
}

impl Names {
    fn of(target: &Target, record: &Record, version: &StateMachine, execution: &str) -> Self {
        Self {
            execution_arn: target.execution_arn(&record.template, execution),
            name: execution.to_owned(),
            machine_arn: target.state_machine_arn(&record.template),
            machine_name: record.template.clone(),
            role_arn: version.role_arn.clone(),
        }
    }

    fn rehearsal<'a>(
        &'a self,
        definition: &'a str,
        kind: MachineKind,
        start_ms: i64,
        input: &'a str,
    ) -> Rehearsal<'a> {
        Rehearsal {
            definition,
            kind,
            execution_arn: &self.execution_arn,
            name: &self.name,
            machine_arn: &self.machine_arn,
            machine_name: &self.machine_name,
            role_arn: &self.role_arn,
            start_ms,
            input,
        }
    }
}

/// Off the async threads: a rehearsal computes without a pause. None when it panicked, which is a fault of this program that
/// fails its test and nothing else.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work)
        .await
        .inspect_err(|error| tracing::error!(%error, "a rehearsal broke off"))
        .ok()
}
