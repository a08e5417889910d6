//! The digest that makes a revision the same revision: over what it means, not over how it was indented.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::model::Settings;

/// `sha256:` and the hex SHA-256 of the canonical JSON (keys sorted, no white space) of `{"definition": …, "settings": …}`.
pub(super) fn digest(definition: &Value, settings: &Settings) -> Result<String, serde_json::Error> {
    let mut text = String::from("{\"definition\":");
    canonical(definition, &mut text);
    text.push_str(",\"settings\":");
    canonical(&serde_json::to_value(settings)?, &mut text);
    text.push('}');
    Ok(format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes()))))
}

/// Writes `value` with sorted keys and no white space.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                if let Some(field) = fields.get(key) {
                    canonical(field, out);
                }
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layout_and_order_of_keys_do_not_make_another_revision() {
        let one: Value =
            serde_json::from_str(r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#).unwrap();
        let two: Value =
            serde_json::from_str("{ \"States\": {\"A\": {\"Type\": \"Succeed\"}},\n \"StartAt\": \"A\" }")
                .unwrap();
        let settings = Settings::default();
        assert_eq!(digest(&one, &settings).unwrap(), digest(&two, &settings).unwrap());
    }

    #[test]
    fn another_value_or_another_setting_makes_another_revision() {
        let settings = Settings::default();
        let base = digest(&json!({"StartAt": "A"}), &settings).unwrap();
        assert_ne!(base, digest(&json!({"StartAt": "B"}), &settings).unwrap());
        let slower = Settings {
            timeout_seconds: Some(60),
            ..Settings::default()
        };
        assert_ne!(base, digest(&json!({"StartAt": "A"}), &slower).unwrap());
        assert!(base.starts_with("sha256:") && base.len() == 71);
    }
}
