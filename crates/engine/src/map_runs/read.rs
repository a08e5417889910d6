//! Items → inputs of children, in the tables. Neither the items nor the inputs of a large Map Run are in memory as a whole.

use std::sync::Arc;

use asl::eval::{ChildInput, Env, Failure, ItemReading, ItemSource, MapRunCall, Planner, Resource};
use asl::items::{CsvHeader, ItemError, ItemFormat, ItemParser, listed};
use asl::json::{Json, Payload};
use asl::limits::Limits;
use futures::StreamExt as _;
use rand::RngExt as _;

use super::inputs::Gathered;
use super::store::{Chunk, Store};
use crate::arn::Place;
use crate::integrations::objects::{ObjectFailure, Objects, Pieces, gunzip};
use crate::limits;
use crate::machines::resolve::Definition;

/// Why there are no inputs.
pub(super) enum ReadError {
    /// The Map Run fails of it.
    Failed(Failure),
    /// Postgres did not answer.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<ItemError> for ReadError {
    fn from(error: ItemError) -> Self {
        Self::Failed(reader_failed(error.0))
    }
}

impl From<ObjectFailure> for ReadError {
    fn from(failure: ObjectFailure) -> Self {
        Self::Failed(reader_failed(failure.cause))
    }
}

/// Makes inputs of items.
pub(super) struct Reader<'a> {
    pub(super) store: &'a Store,
    pub(super) definition: &'a Definition,
    pub(super) call: &'a MapRunCall,
    pub(super) limits: &'a Limits,
    pub(super) objects: Option<Arc<dyn Objects>>,
    pub(super) now_ms: i64,
}

impl Reader<'_> {
    /// Plans what needs no reading: at most 256 KiB of items, in memory.
    pub(super) fn plan(&self) -> Result<(Vec<Chunk>, u32), Failure> {
        let mut planner = Planner::new(&self.definition.machine, self.call);
        let mut gathered = Gathered::default();
        let mut chunks = Vec::new();
        for item in self.call.source.items() {
            if let Some(child) = self.take(&mut planner, item)? {
                chunks.extend(gathered.add(&child));
            }
        }
        if let Some(child) = planner.finish() {
            chunks.extend(gathered.add(&child));
        }
        chunks.extend(gathered.take());
        Ok((chunks, gathered.count()))
    }

    /// Reads all items, and writes the inputs into the tables as they come. How many there are.
    pub(super) async fn read(&self) -> Result<u32, ReadError> {
        let ItemSource::Reader(reading) = &self.call.source else {
            let (chunks, inputs) = self.plan().map_err(ReadError::Failed)?;
            for chunk in &chunks {
                self.store.add_inputs(&self.call.map_run_arn, chunk).await?;
            }
            return Ok(inputs);
        };
        let items_left = match reading.items_max.map(u64::try_from) {
            None => asl::limits::ITEMS_MAX,
            Some(Ok(most)) => most,
            // AWS's words.
            Some(Err(_)) => {
                return Err(ReadError::Failed(reader_failed(
                    "field MaxItems must be positive".to_owned(),
                )));
            }
        };
        let mut intake = Intake {
            reader: self,
            planner: Planner::new(&self.definition.machine, self.call),
            gathered: Gathered::default(),
            items_left,
        };
        let objects = self.objects.as_deref().ok_or_else(|| {
            ReadError::Failed(reader_failed("This engine is connected to no S3.".to_owned()))
        })?;
        match (action(&reading.resource), &reading.format) {
            ("listObjectsV2", _) => list(objects, &self.definition.place, reading, &mut intake).await?,
            ("getObject", ItemFormat::Inventory) => {
                inventory(objects, &self.definition.place, reading, &mut intake).await?;
            }
            ("getObject", format) => {
                let parser = ItemParser::new(format)?;
                let pieces = objects.open(&self.definition.place, &reading.parameters).await?;
                parse(parser, pieces, &mut intake).await?;
            }
            (other, _) => {
                let text = format!("An ItemReader can't read by '{other}'.");
                return Err(ReadError::Failed(reader_failed(text)));
            }
        }
        intake.finish().await
    }

    fn take(&self, planner: &mut Planner<'_>, item: Payload) -> Result<Option<ChildInput>, Failure> {
        let mut env = Env {
            now_ms: self.now_ms,
            random: &mut || rand::rng().random(),
            new_token: &mut || Arc::from(""),
            new_uuid: &mut || uuid::Uuid::new_v4().to_string().into(),
            has_activity: &|_| true,
            limits: self.limits,
        };
        planner.take(item, &mut env)
    }
}

struct Intake<'a> {
    reader: &'a Reader<'a>,
    planner: Planner<'a>,
    gathered: Gathered,
    items_left: u64,
}

