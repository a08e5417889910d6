//! One call of `start` or `step`: takes the frame, lets ready scopes go on, collects history and commands.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::command::{Command, Failure, Outcome, TaskId, TimerId};
use super::env::{Env, ExecutionFacts, MachineKind};
use super::event::Event;
use super::frame::{Closed, Frame, Phase, Scope, ScopeIx, Scopes, Stepped};
use super::history::{Detail, HistoryEvent};
use super::probe::Probe;
use super::problem::names;
use super::view::View;
use crate::json::{Json, Payload};
use crate::machine::{GraphIx, Machine, State};

/// Begins an execution.
pub fn start(machine: &Machine, execution: ExecutionFacts, env: &mut Env<'_>) -> Stepped {
    let facts = Arc::new(execution);
    let frame = Frame {
        redrive_count: facts.redrive_count,
        next_event_id: 1,
        next_call_id: 1,
        scopes: Scopes::default(),
        ready: VecDeque::new(),
        waiting: BTreeMap::new(),
        machine_timer: None,
        closed: None,
        redriven_ms: None,
        attempts: BTreeMap::new(),
        facts,
    };
    let mut run = Run::new(machine, frame, env);
    run.begin();
    run.go()
}

/// Goes on with an execution. An event nobody waits for changes nothing.
pub fn step(machine: &Machine, frame: Frame, event: Event, env: &mut Env<'_>) -> Stepped {
    let mut run = Run::new(machine, frame, env);
    run.take(event);
    run.go()
}

pub(crate) struct Run<'m, 'r, 'e> {
    pub(crate) machine: &'m Machine,
    pub(crate) frame: Frame,
    pub(crate) env: &'r mut Env<'e>,
    pub(crate) commands: Vec<Command>,
    pub(crate) history: Vec<HistoryEvent>,
    pub(crate) transitions_left: u32,
    /// Set when a single state is under test.
    pub(crate) probe: Option<&'r mut Probe>,
    /// The history is full; the execution is about to fail.
    full: bool,
}

impl<'m, 'r, 'e> Run<'m, 'r, 'e> {
    pub(crate) fn new(machine: &'m Machine, frame: Frame, env: &'r mut Env<'e>) -> Self {
        Run {
            transitions_left: env.limits.transitions_per_call_max,
            machine,
            frame,
            env,
            commands: Vec::new(),
            history: Vec::new(),
            probe: None,
            full: false,
        }
    }

    fn begin(&mut self) {
        let facts = Arc::clone(&self.frame.facts);
        self.record(
            0,
            Detail::ExecutionStarted {
                input: facts.input.clone(),
                role_arn: facts.role_arn.clone(),
                version_arn: facts.version_arn.clone(),
                alias_arn: facts.alias_arn.clone(),
            },
        );
        self.start_machine_timer();
        if let Some(start) = self.machine.start_of(facts.graph) {
            // The first state follows no event (not even ExecutionStarted).
            let root = self
                .frame
                .scopes
                .insert(Scope::new(start, facts.input.clone(), 0));
            self.make_ready(root);
        }
    }

