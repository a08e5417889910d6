//! Choices: rules that can never match, and inputs no rule matches.

use crate::checks::context::{Context, Finding};
use crate::checks::mends::Mend;
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node, NodeValue};
use crate::syntax::StateType;
use crate::syntax::place::Place;

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
            let mend = Mend::certain("Remove the rule, which never matches").remove(rule);
            context.add(
                Finding::new(Code::ChoiceUnreachableRule, &list.element(number, rule), message)
                    .help(help)
                    .maybe_mend((rules.len() > 1).then_some(mend)),
            );
        }
    }
    if !state.is_jsonata() {
        missing_variables(context, &list, rules);
    }
    if state.node().member("Default").is_none() && !is_complete(rules) {
        let message = format!("Choice '{}' has no Default", state.name());
        let help = "An input no rule matches fails the execution. Add \"Default\".";
        context.add(Finding::new(Code::ChoiceNoDefault, &place, message).help(help));
    }
}

/// A comparison with what another rule here takes for possibly missing: AWS fails the execution with States.Runtime when a
/// compared path leads nowhere. Rules are asked in order, and in an `And` what is left of a comparison guards it.
fn missing_variables(context: &mut Context<'_>, list: &Place<'_>, rules: &[Node]) {
    let mut doubted: Vec<&str> = Vec::new();
    for rule in rules {
        asked_for(rule, &mut doubted);
    }
    if doubted.is_empty() {
        return;
    }
    let mut certain: Vec<&str> = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let found = unguarded(rule, &doubted, &mut certain.clone());
        if let Some(member) = found {
            // One remark for each path.
            doubted.retain(|path| member.value.as_str() != Some(*path));
            let path = member.value.as_str().unwrap_or_default();
            let place = list.element(number, rule);
            let message = format!("{path} is compared before it is known to be there");
            let help = format!(
                "Another rule asks whether it is present; if it is not, this one fails with States.Runtime. Put \
                 {{\"Variable\": \"{path}\", \"IsPresent\": true}} before it in an \"And\"."
            );
            context.add(
                Finding::new(Code::ChoiceMissingVariable, &place, message)
                    .at_span(member.value.span)
                    .help(help),
            );
        }
        // Whoever comes past `IsPresent: false` has the value.
        if let Some(path) = presence(rule, false) {
            certain.push(path);
        }
    }
}

/// The path a rule asks for by `IsPresent` alone, with this answer.
fn presence(rule: &Node, answer: bool) -> Option<&str> {
    if let Some(inner) = rule.get("Not") {
        return presence(inner, !answer);
    }
    let is = rule.get("IsPresent")?.as_bool()?;
    (is == answer).then(|| rule.get("Variable")?.as_str())?
}

/// Every path asked for by `IsPresent` in a rule.
fn asked_for<'n>(rule: &'n Node, found: &mut Vec<&'n str>) {
    if rule.member("IsPresent").is_some() {
        found.extend(rule.get("Variable").and_then(Node::as_str));
    }
    for inner in inner_rules(rule) {
        asked_for(inner, found);
    }
}

fn inner_rules(rule: &Node) -> impl Iterator<Item = &Node> {
    let lists = ["And", "Or"]
        .into_iter()
        .filter_map(|key| rule.get(key)?.as_array())
        .flatten();
    lists.chain(rule.get("Not"))
}

/// The first comparison with a doubted path that nothing before it guards; its `Variable`. What is certain behind the rule if
/// it matched is added to `certain`.
fn unguarded<'n>(rule: &'n Node, doubted: &[&str], certain: &mut Vec<&'n str>) -> Option<&'n Member> {
    if let Some(rules) = rule.get("And").and_then(Node::as_array) {
        return rules.iter().find_map(|rule| unguarded(rule, doubted, certain));
    }
    if let Some(rules) = rule.get("Or").and_then(Node::as_array) {
        let mut before = certain.clone();
        return rules.iter().find_map(|rule| {
            let found = unguarded(rule, doubted, &mut before.clone());
            before.extend(presence(rule, false));
            found
        });
    }
    if let Some(path) = presence(rule, true) {
        certain.push(path);
        return None;
    }
    if let Some(inner) = rule.get("Not") {
        return unguarded(inner, doubted, &mut certain.clone());
    }
    let member = rule.member("Variable")?;
    let path = member.value.as_str()?;
    let asks_for_presence = rule.member("IsPresent").is_some();
    (!asks_for_presence && doubted.contains(&path) && !certain.contains(&path)).then_some(member)
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
    let count = |members: &[Member]| members.iter().filter(|member| decides(&member.key)).count();
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
    use crate::checks::tests::{advises, does_not_advise, machine, mended};

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
    fn a_rule_that_never_matches_is_removed() {
        let rule = r#"{"Variable": "$.x", "IsPresent": true, "Next": "Z"}"#;
        let after = mended(&choice(&format!("{rule}, {rule}"), ""), "CHOICE_UNREACHABLE_RULE");
        assert_eq!(after["States"]["C"]["Choices"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_comparison_with_what_may_be_missing_is_doubted_where_nothing_guards_it() {
        let is = r#"{"Variable": "$.x", "StringEquals": "a", "Next": "Z"}"#;
        let absent = r#"{"Variable": "$.x", "IsPresent": false, "Next": "Z"}"#;
        let bare = |text: &str| text.replace(r#", "Next": "Z""#, "");
        let present = bare(absent).replace("false", "true");
        let and = |rules: &[&str]| format!(r#"{{"And": [{}], "Next": "Z"}}"#, rules.join(", "));
        let not = format!(r#"{{"Not": {present}, "Next": "Z"}}"#);
        for wrong in [
            format!("{is}, {absent}"),
            and(&[&bare(is), &present]),
            format!("{}, {is}", and(&[&present, &bare(is)])),
        ] {
            advises(&choice(&wrong, r#", "Default": "Z""#), "CHOICE_MISSING_VARIABLE");
        }
        for right in [
            format!("{absent}, {is}"),
            format!("{not}, {is}"),
            and(&[&present, &bare(is)]),
            is.to_owned(),
            format!(r#"{{"Or": [{}, {}], "Next": "Z"}}"#, bare(absent), bare(is)),
        ] {
            does_not_advise(&choice(&right, r#", "Default": "Z""#), "CHOICE_MISSING_VARIABLE");
        }
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
