//! Checks a definition with its settings, and makes of it what is published.

use serde_json::Value;

use super::model::{Diagnostic, MachineType, Settings, Severity, Transform, Written};
use super::plan::{self, Fault};
use super::{digest, transform};
use crate::limits;
use crate::policies::{InvalidRule, examine};
use crate::schema::{self, InvalidSchema};

/// A definition that can be registered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checked {
    /// As written.
    pub written: String,
    /// As published.
    pub published: String,
    /// What differs between the two.
    pub transforms: Vec<Transform>,
    /// Warnings and remarks.
    pub diagnostics: Vec<Diagnostic>,
    /// Names what was registered.
    pub digest: String,
}

/// Why a definition or its settings can't be registered.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The definition breaks the language's or the house's rules.
    #[error("the definition is not valid")]
    Definition(Vec<Diagnostic>),
    /// Settings that can't be.
    #[error("the settings are not valid")]
    Settings(Vec<Fault>),
    /// Rules that can't be compiled.
    #[error("some rules can't be used")]
    Rules(Vec<InvalidRule>),
    /// An input schema that can't be compiled.
    #[error(transparent)]
    Schema(InvalidSchema),
    /// What was checked could not be written down again: a fault of this program.
    #[error("the checked definition could not be encoded")]
    Encode(#[source] serde_json::Error),
    /// The thread that checked it died: a fault of this program.
    #[error("the check did not finish")]
    Died(#[source] tokio::task::JoinError),
}

/// Checks a definition with its settings, off the async threads: a megabyte of it takes its time.
pub(super) async fn check(
    written: Written,
    kind: MachineType,
    settings: Settings,
) -> Result<Checked, CheckError> {
    tokio::task::spawn_blocking(move || check_now(written, kind, &settings))
        .await
        .map_err(CheckError::Died)?
}

fn check_now(written: Written, kind: MachineType, settings: &Settings) -> Result<Checked, CheckError> {
    let faults = plan::faults(settings);
    if !faults.is_empty() {
        return Err(CheckError::Settings(faults));
    }
    if let Some(input_schema) = &settings.input_schema {
        schema::compile(input_schema).map_err(CheckError::Schema)?;
    }
    let text = written.into_text();
    let (mut diagnostics, definition) =
        examine(&text, kind, settings.rules.as_deref().unwrap_or_default(), None)
            .map_err(CheckError::Rules)?;
    // Fixes are for those who write; a record of a text that never changes has no use for them.
    for diagnostic in &mut diagnostics {
        diagnostic.fix = None;
    }
    let mut definition = match definition {
        Some(definition) if diagnostics.iter().all(|d| d.severity != Severity::Error) => definition,
        _ => return Err(CheckError::Definition(diagnostics)),
    };
    let digest = digest::digest(&definition, settings).map_err(CheckError::Encode)?;
    let transforms = transform::transform(&mut definition, settings);
    let published = if transforms.is_empty() {
        text.clone()
    } else {
        render(&definition).map_err(CheckError::Encode)?
    };
    diagnostics.retain(|diagnostic| !is_answered(diagnostic, &transforms));
    Ok(Checked {
        written: text,
        published,
        transforms,
        diagnostics,
        digest,
    })
}

/// Pretty-printed for those who look at it in AWS's console, unless that would be longer than AWS takes.
fn render(definition: &Value) -> Result<String, serde_json::Error> {
    let pretty = serde_json::to_string_pretty(definition)?;
    if pretty.len() <= limits::DEFINITION_BYTES_MAX {
        Ok(pretty)
    } else {
        serde_json::to_string(definition)
    }
}

/// A missing Retry is not worth a warning where `retry_attempts` has added one.
fn is_answered(diagnostic: &Diagnostic, transforms: &[Transform]) -> bool {
    matches!(
        diagnostic.code.as_str(),
        "TASK_NO_RETRY" | "LAMBDA_NO_TRANSIENT_RETRY"
    ) && transforms
        .iter()
        .filter_map(|transform| transform.pointer.strip_suffix("/Retry"))
        .any(|state| {
            diagnostic
                .location
                .as_deref()
                .is_some_and(|location| location == state || location == aws_location(state))
        })
}

/// A JSON Pointer as AWS writes places: `/States/P/Branches[0]/States/A`.
fn aws_location(pointer: &str) -> String {
    let mut location = String::new();
    for token in pointer.split('/').skip(1) {
        if token.bytes().all(|byte| byte.is_ascii_digit()) && location.ends_with("/Branches") {
            location.push('[');
            location.push_str(token);
            location.push(']');
        } else {
            location.push('/');
            location.push_str(&token.replace("~1", "/").replace("~0", "~"));
        }
    }
    location
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policies::{RULE_CODE, Rule, RuleScope, RuleSeverity};

    fn check_settings(definition: &Value, settings: &Settings) -> Result<Checked, CheckError> {
        check_now(Written::Json(definition.clone()), MachineType::Standard, settings)
    }

    fn lambda() -> Value {
        json!({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true}}})
    }

    fn codes(diagnostics: &[Diagnostic]) -> Vec<&str> {
        diagnostics.iter().map(|d| d.code.as_str()).collect()
    }

    #[test]
    fn a_task_without_timeout_and_retry_is_remarked_upon_as_by_the_seed() {
        let checked = check_settings(&lambda(), &Settings::default()).unwrap();
        let codes = codes(&checked.diagnostics);
        assert!(
            codes.contains(&"TASK_NO_TIMEOUT") && codes.contains(&"LAMBDA_NO_TRANSIENT_RETRY"),
            "{codes:?}"
        );
        assert_eq!(checked.written, checked.published);
    }

    #[test]
    fn a_default_retry_answers_the_remark_and_shows_in_what_is_published() {
        let settings = Settings {
            retry_attempts: Some(2),
            ..Settings::default()
        };
        let checked = check_settings(&lambda(), &settings).unwrap();
        assert!(
            !codes(&checked.diagnostics).contains(&"LAMBDA_NO_TRANSIENT_RETRY"),
            "{:?}",
            checked.diagnostics
        );
        assert!(checked.published.contains("\"MaxAttempts\": 2"));
        assert!(!checked.written.contains("MaxAttempts"));
        assert_eq!(checked.transforms.len(), 1);
    }

    #[test]
    fn what_is_published_passes_the_checks_itself() {
        let settings = Settings {
            retry_attempts: Some(2),
            timeout_seconds: Some(60),
            ..Settings::default()
        };
        let checked = check_settings(&lambda(), &settings).unwrap();
        let (diagnostics, _) = examine(&checked.published, MachineType::Standard, &[], None).unwrap();
        assert!(
            diagnostics.iter().all(|d| d.severity != Severity::Error),
            "{diagnostics:?}"
        );
    }

    #[test]
    fn a_missing_target_is_found_with_line_and_column() {
        let text = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Next\": \"B\"}\n  }\n}";
        let error = check_now(
            Written::Text(text.into()),
            MachineType::Standard,
            &Settings::default(),
        )
        .unwrap_err();
        let CheckError::Definition(diagnostics) = error else {
            panic!("{error:?}")
        };
        let found = diagnostics
            .iter()
            .find(|d| d.code == "MISSING_TRANSITION_TARGET")
            .unwrap();
        assert_eq!(
            (found.line, found.location.as_deref()),
            (Some(4), Some("/States/A/Next"))
        );
    }

    #[test]
    fn text_that_is_not_json_is_a_diagnostic_and_not_a_crash() {
        for text in ["", "nonsense", "[]", "{\"StartAt\": "] {
            let error = check_now(
                Written::Text(text.into()),
                MachineType::Standard,
                &Settings::default(),
            );
            assert!(
                matches!(error, Err(CheckError::Definition(_))),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn a_broken_rule_of_the_house_refuses_the_definition() {
        let rule = |severity| Rule {
            name: "has-comment".into(),
            expression: "has(definition.Comment)".into(),
            scope: RuleScope::Definition,
            severity,
            message: None,
        };
        let settings = |severity| Settings {
            rules: Some(vec![rule(severity)]),
            ..Settings::default()
        };
        assert!(check_settings(&lambda(), &settings(RuleSeverity::Error)).is_err());
        let checked = check_settings(&lambda(), &settings(RuleSeverity::Info)).unwrap();
        assert!(codes(&checked.diagnostics).contains(&RULE_CODE));
    }

    #[test]
    fn places_are_written_as_aws_writes_them() {
        assert_eq!(
            aws_location("/States/P/Branches/0/States/a~1b"),
            "/States/P/Branches[0]/States/a/b"
        );
    }
}
