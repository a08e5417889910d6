//! Files of results in S3: as large as AWS makes them, and never in memory as a whole.

use asl::eval::{OutputType, ResultWriting};
use futures::TryStreamExt as _;
use serde::Serialize;
use serde_json::value::RawValue;

use super::results::{Details, Group, MakeError, Pending, Results, elements};
use crate::integrations::objects::{ObjectAt, Part};
use crate::limits;

/// A file as the manifest names it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct File {
    key: String,
    size: u64,
}

/// Writes the results of one group into files of theirs, in parts where they are large.
pub(super) struct GroupWriter<'a> {
    results: &'a Results<'a>,
    writing: &'a ResultWriting,
    group: Group,
    bucket: &'a str,
    folder: &'a str,
    /// What of the file is not written yet.
    body: String,
    /// Of a file that is too large for one part.
    upload: Option<Upload>,
    files: Vec<File>,
}

/// A file that is written in parts.
struct Upload {
    object: ObjectAt,
    id: String,
    tags: Vec<String>,
    bytes: u64,
}

impl<'a> GroupWriter<'a> {
    /// `at` is a bucket and a folder in it.
    pub(super) fn new(
        results: &'a Results<'a>,
        writing: &'a ResultWriting,
        group: Group,
        (bucket, folder): (&'a str, &'a str),
    ) -> Self {
        Self {
            results,
            writing,
            group,
            bucket,
            folder,
            body: String::new(),
            upload: None,
            files: Vec::new(),
        }
    }

    pub(super) fn into_files(self) -> Vec<File> {
        self.files
    }

    /// All results of the group.
    pub(super) async fn write(&mut self) -> Result<(), MakeError> {
        if self.group == Group::Pending {
            self.pending().await?;
        } else {
            let mut rows = self.results.closed(self.group);
            while let Some(row) = rows.try_next().await? {
                for element in elements(&row, self.group, self.writing.transformation)? {
                    self.add(&element).await?;
                }
            }
        }
        self.flush().await
    }

    async fn add(&mut self, element: &str) -> Result<(), MakeError> {
        let written = self.upload.as_ref().map_or(0, |upload| upload.bytes);
        let bytes = (self.body.len() + element.len()) as u64;
        if written + bytes > limits::RESULT_FILE_BYTES_MAX {
            self.flush().await?;
        } else if self.body.len() + element.len() > limits::RESULT_PART_BYTES_MAX {
            self.part().await?;
        }
        let is_first = self.body.is_empty() && self.upload.is_none();
        match (self.writing.output_type, is_first) {
            (OutputType::Json, true) => self.body.push('['),
            (OutputType::Json, false) => self.body.push(','),
            (OutputType::JsonLines, _) => {}
        }
        self.body.push_str(element);
        if self.writing.output_type == OutputType::JsonLines {
            self.body.push('\n');
        }
        Ok(())
    }

    /// Writes what there is of the file.
    async fn part(&mut self) -> Result<(), MakeError> {
        let (objects, place) = (self.results.objects()?, &self.results.definition.place);
        let mut upload = if let Some(upload) = self.upload.take() {
            upload
        } else {
            let object = self.object();
            Upload {
                id: objects.begin_upload(place, &object).await?,
                object,
                tags: Vec::new(),
                bytes: 0,
            }
        };
        let body = std::mem::take(&mut self.body);
        upload.bytes += body.len() as u64;
        let part = Part {
            upload: upload.id.clone(),
            number: upload.tags.len() + 1,
            body,
        };
        let put = objects.put_part(place, &upload.object, part).await;
        let upload = self.upload.insert(upload);
        upload.tags.push(put?);
        Ok(())
    }

    /// Nobody will put the parts together.
    pub(super) async fn give_up(&mut self) {
        let place = &self.results.definition.place;
        if let (Some(Upload { object, id, .. }), Ok(objects)) = (self.upload.take(), self.results.objects()) {
            // It failed already; of this nobody needs to know.
            let _not_dropped = objects.end_upload(place, &object, id, Vec::new()).await;
        }
    }

    fn object(&self) -> ObjectAt {
        let (folder, word, number) = (self.folder, self.group.word(), self.files.len());
        let ending = match self.writing.output_type {
            OutputType::Json => "json",
            OutputType::JsonLines => "jsonl",
        };
        ObjectAt {
            bucket: self.bucket.to_owned(),
            key: format!("{folder}/{word}_{number}.{ending}"),
        }
    }

    /// Inputs whose execution has not begun.
    async fn pending(&mut self) -> Result<(), MakeError> {
        let store = self.results.store;
        let arn = &self.results.run.arn;
        let begun: Vec<i32> = sqlx::query_scalar(
            "select distinct map_run_index from engine.executions where map_run_arn = $1 order by map_run_index",
        )
        .bind(&**arn)
        .fetch_all(&store.pool)
        .await?;
        let mut begun = begun.into_iter().map(i32::unsigned_abs).peekable();
        let mut index = 0;
        while index < self.results.inputs {
            let Some((first, inputs)) = store.chunk_of(arn, index).await? else {
                return Ok(());
            };
            let inputs: Vec<Box<RawValue>> =
                serde_json::from_slice(&inputs).map_err(|error| sqlx::Error::Decode(error.into()))?;
            index = first;
            for input in inputs {
                if begun.next_if_eq(&index).is_none() {
                    let pending = Pending {
                        input: input.get(),
                        input_details: Details { included: true },
                        status: "PENDING",
                    };
                    let element =
                        serde_json::to_string(&pending).map_err(|error| sqlx::Error::Encode(error.into()))?;
                    self.add(&element).await?;
                }
                index += 1;
            }
        }
        Ok(())
    }

    /// Ends the file, if there is one.
    async fn flush(&mut self) -> Result<(), MakeError> {
        if self.body.is_empty() && self.upload.is_none() {
            return Ok(());
        }
        if self.writing.output_type == OutputType::Json {
            self.body.push(']');
        }
        if self.upload.is_some() && !self.body.is_empty() {
            self.part().await?;
        }
        let (key, size) = match &self.upload {
            None => {
                let (object, body) = (self.object(), std::mem::take(&mut self.body));
                let size = body.len() as u64;
                self.results.put(&object, body).await?;
                (object.key, size)
            }
            Some(upload) => {
                let (objects, place) = (self.results.objects()?, &self.results.definition.place);
                let (id, tags) = (upload.id.clone(), upload.tags.clone());
                objects.end_upload(place, &upload.object, id, tags).await?;
                (upload.object.key.clone(), upload.bytes)
            }
        };
        self.upload = None;
        self.files.push(File { key, size });
        Ok(())
    }
}
