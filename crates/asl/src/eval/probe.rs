//! One state on its own, for TestState: the same evaluator stops when the state is left, failed or would be tried again, and
//! tells what it computed on the way.
//!
//! A probe runs a state of a machine in a frame that holds nothing else. Branches and iterations never run: a Parallel or a
//! Map has a mock for its result. A Task has a mock, or asks for its call like any other.

use std::sync::Arc;

use super::command::{Command, Failure};
use super::env::{Env, ExecutionFacts};
use super::event::Event;
use super::frame::{Closed, Frame, Scope, ScopeIx, Scopes};
use super::history::StateType;
use super::problem::{Cause, Kind, Problem, names};
use super::run::Run;
use crate::eval::Resource;
use crate::json::spanned::{self, Node, NodeValue};
use crate::json::{Json, Payload, read};
use crate::machine::{Body, Io, Machine, State, StateIx};

/// What a state is tested with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What the context object shows, and the input.
    pub facts: ExecutionFacts,
    /// Whether there is a role; without one the context object shows none.
    pub has_role: bool,
    /// The state's name, as the context object shows it.
    pub shown_name: Arc<str>,
    /// The whole context object, where it is given.
    pub context: Option<Json>,
    /// Variables set before the state.
    pub variables: Vec<(Arc<str>, Payload)>,
    /// What the state's work gives.
    pub mock: Option<Mock>,
    /// How often the `Retry` that applies has tried already.
    pub retry_count: u64,
    /// How many iterations of a Map failed.
    pub failed_iterations: Option<u64>,
    /// What a distributed Map's reader read, as it is at its source.
    pub reader_data: Option<Arc<str>>,
}

/// What is given instead of a state's work.
#[derive(Clone, Debug, PartialEq)]
pub enum Mock {
    /// It succeeds.
    Result(Payload),
    /// It fails.
    Error(Failure),
}

/// What a state computed, in the words of the API's `inspectionData`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the API's own")]
pub struct Inspection {
    pub after_input_path: Option<Payload>,
    pub after_parameters: Option<Payload>,
    pub after_arguments: Option<Payload>,
    pub result: Option<Payload>,
    pub after_result_selector: Option<Payload>,
    pub after_result_path: Option<Payload>,
    pub after_items_path: Option<Payload>,
    pub after_items_pointer: Option<Payload>,
    pub after_item_selector: Option<Payload>,
    pub after_item_batcher: Option<Payload>,
    pub max_concurrency: Option<u32>,
    pub tolerated_failure_count: Option<u32>,
    pub tolerated_failure_percentage: Option<f64>,
    pub catch_index: Option<usize>,
    pub retry_index: Option<usize>,
    pub retry_seconds: Option<i64>,
    /// After the state; empty where there never were any.
    pub variables: Vec<(Arc<str>, Payload)>,
    /// A Map's items.
    pub(crate) items: Option<Payload>,
}

/// How the state ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It was left with this output.
    Succeeded {
        /// The output.
        output: Payload,
        /// The state after it; none at an end.
        next: Option<Arc<str>>,
    },
    /// It failed, and nothing caught it.
    Failed(Failure),
    /// It failed and would be tried again.
    Retriable(Failure),
    /// It failed and a `Catch` took it.
    Caught {
        /// What went wrong.
        failure: Failure,
        /// What the catcher made of it.
        output: Payload,
        /// The state the catcher leads to.
        next: Option<Arc<str>>,
    },
}

/// A state under test, between two events.
#[derive(Clone, Debug)]
pub struct Probed {
    frame: Frame,
    probe: Box<Probe>,
    /// To be carried out, in order.
    pub commands: Vec<Command>,
}

impl Probed {
    /// How it ended, when it has.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.probe.verdict.as_ref()
    }

    /// What stays true of the execution it seems to be.
    pub fn facts(&self) -> &ExecutionFacts {
        self.frame.facts()
    }

    /// What it computed so far.
    pub fn inspection(&self) -> &Inspection {
        &self.probe.inspection
    }
}

