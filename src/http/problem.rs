//! Errors as clients see them: `application/problem+json` (RFC 9457). [`ProblemKind`] is the list of everything a client can
//! meet; each has a page in docs/problems/.

use std::error::Error;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use super::request_context;
use crate::db::{DbError, paging::InvalidCursor};
use crate::limits;
use crate::region::Region;

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $status:ident, $title:literal;)*) => {
        /// Everything that can go wrong from a client's point of view.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemKind {
            $($(#[$doc])* $kind,)*
        }

        impl ProblemKind {
            /// Every kind, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The stable code that clients compare with.
            pub fn code(self) -> &'static str {
                match self { $(Self::$kind => $code,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            /// One line for people, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }
        }
    };
}

problem_kinds! {
    /// The body is not JSON.
    InvalidJson = "invalid_json", BAD_REQUEST, "The body is not valid JSON";
    /// A field or parameter is missing, unknown or of the wrong kind.
    InvalidRequest = "invalid_request", UNPROCESSABLE_ENTITY, "The request is not valid";
    /// The definition breaks a rule of the Amazon States Language or of the template.
    InvalidDefinition = "invalid_definition", UNPROCESSABLE_ENTITY, "The definition is not valid";
    /// The definition breaks the rule set that an environment demands.
    PolicyViolation = "policy_violation", UNPROCESSABLE_ENTITY, "The definition breaks a rule of this environment";
    /// The input does not fit the template's `input_schema`.
    InvalidInput = "invalid_input", UNPROCESSABLE_ENTITY, "The input does not fit the template's schema";
    /// No key, or a wrong one.
    Unauthorized = "unauthorized", UNAUTHORIZED, "Who are you?";
    /// The caller may not do this.
    Forbidden = "forbidden", FORBIDDEN, "Not allowed";
    /// No such route or resource.
    NotFound = "not_found", NOT_FOUND, "Not found";
    /// The route exists, but not with this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// The resource's state does not allow this.
    Conflict = "conflict", CONFLICT, "The current state does not allow this";
    /// The name is taken.
    AlreadyExists = "already_exists", CONFLICT, "It already exists";
    /// The resource is still in use.
    InUse = "in_use", CONFLICT, "It is still in use";
    /// A change of what exists must say which version was seen.
    PreconditionRequired = "precondition_required", PRECONDITION_REQUIRED, "Say which version you have seen";
    /// It is not the version that was seen.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "It was changed meanwhile";
    /// What was asked for is gone for good.
    Gone = "gone", GONE, "It is gone";
    /// The body is too large.
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "Too large";
    /// The body is not JSON by its content type.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    /// The same idempotency key came with another request.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The idempotency key belongs to another request";
    /// The first request with this idempotency key is still running.
    RequestInProgress = "request_in_progress", CONFLICT, "The same request is still in progress";
    /// Another deployment of the same template and environment is active.
    DeploymentInProgress = "deployment_in_progress", CONFLICT, "A deployment is already active";
    /// The version took itself back before, because it was worse.
    VersionQuarantined = "version_quarantined", CONFLICT, "This version was taken back before";
    /// What was approved is not what would be done.
    DigestChanged = "digest_changed", CONFLICT, "The plan has changed";
    /// AWS, or this service on its behalf, is out of request quota.
    AwsThrottled = "aws_throttled", SERVICE_UNAVAILABLE, "Step Functions is throttling";
    /// A quota of the AWS account is used up.
    AwsQuota = "aws_quota", SERVICE_UNAVAILABLE, "A quota of the AWS account is used up";
    /// The environment's role may not do what was asked of it.
    TargetRoleDenied = "target_role_denied", BAD_GATEWAY, "The environment's role is not allowed to do this";
    /// The environment's Step Functions endpoint does not answer.
    TargetUnavailable = "target_unavailable", SERVICE_UNAVAILABLE, "The environment does not answer";
    /// AWS refused a KMS key.
    KmsDenied = "kms_denied", FORBIDDEN, "AWS KMS denied the use of the key";
    /// Postgres does not answer.
    DatabaseUnavailable = "database_unavailable", SERVICE_UNAVAILABLE, "The database is not available";
    /// Too many requests at once.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Too many requests at once";
    /// The request took too long.
    TimedOut = "timed_out", SERVICE_UNAVAILABLE, "The request took too long";
    /// A fault of this service.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here";
}

/// One of several things wrong with a request. Also the shape of a diagnostic of a definition.
#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct ErrorItem {
    /// `ERROR`, `WARNING` or `INFO`, where that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Stable code of this kind of fault.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Name of the rule of the house that is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// JSON Pointer (RFC 6901) into the request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Where in a definition, as AWS writes it: `/States/A/Next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Line in the definition or body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column, in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The text in the definition that it is about: the very key, where `location` names the object around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The page about this code: a path of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
}

impl ErrorItem {
    /// An item with a code and a message.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            ..Self::default()
        }
    }
}

