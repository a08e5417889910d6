//! Map: its processor for every item, some at the same time, their outputs as one array.

use std::collections::BTreeMap;

use super::distributed::Beginning;
use super::frame::{Iterations, Phase, Scope, ScopeIx};
use super::history::{Detail, Iteration};
use super::problem::{Problem, names};
use super::run::Run;
use crate::items::{ItemError, ItemFormat, ItemParser};
use crate::json::{Json, Payload};
use crate::machine::{Body, Io, Items, MapState, Reader, State, Template};

impl<'m> Run<'m, '_, '_> {
    pub(crate) fn start_map(
        &mut self,
        at: ScopeIx,
        state: &'m State,
        map: &'m MapState,
    ) -> Result<(), Problem> {
        let effective = self.effective_input(at, state)?;
        let reader = map
            .distributed
            .as_ref()
            .and_then(|distributed| distributed.reader.as_ref());
        let items = match reader {
            Some(_) => Payload::from_items(Vec::new()),
            None => self.items(at, state, map, &effective)?,
        };
        if matches!(state.io, Io::JsonPath(_)) && reader.is_none() {
            let whole = effective.clone();
            self.inspect(|seen| seen.after_items_path = Some(super::probe::as_written(&items, &whole)));
        }
        let max_concurrency = match &map.max_concurrency {
            Some(amount) => self.amount(at, amount, effective.json(), "MaxConcurrency", 0)?,
            None => 0,
        };
        let max_concurrency = u32::try_from(max_concurrency)
            .map_err(|_| Problem::runtime("MaxConcurrency cannot be negative.".to_owned()))?;
        self.inspect(|seen| seen.max_concurrency = Some(max_concurrency));
        if self.probe.is_some() {
            return self.map_under_test(at, state, map, items, &effective);
        }
        let length = items.json().as_array().map_or(0, <[Json]>::len);
        self.record_in(
            at,
            Detail::MapStateStarted {
                length: u64::try_from(length).unwrap_or(u64::MAX),
            },
        );
        let tolerance = self.tolerance(at, map, effective.json())?;
        if let Some(distributed) = &map.distributed {
            let beginning = Beginning {
                map,
                distributed,
                items,
                effective,
                max_concurrency,
                tolerance,
            };
            return self.start_map_run(at, state, beginning);
        }
        // An inline Map tolerates no failures; the numbers were checked all the same.
        self.begin_iterations(at, items, max_concurrency);
        Ok(())
    }

    /// A Map on its own: what its iterations would get is computed, none of them runs.
    fn map_under_test(
        &mut self,
        at: ScopeIx,
        state: &'m State,
        map: &MapState,
        items: Payload,
        effective: &Payload,
    ) -> Result<(), Problem> {
        let tolerance = self.tolerance(at, map, effective.json())?;
        self.inspect(|seen| {
            seen.tolerated_failure_count = tolerance.count.and_then(|count| u32::try_from(count).ok());
            seen.tolerated_failure_percentage = tolerance.percentage;
        });
        let distributed = map.distributed.as_deref();
        let reader = distributed.and_then(|distributed| distributed.reader.as_ref());
        let items = match reader {
            None => Some(items),
            // Without the data nothing is known of the items.
            Some(reader) => self.given_items(reader)?,
        };
        if let Some(items) = items {
            self.inspect(|seen| seen.items = Some(items.clone()));
            let mut inputs = Vec::new();
            for (index, item) in (0_u32..).zip(items.json().as_array().unwrap_or_default()) {
                let item = Payload::from_json(item.clone());
                inputs.push(match &map.selector {
                    Some(selector) => {
                        Payload::from_json(self.selected(at, state, selector, (index, item))?)
                    }
                    None => item,
                });
            }
            if map.selector.is_some() {
                let selected = Payload::from_items(inputs.clone());
                self.inspect(|seen| seen.after_item_selector = Some(selected));
            }
            if let Some(batcher) = distributed.and_then(|distributed| distributed.batcher.as_ref()) {
                let batching = self.batching(at, batcher, effective)?;
                let batches = batching.batches(inputs);
                self.inspect(|seen| seen.after_item_batcher = Some(Payload::from_items(batches)));
            }
        }
        if self.answer_with_mock(at, state)? {
            return Ok(());
        }
        Err(Problem::runtime(
            "A Map can't be tested without a mock.".to_owned(),
        ))
    }

    /// The items in what the reader is said to have read.
    fn given_items(&mut self, reader: &Reader) -> Result<Option<Payload>, Problem> {
        let Some(data) = self.given_reader_data() else {
            return Ok(None);
        };
        let format = match &reader.format {
            // What a listing or a manifest leads to is given as it comes out of it.
            ItemFormat::Listing | ItemFormat::Inventory => &ItemFormat::Json { pointer: None },
            format => format,
        };
        let read = || {
            let mut found = Vec::new();
            let mut parser = ItemParser::new(format)?;
            parser.push(data.as_bytes(), &mut found)?;
            parser.finish(&mut found)?;
            Ok(found)
        };
        let found = read().map_err(|error: ItemError| {
            Problem::failed(Some(names::ITEM_READER_FAILED.into()), Some(error.0.into()))
        })?;
        let items = Payload::from_items(found);
        if matches!(format, ItemFormat::Json { pointer: Some(_) }) {
            self.inspect(|seen| seen.after_items_pointer = Some(items.clone()));
        }
        Ok(Some(items))
    }

