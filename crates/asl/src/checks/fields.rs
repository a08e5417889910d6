//! Each field of a state: may it stand there, in this language, with this value; and is any missing?

use super::context::{Context, Finding};
use super::conversions;
use super::expressions::Slot;
use super::mends::Mend;
use super::shapes;
use crate::json::spanned::{Member, Node, NodeValue};
use crate::suggest;
use crate::syntax::definition::State;
use crate::syntax::fields::{self, Field, STATE_FIELDS};
use crate::syntax::place::Place;
use crate::syntax::{QueryLanguage, StateType, has_substitution};

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context.state(index) else { return };
    let place = state.place();
    if let Some(member) = state.node().member("QueryLanguage") {
        state_language(context, state, &place, member);
    }
    let Some(kind) = state_type(context, state, &place) else {
        return;
    };
    for member in state.node().as_object().unwrap_or_default() {
        check_field(context, index, kind, &place, member);
    }
    required(context, state.node(), &place, fields::required(kind));
    for group in fields::exactly_one(kind) {
        exactly_one(context, state.node(), &place, group);
    }
    for group in fields::at_most_one(kind) {
        at_most_one(context, state.node(), &place, group);
    }
}

/// The type, if it is a valid one; reports it otherwise.
fn state_type(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>) -> Option<StateType> {
    let Some(member) = state.node().member("Type") else {
        let near = state
            .node()
            .as_object()
            .unwrap_or_default()
            .iter()
            .find(|m| m.key.eq_ignore_ascii_case("Type"));
        let finding = Finding::schema(place, "These fields are required: [Type]");
        context.add(match near {
            Some(near) => finding
                .help(format!("You have \"{}\"; names are case-sensitive.", near.key))
                .mend(renamed(near, "Type")),
            None => finding,
        });
        return None;
    };
    if state.kind.is_some() {
        return state.kind;
    }
    let at = place.member(member);
    if member.value.as_str().is_some_and(has_substitution) {
        return None;
    }
    let names = StateType::ALL.map(StateType::as_str);
    let message = format!(
        "The field 'Type' should have one of these values: [{}]",
        names.join(", ")
    );
    let finding = Finding::schema(&at, message);
    context.add(near_miss(finding, &member.value, names));
    None
}

/// The word that was meant, where a text is near to one of those that may stand there.
pub(super) fn near_miss<'w>(
    finding: Finding,
    node: &Node,
    words: impl IntoIterator<Item = &'w str>,
) -> Finding {
    let Some(text) = node.as_str() else { return finding };
    match suggest::nearest(text, words) {
        Some(near) => finding.help(did_you_mean(near)).mend(respelled(node, text, near)),
        None => finding,
    }
}

/// `QueryLanguage` at the top or on a state.
pub(super) fn query_language(context: &mut Context<'_>, place: &Place<'_>, node: &Node) {
    match node.as_str() {
        Some("JSONPath" | "JSONata") => {}
        Some(text) if has_substitution(text) => {}
        Some(_) => {
            let message = "Value should be one of the following: [JSONPath, JSONata]";
            context.add(near_miss(
                Finding::schema(place, message),
                node,
                ["JSONPath", "JSONata"],
            ));
        }
        None => context.schema(place, "Expected value of type [STRING]"),
    }
}

fn state_language(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>, member: &Member) {
    query_language(context, &place.member(member), &member.value);
    let machine = context.definition.language;
    let downgrade = machine.certain
        && machine.is == QueryLanguage::Jsonata
        && state.language.is == QueryLanguage::JsonPath;
    if downgrade {
        let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
        let help = "Leave QueryLanguage off the machine and set JSONata on the states that use it.";
        context.add(Finding::schema(place, message).help(help));
    }
}

fn check_field(context: &mut Context<'_>, index: usize, kind: StateType, place: &Place<'_>, member: &Member) {
    let Some(state) = context.state(index) else { return };
    let key = &*member.key;
    let allowed = |field: &&Field| field.on.contains(&kind);
    let Some(field) = fields::state_field(key).filter(|field| field.on.contains(&kind)) else {
        let names = STATE_FIELDS.iter().filter(allowed).map(|field| field.name);
        let finding = unsupported(place, state.node(), member, names);
        let elsewhere = fields::state_field(key).map(|field| belongs_to(kind, field));
        context.add(match elsewhere {
            Some(help) => finding.help(help),
            None => finding,
        });
        return;
    };
    if let Some(language) = field.language
        && language != state.language.is
    {
        if state.language.certain {
            let mend = match language {
                QueryLanguage::JsonPath => conversions::to_jsonata(member, field),
                QueryLanguage::Jsonata => conversions::switch(state, member),
            };
            context.add(wrong_language(place, member, language, kind).maybe_mend(mend));
        }
        return;
    }
    let at = place.member(member);
    let slot = Slot::of_state_field(kind, key);
    shapes::check(context, index, &at, &member.value, field.shape, slot);
}

