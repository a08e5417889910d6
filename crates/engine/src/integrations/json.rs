//! Services that speak AWS JSON: one POST, the operation in `X-Amz-Target`.

use asl::json::value::Json;
use bytes::Bytes;
use http::Method;

use super::TaskError;
use super::aws::{Answer, Caller, Request, Service};
use super::errors::{self, Wording};
use crate::arn::Place;

/// A service of this protocol.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonService {
    pub(super) service: Service,
    /// Before the dot of `X-Amz-Target`.
    pub(super) target: &'static str,
    /// `1.0` or `1.1`.
    pub(super) version: &'static str,
}

impl JsonService {
    /// Calls an operation (`PutItem`); a refusal becomes a failure in the words of `wording`.
    pub(super) async fn call(
        &self,
        caller: &Caller,
        place: &Place,
        operation: &str,
        body: &Json,
        wording: &Wording,
        now_ms: i64,
    ) -> Result<(Answer, Json), TaskError> {
        let request = Request {
            method: Method::POST,
            path: "/".to_owned(),
            headers: vec![
                ("content-type", format!("application/x-amz-json-{}", self.version)),
                ("x-amz-target", format!("{}.{operation}", self.target)),
            ],
            body: Bytes::from(body.to_string()),
        };
        let answer = caller
            .call(self.service, place, request, now_ms)
            .await
            .map_err(|error| wording.unanswered(&error))?;
        if !answer.status.is_success() {
            return Err(wording.refused(&answer, &errors::json_refusal(&answer)));
        }
        let json = read(&answer, wording)?;
        Ok((answer, json))
    }
}

fn read(answer: &Answer, wording: &Wording) -> Result<Json, TaskError> {
    if answer.body.is_empty() {
        return Ok(Json::Null);
    }
    std::str::from_utf8(&answer.body)
        .ok()
        .and_then(|text| asl::json::read::read(text).ok())
        .ok_or_else(|| {
            errors::fail(
                format!("{}.SdkClientException", wording.prefix),
                "the service's answer is not JSON",
            )
        })
}

/// `putItem` as the wire has it: `PutItem`.
pub(super) fn operation_name(action: &str) -> String {
    let mut letters = action.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A member that has to be text on the wire: texts as they are, everything else as JSON.
pub(super) fn as_text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}
