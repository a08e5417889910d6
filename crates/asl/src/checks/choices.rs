//! Choice rules: one thing to decide by, one comparison, the right kind of operand, `Next` at the top only.

use super::context::{Context, Finding};
use super::expressions::Slot;
use super::fields::{required, unsupported, wrong_language};
use super::mends::Mend;
use super::path_fields;
use super::shapes;
use crate::json::spanned::{Member, Node};
use crate::jsonata::syntax;
use crate::suggest;
use crate::syntax::definition::State;
use crate::syntax::fields::{RULE_FIELDS, RULE_SELECTORS, Shape};
use crate::syntax::place::Place;
use crate::syntax::{QueryLanguage, StateType, has_substitution};

/// What a comparison takes.
#[derive(Clone, Copy)]
enum Operand {
    Text,
    Number,
    Boolean,
    Timestamp,
    Path,
}

/// Comparisons and what they take, in the order AWS lists them.
const COMPARISONS: &[(&str, Operand)] = &[
    ("StringEquals", Operand::Text),
    ("StringEqualsPath", Operand::Path),
    ("StringLessThan", Operand::Text),
    ("StringLessThanPath", Operand::Path),
    ("StringGreaterThan", Operand::Text),
    ("StringGreaterThanPath", Operand::Path),
    ("StringLessThanEquals", Operand::Text),
    ("StringLessThanEqualsPath", Operand::Path),
    ("StringGreaterThanEquals", Operand::Text),
    ("StringGreaterThanEqualsPath", Operand::Path),
    ("StringMatches", Operand::Text),
    ("NumericEquals", Operand::Number),
    ("NumericEqualsPath", Operand::Path),
    ("NumericLessThan", Operand::Number),
    ("NumericLessThanPath", Operand::Path),
    ("NumericGreaterThan", Operand::Number),
    ("NumericGreaterThanPath", Operand::Path),
    ("NumericLessThanEquals", Operand::Number),
    ("NumericLessThanEqualsPath", Operand::Path),
    ("NumericGreaterThanEquals", Operand::Number),
    ("NumericGreaterThanEqualsPath", Operand::Path),
    ("BooleanEquals", Operand::Boolean),
    ("BooleanEqualsPath", Operand::Path),
    ("TimestampEquals", Operand::Timestamp),
    ("TimestampEqualsPath", Operand::Path),
    ("TimestampLessThan", Operand::Timestamp),
    ("TimestampLessThanPath", Operand::Path),
    ("TimestampGreaterThan", Operand::Timestamp),
    ("TimestampGreaterThanPath", Operand::Path),
    ("TimestampLessThanEquals", Operand::Timestamp),
    ("TimestampLessThanEqualsPath", Operand::Path),
    ("TimestampGreaterThanEquals", Operand::Timestamp),
    ("TimestampGreaterThanEqualsPath", Operand::Path),
    ("IsNull", Operand::Boolean),
    ("IsPresent", Operand::Boolean),
    ("IsNumeric", Operand::Boolean),
    ("IsString", Operand::Boolean),
    ("IsBoolean", Operand::Boolean),
    ("IsTimestamp", Operand::Boolean),
];

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context
        .state(index)
        .filter(|state| state.kind == Some(StateType::Choice))
    else {
        return;
    };
    let Some(choices) = state.node().member("Choices") else {
        return;
    };
    let place = state.place();
    let place = place.member(choices);
    for (number, rule) in choices.value.as_array().unwrap_or_default().iter().enumerate() {
        let at = place.element(number, rule);
        if rule.as_object().is_none() {
            shapes::wrong_type(context, &at, rule, "Object");
            continue;
        }
        if rule.member("End").is_some() && rule.member("Next").is_none() {
            let finding = Finding::schema(&at, "These fields are required: [Next]");
            context.add(
                finding.help(
                    "A rule leads to a state: use \"Next\" instead of \"End\", and let that state end.",
                ),
            );
        } else {
            required(context, rule, &at, &["Next"]);
        }
        check_rule(context, index, state, &at, rule, Level::Top);
    }
}

/// Only a top-level rule leads somewhere.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Top,
    Nested,
}