/// `Field 'X' is not supported`: at the object, shown at the key.
pub(super) fn unsupported<'w>(
    place: &Place<'_>,
    holder: &Node,
    member: &Member,
    known: impl IntoIterator<Item = &'w str>,
) -> Finding {
    let key = &*member.key;
    let finding = Finding::schema(place, format!("Field '{key}' is not supported")).at_span(member.key_span);
    match suggest::nearest(key, known) {
        Some(near) if holder.member(near).is_some() => finding
            .help(format!(
                "Names are case-sensitive. You also have \"{near}\": remove this one."
            ))
            .mend(Mend::likely(format!("Remove \"{key}\"")).remove(&member.value)),
        Some(near) => finding.help(did_you_mean(near)).mend(renamed(member, near)),
        None => finding.help("There is no such field here; remove it."),
    }
}

/// Another key for a member, in words.
pub(super) fn renamed(member: &Member, key: &str) -> Mend {
    Mend::slip(
        format!("Rename \"{}\" to \"{key}\"", member.key),
        &member.key,
        key,
    )
    .rename(&member.value, key)
}

/// Another text for a text that was a near miss, in words.
pub(super) fn respelled(node: &Node, text: &str, near: &str) -> Mend {
    Mend::slip(format!("Write \"{near}\" instead of \"{text}\""), text, near).replace(node, near)
}

fn belongs_to(kind: StateType, field: &Field) -> String {
    let owners: Vec<&str> = field.on.iter().map(|kind| kind.as_str()).collect();
    format!(
        "{} states do not take \"{}\"; it belongs to {}.",
        kind.as_str(),
        field.name,
        owners.join(", ")
    )
}

/// `The QueryLanguage is set to …`: at the object, shown at the key.
pub(super) fn wrong_language(
    place: &Place<'_>,
    member: &Member,
    only: QueryLanguage,
    kind: StateType,
) -> Finding {
    let is = match only {
        QueryLanguage::JsonPath => QueryLanguage::Jsonata,
        QueryLanguage::Jsonata => QueryLanguage::JsonPath,
    };
    let message = format!(
        "The QueryLanguage is set to '{}', but field '{}' is only supported for the '{}' QueryLanguage",
        is.as_str(),
        member.key,
        only.as_str()
    );
    Finding::schema(place, message)
        .at_span(member.key_span)
        .help(instead(&member.key, only, kind))
}

fn instead(key: &str, only: QueryLanguage, kind: StateType) -> String {
    if only == QueryLanguage::Jsonata {
        return format!(
            "Set \"QueryLanguage\": \"JSONata\" on this state or on the machine to use \"{key}\"."
        );
    }
    let twin = key
        .strip_suffix("Path")
        .filter(|twin| fields::state_field(twin).is_some());
    match (key, twin) {
        ("InputPath", _) => "A JSONata state reads $states.input where it needs it.".to_owned(),
        ("OutputPath" | "ResultPath" | "ResultSelector" | "Result", _) => {
            "In JSONata use \"Output\".".to_owned()
        }
        ("Parameters", _) if kind == StateType::Map => "In JSONata use \"ItemSelector\".".to_owned(),
        ("Parameters", _) if kind == StateType::Pass => "In JSONata use \"Output\".".to_owned(),
        ("Parameters", _) => "In JSONata use \"Arguments\".".to_owned(),
        ("ItemsPath", _) => "In JSONata use \"Items\".".to_owned(),
        (_, Some(twin)) => format!("In JSONata use \"{twin}\": \"{{% … %}}\"."),
        (_, None) => "This field exists in JSONPath states only.".to_owned(),
    }
}

