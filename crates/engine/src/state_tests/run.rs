//! Runs one state on its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asl::eval::probe::{self, Probed, Setup, Verdict};
use asl::eval::{Command, Env, Event, ExecutionFacts, Failure, MachineKind, TaskCall, TaskId, TimerId};
use asl::json::{Json, Payload, read};
use asl::machine::{GraphIx, Machine};
use futures::future::BoxFuture;
use uuid::Uuid;

use super::context::{self, ContextError};
use super::definition::{self, StateAt};
use super::model::{StateTest, Tested};
use super::rules::{self, RuleError};
use crate::Engine;
use crate::arn::Place;
use crate::executions::{ExecutionId, StartError, read_input};
use crate::integrations::{Exchange, Progress, Reply, TaskContext, TaskError};
use crate::limits;
use crate::machines::check::{DefinitionError, check_definition};
use crate::machines::model::Kind;
use crate::machines::rules::{RoleError, check_role};

/// Why a state was not tested.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// The definition is none.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The definition has no state of that name.
    #[error("State not found in definition")]
    NoState,
    /// The role is none.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// What goes with the state can't go with it.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The context object can't be one.
    #[error("Invalid Context object provided: {0}")]
    Context(#[from] ContextError),
    /// The variables are no JSON object.
    #[error("Invalid variables provided: must be a JSON object")]
    Variables,
    /// The input is no JSON, or too long.
    #[error(transparent)]
    Input(#[from] StartError),
}

/// Runs one state as asked.
pub(crate) async fn run(engine: &Arc<Engine>, test: StateTest) -> Result<Tested, TestError> {
    if let Some(role_arn) = &test.role_arn {
        check_role(role_arn)?;
    }
    let definition = match &test.state_name {
        Some(_) => test.definition.clone(),
        None => definition::around(&test.definition),
    };
    let machine = check_definition(&definition, Kind::Standard)?.machine;
    let name = test.state_name.as_deref().unwrap_or(definition::STATE_NAME);
    let tested = machine.testable(name).ok_or(TestError::NoState)?;
    let mock = rules::check(
        &test,
        tested,
        StateAt {
            definition: &definition,
            name,
        },
    )?;
    let context = test.context.as_deref();
    let context = context
        .map(|text| context::read(text, tested.resource()))
        .transpose()?;
    let input = read_input(test.input.clone().unwrap_or_else(|| "{}".to_owned()))?;
    let setup = Setup {
        facts: facts(&test, input.clone(), engine.now_ms()),
        has_role: test.role_arn.is_some(),
        shown_name: definition::STATE_NAME.into(),
        context,
        variables: read_variables(test.variables.as_deref())?,
        mock,
        retry_count: test.configuration.retrier_retry_count.unwrap_or(0),
        failed_iterations: test.configuration.map_iteration_failure_count,
        reader_data: test.configuration.map_item_reader_data.as_deref().map(Into::into),
    };
    let probed = with_env(engine, |env| probe::probe(&machine, tested, setup, env));
    let mut driver = Driver {
        engine,
        place: &test.place,
        machine: &machine,
        timers: BTreeMap::new(),
        task: None,
        exchanged: Arc::default(),
    };
    let patience = Duration::from_millis(limits::STATE_TEST_MS_MAX);
    let (verdict, inspection) = match tokio::time::timeout(patience, driver.drive(probed)).await {
        Ok(probed) => (probed.verdict().cloned(), probed.inspection().clone()),
        Err(_) => (None, probe::Inspection::default()),
    };
    let timed_out = || {
        Verdict::Failed(Failure {
            error: Some("States.Timeout".into()),
            cause: None,
        })
    };
    Ok(Tested {
        verdict: verdict.unwrap_or_else(timed_out),
        input,
        inspection,
        exchange: driver
            .exchanged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(),
    })
}

/// An Express execution of a machine that is not there.
fn facts(test: &StateTest, input: Payload, now_ms: i64) -> ExecutionFacts {
    let (machine, name) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    ExecutionFacts {
        execution_arn: test.place.tested(&machine, &name).into(),
        name: name.into(),
        role_arn: test.role_arn.as_deref().unwrap_or_default().into(),
        start_ms: now_ms,
        machine_arn: test.place.machine(&machine).into(),
        machine_name: machine.into(),
        version_arn: None,
        alias_arn: None,
        input,
        kind: MachineKind::Express,
        redrive_count: 0,
        graph: GraphIx::ROOT,
        counts_attempts: false,
    }
}

fn read_variables(text: Option<&str>) -> Result<Vec<(Arc<str>, Payload)>, TestError> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    match read::read(text) {
        Ok(Json::Object(variables)) => Ok(variables
            .iter()
            .map(|(name, value)| (name.clone(), Payload::from_json(value.clone())))
            .collect()),
        Ok(_) | Err(_) => Err(TestError::Variables),
    }
}

