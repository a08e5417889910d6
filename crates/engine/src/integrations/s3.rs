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
use super::objects::{ObjectFailure, ObjectPage, Objects, Pieces};
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
        bucket: &str,
        key: &str,
        body: String,
    ) -> BoxFuture<'static, Result<(), ObjectFailure>> {
        let (s3, place) = (self.clone(), place.clone());
        let members = [
            ("Bucket", Json::from(bucket)),
            ("Key", Json::from(key)),
            ("ContentType", Json::from("application/json")),
            ("Body", Json::String(body.into())),
        ];
        let parameters = members
            .into_iter()
            .map(|(name, value)| (Arc::from(name), value))
            .collect();
        async move {
            s3.call("putObject", &place, Json::object(parameters)).await?;
            Ok(())
        }
        .boxed()
    }
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
