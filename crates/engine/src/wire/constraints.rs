//! Requests are checked against their shapes before a handler sees them: wrong types are a `SerializationException`, broken
//! constraints a `ValidationException` in AWS's wording, all of them in one message.

use serde_json::{Map, Value};

use super::error::{ApiError, ErrorCode};
use super::operation::Operation;
use super::shapes::{Member, Shape, has_no_nul, members};

/// Checks the members of a request. Members the model does not know are ignored, as AWS does; null is the same as absent.
pub(super) fn check(operation: Operation, request: &Map<String, Value>) -> Result<(), ApiError> {
    let mut broken = Vec::new();
    structure(members(operation), request, "", &mut broken)?;
    match broken.len() {
        0 => Ok(()),
        1 => Err(ApiError::validation(format!(
            "1 validation error detected: {}",
            broken.concat()
        ))),
        count => Err(ApiError::validation(format!(
            "{count} validation errors detected: {}",
            broken.join("; ")
        ))),
    }
}

fn structure(
    members: &[Member],
    request: &Map<String, Value>,
    prefix: &str,
    broken: &mut Vec<String>,
) -> Result<(), ApiError> {
    for member in members {
        let path = if prefix.is_empty() {
            member.name.to_owned()
        } else {
            format!("{prefix}.{}", member.name)
        };
        match request.get(member.name) {
            None | Some(Value::Null) if member.required => broken.push(format!(
                "Value null at '{path}' failed to satisfy constraint: Member must not be null"
            )),
            None | Some(Value::Null) => {}
            Some(value) => check_value(member.shape, value, &path, broken)?,
        }
    }
    Ok(())
}

fn check_value(shape: &Shape, value: &Value, path: &str, broken: &mut Vec<String>) -> Result<(), ApiError> {
    let mut fail = |rule: String| {
        broken.push(format!(
            "{} at '{path}' failed to satisfy constraint: {rule}",
            shown(shape, value)
        ));
    };
    match (shape, value) {
        (
            Shape::Text {
                min,
                max,
                values,
                pattern,
                sensitive,
            },
            Value::String(text),
        ) => {
            let length = text.chars().count();
            if length < *min {
                fail(format!("Member must have length greater than or equal to {min}"));
            }
            if length > *max {
                fail(format!("Member must have length less than or equal to {max}"));
            }
            if let Some(pattern) = pattern
                && !(pattern.matches)(text)
            {
                fail(format!(
                    "Member must satisfy regular expression pattern: {}",
                    pattern.text
                ));
            }
            if !sensitive && !has_no_nul(text) {
                fail(r"Member must satisfy regular expression pattern: [^\u0000]*".to_owned());
            }
            if !values.is_empty() && !values.contains(&text.as_str()) {
                fail(format!(
                    "Member must satisfy enum value set: [{}]",
                    values.join(", ")
                ));
            }
        }
        (Shape::Whole { min, max }, Value::Number(number)) => {
            let Some(number) = number.as_i64() else {
                return Err(unconvertible("DECIMAL_VALUE", "Integer"));
            };
            if number < *min {
                fail(format!("Member must have value greater than or equal to {min}"));
            }
            if number > *max {
                fail(format!("Member must have value less than or equal to {max}"));
            }
        }
        (Shape::Fraction { min, max }, Value::Number(number)) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            if number < *min {
                fail(format!("Member must have value greater than or equal to {min}"));
            } else if number > *max {
                fail(format!("Member must have value less than or equal to {max}"));
            }
        }
        (Shape::Flag, Value::Bool(_)) => {}
        (Shape::List { min, max, item }, Value::Array(items)) => {
            if items.len() < *min {
                fail(format!("Member must have length greater than or equal to {min}"));
            }
            if items.len() > *max {
                fail(format!("Member must have length less than or equal to {max}"));
            }
            for (index, element) in items.iter().enumerate() {
                let path = format!("{path}.{}.member", index + 1);
                if element.is_null() {
                    broken.push(format!(
                        "Value null at '{path}' failed to satisfy constraint: Member must not be null"
                    ));
                } else {
                    check_value(item, element, &path, broken)?;
                }
            }
        }
        (Shape::Structure { members, .. }, Value::Object(object)) => {
            structure(members, object, path, broken)?;
        }
        (_, Value::Object(_)) => {
            return Err(serialization(
                "Start of structure or map found where not expected.",
            ));
        }
        (_, Value::Array(_)) => return Err(serialization("Start of list found where not expected")),
        (shape, value) => return Err(unconvertible(token(value), wanted(shape))),
    }
    Ok(())
}

