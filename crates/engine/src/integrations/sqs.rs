//! `sqs:sendMessage`, by SQS's JSON protocol.

use asl::json::Payload;
use asl::json::value::{Json, Object};

use super::TaskError;
use super::aws::{Caller, Service};
use super::errors::{Generation, Wording};
use super::json::{JsonService, as_text};
use super::metadata::{self, Connection};
use crate::arn::Place;
use crate::limits::SERVICE_SECONDS_MAX;

pub(super) const SQS: JsonService = JsonService {
    service: Service {
        name: "sqs",
        variable: "SQS",
        seconds_max: SERVICE_SECONDS_MAX,
    },
    target: "AmazonSQS",
    version: "1.0",
};

const WORDING: Wording = Wording {
    prefix: "SQS",
    service: "AmazonSQS",
    unmodelled: "AmazonSQSException",
    generation: Generation::First,
};

/// Sends a message; a body that is not a string is sent as its JSON text.
pub(super) async fn send_message(
    caller: &Caller,
    parameters: &Payload,
    here: &Place,
    now_ms: i64,
) -> Result<Payload, TaskError> {
    let mut body = Object::new();
    for (name, value) in parameters.json().as_object().into_iter().flat_map(Object::iter) {
        let value = match &**name {
            "MessageBody" => Json::from(as_text(value).as_str()),
            _ => value.clone(),
        };
        body.insert(name.clone(), value);
    }
    let (answer, json) = SQS
        .call(caller, here, "SendMessage", &body.into(), &WORDING, now_ms)
        .await?;
    let mut response = json.as_object().cloned().unwrap_or_default();
    metadata::add(&mut response, &answer, Connection::Small);
    Ok(Payload::from_json(response.into()))
}
