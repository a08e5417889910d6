//! Errors as AWS answers them: `{"__type": "…", "message": "…"}` and a status. The one place for names, statuses and wording.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::arn::ArnError;

macro_rules! codes {
    ($($name:ident),* $(,)?) => {
        /// The names of errors in the Step Functions model (botocore 1.44, stepfunctions 2016-11-23) and of those common to all services.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are AWS's own")]
        pub enum ErrorCode { $($name),* }

        impl ErrorCode {
            /// The name as it stands in `__type`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

codes! {
    AccessDeniedException, ActivityAlreadyExists, ActivityDoesNotExist, ActivityLimitExceeded, ActivityWorkerLimitExceeded,
    ConflictException, ExecutionAlreadyExists, ExecutionDoesNotExist, ExecutionLimitExceeded, ExecutionNotRedrivable,
    IncompleteSignatureException, InternalFailure, InvalidArn, InvalidDefinition, InvalidEncryptionConfiguration,
    InvalidExecutionInput, InvalidLoggingConfiguration, InvalidName, InvalidOutput, InvalidSignatureException, InvalidToken,
    InvalidTracingConfiguration, MissingAuthenticationTokenException, MissingRequiredParameter,
    RequestEntityTooLargeException, ResourceNotFound, SerializationException, ServiceQuotaExceededException, ServiceUnavailable,
    StateMachineAlreadyExists, StateMachineDeleting, StateMachineDoesNotExist, StateMachineLimitExceeded,
    StateMachineTypeNotSupported, TaskDoesNotExist, TaskTimedOut, ThrottlingException, TooManyTags,
    UnknownOperationException, UnrecognizedClientException, ValidationException,
}

impl ErrorCode {
    /// The HTTP status AWS sends with it (the service's API reference; Conflict and ServiceQuotaExceeded are the odd ones).
    pub fn status(self) -> StatusCode {
        match self {
            Self::ConflictException => StatusCode::CONFLICT,
            Self::ServiceQuotaExceededException => StatusCode::PAYMENT_REQUIRED,
            Self::MissingAuthenticationTokenException
            | Self::UnrecognizedClientException
            | Self::InvalidSignatureException => StatusCode::FORBIDDEN,
            Self::RequestEntityTooLargeException => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// The `reason` that some `ValidationException`s carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The operation takes no ARN with a Map's label in it.
    ApiDoesNotSupportLabeledArns,
    /// One of several members has to be there.
    MissingRequiredParameter,
    /// The Map Run has closed.
    CannotUpdateCompletedMapRun,
    /// An alias may not route like that.
    InvalidRoutingConfiguration,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Which one.
    pub code: ErrorCode,
    /// What the caller is told, in AWS's words where they are known.
    pub message: String,
    /// For a `ValidationException`.
    pub reason: Option<Reason>,
    /// For `ResourceNotFound` and `TooManyTags`.
    pub resource_name: Option<String>,
}

impl ApiError {
    /// An error with a message of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            reason: None,
            resource_name: None,
        }
    }

    /// `ValidationException`.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationException, message)
    }

    /// `StateMachineDoesNotExist`.
    pub fn machine_does_not_exist(arn: &str) -> Self {
        Self::new(
            ErrorCode::StateMachineDoesNotExist,
            format!("State Machine Does Not Exist: '{arn}'"),
        )
    }

    /// `StateMachineDeleting`.
    pub fn machine_deleting(arn: &str) -> Self {
        Self::new(
            ErrorCode::StateMachineDeleting,
            format!("State machine is being deleted: '{arn}'"),
        )
    }

    /// `StateMachineTypeNotSupported`.
    pub fn type_not_supported() -> Self {
        Self::new(
            ErrorCode::StateMachineTypeNotSupported,
            "This operation is not supported by this type of state machine",
        )
    }

    /// `ExecutionDoesNotExist`.
    pub fn execution_does_not_exist(arn: &str) -> Self {
        Self::new(
            ErrorCode::ExecutionDoesNotExist,
            format!("Execution Does Not Exist: '{arn}'"),
        )
    }

    /// `ActivityDoesNotExist`.
    pub fn activity_does_not_exist(arn: &str) -> Self {
        Self::new(
            ErrorCode::ActivityDoesNotExist,
            format!("Activity Does Not Exist: '{arn}'"),
        )
    }

    /// `InvalidName`.
    pub fn invalid_name(name: &str) -> Self {
        Self::new(ErrorCode::InvalidName, format!("Invalid Name: '{name}'"))
    }

    /// `InvalidToken`, of a page or of a task.
    pub fn invalid_token() -> Self {
        Self::new(ErrorCode::InvalidToken, "Invalid Token: 'Invalid token'")
    }

    /// `ResourceNotFound`.
    pub fn resource_not_found(arn: &str) -> Self {
        Self {
            resource_name: Some(arn.to_owned()),
            ..Self::new(
                ErrorCode::ResourceNotFound,
                format!("Resource not found: '{arn}'"),
            )
        }
    }

    /// The operation does not take this type's ARN with a Map's label.
    pub fn labelled_arn() -> Self {
        Self {
            reason: Some(Reason::ApiDoesNotSupportLabeledArns),
            ..Self::validation("The API does not support labeled state machine ARNs")
        }
    }

    /// An alias's routing is not one AWS takes.
    pub fn routing(message: impl Into<String>) -> Self {
        Self {
            reason: Some(Reason::InvalidRoutingConfiguration),
            ..Self::validation(message)
        }
    }
}

impl From<ArnError> for ApiError {
    fn from(error: ArnError) -> Self {
        Self::new(ErrorCode::InvalidArn, format!("Invalid Arn: '{error}'"))
    }
}

/// The database could not be asked: the caller may try again when it was away; anything else is a fault of ours, told to the log in full.
impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            // 57P01-03: shutting down or starting up; 08xxx: the connection broke; 53xxx: out of resources.
            sqlx::Error::Database(cause) => cause.code().is_some_and(|code| {
                code.starts_with("57P") || code.starts_with("08") || code.starts_with("53")
            }),
            _ => false,
        };
        if away {
            tracing::warn!(error = %error, "the database is away");
            Self::new(
                ErrorCode::ServiceUnavailable,
                "The service is unavailable: its database cannot be reached. Try again.",
            )
        } else {
            tracing::error!(error = ?error, "a query failed");
            Self::new(
                ErrorCode::InternalFailure,
                "The request processing has failed because of an internal error.",
            )
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(rename = "__type")]
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Body {
            code: self.code.name(),
            message: &self.message,
            reason: self.reason,
            resource_name: self.resource_name.as_deref(),
        };
        // Texts and names alone can always be written.
        let text = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = super::answer::raw(self.code.status(), text);
        if let Ok(name) = http::HeaderValue::from_str(self.code.name()) {
            response.headers_mut().insert("x-amzn-errortype", name);
        }
        if self.code == ErrorCode::ServiceUnavailable {
            response
                .headers_mut()
                .insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("1"));
        }
        response
    }
}