/// What a run knows of the test it is.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    setup: Setup,
    inspection: Inspection,
    /// The failure a catcher is at work on.
    caught: Option<Failure>,
    verdict: Option<Verdict>,
}

impl Probe {
    pub(crate) fn context(&self) -> Option<&Json> {
        self.setup.context.as_ref()
    }

    pub(crate) fn shown_name(&self) -> &Arc<str> {
        &self.setup.shown_name
    }

    pub(crate) fn has_role(&self) -> bool {
        self.setup.has_role
    }
}

/// A state that can be tested, and what its mock has to look like.
#[derive(Clone, Copy, Debug)]
pub struct Testable<'m> {
    state: &'m State,
    at: StateIx,
}

impl<'m> Testable<'m> {
    /// Its type.
    pub fn kind(&self) -> StateType {
        self.state.kind()
    }

    /// What a Task calls.
    pub fn resource(&self) -> Option<&'m Resource> {
        match &self.state.body {
            Body::Task(task) => Some(&task.resource),
            _ => None,
        }
    }

    /// How many branches a Parallel has.
    pub fn branches(&self) -> usize {
        match &self.state.body {
            Body::Parallel { branches } => branches.len(),
            _ => 0,
        }
    }

    /// Whether a Map's results go to a writer, so that its own result is an object that says where.
    pub fn has_writer(&self) -> bool {
        match &self.state.body {
            Body::Map(map) => map
                .distributed
                .as_ref()
                .is_some_and(|distributed| distributed.has_writer()),
            _ => false,
        }
    }
}

impl Machine {
    /// A state by its name, also within branches and processors.
    pub fn testable(&self, name: &str) -> Option<Testable<'_>> {
        let place = self.states.iter().position(|state| &*state.name == name)?;
        Some(Testable {
            state: self.states.get(place)?,
            at: StateIx(u32::try_from(place).ok()?),
        })
    }
}

/// Enters the state and does its work, as far as that goes without an answer.
pub fn probe(machine: &Machine, tested: Testable<'_>, setup: Setup, env: &mut Env<'_>) -> Probed {
    let facts = Arc::new(setup.facts.clone());
    let mut scope = Scope::new(tested.at, facts.input.clone(), 0);
    scope.variables.clone_from(&setup.variables);
    let mut scopes = Scopes::default();
    let root = scopes.insert(scope);
    let frame = Frame {
        redrive_count: 0,
        next_event_id: 1,
        next_call_id: 1,
        scopes,
        ready: std::collections::VecDeque::new(),
        waiting: std::collections::BTreeMap::new(),
        machine_timer: None,
        closed: None,
        redriven_ms: None,
        attempts: std::collections::BTreeMap::new(),
        facts,
    };
    let probe = Box::new(Probe {
        inspection: Inspection {
            variables: setup.variables.clone(),
            ..Inspection::default()
        },
        setup,
        caught: None,
        verdict: None,
    });
    run_on(machine, frame, probe, env, |run| run.make_ready(root))
}

/// Goes on with an answer or a timer.
pub fn go_on(machine: &Machine, probed: Probed, event: Event, env: &mut Env<'_>) -> Probed {
    run_on(machine, probed.frame, probed.probe, env, |run| run.take(event))
}

fn run_on<'m>(
    machine: &'m Machine,
    frame: Frame,
    mut probe: Box<Probe>,
    env: &mut Env<'_>,
    begin: impl FnOnce(&mut Run<'m, '_, '_>),
) -> Probed {
    let mut run = Run::new(machine, frame, env);
    run.probe = Some(&mut probe);
    begin(&mut run);
    run.advance_all();
    let (frame, commands) = (run.frame, run.commands);
    Probed {
        frame,
        probe,
        commands,
    }
}

