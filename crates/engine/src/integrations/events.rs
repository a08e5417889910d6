//! `events:putEvents`.

use asl::json::Payload;
use asl::json::value::{Json, Object};

use super::aws::{Caller, Service};
use super::errors::{self, Generation, Wording};
use super::json::{JsonService, as_text};
use super::{TaskContext, TaskError};
use crate::arn::{Arn, Place, Resource};
use crate::limits::SERVICE_SECONDS_MAX;

pub(super) const EVENTS: JsonService = JsonService {
    service: Service {
        name: "events",
        variable: "EVENTBRIDGE",
        seconds_max: SERVICE_SECONDS_MAX,
    },
    target: "AWSEvents",
    version: "1.1",
};

const WORDING: Wording = Wording {
    prefix: "EventBridge",
    service: "AmazonCloudWatchEvents",
    unmodelled: "AmazonCloudWatchEventsException",
    generation: Generation::First,
};

/// Puts events; one that was not taken fails the task with the whole response as the cause.
pub(super) async fn put_events(
    caller: &Caller,
    parameters: &Payload,
    context: &TaskContext,
    here: &Place,
    now_ms: i64,
) -> Result<Payload, TaskError> {
    let mut body = parameters.json().as_object().cloned().unwrap_or_default();
    let origin = origin(context);
    let entries = parameters
        .json()
        .get("Entries")
        .and_then(Json::as_array)
        .unwrap_or_default();
    body.insert(
        "Entries".into(),
        Json::array(entries.iter().map(|entry| prepared(entry, &origin)).collect()),
    );
    let (_, response) = EVENTS
        .call(caller, here, "PutEvents", &body.into(), &WORDING, now_ms)
        .await?;
    let failed = response
        .get("FailedEntryCount")
        .and_then(Json::as_number)
        .and_then(serde_json::Number::as_u64);
    if failed.is_some_and(|count| count > 0) {
        return Err(errors::fail("EventBridge.FailedEntry", response.to_string()));
    }
    Ok(Payload::from_json(response))
}

/// An entry as EventBridge wants it: `Detail` as text, and where it comes from among its resources (Step Functions guide,
/// "EventBridge": the execution's and the state machine's ARN are added).
fn prepared(entry: &Json, origin: &[Json]) -> Json {
    let Some(entry) = entry.as_object() else {
        return entry.clone();
    };
    let mut prepared: Object = entry.clone();
    if let Some(detail) = entry.get("Detail") {
        prepared.insert("Detail".into(), Json::from(as_text(detail).as_str()));
    }
    let mut resources = entry
        .get("Resources")
        .and_then(Json::as_array)
        .unwrap_or_default()
        .to_vec();
    resources.extend_from_slice(origin);
    prepared.insert("Resources".into(), Json::array(resources));
    prepared.into()
}

fn origin(context: &TaskContext) -> Vec<Json> {
    let mut origin = vec![Json::from(context.execution_arn.clone())];
    if let Ok(Arn {
        place,
        resource: Resource::Execution { machine, .. } | Resource::Express { machine, .. },
    }) = Arn::parse(&context.execution_arn)
    {
        origin.push(Json::from(place.machine(&machine).as_str()));
    }
    origin
}
