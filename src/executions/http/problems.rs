//! The errors of executions as problems.

use super::super::act::ActError;
use super::super::find::HistoryError;
use super::super::start::StartError;
use crate::http::{ErrorItem, Problem, ProblemKind};
use crate::ids::ExecutionId;
use crate::templates::RunError;

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Fields(faults) => {
                let detail = faults.first().map_or_else(String::new, |fault| {
                    format!("`{}`: {}", fault.pointer, fault.message)
                });
                Self::new(ProblemKind::InvalidRequest, detail).with_errors(
                    faults
                        .into_iter()
                        .map(|fault| ErrorItem {
                            pointer: Some(fault.pointer.to_owned()),
                            ..ErrorItem::new("invalid_field", fault.message)
                        })
                        .collect(),
                )
            }
            StartError::Run(error) => error.into(),
            StartError::Environment(error) => error.into(),
            StartError::InputTooLarge { .. } => Self::new(ProblemKind::PayloadTooLarge, error.to_string())
                .with_errors(vec![ErrorItem {
                    pointer: Some("/input".to_owned()),
                    ..ErrorItem::new("too_large", error.to_string())
                }]),
            StartError::Input { template, violations } => Self::new(
                ProblemKind::InvalidInput,
                format!(
                    "the input does not fit the schema of `{template}` in {} place(s)",
                    violations.len()
                ),
            )
            .with_errors(
                violations
                    .into_iter()
                    .map(|violation| ErrorItem {
                        pointer: Some(violation.pointer),
                        ..ErrorItem::new(violation.keyword, violation.message)
                    })
                    .collect(),
            ),
            StartError::NameTaken { .. } => Self::new(ProblemKind::AlreadyExists, error.to_string()),
            StartError::StepFunctions(error) => error.into(),
            StartError::Database(error) => error.into(),
        }
    }
}

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        match error {
            RunError::UnknownTemplate { .. } | RunError::NotDeployed { .. } => {
                Self::new(ProblemKind::NotFound, error.to_string())
            }
            RunError::NotLive { .. } | RunError::Deleting { .. } => {
                Self::new(ProblemKind::Conflict, error.to_string())
            }
            RunError::Database(error) => error.into(),
        }
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Unknown { id } => unknown(id),
            ActError::Quarantined { ref version_arn, .. } => {
                let version_arn = version_arn.clone();
                Self::new(ProblemKind::VersionQuarantined, error.to_string()).with("version_arn", version_arn)
            }
            ActError::Express { .. } | ActError::State { .. } => {
                Self::new(ProblemKind::Conflict, error.to_string())
            }
            ActError::TooLong => Self::new(ProblemKind::InvalidRequest, error.to_string()),
            ActError::Environment(error) => error.into(),
            ActError::StepFunctions(error) => error.into(),
            ActError::Database(error) => error.into(),
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Unknown { id } => unknown(id),
            HistoryError::Express { .. } => Self::new(ProblemKind::Conflict, error.to_string()),
            HistoryError::Environment(error) => error.into(),
            HistoryError::StepFunctions(error) => error.into(),
            HistoryError::Database(error) => error.into(),
        }
    }
}

/// The problem of an execution that does not exist.
pub(super) fn unknown(id: ExecutionId) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("there is no execution `{id}`"))
}