    pub(crate) fn start_machine_timer(&mut self) {
        let kinds_own = match self.frame.facts.kind {
            MachineKind::Standard => None,
            MachineKind::Express => Some(self.env.limits.express_seconds_max),
        };
        // The machine's own time is not that of a Map Run's children.
        let machines_own = match self.frame.facts.graph {
            GraphIx::ROOT => self.machine.timeout_seconds,
            _ => None,
        };
        let seconds = machines_own.into_iter().chain(kinds_own).min();
        if let Some(seconds) = seconds {
            let id = self.start_timer(seconds, None);
            self.frame.machine_timer = Some(id);
        }
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Redriven => self.redrive(),
            _ if self.frame.closed.is_some() => {}
            Event::Continue => {}
            Event::Stopped { error, cause } => {
                let failure = Failure { error, cause };
                self.abort_map_runs();
                let id = self.record(0, Detail::ExecutionAborted(failure.clone()));
                self.close(Outcome::Aborted(failure), Closed::Redrivable(id));
            }
            Event::TimerFired { id } if self.frame.machine_timer == Some(id) => {
                self.frame.machine_timer = None;
                let failure = Failure {
                    error: Some(names::TIMEOUT.into()),
                    cause: None,
                };
                self.abort_map_runs();
                let id = self.record(0, Detail::ExecutionTimedOut(failure.clone()));
                self.close(Outcome::TimedOut(failure), Closed::Redrivable(id));
            }
            Event::TimerFired { id } => self.timer_fired(id),
            Event::TaskStarted { id } => self.task_started(id, None),
            Event::ActivityStarted { id, worker } => self.task_started(id, worker),
            Event::TaskSubmitted { id, output } => self.task_submitted(id, output),
            Event::TaskSucceeded { id, output } => self.task_succeeded(id, output),
            Event::TaskFailed {
                id,
                error,
                cause,
                kind,
            } => self.task_failed(id, error, cause, kind),
            Event::MapRunSucceeded { id, output } => self.map_run_succeeded(id, output),
            Event::MapRunFailed { id, error, cause } => self.map_run_failed(id, error, cause),
            Event::Heartbeat { id } => self.heartbeat(id),
        }
    }

    fn timer_fired(&mut self, id: TimerId) {
        let Some(at) = self.frame.waiting.remove(&id.0) else {
            return;
        };
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return;
        };
        match &scope.phase {
            Phase::Wait { timer } if *timer == id => self.wait_over(at),
            Phase::RetryWait { timer } if *timer == id => {
                scope.phase = Phase::Again;
                self.make_ready(at);
            }
            Phase::Task(_) => self.task_timer_fired(at, id),
            _ => {}
        }
    }

    fn go(mut self) -> Stepped {
        let resume = self.advance_all();
        Stepped {
            frame: self.frame,
            commands: self.commands,
            history: self.history,
            resume,
        }
    }

    /// Lets ready scopes go on until all wait, the execution is over, or the budget is spent. Whether it was the budget.
    pub(crate) fn advance_all(&mut self) -> bool {
        while self.frame.closed.is_none() {
            if self.full {
                self.fail_of_full_history();
                break;
            }
            if self.transitions_left == 0 && !self.frame.ready.is_empty() {
                return true;
            }
            let Some(at) = self.frame.ready.pop_front() else {
                break;
            };
            if let Some(scope) = self.frame.scopes.get_mut(at) {
                scope.queued = false;
                self.advance(at);
            }
        }
        false
    }

    fn advance(&mut self, at: ScopeIx) {
        match self.frame.scopes.get(at).map(|scope| &scope.phase) {
            Some(Phase::Enter) => self.enter(at),
            Some(Phase::Again) => self.work(at),
            Some(Phase::Map(_)) => self.next_iteration(at),
            _ => {}
        }
    }

    /// Puts a scope at the end of those that can go on.
    pub(crate) fn make_ready(&mut self, at: ScopeIx) {
        if let Some(scope) = self.frame.scopes.get_mut(at)
            && !scope.queued
        {
            scope.queued = true;
            self.frame.ready.push_back(at);
        }
    }

    /// A scope that was to go on is not to any more.
    pub(crate) fn unready(&mut self, at: ScopeIx) {
        if let Some(scope) = self.frame.scopes.get_mut(at)
            && std::mem::replace(&mut scope.queued, false)
        {
            self.frame.ready.retain(|ready| *ready != at);
        }
    }

    /// Puts a scope before all others: what it does next follows directly on what just happened.
    pub(crate) fn make_next(&mut self, at: ScopeIx) {
        if let Some(scope) = self.frame.scopes.get_mut(at)
            && !scope.queued
        {
            scope.queued = true;
            self.frame.ready.push_front(at);
        }
    }

    /// Writes an event down; returns its id.
    pub(crate) fn record(&mut self, previous_event_id: u64, detail: Detail) -> u64 {
        let id = self.frame.next_event_id;
        let bounded = self.frame.facts.kind == MachineKind::Standard;
        let ends = matches!(
            detail,
            Detail::ExecutionSucceeded { .. }
                | Detail::ExecutionFailed(_)
                | Detail::ExecutionTimedOut(_)
                | Detail::ExecutionAborted(_)
        );
        // The last place is kept for the end.
        if bounded && !ends && id >= self.env.limits.history_events_max {
            self.full = true;
            return id;
        }
        self.frame.next_event_id += 1;
        self.history.push(HistoryEvent {
            id,
            previous_event_id,
            timestamp_ms: self.env.now_ms,
            detail,
        });
        id
    }

    /// The same, as the next event of a scope.
    pub(crate) fn record_in(&mut self, at: ScopeIx, detail: Detail) -> u64 {
        let previous = self.frame.scopes.get(at).map_or(0, |scope| scope.previous);
        let id = self.record(previous, detail);
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.before_last = previous;
            scope.previous = id;
        }
        id
    }

    fn fail_of_full_history(&mut self) {
        let failure = Failure {
            error: Some(names::RUNTIME.into()),
            cause: Some(
                format!(
                    "The execution reached the maximum number of history events ({}).",
                    self.env.limits.history_events_max
                )
                .into(),
            ),
        };
        let previous = self.frame.next_event_id.saturating_sub(1);
        self.record(previous, Detail::ExecutionFailed(failure.clone()));
        // An execution whose history is full can't be redriven.
        self.close(Outcome::Failed(failure), Closed::ForGood);
    }

    pub(crate) fn close(&mut self, outcome: Outcome, closed: Closed) {
        // An Express execution can't be redriven.
        let closed = match self.frame.facts.kind {
            MachineKind::Standard => closed,
            MachineKind::Express => Closed::ForGood,
        };
        self.frame.ready.clear();
        for (id, at) in std::mem::take(&mut self.frame.waiting) {
            let is_task = self.frame.scopes.get(at).is_some_and(|scope| match &scope.phase {
                Phase::Task(task) => task.id.0 == id,
                Phase::MapRun(_) => true,
                _ => false,
            });
            self.commands.push(if is_task {
                Command::CancelTask { id: TaskId(id) }
            } else {
                Command::CancelTimer { id: TimerId(id) }
            });
        }
        if let Some(id) = self.frame.machine_timer.take() {
            self.commands.push(Command::CancelTimer { id });
        }
        if closed == Closed::ForGood {
            self.frame.scopes.clear();
        }
        self.frame.closed = Some(closed);
        self.commands.push(Command::Close(outcome));
    }

    pub(crate) fn new_call_id(&mut self) -> u64 {
        let id = self.frame.next_call_id;
        self.frame.next_call_id += 1;
        id
    }

    /// Starts a timer, for a scope where one is named.
    pub(crate) fn start_timer(&mut self, seconds: u64, scope: Option<ScopeIx>) -> TimerId {
        let ms = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
        self.start_timer_at(self.env.now_ms.saturating_add(ms), scope)
    }

    pub(crate) fn start_timer_at(&mut self, due_ms: i64, scope: Option<ScopeIx>) -> TimerId {
        let id = TimerId(self.new_call_id());
        if let Some(at) = scope {
            self.frame.waiting.insert(id.0, at);
        }
        self.commands.push(Command::StartTimer { id, due_ms });
        id
    }

    pub(crate) fn cancel_timer(&mut self, id: TimerId) {
        if self.frame.waiting.remove(&id.0).is_some() {
            self.commands.push(Command::CancelTimer { id });
        }
    }

    /// The state a scope stands in.
    pub(crate) fn state_of(&self, at: ScopeIx) -> Option<&'m State> {
        let machine: &'m Machine = self.machine;
        self.frame
            .scopes
            .get(at)
            .and_then(|scope| machine.state(scope.state))
    }

    pub(crate) fn input_of(&self, at: ScopeIx) -> Payload {
        self.frame
            .scopes
            .get(at)
            .map_or_else(Payload::null, |scope| scope.input.clone())
    }

    /// What expressions of this scope's state see, with `input` as `$`.
    pub(crate) fn view(&mut self, at: ScopeIx, input: Json) -> View<'_, 'e> {
        let mut view = View::new(self.machine, &self.frame, self.env, at, input);
        view.probe = self.probe.as_deref();
        view
    }
}
