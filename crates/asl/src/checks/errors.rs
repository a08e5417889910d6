//! `Retry` and `Catch`: what each entry must have, and that `States.ALL` stands alone and last.

use serde_json::json;

use super::context::{Context, Finding};
use super::expressions::Slot;
use super::fields::{required, unsupported, wrong_language};
use super::mends::Mend;
use super::shapes;
use crate::json::spanned::{Member, Node};
use crate::limits::{RETRY_ATTEMPTS_MAX, RETRY_DELAY_SECONDS_MAX, SECONDS_MAX};
use crate::syntax::fields::{CATCHER_FIELDS, RETRIER_FIELDS, Shape};
use crate::syntax::place::Place;
use crate::syntax::{QueryLanguage, StateType};

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context.state(index) else { return };
    let Some(kind @ (StateType::Task | StateType::Parallel | StateType::Map)) = state.kind else {
        return;
    };
    let place = state.place();
    for key in ["Retry", "Catch"] {
        let Some(member) = state.node().member(key) else {
            continue;
        };
        let list = place.member(member);
        let entries = member.value.as_array().unwrap_or_default();
        for (number, entry) in entries.iter().enumerate() {
            let at = list.element(number, entry);
            let Some(members) = entry.as_object() else {
                shapes::wrong_type(context, &at, entry, "Object");
                continue;
            };
            let needed: &[&str] = if key == "Catch" {
                &["ErrorEquals", "Next"]
            } else {
                &["ErrorEquals"]
            };
            required(context, entry, &at, needed);
            for member in members {
                if key == "Catch" {
                    catcher_field(context, index, kind, &at, entry, member);
                } else {
                    retrier_field(context, &at, entry, member);
                }
            }
            error_equals(context, &at, entry, number, entries);
        }
    }
}

fn retrier_field(context: &mut Context<'_>, place: &Place<'_>, entry: &Node, member: &Member) {
    let at = place.member(member);
    let node = &member.value;
    let integer = |context: &mut Context<'_>, min, max| {
        shapes::integer(
            context,
            &at,
            node,
            Shape::Integer {
                min,
                max,
                evaluated: false,
            },
            false,
        );
    };
    match &*member.key {
        "ErrorEquals" => {}
        "Comment" => shapes::text(context, &at, node),
        "IntervalSeconds" => integer(context, 0, SECONDS_MAX),
        "MaxAttempts" => integer(context, 0, RETRY_ATTEMPTS_MAX),
        "MaxDelaySeconds" => integer(context, 1, RETRY_DELAY_SECONDS_MAX),
        "BackoffRate" => shapes::number(context, &at, node, 1, None),
        "JitterStrategy" => shapes::word(context, &at, node, &["NONE", "FULL"]),
        _ => context.add(unsupported(place, entry, member, RETRIER_FIELDS.iter().copied())),
    }
}

fn catcher_field(
    context: &mut Context<'_>,
    index: usize,
    kind: StateType,
    place: &Place<'_>,
    entry: &Node,
    member: &Member,
) {
    let Some(state) = context.state(index) else { return };
    let at = place.member(member);
    let node = &member.value;
    let jsonata = state.is_jsonata();
    match &*member.key {
        "ErrorEquals" => {}
        "Comment" | "Next" => shapes::text(context, &at, node),
        "Assign" => shapes::check(context, index, &at, node, Shape::Assignments, Slot::Catch),
        "ResultPath" if !jsonata => {
            shapes::check(
                context,
                index,
                &at,
                node,
                Shape::ReferencePath {
                    or_null: true,
                    writable: true,
                },
                Slot::Catch,
            );
        }
        "Output" if jsonata => shapes::check(context, index, &at, node, Shape::Template, Slot::Catch),
        "ResultPath" | "Output" => {
            let only = if jsonata {
                QueryLanguage::JsonPath
            } else {
                QueryLanguage::Jsonata
            };
            if state.language.certain {
                context.add(wrong_language(place, member, only, kind));
            }
        }
        _ => context.add(unsupported(place, entry, member, CATCHER_FIELDS.iter().copied())),
    }
}