/// An error answer. A 5xx logs its cause once, with the request's id, and tells the client the id only.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

/// Boxed, so that a `Result` with a problem in it stays small.
#[derive(Debug, Clone)]
struct Parts {
    kind: ProblemKind,
    detail: String,
    errors: Vec<ErrorItem>,
    extensions: Map<String, Value>,
    retry_after_seconds: Option<u64>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem of `kind`; `detail` says what is wrong this time, for the person who reads it.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let retry_after_seconds =
            (kind.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(limits::RETRY_AFTER_SECONDS);
        Self(Box::new(Parts {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            extensions: Map::new(),
            retry_after_seconds,
            source: None,
        }))
    }

    /// A fault of this service: logged with its cause, answered with the request's id.
    pub fn internal(source: impl Error + Send + Sync + 'static) -> Self {
        Self::new(
            ProblemKind::Internal,
            "the service's log has the cause under this request id",
        )
        .with_source(source)
    }

    /// Fields of the request that are wrong, each as (JSON Pointer, what is wrong with it).
    pub fn invalid_fields(
        detail: impl Into<String>,
        fields: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let items = fields.into_iter().map(|(pointer, message)| ErrorItem {
            pointer: Some(pointer),
            ..ErrorItem::new("invalid_field", message)
        });
        Self::new(ProblemKind::InvalidRequest, detail).with_errors(items.collect())
    }

    /// Adds what exactly is wrong, where there are several things.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<ErrorItem>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds a member of its own, such as `holder`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// Tells the client when to come again (`Retry-After`).
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> ProblemKind {
        self.0.kind
    }

    /// What is wrong this time.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    fn log(&self, request_id: Option<&str>) {
        let Some(source) = &self.0.source else { return };
        let mut chain = source.to_string();
        let mut next = source.source();
        while let Some(cause) = next {
            chain.push_str(": ");
            chain.push_str(&cause.to_string());
            next = cause.source();
        }
        if self.0.kind.status().is_server_error() {
            tracing::error!(
                code = self.0.kind.code(),
                request_id,
                error = chain,
                "a request failed"
            );
        } else {
            tracing::debug!(
                code = self.0.kind.code(),
                request_id,
                error = chain,
                "a request was refused"
            );
        }
    }
}

/// The document as it goes over the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ProblemDocument {
    /// `/problems/<code-with-dashes>`.
    #[serde(rename = "type")]
    problem_type: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// Path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ErrorItem>,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    extensions: Map<String, Value>,
}

impl utoipa::PartialSchema for Problem {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ProblemDocument::schema()
    }
}

impl utoipa::ToSchema for Problem {
    fn name() -> std::borrow::Cow<'static, str> {
        "Problem".into()
    }

    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
        schemas.push((
            "ErrorItem".to_owned(),
            <ErrorItem as utoipa::PartialSchema>::schema(),
        ));
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let context = request_context::current();
        let request_id = context.as_ref().map(|context| context.request_id.clone());
        self.log(request_id.as_deref());
        let Parts {
            kind,
            detail,
            errors,
            extensions,
            retry_after_seconds,
            source: _,
        } = *self.0;
        let document = ProblemDocument {
            problem_type: format!("/problems/{}", kind.code().replace('_', "-")),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            instance: context.map(|context| context.path),
            code: kind.code(),
            request_id,
            errors,
            extensions,
        };
        let mut response = (kind.status(), axum::Json(document)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if kind == ProblemKind::Unauthorized {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"signalbox\""),
            );
        }
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) | DbError::Contention(_) => Self::new(
                ProblemKind::DatabaseUnavailable,
                "the database does not answer at the moment",
            )
            .with_source(error),
            DbError::Constraint { .. } | DbError::Other(_) => Self::internal(error),
        }
    }
}

impl From<InvalidCursor> for Problem {
    fn from(error: InvalidCursor) -> Self {
        Self::new(ProblemKind::InvalidRequest, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_used_once() {
        let mut codes: Vec<_> = ProblemKind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ProblemKind::ALL.len());
    }

    #[test]
    fn a_problem_that_may_pass_says_when_to_come_again() {
        let response = Problem::from(DbError::Unavailable(sqlx::Error::PoolTimedOut)).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}
