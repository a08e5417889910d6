//! Text that looks as if it were evaluated where nothing is.

use super::any_text;
use crate::checks::context::{Context, Finding};
use crate::checks::mends::Mend;
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node, NodeValue};
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
        context.add(
            Finding::new(Code::PassResultIsStatic, &place.member(member), message)
                .help(help)
                .maybe_mend(evaluated(state.node(), member)),
        );
    }
}

/// `Result` with paths → `Parameters` with keys that end in `.$`.
fn evaluated(state: &Node, result: &Member) -> Option<Mend> {
    if state.member("Parameters").is_some() || result.value.as_object().is_none() {
        return None;
    }
    let mend = with_dollars(Mend::likely("Evaluate it: write \"Parameters\""), &result.value);
    Some(mend.rename(&result.value, "Parameters"))
}

fn with_dollars(mut mend: Mend, node: &Node) -> Mend {
    match &node.value {
        NodeValue::Object(members) => {
            for member in members {
                mend = match member.value.as_str() {
                    Some(text) if looks_like_path(text) && !member.key.ends_with(".$") => {
                        mend.rename(&member.value, format!("{}.$", member.key))
                    }
                    _ => with_dollars(mend, &member.value),
                };
            }
            mend
        }
        NodeValue::Array(nodes) => nodes.iter().fold(mend, with_dollars),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => mend,
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
        let mend = Mend::likely(format!("Rename \"{key}\" to \"{key}Path\""));
        context.add(
            Finding::new(Code::NoPath, &place.member(member), message)
                .help(format!("Use \"{key}Path\"."))
                .mend(mend.rename(&member.value, format!("{key}Path"))),
        );
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

fn is_expression(text: &str) -> bool {
    text.starts_with("{%") && text.ends_with("%}")
}

/// Fields that are text in both languages, and the lists in which they stand.
const PLAIN_FIELDS: &[(&str, &[&str])] = &[
    ("Retry", &["ErrorEquals", "Comment"]),
    ("Catch", &["ErrorEquals", "Comment"]),
    ("Choices", &["Comment"]),
];

/// `{% … %}` in a JSONPath state is text, and in some fields of every state.
fn not_evaluated(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>) {
    let never = |context: &mut Context<'_>, at: &Place<'_>, member: &Member| {
        if any_text(&member.value, &is_expression) {
            let message = format!("{} is text; {{% %}} in it is not evaluated", member.key);
            let help = "Write the text itself.";
            context.add(Finding::new(Code::JsonataInPlainField, &at.member(member), message).help(help));
        }
    };
    if let Some(member) = state.node().member("Comment") {
        never(context, place, member);
    }
    for (list, keys) in PLAIN_FIELDS {
        let Some(list) = state.node().member(list) else {
            continue;
        };
        let at = place.member(list);
        for (index, entry) in list.value.as_array().unwrap_or_default().iter().enumerate() {
            for member in keys.iter().filter_map(|key| entry.member(key)) {
                never(context, &at.element(index, entry), member);
            }
        }
    }
    if let Some(reader) = state.node().member("ItemReader")
        && let Some(config) = reader.value.member("ReaderConfig")
        && let Some(headers) = config.value.member("CSVHeaders")
    {
        let at = place.member(reader);
        never(context, &at.member(config), headers);
    }
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
    use crate::checks::tests::{advises, does_not_advise, machine, mended, state};

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
        advises(
            &state(r#""Type": "Succeed", "QueryLanguage": "JSONata", "Comment": "{% $x %}""#),
            "JSONATA_IN_PLAIN_FIELD",
        );
    }

    #[test]
    fn what_was_meant_is_mended() {
        let s = |text: &str, code: &str| mended(text, code)["States"]["S"].to_string();
        assert_eq!(
            s(&state(r#""Type": "Fail", "Error": "$.error""#), "NO_PATH"),
            r#"{"Type":"Fail","ErrorPath":"$.error"}"#
        );
        assert_eq!(
            s(
                &state(r#""Type": "Pass", "Result": {"a": {"b": "$.x"}, "c": 1}, "End": true"#),
                "PASS_RESULT_IS_STATIC"
            ),
            r#"{"Type":"Pass","End":true,"Parameters":{"a":{"b.$":"$.x"},"c":1}}"#
        );
    }
}
