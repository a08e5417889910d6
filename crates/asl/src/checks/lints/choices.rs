//! Choices: rules that can never match, and inputs no rule matches.

use crate::checks::context::{Context, Finding};
use crate::diagnostic::Code;
use crate::json::spanned::{Node, NodeValue};
use crate::syntax::StateType;

/// What a rule does once it matches; two rules that differ in nothing else are one and the same.
const CONSEQUENCES: &[&str] = &["Next", "Comment", "Assign", "Output"];

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context
        .state(index)
        .filter(|state| state.kind == Some(StateType::Choice))
    else {
        return;
    };
    let place = state.place();
    let Some(choices) = state.node().member("Choices") else {
        return;
    };
    let rules = choices.value.as_array().unwrap_or_default();
    let list = place.member(choices);
    for (number, rule) in rules.iter().enumerate() {
        let before = rules.get(..number).unwrap_or_default();
        if let Some(first) = before.iter().position(|earlier| covers(earlier, rule)) {
            let message = format!("This rule can never match: rule {} matches first", first + 1);
            let help = "Rules are asked in order; remove this one, or move it up.";
            context.add(
                Finding::new(Code::ChoiceUnreachableRule, &list.element(number, rule), message).help(help),
            );
        }
    }
    if state.node().member("Default").is_none() && !is_complete(rules) {
        let message = format!("Choice '{}' has no Default", state.name());
        let help = "An input no rule matches fails with States.NoChoiceMatched. Add \"Default\".";
        context.add(Finding::new(Code::ChoiceNoDefault, &place, message).help(help));
    }
}

/// Whether whatever the later rule matches, the earlier one matches before.
fn covers(earlier: &Node, later: &Node) -> bool {
    is_always(earlier) || same_condition(earlier, later)
}

fn is_always(rule: &Node) -> bool {
    match rule.get("Condition").map(|condition| &condition.value) {
        Some(NodeValue::Bool(value)) => *value,
        Some(NodeValue::String(text)) => text
            .strip_prefix("{%")
            .and_then(|text| text.strip_suffix("%}"))
            .is_some_and(|text| text.trim() == "true"),
        _ => false,
    }
}

fn same_condition(left: &Node, right: &Node) -> bool {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else {
        return false;
    };
    let decides = |key: &str| !CONSEQUENCES.contains(&key);
    let count = |members: &[crate::json::spanned::Member]| {
        members.iter().filter(|member| decides(&member.key)).count()
    };
    count(left) > 0
        && count(left) == count(right)
        && left.iter().filter(|member| decides(&member.key)).all(|member| {
            right
                .iter()
                .any(|other| other.key == member.key && same(&member.value, &other.value))
        })
}

/// Equal but for where it is written.
fn same(left: &Node, right: &Node) -> bool {
    match (&left.value, &right.value) {
        (NodeValue::Array(left), NodeValue::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (NodeValue::Object(left), NodeValue::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|member| {
                    right
                        .iter()
                        .any(|other| other.key == member.key && same(&member.value, &other.value))
                })
        }
        (left, right) => left == right,
    }
}

/// Whether the rules leave nothing over: one that always matches, or one for `true` and one for `false`.
fn is_complete(rules: &[Node]) -> bool {
    const YES_OR_NO: [&str; 7] = [
        "BooleanEquals",
        "IsPresent",
        "IsNull",
        "IsBoolean",
        "IsNumeric",
        "IsString",
        "IsTimestamp",
    ];
    let decided = |rule: &Node, key: &str| {
        let variable = rule.get("Variable")?.as_str()?.to_owned();
        Some((variable, rule.get(key)?.as_bool()?))
    };
    rules.iter().any(is_always)
        || YES_OR_NO.iter().any(|key| {
            rules
                .iter()
                .filter_map(|rule| decided(rule, key))
                .any(|(variable, value)| {
                    rules
                        .iter()
                        .filter_map(|rule| decided(rule, key))
                        .any(|other| other == (variable.clone(), !value))
                })
        })
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, machine};

    fn choice(rules: &str, default: &str) -> String {
        machine(
            "",
            &format!(
                r#""C": {{"Type": "Choice", "Choices": [{rules}]{default}}}, "Z": {{"Type": "Succeed"}}"#
            ),
        )
    }

    #[test]
    fn a_rule_behind_an_equal_one_is_doubted() {
        let first = r#"{"Variable": "$.x", "IsPresent": true, "Next": "Z"}"#;
        let second = r#"{"IsPresent": true, "Variable": "$.x", "Comment": "again", "Next": "Z"}"#;
        advises(
            &choice(&format!("{first}, {second}"), ""),
            "CHOICE_UNREACHABLE_RULE",
        );
        let other = second.replace("$.x", "$.y");
        does_not_advise(
            &choice(&format!("{first}, {other}"), ""),
            "CHOICE_UNREACHABLE_RULE",
        );
    }

    #[test]
    fn rules_that_may_all_fail_want_a_default() {
        let yes = r#"{"Variable": "$.x", "BooleanEquals": true, "Next": "Z"}"#;
        advises(&choice(yes, ""), "CHOICE_NO_DEFAULT");
        does_not_advise(&choice(yes, r#", "Default": "Z""#), "CHOICE_NO_DEFAULT");
        let no = yes.replace("true", "false");
        does_not_advise(&choice(&format!("{yes}, {no}"), ""), "CHOICE_NO_DEFAULT");
    }
}
