//! The registry's errors as problems.

use super::super::assess::AssessError;
use super::super::ensure::EnsureError;
use super::super::find::CompareError;
use super::super::model::Severity;
use super::super::register::RegisterError;
use super::super::remove::RemoveError;
use super::super::revise::ReviseError;
use super::super::survey::SurveyError;
use super::super::validate::CheckError;
use crate::http::{ErrorItem, Problem, ProblemKind};
use crate::policies::{Fault, InvalidRule};

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Definition(diagnostics) => {
                let errors = diagnostics
                    .iter()
                    .filter(|diagnostic| diagnostic.severity == Severity::Error)
                    .count();
                // The one diagnostic that is about the definition's size: 413 rather than 422.
                let code = asl::Code::DefinitionTooLarge.as_str();
                let too_large = diagnostics.iter().find(|diagnostic| diagnostic.code == code);
                let (kind, detail) = match too_large {
                    Some(diagnostic) => (ProblemKind::PayloadTooLarge, diagnostic.message.clone()),
                    None => (
                        ProblemKind::InvalidDefinition,
                        format!("the definition has {errors} error(s)"),
                    ),
                };
                Self::new(kind, detail).with_errors(diagnostics.into_iter().map(ErrorItem::from).collect())
            }
            CheckError::Settings(faults) => {
                let detail = faults.first().map_or_else(String::new, |fault| {
                    format!("`{}` {}", fault.pointer, fault.message)
                });
                Self::invalid_fields(
                    detail,
                    faults.into_iter().map(|fault| (fault.pointer, fault.message)),
                )
            }
            CheckError::Rules(rules) => invalid_rules(rules),
            CheckError::Schema(error) => {
                let pointer = format!("/input_schema{}", error.pointer);
                Self::new(ProblemKind::InvalidRequest, error.to_string()).with_errors(vec![ErrorItem {
                    pointer: Some(pointer),
                    ..ErrorItem::new("invalid_schema", error.reason)
                }])
            }
            CheckError::Encode(_) | CheckError::Died(_) => Self::internal(error),
        }
    }
}

/// Rules that can't be compiled.
fn invalid_rules(rules: Vec<InvalidRule>) -> Problem {
    let detail = rules.first().map_or_else(String::new, ToString::to_string);
    Problem::new(ProblemKind::InvalidRequest, detail).with_errors(
        rules
            .into_iter()
            .map(|rule| ErrorItem {
                pointer: Some(format!("/rules/{}/expression", rule.index)),
                ..ErrorItem::new("invalid_rule", rule.to_string())
            })
            .collect(),
    )
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Check(error) => error.into(),
            RegisterError::Exists { name } => Self::new(
                ProblemKind::AlreadyExists,
                format!("a template `{name}` exists already and is different; POST /v1/templates/{name}/revisions adds a revision to it"),
            )
            .with("template", name.as_str()),
            RegisterError::Environment(error) => Self::new(ProblemKind::InvalidRequest, error.to_string()).with_errors(vec![ErrorItem {
                pointer: Some("/environments".to_owned()),
                ..ErrorItem::new("unknown_environment", error.to_string())
            }]),
            RegisterError::ApprovalRequired { .. } => Self::new(
                ProblemKind::InvalidRequest,
                format!("{error}; register without it and deploy with POST /v1/deployments"),
            ),
            RegisterError::Demand(error) => error.into(),
            RegisterError::TooManyEnvironments => Self::new(ProblemKind::InvalidRequest, error.to_string()),
            RegisterError::Database(error) => error.into(),
        }
    }
}

impl From<EnsureError> for Problem {
    fn from(error: EnsureError) -> Self {
        match error {
            EnsureError::Register(error) => error.into(),
            EnsureError::Revise(error) => error.into(),
            EnsureError::Database(error) => error.into(),
        }
    }
}

impl From<ReviseError> for Problem {
    fn from(error: ReviseError) -> Self {
        match error {
            ReviseError::UnknownTemplate { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            ReviseError::Stale { template, unmet } => unmet.problem(&format!("the template `{template}`")),
            ReviseError::Check(error) => error.into(),
            ReviseError::Database(error) => error.into(),
        }
    }
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::UnknownTemplate { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            RemoveError::Changed { .. } => Self::new(ProblemKind::PreconditionFailed, error.to_string()),
            RemoveError::Running { .. } => Self::new(
                ProblemKind::InUse,
                format!("{error}; wait for them or stop them, and delete then"),
            ),
            RemoveError::Target(_) => Self::new(ProblemKind::Conflict, error.to_string()),
            RemoveError::StepFunctions(error) => error.into(),
            RemoveError::Database(error) => error.into(),
        }
    }
}

impl From<CompareError> for Problem {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::UnknownRevision { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            CompareError::Corrupt(_) => Self::internal(error),
            CompareError::Database(error) => error.into(),
        }
    }
}

impl From<AssessError> for Problem {
    fn from(error: AssessError) -> Self {
        let text = error.to_string();
        let at = |pointer: &str, code: &str, text: String| {
            Self::new(ProblemKind::InvalidRequest, text.clone()).with_errors(vec![ErrorItem {
                pointer: Some(pointer.to_owned()),
                ..ErrorItem::new(code, text)
            }])
        };
        match error {
            AssessError::Rules(rules) => invalid_rules(rules),
            AssessError::UnknownRuleSet(_) => at("/policy_set", "unknown_rule_set", text),
            AssessError::TwoRuleSets => at("/policy_set", "invalid_field", text),
            AssessError::Environment(_) => at("/against_env", "unknown_environment", text),
            AssessError::Died(_) => Self::internal(error),
            AssessError::Database(error) => error.into(),
        }
    }
}

impl From<SurveyError> for Problem {
    fn from(error: SurveyError) -> Self {
        let text = error.to_string();
        match error {
            SurveyError::UnknownRuleSet(_) => Self::new(ProblemKind::NotFound, text),
            SurveyError::Invalid(faults) => {
                let item = |fault: Fault| ErrorItem {
                    pointer: Some(format!("/draft{}", fault.pointer)),
                    ..ErrorItem::new("invalid_field", fault.message)
                };
                Self::new(ProblemKind::InvalidRequest, text)
                    .with_errors(faults.into_iter().map(item).collect())
            }
            SurveyError::Died(_) => Self::internal(error),
            SurveyError::Database(error) => error.into(),
        }
    }
}
