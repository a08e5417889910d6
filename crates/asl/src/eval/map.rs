//! Map (inline): its processor for every item, some at the same time, their outputs as one array.

use std::collections::BTreeMap;

use super::frame::{MapRun, Phase, Scope, ScopeIx};
use super::history::{Detail, Iteration};
use super::problem::Problem;
use super::run::Run;
use crate::json::{Json, Payload};
use crate::machine::{Body, Io, Items, MapState, State};

impl<'m> Run<'m, '_, '_> {
    pub(crate) fn start_map(&mut self, at: ScopeIx, state: &'m State, map: &MapState) -> Result<(), Problem> {
        let effective = self.effective_input(at, state)?;
        let items = self.items(at, state, map, &effective)?;
        let length = items.json().as_array().map_or(0, <[Json]>::len);
        let max_concurrency = match &map.max_concurrency {
            Some(amount) => self.amount(at, amount, effective.json(), "MaxConcurrency", 0)?,
            None => 0,
        };
        let max_concurrency = u32::try_from(max_concurrency)
            .map_err(|_| Problem::runtime("MaxConcurrency cannot be negative.".to_owned()))?;
        let started_event = self.record_in(
            at,
            Detail::MapStateStarted {
                length: u64::try_from(length).unwrap_or(u64::MAX),
            },
        );
        self.check_tolerance(at, map, effective.json())?;
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.phase = Phase::Map(MapRun {
                items,
                next: 0,
                running: Vec::new(),
                outputs: BTreeMap::new(),
                max_concurrency,
                started_event,
                last_inside: started_event,
                last_succeeded: started_event,
            });
        }
        if length == 0 {
            self.map_done(at);
        } else {
            self.make_next(at);
        }
        Ok(())
    }

    fn items(
        &mut self,
        at: ScopeIx,
        state: &State,
        map: &MapState,
        effective: &Payload,
    ) -> Result<Payload, Problem> {
        match &map.items {
            Items::Input => match (effective.json(), &state.io) {
                (Json::Array(_), _) => Ok(effective.clone()),
                (other, Io::Jsonata(_)) => Err(Problem::query(
                    None,
                    format!("Map state input must be an array but was: {other}"),
                )),
                (_, Io::JsonPath(_)) => Err(not_an_array("$")),
            },
            Items::At(query) => match self.view(at, effective.json().clone()).path(query)? {
                items @ Json::Array(_) => Ok(Payload::from_json(items)),
                _ => Err(not_an_array(&query.text)),
            },
            Items::Computed(template) => self.compute_items(at, template).map(Payload::from_json),
        }
    }

    /// An inline Map tolerates no failures; the numbers are checked all the same.
    fn check_tolerance(&mut self, at: ScopeIx, map: &MapState, effective: &Json) -> Result<(), Problem> {
        if let Some(amount) = &map.tolerated_failure_count
            && self.amount(at, amount, effective, "ToleratedFailureCount", 0)? < 0
        {
            return Err(Problem::runtime(
                "ToleratedFailureCount cannot be negative.".to_owned(),
            ));
        }
        if let Some(amount) = &map.tolerated_failure_percentage {
            let percentage = self.amount(at, amount, effective, "ToleratedFailurePercentage", 0)?;
            if !(0..=100).contains(&percentage) {
                return Err(Problem::runtime(
                    "ToleratedFailurePercentage must be between 0 and 100.".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// Begins one iteration; comes again while there is room for more.
    pub(crate) fn next_iteration(&mut self, at: ScopeIx) {
        let Some(state) = self.state_of(at) else { return };
        let Body::Map(map) = &state.body else { return };
        let Some((index, item, previous, room)) = self.take_item(at) else {
            return;
        };
        if room {
            self.make_ready(at);
        }
        self.record(
            previous,
            Detail::MapIterationStarted(Iteration {
                name: state.name.clone(),
                index: u64::from(index),
            }),
        );
        let started = self.frame.next_event_id.saturating_sub(1);
        let Some(start) = self.machine.start_of(map.processor) else {
            return;
        };
        let mut scope = Scope::new(start, item.clone(), started);
        scope.parent = Some(at);
        scope.index = index;
        scope.item = Some(item);
        let child = self.frame.scopes.insert(scope);
        if let Some(Phase::Map(run)) = self.frame.scopes.get_mut(at).map(|scope| &mut scope.phase) {
            run.running.push(child);
        }
        match self.iteration_input(at, child, state, map) {
            Ok(input) => {
                if let (Some(input), Some(scope)) = (input, self.frame.scopes.get_mut(child)) {
                    scope.input = input;
                }
                self.make_next(child);
            }
            Err(problem) => {
                if let Some(Phase::Map(run)) = self.frame.scopes.get_mut(at).map(|scope| &mut scope.phase) {
                    run.running.pop();
                }
                self.frame.scopes.remove(child);
                self.state_failed(at, state, problem);
            }
        }
    }

    /// The next item, the event its iteration follows, and whether there is room for one more after it.
    fn take_item(&mut self, at: ScopeIx) -> Option<(u32, Payload, u64, bool)> {
        let Some(Phase::Map(run)) = self.frame.scopes.get_mut(at).map(|scope| &mut scope.phase) else {
            return None;
        };
        let width = if run.max_concurrency == 0 {
            usize::MAX
        } else {
            run.max_concurrency as usize
        };
        if run.running.len() >= width {
            return None;
        }
        let index = run.next;
        let items = run.items.json().as_array()?;
        let item = Payload::from_json(items.get(index as usize)?.clone());
        let more = (index as usize) + 1 < items.len();
        // The first ones follow the Map's start, later ones the iteration that made room.
        let previous = if (index as usize) < width {
            run.started_event
        } else {
            run.last_inside
        };
        run.next += 1;
        Some((index, item, previous, more && run.running.len() + 1 < width))
    }

    /// What `ItemSelector` makes of the item; `None` without one.
    fn iteration_input(
        &mut self,
        at: ScopeIx,
        child: ScopeIx,
        state: &State,
        map: &MapState,
    ) -> Result<Option<Payload>, Problem> {
        let Some(selector) = &map.selector else {
            return Ok(None);
        };
        let value = match &state.io {
            Io::JsonPath(_) => {
                // `$` is the Map's input, the context is the iteration's but for the state, which is the Map.
                let effective = self.effective_input(at, state)?;
                let item = self.item_of(child);
                let mut view = self.view(at, effective.json().clone());
                view.iteration = item;
                view.fill(selector, "ItemSelector")?
            }
            Io::Jsonata(_) => self.fill_jsonata_item(at, child, selector)?,
        };
        Ok(Some(Payload::from_json(value)))
    }

    /// An iteration came to its end.
    pub(crate) fn iteration_done(&mut self, parent: ScopeIx, child: ScopeIx, output: Payload) {
        let Some(done) = self.frame.scopes.remove(child) else {
            return;
        };
        let Some(state) = self.state_of(parent) else {
            return;
        };
        let succeeded = self.record(
            done.previous,
            Detail::MapIterationSucceeded(Iteration {
                name: state.name.clone(),
                index: u64::from(done.index),
            }),
        );
        let Some(Phase::Map(run)) = self.frame.scopes.get_mut(parent).map(|scope| &mut scope.phase) else {
            return;
        };
        run.running.retain(|running| *running != child);
        run.outputs.insert(done.index, output);
        run.last_inside = done.previous;
        run.last_succeeded = succeeded;
        let length = run.items.json().as_array().map_or(0, <[Json]>::len);
        if run.outputs.len() == length {
            self.map_done(parent);
        } else if (run.next as usize) < length {
            self.make_ready(parent);
        }
    }

    fn map_done(&mut self, at: ScopeIx) {
        let Some(state) = self.state_of(at) else { return };
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return;
        };
        let Phase::Map(run) = std::mem::replace(&mut scope.phase, Phase::Stopped) else {
            return;
        };
        // MapStateSucceeded is a leaf: the exit follows the last iteration's success.
        scope.previous = run.last_succeeded;
        self.record(run.last_succeeded, Detail::MapStateSucceeded);
        let outputs = run.outputs.into_values().collect();
        if let Err(problem) = self.finish(at, state, Payload::from_items(outputs)) {
            self.state_failed(at, state, problem);
        }
    }

    /// An iteration failed: the others are cut off and the Map fails with its error.
    pub(crate) fn iteration_failed(
        &mut self,
        parent: ScopeIx,
        around: &'m State,
        child: ScopeIx,
        problem: Problem,
    ) {
        let Some(failed) = self.frame.scopes.get(child) else {
            return;
        };
        let (failing_event, index) = (failed.previous, u64::from(failed.index));
        self.record(
            failing_event,
            Detail::MapIterationFailed(Iteration {
                name: around.name.clone(),
                index,
            }),
        );
        for sibling in self.children(parent) {
            if sibling != child {
                self.abort(sibling);
                let sibling_index = self
                    .frame
                    .scopes
                    .get(sibling)
                    .map_or(0, |scope| u64::from(scope.index));
                let previous = self.frame.scopes.get(sibling).map_or(0, |scope| scope.previous);
                self.record(
                    previous,
                    Detail::MapIterationAborted(Iteration {
                        name: around.name.clone(),
                        index: sibling_index,
                    }),
                );
            }
        }
        self.frame.ready.retain(|ready| *ready != parent);
        if let Some(scope) = self.frame.scopes.get_mut(parent) {
            scope.queued = false;
            scope.previous = failing_event;
        }
        self.state_failed(parent, around, problem);
    }
}

fn not_an_array(path: &str) -> Problem {
    Problem::runtime(format!("Reference path \"{path}\" must point to array."))
}
