//! One text for one JSON value, so that its hash does not depend on key order or spacing.

use serde_json::Value;

/// The value with object keys sorted by their UTF-8 bytes and no white space. Numbers keep the form they were read
/// in (`1` and `1.0` differ), which is enough for values that come from one writer.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by(|a, b| a.0.cmp(b.0));
            text.push('{');
            for (position, (key, member)) in sorted.into_iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write(&Value::String(key.clone()), text);
                text.push(':');
                write(member, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn key_order_does_not_change_the_text() {
        let one = json!({"b": [1, {"z": null, "a": "x"}], "a": 1.5});
        let other = json!({"a": 1.5, "b": [1, {"a": "x", "z": null}]});
        assert_eq!(canonical_json(&one), canonical_json(&other));
        assert_eq!(canonical_json(&one), r#"{"a":1.5,"b":[1,{"a":"x","z":null}]}"#);
    }

    #[test]
    fn the_order_of_a_list_changes_the_text() {
        assert_ne!(canonical_json(&json!([1, 2])), canonical_json(&json!([2, 1])));
    }
}