/// `These fields are required: […]`
pub(super) fn required(context: &mut Context<'_>, node: &Node, place: &Place<'_>, keys: &[&str]) {
    let missing: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|key| node.member(key).is_none())
        .collect();
    if !missing.is_empty() {
        let written = node
            .as_object()
            .unwrap_or_default()
            .iter()
            .map(|member| &*member.key);
        let near = missing.first().and_then(|key| suggest::nearest(key, written));
        // The slip itself has been reported with the name that was meant.
        if near.is_none_or(|near| fields::state_field(near).is_some()) {
            context.schema(
                place,
                format!("These fields are required: [{}]", missing.join(", ")),
            );
        }
    }
}

fn exactly_one(context: &mut Context<'_>, node: &Node, place: &Place<'_>, group: &[&str]) {
    let present = group.iter().filter(|key| counts(node, key)).count();
    if present > 1 {
        only_one(context, place, node, group);
    } else if present == 0 {
        let slips = node
            .as_object()
            .unwrap_or_default()
            .iter()
            .map(|member| &*member.key);
        let slip = slips
            .filter(|key| fields::state_field(key).is_none())
            .any(|key| suggest::nearest(key, group.iter().copied()).is_some());
        let bad_end = group.contains(&"End") && node.get("End").is_some_and(|end| end.as_bool().is_none());
        if !slip && !bad_end {
            let message = format!(
                "This object should have only one of the following fields: [{}]",
                group.join(", ")
            );
            let help = match group {
                ["Next", "End"] => "Add \"Next\": \"<a state>\", or \"End\": true.".to_owned(),
                group => format!("Add one of {}.", group.join(", ")),
            };
            context.add(Finding::schema(place, message).help(help));
        }
    }
}

fn at_most_one(context: &mut Context<'_>, node: &Node, place: &Place<'_>, group: &[&str]) {
    if group.iter().filter(|key| node.member(key).is_some()).count() > 1 {
        only_one(context, place, node, group);
    }
}

fn only_one(context: &mut Context<'_>, place: &Place<'_>, node: &Node, group: &[&str]) {
    let message = format!(
        "There should only be one of the following fields: [{}]",
        group.join(", ")
    );
    let present: Vec<&str> = group
        .iter()
        .copied()
        .filter(|key| node.member(key).is_some())
        .collect();
    context.add(Finding::schema(place, message).help(format!("Keep one of {}.", present.join(", "))));
}

/// `"End": false` says no more than no `End` at all.
fn counts(node: &Node, key: &str) -> bool {
    match node.get(key) {
        None => false,
        Some(value) => !(key == "End" && value.value == NodeValue::Bool(false)),
    }
}

