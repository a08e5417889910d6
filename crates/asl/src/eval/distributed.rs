//! A distributed Map in its execution: it begins a Map Run and waits for its end. What the run is and does in between is told
//! in [`super::map_run`].

use std::sync::Arc;

use super::command::{Command, TaskId};
use super::frame::{MapRun, Phase, ScopeIx};
use super::history::Detail;
use super::map_run::{Batching, ItemReading, ItemSource, MapRunCall, ResultWriting, Selection, Tolerance};
use super::problem::{Kind, Problem, names};
use super::run::Run;
use crate::json::{Json, Payload};
use crate::limits::ITEMS_MAX;
use crate::machine::{Amount, Batcher, Distributed, MapState, Reader, State, Writer};

/// What a Map has evaluated when its Map Run begins.
pub(crate) struct Beginning<'m> {
    pub(crate) map: &'m MapState,
    pub(crate) distributed: &'m Distributed,
    /// The array of items; empty where there is a reader.
    pub(crate) items: Payload,
    pub(crate) effective: Payload,
    pub(crate) max_concurrency: u32,
    pub(crate) tolerance: Tolerance,
}

impl<'m> Run<'m, '_, '_> {
    /// Reads `ToleratedFailureCount` and `ToleratedFailurePercentage`.
    pub(crate) fn tolerance(
        &mut self,
        at: ScopeIx,
        map: &MapState,
        effective: &Json,
    ) -> Result<Tolerance, Problem> {
        let mut tolerance = Tolerance::default();
        if let Some(amount) = &map.tolerated_failure_count {
            let count = self.amount(at, amount, effective, "ToleratedFailureCount", 0)?;
            let count = u64::try_from(count)
                .map_err(|_| Problem::runtime("ToleratedFailureCount cannot be negative.".to_owned()))?;
            tolerance.count = Some(count);
        }
        if let Some(amount) = &map.tolerated_failure_percentage {
            let percentage = self.percentage(at, amount, effective)?;
            if !(0.0..=100.0).contains(&percentage) {
                return Err(Problem::runtime(
                    "ToleratedFailurePercentage must be between 0 and 100.".to_owned(),
                ));
            }
            tolerance.percentage = Some(percentage);
        }
        Ok(tolerance)
    }

    fn percentage(&mut self, at: ScopeIx, amount: &Amount, effective: &Json) -> Result<f64, Problem> {
        match amount {
            Amount::Fraction(percentage) => Ok(*percentage),
            Amount::At(query) => {
                let value = self.view(at, effective.clone()).path(query)?;
                let number = match &value {
                    Json::Number(number) => number.as_f64(),
                    Json::String(text) => text.trim().parse().ok(),
                    _ => None,
                };
                number.ok_or_else(|| {
                    Problem::runtime(format!(
                        "The ToleratedFailurePercentagePath field refers to value \"{}\" which is not a valid float: {}",
                        super::amount::bare(&value),
                        query.text
                    ))
                })
            }
            Amount::Computed(expression) => self.compute_number(at, expression, "ToleratedFailurePercentage"),
            #[expect(clippy::cast_precision_loss, reason = "percentages are small")]
            Amount::Fixed(percentage) => Ok(*percentage as f64),
        }
    }

