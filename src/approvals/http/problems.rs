//! The errors of approvals as problems.

use super::super::decide::DecideError;
use super::super::delegate::DelegateError;
use super::super::escalate::EscalateError;
use super::super::rules::Refusal;
use super::super::withdraw::CancelError;
use crate::http::{Problem, ProblemKind};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::DigestChanged { current } => {
                Self::new(ProblemKind::DigestChanged, detail).with("digest", current)
            }
            Refusal::Closed(_) | Refusal::Already { .. } => Self::new(ProblemKind::Conflict, detail),
            Refusal::NotAsked { .. } | Refusal::Excluded { .. } | Refusal::Anonymous => {
                Self::new(ProblemKind::Forbidden, detail)
            }
        }
    }
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            DecideError::Forbidden(forbidden) => forbidden.into(),
            DecideError::Refused(refusal) => refusal.into(),
            DecideError::Database(error) => error.into(),
        }
    }
}

impl From<DelegateError> for Problem {
    fn from(error: DelegateError) -> Self {
        match error {
            DelegateError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            DelegateError::Unknown { .. } | DelegateError::Oneself { .. } => {
                Self::new(ProblemKind::InvalidRequest, error.to_string())
            }
            DelegateError::Forbidden(forbidden) => forbidden.into(),
            DelegateError::Refused(refusal) => refusal.into(),
            DelegateError::Database(error) => error.into(),
        }
    }
}

impl From<EscalateError> for Problem {
    fn from(error: EscalateError) -> Self {
        match error {
            EscalateError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            EscalateError::NobodyElse => Self::new(ProblemKind::Conflict, error.to_string()),
            EscalateError::Forbidden(forbidden) => forbidden.into(),
            EscalateError::Refused(refusal) => refusal.into(),
            EscalateError::Database(error) => error.into(),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            CancelError::Forbidden(forbidden) => forbidden.into(),
            CancelError::Refused(refusal) => refusal.into(),
            CancelError::Database(error) => error.into(),
        }
    }
}
