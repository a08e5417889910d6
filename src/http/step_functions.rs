//! A failed call as clients see it.

use serde_json::json;

use super::{Problem, ProblemKind};
use crate::step_functions::{ErrorKind, StepFunctionsError};

impl From<StepFunctionsError> for Problem {
    fn from(error: StepFunctionsError) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => ProblemKind::NotFound,
            ErrorKind::TaskGone => ProblemKind::Gone,
            ErrorKind::AlreadyExists => ProblemKind::AlreadyExists,
            ErrorKind::Conflict => ProblemKind::Conflict,
            ErrorKind::Invalid if error.code() == Some("InvalidDefinition") => ProblemKind::InvalidDefinition,
            ErrorKind::Invalid if error.code() == Some("InvalidExecutionInput") => ProblemKind::InvalidInput,
            ErrorKind::Invalid => ProblemKind::InvalidRequest,
            ErrorKind::Quota => ProblemKind::AwsQuota,
            ErrorKind::Throttled => ProblemKind::AwsThrottled,
            ErrorKind::AccessDenied => ProblemKind::TargetRoleDenied,
            ErrorKind::KmsDenied => ProblemKind::KmsDenied,
            ErrorKind::Unavailable => ProblemKind::TargetUnavailable,
        };
        let mut problem = Self::new(kind, error.to_string()).with(
            "aws",
            json!({
                "operation": error.operation().name(),
                "error_code": error.code(),
                "request_id": error.aws_request_id(),
            }),
        );
        if let Some(wait) = error.retry_after() {
            let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            problem = problem
                .with("retry_after_ms", milliseconds)
                .with_retry_after(milliseconds.div_ceil(1_000));
        }
        problem.with_source(error)
    }
}