fn with_env<T>(engine: &Engine, step: impl FnOnce(&mut Env<'_>) -> T) -> T {
    let uuid = || -> Arc<str> { Uuid::new_v4().to_string().into() };
    step(&mut Env {
        now_ms: engine.now_ms(),
        random: &mut rand::random,
        new_token: &mut uuid.clone(),
        new_uuid: &mut uuid.clone(),
        // Activities are tested with mocks alone.
        has_activity: &|_| true,
        limits: &engine.config().limits,
    })
}

/// Carries out what the state asks for, until it has ended.
struct Driver<'a> {
    engine: &'a Arc<Engine>,
    place: &'a Place,
    machine: &'a Machine,
    timers: BTreeMap<TimerId, i64>,
    task: Option<Calling>,
    /// What an HTTP task sent and got.
    exchanged: Arc<Mutex<Option<Exchange>>>,
}

/// A task on its way. Dropped, it is cancelled.
struct Calling {
    id: TaskId,
    answer: BoxFuture<'static, Result<Reply, TaskError>>,
}

impl Driver<'_> {
    async fn drive(&mut self, mut probed: Probed) -> Probed {
        while probed.verdict().is_none() {
            for command in std::mem::take(&mut probed.commands) {
                self.carry_out(&probed, command);
            }
            let Some(event) = self.next_event().await else {
                break;
            };
            let machine = self.machine;
            probed = with_env(self.engine, |env| probe::go_on(machine, probed, event, env));
        }
        probed
    }

    fn carry_out(&mut self, probed: &Probed, command: Command) {
        match command {
            Command::Schedule(call) => self.task = Some(self.call(probed, *call)),
            Command::StartTimer { id, due_ms } => {
                self.timers.insert(id, due_ms);
            }
            Command::CancelTimer { id } => {
                self.timers.remove(&id);
            }
            Command::CancelTask { .. } => self.task = None,
            // A Map under test runs nothing: its result is mocked.
            Command::StartMapRun(_) | Command::RedriveMapRun { .. } | Command::Close(_) => {}
        }
    }

    fn call(&self, probed: &Probed, call: TaskCall) -> Calling {
        let facts = probed.facts();
        let name = &facts.name;
        let context = TaskContext {
            execution_id: ExecutionId(Uuid::now_v7()),
            // Services want an ARN of a form they know.
            execution_arn: self.place.express(&facts.machine_name, name, name).into(),
            role_arn: Arc::clone(&facts.role_arn),
            mock_case: None,
            submitted: None,
            progress: Progress {
                submitted: Arc::new(|_| {}),
                exchanged: Some({
                    let seen = Arc::clone(&self.exchanged);
                    Arc::new(move |exchange| {
                        *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(exchange);
                    })
                }),
            },
        };
        let id = call.id;
        Calling {
            id,
            answer: self.engine.config().dispatch.invoke(Arc::new(call), context),
        }
    }

    /// What comes first: the task's answer or a timer. None when nothing is waited for.
    async fn next_event(&mut self) -> Option<Event> {
        let first = self.timers.iter().min_by_key(|(_, due_ms)| **due_ms);
        let first = first.map(|(id, due_ms)| (*id, *due_ms));
        let now_ms = self.engine.now_ms();
        let timer = async {
            match first {
                Some((_, due_ms)) => {
                    let ms = u64::try_from(due_ms - now_ms).unwrap_or(0);
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                None => std::future::pending().await,
            }
        };
        let Some(task) = &mut self.task else {
            let (id, _) = first?;
            timer.await;
            self.timers.remove(&id);
            return Some(Event::TimerFired { id });
        };
        tokio::select! {
            answer = &mut task.answer => {
                let id = task.id;
                self.task = None;
                Some(event_of(id, answer))
            }
            () = timer => {
                let (id, _) = first?;
                self.timers.remove(&id);
                Some(Event::TimerFired { id })
            }
        }
    }
}

fn event_of(id: TaskId, answer: Result<Reply, TaskError>) -> Event {
    match answer {
        // A task that waits for somebody else has a mock.
        Ok(Reply::Done(output) | Reply::Submitted(output)) => Event::TaskSucceeded { id, output },
        Err(TaskError { error, cause, kind }) => Event::TaskFailed {
            id,
            error,
            cause,
            kind,
        },
    }
}