impl<'m> Run<'m, '_, '_> {
    /// Notes something the state computed, when it is under test.
    pub(crate) fn inspect(&mut self, note: impl FnOnce(&mut Inspection)) {
        if let Some(probe) = &mut self.probe {
            note(&mut probe.inspection);
        }
    }

    /// What a state's work begins from.
    pub(crate) fn inspect_input(&mut self, state: &State, effective: &Payload) {
        // AWS shows nothing of a Parallel's input, nor of one that a Pass with a `Result` never uses.
        let hidden = match &state.body {
            Body::Parallel { .. } => true,
            Body::Pass { result } => result.is_some(),
            _ => false,
        };
        if !hidden && matches!(state.io, Io::JsonPath(_)) {
            self.inspect(|seen| seen.after_input_path = Some(effective.clone()));
        }
    }

    /// What a Task or a Pass works on.
    pub(crate) fn inspect_arguments(&mut self, state: &State, arguments: &Payload) {
        match (&state.body, &state.io) {
            (Body::Task(_) | Body::Pass { .. }, Io::JsonPath(_)) => {
                self.inspect(|seen| seen.after_parameters = Some(arguments.clone()));
            }
            (Body::Task(_), Io::Jsonata(_)) => {
                self.inspect(|seen| seen.after_arguments = Some(arguments.clone()));
            }
            _ => {}
        }
    }

    /// What the work gave.
    pub(crate) fn inspect_result(&mut self, state: &State, result: &Payload) {
        if matches!(state.body, Body::Task(_) | Body::Pass { result: Some(_) }) {
            self.inspect(|seen| seen.result = Some(result.clone()));
        }
    }

    /// What became of the result, of states that have one.
    pub(crate) fn inspect_output(&mut self, state: &State, note: impl FnOnce(&mut Inspection)) {
        if matches!(
            state.body,
            Body::Task(_) | Body::Pass { .. } | Body::Parallel { .. } | Body::Map(_)
        ) {
            self.inspect(note);
        }
    }

    /// What a reader read, where that is given.
    pub(crate) fn given_reader_data(&self) -> Option<Arc<str>> {
        self.probe.as_ref()?.setup.reader_data.clone()
    }

    /// How often the `Retry` that applies has tried already, where that is given.
    pub(crate) fn given_retry_count(&self) -> Option<u64> {
        Some(self.probe.as_ref()?.setup.retry_count)
    }

    /// The mock's answer in place of the state's work. `Ok(false)`: there is none.
    pub(crate) fn answer_with_mock(&mut self, at: ScopeIx, state: &'m State) -> Result<bool, Problem> {
        let Some(mock) = self.probe.as_mut().and_then(|probe| probe.setup.mock.take()) else {
            return Ok(false);
        };
        match mock {
            Mock::Result(result) => {
                self.check_tolerance(state)?;
                self.check_size(&state.name, &result)?;
                self.finish(at, state, result)?;
                Ok(true)
            }
            Mock::Error(failure) => Err(mocked(failure)),
        }
    }

    /// A Map whose result is mocked fails all the same when more iterations failed than it tolerates. AWS looks only at what
    /// the definition says: one that tolerates nothing in so many words does not fail.
    fn check_tolerance(&self, state: &State) -> Result<(), Problem> {
        let (Body::Map(_), Some(probe)) = (&state.body, &self.probe) else {
            return Ok(());
        };
        let (Some(failed), seen) = (probe.setup.failed_iterations, &probe.inspection) else {
            return Ok(());
        };
        let too_many = seen
            .tolerated_failure_count
            .is_some_and(|count| failed > u64::from(count));
        let items = seen.items();
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let too_large_a_share = seen
            .tolerated_failure_percentage
            .is_some_and(|percentage| failed as f64 * 100.0 / items.max(1) as f64 > percentage);
        if too_many || too_large_a_share {
            return Err(Problem::threshold_exceeded());
        }
        Ok(())
    }

