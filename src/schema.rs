//! JSON Schema 2020-12 that somebody's JSON must fit: a template's inputs, the answers to a human task.
//!
//! Nothing is fetched for a `$ref`, whatever its address; patterns run in linear time (no look-around, no back references).

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::limits;

/// A schema that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the JSON Schema can't be used: {reason}")]
pub struct InvalidSchema {
    /// Where in the schema, as a JSON Pointer.
    pub pointer: String,
    /// Why.
    pub reason: String,
}

/// Where and how a value breaks its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the value, as a JSON Pointer.
    pub pointer: String,
    /// The keyword that is broken, such as `required`.
    pub keyword: String,
    /// What is wrong.
    pub message: String,
}

/// Compiles a schema.
pub fn compile(schema: &Value) -> Result<Validator, InvalidSchema> {
    let bytes = schema.to_string().len();
    if bytes > limits::SCHEMA_BYTES_MAX {
        return Err(InvalidSchema {
            pointer: String::new(),
            reason: format!("it has {bytes} bytes; {} are allowed", limits::SCHEMA_BYTES_MAX),
        });
    }
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| InvalidSchema {
            pointer: error.instance_path().to_string(),
            reason: shorten(&error.to_string()),
        })
}

/// How `value` breaks the schema; nothing when it fits.
pub fn violations(schema: &Validator, value: &Value) -> Vec<Violation> {
    schema
        .iter_errors(value)
        .take(limits::SCHEMA_VIOLATIONS_MAX)
        .map(|error| Violation {
            pointer: error.instance_path().to_string(),
            keyword: error.kind().keyword().to_owned(),
            message: shorten(&error.to_string()),
        })
        .collect()
}

/// The first part of a message that may quote a whole document.
fn shorten(message: &str) -> String {
    const LENGTH_MAX: usize = 300;
    if message.chars().count() <= LENGTH_MAX {
        return message.to_owned();
    }
    let mut short: String = message.chars().take(LENGTH_MAX).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_input_that_does_not_fit_is_told_where_and_why() {
        let schema = compile(&json!({
            "type": "object", "required": ["bucket"],
            "properties": {"rows": {"type": "array", "items": {"type": "integer", "minimum": 1}}}}))
        .unwrap();
        let violations = violations(&schema, &json!({"rows": [1, 0]}));
        let found: Vec<_> = violations
            .iter()
            .map(|v| (v.pointer.as_str(), v.keyword.as_str()))
            .collect();
        assert!(found.contains(&("/rows/1", "minimum")), "{found:?}");
        assert!(found.contains(&("", "required")), "{found:?}");
    }

    #[test]
    fn a_schema_that_is_none_is_refused_with_its_place() {
        let error = compile(&json!({"type": "object", "properties": {"a": {"type": "strin"}}})).unwrap_err();
        assert_eq!(error.pointer, "/properties/a/type");
        assert!(compile(&json!({"pattern": "("})).is_err());
    }

    #[test]
    fn nothing_is_fetched_for_a_reference() {
        assert!(compile(&json!({"$ref": "http://127.0.0.1:1/schema.json"})).is_err());
        assert!(compile(&json!({"$ref": "file:///etc/passwd"})).is_err());
        let inner = compile(&json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}})).unwrap();
        assert!(!violations(&inner, &json!("x")).is_empty());
    }

    #[test]
    fn keywords_of_2020_12_are_understood() {
        let schema = compile(&json!({"prefixItems": [{"type": "string"}], "items": false})).unwrap();
        assert!(violations(&schema, &json!(["a"])).is_empty());
        assert!(!violations(&schema, &json!(["a", 1])).is_empty());
    }
}
