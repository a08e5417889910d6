//! Parallel: branches at the same time, their outputs as one array.

use super::command::Command;
use super::frame::{Branch, Fork, Phase, Scope, ScopeIx};
use super::history::{Detail, Iteration, StateType};
use super::problem::Problem;
use super::run::Run;
use crate::json::Payload;
use crate::machine::{GraphIx, State};

impl<'m> Run<'m, '_, '_> {
    pub(crate) fn fork(
        &mut self,
        at: ScopeIx,
        state: &'m State,
        branches: &[GraphIx],
    ) -> Result<(), Problem> {
        let input = self.arguments(at, state, None)?;
        if self.answer_with_mock(at, state)? {
            return Ok(());
        }
        let started = self.record_in(at, Detail::ParallelStateStarted);
        let mut fork = Fork {
            branches: Vec::with_capacity(branches.len()),
        };
        let mut children = Vec::with_capacity(branches.len());
        for (index, graph) in (0_u32..).zip(branches) {
            let Some(start) = self.machine.start_of(*graph) else {
                continue;
            };
            let mut scope = Scope::new(start, input.clone(), started);
            scope.parent = Some(at);
            scope.index = index;
            let child = self.frame.scopes.insert(scope);
            fork.branches.push(Branch::Running(child));
            children.push(child);
        }
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.phase = Phase::Parallel(fork);
        }
        for child in children.into_iter().rev() {
            self.make_next(child);
        }
        Ok(())
    }

    /// A branch came to its end.
    pub(crate) fn branch_done(&mut self, parent: ScopeIx, child: ScopeIx, output: Payload) {
        let Some(done) = self.frame.scopes.remove(child) else {
            return;
        };
        let Some(scope) = self.frame.scopes.get_mut(parent) else {
            return;
        };
        let Phase::Parallel(fork) = &mut scope.phase else {
            return;
        };
        if let Some(branch) = fork.branches.get_mut(done.index as usize) {
            *branch = Branch::Done(output);
        }
        let outputs: Vec<Payload> = fork
            .branches
            .iter()
            .filter_map(|branch| match branch {
                Branch::Done(output) => Some(output.clone()),
                Branch::Running(_) => None,
            })
            .collect();
        if outputs.len() < fork.branches.len() {
            return;
        }
        // ParallelStateSucceeded is a leaf: the exit follows the last event inside.
        scope.previous = done.previous;
        scope.phase = Phase::Stopped;
        self.record(done.previous, Detail::ParallelStateSucceeded);
        let Some(state) = self.state_of(parent) else {
            return;
        };
        if let Err(problem) = self.finish(parent, state, Payload::from_items(outputs)) {
            self.state_failed(parent, state, problem);
        }
    }

    /// A branch failed: the others are cut off and the Parallel fails with its error.
    pub(crate) fn branch_failed(
        &mut self,
        parent: ScopeIx,
        around: &'m State,
        child: ScopeIx,
        kind: StateType,
        problem: Problem,
    ) {
        let failing_event = self.frame.scopes.get(child).map_or(0, |scope| scope.previous);
        if let Some(scope) = self.frame.scopes.get_mut(child) {
            scope.phase = match std::mem::replace(&mut scope.phase, Phase::Stopped) {
                kept @ (Phase::Parallel(_) | Phase::Map(_) | Phase::MapRun(_)) => kept,
                _ => Phase::Stopped,
            };
        }
        if kind == StateType::Task {
            self.record(failing_event, Detail::StateAborted { kind });
        }
        for sibling in self.children(parent) {
            if sibling != child {
                self.abort(sibling);
            }
        }
        if let Some(scope) = self.frame.scopes.get_mut(parent) {
            scope.previous = failing_event;
        }
        self.state_failed(parent, around, problem);
    }

    /// The scopes at work below a Parallel or Map.
    pub(crate) fn children(&self, at: ScopeIx) -> Vec<ScopeIx> {
        match self.frame.scopes.get(at).map(|scope| &scope.phase) {
            Some(Phase::Parallel(fork)) => fork
                .branches
                .iter()
                .filter_map(|branch| match branch {
                    Branch::Running(child) => Some(*child),
                    Branch::Done(_) => None,
                })
                .collect(),
            Some(Phase::Map(map)) => map.running.clone(),
            _ => Vec::new(),
        }
    }

    /// Cuts a scope off where it stands; it stays for a redrive.
    pub(crate) fn abort(&mut self, at: ScopeIx) {
        for child in self.children(at) {
            self.abort(child);
            if let Some(iteration) = self.iteration_of(at, child) {
                let previous = self.frame.scopes.get(child).map_or(0, |scope| scope.previous);
                self.record(previous, Detail::MapIterationAborted(iteration));
            }
        }
        let Some(state) = self.state_of(at) else { return };
        let kind = state.kind();
        self.abort_map_run(at);
        if let Some(scope) = self.frame.scopes.get(at)
            && !matches!(scope.phase, Phase::Enter | Phase::Stopped)
        {
            let previous = scope.previous;
            self.record(previous, Detail::StateAborted { kind });
        }
        self.cancel_waits(at);
    }

    fn iteration_of(&self, at: ScopeIx, child: ScopeIx) -> Option<Iteration> {
        let state = self.state_of(at).filter(|state| state.kind() == StateType::Map)?;
        let scope = self.frame.scopes.get(child)?;
        Some(Iteration {
            name: state.name.clone(),
            index: u64::from(scope.index),
        })
    }

    /// Nobody waits for this scope's task and timers any more.
    fn cancel_waits(&mut self, at: ScopeIx) {
        self.frame.ready.retain(|ready| *ready != at);
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return;
        };
        scope.queued = false;
        let kept = match std::mem::replace(&mut scope.phase, Phase::Stopped) {
            kept @ (Phase::Parallel(_) | Phase::Map(_) | Phase::Enter) => kept,
            Phase::Wait { timer } | Phase::RetryWait { timer } => {
                self.cancel_timer(timer);
                Phase::Stopped
            }
            Phase::Task(task) => {
                self.frame.waiting.remove(&task.id.0);
                self.commands.push(Command::CancelTask { id: task.id });
                for timer in [task.timeout, task.heartbeat.map(|heartbeat| heartbeat.timer)]
                    .into_iter()
                    .flatten()
                {
                    self.cancel_timer(timer);
                }
                Phase::Stopped
            }
            Phase::MapRun(mut run) => {
                if let Some(id) = run.id.take() {
                    self.frame.waiting.remove(&id.0);
                    self.commands.push(Command::CancelTask { id });
                }
                Phase::MapRun(run)
            }
            Phase::Again | Phase::Stopped => Phase::Stopped,
        };
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.phase = kept;
        }
    }

    /// Takes everything below a scope out of the frame: its state goes on without it.
    pub(crate) fn drop_children(&mut self, at: ScopeIx) {
        for child in self.children(at) {
            self.remove_with_children(child);
        }
        if let Some(scope) = self.frame.scopes.get_mut(at)
            && matches!(scope.phase, Phase::Parallel(_) | Phase::Map(_))
        {
            scope.phase = Phase::Stopped;
        }
    }

    pub(crate) fn remove_with_children(&mut self, at: ScopeIx) {
        self.drop_children(at);
        self.cancel_waits(at);
        self.frame.scopes.remove(at);
    }
}
