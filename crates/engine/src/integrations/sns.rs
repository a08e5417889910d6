//! `sns:publish`, by SNS's query protocol (API version 2010-03-31).

use asl::json::Payload;
use asl::json::value::{Json, Object};
use bytes::Bytes;
use http::Method;

use super::TaskError;
use super::aws::{Answer, Caller, Request, Service};
use super::errors::{Generation, Refusal, Wording};
use super::json::as_text;
use super::metadata::{self, Connection};
use crate::arn::Place;
use crate::limits::SERVICE_SECONDS_MAX;

const SNS: Service = Service {
    name: "sns",
    variable: "SNS",
    seconds_max: SERVICE_SECONDS_MAX,
};

const WORDING: Wording = Wording {
    prefix: "SNS",
    service: "AmazonSNS",
    unmodelled: "AmazonSNSException",
    generation: Generation::First,
};

/// Publishes a message; one that is not a string is sent as its JSON text.
pub(super) async fn publish(
    caller: &Caller,
    parameters: &Payload,
    here: &Place,
    now_ms: i64,
) -> Result<Payload, TaskError> {
    let request = Request {
        method: Method::POST,
        path: "/".to_owned(),
        headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
        body: Bytes::from(form(parameters.json())),
    };
    let answer = caller
        .call(SNS, here, request, now_ms)
        .await
        .map_err(|error| WORDING.unanswered(&error))?;
    let xml = String::from_utf8_lossy(&answer.body).into_owned();
    if !answer.status.is_success() {
        let refusal = Refusal {
            code: element(&xml, "Code").unwrap_or_default(),
            message: element(&xml, "Message").unwrap_or_default(),
        };
        return Err(WORDING.refused(&answer, &refusal));
    }
    Ok(response(&answer, &xml))
}

fn form(parameters: &Json) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", "Publish")
        .append_pair("Version", "2010-03-31");
    for name in [
        "TopicArn",
        "TargetArn",
        "PhoneNumber",
        "Subject",
        "MessageStructure",
        "MessageGroupId",
        "MessageDeduplicationId",
    ] {
        if let Some(value) = parameters.get(name).filter(|value| **value != Json::Null) {
            form.append_pair(name, &as_text(value));
        }
    }
    if let Some(message) = parameters.get("Message") {
        form.append_pair("Message", &as_text(message));
    }
    let attributes = parameters.get("MessageAttributes").and_then(Json::as_object);
    for (index, (name, attribute)) in attributes.into_iter().flat_map(Object::iter).enumerate() {
        let prefix = format!("MessageAttributes.entry.{}", index + 1);
        form.append_pair(&format!("{prefix}.Name"), name);
        for part in ["DataType", "StringValue", "BinaryValue"] {
            if let Some(value) = attribute.get(part) {
                form.append_pair(&format!("{prefix}.Value.{part}"), &as_text(value));
            }
        }
    }
    form.finish()
}

fn response(answer: &Answer, xml: &str) -> Payload {
    let mut response = Object::new();
    for name in ["MessageId", "SequenceNumber"] {
        if let Some(value) = element(xml, name) {
            response.insert(name.into(), Json::from(value.as_str()));
        }
    }
    metadata::add(&mut response, answer, Connection::Small);
    Payload::from_json(response.into())
}

/// The text of the first element of this name, without its markup.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_numbered_and_objects_are_sent_as_json() {
        let parameters = Payload::from_text(
            r#"{"TopicArn": "t", "Message": {"a": 1}, "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}}"#,
        )
        .unwrap();
        assert_eq!(
            form(parameters.json()),
            "Action=Publish&Version=2010-03-31&TopicArn=t&Message=%7B%22a%22%3A1%7D\
             &MessageAttributes.entry.1.Name=k&MessageAttributes.entry.1.Value.DataType=String\
             &MessageAttributes.entry.1.Value.StringValue=v"
        );
    }

    #[test]
    fn texts_are_taken_out_of_the_xml() {
        assert_eq!(
            element("<a><Code>x &amp; y</Code></a>", "Code").as_deref(),
            Some("x & y")
        );
        assert_eq!(element("<a/>", "Code"), None);
    }
}
