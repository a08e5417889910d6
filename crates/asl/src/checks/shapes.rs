//! What a value must be: its type and its range; paths are in [`super::path_fields`].

use serde_json::{Value, json};

use super::context::{Context, Finding};
use super::expressions::{self, Slot};
use super::fields::near_miss;
use super::mends::{Mend, value_of};
use super::path_fields::{self, LIST_INTRINSICS, STRING_INTRINSICS};
use super::{templates, timestamps, with_article};
use crate::json::spanned::{Node, NodeValue};
use crate::syntax::definition::State;
use crate::syntax::fields::{Shape, state_field};
use crate::syntax::has_substitution;
use crate::syntax::place::Place;

/// Checks one value. `state` is the state it belongs to, `slot` where expressions in it stand.
pub(super) fn check(
    context: &mut Context<'_>,
    state: usize,
    place: &Place<'_>,
    node: &Node,
    shape: Shape,
    slot: Slot,
) {
    let jsonata = context.state(state).is_some_and(State::is_jsonata);
    if let Some(text) = node.as_str() {
        let may_be_expression = jsonata && evaluated(shape);
        if may_be_expression && text.starts_with("{%") {
            expressions::text(context, state, place, text, slot);
            return;
        }
        let is_template = matches!(
            shape,
            Shape::Template | Shape::ObjectTemplate | Shape::Assignments
        );
        if has_substitution(text) && !is_template {
            return;
        }
    }
    match shape {
        Shape::Any => {}
        Shape::Text | Shape::TextOrExpression => text(context, place, node),
        Shape::Boolean => {
            if node.as_bool().is_none() {
                wrong_type(context, place, node, "Boolean");
            }
        }
        Shape::Object => {
            if node.as_object().is_none() {
                wrong_type(context, place, node, "Object");
            }
        }
        Shape::Array { non_empty } => array(context, place, node, non_empty),
        Shape::Integer { .. } => integer(context, place, node, shape, jsonata),
        Shape::Percentage => number(context, place, node, 0, Some(100)),
        Shape::Word(words) => word(context, place, node, words),
        Shape::Path { or_null } => path_fields::path(context, state, place, node, or_null),
        Shape::ReferencePath { or_null, writable } => {
            path_fields::reference_path(context, state, place, node, or_null, writable);
        }
        Shape::PathOrIntrinsic => {
            path_fields::path_or_intrinsic(context, state, place, node, STRING_INTRINSICS);
        }
        Shape::ItemsPath => path_fields::path_or_intrinsic(context, state, place, node, LIST_INTRINSICS),
        Shape::Timestamp => timestamp(context, place, node),
        Shape::Template => templates::check(context, state, place, node, slot),
        Shape::ObjectTemplate => {
            let is_wrong = if jsonata {
                !is_object_or_string(node)
            } else {
                node.as_object().is_none()
            };
            if is_wrong {
                wrong_type(context, place, node, "Object");
            } else {
                templates::check(context, state, place, node, slot);
            }
        }
        Shape::Assignments => {
            if node.as_object().is_none() {
                wrong_type(context, place, node, "Object");
            } else {
                super::variables::check_assign(context, state, place, node);
                templates::check(context, state, place, node, slot);
            }
        }
        Shape::ItemsTemplate => {
            if matches!(
                node.value,
                NodeValue::Array(_) | NodeValue::Object(_) | NodeValue::String(_)
            ) {
                templates::check(context, state, place, node, slot);
            } else {
                wrong_type(context, place, node, "Array");
            }
        }
    }
}

fn evaluated(shape: Shape) -> bool {
    match shape {
        Shape::Integer { evaluated, .. } => evaluated,
        Shape::Percentage
        | Shape::Timestamp
        | Shape::Template
        | Shape::ObjectTemplate
        | Shape::ItemsTemplate
        | Shape::TextOrExpression => true,
        _ => false,
    }
}

fn is_object_or_string(node: &Node) -> bool {
    matches!(node.value, NodeValue::Object(_) | NodeValue::String(_))
}

