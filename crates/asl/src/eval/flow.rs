//! The way through a state: entering, its work, its result, leaving, failing; and the ends of graphs.

use std::sync::Arc;

use super::command::Outcome;
use super::frame::{Closed, Phase, ScopeIx};
use super::history::{Detail, StateType};
use super::problem::{Follows, Kind, Problem};
use super::run::Run;
use crate::json::{Json, Payload};
use crate::limits::JSON_DEPTH_MAX;
use crate::machine::{Assign, Body, Io, State, StateIx};

/// Variables a state has set, as its exit shows them.
pub(crate) type Assigned = Vec<(Arc<str>, Payload)>;

impl<'m> Run<'m, '_, '_> {
    /// Enters the scope's state and does its work.
    pub(crate) fn enter(&mut self, at: ScopeIx) {
        let Some(state) = self.state_of(at) else { return };
        self.transitions_left = self.transitions_left.saturating_sub(1);
        let now_ms = self.env.now_ms;
        let input = self.input_of(at);
        let entered = self.record_in(
            at,
            Detail::StateEntered {
                kind: state.kind(),
                name: state.name.clone(),
                input,
            },
        );
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.entered_event = entered;
            scope.entered_ms = now_ms;
            scope.retry_count = 0;
            scope.retries.clear();
            scope.phase = Phase::Stopped;
        }
        if let Some(count) = self.given_retry_count()
            && let Some(scope) = self.frame.scopes.get_mut(at)
        {
            scope.retry_count = count;
        }
        self.work(at);
    }

    /// Does the state's work: at entry, on a retry, after a redrive.
    pub(crate) fn work(&mut self, at: ScopeIx) {
        let Some(state) = self.state_of(at) else { return };
        let done = match &state.body {
            Body::Pass { result } => self.pass(at, state, result.as_ref()),
            Body::Task(task) => self.schedule(at, state, task),
            Body::Choice { rules, default } => self.choose(at, state, rules, *default),
            Body::Wait(wait) => self.wait(at, state, wait),
            Body::Succeed => self.succeed(at, state),
            Body::Fail { error, cause } => self.fail(at, state, error.as_ref(), cause.as_ref()),
            Body::Parallel { branches } => self.fork(at, state, branches),
            Body::Map(map) => self.start_map(at, state, map),
        };
        if let Err(problem) = done {
            self.state_failed(at, state, problem);
        }
    }

    /// The input after `InputPath`.
    pub(crate) fn effective_input(&mut self, at: ScopeIx, state: &State) -> Result<Payload, Problem> {
        let input = self.input_of(at);
        let effective = match &state.io {
            Io::JsonPath(io) if !matches!(io.input_path, crate::machine::Selection::Whole) => {
                let json = input.json().clone();
                self.view(at, json).select(&io.input_path, &input)?
            }
            _ => input,
        };
        self.inspect_input(state, &effective);
        Ok(effective)
    }

    /// What the state works on: after `InputPath` and `Parameters`, or its `Arguments`.
    pub(crate) fn arguments(
        &mut self,
        at: ScopeIx,
        state: &State,
        token: Option<&Arc<str>>,
    ) -> Result<Payload, Problem> {
        let effective = self.effective_input(at, state)?;
        let (template, location) = match &state.io {
            Io::JsonPath(io) => (io.parameters.as_ref(), "Parameters"),
            Io::Jsonata(io) => (io.arguments.as_ref(), "Arguments"),
        };
        let arguments = match template {
            None => effective,
            Some(template) => {
                let mut view = self.view(at, effective.json().clone());
                view.token = token.cloned();
                Payload::from_json(view.fill(template, location)?)
            }
        };
        self.inspect_arguments(state, &arguments);
        Ok(arguments)
    }

    /// Takes the work's result through `ResultSelector`, `ResultPath`, `OutputPath` or `Output`, assigns, and leaves.
    pub(crate) fn finish(&mut self, at: ScopeIx, state: &'m State, result: Payload) -> Result<(), Problem> {
        let input = self.input_of(at);
        self.inspect_result(state, &result);
        let (output, assigned) = match &state.io {
            Io::JsonPath(io) => {
                let result = match &io.result_selector {
                    Some(selector) => {
                        let json = result.json().clone();
                        Payload::from_json(self.view(at, json).fill(selector, "ResultSelector")?)
                    }
                    None => result,
                };
                self.inspect_output(state, |seen| seen.after_result_selector = Some(result.clone()));
                let assigned = self.assign_json_path(at, &state.assign, &result)?;
                let placed = super::place::place(&io.result_path, &input, result)?;
                self.inspect_output(state, |seen| seen.after_result_path = Some(placed.clone()));
                let output = match &io.output_path {
                    crate::machine::Selection::Whole => placed,
                    selection => {
                        let json = placed.json().clone();
                        self.view(at, json).select(selection, &placed)?
                    }
                };
                (output, assigned)
            }
            Io::Jsonata(io) => {
                // Only what does work has a result.
                let seen = match &state.body {
                    Body::Task(_) | Body::Parallel { .. } | Body::Map(_) => {
                        super::compute::Seen::result(&result)
                    }
                    _ => super::compute::Seen::default(),
                };
                let assigned = self.assign_jsonata(at, &state.assign, "", &seen)?;
                let output = match &io.output {
                    Some(template) => Payload::from_json(self.fill_jsonata(at, template, "Output", &seen)?),
                    None => result,
                };
                (output, assigned)
            }
        };
        self.leave(at, state, output, assigned, state.next)
    }

    /// `Assign` of a JSONPath state; `$` is `seen`. All are evaluated before any is set.
    pub(crate) fn assign_json_path(
        &mut self,
        at: ScopeIx,
        assign: &Assign,
        seen: &Payload,
    ) -> Result<Assigned, Problem> {
        if assign.is_empty() {
            return Ok(Assigned::new());
        }
        let mut view = self.view(at, seen.json().clone());
        assign
            .iter()
            .map(|(name, template)| Ok((name.clone(), Payload::from_json(view.fill(template, "Assign")?))))
            .collect()
    }

    /// Records the exit and goes on to `next`, or ends the graph.
    pub(crate) fn leave(
        &mut self,
        at: ScopeIx,
        state: &State,
        output: Payload,
        assigned: Assigned,
        next: Option<StateIx>,
    ) -> Result<(), Problem> {
        self.check_size(&state.name, &output)?;
        self.check_variables(at, &assigned)?;
        self.record_in(
            at,
            Detail::StateExited {
                kind: state.kind(),
                name: state.name.clone(),
                output: output.clone(),
                assigned: assigned.clone(),
            },
        );
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return Ok(());
        };
        for (name, value) in assigned {
            match scope.variables.iter_mut().find(|(have, _)| *have == name) {
                Some(variable) => variable.1 = value,
                None => scope.variables.push((name, value)),
            }
        }
        if self.left_under_test(at, &output, next) {
            return Ok(());
        }
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return Ok(());
        };
        match next {
            Some(next) => {
                scope.state = next;
                scope.input = output;
                scope.phase = Phase::Enter;
                self.make_next(at);
            }
            None => self.graph_ended(at, output),
        }
        Ok(())
    }

    pub(crate) fn check_size(&self, what: &str, payload: &Payload) -> Result<(), Problem> {
        if payload.len_bytes() > self.env.limits.payload_bytes_max {
            return Err(Problem::too_large(what));
        }
        if payload.is_deeper_than(JSON_DEPTH_MAX) {
            return Err(Problem::runtime(format!(
                "The value is nested more than {JSON_DEPTH_MAX} levels deep."
            )));
        }
        Ok(())
    }

    /// What one state assigns is bounded as a payload is, and so is all that a state sees.
    fn check_variables(&mut self, at: ScopeIx, assigned: &Assigned) -> Result<(), Problem> {
        if assigned.is_empty() {
            return Ok(());
        }
        let limits = self.env.limits;
        let size =
            |variables: &Assigned| -> usize { variables.iter().map(|(_, value)| value.len_bytes()).sum() };
        let own = size(assigned);
        let mut all = own;
        let view = self.view(at, Json::Null);
        for scope in view.chain() {
            let kept = scope
                .variables
                .iter()
                .filter(|(name, _)| !assigned.iter().any(|(new, _)| new == name));
            all += kept.map(|(_, value)| value.len_bytes()).sum::<usize>();
        }
        if own > limits.payload_bytes_max {
            return Err(Problem::variables_too_large(
                "assigned by the state",
                limits.payload_bytes_max,
            ));
        }
        if all > limits.variables_bytes_max {
            return Err(Problem::variables_too_large(
                "of the execution",
                limits.variables_bytes_max,
            ));
        }
        Ok(())
    }

    /// A graph came to its end: the execution's, a branch's or an iteration's.
    pub(crate) fn graph_ended(&mut self, at: ScopeIx, output: Payload) {
        let Some(scope) = self.frame.scopes.get(at) else {
            return;
        };
        let previous = scope.previous;
        match scope.parent {
            None => {
                self.record(
                    previous,
                    Detail::ExecutionSucceeded {
                        output: output.clone(),
                    },
                );
                self.close(Outcome::Succeeded { output }, Closed::ForGood);
            }
            Some(parent) => match self.state_of(parent).map(State::kind) {
                Some(StateType::Map) => self.iteration_done(parent, at, output),
                _ => self.branch_done(parent, at, output),
            },
        }
    }

    /// A state failed: Retry, then Catch, then whoever is around.
    pub(crate) fn state_failed(&mut self, at: ScopeIx, state: &'m State, problem: Problem) {
        if self.probe.is_some() {
            return self.failed_under_test(at, state, problem);
        }
        let Some(scope) = self.frame.scopes.get(at) else {
            return;
        };
        let entered = scope.entered_event;
        let problem = self.evaluation_failed(at, state, problem.placed(&state.name, entered));
        if problem.kind == Kind::Fatal {
            self.execution_failed(at, problem);
            return;
        }
        if self.retry(at, state, &problem) {
            return;
        }
        self.record_state_failed(at, state);
        match self.catch(at, state, &problem) {
            Ok(true) => {}
            Ok(false) => self.scope_failed(at, state, problem),
            Err(problem) => {
                // The catcher itself failed; no other is asked.
                let problem = self.evaluation_failed(at, state, problem.placed(&state.name, entered));
                if problem.kind == Kind::Fatal {
                    self.execution_failed(at, problem);
                } else {
                    self.record_state_failed(at, state);
                    self.scope_failed(at, state, problem);
                }
            }
        }
    }

    /// Records the failure of an expression where it happened; from here on it is an error like any other.
    fn evaluation_failed(&mut self, at: ScopeIx, state: &State, mut problem: Problem) -> Problem {
        let Kind::Evaluation { location, follows } = &problem.kind else {
            return problem;
        };
        let Some(scope) = self.frame.scopes.get(at) else {
            return problem;
        };
        let follows = match follows {
            Follows::BeforeLast => scope.before_last,
            Follows::Last => scope.previous,
        };
        let failure = problem.failure();
        let id = self.record(
            follows,
            Detail::EvaluationFailed {
                error: failure.error.unwrap_or_default(),
                cause: failure.cause.unwrap_or_default(),
                location: location.clone(),
                state: state.name.clone(),
            },
        );
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.before_last = follows;
            scope.previous = id;
        }
        problem.kind = Kind::Failed;
        problem
    }

    /// The event of a Map or a Parallel that did not succeed.
    fn record_state_failed(&mut self, at: ScopeIx, state: &State) {
        match state.kind() {
            StateType::Map => {
                self.record_in(at, Detail::MapStateFailed);
            }
            StateType::Parallel => {
                self.record_in(at, Detail::ParallelStateFailed);
            }
            _ => {}
        }
    }

    /// Nobody in the scope caught it.
    fn scope_failed(&mut self, at: ScopeIx, state: &State, problem: Problem) {
        let parent = self.frame.scopes.get(at).and_then(|scope| scope.parent);
        match parent {
            None => self.execution_failed(at, problem),
            Some(parent) => match self.state_of(parent) {
                Some(around) if around.kind() == StateType::Map => {
                    self.iteration_failed(parent, around, at, problem);
                }
                Some(around) => self.branch_failed(parent, around, at, state.kind(), problem),
                None => {}
            },
        }
    }

    /// Ends the execution.
    fn execution_failed(&mut self, at: ScopeIx, problem: Problem) {
        let Some(previous) = self.frame.scopes.get(at).map(|scope| scope.previous) else {
            return;
        };
        let failure = problem.failure();
        let id = self.record(previous, Detail::ExecutionFailed(failure.clone()));
        self.close(Outcome::Failed(failure), Closed::Redrivable(id));
    }

    /// Error and cause as `Catch` passes them on.
    pub(crate) fn error_output(problem: &Problem) -> Json {
        let failure = problem.failure();
        let text = |text: Option<Arc<str>>| text.map_or(Json::Null, Json::String);
        let cause = match (&problem.kind, failure.cause) {
            (Kind::TimedOut { .. }, None) => Json::from(""),
            (_, cause) => text(cause),
        };
        let members = [
            (Arc::from("Error"), text(failure.error)),
            (Arc::from("Cause"), cause),
        ];
        Json::object(members.into_iter().collect())
    }
}