pub(super) fn did_you_mean(word: &str) -> String {
    format!("Did you mean \"{word}\"?")
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, help_of, machine, mended, passes, state};

    #[test]
    fn a_state_has_one_of_the_eight_types() {
        finds(
            &state(r#""Type": "pass", "End": true"#),
            "SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: \
             [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/S/Type",
        );
        finds(
            &state(r#""End": true"#),
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Type] at /States/S",
        );
        passes(&state(r#""Type": "${Type}", "End": true"#));
    }

    #[test]
    fn a_field_of_another_type_or_a_slip_is_not_supported() {
        let text = state(r#""Type": "Wait", "Seconds": 1, "Retry": [], "End": true"#);
        finds(
            &text,
            "SCHEMA_VALIDATION_FAILED: Field 'Retry' is not supported at /States/S",
        );
        let text = state(r#""Type": "Pass", "nxet": "A", "End": true"#);
        finds(
            &text,
            "SCHEMA_VALIDATION_FAILED: Field 'nxet' is not supported at /States/S",
        );
        assert_eq!(help_of(&text), "Did you mean \"Next\"?");
    }

    #[test]
    fn a_slip_is_one_fault_whatever_follows_from_it() {
        for (text, message) in [
            (
                r#"{"startAt": "S", "States": {"S": {"Type": "Succeed"}}}"#.to_owned(),
                "Field 'startAt' is not supported at /",
            ),
            (
                r#"{"queryLanguage": "JSONata", "StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": "{% 1 %}", "Next": "T"},
                    "T": {"Type": "Pass", "Output": "{% $states.input %}", "End": true}}}"#
                    .to_owned(),
                "Field 'queryLanguage' is not supported at /",
            ),
            (
                state(r#""Type": "Pass", "QeuryLanguage": "JSONata", "Output": 1, "End": true"#),
                "Field 'QeuryLanguage' is not supported at /States/S",
            ),
            (
                machine(
                    "",
                    r#""S": {"Type": "Choice", "Choices": [{"variable": "$.a", "IsNull": true, "Next": "T"}], "Default": "T"},
                       "T": {"Type": "Succeed"}"#,
                ),
                "Field 'variable' is not supported at /States/S/Choices[0]",
            ),
        ] {
            finds(&text, &format!("SCHEMA_VALIDATION_FAILED: {message}"));
        }
    }

    #[test]
    fn slips_of_names_and_words_are_mended() {
        let s = |text: &str| mended(text, "SCHEMA_VALIDATION_FAILED")["States"]["S"].to_string();
        assert_eq!(
            s(&state(r#""Type": "Pass", "end": true"#)),
            r#"{"Type":"Pass","End":true}"#
        );
        assert_eq!(
            s(&state(r#""type": "Pass", "End": true"#)),
            r#"{"End":true,"Type":"Pass"}"#
        );
        assert_eq!(
            s(&state(r#""Type": "pass", "End": true"#)),
            r#"{"Type":"Pass","End":true}"#
        );
        assert_eq!(
            s(&state(r#""Type": "Succeed", "QueryLanguage": "jsonpath""#)),
            r#"{"Type":"Succeed","QueryLanguage":"JSONPath"}"#
        );
    }

    #[test]
    fn fields_of_the_other_language_are_named() {
        finds(
            &state(r#""Type": "Pass", "Output": 1, "End": true"#),
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported \
             for the 'JSONata' QueryLanguage at /States/S",
        );
        let text = machine(
            r#""QueryLanguage": "JSONata","#,
            r#""S": {"Type": "Wait", "SecondsPath": "$.s", "End": true}"#,
        );
        finds(
            &text,
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'SecondsPath' is only \
             supported for the 'JSONPath' QueryLanguage at /States/S",
        );
        assert_eq!(help_of(&text), "In JSONata use \"Seconds\": \"{% … %}\".");
    }

    #[test]
    fn fields_of_the_other_language_are_mended_where_they_have_a_twin() {
        let error = "SCHEMA_VALIDATION_FAILED";
        let s = |top: &str, fields: &str| {
            let text = machine(top, &format!(r#""S": {{{fields}}}"#));
            mended(&text, error)["States"]["S"].to_string()
        };
        let jsonata = r#""QueryLanguage": "JSONata","#;
        assert_eq!(
            s(jsonata, r#""Type": "Wait", "SecondsPath": "$.s.t", "End": true"#),
            r#"{"Type":"Wait","End":true,"Seconds":"{% $states.input.s.t %}"}"#
        );
        assert_eq!(
            s(jsonata, r#""Type": "Pass", "InputPath": "$", "End": true"#),
            r#"{"Type":"Pass","End":true}"#
        );
        assert_eq!(
            s(
                "",
                r#""Type": "Pass", "Output": {"a": "{% $states.input.a %}"}, "End": true"#
            ),
            r#"{"Type":"Pass","Output":{"a":"{% $states.input.a %}"},"End":true,"QueryLanguage":"JSONata"}"#
        );
    }

    #[test]
    fn a_jsonata_machine_has_no_jsonpath_states() {
        finds(
            &machine(
                r#""QueryLanguage": "JSONata","#,
                r#""S": {"Type": "Pass", "QueryLanguage": "JSONPath", "OutputPath": "$.a", "End": true}"#,
            ),
            "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state \
             machine at /States/S",
        );
        finds(
            &state(r#""Type": "Pass", "QueryLanguage": "jsonata", "End": true"#),
            "SCHEMA_VALIDATION_FAILED: Value should be one of the following: [JSONPath, JSONata] at \
             /States/S/QueryLanguage",
        );
    }

    #[test]
    fn a_state_goes_on_or_ends_and_not_both() {
        finds(
            &machine("", r#""S": {"Type": "Pass"}, "T": {"Type": "Pass", "Next": "S"}"#)
                .replace("\"StartAt\": \"S\"", "\"StartAt\": \"T\""),
            "SCHEMA_VALIDATION_FAILED: This object should have only one of the following fields: [Next, End] at \
             /States/S",
        );
        finds(
            &machine(
                "",
                r#""S": {"Type": "Pass", "Next": "T", "End": true}, "T": {"Type": "Succeed"}"#,
            ),
            "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Next, End] at /States/S",
        );
        finds(
            &state(r#""Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": true"#),
            "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: \
             [SecondsPath, Seconds, TimestampPath, Timestamp] at /States/S",
        );
    }
}