    /// The state was left; nothing goes on after it. Whether it is under test at all.
    pub(crate) fn left_under_test(&mut self, at: ScopeIx, output: &Payload, next: Option<StateIx>) -> bool {
        let next = next
            .and_then(|next| self.machine.state(next))
            .map(|state| state.name.clone());
        let variables = self.frame.scopes.get(at).map(|scope| scope.variables.clone());
        let Some(probe) = &mut self.probe else {
            return false;
        };
        probe.inspection.variables = variables.unwrap_or_default();
        let output = output.clone();
        probe.verdict = Some(match probe.caught.take() {
            None => Verdict::Succeeded { output, next },
            Some(failure) => Verdict::Caught {
                failure,
                output,
                next,
            },
        });
        self.frame.closed = Some(Closed::ForGood);
        true
    }

    /// The state failed: would it be tried again, is it caught?
    pub(crate) fn failed_under_test(&mut self, at: ScopeIx, state: &'m State, mut problem: Problem) {
        // There is no history whose events a cause could count.
        if let Cause::InState(text) = &problem.cause {
            problem.cause = Cause::Text(text.as_str().into());
        }
        if matches!(problem.kind, Kind::Evaluation { .. }) {
            problem.kind = Kind::Failed;
        }
        let failure = problem.failure();
        if problem.kind == Kind::Fatal {
            return self.end_test(Verdict::Failed(failure));
        }
        if self.retry(at, state, &problem) {
            return self.end_test(Verdict::Retriable(failure));
        }
        if let Some(probe) = &mut self.probe {
            probe.caught = Some(failure.clone());
        }
        match self.catch(at, state, &problem) {
            Ok(true) => {}
            Ok(false) => self.end_test(Verdict::Failed(failure)),
            Err(problem) => self.end_test(Verdict::Failed(problem.failure())),
        }
    }

    fn end_test(&mut self, verdict: Verdict) {
        if let Some(probe) = &mut self.probe {
            probe.caught = None;
            probe.verdict = Some(verdict);
        }
        self.frame.ready.clear();
        self.frame.closed = Some(Closed::ForGood);
    }
}

impl Inspection {
    /// How many iterations a Map's items make, as far as they are known.
    fn items(&self) -> usize {
        let items = self.items.as_ref();
        items.map_or(0, |items| items.json().as_array().map_or(0, <[Json]>::len))
    }
}

/// A part of a payload with the text it has there: AWS shows a Map's items as they are written in its input.
pub(crate) fn as_written(part: &Payload, whole: &Payload) -> Payload {
    let Ok(tree) = spanned::parse(whole.text()) else {
        return part.clone();
    };
    let found = find(&tree, whole.text(), part.json());
    let text = found.and_then(|text| Payload::from_text(text).ok());
    text.unwrap_or_else(|| part.clone())
}

fn find<'t>(node: &Node, text: &'t str, wanted: &Json) -> Option<&'t str> {
    match &node.value {
        NodeValue::Array(items) => {
            let own = text.get(node.span.start..node.span.end)?;
            if read::read(own).ok().as_ref() == Some(wanted) {
                return Some(own);
            }
            items.iter().find_map(|item| find(item, text, wanted))
        }
        NodeValue::Object(members) => members
            .iter()
            .find_map(|member| find(&member.value, text, wanted)),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => None,
    }
}

/// The failure a mock asks for, as far as Retry and Catch tell failures apart.
fn mocked(failure: Failure) -> Problem {
    let kind = match failure.error.as_deref() {
        Some(names::RUNTIME) => Kind::Fatal,
        Some(names::TIMEOUT) => Kind::TimedOut { heartbeat: false },
        Some(names::HEARTBEAT_TIMEOUT) => Kind::TimedOut { heartbeat: true },
        _ => Kind::Failed,
    };
    Problem {
        kind,
        ..Problem::failed(failure.error, failure.cause)
    }
}
