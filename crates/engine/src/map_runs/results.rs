//! The results of a Map Run: the state's output, or files in S3 and where they are (developer guide, "ResultWriter").

use std::sync::Arc;

use asl::eval::{ResultWriting, Transformation};
use asl::json::{Json, Payload};
use asl::limits::Limits;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use serde::Serialize;
use serde_json::value::RawValue;

use super::files::{File, GroupWriter};
use super::model::{End, MapRun};
use super::store::Store;
use crate::executions::ExecutionStatus;
use crate::integrations::objects::{ObjectAt, ObjectFailure, Objects};
use crate::machines::resolve::Definition;

/// Makes the results of one Map Run.
pub(super) struct Results<'a> {
    pub(super) store: &'a Store,
    pub(super) run: &'a MapRun,
    pub(super) definition: &'a Definition,
    pub(super) limits: &'a Limits,
    pub(super) objects: Option<Arc<dyn Objects>>,
    /// How many inputs there are.
    pub(super) inputs: u32,
}

/// A child that has closed, as its row has it.
#[derive(sqlx::FromRow)]
pub(super) struct ChildRow {
    arn: String,
    name: String,
    machine_arn: String,
    status: String,
    input: Vec<u8>,
    output: Option<Vec<u8>>,
    error: Option<String>,
    cause: Option<String>,
    started_at: i64,
    stopped_at: Option<i64>,
    redrive_count: i32,
}

/// Which of the files a child's result is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Succeeded,
    Failed,
    Pending,
}

impl Group {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Pending => "PENDING",
        }
    }
}

pub(super) enum MakeError {
    Objects(ObjectFailure),
    Database(sqlx::Error),
}

impl From<ObjectFailure> for MakeError {
    fn from(failure: ObjectFailure) -> Self {
        Self::Objects(failure)
    }
}

impl From<sqlx::Error> for MakeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Results<'_> {
    /// How it ends with its results, and whether they were written.
    pub(super) async fn make(&self, end: End) -> sqlx::Result<(End, bool)> {
        let writing = self.run.call.writing.as_ref();
        let target = writing.and_then(|writing| writing.target.as_ref());
        match (end, writing, target) {
            (End::Aborted, ..) => Ok((End::Aborted, false)),
            (End::Succeeded(_), writing, None) => self.output(writing).await,
            (failed @ End::Failed { .. }, _, None) => Ok((failed, false)),
            (end, Some(writing), Some(target)) => match self.export(writing, target).await {
                Ok(result) => Ok(match end {
                    End::Succeeded(_) => (End::Succeeded(result.into()), true),
                    failed => (failed, true),
                }),
                Err(MakeError::Database(error)) => Err(error),
                Err(MakeError::Objects(failure)) => Ok(match end {
                    End::Succeeded(_) => (failed("States.ResultWriterFailed", failure.cause), false),
                    failed => (failed, false),
                }),
            },
            (end, None, Some(_)) => Ok((end, false)),
        }
    }

    /// The state's output: an array, within the limit of a payload.
    async fn output(&self, writing: Option<&ResultWriting>) -> sqlx::Result<(End, bool)> {
        let transformation = writing.map_or(Transformation::Compact, |writing| writing.transformation);
        let mut output = String::from("[");
        let mut rows = self.closed(Group::Succeeded);
        while let Some(row) = rows.try_next().await? {
            for element in elements(&row, Group::Succeeded, transformation)? {
                if output.len() > 1 {
                    output.push(',');
                }
                output.push_str(&element);
            }
            if output.len() >= self.limits.payload_bytes_max {
                let cause = format!(
                    "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.",
                    self.run.call.state_name
                );
                return Ok((failed("States.DataLimitExceeded", cause), false));
            }
        }
        output.push(']');
        Ok((End::Succeeded(output.into()), true))
    }

    /// Files for each group, and a manifest that names them.
    async fn export(&self, writing: &ResultWriting, target: &Payload) -> Result<String, MakeError> {
        let word = |name: &str| target.json().get(name).and_then(Json::as_str).map(str::to_owned);
        let bucket = word("Bucket").unwrap_or_default();
        let prefix = word("Prefix").unwrap_or_default();
        let id = self.run.arn.rsplit(':').next().unwrap_or_default();
        let folder = match prefix.trim_end_matches('/') {
            "" => id.to_owned(),
            prefix => format!("{prefix}/{id}"),
        };
        let mut files = Vec::new();
        for group in [Group::Failed, Group::Pending, Group::Succeeded] {
            let mut writer = GroupWriter::new(self, writing, group, (&bucket, &folder));
            if let Err(error) = writer.write().await {
                writer.give_up().await;
                return Err(error);
            }
            files.push((group.word(), writer.into_files()));
        }
        let key = format!("{folder}/manifest.json");
        let manifest = Manifest {
            destination_bucket: &bucket,
            map_run_arn: &self.run.arn,
            result_files: files.into_iter().collect(),
        };
        let manifest = serde_json::to_string(&manifest).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let at = ObjectAt {
            bucket: bucket.clone(),
            key: key.clone(),
        };
        self.put(&at, manifest).await?;
        let details = serde_json::json!({
            "MapRunArn": &*self.run.arn,
            "ResultWriterDetails": {"Bucket": bucket, "Key": key},
        });
        Ok(details.to_string())
    }

    pub(super) async fn put(&self, object: &ObjectAt, body: String) -> Result<(), ObjectFailure> {
        self.objects()?.put(&self.definition.place, object, body).await
    }

    pub(super) fn objects(&self) -> Result<&dyn Objects, ObjectFailure> {
        self.objects.as_deref().ok_or_else(|| ObjectFailure {
            cause: "This engine is connected to no S3.".to_owned(),
        })
    }

    /// The last execution of each input, of those that closed so, in the order of the inputs.
    pub(super) fn closed(&self, group: Group) -> BoxStream<'_, sqlx::Result<ChildRow>> {
        let statuses: &'static [&'static str] = match group {
            Group::Succeeded => &["SUCCEEDED"],
            Group::Failed => &["FAILED", "TIMED_OUT", "ABORTED"],
            Group::Pending => &[],
        };
        sqlx::query_as(
            // Not by asking for later ones of each: what Postgres makes of that depends on what it thinks there is.
            "select arn, name, machine_arn, status, input, output, error, cause, started_at, stopped_at, redrive_count
            from (
                select distinct on (map_run_index) * from engine.executions
                where map_run_arn = $1 order by map_run_index, id desc
            ) last
            where status = any($2) order by map_run_index",
        )
        .bind(&*self.run.arn)
        .bind(statuses)
        .fetch(&self.store.pool)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest<'a> {
    destination_bucket: &'a str,
    map_run_arn: &'a str,
    result_files: std::collections::BTreeMap<&'static str, Vec<File>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Details {
    pub(super) included: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pending<'a> {
    pub(super) input: &'a str,
    pub(super) input_details: Details,
    pub(super) status: &'static str,
}

