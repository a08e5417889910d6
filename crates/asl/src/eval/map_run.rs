//! A Map Run as the evaluator asks for it, and how its items become its children's inputs. It goes on outside of the frame:
//! its children are executions of their own, as many as there are items, so they are neither in the frame nor in the history
//! of the execution around them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::{Failure, Resource, TaskId};
use super::env::{Env, MachineKind};
use super::frame::{Frame, ScopeIx};
use super::problem::Problem;
use super::view::View;
use crate::items::ItemFormat;
use crate::json::{Json, Payload};
use crate::machine::{Body, GraphIx, Machine};

/// A Map Run to be begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapRunCall {
    /// What its end is told by.
    pub id: TaskId,
    /// `…:mapRun:<machine>/<label>:<id>`; nothing else has it.
    pub map_run_arn: Arc<str>,
    /// The Map's `Label`, or a made-up one.
    pub label: Arc<str>,
    /// The Map state.
    pub state_name: Arc<str>,
    /// What the children run.
    pub graph: GraphIx,
    /// What the children are.
    pub kind: MachineKind,
    /// Where the items are.
    pub source: ItemSource,
    /// What an `ItemSelector` sees besides the item; absent: items are inputs as they are.
    pub selection: Option<Selection>,
    /// How items are put together.
    pub batching: Option<Batching>,
    /// 0: as many as there may be.
    pub max_concurrency: u32,
    /// How many may fail.
    pub tolerance: Tolerance,
    /// What becomes of the results.
    pub writing: Option<ResultWriting>,
}

/// Where a Map Run's items are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ItemSource {
    /// An array.
    Items(Payload),
    /// To be read.
    Reader(Box<ItemReading>),
}

/// What an `ItemReader` asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemReading {
    /// `s3:getObject` or `s3:listObjectsV2`.
    pub resource: Resource,
    /// Its evaluated `Parameters` or `Arguments`.
    pub parameters: Payload,
    /// How the items are written there.
    pub format: ItemFormat,
    /// No more than so many, the first ones. A negative number (only a path leads to one) fails the Map Run.
    pub items_max: Option<i64>,
}

/// `ItemBatcher`, evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batching {
    /// Items in a batch.
    pub items_max: Option<u64>,
    /// Bytes of a batch, as an input.
    pub bytes_max: u64,
    /// `BatchInput`
    pub shared: Option<Payload>,
}

impl Batching {
    /// All of these inputs in batches.
    pub(crate) fn batches(&self, inputs: Vec<Payload>) -> Vec<Payload> {
        let mut batch = Batch::default();
        let mut batches: Vec<ChildInput> = inputs
            .iter()
            .filter_map(|input| self.add(&mut batch, input))
            .collect();
        batches.extend(self.close(&mut batch));
        batches.into_iter().map(|batch| batch.input).collect()
    }

    /// Gives the batch before, when this input does not fit into it.
    fn add(&self, batch: &mut Batch, input: &Payload) -> Option<ChildInput> {
        let is_full = self.items_max.is_some_and(|most| u64::from(batch.items) >= most)
            || self.bytes_with(batch, input) > self.bytes_max;
        let complete = if is_full { self.close(batch) } else { None };
        if batch.items > 0 {
            batch.text.push(',');
        }
        batch.text.push_str(input.text());
        batch.items += 1;
        complete
    }

    fn close(&self, batch: &mut Batch) -> Option<ChildInput> {
        let Batch { text, items } = std::mem::take(batch);
        if items == 0 {
            return None;
        }
        let text = match &self.shared {
            Some(shared) => format!(r#"{{"BatchInput":{},"Items":[{text}]}}"#, shared.text()),
            None => format!(r#"{{"Items":[{text}]}}"#),
        };
        // What is put together of JSON texts is one.
        let input = Payload::from_text(text).unwrap_or_else(|_| Payload::null());
        Some(ChildInput { input, items })
    }

    fn bytes_with(&self, batch: &Batch, input: &Payload) -> u64 {
        let around = match &self.shared {
            Some(shared) => r#"{"BatchInput":,"Items":[]}"#.len() + shared.len_bytes(),
            None => r#"{"Items":[]}"#.len(),
        };
        let comma = usize::from(batch.items > 0);
        u64::try_from(around + batch.text.len() + comma + input.len_bytes()).unwrap_or(u64::MAX)
    }
}

/// How many items may fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// `ToleratedFailureCount`
    pub count: Option<u64>,
    /// `ToleratedFailurePercentage`
    pub percentage: Option<f64>,
}

impl Tolerance {
    /// Whether `failed` of `total` items are too many. Of two bounds either one is enough; without any, one failure is. The
    /// percentage is of all items, so it is not judged while `total` is not known.
    pub fn is_exceeded(&self, failed: u64, total: Option<u64>) -> bool {
        let by_count = match (self.count, self.percentage) {
            (Some(count), _) => failed > count,
            (None, Some(_)) => false,
            (None, None) => failed > 0,
        };
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let share = total.map(|total| failed as f64 * 100.0 / total.max(1) as f64);
        by_count
            || self
                .percentage
                .zip(share)
                .is_some_and(|(percentage, share)| share > percentage)
    }
}

/// `ResultWriter`, evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultWriting {
    /// `{"Bucket": …, "Prefix": …}`; absent: the results are the state's output.
    pub target: Option<Payload>,
    /// What of the children is written.
    pub transformation: Transformation,
    /// How.
    pub output_type: OutputType,
}

