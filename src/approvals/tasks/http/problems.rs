//! The errors of human tasks as problems.

use super::super::answer::AnswerError;
use super::super::hold::HoldError;
use super::super::intake::IntakeError;
use super::super::rules::TaskRefusal;
use crate::http::{ErrorItem, Problem, ProblemKind};
use crate::schema::InvalidSchema;

/// A field that can't be taken as it is.
pub(super) fn invalid(pointer: &str, message: String) -> Problem {
    Problem::invalid_fields(format!("`{pointer}`: {message}"), [(pointer.to_owned(), message)])
}

impl From<TaskRefusal> for Problem {
    fn from(refusal: TaskRefusal) -> Self {
        let kind = match refusal {
            TaskRefusal::NotAssigned { .. } | TaskRefusal::NotHeld { .. } => ProblemKind::Forbidden,
            TaskRefusal::Held { .. } | TaskRefusal::Answered => ProblemKind::Conflict,
        };
        let problem = Self::new(kind, refusal.to_string());
        match refusal {
            TaskRefusal::Held { holder } => problem.with("holder", holder),
            TaskRefusal::NotAssigned { .. } | TaskRefusal::NotHeld { .. } | TaskRefusal::Answered => problem,
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            HoldError::Unknown { .. } => invalid("/to", error.to_string()),
            HoldError::Forbidden(forbidden) => forbidden.into(),
            HoldError::Refused(refusal) => refusal.into(),
            HoldError::Database(error) => error.into(),
        }
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        let detail = error.to_string();
        match error {
            AnswerError::NotFound { .. } => Self::new(ProblemKind::NotFound, detail),
            AnswerError::Refused(refusal) => refusal.into(),
            AnswerError::Misfit(misfits) => {
                let items = misfits.into_iter().map(|misfit| ErrorItem {
                    pointer: Some(format!("/output{}", misfit.pointer)),
                    ..ErrorItem::new("invalid_field", misfit.message)
                });
                Self::new(ProblemKind::InvalidInput, detail).with_errors(items.collect())
            }
            AnswerError::TooLarge { .. } => Self::new(ProblemKind::PayloadTooLarge, detail),
            AnswerError::Form(form) => Self::internal(form),
            AnswerError::Database(error) => error.into(),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        let detail = error.to_string();
        match error {
            IntakeError::UnknownEnvironment(_) | IntakeError::EnvironmentName(_) => {
                invalid("/environment", detail)
            }
            IntakeError::Form(InvalidSchema { pointer, .. }) => invalid(&format!("/form{pointer}"), detail),
            IntakeError::Database(error) => error.into(),
        }
    }
}
