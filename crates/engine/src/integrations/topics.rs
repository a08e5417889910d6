//! SNS topics that end on this machine: each message goes to a command or a URL, in the form SNS gives it to a subscriber.

use std::collections::BTreeMap;

use asl::json::Payload;
use asl::json::value::{Json, Object};
use bytes::Bytes;
use chrono::DateTime;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::TaskError;
use super::aws::Answer;
use super::config::Function;
use super::errors;
use super::functions::{Functions, Returned};
use super::metadata::{self, Connection};
use super::protocols::as_text;

/// The configured topics by name.
#[derive(Debug)]
pub(super) struct Topics {
    receivers: Functions,
}

impl Topics {
    pub(super) fn new(topics: BTreeMap<String, Function>, client: reqwest::Client) -> Self {
        Self {
            receivers: Functions::new(topics, client),
        }
    }

    /// Delivers what `sns:publish` would publish; none when the topic does not end here. A receiver that fails fails the task:
    /// on this machine there is nobody else to notice.
    pub(super) async fn publish(
        &self,
        parameters: &Payload,
        now_ms: i64,
    ) -> Option<Result<Payload, TaskError>> {
        let parameters = parameters.json();
        let topic = parameters.get("TopicArn").and_then(Json::as_str)?;
        let name = topic.rsplit(':').next().unwrap_or_default();
        if !self.receivers.has(name) {
            return None;
        }
        let id = uuid::Uuid::new_v4().to_string();
        let message = notification(&id, topic, parameters, now_ms);
        Some(
            match self
                .receivers
                .call(name, Payload::from_json(message).text())
                .await?
            {
                Returned::Result(_) => Ok(accepted(&id)),
                Returned::Described(cause) | Returned::Broken { cause, .. } => Err(errors::fail(
                    "SNS.InternalErrorException",
                    format!("topic `{name}`: {cause}"),
                )),
            },
        )
    }
}

/// The body of SNS's HTTP notifications (SNS developer guide, "Parsing message formats"), as far as it has a meaning here.
fn notification(id: &str, topic: &str, parameters: &Json, now_ms: i64) -> Json {
    let mut message = Object::new();
    message.insert("Type".into(), Json::from("Notification"));
    message.insert("MessageId".into(), Json::from(id));
    message.insert("TopicArn".into(), Json::from(topic));
    if let Some(subject) = parameters.get("Subject").and_then(Json::as_str) {
        message.insert("Subject".into(), Json::from(subject));
    }
    let text = parameters.get("Message").map(as_text).unwrap_or_default();
    message.insert("Message".into(), Json::from(&*text));
    let time = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    message.insert(
        "Timestamp".into(),
        Json::from(time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).as_str()),
    );
    message.into()
}

fn accepted(id: &str) -> Payload {
    let mut response = Object::new();
    response.insert("MessageId".into(), Json::from(id));
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", value);
    }
    let answer = Answer {
        status: StatusCode::OK,
        headers,
        body: Bytes::new(),
    };
    metadata::add(&mut response, &answer, Connection::Small);
    Payload::from_json(response.into())
}