    fn begin_iterations(&mut self, at: ScopeIx, items: Payload, max_concurrency: u32) {
        let is_empty = items.json().as_array().is_none_or(<[Json]>::is_empty);
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return;
        };
        let started_event = scope.previous;
        scope.phase = Phase::Map(Iterations {
            items,
            next: 0,
            running: Vec::new(),
            outputs: BTreeMap::new(),
            max_concurrency,
            started_event,
            last_inside: started_event,
            last_succeeded: started_event,
        });
        if is_empty {
            self.map_done(at);
        } else {
            self.make_next(at);
        }
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
            Items::At(query) => match self.view(at, effective.json().clone()).reference(query)? {
                items @ Json::Array(_) => Ok(Payload::from_json(items)),
                _ => Err(not_an_array(&query.text)),
            },
            Items::Computed(template) => self.compute_items(at, template).map(Payload::from_json),
        }
    }

    /// Begins one iteration; comes again while there is room for more.
    pub(crate) fn next_iteration(&mut self, at: ScopeIx) {
        let Some(state) = self.state_of(at) else { return };
        let Body::Map(map) = &state.body else { return };
        let Some(taken) = self.take_item(at) else { return };
        if taken.room {
            self.make_ready(at);
        }
        // An iteration whose input can't be made leaves no event of its own.
        let input = match &map.selector {
            Some(selector) => match self.selected(at, state, selector, (taken.index, taken.item.clone())) {
                Ok(input) => Payload::from_json(input),
                Err(problem) => {
                    self.unready(at);
                    return self.state_failed(at, state, problem);
                }
            },
            None => taken.item.clone(),
        };
        let started = self.record(
            taken.previous,
            Detail::MapIterationStarted(iteration(state, taken.index)),
        );
        let Some(start) = self.machine.start_of(map.processor) else {
            return;
        };
        let mut scope = Scope::new(start, input, started);
        scope.parent = Some(at);
        scope.index = taken.index;
        scope.item = Some(taken.item);
        let child = self.frame.scopes.insert(scope);
        if let Some(Phase::Map(run)) = self.frame.scopes.get_mut(at).map(|scope| &mut scope.phase) {
            run.running.push(child);
        }
        self.make_next(child);
    }

    fn take_item(&mut self, at: ScopeIx) -> Option<Taken> {
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
        run.next += 1;
        Some(Taken {
            index,
            item,
            // The first ones follow the Map's start, later ones the iteration that made room.
            previous: if (index as usize) < width {
                run.started_event
            } else {
                run.last_inside
            },
            room: more && run.running.len() + 1 < width,
        })
    }

    fn selected(
        &mut self,
        at: ScopeIx,
        state: &State,
        selector: &Template,
        item: (u32, Payload),
    ) -> Result<Json, Problem> {
        let effective = self.effective_input(at, state)?;
        let view = self.view(at, effective.json().clone());
        view.selected(selector, item)
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
            Detail::MapIterationSucceeded(iteration(state, done.index)),
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

    pub(crate) fn map_done(&mut self, at: ScopeIx) {
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
        let (failing_event, index) = (failed.previous, failed.index);
        self.record(
            failing_event,
            Detail::MapIterationFailed(iteration(around, index)),
        );
        for sibling in self.children(parent) {
            if sibling != child {
                self.abort(sibling);
                let Some(scope) = self.frame.scopes.get(sibling) else {
                    continue;
                };
                let (previous, index) = (scope.previous, scope.index);
                self.record(previous, Detail::MapIterationAborted(iteration(around, index)));
            }
        }
        self.unready(parent);
        if let Some(scope) = self.frame.scopes.get_mut(parent) {
            scope.previous = failing_event;
        }
        self.state_failed(parent, around, problem);
    }
}

/// An item on its way to an iteration.
struct Taken {
    index: u32,
    item: Payload,
    /// The event its iteration follows.
    previous: u64,
    /// Whether there is room for one more after it.
    room: bool,
}

fn iteration(state: &State, index: u32) -> Iteration {
    Iteration {
        name: state.name.clone(),
        index: u64::from(index),
    }
}

/// A path into the context is shown without its first `$`, as the path within the context object that it is.
fn not_an_array(path: &str) -> Problem {
    let path = if path.starts_with("$$") {
        path.get(1..).unwrap_or(path)
    } else {
        path
    };
    Problem::runtime(format!("Reference path \"{path}\" must point to array."))
}