    /// Begins the Map Run: `MapRunStarted` gives it its ARN.
    pub(crate) fn start_map_run(
        &mut self,
        at: ScopeIx,
        state: &'m State,
        beginning: Beginning<'m>,
    ) -> Result<(), Problem> {
        let Beginning {
            map,
            distributed,
            items,
            effective,
            max_concurrency,
            tolerance,
        } = beginning;
        // What its fields compute to is known before the run begins.
        let source = match &distributed.reader {
            Some(reader) => ItemSource::Reader(Box::new(self.item_reading(at, reader, &effective)?)),
            None => ItemSource::Items(items),
        };
        let batching = match &distributed.batcher {
            Some(batcher) => Some(self.batching(at, batcher, &effective)?),
            None => None,
        };
        let writing = match &distributed.writer {
            Some(writer) => Some(self.result_writing(at, writer, &effective)?),
            None => None,
        };
        let selection = match &map.selector {
            Some(_) => self.selection(at, state)?,
            None => None,
        };
        let label = match &distributed.label {
            Some(label) => label.clone(),
            None => (self.env.new_uuid)(),
        };
        let arn = self.map_run_arn(&label);
        let event = self.record_in(
            at,
            Detail::MapRunStarted {
                map_run_arn: arn.clone(),
            },
        );
        let id = TaskId(self.new_call_id());
        self.frame.waiting.insert(id.0, at);
        self.commands.push(Command::StartMapRun(Box::new(MapRunCall {
            id,
            map_run_arn: arn.clone(),
            label,
            state_name: state.name.clone(),
            graph: map.processor,
            kind: distributed.kind,
            source,
            selection,
            batching,
            max_concurrency,
            tolerance,
            writing,
        })));
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.phase = Phase::MapRun(MapRun {
                id: Some(id),
                arn,
                event,
                redrive_count: 0,
            });
        }
        Ok(())
    }

    fn map_run_arn(&mut self, label: &str) -> Arc<str> {
        let facts = &self.frame.facts;
        let parts: Vec<&str> = facts.machine_arn.split(':').collect();
        let part = |place: usize| parts.get(place).copied().unwrap_or_default();
        // A child's machine is called `<machine>/<label>`; labels are unique within the machine.
        let machine = facts.machine_name.split('/').next().unwrap_or_default();
        let start = format!(
            "arn:{}:states:{}:{}:mapRun:{machine}/{label}",
            part(1),
            part(3),
            part(4)
        );
        format!("{start}:{}", (self.env.new_uuid)()).into()
    }

    fn item_reading(
        &mut self,
        at: ScopeIx,
        reader: &Reader,
        effective: &Payload,
    ) -> Result<ItemReading, Problem> {
        let parameters = match &reader.arguments {
            Some(template) => {
                let mut view = self.view(at, effective.json().clone());
                Payload::from_json(view.fill(template, "ItemReader/Arguments")?)
            }
            None => Payload::empty_object(),
        };
        let most = match &reader.max_items {
            Some(amount) => self.amount(at, amount, effective.json(), "MaxItems", 0)?,
            None => 0,
        };
        Ok(ItemReading {
            resource: reader.resource.clone(),
            parameters,
            format: reader.format.clone(),
            // 0 means all.
            items_max: Some(most).filter(|most| *most != 0 && i128::from(*most) <= i128::from(ITEMS_MAX)),
        })
    }

    pub(crate) fn batching(
        &mut self,
        at: ScopeIx,
        batcher: &Batcher,
        effective: &Payload,
    ) -> Result<Batching, Problem> {
        let mut bound = |amount: Option<&Amount>, field: &str| match amount {
            Some(amount) => self
                .amount(at, amount, effective.json(), field, 1)
                .map(|number| Some(u64::try_from(number).unwrap_or(0).max(1))),
            None => Ok(None),
        };
        let items_max = bound(batcher.max_items.as_ref(), "MaxItemsPerBatch")?;
        let bytes_max = bound(batcher.max_bytes.as_ref(), "MaxInputBytesPerBatch")?;
        let input_max = u64::try_from(self.env.limits.payload_bytes_max).unwrap_or(u64::MAX);
        let shared = match &batcher.input {
            Some(template) => {
                let mut view = self.view(at, effective.json().clone());
                Some(Payload::from_json(view.fill(template, "ItemBatcher/BatchInput")?))
            }
            None => None,
        };
        Ok(Batching {
            items_max,
            bytes_max: bytes_max.unwrap_or(input_max).min(input_max),
            shared,
        })
    }

    fn result_writing(
        &mut self,
        at: ScopeIx,
        writer: &Writer,
        effective: &Payload,
    ) -> Result<ResultWriting, Problem> {
        let target = match &writer.arguments {
            Some(template) => {
                let mut view = self.view(at, effective.json().clone());
                Some(Payload::from_json(view.fill(template, "ResultWriter/Arguments")?))
            }
            None => None,
        };
        Ok(ResultWriting {
            target,
            transformation: writer.transformation,
            output_type: writer.output_type,
        })
    }

    fn selection(&mut self, at: ScopeIx, state: &State) -> Result<Option<Selection>, Problem> {
        let effective = self.effective_input(at, state)?;
        let view = super::view::View::new(self.machine, &self.frame, self.env, at, Json::Null);
        Ok(Selection::cut_out(&self.frame, &view, effective))
    }

    fn waits_for_map_run(&mut self, id: TaskId) -> Option<ScopeIx> {
        let at = *self.frame.waiting.get(&id.0)?;
        match &mut self.frame.scopes.get_mut(at)?.phase {
            Phase::MapRun(run) if run.id == Some(id) => {
                run.id = None;
                self.frame.waiting.remove(&id.0);
                Some(at)
            }
            _ => None,
        }
    }

    fn map_run(&self, at: ScopeIx) -> Option<&MapRun> {
        match &self.frame.scopes.get(at)?.phase {
            Phase::MapRun(run) => Some(run),
            _ => None,
        }
    }

    pub(crate) fn map_run_succeeded(&mut self, id: TaskId, output: Payload) {
        let Some(at) = self.waits_for_map_run(id) else {
            return;
        };
        let (Some(state), Some(event)) = (self.state_of(at), self.map_run(at).map(|run| run.event)) else {
            return;
        };
        // Leaves both: the exit follows the run's start.
        let succeeded = self.record(event, Detail::MapRunSucceeded);
        self.record(succeeded, Detail::MapStateSucceeded);
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.previous = event;
            scope.phase = Phase::Stopped;
        }
        if let Err(problem) = self.finish(at, state, output) {
            self.state_failed(at, state, problem);
        }
    }

    pub(crate) fn map_run_failed(&mut self, id: TaskId, error: Option<Arc<str>>, cause: Option<Arc<str>>) {
        let Some(at) = self.waits_for_map_run(id) else {
            return;
        };
        let (Some(state), Some(event)) = (self.state_of(at), self.map_run(at).map(|run| run.event)) else {
            return;
        };
        let mut problem = Problem::failed(error, cause);
        if problem.error.as_deref() == Some(names::RUNTIME) {
            // An `ItemSelector` that can't be evaluated.
            problem.kind = Kind::Fatal;
        }
        let failed = self.record(event, Detail::MapRunFailed(problem.failure()));
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.previous = failed;
        }
        self.state_failed(at, state, problem);
    }

    /// The execution is cut off; so are its Map Runs.
    pub(crate) fn abort_map_runs(&mut self) {
        let waiting: Vec<ScopeIx> = self.frame.waiting.values().copied().collect();
        for at in waiting {
            self.abort_map_run(at);
        }
    }

    /// The Map Run a scope waits for, if it waits for one, is told of as aborted. Whoever runs it is told by `CancelTask`.
    pub(crate) fn abort_map_run(&mut self, at: ScopeIx) {
        let Some(event) = self
            .map_run(at)
            .filter(|run| run.id.is_some())
            .map(|run| run.event)
        else {
            return;
        };
        let aborted = self.record(event, Detail::MapRunAborted);
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.previous = aborted;
        }
    }

    /// What of the Map Run came to no good end goes on.
    pub(crate) fn redrive_map_run(&mut self, at: ScopeIx) {
        let id = TaskId(self.new_call_id());
        let Some(Phase::MapRun(run)) = self.frame.scopes.get_mut(at).map(|scope| &mut scope.phase) else {
            return;
        };
        run.id = Some(id);
        run.redrive_count += 1;
        let (map_run_arn, redrive_count) = (run.arn.clone(), run.redrive_count);
        self.frame.waiting.insert(id.0, at);
        let event = self.record_in(
            at,
            Detail::MapRunRedriven {
                map_run_arn: map_run_arn.clone(),
                redrive_count,
            },
        );
        if let Some(Phase::MapRun(run)) = self.frame.scopes.get_mut(at).map(|scope| &mut scope.phase) {
            run.event = event;
        }
        self.commands.push(Command::RedriveMapRun {
            id,
            map_run_arn,
            redrive_count,
        });
    }
}
