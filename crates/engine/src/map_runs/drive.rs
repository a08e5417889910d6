//! One Map Run from its beginning to its end, or from where the tables say it is.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use asl::eval::{Event, ExecutionFacts, ItemSource, MachineKind, MapRunCall};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::drivers::{Beginning, Inner, News, Order, OrderKind, Shown};
use super::inputs::Inputs;
use super::model::{ChildOf, Counts, End, MapRun, MapRunStatus, Settings};
use super::progress::{ItemCounts, Next, Progress, Redrivable};
use super::read::{Read, ReadError, Reader};
use super::reading::{ReadNews, Reading};
use super::results::Results;
use super::store::Chunk;
use crate::executions::{ExecutionId, ExecutionStatus};
use crate::limits;
use crate::machines::resolve::{Definition, LoadError};
use crate::runtime::{Start, StartTell};

/// Drives one Map Run; again when it is redriven.
pub(super) struct Driver {
    inner: Arc<Inner>,
    arn: Arc<str>,
    inbox: mpsc::UnboundedReceiver<News>,
    counts: Shown,
    stopped: bool,
    updated: bool,
    order: Option<Order>,
    /// What came while the present order was carried out.
    next_order: Option<Order>,
    /// Redrives of children that were asked for.
    asked: FuturesUnordered<BoxFuture<'static, (u32, bool)>>,
}

/// What a driver works on.
struct Work {
    run: MapRun,
    definition: Arc<Definition>,
    settings: Settings,
    progress: Progress,
    inputs: Inputs,
    /// Until all items are read.
    reading: Option<Reading>,
}

