//! The digest that makes a revision the same revision: over what it means, not over how it was indented.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::model::Settings;
use crate::audit::canonical_json;

/// `sha256:` and the hex SHA-256 of the canonical JSON (keys sorted, no white space) of `{"definition": …, "settings": …}`.
pub(super) fn digest(definition: &Value, settings: &Settings) -> Result<String, serde_json::Error> {
    let definition = canonical_json(definition);
    let settings = canonical_json(&serde_json::to_value(settings)?);
    let text = format!("{{\"definition\":{definition},\"settings\":{settings}}}");
    Ok(format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes()))))
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