/// `Transformation` of a `WriterConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transformation {
    /// The children's descriptions.
    None,
    /// Their outputs.
    Compact,
    /// Their outputs; of those that are arrays, the elements.
    Flatten,
}

/// `OutputType` of a `WriterConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputType {
    /// One array.
    Json,
    /// A line for each.
    JsonLines,
}

/// What an `ItemSelector` sees besides the item: the execution around and the Map's own scope, cut out of its frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selection(Box<Frame>);

impl Selection {
    /// `view` is from the Map's scope, and `effective` its input. Variables of the scopes around it come along, the innermost
    /// first.
    pub(crate) fn cut_out(frame: &Frame, view: &View<'_, '_>, effective: Payload) -> Option<Selection> {
        let mut scope = frame.scopes.get(view.scope)?.clone();
        scope.input = effective;
        scope.variables = view.chain().flat_map(|scope| &scope.variables).cloned().collect();
        if let Some((index, item)) = view.item() {
            scope.index = index;
            scope.item = Some(item.clone());
        }
        scope.parent = None;
        Some(Selection(Box::new(Frame::of_one_scope(frame, scope))))
    }
}

/// The input of one child.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildInput {
    /// An item, what the `ItemSelector` made of it, or a batch.
    pub input: Payload,
    /// How many items are in it.
    pub items: u32,
}

/// Makes inputs of items.
#[derive(Debug)]
pub struct Planner<'a> {
    machine: &'a Machine,
    call: &'a MapRunCall,
    index: u32,
    batch: Batch,
}

/// The batch that is not full yet: its items' texts with commas between.
#[derive(Debug, Default)]
struct Batch {
    text: String,
    items: u32,
}

impl<'a> Planner<'a> {
    /// A planner of `call`, which `machine` has made.
    pub fn new(machine: &'a Machine, call: &'a MapRunCall) -> Planner<'a> {
        Planner {
            machine,
            call,
            index: 0,
            batch: Batch::default(),
        }
    }

    /// So many items were taken before, by another planner, and all are in inputs that were given.
    #[must_use]
    pub fn after(mut self, items: u32) -> Self {
        self.index = items;
        self
    }

    /// Takes the next item. Gives an input when one is complete; the error is the Map Run's.
    pub fn take(&mut self, item: Payload, env: &mut Env<'_>) -> Result<Option<ChildInput>, Failure> {
        let input = self.select(item, env)?;
        self.index = self.index.saturating_add(1);
        Ok(match &self.call.batching {
            Some(batching) => batching.add(&mut self.batch, &input),
            None => Some(ChildInput { input, items: 1 }),
        })
    }

    /// The last batch.
    pub fn finish(&mut self) -> Option<ChildInput> {
        self.call
            .batching
            .as_ref()
            .and_then(|batching| batching.close(&mut self.batch))
    }

    fn select(&self, item: Payload, env: &mut Env<'_>) -> Result<Payload, Failure> {
        let Some(Selection(frame)) = &self.call.selection else {
            return Ok(item);
        };
        let at = ScopeIx(0);
        let Some((state, scope)) = frame
            .scopes
            .get(at)
            .and_then(|scope| Some((self.machine.state(scope.state)?, scope)))
        else {
            return Ok(item);
        };
        let Body::Map(map) = &state.body else {
            return Ok(item);
        };
        let Some(selector) = &map.selector else {
            return Ok(item);
        };
        let selected = View::new(self.machine, frame, env, at, scope.input.json().clone())
            .selected(selector, (self.index, item));
        selected
            .map(Payload::from_json)
            .map_err(|problem: Problem| problem.placed(&state.name, scope.entered_event).failure())
    }
}

impl ItemSource {
    /// Each of an array's items; none where they have to be read.
    pub fn items(&self) -> impl Iterator<Item = Payload> {
        let items = match self {
            ItemSource::Items(items) => items.json().as_array().unwrap_or_default(),
            ItemSource::Reader(_) => &[],
        };
        items.iter().map(|item: &Json| Payload::from_json(item.clone()))
    }
}