/// Why an attempt came to nothing. It is made again.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error("the tables could not be read or written")]
    Database(#[from] sqlx::Error),
    #[error("the definition is not to be had")]
    Definition(#[from] LoadError),
}

impl Driver {
    pub(super) fn new(
        inner: Arc<Inner>,
        arn: Arc<str>,
        inbox: mpsc::UnboundedReceiver<News>,
        counts: Shown,
    ) -> Self {
        Self {
            inner,
            arn,
            inbox,
            counts,
            stopped: false,
            updated: false,
            order: None,
            next_order: None,
            asked: FuturesUnordered::new(),
        }
    }

    /// Until nothing is wanted of it any more.
    pub(super) async fn run(mut self) {
        while let Some(news) = self.inner.clone().leave(&self.arn, &mut self.inbox) {
            self.hear(news, None);
            loop {
                if self.next_order.is_some() {
                    self.order = self.next_order.take();
                }
                if self.order.is_none() && !self.stopped {
                    break;
                }
                let end = self.attempt_until_done().await;
                if let (Some(order), Some(end)) = (self.order.take(), end) {
                    self.tell(&order, end);
                }
                self.stopped = false;
                if self.next_order.is_none() {
                    break;
                }
            }
        }
    }

    async fn attempt_until_done(&mut self) -> Option<End> {
        loop {
            match self.attempt().boxed().await {
                Ok(end) => return end,
                Err(error) => {
                    tracing::warn!(
                        map_run = %self.arn,
                        error = &error as &dyn std::error::Error,
                        "a Map Run could not go on; trying again"
                    );
                    self.asked.clear();
                    tokio::time::sleep(Duration::from_millis(limits::MAP_RUN_RETRY_MS)).await;
                }
            }
        }
    }

    /// `None`: there is no such Map Run, so there is nothing to end.
    async fn attempt(&mut self) -> Result<Option<End>, AttemptError> {
        let Some((run, definition, first)) = self.taken_up().await? else {
            return Ok(None);
        };
        if let Some(order) = &self.order {
            let id = order.task;
            self.inner
                .setup
                .children
                .tell(order.execution, Event::TaskStarted { id });
        }
        if let Some(end) = run.end {
            return Ok(Some(end));
        }
        let open = self.inner.open_beside(&self.arn);
        // Map Runs beyond the quota wait, having started, until others have ended (developer guide, "Service quotas").
        let _room = tokio::select! {
            room = open.acquire_owned() => room.ok(),
            () = self.until_stopped() => None,
        };
        let mut work = self.work(run, definition, first).await?;
        let end = self.carry_out(&mut work).await?;
        let mut counts = work.progress.counts();
        let end = self.conclude(&mut work, end, &mut counts).await?;
        let now_ms = self.inner.setup.clock.now_ms();
        self.inner.store.finish(&self.arn, &end, &counts, now_ms).await?;
        Ok(Some(end))
    }

    /// The Map Run as it is in the tables, where it is put if it is new.
    async fn taken_up(&mut self) -> Result<Option<(MapRun, Arc<Definition>, Option<Chunk>)>, AttemptError> {
        let store = self.inner.store.clone();
        if let Some(order) = &self.order {
            match &order.kind {
                OrderKind::Begin(beginning) => {
                    let (run, chunks) = self.new_run(order, beginning);
                    if store.insert(&run, chunks.as_deref()).await? {
                        let first = chunks.and_then(|chunks| chunks.into_iter().next());
                        return Ok(Some((run, Arc::clone(&beginning.definition), first)));
                    }
                }
                OrderKind::Redrive(count) => {
                    let now_ms = self.inner.setup.clock.now_ms();
                    store.redrive(&self.arn, order.task, *count, now_ms).await?;
                }
                OrderKind::Resume => {}
            }
        }
        let Some(run) = store.find(&self.arn).await? else {
            return Ok(None);
        };
        let definition = self.inner.setup.machines.definition(run.revision_id).await?;
        Ok(Some((run, definition, None)))
    }

    /// With its inputs, when they need not be read.
    fn new_run(&self, order: &Order, beginning: &Beginning) -> (MapRun, Option<Vec<Chunk>>) {
        let call = &beginning.call;
        let planned = match call.source {
            // What fails is planned, and fails, again when it is carried out.
            ItemSource::Items(_) => self.reader(call, &beginning.definition).plan().ok(),
            ItemSource::Reader(_) => None,
        };
        let run = MapRun {
            arn: Arc::clone(&self.arn),
            execution: order.execution,
            task: order.task,
            execution_arn: Arc::clone(&beginning.execution_arn),
            revision_id: beginning.definition.revision.id,
            mock_case: beginning.mock_case.clone(),
            call: Arc::clone(call),
            status: MapRunStatus::Running,
            settings: Settings {
                max_concurrency: call.max_concurrency,
                tolerance: call.tolerance,
            },
            started_at: self.inner.setup.clock.now_ms(),
            stopped_at: None,
            redrive_count: 0,
            redriven_at: None,
            inputs: planned.as_ref().map(|(_, inputs)| *inputs),
            end: None,
        };
        (run, planned.map(|(chunks, _)| chunks))
    }

    fn reader(&self, call: &Arc<MapRunCall>, definition: &Arc<Definition>) -> Reader {
        let setup = &self.inner.setup;
        Reader {
            store: self.inner.store.clone(),
            definition: Arc::clone(definition),
            call: Arc::clone(call),
            limits: setup.limits,
            objects: setup.dispatch.objects(),
            now_ms: setup.clock.now_ms(),
        }
    }

    /// How far the children have come, and the items that are to be read yet.
    async fn work(
        &mut self,
        run: MapRun,
        definition: Arc<Definition>,
        first: Option<Chunk>,
    ) -> Result<Work, AttemptError> {
        let store = self.inner.store.clone();
        let is_batched = run.call.batching.is_some();
        let mut progress = Progress::new(if is_batched {
            ItemCounts::Batches(Vec::new())
        } else {
            ItemCounts::Single
        });
        let reading = match run.inputs {
            Some(inputs) if !is_batched => {
                progress.add(&vec![1; inputs as usize]);
                None
            }
            Some(_) => {
                progress.add(&store.item_counts(&self.arn).await?);
                None
            }
            None => {
                let items = store.item_counts(&self.arn).await?;
                progress.add(&items);
                let read = Read {
                    inputs: u32::try_from(items.len()).unwrap_or(u32::MAX),
                    items: items.iter().sum(),
                };
                Some(Reading::begin(self.reader(&run.call, &definition), read))
            }
        };
        if reading.is_none() {
            progress.complete();
        }
        // What closes from here on is told; what closed before is in the tables.
        store
            .children(&self.arn, |index, id, status, redrive_count| {
                progress.found(index, id, status, redrive_count);
            })
            .await?;
        let first = first.map(|chunk| (chunk.first_index, chunk.bytes()));
        Ok(Work {
            settings: run.settings,
            inputs: Inputs::new(store, Arc::clone(&self.arn), first)?,
            run,
            definition,
            progress,
            reading,
        })
    }

    /// Begins children within the bounds until all have ended, too many failed, or it is stopped.
    async fn carry_out(&mut self, work: &mut Work) -> Result<End, AttemptError> {
        loop {
            while let Ok(news) = self.inbox.try_recv() {
                self.hear(news, Some(&mut work.progress));
            }
            if std::mem::take(&mut self.updated)
                && let Some(run) = self.inner.store.find(&self.arn).await?
            {
                work.settings = run.settings;
            }
            if self.stopped {
                self.stop_open(work).await?;
                return Ok(End::Aborted);
            }
            // However many children there are to begin, it goes on.
            if let Some(news) = Reading::next(&mut work.reading).now_or_never()
                && let Some(end) = self.read(work, news).await?
            {
                return Ok(end);
            }
            let next = work.progress.next(&work.settings);
            self.show(work.progress.counts());
            match next {
                Next::Begin(index, redrivable) => self.begin(work, index, redrivable).await?,
                Next::Wait => {
                    if let Some(end) = self.wait(work).await? {
                        return Ok(end);
                    }
                }
                Next::Exceeded => {
                    self.stop_open(work).await?;
                    return Ok(End::Failed {
                        error: Some("States.ExceedToleratedFailureThreshold".into()),
                        cause: Some("The specified tolerated failure threshold was exceeded".into()),
                    });
                }
                // What is put into its place is made of the results.
                Next::Done => return Ok(End::Succeeded("".into())),
            }
        }
    }

    /// There are more inputs, or all, or there will be none: then it ends so.
    async fn read(&mut self, work: &mut Work, news: ReadNews) -> Result<Option<End>, AttemptError> {
        let read = match news {
            ReadNews::More(items) => {
                work.progress.add(&items);
                return Ok(None);
            }
            ReadNews::Over(read) => read,
        };
        for items in work.reading.take().into_iter().flat_map(Reading::rest) {
            work.progress.add(&items);
        }
        match read {
            Ok(inputs) => {
                self.inner.store.inputs_complete(&self.arn, inputs).await?;
                work.run.inputs = Some(inputs);
                work.progress.complete();
                Ok(None)
            }
            Err(ReadError::Failed(failure)) => {
                self.stop_open(work).await?;
                Ok(Some(End::Failed {
                    error: failure.error,
                    cause: failure.cause,
                }))
            }
            Err(ReadError::Database(error)) => Err(error.into()),
        }
    }

    async fn wait(&mut self, work: &mut Work) -> Result<Option<End>, AttemptError> {
        tokio::select! {
            Some(news) = self.inbox.recv() => self.hear(news, Some(&mut work.progress)),
            news = Reading::next(&mut work.reading) => return self.read(work, news).await,
            Some((index, goes_on)) = self.asked.next() => {
                if !goes_on {
                    // Its frame is gone.
                    let now_ms = self.inner.setup.clock.now_ms();
                    let failed = ExecutionStatus::Failed;
                    self.inner.store.give_up_redrive(&self.arn, Some(index), failed, now_ms).await?;
                    work.progress.closed(index, failed);
                }
            }
        }
        Ok(None)
    }

    async fn begin(
        &mut self,
        work: &mut Work,
        index: u32,
        redrivable: Option<Redrivable>,
    ) -> Result<(), AttemptError> {
        match (redrivable, work.run.call.kind) {
            (Some(Redrivable { id, count }), MachineKind::Standard) => {
                work.progress.begun(index, id);
                let children = self.inner.setup.children.clone();
                self.asked.push(Box::pin(
                    async move { (index, children.redrive(id, count + 1).await) },
                ));
                return Ok(());
            }
            (Some(_), MachineKind::Express) => {
                // Express children are begun anew (developer guide, "Redriving Map Runs").
                let now_ms = self.inner.setup.clock.now_ms();
                let failed = ExecutionStatus::Failed;
                self.inner
                    .store
                    .give_up_redrive(&self.arn, Some(index), failed, now_ms)
                    .await?;
            }
            (None, _) => {}
        }
        let Some(input) = work.inputs.get(index).await? else {
            let text = format!("the input {index} of Map Run {} is not there", self.arn);
            return Err(sqlx::Error::Decode(text.into()).into());
        };
        let id = ExecutionId(Uuid::now_v7());
        let items = work.progress.items_of(index);
        work.progress.begun(index, id);
        self.inner.setup.children.start(Start {
            id,
            definition: Arc::clone(&work.definition),
            facts: self.facts(work, input),
            trace_header: None,
            mock_case: work.run.mock_case.clone(),
            map_run: Some(Arc::new(ChildOf {
                map_run_arn: Arc::clone(&self.arn),
                index,
                items,
            })),
            parent: None,
            tell: StartTell::Nobody,
        });
        Ok(())
    }

    fn facts(&self, work: &Work, input: asl::json::Payload) -> ExecutionFacts {
        let definition = &work.definition;
        let call = &work.run.call;
        let machine_name = format!("{}/{}", definition.machine_name, call.label);
        let name = Uuid::new_v4().to_string();
        let execution_arn = match call.kind {
            MachineKind::Standard => definition.place.execution(&machine_name, &name),
            MachineKind::Express => {
                let unique = Uuid::new_v4().to_string();
                definition.place.express(&machine_name, &name, &unique)
            }
        };
        ExecutionFacts {
            execution_arn: execution_arn.into(),
            name: name.into(),
            role_arn: Arc::clone(&definition.role_arn),
            start_ms: self.inner.setup.clock.now_ms(),
            machine_arn: definition.place.machine(&machine_name).into(),
            machine_name: machine_name.into(),
            version_arn: None,
            alias_arn: None,
            input,
            kind: call.kind,
            redrive_count: 0,
            graph: call.graph,
            counts_attempts: work.run.mock_case.is_some(),
        }
    }

    /// Stops the children that are open, and waits until they have closed.
    async fn stop_open(&mut self, work: &mut Work) -> Result<(), AttemptError> {
        let children = self.inner.setup.children.clone();
        let open: Vec<(u32, ExecutionId)> = work.progress.open().collect();
        let mut accepted: HashSet<u32> = futures::stream::iter(open)
            .map(|(index, id)| {
                let children = children.clone();
                async move { children.stop(id).await.then_some(index) }
            })
            .buffer_unordered(limits::MAP_RUN_ASKED_MAX)
            .filter_map(|index| async move { index })
            .collect()
            .await;
        loop {
            while let Ok(news) = self.inbox.try_recv() {
                self.hear(news, Some(&mut work.progress));
            }
            let open: HashSet<u32> = work.progress.open().map(|(index, _)| index).collect();
            accepted.retain(|index| open.contains(index));
            if accepted.is_empty() {
                break;
            }
            if let Some(news) = self.inbox.recv().await {
                self.hear(news, Some(&mut work.progress));
            }
        }
        // Who was not open and has not said how it closed can't be driven.
        let held: Vec<u32> = work.progress.open().map(|(index, _)| index).collect();
        for index in held {
            work.progress.closed(index, ExecutionStatus::Aborted);
        }
        self.asked.clear();
        work.progress.give_up_redrives();
        let now_ms = self.inner.setup.clock.now_ms();
        let aborted = ExecutionStatus::Aborted;
        self.inner
            .store
            .give_up_redrive(&self.arn, None, aborted, now_ms)
            .await?;
        Ok(())
    }

    /// Makes the results of what the children left.
    async fn conclude(
        &mut self,
        work: &mut Work,
        end: End,
        counts: &mut Counts,
    ) -> Result<End, AttemptError> {
        let inner = Arc::clone(&self.inner);
        let results = Results {
            store: &inner.store,
            run: &work.run,
            definition: &work.definition,
            limits: &inner.setup.limits,
            objects: inner.setup.dispatch.objects(),
            inputs: work.progress.inputs(),
        };
        let made = tokio::select! {
            made = results.make(end).boxed() => made?,
            () = self.until_stopped() => (End::Aborted, false),
        };
        let (end, written) = made;
        if written {
            counts.results_written = counts.ended();
        }
        Ok(end)
    }

    async fn until_stopped(&mut self) {
        while !self.stopped {
            match self.inbox.recv().await {
                Some(news) => self.hear(news, None),
                // The sender lives as long as this.
                None => return,
            }
        }
    }

    fn hear(&mut self, news: News, progress: Option<&mut Progress>) {
        match news {
            News::Closed(index, status) => {
                if let Some(progress) = progress {
                    progress.closed(index, status);
                }
            }
            News::Updated => self.updated = true,
            News::Stop => {
                // It is about the order that is being carried out, or about the one that was to come.
                self.stopped = true;
                self.next_order = None;
            }
            News::Order(order) => {
                let is_known = self.order.as_ref().is_some_and(|known| known.task == order.task);
                if !is_known {
                    self.next_order = Some(order);
                }
            }
        }
    }

    fn show(&self, counts: Counts) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = Some(counts);
    }

    fn tell(&self, order: &Order, end: End) {
        let id = order.task;
        let event = match end {
            End::Succeeded(result) => match asl::json::Payload::from_text(result) {
                Ok(output) => Event::MapRunSucceeded { id, output },
                Err(error) => Event::MapRunFailed {
                    id,
                    error: Some("States.Runtime".into()),
                    cause: Some(error.to_string().into()),
                },
            },
            End::Failed { error, cause } => Event::MapRunFailed { id, error, cause },
            // Nobody waits.
            End::Aborted => return,
        };
        self.inner.setup.children.tell(order.execution, event);
    }
}
