//! The decision form: a JSON Schema 2020-12 that an answer has to fit. Nothing is fetched for a `$ref`; patterns run in
//! linear time.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// Size of a form, bytes.
const FORM_BYTES_MAX: usize = 65_536;

/// Violations that are told at once.
const VIOLATIONS_MAX: usize = 20;

/// Characters of a message, which may quote a whole answer.
const MESSAGE_CHARS_MAX: usize = 300;

/// A form that can't be used, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the form is no JSON Schema that can be used: {reason}")]
pub(super) struct InvalidForm {
    pub(super) pointer: String,
    pub(super) reason: String,
}

/// Where and how an answer does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) pointer: String,
    pub(super) message: String,
}

/// Checks a form when it is handed in.
pub(super) fn check(form: &Value) -> Result<(), InvalidForm> {
    compile(form).map(|_| ())
}

/// How `answer` does not fit `form`; nothing when it does.
pub(super) fn misfits(form: &Value, answer: &Value) -> Result<Vec<Misfit>, InvalidForm> {
    let schema = compile(form)?;
    Ok(schema
        .iter_errors(answer)
        .take(VIOLATIONS_MAX)
        .map(|error| Misfit {
            pointer: error.instance_path().to_string(),
            message: error.to_string().chars().take(MESSAGE_CHARS_MAX).collect(),
        })
        .collect())
}

fn compile(form: &Value) -> Result<Validator, InvalidForm> {
    if form.to_string().len() > FORM_BYTES_MAX {
        let reason = format!("it has more than {FORM_BYTES_MAX} bytes");
        return Err(InvalidForm {
            pointer: String::new(),
            reason,
        });
    }
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .build(form)
        .map_err(|error| InvalidForm {
            pointer: error.instance_path().to_string(),
            reason: error.to_string().chars().take(MESSAGE_CHARS_MAX).collect(),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_that_does_not_fit_is_told_where() {
        let form = json!({"type": "object", "required": ["approved"], "properties": {"approved": {"type": "boolean"}}});
        assert_eq!(misfits(&form, &json!({"approved": true})), Ok(Vec::new()));
        assert_eq!(
            misfits(&form, &json!({"approved": "yes"})).unwrap()[0].pointer,
            "/approved"
        );
        assert_eq!(misfits(&form, &json!({})).unwrap().len(), 1);
    }

    #[test]
    fn a_form_that_is_none_is_refused_and_nothing_is_fetched() {
        assert!(check(&json!({"type": "yes/no"})).is_err());
        assert!(check(&json!({"$ref": "http://127.0.0.1:1/form.json"})).is_err());
    }
}
