//! What a distributed Map does beyond an inline one: its map run, the reader of its items, batches, tolerated failures.
//!
//! Its iterations are executions of their own, with histories of their own that nobody keeps: their scopes are *silent*. They
//! live in the frame of the execution that started them.

use super::command::{Command, Resource, TaskCall, TaskId};
use super::frame::{Child, DistributedRun, MapRun, Phase, Reading, ScopeIx};
use super::history::Detail;
use super::items;
use super::problem::{Problem, names};
use super::run::Run;
use crate::json::{Json, Object, Payload};
use crate::machine::{Amount, Batcher, Body, Distributed, MapState, Reader, State};

/// How many iterations may fail: as a number, as a share in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tolerance {
    pub(crate) count: Option<u32>,
    pub(crate) percentage: Option<f64>,
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
            let count = u32::try_from(count)
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

    /// The map run begins: `MapRunStarted` gives it its ARN.
    pub(crate) fn start_run(
        &mut self,
        at: ScopeIx,
        distributed: &Distributed,
        tolerance: Tolerance,
    ) -> DistributedRun {
        let facts = &self.frame.facts;
        let parts: Vec<&str> = facts.machine_arn.split(':').collect();
        let part = |place: usize| parts.get(place).copied().unwrap_or_default();
        let label = match &distributed.label {
            Some(label) => label.clone(),
            None => (self.env.new_uuid)(),
        };
        let run_name = (self.env.new_uuid)();
        let map_run_arn = format!(
            "arn:{}:states:{}:{}:mapRun:{}/{label}:{run_name}",
            part(1),
            part(3),
            part(4),
            facts.machine_name
        );
        let map_run_arn: std::sync::Arc<str> = map_run_arn.into();
        let event = self.record_in(
            at,
            Detail::MapRunStarted {
                map_run_arn: map_run_arn.clone(),
            },
        );
        DistributedRun {
            map_run_arn,
            label,
            event,
            tolerated_count: tolerance.count,
            tolerated_percentage: tolerance.percentage,
            failed: Vec::new(),
            selected: false,
        }
    }

    /// Asks for what the reader is to read.
    pub(crate) fn start_reading(
        &mut self,
        at: ScopeIx,
        state: &State,
        reader: &Reader,
        effective: &Payload,
        run: DistributedRun,
        max_concurrency: u32,
    ) -> Result<(), Problem> {
        let parameters = match &reader.arguments {
            Some(template) => {
                let mut view = self.view(at, effective.json().clone());
                Payload::from_json(view.fill(template, "ItemReader/Arguments")?)
            }
            None => Payload::empty_object(),
        };
        self.read(at, state, reader, parameters, run.event, |id| Reading {
            id,
            parameters: Payload::null(),
            found: Vec::new(),
            max_concurrency,
            run,
        });
        Ok(())
    }

    fn read(
        &mut self,
        at: ScopeIx,
        state: &State,
        reader: &Reader,
        parameters: Payload,
        scheduled_event_id: u64,
        reading: impl FnOnce(TaskId) -> Reading,
    ) {
        let id = TaskId(self.new_call_id());
        self.frame.waiting.insert(id.0, at);
        // `s3:getObject` in a reader is the plain API call.
        let resource = match reader.resource.clone() {
            Resource::Service {
                text,
                service,
                action,
                pattern,
            } => Resource::AwsSdk {
                text,
                service,
                action,
                pattern,
            },
            other => other,
        };
        self.commands.push(Command::Schedule(Box::new(TaskCall {
            id,
            resource,
            parameters: parameters.clone(),
            token: None,
            credentials: None,
            timeout_seconds: None,
            heartbeat_seconds: None,
            state_name: state.name.clone(),
            scheduled_event_id,
        })));
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            let mut reading = reading(id);
            reading.parameters = parameters;
            scope.phase = Phase::Reading(Box::new(reading));
        }
    }

    /// The scope whose reader waits for this answer.
    pub(crate) fn waiting_reader(&self, id: TaskId) -> Option<ScopeIx> {
        let at = *self.frame.waiting.get(&id.0)?;
        match &self.frame.scopes.get(at)?.phase {
            Phase::Reading(reading) if reading.id == id => Some(at),
            _ => None,
        }
    }

    /// The reader's answer; `Err` holds the cause of its failure.
    pub(crate) fn read_done(&mut self, at: ScopeIx, answer: Result<&Payload, String>) {
        let Some(state) = self.state_of(at) else { return };
        let Body::Map(map) = &state.body else { return };
        let Some(distributed) = &map.distributed else {
            return;
        };
        let Some(reader) = &distributed.reader else { return };
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return;
        };
        let Phase::Reading(reading) = std::mem::replace(&mut scope.phase, Phase::Stopped) else {
            return;
        };
        let mut reading = *reading;
        self.frame.waiting.remove(&reading.id.0);
        let result = match answer {
            Ok(result) => result.json().clone(),
            Err(cause) => return self.run_failed(at, state, reading.run.event, reader_failed(&cause)),
        };
        match items::items(&reader.format, reader.pointer.as_deref(), &result) {
            Ok(found) => reading.found.extend(found.into_iter().map(Payload::from_json)),
            Err(cause) => return self.run_failed(at, state, reading.run.event, reader_failed(&cause)),
        }
        if let Some(token @ Json::String(_)) = result.get("NextContinuationToken") {
            // A listing has more pages.
            let mut parameters = reading.parameters.json().as_object().cloned().unwrap_or_default();
            parameters.insert("ContinuationToken".into(), token.clone());
            let parameters = Payload::from_json(Json::object(parameters));
            let event = reading.run.event;
            return self.read(at, state, reader, parameters, event, |id| Reading {
                id,
                ..reading
            });
        }
        if let Err(problem) = self.items_read(at, state, map, distributed, reading) {
            self.state_failed(at, state, problem);
        }
    }

    fn items_read(
        &mut self,
        at: ScopeIx,
        state: &'m State,
        map: &MapState,
        distributed: &Distributed,
        mut reading: Reading,
    ) -> Result<(), Problem> {
        let effective = self.effective_input(at, state)?;
        let max_items = distributed
            .reader
            .as_ref()
            .and_then(|reader| reader.max_items.as_ref());
        if let Some(amount) = max_items {
            let most = self.amount(at, amount, effective.json(), "MaxItems", 0)?;
            // 0 means all.
            if let Some(most) = usize::try_from(most).ok().filter(|most| *most > 0) {
                reading.found.truncate(most);
            }
        }
        let items = Payload::from_items(reading.found);
        self.begin_map(
            at,
            state,
            map,
            items,
            &effective,
            (reading.max_concurrency, Some(reading.run)),
        )
    }

    /// Items put together for fewer, larger iterations.
    pub(crate) fn batches(
        &mut self,
        at: ScopeIx,
        state: &State,
        map: &MapState,
        batcher: &Batcher,
        items: &Payload,
        effective: &Payload,
    ) -> Result<Payload, Problem> {
        let bound = |run: &mut Self, amount: Option<&Amount>, field: &str| match amount {
            Some(amount) => run
                .amount(at, amount, effective.json(), field, 1)
                .map(|number| usize::try_from(number).unwrap_or(usize::MAX).max(1)),
            None => Ok(usize::MAX),
        };
        let most_items = bound(self, batcher.max_items.as_ref(), "MaxItemsPerBatch")?;
        let most_bytes = bound(self, batcher.max_bytes.as_ref(), "MaxInputBytesPerBatch")?
            .min(self.env.limits.payload_bytes_max);
        let shared = match &batcher.input {
            Some(template) => {
                let mut view = self.view(at, effective.json().clone());
                Some(view.fill(template, "ItemBatcher/BatchInput")?)
            }
            None => None,
        };
        let shared_bytes = shared.as_ref().map_or(12, |shared| shared.to_string().len() + 27);
        let (mut inputs, mut batch, mut bytes) = (Vec::new(), Vec::new(), shared_bytes);
        for (index, item) in (0_u32..).zip(items.json().as_array().unwrap_or_default()) {
            let item = Payload::from_json(item.clone());
            let input = match &map.selector {
                Some(selector) => self.selected(at, state, selector, (index, item))?,
                None => item.json().clone(),
            };
            let more = input.to_string().len() + 1;
            if !batch.is_empty() && (batch.len() >= most_items || bytes + more > most_bytes) {
                inputs.push(batch_of(shared.as_ref(), std::mem::take(&mut batch)));
                bytes = shared_bytes;
            }
            bytes += more;
            batch.push(input);
        }
        if !batch.is_empty() {
            inputs.push(batch_of(shared.as_ref(), batch));
        }
        Ok(Payload::from_json(Json::array(inputs)))
    }

    /// What makes an iteration an execution of its own.
    pub(crate) fn child_of(&mut self, run_label: &str, input: &Payload) -> Child {
        let name = (self.env.new_uuid)();
        let facts = &self.frame.facts;
        let arn = match facts.execution_arn.rsplit_once(':') {
            Some((machine, _)) => format!("{machine}/{run_label}:{name}"),
            None => name.to_string(),
        };
        Child {
            arn: arn.into(),
            name,
            machine_arn: format!("{}/{run_label}", facts.machine_arn).into(),
            machine_name: format!("{}/{run_label}", facts.machine_name).into(),
            start_ms: self.env.now_ms,
            input: input.clone(),
            // ExecutionStarted.
            events: 1,
        }
    }

    /// An iteration of a distributed Map failed: it is counted, and too many fail the run.
    pub(crate) fn child_failed(&mut self, parent: ScopeIx, around: &'m State, child: ScopeIx) {
        self.abort(child);
        let Some(Phase::Map(map)) = self.frame.scopes.get_mut(parent).map(|scope| &mut scope.phase) else {
            return;
        };
        map.running.retain(|running| *running != child);
        let length = map.items.json().as_array().map_or(0, <[Json]>::len);
        let done = map.outputs.len();
        let next = map.next as usize;
        let Some(run) = &mut map.distributed else { return };
        run.failed.push(child);
        let event = run.event;
        if run.is_exceeded(length) {
            let problem = Problem::threshold_exceeded();
            for sibling in self.children(parent) {
                self.abort(sibling);
            }
            self.unready(parent);
            self.run_failed(parent, around, event, problem);
        } else if run.failed.len() + done == length {
            self.map_done(parent);
        } else if next < length {
            self.make_ready(parent);
        }
    }

    fn run_failed(&mut self, at: ScopeIx, state: &'m State, run_event: u64, problem: Problem) {
        let failed = self.record_at(at, run_event, Detail::MapRunFailed(problem.failure()));
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.previous = failed;
        }
        self.state_failed(at, state, problem);
    }
}

impl DistributedRun {
    /// Whether more have failed of `length` than are tolerated.
    fn is_exceeded(&self, length: usize) -> bool {
        let failed = self.failed.len();
        let by_count = match (self.tolerated_count, self.tolerated_percentage) {
            (Some(count), _) => failed > count as usize,
            (None, Some(_)) => false,
            (None, None) => failed > 0,
        };
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let share = failed as f64 * 100.0 / length.max(1) as f64;
        by_count
            || self
                .tolerated_percentage
                .is_some_and(|percentage| share > percentage)
    }
}

impl MapRun {
    /// How many iterations have ended well or ill.
    pub(crate) fn ended(&self) -> usize {
        self.outputs.len() + self.distributed.as_ref().map_or(0, |run| run.failed.len())
    }
}

pub(crate) fn reader_failed(cause: &str) -> Problem {
    Problem::failed(Some(names::ITEM_READER_FAILED.into()), Some(cause.into()))
}

fn batch_of(shared: Option<&Json>, items: Vec<Json>) -> Json {
    let mut batch = Object::with_capacity(2);
    if let Some(shared) = shared {
        batch.insert("BatchInput".into(), shared.clone());
    }
    batch.insert("Items".into(), Json::array(items));
    Json::object(batch)
}
