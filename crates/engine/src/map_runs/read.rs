//! Items → inputs of children, in the tables. Neither the items nor the inputs of a large Map Run are in memory as a whole.
//! Children begin while the reading goes on. How far it has come is what inputs are in the tables: who takes over reads from the
//! beginning, and passes over as many items as are in them.

use std::sync::Arc;

use asl::eval::{ChildInput, Env, Failure, ItemReading, ItemSource, MapRunCall, Planner, Resource};
use asl::items::{CsvHeader, ItemError, ItemFormat, ItemParser, listed};
use asl::json::{Json, Payload};
use asl::limits::Limits;
use futures::StreamExt as _;
use rand::RngExt as _;
use tokio::sync::mpsc;

use super::inputs::Gathered;
use super::parquet::Rows;
use super::store::{Chunk, Store};
use crate::arn::Place;
use crate::integrations::objects::{ObjectFailure, Objects, Pieces, gunzip, gunzip_if_packed};
use crate::limits;
use crate::machines::resolve::Definition;

/// Why there are no more inputs.
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
pub(super) struct Reader {
    pub(super) store: Store,
    pub(super) definition: Arc<Definition>,
    pub(super) call: Arc<MapRunCall>,
    pub(super) limits: Limits,
    pub(super) objects: Option<Arc<dyn Objects>>,
    pub(super) now_ms: i64,
}

/// What is in the tables of a reading that has not come to its end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) inputs: u32,
    pub(super) items: u32,
}

impl Reader {
    /// Plans what needs no reading: at most 256 KiB of items, in memory.
    pub(super) fn plan(&self) -> Result<(Vec<Chunk>, u32), Failure> {
        let mut planner = Planner::new(&self.definition.machine, &self.call);
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

    /// Reads the items behind those that are `read`, and writes the inputs into the tables as they come, each time telling
    /// how many items are in which. How many inputs there are in all.
    pub(super) async fn read(self, read: Read, told: mpsc::Sender<Vec<u32>>) -> Result<u32, ReadError> {
        let ItemSource::Reader(reading) = &self.call.source else {
            // What can be planned without reading was written with the Map Run.
            return Err(match self.plan() {
                Err(failure) => ReadError::Failed(failure),
                Ok(_) => ReadError::Failed(reader_failed("The items are not there.".to_owned())),
            });
        };
        let items_max = match reading.items_max.map(u64::try_from) {
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
            reader: &self,
            planner: Planner::new(&self.definition.machine, &self.call).after(read.items),
            gathered: Gathered::after(read.inputs),
            items_passed: read.items,
            items_left: items_max.saturating_sub(u64::from(read.items)),
            told,
        };
        let objects = self.objects.as_deref().ok_or_else(|| {
            ReadError::Failed(reader_failed("This engine is connected to no S3.".to_owned()))
        })?;
        let source = Source {
            objects,
            place: &self.definition.place,
        };
        match (action(&reading.resource), &reading.format) {
            ("listObjectsV2", format) => source.list(reading, format, &mut intake).await?,
            ("getObject", ItemFormat::Inventory) => source.inventory(reading, &mut intake).await?,
            ("getObject", ItemFormat::Athena(format)) => source.athena(reading, format, &mut intake).await?,
            ("getObject", format) => source.file(&reading.parameters, format, &mut intake).await?,
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
            limits: &self.limits,
        };
        planner.take(item, &mut env)
    }
}

struct Intake<'a> {
    reader: &'a Reader,
    planner: Planner<'a>,
    gathered: Gathered,
    /// So many come first that are in inputs already.
    items_passed: u32,
    items_left: u64,
    told: mpsc::Sender<Vec<u32>>,
}

impl Intake<'_> {
    fn is_full(&self) -> bool {
        self.items_left == 0
    }

    async fn take(&mut self, items: impl IntoIterator<Item = Payload>) -> Result<(), ReadError> {
        for item in items {
            if self.items_passed > 0 {
                self.items_passed -= 1;
                continue;
            }
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
            self.write(chunk).await?;
        }
        Ok(())
    }

    async fn write(&self, chunk: Chunk) -> Result<(), ReadError> {
        let arn = &self.reader.call.map_run_arn;
        self.reader.store.add_inputs(arn, &chunk).await?;
        let items = chunk.items.into_iter().map(i32::unsigned_abs).collect();
        // Who does not listen any more does not poll this either.
        let _unheard = self.told.send(items).await;
        Ok(())
    }

    async fn finish(mut self) -> Result<u32, ReadError> {
        if let Some(child) = self.planner.finish() {
            self.add(&child).await?;
        }
        if let Some(chunk) = self.gathered.take() {
            self.write(chunk).await?;
        }
        Ok(self.gathered.count())
    }
}

/// Where the items are read.
struct Source<'a> {
    objects: &'a dyn Objects,
    place: &'a Place,
}