fn check_rule(
    context: &mut Context<'_>,
    index: usize,
    state: &State<'_>,
    place: &Place<'_>,
    rule: &Node,
    level: Level,
) {
    let members = rule.as_object().unwrap_or_default();
    // `End` in the place of `Next` has been reported as the `Next` that is missing.
    let ends = level == Level::Top && rule.member("Next").is_none();
    for member in members.iter().filter(|member| !(ends && &*member.key == "End")) {
        check_member(context, index, place, rule, member, level);
    }
    if state.is_jsonata() {
        let has_jsonpath = members.iter().any(|member| is_jsonpath_only(&member.key));
        if rule.member("Condition").is_none() && !has_jsonpath && !has_slip_of_selector(members) {
            context.schema(place, "These fields are required: [Condition]");
        }
        return;
    }
    if rule.member("Condition").is_some() {
        // Reported as a field of the other language.
        return;
    }
    let selectors: Vec<&str> = RULE_SELECTORS
        .iter()
        .copied()
        .filter(|key| rule.member(key).is_some())
        .collect();
    let comparisons: Vec<&str> = COMPARISONS
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| rule.member(key).is_some())
        .collect();
    match (selectors.as_slice(), comparisons.as_slice()) {
        (["Variable"], []) => {
            let names: Vec<&str> = COMPARISONS.iter().map(|(key, _)| *key).collect();
            let slip = members.iter().any(|member| is_unknown(&member.key));
            if !slip {
                let message = format!(
                    "This object should have only one of the following fields: [{}]",
                    names.join(", ")
                );
                context
                    .add(Finding::schema(place, message).help("Add a comparison, such as \"StringEquals\"."));
            }
        }
        (["Variable"], [_]) => {}
        (["Variable"], several) => {
            let message = format!(
                "There should only be one of the following fields: [{}]",
                several.join(", ")
            );
            context.add(
                Finding::schema(place, message)
                    .help("Put each comparison in a rule of its own inside \"And\"."),
            );
        }
        ([_], []) => {}
        ([one], [comparison, ..]) => {
            let message = selector_message();
            let help =
                format!("\"{comparison}\" compares a \"Variable\"; move it into a rule inside \"{one}\".");
            context.add(Finding::schema(place, message).help(help));
        }
        ([], _) if has_slip_of_selector(members) => {}
        (none_or_several, _) => {
            let help = if none_or_several.is_empty() {
                "Add \"Variable\" and a comparison."
            } else {
                "Keep one of them."
            };
            context.add(Finding::schema(place, selector_message()).help(help));
        }
    }
}

/// Whether an unknown field was meant to be what the rule decides by: reported with the name that was meant.
fn has_slip_of_selector(members: &[Member]) -> bool {
    let known = || RULE_SELECTORS.iter().chain(RULE_FIELDS).copied();
    members
        .iter()
        .filter(|member| is_unknown(&member.key))
        .filter_map(|member| suggest::nearest(&member.key, known()))
        .any(|near| RULE_SELECTORS.contains(&near))
}

fn selector_message() -> String {
    format!(
        "The object must have only one of the following fields, [{}]",
        RULE_SELECTORS.join(", ")
    )
}

fn is_jsonpath_only(key: &str) -> bool {
    (RULE_SELECTORS.contains(&key) && key != "Condition") || operand(key).is_some()
}

fn is_unknown(key: &str) -> bool {
    !RULE_SELECTORS.contains(&key) && !RULE_FIELDS.contains(&key) && operand(key).is_none()
}

fn operand(key: &str) -> Option<Operand> {
    COMPARISONS
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, operand)| *operand)
}

fn check_member(
    context: &mut Context<'_>,
    index: usize,
    place: &Place<'_>,
    rule: &Node,
    member: &Member,
    level: Level,
) {
    let Some(state) = context.state(index) else { return };
    let at = place.member(member);
    let node = &member.value;
    let jsonata = state.is_jsonata();
    match &*member.key {
        "Comment" => shapes::text(context, &at, node),
        "Next" if level == Level::Top => shapes::text(context, &at, node),
        "Assign" if level == Level::Top => {
            shapes::check(context, index, &at, node, Shape::Assignments, Slot::Input);
        }
        "Output" if level == Level::Top && jsonata => {
            shapes::check(context, index, &at, node, Shape::Template, Slot::Input);
        }
        "Output" if level == Level::Top => {
            other_language(context, state, place, member, QueryLanguage::Jsonata);
        }
        "Condition" if jsonata && level == Level::Top => condition(context, index, &at, node),
        "Condition" if !jsonata => other_language(context, state, place, member, QueryLanguage::Jsonata),
        // The rule is of the wrong language once: its selector says so, its comparison stays silent.
        key if jsonata && is_jsonpath_only(key) => {
            if operand(key).is_none() {
                other_language(context, state, place, member, QueryLanguage::JsonPath);
            }
        }
        "Variable" => variable(context, index, &at, node),
        "And" | "Or" => {
            shapes::array(context, &at, node, true);
            for (number, rule) in node.as_array().unwrap_or_default().iter().enumerate() {
                nested(context, index, state, &at.element(number, rule), rule);
            }
        }
        "Not" => nested(context, index, state, &at, node),
        key => match operand(key) {
            Some(operand) => check_operand(context, index, &at, node, operand),
            None => context.add(unknown_field(place, rule, member)),
        },
    }
}