pub(super) fn wrong_type(context: &mut Context<'_>, place: &Place<'_>, node: &Node, expected: &str) {
    let help = format!("This is {}.", with_article(node.kind()));
    let finding = Finding::schema(place, format!("Expected value of type {expected}"));
    context.add(finding.help(help).maybe_mend(retyped(node, expected)));
}

/// The same value as the type that is expected, where there is only one way to mean it.
fn retyped(node: &Node, expected: &str) -> Option<Mend> {
    let value = value_of(node);
    let text = node.as_str().map(str::trim);
    let mend = match (expected, &node.value) {
        ("Integer", NodeValue::String(_)) => unquoted(node, text?.parse::<i64>().ok()?.into()),
        ("Number", NodeValue::String(_)) => {
            let number: serde_json::Number = text?.parse().ok()?;
            unquoted(node, number.into())
        }
        ("Boolean", NodeValue::String(_)) => {
            unquoted(node, text?.to_ascii_lowercase().parse::<bool>().ok()?.into())
        }
        ("String", NodeValue::Bool(_) | NodeValue::Number(_)) => {
            Mend::likely("Put it in quotes").replace(node, value.to_string())
        }
        ("Array", NodeValue::Object(_) | NodeValue::String(_)) => {
            Mend::certain("Put it in brackets").replace(node, json!([value]))
        }
        _ => return None,
    };
    Some(mend)
}

fn unquoted(node: &Node, value: Value) -> Mend {
    Mend::certain(format!("Write {value} without quotes")).replace(node, value)
}

pub(super) fn text(context: &mut Context<'_>, place: &Place<'_>, node: &Node) {
    if node.as_str().is_none() {
        wrong_type(context, place, node, "String");
    }
}

pub(super) fn array(context: &mut Context<'_>, place: &Place<'_>, node: &Node, non_empty: bool) {
    match node.as_array() {
        None => wrong_type(context, place, node, "Array"),
        Some([]) if non_empty => context.schema(place, "Value cannot be empty"),
        Some(_) => {}
    }
}

pub(super) fn integer(
    context: &mut Context<'_>,
    place: &Place<'_>,
    node: &Node,
    shape: Shape,
    jsonata: bool,
) {
    let Shape::Integer { min, max, evaluated } = shape else {
        return;
    };
    if node.as_str().is_some_and(has_substitution) {
        return;
    }
    let Some(value) = node
        .as_number()
        .filter(|number| !number.is_f64())
        .map(|n| n.as_i64().unwrap_or(i64::MAX))
    else {
        let finding = Finding::schema(place, "Expected value of type Integer");
        context.add(no_integer(finding, place, node, jsonata, evaluated));
        return;
    };
    if value < min {
        context.schema(place, format!("Minimum value is {min}"));
    } else if value > max {
        context.schema(place, format!("Maximum value is {max}"));
    }
}

/// What to write instead of what is no whole number.
fn no_integer(finding: Finding, place: &Place<'_>, node: &Node, jsonata: bool, evaluated: bool) -> Finding {
    let twin = place
        .key()
        .map(|key| format!("{key}Path"))
        .filter(|twin| evaluated && state_field(twin).is_some());
    match (&node.value, twin) {
        (NodeValue::String(text), _) if text.trim().parse::<i64>().is_ok() => finding
            .help(format!("Write {} without quotes.", text.trim()))
            .maybe_mend(retyped(node, "Integer")),
        (NodeValue::String(text), Some(twin)) if !jsonata && text.starts_with('$') => finding
            .help(format!("A path belongs into \"{twin}\"."))
            .mend(Mend::likely(format!("Rename the field to \"{twin}\"")).rename(node, twin)),
        (NodeValue::String(_), _) if jsonata && evaluated => {
            finding.help("Write a whole number, or an expression in {% %}.")
        }
        (NodeValue::Number(number), _) => finding.help(format!("{number} is no whole number.")),
        _ => finding.help(format!(
            "Write a whole number; this is {}.",
            with_article(node.kind())
        )),
    }
}

