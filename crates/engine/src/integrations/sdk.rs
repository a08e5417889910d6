//! Calls of any action of any service in the catalogue: `aws-sdk:<service>:<action>`, and what the optimised integrations and the
//! engine itself (Map's readers and writers, logs) need of them.

use asl::json::value::{Json, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalogue::{Checksum, Operation, Service};
use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::aws::{self, Answer, Caller, Request};
use super::errors::{self, Wording};
use super::protocols;
use super::{TaskContext, TaskError};
use crate::arn::Place;
use crate::limits::PAYLOAD_BYTES_MAX;

/// An action of a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Action {
    pub(super) service: &'static Service,
    pub(super) operation: &'static Operation,
}

/// On whose behalf, where and when an action is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'c> {
    pub(super) here: &'c Place,
    /// The idempotency token where an action takes one and is given none.
    pub(super) token: &'c str,
    pub(super) now_ms: i64,
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) answer: Answer,
    /// Its members as the SDK shows them.
    pub(super) response: Object,
}

impl Action {
    /// An action by the names Step Functions has for it.
    pub(super) fn find(service: &str, action: &str) -> Option<Self> {
        let service = catalogue::service(service)?;
        let operation = service.action(action)?;
        Some(Self { service, operation })
    }

    /// Calls it; a refusal becomes a failure in the words of `wording`.
    pub(super) async fn call(
        self,
        caller: &Caller,
        parameters: &Json,
        circumstances: Circumstances<'_>,
        wording: &Wording,
    ) -> Result<Called, TaskError> {
        let Self { service, operation } = self;
        let request = self.request(parameters, circumstances)?;
        let answer = caller
            .call(service.into(), circumstances.here, request, circumstances.now_ms)
            .await
            .map_err(|error| wording.unanswered(&error))?;
        if !answer.status.is_success() {
            return Err(wording.refused(&answer, &protocols::refusal(service, operation, &answer)));
        }
        let response =
            protocols::response(service, operation, &answer, wording.spelling()).map_err(|unreadable| {
                errors::fail(
                    format!("{}.SdkClientException", wording.prefix),
                    unreadable.to_string(),
                )
            })?;
        Ok(Called { answer, response })
    }

    /// The same, but the body of a good answer is still to be read.
    pub(super) async fn open(
        self,
        caller: &Caller,
        parameters: &Json,
        circumstances: Circumstances<'_>,
        wording: &Wording,
    ) -> Result<reqwest::Response, TaskError> {
        let Self { service, operation } = self;
        let request = self.request(parameters, circumstances)?;
        let response = caller
            .send(service.into(), circumstances.here, request, circumstances.now_ms)
            .await
            .map_err(|error| wording.unanswered(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let answer = aws::read(response)
            .await
            .map_err(|error| wording.unanswered(&error))?;
        Err(wording.refused(&answer, &protocols::refusal(service, operation, &answer)))
    }

    fn request(self, parameters: &Json, circumstances: Circumstances<'_>) -> Result<Request, TaskError> {
        let Self { service, operation } = self;
        let mut request =
            protocols::request(service, operation, parameters, circumstances.token).map_err(|unfit| {
                errors::fail(
                    "States.Runtime",
                    format!("The Parameters '{parameters}' could not be used to start the Task: [{unfit}]"),
                )
            })?;
        add_checksum(operation.checksum, &mut request);
        Ok(request)
    }
}

/// The token of an attempt: the same when it is made again after a crash, so that a service that knows it does nothing twice.
pub(super) fn token(context: &TaskContext, attempt: impl std::fmt::Debug) -> String {
    let digest = Sha256::digest(format!("{}:{attempt:?}", context.execution_arn));
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// A result, unless it is larger than a state's may be. `resource` is what the failure names.
pub(super) fn within_limit(result: Object, resource: &str) -> Result<asl::json::Payload, TaskError> {
    let payload = asl::json::Payload::from_json(result.into());
    if payload.len_bytes() > PAYLOAD_BYTES_MAX {
        return Err(errors::fail(
            "States.DataLimitExceeded",
            format!(
                "The state/task '{resource}' returned a result with a size exceeding the maximum number of bytes service limit."
            ),
        ));
    }
    Ok(payload)
}

/// The checksum the SDK for Java would send: CRC-32 where it may choose, what was chosen where it can be made here.
fn add_checksum(checksum: Checksum, request: &mut Request) {
    const CHOSEN: &str = "x-amz-sdk-checksum-algorithm";
    match checksum {
        Checksum::None => {}
        Checksum::Md5 => {
            let digest = STANDARD.encode(Md5::digest(&request.body));
            request.headers.push(("content-md5".into(), digest));
        }
        Checksum::Crc32 => {
            let given = |(name, _): &(std::borrow::Cow<'_, str>, String)| {
                name.starts_with("x-amz-checksum-") && name != "x-amz-checksum-type"
            };
            if request.headers.iter().any(given) {
                return;
            }
            let chosen = request
                .headers
                .iter()
                .position(|(name, _)| name == CHOSEN)
                .map(|at| request.headers.remove(at).1);
            let (algorithm, header, sum) = if chosen.as_deref() == Some("SHA256") {
                let sum = STANDARD.encode(Sha256::digest(&request.body));
                ("SHA256", "x-amz-checksum-sha256", sum)
            } else {
                let sum = STANDARD.encode(crc32fast::hash(&request.body).to_be_bytes());
                ("CRC32", "x-amz-checksum-crc32", sum)
            };
            request.headers.push((CHOSEN.into(), algorithm.to_owned()));
            request.headers.push((header.into(), sum));
        }
    }
}
