//! Comparing an output with what is expected of it.
//!
//! An expected object may have fewer members than the output (a subset); an expected list has the same length and is compared
//! place by place. An object whose members all begin with `$` is a matcher: `{"$any": true}` any value, `{"$regex": "^ord-"}`,
//! `{"$gte": 1}`, `$gt`, `$lte`, `$lt`, `{"$ne": 0}`, `{"$type": "string"}`, `{"$length": 3}`, `{"$contains": …}` a list with
//! such an element, `{"$exists": false}` a member that must be absent, `{"$exact": …}` nothing more and nothing less.
//! Several in one object must all hold.

use std::fmt;

use serde_json::{Map, Value};

/// Something that is not as expected, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// JSON Pointer into the output; empty for all of it.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "/"
        } else {
            &self.pointer
        };
        write!(f, "`{place}` {}", self.message)
    }
}

/// Everything in `actual` that is not as `expected`.
pub fn compare(actual: &Value, expected: &Value) -> Vec<Mismatch> {
    let mut found = Vec::new();
    walk(Some(actual), expected, "", &mut found);
    found
}

/// What is wrong with an expectation itself: an unknown matcher, or one with the wrong operand.
pub fn problem(expected: &Value) -> Option<String> {
    match expected {
        Value::Object(members) if is_matcher(members) => {
            members.iter().find_map(|(name, operand)| match name.as_str() {
                "$any" | "$exists" => {
                    (!operand.is_boolean()).then(|| format!("`{name}` takes true or false"))
                }
                "$regex" => match operand.as_str().map(regex::Regex::new) {
                    Some(Ok(_)) => None,
                    Some(Err(error)) => Some(format!("`$regex` can't be read: {error}")),
                    None => Some("`$regex` takes a text".to_owned()),
                },
                "$gt" | "$gte" | "$lt" | "$lte" => {
                    (!operand.is_number()).then(|| format!("`{name}` takes a number"))
                }
                "$length" => (!operand.is_u64()).then(|| "`$length` takes a whole number".to_owned()),
                "$type" => {
                    let known = ["string", "number", "boolean", "object", "array", "null"];
                    let named = operand.as_str().is_some_and(|name| known.contains(&name));
                    (!named).then(|| format!("`$type` takes one of {}", known.join(", ")))
                }
                "$contains" => problem(operand),
                "$ne" | "$exact" => None,
                _ => Some(format!("`{name}` is no matcher")),
            })
        }
        Value::Object(members) => members.values().find_map(problem),
        Value::Array(items) => items.iter().find_map(problem),
        _ => None,
    }
}

fn is_matcher(members: &Map<String, Value>) -> bool {
    !members.is_empty() && members.keys().all(|name| name.starts_with('$'))
}

fn walk(actual: Option<&Value>, expected: &Value, pointer: &str, found: &mut Vec<Mismatch>) {
    let mut miss = |message: String| {
        found.push(Mismatch {
            pointer: pointer.to_owned(),
            message,
        });
    };
    if let Value::Object(members) = expected
        && is_matcher(members)
    {
        for (name, operand) in members {
            if let Some(message) = matcher(name, operand, actual) {
                miss(message);
            }
        }
        return;
    }
    let Some(actual) = actual else {
        miss(format!("is missing, expected {}", short(expected)));
        return;
    };
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            for (name, value) in expected {
                let below = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                walk(actual.get(name), value, &below, found);
            }
        }
        (Value::Array(items), Value::Array(expected)) => {
            if items.len() != expected.len() {
                miss(format!("has {} items, expected {}", items.len(), expected.len()));
            }
            for (index, (item, value)) in items.iter().zip(expected).enumerate() {
                walk(Some(item), value, &format!("{pointer}/{index}"), found);
            }
        }
        _ if same(actual, expected) => {}
        _ => miss(format!("is {}, expected {}", short(actual), short(expected))),
    }
}

/// Equal, with 1 and 1.0 the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