impl Intake<'_> {
    fn is_full(&self) -> bool {
        self.items_left == 0
    }

    async fn take(&mut self, items: impl IntoIterator<Item = Payload>) -> Result<(), ReadError> {
        for item in items {
            if self.is_full() {
                return Ok(());
            }
            self.items_left -= 1;
            let child = self
                .reader
                .take(&mut self.planner, item)
                .map_err(ReadError::Failed)?;
            if let Some(child) = child {
                self.add(&child).await?;
            }
        }
        Ok(())
    }

    async fn add(&mut self, child: &ChildInput) -> Result<(), ReadError> {
        if let Some(chunk) = self.gathered.add(child) {
            self.write(&chunk).await?;
        }
        Ok(())
    }

    async fn write(&self, chunk: &Chunk) -> Result<(), ReadError> {
        let arn = &self.reader.call.map_run_arn;
        Ok(self.reader.store.add_inputs(arn, chunk).await?)
    }

    async fn finish(mut self) -> Result<u32, ReadError> {
        if let Some(child) = self.planner.finish() {
            self.add(&child).await?;
        }
        if let Some(chunk) = self.gathered.take() {
            self.write(&chunk).await?;
        }
        Ok(self.gathered.count())
    }
}

async fn list(
    objects: &dyn Objects,
    place: &Place,
    reading: &ItemReading,
    intake: &mut Intake<'_>,
) -> Result<(), ReadError> {
    let mut continuation = None;
    loop {
        let page = objects.list(place, &reading.parameters, continuation).await?;
        let items: Vec<Payload> = page
            .contents
            .iter()
            .map(|object| Payload::from_json(listed(object)))
            .collect();
        intake.take(items).await?;
        continuation = page.continuation;
        if continuation.is_none() || intake.is_full() {
            return Ok(());
        }
    }
}

async fn parse(mut parser: ItemParser, mut pieces: Pieces, intake: &mut Intake<'_>) -> Result<(), ReadError> {
    let mut found = Vec::new();
    while let Some(piece) = pieces.next().await {
        parser.push(&piece?, &mut found)?;
        intake.take(found.drain(..)).await?;
        if intake.is_full() {
            // The rest need not be read, nor be right.
            return Ok(());
        }
    }
    parser.finish(&mut found)?;
    intake.take(found).await
}

/// An S3 inventory: a manifest that names gzipped CSV files and their columns (S3 guide, "Inventory lists").
async fn inventory(
    objects: &dyn Objects,
    place: &Place,
    reading: &ItemReading,
    intake: &mut Intake<'_>,
) -> Result<(), ReadError> {
    let failed = |text: &str| ReadError::Failed(reader_failed(text.to_owned()));
    let mut manifest = Vec::new();
    let mut pieces = objects.open(place, &reading.parameters).await?;
    while let Some(piece) = pieces.next().await {
        manifest.extend_from_slice(&piece?);
        if manifest.len() > limits::MANIFEST_BYTES_MAX {
            return Err(failed("The manifest is too large."));
        }
    }
    let text = std::str::from_utf8(&manifest).map_err(|_| failed("The manifest is not encoded in UTF-8."))?;
    let manifest = asl::json::read::read(text).map_err(|error| failed(&error.to_string()))?;
    let word = |name: &str| manifest.get(name).and_then(Json::as_str);
    if word("fileFormat") != Some("CSV") {
        return Err(failed("This engine reads inventories in the format CSV only."));
    }
    let columns = word("fileSchema").unwrap_or_default().split(',');
    let header = CsvHeader::Given(columns.map(|column| column.trim().into()).collect());
    let bucket = word("destinationBucket").unwrap_or_default();
    let bucket = bucket.rsplit(":::").next().unwrap_or_default();
    let files = manifest.get("files").and_then(Json::as_array).unwrap_or_default();
    for file in files {
        let key = file.get("key").and_then(Json::as_str).unwrap_or_default();
        let parameters = Json::object(
            [("Bucket", bucket), ("Key", key)]
                .into_iter()
                .map(|(name, value)| (Arc::from(name), Json::from(value)))
                .collect(),
        );
        let parser = ItemParser::new(&ItemFormat::Csv {
            header: header.clone(),
            delimiter: ',',
        })?;
        let pieces = objects.open(place, &Payload::from_json(parameters)).await?;
        // Inventories in CSV are always packed (S3 guide, "Inventory list").
        parse(parser, gunzip(pieces), intake).await?;
        if intake.is_full() {
            return Ok(());
        }
    }
    Ok(())
}

fn action(resource: &Resource) -> &str {
    match resource {
        Resource::Service { action, .. } | Resource::AwsSdk { action, .. } => action,
        Resource::LambdaFunction { arn } | Resource::Activity { arn } => arn,
    }
}

fn reader_failed(cause: String) -> Failure {
    Failure {
        error: Some("States.ItemReaderFailed".into()),
        cause: Some(cause.into()),
    }
}
