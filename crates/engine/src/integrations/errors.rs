//! How failures of services read: AWS's names and texts, in the form of the SDK generation an integration was built with.

use std::borrow::Cow;
use std::sync::Arc;

use asl::eval::FailureKind;
use asl::json::value::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::TaskError;
use super::aws::{Answer, CallError};
use super::protocols::Spelling;

/// The SDK an integration was built with, which shows in its texts.
#[derive(Debug, Clone)]
pub(super) struct Wording {
    /// Before the dot of an error's name: `Lambda`, `DynamoDB`.
    pub(super) prefix: &'static str,
    /// Within the text: `AWSLambda`, `AmazonDynamoDBv2`, `Sfn`.
    pub(super) service: &'static str,
    /// The name of errors the service's model does not know.
    pub(super) unmodelled: Cow<'static, str>,
    /// The service's name in the catalogue, which has its errors.
    pub(super) model: &'static str,
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
    /// The request's id, if the body has it.
    pub(super) request_id: Option<String>,
}

impl Wording {
    /// The words of an SDK integration.
    pub(super) fn of_sdk(service: &'static catalogue::Service) -> Self {
        Self {
            prefix: service.prefix,
            service: service.prefix,
            unmodelled: format!("{}Exception", service.prefix).into(),
            model: service.name,
            generation: match service.name {
                // As recorded on AWS, in 2023.
                "s3" | "secretsmanager" => Generation::Second,
                _ => Generation::Counting,
            },
        }
    }

    /// How members are spelled by the SDK whose words these are.
    pub(super) fn spelling(&self) -> Spelling {
        match self.generation {
            Generation::First => Spelling::Model,
            Generation::Second | Generation::Counting => Spelling::Getters,
        }
    }

    /// The failure that a refusal is.
    pub(super) fn refused(&self, answer: &Answer, refusal: &Refusal) -> TaskError {
        let request_id = refusal.request_id.clone().unwrap_or_else(|| answer.request_id());
        let extended = match answer.header("x-amz-id-2") {
            Some(id) => Some(id.to_owned()),
            None if self.model == "s3" => Some(extended_request_id()),
            None => None,
        };
        self.worded(answer.status.as_u16(), &request_id, extended, refusal)
    }

    /// The same without an answer at hand.
    pub(super) fn failed(&self, status: u16, request_id: &str, refusal: &Refusal) -> TaskError {
        self.worded(status, request_id, None, refusal)
    }

    fn worded(
        &self,
        status: u16,
        request_id: &str,
        extended: Option<String>,
        refusal: &Refusal,
    ) -> TaskError {
        let Refusal { code, message, .. } = refusal;
        let service = self.service;
        let extended = extended
            .map(|id| format!(", Extended Request ID: {id}"))
            .unwrap_or_default();
        let cause = match self.generation {
            Generation::First => format!(
                "{message} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
            ),
            Generation::Second => {
                format!(
                    "{message} (Service: {service}, Status Code: {status}, Request ID: {request_id}{extended})"
                )
            }
            Generation::Counting => format!(
                "{message} (Service: {service}, Status Code: {status}, Request ID: {request_id}{extended}) (SDK Attempt Count: 1)"
            ),
        };
        fail(format!("{}.{}", self.prefix, self.exception(code)), cause)
    }

    /// A call that got no answer.
    pub(super) fn unanswered(&self, error: &CallError) -> TaskError {
        fail(format!("{}.SdkClientException", self.prefix), error.to_string())
    }

    /// Java's exception for an error code; one the model does not have is the service's own exception.
    fn exception(&self, code: &str) -> Cow<'_, str> {
        catalogue::service(self.model)
            .and_then(|service| service.exception(code))
            .map_or_else(|| Cow::Borrowed(self.unmodelled.as_ref()), Cow::Borrowed)
    }
}

/// The second id S3 gives every request; stand-ins give none.
fn extended_request_id() -> String {
    let id = uuid::Uuid::new_v4();
    STANDARD.encode([id.as_bytes().as_slice(), id.as_bytes().as_slice()].concat())
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
    let body = std::str::from_utf8(&answer.body)
        .ok()
        .and_then(|text| asl::json::read::read(text).ok())
        .unwrap_or_default();
    let mut refusal = described_refusal(answer, &body);
    if refusal.message.is_empty() {
        refusal.message =
            String::from_utf8_lossy(answer.body.get(..1024).unwrap_or(&answer.body)).into_owned();
    }
    refusal
}

/// The refusal in a body that has been read.
pub(super) fn described_refusal(answer: &Answer, body: &Json) -> Refusal {
    let text = |key: &str| body.get(key).and_then(Json::as_str).map(str::to_owned);
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
    let message = text("message").or_else(|| text("Message")).unwrap_or_default();
    Refusal {
        code,
        message,
        request_id: None,
    }
}
