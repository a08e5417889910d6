//! Text that looks as if it were evaluated where nothing is.

use super::any_text;
use crate::checks::context::{Context, Finding};
use crate::diagnostic::Code;
use crate::json::spanned::{Node, NodeValue};
use crate::syntax::StateType;
use crate::syntax::definition::State;
use crate::syntax::place::Place;

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context.state(index) else { return };
    let place = state.place();
    match state.kind {
        Some(StateType::Pass) => pass_result(context, state, &place),
        Some(StateType::Fail) if !state.is_jsonata() => {
            for key in ["Error", "Cause"] {
                path_in(context, state.node(), &place, key);
            }
        }
        Some(StateType::Choice) if !state.is_jsonata() => {
            let Some(choices) = state.node().member("Choices") else {
                return;
            };
            let list = place.member(choices);
            for (number, rule) in choices.value.as_array().unwrap_or_default().iter().enumerate() {
                operands(context, &list.element(number, rule), rule);
            }
        }
        _ => {}
    }
    not_evaluated(context, state, &place);
}

fn looks_like_path(text: &str) -> bool {
    text.starts_with("$.") || text.starts_with("$$.") || text.starts_with("$[")
}

fn pass_result(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>) {
    let Some(member) = state.node().member("Result") else {
        return;
    };
    if any_text(&member.value, &looks_like_path) || has_dollar_key(&member.value) {
        let message = "Result is passed on as it is written; the path in it stays text";
        let help = "Use \"Parameters\" with a key that ends in \".$\".";
        context.add(Finding::new(Code::PassResultIsStatic, &place.member(member), message).help(help));
    }
}

fn has_dollar_key(node: &Node) -> bool {
    match &node.value {
        NodeValue::Object(members) => members
            .iter()
            .any(|member| member.key.ends_with(".$") || has_dollar_key(&member.value)),
        NodeValue::Array(nodes) => nodes.iter().any(has_dollar_key),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => false,
    }
}

fn path_in(context: &mut Context<'_>, node: &Node, place: &Place<'_>, key: &str) {
    let Some(member) = node.member(key) else { return };
    if member.value.as_str().is_some_and(looks_like_path) {
        let message = format!("The value of '{key}' looks like a path but is taken as text");
        let help = format!("Use \"{key}Path\".");
        context.add(Finding::new(Code::NoPath, &place.member(member), message).help(help));
    }
}

/// Comparisons with a text that looks like a path.
fn operands(context: &mut Context<'_>, place: &Place<'_>, rule: &Node) {
    for member in rule.as_object().unwrap_or_default() {
        match &*member.key {
            "And" | "Or" => {
                let at = place.member(member);
                for (number, rule) in member.value.as_array().unwrap_or_default().iter().enumerate() {
                    operands(context, &at.element(number, rule), rule);
                }
            }
            "Not" => operands(context, &place.member(member), &member.value),
            key if key.starts_with("String") && !key.ends_with("Path") && key != "StringMatches" => {
                path_in(context, rule, place, key);
            }
            _ => {}
        }
    }
}

/// `{% … %}` in a JSONPath state is text.
fn not_evaluated(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>) {
    let is_expression = |text: &str| text.starts_with("{%") && text.ends_with("%}");
    let fields: &[&str] = if state.is_jsonata() {
        &[]
    } else {
        &["Parameters", "ResultSelector", "ItemSelector", "Assign", "Result"]
    };
    for member in fields.iter().filter_map(|key| state.node().member(key)) {
        if any_text(&member.value, &is_expression) {
            let message = "A JSONPath state does not evaluate {% %}";
            let help = "Set \"QueryLanguage\": \"JSONata\" on the state.";
            context.add(Finding::new(Code::JsonataInPlainField, &place.member(member), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, machine, state};

    #[test]
    fn paths_where_nothing_is_evaluated_are_doubted() {
        advises(
            &state(r#""Type": "Pass", "Result": {"a": ["$.x"]}, "End": true"#),
            "PASS_RESULT_IS_STATIC",
        );
        advises(
            &state(r#""Type": "Pass", "Result": {"a.$": 1}, "End": true"#),
            "PASS_RESULT_IS_STATIC",
        );
        does_not_advise(
            &state(r#""Type": "Pass", "Result": "$5", "End": true"#),
            "PASS_RESULT_IS_STATIC",
        );
        advises(&state(r#""Type": "Fail", "Error": "$.error""#), "NO_PATH");
        advises(
            &machine(
                "",
                r#""C": {"Type": "Choice", "Default": "Z", "Choices": [{"Not": {"Variable": "$.x", "StringEquals": "$.y"}, "Next": "Z"}]},
                   "Z": {"Type": "Succeed"}"#,
            ),
            "NO_PATH",
        );
        advises(
            &state(r#""Type": "Pass", "Parameters": {"a": "{% 1 %}"}, "End": true"#),
            "JSONATA_IN_PLAIN_FIELD",
        );
    }
}
