//! Objects in S3 for Map Runs: GetObject as it comes, ListObjectsV2, PutObject; by the service's model, as tasks call them.

use std::sync::Arc;
use std::time::Duration;

use asl::json::Payload;
use asl::json::value::{Json, Object};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};

use super::TaskError;
use super::aws::{self, Caller};
use super::errors::Wording;
use super::objects::{ObjectAt, ObjectFailure, ObjectPage, Objects, Part, Pieces};
use super::sdk::{Action, Circumstances};
use crate::arn::Place;
use crate::clock::Clock;
use crate::limits::SERVICE_SECONDS_MAX;

/// S3 as its model has it.
#[derive(Clone)]
pub(super) struct S3 {
    pub(super) caller: Caller,
    pub(super) clock: Arc<dyn Clock>,
}

impl Objects for S3 {
    fn open(&self, place: &Place, parameters: &Payload) -> BoxFuture<'static, Result<Pieces, ObjectFailure>> {
        let (s3, place, parameters) = (self.clone(), place.clone(), parameters.clone());
        async move {
            let action = action("getObject")?;
            let circumstances = s3.circumstances(&place);
            let wording = Wording::of_sdk(action.service);
            let response = action
                .open(&s3.caller, parameters.json(), circumstances, &wording)
                .await?;
            Ok(pieces(response))
        }
        .boxed()
    }

    fn list(
        &self,
        place: &Place,
        parameters: &Payload,
        continuation: Option<String>,
    ) -> BoxFuture<'static, Result<ObjectPage, ObjectFailure>> {
        let (s3, place) = (self.clone(), place.clone());
        let mut parameters = parameters.json().as_object().cloned().unwrap_or_default();
        if let Some(continuation) = continuation {
            parameters.insert("ContinuationToken".into(), Json::from(continuation.as_str()));
        }
        async move {
            let page = s3.call("listObjectsV2", &place, Json::object(parameters)).await?;
            let contents = page.get("Contents").and_then(Json::as_array);
            Ok(ObjectPage {
                contents: contents.unwrap_or_default().to_vec(),
                continuation: page
                    .get("NextContinuationToken")
                    .and_then(Json::as_str)
                    .map(str::to_owned),
            })
        }
        .boxed()
    }

    fn put(
        &self,
        place: &Place,
        object: &ObjectAt,
        body: String,
    ) -> BoxFuture<'static, Result<(), ObjectFailure>> {
        let more = [
            ("ContentType", Json::from("application/json")),
            ("Body", Json::String(body.into())),
        ];
        let (s3, place, parameters) = (self.clone(), place.clone(), parameters(object, more));
        async move { s3.call("putObject", &place, parameters).await.map(drop) }.boxed()
    }

    fn begin_upload(
        &self,
        place: &Place,
        object: &ObjectAt,
    ) -> BoxFuture<'static, Result<String, ObjectFailure>> {
        let more = [("ContentType", Json::from("application/json"))];
        let (s3, place, parameters) = (self.clone(), place.clone(), parameters(object, more));
        async move {
            let begun = s3.call("createMultipartUpload", &place, parameters).await?;
            word(&begun, "UploadId")
        }
        .boxed()
    }

    fn put_part(
        &self,
        place: &Place,
        object: &ObjectAt,
        part: Part,
    ) -> BoxFuture<'static, Result<String, ObjectFailure>> {
        let more = [
            ("UploadId", Json::from(part.upload.as_str())),
            ("PartNumber", number(part.number)),
            ("Body", Json::String(part.body.into())),
        ];
        let (s3, place, parameters) = (self.clone(), place.clone(), parameters(object, more));
        async move {
            let put = s3.call("uploadPart", &place, parameters).await?;
            word(&put, "ETag")
        }
        .boxed()
    }

    fn end_upload(
        &self,
        place: &Place,
        object: &ObjectAt,
        upload: String,
        tags: Vec<String>,
    ) -> BoxFuture<'static, Result<(), ObjectFailure>> {
        let action = if tags.is_empty() {
            "abortMultipartUpload"
        } else {
            "completeMultipartUpload"
        };
        let parts: Vec<Json> = (1..)
            .zip(&tags)
            .map(|(at, tag)| members([("ETag", Json::from(tag.as_str())), ("PartNumber", number(at))]))
            .collect();
        let mut more = vec![("UploadId", Json::from(upload.as_str()))];
        if !parts.is_empty() {
            more.push(("MultipartUpload", members([("Parts", Json::from(parts))])));
        }
        let (s3, place, parameters) = (self.clone(), place.clone(), parameters(object, more));
        async move { s3.call(action, &place, parameters).await.map(drop) }.boxed()
    }
}

fn members(members: impl IntoIterator<Item = (&'static str, Json)>) -> Json {
    Json::object(
        members
            .into_iter()
            .map(|(name, value)| (Arc::from(name), value))
            .collect(),
    )
}

fn parameters(object: &ObjectAt, more: impl IntoIterator<Item = (&'static str, Json)>) -> Json {
    let at = [
        ("Bucket", Json::from(object.bucket.as_str())),
        ("Key", Json::from(object.key.as_str())),
    ];
    members(at.into_iter().chain(more))
}

fn number(number: usize) -> Json {
    Json::from(u64::try_from(number).unwrap_or(u64::MAX))
}

fn word(answer: &Object, name: &str) -> Result<String, ObjectFailure> {
    let word = answer.get(name).and_then(Json::as_str).map(str::to_owned);
    word.ok_or_else(|| ObjectFailure {
        cause: format!("S3 answered without {name}."),
    })
}

impl S3 {
    async fn call(&self, name: &str, place: &Place, parameters: Json) -> Result<Object, ObjectFailure> {
        let action = action(name)?;
        let wording = Wording::of_sdk(action.service);
        let called = action
            .call(&self.caller, &parameters, self.circumstances(place), &wording)
            .await?;
        Ok(called.response)
    }

    fn circumstances<'c>(&self, here: &'c Place) -> Circumstances<'c> {
        Circumstances {
            here,
            // None of these takes an idempotency token.
            token: "",
            now_ms: self.clock.now_ms(),
        }
    }
}

fn action(name: &str) -> Result<Action, ObjectFailure> {
    Action::find("s3", name).ok_or_else(|| ObjectFailure {
        cause: format!("S3 has no action '{name}'"),
    })
}

/// A body as it comes. One that stops coming has failed.
fn pieces(response: reqwest::Response) -> Pieces {
    let patience = Duration::from_secs(SERVICE_SECONDS_MAX);
    let failure = |cause: String| ObjectFailure { cause };
    futures::stream::unfold(response.bytes_stream(), move |mut bytes| async move {
        let piece: Result<Bytes, ObjectFailure> = match tokio::time::timeout(patience, bytes.next()).await {
            Ok(None) => return None,
            Ok(Some(Ok(piece))) => Ok(piece),
            Ok(Some(Err(error))) => Err(failure(aws::innermost(&error))),
            Err(_) => Err(failure("Read timed out".to_owned())),
        };
        Some((piece, bytes))
    })
    .boxed()
}

impl From<TaskError> for ObjectFailure {
    fn from(error: TaskError) -> Self {
        let said = error.cause.or(error.error).unwrap_or_default();
        Self {
            cause: said.to_string(),
        }
    }
}