pub(super) fn number(context: &mut Context<'_>, place: &Place<'_>, node: &Node, min: i32, max: Option<i32>) {
    if node.as_str().is_some_and(has_substitution) {
        return;
    }
    let Some(value) = node.as_number().and_then(serde_json::Number::as_f64) else {
        // AWS says Integer of percentages, too.
        wrong_type(
            context,
            place,
            node,
            if max.is_some() { "Integer" } else { "Number" },
        );
        return;
    };
    if value < f64::from(min) {
        context.schema(place, format!("Minimum value is {min}"));
    } else if let Some(max) = max.filter(|max| value > f64::from(*max)) {
        context.schema(place, format!("Maximum value is {max}"));
    }
}

pub(super) fn word(context: &mut Context<'_>, place: &Place<'_>, node: &Node, words: &[&'static str]) {
    let Some(text) = node.as_str() else {
        wrong_type(context, place, node, "String");
        return;
    };
    if !words.contains(&text) && !has_substitution(text) {
        let message = format!("Value should be one of the following: [{}]", words.join(", "));
        context.add(near_miss(
            Finding::schema(place, message),
            node,
            words.iter().copied(),
        ));
    }
}

pub(super) fn timestamp(context: &mut Context<'_>, place: &Place<'_>, node: &Node) {
    let Some(text) = node.as_str() else {
        wrong_type(context, place, node, "String");
        return;
    };
    if !has_substitution(text)
        && let Err(problem) = timestamps::parse(text)
    {
        let finding = Finding::schema(place, "String does not match RFC3339 timestamp");
        let path = Some(text)
            .filter(|text| text.starts_with('$'))
            .zip(place.key())
            .map(|(_, key)| format!("{key}Path"));
        context.add(match path {
            Some(twin) => finding
                .help(format!("A path belongs into \"{twin}\"."))
                .mend(Mend::likely(format!("Rename the field to \"{twin}\"")).rename(node, twin)),
            None => finding.help(problem).maybe_mend(
                timestamps::near(text)
                    .map(|near| Mend::slip(format!("Write \"{near}\""), text, &near).replace(node, near)),
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, mended, passes, state};

    #[test]
    fn numbers_have_types_and_ranges() {
        let task = |field: &str| {
            state(&format!(
                r#""Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f", {field}, "End": true"#
            ))
        };
        passes(&task(r#""TimeoutSeconds": 1"#));
        passes(&task(r#""TimeoutSeconds": "${Timeout}""#));
        for (field, message) in [
            (r#""TimeoutSeconds": 0"#, "Minimum value is 1"),
            (r#""TimeoutSeconds": 100000000"#, "Maximum value is 99999999"),
            (r#""TimeoutSeconds": 1.5"#, "Expected value of type Integer"),
            (r#""TimeoutSeconds": "1""#, "Expected value of type Integer"),
            (r#""TimeoutSeconds": null"#, "Expected value of type Integer"),
        ] {
            finds(
                &task(field),
                &format!("SCHEMA_VALIDATION_FAILED: {message} at /States/S/TimeoutSeconds"),
            );
        }
    }

    #[test]
    fn values_of_the_wrong_type_are_mended_where_one_reading_is_left() {
        let wait = |field: &str| {
            let text = state(&format!(r#""Type": "Wait", {field}, "End": true"#));
            mended(&text, "SCHEMA_VALIDATION_FAILED")["States"]["S"].to_string()
        };
        let is = |field: &str| format!(r#"{{"Type":"Wait",{field},"End":true}}"#);
        assert_eq!(wait(r#""Seconds": "5""#), is(r#""Seconds":5"#));
        assert_eq!(
            wait(r#""Seconds": "$.s""#),
            r#"{"Type":"Wait","End":true,"SecondsPath":"$.s"}"#
        );
        assert_eq!(wait(r#""SecondsPath": "s""#), is(r#""SecondsPath":"$.s""#));
        assert_eq!(
            wait(r#""Timestamp": "2030-01-01 08:00:00z""#),
            is(r#""Timestamp":"2030-01-01T08:00:00Z""#)
        );
        assert_eq!(
            wait(r#""Timestamp": "$.t""#),
            r#"{"Type":"Wait","End":true,"TimestampPath":"$.t"}"#
        );
        let end = mended(
            &state(r#""Type": "Pass", "End": "True""#),
            "SCHEMA_VALIDATION_FAILED",
        );
        assert_eq!(end["States"]["S"]["End"], true);
    }
}