impl Source<'_> {
    /// The objects of a listing; or, when they are to be loaded, the items in each of them.
    async fn list(
        &self,
        reading: &ItemReading,
        format: &ItemFormat,
        intake: &mut Intake<'_>,
    ) -> Result<(), ReadError> {
        let bucket = reading
            .parameters
            .json()
            .get("Bucket")
            .cloned()
            .unwrap_or_default();
        let bucket = bucket.as_str().unwrap_or_default();
        let mut continuation = None;
        loop {
            let page = self
                .objects
                .list(self.place, &reading.parameters, continuation)
                .await?;
            if let ItemFormat::Objects(format) = format {
                let keys = page
                    .contents
                    .iter()
                    .filter_map(|object| object.get("Key")?.as_str());
                // What ends so is a folder that somebody has made in the console, and no file.
                for key in keys.filter(|key| !key.ends_with('/')) {
                    self.member(bucket, key, format, intake).await?;
                    if intake.is_full() {
                        return Ok(());
                    }
                }
            } else {
                let items: Vec<Payload> = page
                    .contents
                    .iter()
                    .map(|object| Payload::from_json(listed(object)))
                    .collect();
                intake.take(items).await?;
            }
            continuation = page.continuation;
            if continuation.is_none() || intake.is_full() {
                return Ok(());
            }
        }
    }

    /// One file, as it is.
    async fn file(
        &self,
        parameters: &Payload,
        format: &ItemFormat,
        intake: &mut Intake<'_>,
    ) -> Result<(), ReadError> {
        let pieces = self.objects.open(self.place, parameters).await?;
        if *format == ItemFormat::Parquet {
            return rows(Rows::of(pieces).await?, intake).await;
        }
        parse(ItemParser::new(format)?, pieces, intake).await
    }

    /// One file of several, which may be packed: Athena packs what it unloads unless it is told not to (Athena guide, "UNLOAD").
    async fn member(
        &self,
        bucket: &str,
        key: &str,
        format: &ItemFormat,
        intake: &mut Intake<'_>,
    ) -> Result<(), ReadError> {
        if *format == ItemFormat::Parquet {
            return self.file(&object(bucket, key), format, intake).await;
        }
        let pieces = self.objects.open(self.place, &object(bucket, key)).await?;
        parse(ItemParser::new(format)?, gunzip_if_packed(pieces).await?, intake).await
    }

    /// An S3 inventory: a manifest that names gzipped CSV files and their columns (S3 guide, "Inventory lists").
    async fn inventory(&self, reading: &ItemReading, intake: &mut Intake<'_>) -> Result<(), ReadError> {
        let manifest = self.manifest(reading).await?;
        let manifest = asl::json::read::read(&manifest).map_err(|error| failed(&error.to_string()))?;
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
            let parser = ItemParser::new(&ItemFormat::Csv {
                header: header.clone(),
                delimiter: ',',
            })?;
            let pieces = self.objects.open(self.place, &object(bucket, key)).await?;
            // Inventories in CSV are always packed (S3 guide, "Inventory list").
            parse(parser, gunzip(pieces), intake).await?;
            if intake.is_full() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The data manifest of an UNLOAD by Athena: the URL of a file on each line (Athena guide, "Query output files").
    async fn athena(
        &self,
        reading: &ItemReading,
        format: &ItemFormat,
        intake: &mut Intake<'_>,
    ) -> Result<(), ReadError> {
        let manifest = self.manifest(reading).await?;
        for line in manifest.lines() {
            let url = line.trim().trim_matches('"');
            if url.is_empty() {
                continue;
            }
            let (bucket, key) = url
                .strip_prefix("s3://")
                .and_then(|path| path.split_once('/'))
                .ok_or_else(|| failed("The manifest names something that is not in S3."))?;
            self.member(bucket, key, format, intake).await?;
            if intake.is_full() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn manifest(&self, reading: &ItemReading) -> Result<String, ReadError> {
        let mut manifest = Vec::new();
        let mut pieces = self.objects.open(self.place, &reading.parameters).await?;
        while let Some(piece) = pieces.next().await {
            manifest.extend_from_slice(&piece?);
            if manifest.len() > limits::MANIFEST_BYTES_MAX {
                return Err(failed("The manifest is too large."));
            }
        }
        String::from_utf8(manifest).map_err(|_| failed("The manifest is not encoded in UTF-8."))
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

async fn rows(mut rows: Rows, intake: &mut Intake<'_>) -> Result<(), ReadError> {
    while let Some(some) = rows.next().await? {
        intake.take(some).await?;
        if intake.is_full() {
            return Ok(());
        }
    }
    Ok(())
}

/// The parameters of a GetObject.
fn object(bucket: &str, key: &str) -> Payload {
    let members = [("Bucket", bucket), ("Key", key)];
    Payload::from_json(Json::object(
        members
            .into_iter()
            .map(|(name, value)| (Arc::from(name), Json::from(value)))
            .collect(),
    ))
}

fn action(resource: &Resource) -> &str {
    match resource {
        Resource::Service { action, .. } | Resource::AwsSdk { action, .. } => action,
        Resource::LambdaFunction { arn } | Resource::Activity { arn } => arn,
    }
}

fn failed(text: &str) -> ReadError {
    ReadError::Failed(reader_failed(text.to_owned()))
}

fn reader_failed(cause: String) -> Failure {
    Failure {
        error: Some("States.ItemReaderFailed".into()),
        cause: Some(cause.into()),
    }
}