/// A request that can't be read into the model's types. The texts are those AWS's JSON services give.
pub(super) fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::SerializationException, message)
}

fn unconvertible(found: &str, wanted: &str) -> ApiError {
    serialization(format!("{found} cannot be converted to {wanted}"))
}

fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text { .. } => "String",
        Shape::Whole { .. } => "Integer",
        Shape::Fraction { .. } => "Float",
        Shape::Flag => "Boolean",
        Shape::List { .. } => "List",
        Shape::Structure { name, .. } => name,
    }
}

/// `Value '…'`, or only `Value` when it is not for everybody's eyes.
fn shown(shape: &Shape, value: &Value) -> String {
    if matches!(shape, Shape::Text { sensitive: true, .. }) {
        return "Value".to_owned();
    }
    let mut text = String::from("Value '");
    print(shape, value, &mut text);
    text.push('\'');
    text
}

/// As Java prints the model's objects: `[RoutingConfigurationListItem(stateMachineVersionArn=…, weight=50)]`.
fn print(shape: &Shape, value: &Value, into: &mut String) {
    match (shape, value) {
        (Shape::List { item, .. }, Value::Array(items)) => {
            into.push('[');
            for (index, element) in items.iter().enumerate() {
                if index > 0 {
                    into.push_str(", ");
                }
                print(item, element, into);
            }
            into.push(']');
        }
        (Shape::Structure { name, members }, Value::Object(object)) => {
            into.push_str(name);
            into.push('(');
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    into.push_str(", ");
                }
                into.push_str(member.name);
                into.push('=');
                match object.get(member.name) {
                    None | Some(Value::Null) => into.push_str("null"),
                    Some(value) => print(member.shape, value, into),
                }
            }
            into.push(')');
        }
        (_, Value::String(text)) => into.push_str(text),
        (_, other) => into.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(operation: Operation, request: Value) -> String {
        let Value::Object(request) = request else {
            panic!("a request is an object")
        };
        check(operation, &request).unwrap_err().message
    }

    #[test]
    fn every_kind_of_constraint_has_the_words_of_aws() {
        use Operation as O;
        for (operation, request, want) in [
            (
                O::ListExecutions,
                json!({"maxResults": 1001}),
                "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000",
            ),
            (
                O::DescribeActivity,
                json!({}),
                "1 validation error detected: Value null at 'activityArn' failed to satisfy constraint: Member must not be null",
            ),
            (
                O::DescribeActivity,
                json!({"activityArn": ""}),
                "1 validation error detected: Value '' at 'activityArn' failed to satisfy constraint: Member must have length greater than or equal to 1",
            ),
            (
                O::CreateStateMachine,
                json!({"name": "n", "definition": "", "roleArn": "r", "type": "FAST"}),
                "2 validation errors detected: Value at 'definition' failed to satisfy constraint: Member must have length greater than or equal to 1; Value 'FAST' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]",
            ),
            (
                O::CreateStateMachineAlias,
                json!({"name": "123", "routingConfiguration": [{"stateMachineVersionArn": "a", "weight": 101}]}),
                r"2 validation errors detected: Value '123' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$; Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have value less than or equal to 100",
            ),
            (
                O::UpdateStateMachineAlias,
                json!({"stateMachineAliasArn": "a", "routingConfiguration": [{"stateMachineVersionArn": "a", "weight": 1}, {"stateMachineVersionArn": "b", "weight": 2}, {"stateMachineVersionArn": "c", "weight": 3}]}),
                "1 validation error detected: Value '[RoutingConfigurationListItem(stateMachineVersionArn=a, weight=1), RoutingConfigurationListItem(stateMachineVersionArn=b, weight=2), RoutingConfigurationListItem(stateMachineVersionArn=c, weight=3)]' at 'routingConfiguration' failed to satisfy constraint: Member must have length less than or equal to 2",
            ),
            (
                O::StartExecution,
                json!({"stateMachineArn": 5}),
                "NUMBER_VALUE cannot be converted to String",
            ),
            (
                O::StartExecution,
                json!({"stateMachineArn": {}}),
                "Start of structure or map found where not expected.",
            ),
        ] {
            assert_eq!(message(operation, request), want);
        }
    }

    #[test]
    fn members_nobody_knows_and_nulls_are_ignored() {
        let request = json!({"maxResults": null, "colour": {"a": []}});
        assert!(check(Operation::ListActivities, request.as_object().unwrap()).is_ok());
    }
}
