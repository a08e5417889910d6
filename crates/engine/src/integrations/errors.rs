//! How failures of services read: AWS's names and texts, in the form of the SDK generation an integration was built with.

use std::sync::Arc;

use asl::eval::FailureKind;

use super::TaskError;
use super::aws::{Answer, CallError};

/// The SDK an integration was built with, which shows in its texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wording {
    /// Before the dot of an error's name: `Lambda`, `DynamoDB`.
    pub(super) prefix: &'static str,
    /// Within the text: `AWSLambda`, `AmazonDynamoDBv2`, `Sfn`.
    pub(super) service: &'static str,
    /// The name of errors the service's model does not know.
    pub(super) unmodelled: &'static str,
    pub(super) generation: Generation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// `(Service: AWSLambda; Status Code: 404; Error Code: X; Request ID: y; Proxy: null)`
    First,
    /// `(Service: SecretsManager, Status Code: 400, Request ID: y)`
    Second,
    /// The same and ` (SDK Attempt Count: 1)`.
    Counting,
}

/// A service's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `ResourceNotFoundException`, without a namespace.
    pub(super) code: String,
    pub(super) message: String,
}

impl Wording {
    /// The failure that a refusal is.
    pub(super) fn refused(&self, answer: &Answer, refusal: &Refusal) -> TaskError {
        self.failed(answer.status.as_u16(), &answer.request_id(), refusal)
    }

    /// The same without an answer at hand.
    pub(super) fn failed(&self, status: u16, request_id: &str, refusal: &Refusal) -> TaskError {
        let Refusal { code, message } = refusal;
        let service = self.service;
        let cause = match self.generation {
            Generation::First => format!(
                "{message} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
            ),
            Generation::Second => {
                format!("{message} (Service: {service}, Status Code: {status}, Request ID: {request_id})")
            }
            Generation::Counting => format!(
                "{message} (Service: {service}, Status Code: {status}, Request ID: {request_id}) (SDK Attempt Count: 1)"
            ),
        };
        fail(format!("{}.{}", self.prefix, self.exception(code)), cause)
    }

    /// A call that got no answer.
    pub(super) fn unanswered(&self, error: &CallError) -> TaskError {
        fail(format!("{}.SdkClientException", self.prefix), error.to_string())
    }

    /// Java's exception for an error code: codes get the ending, generic ones become the service's own exception.
    fn exception(&self, code: &str) -> String {
        match code {
            "ValidationException"
            | "ValidationError"
            | "AccessDeniedException"
            | "UnrecognizedClientException"
            | "ThrottlingException"
            | "" => self.unmodelled.to_owned(),
            code if code.ends_with("Exception") => code.to_owned(),
            code => format!("{code}Exception"),
        }
    }
}

/// A failed task.
pub(super) fn fail(error: impl Into<Arc<str>>, cause: impl Into<Arc<str>>) -> TaskError {
    TaskError {
        error: Some(error.into()),
        cause: Some(cause.into()),
        kind: FailureKind::Failed,
    }
}

/// The refusal in a JSON answer: `x-amzn-ErrorType` or `__type`, and `message`.
pub(super) fn json_refusal(answer: &Answer) -> Refusal {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let code = answer
        .header("x-amzn-errortype")
        .map(str::to_owned)
        .or_else(|| text("__type"))
        .or_else(|| text("code"))
        .unwrap_or_default();
    // `com.amazon.coral.service#X`, `X:http://internal.amazon.com/…`
    let code = code
        .rsplit('#')
        .next()
        .unwrap_or_default()
        .split(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    let message = text("message").or_else(|| text("Message")).unwrap_or_else(|| {
        String::from_utf8_lossy(answer.body.get(..1024).unwrap_or(&answer.body)).into_owned()
    });
    Refusal { code, message }
}