fn error_equals(context: &mut Context<'_>, place: &Place<'_>, entry: &Node, number: usize, entries: &[Node]) {
    let Some(member) = entry.member("ErrorEquals") else {
        return;
    };
    let at = place.member(member);
    shapes::array(context, &at, &member.value, true);
    let names = member.value.as_array().unwrap_or_default();
    if let Some(index) = names.iter().position(|name| name.as_str().is_none()) {
        let help = format!("Entry {} is no string.", index + 1);
        context.add(Finding::schema(&at, "Expected value of type String").help(help));
        return;
    }
    if !names.iter().any(|name| name.as_str() == Some("States.ALL")) {
        return;
    }
    let count = entries.len();
    let alone = names.len() == 1;
    let last = number + 1 == count;
    let help = if !alone {
        "States.ALL takes every error: remove the other names, or move it to an entry of its own at the end."
            .to_owned()
    } else if !last {
        format!(
            "This is entry {} of {count}: those after it can never match. Move it to the end.",
            number + 1
        )
    } else {
        return;
    };
    // An entry that takes everything and stands last means the same without the other names.
    let mend = match (alone, last) {
        (false, true) => {
            Mend::certain("Leave only \"States.ALL\"").replace(&member.value, json!(["States.ALL"]))
        }
        (true, _) => Mend::certain("Move the entry of \"States.ALL\" to the end").move_last(entry),
        (false, false) => Mend::likely("Leave only \"States.ALL\", and move the entry to the end")
            .replace(&member.value, json!(["States.ALL"]))
            .move_last(entry),
    };
    let finding = Finding::schema(&at, "States.ALL must appear alone and at end of list");
    // Of two entries of States.ALL neither can be last by moving the other.
    let takes_all = |entry: &Node| {
        entry
            .get("ErrorEquals")
            .and_then(Node::as_array)
            .is_some_and(|names| names.iter().any(|name| name.as_str() == Some("States.ALL")))
    };
    let is_only = entries.iter().filter(|entry| takes_all(entry)).count() == 1;
    context.add(finding.help(help).maybe_mend(is_only.then_some(mend)));
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, machine, mended, passes};

    fn task(field: &str) -> String {
        let resource = r#""Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f""#;
        machine(
            "",
            &format!(r#""S": {{{resource}, {field}, "Next": "Z"}}, "Z": {{"Type": "Succeed"}}"#),
        )
    }

    #[test]
    fn sound_entries_pass() {
        passes(&task(
            r#""Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 0, "MaxAttempts": 0, "BackoffRate": 1.5,
                "MaxDelaySeconds": 1, "JitterStrategy": "FULL", "Comment": "c"}, {"ErrorEquals": ["States.ALL"]}],
               "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z", "ResultPath": "$.e", "Assign": {"a": 1}}]"#,
        ));
    }

    #[test]
    fn states_all_stands_alone_and_last() {
        let at = |entry: &str| {
            format!(
                "SCHEMA_VALIDATION_FAILED: States.ALL must appear alone and at end of list at /States/S/{entry}/ErrorEquals"
            )
        };
        finds(
            &task(r#""Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]"#),
            &at("Retry[0]"),
        );
        finds(
            &task(r#""Catch": [{"ErrorEquals": ["E", "States.ALL"], "Next": "Z"}]"#),
            &at("Catch[0]"),
        );
    }

    #[test]
    fn states_all_is_moved_to_the_end_and_left_alone() {
        let names = |list: &str, field: &str| {
            let value = mended(
                &task(&format!("{list}: {field}").replacen(list, &format!("\"{list}\""), 1)),
                "SCHEMA_VALIDATION_FAILED",
            );
            let entries = value["States"]["S"][list].as_array().unwrap().clone();
            entries
                .iter()
                .map(|entry| entry["ErrorEquals"].to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(
                "Retry",
                r#"[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]"#
            ),
            [r#"["E"]"#, r#"["States.ALL"]"#]
        );
        assert_eq!(
            names(
                "Retry",
                r#"[{"ErrorEquals": ["States.ALL", "X"]}, {"ErrorEquals": ["E"]}]"#
            ),
            [r#"["E"]"#, r#"["States.ALL"]"#]
        );
        assert_eq!(
            names("Catch", r#"[{"ErrorEquals": ["E", "States.ALL"], "Next": "Z"}]"#),
            [r#"["States.ALL"]"#]
        );
    }

    #[test]
    fn entries_have_what_they_need_and_nothing_else() {
        for (field, message) in [
            (
                r#""Retry": [{}]"#,
                "These fields are required: [ErrorEquals] at /States/S/Retry[0]",
            ),
            (
                r#""Catch": [{"ErrorEquals": ["E"]}]"#,
                "These fields are required: [Next] at /States/S/Catch[0]",
            ),
            (
                r#""Retry": [{"ErrorEquals": []}]"#,
                "Value cannot be empty at /States/S/Retry[0]/ErrorEquals",
            ),
            (
                r#""Retry": [{"ErrorEquals": [1]}]"#,
                "Expected value of type String at /States/S/Retry[0]/ErrorEquals",
            ),
            (
                r#""Retry": {}"#,
                "Expected value of type Array at /States/S/Retry",
            ),
            (
                r#""Retry": [{"ErrorEquals": ["E"], "Next": "Z"}]"#,
                "Field 'Next' is not supported at /States/S/Retry[0]",
            ),
            (
                r#""Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.5}]"#,
                "Minimum value is 1 at /States/S/Retry[0]/BackoffRate",
            ),
            (
                r#""Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "SOME"}]"#,
                "Value should be one of the following: [NONE, FULL] at /States/S/Retry[0]/JitterStrategy",
            ),
        ] {
            finds(&task(field), &format!("SCHEMA_VALIDATION_FAILED: {message}"));
        }
    }
}