/// Why the matcher does not hold.
fn matcher(name: &str, operand: &Value, actual: Option<&Value>) -> Option<String> {
    if name == "$exists" {
        let wanted = operand.as_bool().unwrap_or(true);
        return (actual.is_some() != wanted).then(|| {
            if wanted {
                "is missing".to_owned()
            } else {
                "is there, but should not be".to_owned()
            }
        });
    }
    let Some(actual) = actual else {
        return Some(format!("is missing, expected {name} {}", short(operand)));
    };
    let order = |holds: fn(f64, f64) -> bool| {
        actual
            .as_f64()
            .zip(operand.as_f64())
            .is_some_and(|(actual, operand)| holds(actual, operand))
    };
    let length = match actual {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    };
    let holds = match name {
        "$any" => true,
        "$regex" => operand
            .as_str()
            .and_then(|pattern| regex::Regex::new(pattern).ok())
            .zip(actual.as_str())
            .is_some_and(|(pattern, text)| pattern.is_match(text)),
        "$gt" => order(|actual, operand| actual > operand),
        "$gte" => order(|actual, operand| actual >= operand),
        "$lt" => order(|actual, operand| actual < operand),
        "$lte" => order(|actual, operand| actual <= operand),
        "$ne" => !same(actual, operand),
        "$exact" => same(actual, operand),
        "$length" => length.map(|length| length as u64) == operand.as_u64(),
        "$type" => operand.as_str() == Some(type_of(actual)),
        "$contains" => match actual {
            Value::Array(items) => items.iter().any(|item| compare(item, operand).is_empty()),
            Value::String(text) => operand.as_str().is_some_and(|part| text.contains(part)),
            _ => false,
        },
        _ => false,
    };
    (!holds).then(|| format!("is {}, expected {name} {}", short(actual), short(operand)))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 {
        text
    } else {
        text.chars().take(79).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(actual: Value, expected: Value) -> Vec<String> {
        compare(&actual, &expected)
            .into_iter()
            .map(|mismatch| mismatch.pointer)
            .collect()
    }

    #[test]
    fn an_output_may_have_more_members_than_expected_but_not_less() {
        let output = json!({"id": 7, "customer": {"name": "Ada", "tier": "gold"}, "items": [1, 2]});
        assert_eq!(
            pointers(output.clone(), json!({"customer": {"tier": "gold"}})),
            Vec::<String>::new()
        );
        assert_eq!(
            pointers(output.clone(), json!({"customer": {"age": 3}})),
            ["/customer/age"]
        );
        assert_eq!(
            pointers(output.clone(), json!({"customer": "Ada"})),
            ["/customer"]
        );
        assert_eq!(pointers(output.clone(), json!({"items": [1]})), ["/items"]);
        assert_eq!(pointers(output, json!({"items": [1, 3]})), ["/items/1"]);
    }

    #[test]
    fn each_matcher_holds_and_fails() {
        for (matcher, holds, fails) in [
            (json!({"$any": true}), json!(null), None),
            (
                json!({"$regex": "^ord-[0-9]+$"}),
                json!("ord-12"),
                Some(json!("ord-x")),
            ),
            (json!({"$gte": 1}), json!(1), Some(json!(0.5))),
            (json!({"$gt": 1}), json!(2), Some(json!(1))),
            (json!({"$lte": 1}), json!(1), Some(json!("1"))),
            (json!({"$lt": 1}), json!(0), Some(json!(1))),
            (json!({"$ne": 0}), json!(1), Some(json!(0.0))),
            (json!({"$type": "array"}), json!([]), Some(json!({}))),
            (json!({"$length": 2}), json!([1, 2]), Some(json!("abc"))),
            (
                json!({"$contains": {"a": 1}}),
                json!([{"a": 1, "b": 2}]),
                Some(json!([{"a": 2}])),
            ),
            (
                json!({"$exact": {"a": 1}}),
                json!({"a": 1}),
                Some(json!({"a": 1, "b": 2})),
            ),
            (json!({"$gte": 1, "$lt": 10}), json!(9), Some(json!(10))),
        ] {
            assert_eq!(problem(&matcher), None, "{matcher}");
            assert!(
                compare(&holds, &matcher).is_empty(),
                "{matcher} should take {holds}"
            );
            if let Some(fails) = fails {
                assert!(
                    !compare(&fails, &matcher).is_empty(),
                    "{matcher} should not take {fails}"
                );
            }
        }
    }

    #[test]
    fn a_member_can_be_expected_to_be_absent() {
        assert_eq!(
            pointers(json!({"a": 1}), json!({"error": {"$exists": false}})),
            Vec::<String>::new()
        );
        assert_eq!(
            pointers(json!({"error": 1}), json!({"error": {"$exists": false}})),
            ["/error"]
        );
        assert_eq!(pointers(json!({}), json!({"a": {"$any": true}})), ["/a"]);
    }

    #[test]
    fn a_whole_number_equals_itself_with_a_point() {
        assert_eq!(pointers(json!(1.0), json!(1)), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_matcher_is_found_before_anything_runs() {
        assert!(
            problem(&json!({"a": [{"$like": "x"}]}))
                .unwrap()
                .contains("$like")
        );
        assert!(problem(&json!({"$regex": "("})).is_some());
        assert_eq!(
            problem(&json!({"price": {"$": 1, "plain": 2}})),
            None,
            "not a matcher: a member without `$`"
        );
    }
}