fn unknown_field(place: &Place<'_>, rule: &Node, member: &Member) -> Finding {
    let comparisons = COMPARISONS.iter().map(|(name, _)| *name);
    let known = comparisons
        .chain(RULE_SELECTORS.iter().copied())
        .chain(RULE_FIELDS.iter().copied());
    let finding = unsupported(place, rule, member, known);
    if &*member.key == "Next" {
        return finding.help("Only the rule as a whole leads somewhere; move \"Next\" out to it.");
    }
    finding
}

fn nested(context: &mut Context<'_>, index: usize, state: &State<'_>, place: &Place<'_>, rule: &Node) {
    if rule.as_object().is_none() {
        shapes::wrong_type(context, place, rule, "Object");
        return;
    }
    check_rule(context, index, state, place, rule, Level::Nested);
}

fn other_language(
    context: &mut Context<'_>,
    state: &State<'_>,
    place: &Place<'_>,
    member: &Member,
    only: QueryLanguage,
) {
    if state.language.certain {
        context.add(wrong_language(place, member, only, StateType::Choice));
    }
}

fn condition(context: &mut Context<'_>, index: usize, place: &Place<'_>, node: &Node) {
    match node.as_str() {
        Some(text) if text.starts_with("{%") => {
            super::expressions::text(context, index, place, text, Slot::Input);
        }
        Some(text) if has_substitution(text) => {}
        _ if node.as_bool().is_some() => {}
        _ => {
            let finding = Finding::schema(place, "JSONata string must start with {% and end with %}");
            context.add(
                finding
                    .help("A condition is an expression: \"{% $states.input.x > 1 %}\".")
                    .maybe_mend(in_braces(node)),
            );
        }
    }
}

/// `x > 1` → `{% x > 1 %}`, if that is an expression.
fn in_braces(node: &Node) -> Option<Mend> {
    let text = node.as_str()?.trim();
    syntax::parse(text).ok()?;
    let braced = format!("{{% {text} %}}");
    Some(Mend::likely(format!("Write \"{braced}\"")).replace(node, braced))
}

fn variable(context: &mut Context<'_>, index: usize, place: &Place<'_>, node: &Node) {
    match node.as_str() {
        Some(text) if has_substitution(text) => {}
        Some(text) if !text.starts_with('$') => {
            let message = "Value is not a Reference Path: Reference path didn't start with '$'";
            let finding = Finding::schema(place, message).maybe_mend(path_fields::with_dollar(node, text));
            context.add(finding.help(format!("Did you mean \"$.{text}\"?")));
        }
        Some(_) => path_fields::path(context, index, place, node, false),
        None => shapes::text(context, place, node),
    }
}

