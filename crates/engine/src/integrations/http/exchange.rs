//! One request to an endpoint, and its answer as both integrations show it.

use std::sync::Arc;
use std::time::Duration;

use asl::json::value::{Json, Object};
use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

use super::Http;
use crate::integrations::aws::{self, Answer, CallError, innermost};
use crate::integrations::metadata::{Connection, display_name};
use crate::integrations::protocols::as_text;
use crate::limits::HTTP_TASK_SECONDS_MAX;

/// What is sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Outgoing {
    /// Sets a header, whatever was there.
    pub(super) fn set_header(&mut self, name: &str, value: String) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value));
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Http {
    /// Sends a request and reads the answer, both within the time an HTTP task has.
    pub(super) async fn exchange(&self, outgoing: Outgoing) -> Result<Answer, CallError> {
        self.exchange_by(&self.client, outgoing).await
    }

    /// The same by a client that trusts others.
    pub(super) async fn exchange_by(
        &self,
        client: &reqwest::Client,
        outgoing: Outgoing,
    ) -> Result<Answer, CallError> {
        self.reach
            .allows_url(&outgoing.url)
            .map_err(|error| CallError::Http(error.to_string()))?;
        let mut request = client.request(outgoing.method, outgoing.url).body(outgoing.body);
        for (name, value) in &outgoing.headers {
            request = request.header(name, value);
        }
        let exchange = async {
            let response = request
                .send()
                .await
                .map_err(|error| CallError::Http(innermost(&error)))?;
            aws::read(response).await
        };
        tokio::time::timeout(Duration::from_secs(HTTP_TASK_SECONDS_MAX), exchange)
            .await
            .unwrap_or_else(|_| Err(CallError::Http("Read timed out".to_owned())))
    }
}

/// How header names are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// As they came: in small letters.
    Small,
    /// With the capitals API Gateway sends.
    Capitals,
}

/// An answer as a task's result.
pub(super) fn shown(answer: &Answer, names: Names) -> Object {
    let mut shown = Object::new();
    shown.insert("Headers".into(), headers(&answer.headers, names).into());
    if !answer.body.is_empty() {
        shown.insert("ResponseBody".into(), body(answer, names));
    }
    shown.insert("StatusCode".into(), Json::from(u64::from(answer.status.as_u16())));
    shown.insert(
        "StatusText".into(),
        Json::from(answer.status.canonical_reason().unwrap_or_default()),
    );
    shown
}

fn headers(headers: &HeaderMap, names: Names) -> Object {
    headers
        .keys()
        .map(|name| {
            let values = headers
                .get_all(name)
                .iter()
                .filter_map(|value| Some(Json::from(value.to_str().ok()?)));
            let name: Arc<str> = match names {
                Names::Small => name.as_str().into(),
                Names::Capitals => display_name(name.as_str(), Connection::Capital).into(),
            };
            (name, Json::array(values.collect()))
        })
        .collect()
}

/// JSON where the answer says it is that (API Gateway: where it is), else text.
fn body(answer: &Answer, names: Names) -> Json {
    let text = String::from_utf8_lossy(&answer.body);
    let says_json = answer
        .header("content-type")
        .is_some_and(|kind| kind.contains("json"));
    if (says_json || names == Names::Capitals)
        && let Ok(json) = asl::json::read::read(&text)
    {
        return json;
    }
    Json::from(&*text)
}

/// Headers or query parameters as they are given: a value, or several, by name.
pub(super) fn pairs(given: Option<&Json>) -> Vec<(String, String)> {
    given
        .and_then(Json::as_object)
        .into_iter()
        .flat_map(Object::iter)
        .flat_map(|(name, value)| {
            let values: Vec<String> = match value {
                Json::Null => Vec::new(),
                Json::Array(values) => values.iter().map(as_text).collect(),
                value => vec![as_text(value)],
            };
            values.into_iter().map(|value| (name.to_string(), value))
        })
        .collect()
}
