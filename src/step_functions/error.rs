//! What went wrong with a call, told apart by what the caller can do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_sdk_sfn::config::http::HttpResponse;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sfn::operation::RequestId as _;

use super::operation::Operation;
use super::throttle::Exhausted;

/// What the caller can do about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no such machine, version, alias, execution or task.
    NotFound,
    /// The task of a token is over: answered, timed out, or stopped.
    TaskGone,
    /// The name is taken by something else.
    AlreadyExists,
    /// The state of the thing does not allow this now.
    Conflict,
    /// The request itself is wrong.
    Invalid,
    /// A quota of the account is used up; not one that refills by the second.
    Quota,
    /// Too many calls, by AWS's count or by ours.
    Throttled,
    /// Our role or key may not do this.
    AccessDenied,
    /// AWS KMS denied the key.
    KmsDenied,
    /// No answer: no connection, a timeout, an error of the service. Whether it was done is not known.
    Unavailable,
}

impl ErrorKind {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::TaskGone => "task_gone",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Quota => "quota",
            Self::Throttled => "throttled",
            Self::AccessDenied => "access_denied",
            Self::KmsDenied => "kms_denied",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A failed call. Small: what it says is boxed.
#[derive(Debug)]
pub struct StepFunctionsError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: ErrorKind,
    operation: Operation,
    code: Option<String>,
    message: String,
    aws_request_id: Option<String>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StepFunctionsError {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was called.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// AWS's error code, such as `ExecutionDoesNotExist`; none when AWS did not answer.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What AWS said, or why it said nothing.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The id AWS gave the request, for its support.
    pub fn aws_request_id(&self) -> Option<&str> {
        self.0.aws_request_id.as_deref()
    }

    /// How long until another try may go better, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same call may go better later with nothing changed.
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Throttled | ErrorKind::Unavailable)
    }

    pub(super) fn exhausted(operation: Operation, exhausted: Exhausted) -> Self {
        Self(Box::new(Parts {
            kind: ErrorKind::Throttled,
            operation,
            code: None,
            message: format!(
                "the account's quota for {} is used up for another {} ms",
                operation.name(),
                exhausted.retry_after.as_millis()
            ),
            aws_request_id: None,
            retry_after: Some(exhausted.retry_after),
            source: None,
        }))
    }

    /// An answer that does not read as the API's model says.
    pub(super) fn unreadable(operation: Operation, what: &str) -> Self {
        Self(Box::new(Parts {
            kind: ErrorKind::Unavailable,
            operation,
            code: None,
            message: format!("the answer could not be read: {what}"),
            aws_request_id: None,
            retry_after: None,
            source: None,
        }))
    }

    pub(super) fn of_sdk<E>(operation: Operation, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let code = error.code().map(ToOwned::to_owned);
        let status = error.raw_response().map(|response| response.status().as_u16());
        let kind = match (&code, &error) {
            (Some(code), _) => kind_of_code(code, status),
            // No credentials, or a request that could not be built.
            (None, SdkError::ConstructionFailure(_)) => ErrorKind::AccessDenied,
            (None, SdkError::DispatchFailure(failure)) if failure.is_user() => ErrorKind::Invalid,
            (None, _) if is_without_credentials(&error) => ErrorKind::AccessDenied,
            (None, _) => status.map_or(ErrorKind::Unavailable, kind_of_status),
        };
        let message = match error.message() {
            Some(message) => message.to_owned(),
            None => chain(&error),
        };
        Self(Box::new(Parts {
            kind,
            operation,
            message,
            aws_request_id: error.request_id().map(ToOwned::to_owned),
            code,
            retry_after: None,
            source: Some(Box::new(error)),
        }))
    }
}

impl fmt::Display for StepFunctionsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts {
            operation,
            code,
            message,
            ..
        } = &*self.0;
        match code {
            Some(code) => write!(formatter, "{} failed with {code}: {message}", operation.name()),
            None => write!(formatter, "{} failed: {message}", operation.name()),
        }
    }
}

impl Error for StepFunctionsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// The error and its causes, in one line for people.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some errors repeat their cause.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn is_without_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.is::<aws_credential_types::provider::error::CredentialsError>() {
            return true;
        }
        next = cause.source();
    }
    false
}

/// The errors of each operation in the API's model, and the common ones outside of it (API reference, "Common Errors").
fn kind_of_code(code: &str, status: Option<u16>) -> ErrorKind {
    match code {
        "ExecutionDoesNotExist"
        | "StateMachineDoesNotExist"
        | "ActivityDoesNotExist"
        | "ResourceNotFound" => ErrorKind::NotFound,
        "TaskDoesNotExist" | "TaskTimedOut" => ErrorKind::TaskGone,
        "ExecutionAlreadyExists" | "StateMachineAlreadyExists" | "ActivityAlreadyExists" => {
            ErrorKind::AlreadyExists
        }
        "ConflictException"
        | "StateMachineDeleting"
        | "ExecutionNotRedrivable"
        | "KmsInvalidStateException" => ErrorKind::Conflict,
        "InvalidDefinition"
        | "InvalidExecutionInput"
        | "InvalidName"
        | "InvalidArn"
        | "InvalidOutput"
        | "InvalidToken"
        | "InvalidLoggingConfiguration"
        | "InvalidTracingConfiguration"
        | "InvalidEncryptionConfiguration"
        | "MissingRequiredParameter"
        | "TooManyTags"
        | "ValidationException"
        | "ValidationError"
        | "StateMachineTypeNotSupported"
        | "SerializationException" => ErrorKind::Invalid,
        "ExecutionLimitExceeded"
        | "StateMachineLimitExceeded"
        | "ActivityLimitExceeded"
        | "ActivityWorkerLimitExceeded"
        | "ServiceQuotaExceededException" => ErrorKind::Quota,
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "KmsThrottlingException" => ErrorKind::Throttled,
        "KmsAccessDeniedException" => ErrorKind::KmsDenied,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "NotAuthorized"
        | "OptInRequired"
        | "ExpiredToken"
        | "ExpiredTokenException" => ErrorKind::AccessDenied,
        _ => status.map_or(ErrorKind::Unavailable, kind_of_status),
    }
}

fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::AccessDenied,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::Throttled,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}