/// A child with its metadata, in the order AWS writes it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    execution_arn: &'a str,
    input: &'a str,
    input_details: Details,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<Details>,
    redrive_count: i32,
    redrive_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_status_reason: Option<&'static str>,
    start_date: String,
    state_machine_arn: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<String>,
}

/// What of a child is written. Who failed is described, whatever the transformation.
pub(super) fn elements(
    row: &ChildRow,
    group: Group,
    transformation: Transformation,
) -> sqlx::Result<Vec<String>> {
    let text =
        |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|error| sqlx::Error::Decode(error.into()));
    let output = row.output.as_deref().map(text).transpose()?;
    match (group, transformation, output) {
        (Group::Succeeded, Transformation::Compact, Some(output)) => Ok(vec![output]),
        (Group::Succeeded, Transformation::Flatten, Some(output)) => {
            Ok(match serde_json::from_str::<Vec<Box<RawValue>>>(&output) {
                Ok(inner) => inner
                    .into_iter()
                    .map(|element| element.get().to_owned())
                    .collect(),
                Err(_) => vec![output],
            })
        }
        (_, _, output) => {
            let input = text(&row.input)?;
            let description = describe(row, &input, output.as_deref());
            serde_json::to_string(&description)
                .map(|element| vec![element])
                .map_err(|error| sqlx::Error::Encode(error.into()))
        }
    }
}

fn describe<'a>(row: &'a ChildRow, input: &'a str, output: Option<&'a str>) -> Description<'a> {
    let succeeded = row.status == ExecutionStatus::Succeeded.as_str();
    Description {
        cause: row.cause.as_deref(),
        error: row.error.as_deref(),
        execution_arn: &row.arn,
        input,
        input_details: Details { included: true },
        name: &row.name,
        output,
        output_details: output.map(|_| Details { included: true }),
        redrive_count: row.redrive_count,
        redrive_status: if succeeded {
            "NOT_REDRIVABLE"
        } else {
            "REDRIVABLE_BY_MAP_RUN"
        },
        redrive_status_reason: succeeded.then_some("Execution is SUCCEEDED and cannot be redriven"),
        start_date: iso(row.started_at),
        state_machine_arn: &row.machine_arn,
        status: &row.status,
        stop_date: row.stopped_at.map(iso),
    }
}

fn iso(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn failed(error: &str, cause: String) -> End {
    End::Failed {
        error: Some(error.into()),
        cause: Some(cause.into()),
    }
}
