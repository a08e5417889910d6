//! `dynamodb:getItem`, `putItem`, `updateItem`, `deleteItem`.

use asl::json::Payload;

use super::TaskError;
use super::aws::{Caller, Service};
use super::errors::{Generation, Wording};
use super::json::{JsonService, operation_name};
use super::metadata::{self, Connection};
use crate::arn::Place;
use crate::limits::SERVICE_SECONDS_MAX;

pub(super) const DYNAMODB: JsonService = JsonService {
    service: Service {
        name: "dynamodb",
        variable: "DYNAMODB",
        seconds_max: SERVICE_SECONDS_MAX,
    },
    target: "DynamoDB_20120810",
    version: "1.0",
};

const WORDING: Wording = Wording {
    prefix: "DynamoDB",
    service: "AmazonDynamoDBv2",
    unmodelled: "AmazonDynamoDBException",
    generation: Generation::First,
};

/// The actions of the optimised integration.
pub(super) const ACTIONS: [&str; 4] = ["getItem", "putItem", "updateItem", "deleteItem"];

/// One item is read or written.
pub(super) async fn item(
    caller: &Caller,
    action: &str,
    parameters: &Payload,
    here: &Place,
    now_ms: i64,
) -> Result<Payload, TaskError> {
    let (answer, json) = DYNAMODB
        .call(
            caller,
            here,
            &operation_name(action),
            parameters.json(),
            &WORDING,
            now_ms,
        )
        .await?;
    let mut response = json.as_object().cloned().unwrap_or_default();
    metadata::add(&mut response, &answer, Connection::Capital);
    Ok(Payload::from_json(response.into()))
}