fn check_operand(context: &mut Context<'_>, index: usize, place: &Place<'_>, node: &Node, operand: Operand) {
    match operand {
        Operand::Text => shapes::text(context, place, node),
        Operand::Number => {
            if node.as_number().is_none() && !node.as_str().is_some_and(has_substitution) {
                shapes::wrong_type(context, place, node, "Number");
            }
        }
        Operand::Boolean => {
            if node.as_bool().is_none() && !node.as_str().is_some_and(has_substitution) {
                shapes::wrong_type(context, place, node, "Boolean");
            }
        }
        Operand::Timestamp => shapes::timestamp(context, place, node),
        Operand::Path => variable(context, index, place, node),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, machine, mended, passes};

    fn choice(rule: &str) -> String {
        let states = format!(
            r#""C": {{"Type": "Choice", "Choices": [{rule}], "Default": "Z"}}, "Z": {{"Type": "Succeed"}}"#
        );
        machine("", &states)
    }

    #[test]
    fn rules_that_decide_by_one_thing_pass() {
        for rule in [
            r#"{"Variable": "$.x", "IsPresent": true, "Next": "Z"}"#,
            r#"{"Variable": "$.x[0]", "NumericEquals": 1.5, "Next": "Z", "Assign": {"a": 1}}"#,
            r#"{"Variable": "$v.x", "StringEqualsPath": "$.y", "Next": "Z", "Comment": "c"}"#,
            r#"{"And": [{"Not": {"Variable": "$.x", "IsNull": true}}], "Next": "Z"}"#,
            r#"{"Variable": "$.x", "TimestampEquals": "2030-01-01T00:00:00Z", "Next": "Z"}"#,
        ] {
            passes(&choice(rule));
        }
    }

    #[test]
    fn rules_that_decide_by_nothing_or_by_two_things_do_not() {
        for (rule, message) in [
            (
                r#"{"Next": "Z"}"#,
                "The object must have only one of the following fields, [And, Or, Not, Variable, Condition] at \
                 /States/C/Choices[0]",
            ),
            (
                r#"{"Variable": "$.x", "StringEquals": "a", "NumericEquals": 1, "Next": "Z"}"#,
                "There should only be one of the following fields: [StringEquals, NumericEquals] at \
                 /States/C/Choices[0]",
            ),
            (
                r#"{"Variable": "$.x", "Next": "Z"}"#,
                "This object should have only one of the following fields: [",
            ),
            (
                r#"{"Variable": "$.x", "IsNull": true}"#,
                "These fields are required: [Next] at /States/C/Choices[0]",
            ),
            (
                r#"{"Not": {"Variable": "$.x", "IsNull": true, "Next": "Z"}, "Next": "Z"}"#,
                "Field 'Next' is not supported at /States/C/Choices[0]/Not",
            ),
            (
                r#"{"And": [], "Next": "Z"}"#,
                "Value cannot be empty at /States/C/Choices[0]/And",
            ),
            (
                r#"{"Condition": "{% true %}", "Next": "Z"}"#,
                "The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported for the 'JSONata'",
            ),
        ] {
            finds(&choice(rule), &format!("SCHEMA_VALIDATION_FAILED: {message}"));
        }
    }

    #[test]
    fn operands_fit_their_operators() {
        for (comparison, message) in [
            (
                r#""NumericEquals": "1""#,
                "Expected value of type Number at /States/C/Choices[0]/NumericEquals",
            ),
            (
                r#""StringEquals": 1"#,
                "Expected value of type String at /States/C/Choices[0]/StringEquals",
            ),
            (
                r#""IsNull": "true""#,
                "Expected value of type Boolean at /States/C/Choices[0]/IsNull",
            ),
            (
                r#""TimestampEquals": "now""#,
                "String does not match RFC3339 timestamp at /States/C/Choices[0]",
            ),
            (
                r#""StringEqualsPath": "x""#,
                "Value is not a Reference Path: Reference path didn't start with '$' at",
            ),
        ] {
            let rule = format!(r#"{{"Variable": "$.x", {comparison}, "Next": "Z"}}"#);
            finds(&choice(&rule), &format!("SCHEMA_VALIDATION_FAILED: {message}"));
        }
    }

    #[test]
    fn what_was_meant_is_mended() {
        let after =
            |text: &str| mended(text, "SCHEMA_VALIDATION_FAILED")["States"]["C"]["Choices"][0].to_string();
        assert_eq!(
            after(&choice(r#"{"Variable": "x", "NumericEquals": 1, "Next": "Z"}"#)),
            r#"{"Variable":"$.x","NumericEquals":1,"Next":"Z"}"#
        );
        assert_eq!(
            after(&choice(
                r#"{"Variable": "$.x", "NumericEquals": "1", "Next": "Z"}"#
            )),
            r#"{"Variable":"$.x","NumericEquals":1,"Next":"Z"}"#
        );
        assert_eq!(
            after(&choice(
                r#"{"Variable": "$.x", "stringEquals": "1", "Next": "Z"}"#
            )),
            r#"{"Variable":"$.x","Next":"Z","StringEquals":"1"}"#
        );
        let jsonata = choice(r#"{"Condition": "$states.input.x > 1", "Next": "Z"}"#);
        assert_eq!(
            after(&jsonata.replacen('{', r#"{"QueryLanguage": "JSONata", "#, 1)),
            r#"{"Condition":"{% $states.input.x > 1 %}","Next":"Z"}"#
        );
    }

    #[test]
    fn jsonata_rules_have_a_condition() {
        let choice = |rule: &str| choice(rule).replacen('{', r#"{"QueryLanguage": "JSONata", "#, 1);
        passes(&choice(
            r#"{"Condition": "{% $states.input.x = 1 %}", "Output": 1, "Next": "Z"}"#,
        ));
        finds(
            &choice(r#"{"Variable": "$.x", "IsPresent": true, "Next": "Z"}"#),
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'Variable' is only supported \
             for the 'JSONPath' QueryLanguage at /States/C/Choices[0]",
        );
        finds(
            &choice(r#"{"Next": "Z"}"#),
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Condition]",
        );
    }
}
