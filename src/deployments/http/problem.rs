//! Errors of deployments as problems.

use super::super::act::ActError;
use super::super::again::AgainError;
use super::super::find::CoverageError;
use super::super::refusal::StartError;
use crate::http::{ErrorItem, Problem, ProblemKind};

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let text = error.to_string();
        match error {
            StartError::UnknownTemplate(_) | StartError::UnknownRevision { .. } => {
                Self::new(ProblemKind::NotFound, text)
            }
            StartError::UnknownEnvironment(_) => {
                Self::new(ProblemKind::InvalidRequest, text).with_errors(vec![ErrorItem {
                    pointer: Some("/environment".to_owned()),
                    ..ErrorItem::new("unknown_environment", "there is no such environment")
                }])
            }
            StartError::Invalid(faults) => {
                let first = faults
                    .first()
                    .map_or_else(String::new, |fault| format!(": {}", fault.message));
                let fields = faults.into_iter().map(|fault| (fault.pointer, fault.message));
                Self::invalid_fields(format!("{text}{first}"), fields)
            }
            StartError::InProgress { holder, .. } => Self::new(ProblemKind::DeploymentInProgress, text)
                .with("holder", holder.to_string())
                .with("options", serde_json::json!(["queue", "supersede"])),
            StartError::Quarantined(refused) => Self::new(ProblemKind::VersionQuarantined, text)
                .with("taken_back_by", refused.deployment.to_string()),
            StartError::Definition { source, .. } => (*source).into(),
            StartError::Demand(error) => error.into(),
            StartError::Database(error) => error.into(),
        }
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        let text = error.to_string();
        match error {
            ActError::Unknown(_) => Self::new(ProblemKind::NotFound, text),
            ActError::Refused(refused) => {
                Self::new(ProblemKind::Conflict, text).with("state", refused.state.as_str())
            }
            ActError::Overtaken { holder } => {
                Self::new(ProblemKind::Conflict, text).with("holder", holder.to_string())
            }
            ActError::Busy => Self::new(ProblemKind::Conflict, text).with_retry_after(1),
            ActError::Environment(_) => Self::new(ProblemKind::Conflict, text),
            ActError::Database(error) => error.into(),
        }
    }
}

impl From<AgainError> for Problem {
    fn from(error: AgainError) -> Self {
        let text = error.to_string();
        match error {
            AgainError::Find(error) => error.into(),
            AgainError::Refused { state, .. } => {
                Self::new(ProblemKind::Conflict, text).with("state", state.as_str())
            }
            AgainError::Start(error) => error.into(),
            AgainError::Database(error) => error.into(),
        }
    }
}

impl From<CoverageError> for Problem {
    fn from(error: CoverageError) -> Self {
        match error {
            CoverageError::Environment(error) => Self::new(ProblemKind::Conflict, error.to_string()),
            CoverageError::StepFunctions(error) => error.into(),
            CoverageError::Database(error) => error.into(),
        }
    }
}
