//! Payload templates: in JSONPath states keys ending in `.$` hold a path or an intrinsic call; in JSONata
//! states every text in `{% %}` is an expression.

use super::context::{Context, Finding};
use super::expressions::{self, Slot};
use super::mends::Mend;
use super::path_fields;
use crate::diagnostic::{Code, Confidence};
use crate::intrinsics::Call;
use crate::json::spanned::{Member, Node, NodeValue, Span};
use crate::suggest;
use crate::syntax::definition::State;
use crate::syntax::has_substitution;
use crate::syntax::place::Place;

pub(super) fn check(context: &mut Context<'_>, state: usize, place: &Place<'_>, node: &Node, slot: Slot) {
    if context.state(state).is_some_and(State::is_jsonata) {
        expressions::value(context, state, place, node, slot);
    } else {
        jsonpath(context, state, place, place, node);
    }
}

/// `field` is the template as a whole: AWS reports faults of a key at the field, not at the key.
fn jsonpath(context: &mut Context<'_>, state: usize, field: &Place<'_>, place: &Place<'_>, node: &Node) {
    match &node.value {
        NodeValue::Object(members) => {
            for member in members {
                if let Some(plain) = member.key.strip_suffix(".$") {
                    dynamic(context, state, field, &place.member(member), member);
                    if let Some(twin) = members.iter().find(|other| &*other.key == plain) {
                        context.add(twice(field, plain, twin, member));
                    }
                } else {
                    literal(context, &place.member(member), member);
                    jsonpath(context, state, field, &place.member(member), &member.value);
                }
            }
        }
        NodeValue::Array(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                jsonpath(context, state, field, &place.element(index, node), node);
            }
        }
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => {}
    }
}

fn twice(field: &Place<'_>, plain: &str, twin: &Member, member: &Member) -> Finding {
    let later = if twin.key_span.start > member.key_span.start {
        twin.key_span
    } else {
        member.key_span
    };
    Finding::schema(field, format!("Duplicate field '{plain}'"))
        .at_span(later)
        .help(format!(
            "\"{plain}\" and \"{plain}.$\" both set {plain}; keep one."
        ))
}

/// A key ending in `.$`.
fn dynamic(context: &mut Context<'_>, state: usize, field: &Place<'_>, place: &Place<'_>, member: &Member) {
    let problem = match member.value.as_str() {
        None => Problem::plain(format!("The value of \"{}\" must be a string.", member.key)),
        Some(text) if has_substitution(text) => return,
        Some(text) if text.starts_with('$') => match path_fields::parse_path(text) {
            Ok(query) => {
                context.read_query(state, place, &query, text);
                return;
            }
            Err(problem) => Problem::plain(format!("\"{text}\": {problem}.")),
        },
        Some(text) if text.starts_with("States.") => match parse_call(text) {
            Ok(call) => {
                context.read_call(state, place, &call, text);
                return;
            }
            Err(problem) => problem,
        },
        Some(text) => no_path(member, text),
    };
    let message = format!(
        "The value for the field '{}' must be a valid JSONPath or a valid intrinsic function call",
        member.key
    );
    let finding = Finding::schema(field, message).at_span(member.key_span);
    context.add(problem.explain(finding, member.value.span));
}

/// What is wrong with a path or a call, and what was meant.
pub(super) struct Problem {
    help: String,
    mend: Option<Mend>,
    /// The text to write instead.
    meant: Option<(String, Confidence)>,
}

impl Problem {
    fn plain(help: String) -> Self {
        Self {
            help,
            mend: None,
            meant: None,
        }
    }

    /// Adds help and mend to a finding about the text at `span`.
    pub(super) fn explain(self, finding: Finding, span: Span) -> Finding {
        let meant = self.meant.map(|(text, confidence)| {
            let title = format!("Write \"{text}\"");
            let mend = match confidence {
                Confidence::Certain => Mend::certain(title),
                Confidence::Likely => Mend::likely(title),
            };
            mend.replace_at(span, text)
        });
        finding.help(self.help).maybe_mend(self.mend.or(meant))
    }
}

/// Text under a key ending in `.$` that is neither a path nor a call.
fn no_path(member: &Member, text: &str) -> Problem {
    let plain = member.key.trim_end_matches(".$");
    let trimmed = text.trim();
    let prefixed = format!("States.{trimmed}");
    let is_call = |text: &str| text.starts_with("States.") && parse_call(text).is_ok();
    let is_path = |text: &str| path_fields::parse_path(text).is_ok();
    let mut problem = Problem::plain(format!(
        "\"{text}\" is neither a path ($…) nor a call (States.…). For literal text name the key \"{plain}\"."
    ));
    if trimmed != text && (is_path(trimmed) || is_call(trimmed)) {
        problem.help = format!("Nothing may stand before {trimmed}.");
        problem.meant = Some((trimmed.to_owned(), Confidence::Certain));
    } else if is_call(&prefixed) {
        problem.help = format!("Did you mean {prefixed}?");
        problem.meant = Some((prefixed, Confidence::Certain));
    } else {
        problem.mend = Some(
            Mend::likely(format!("Rename \"{}\" to \"{plain}\"", member.key)).rename(&member.value, plain),
        );
    }
    problem
}

/// Parses an intrinsic call; an error names the function that was meant.
pub(super) fn parse_call(text: &str) -> Result<Call, Problem> {
    let call = Call::parse(text).map_err(|error| {
        let name = text.split('(').next().unwrap_or_default().trim();
        match suggest::nearest(name, INTRINSICS.iter().copied()) {
            Some(near) if !INTRINSICS.contains(&name) => {
                let meant = text.replacen(name, near, 1);
                let confidence = if near.eq_ignore_ascii_case(name) {
                    Confidence::Certain
                } else {
                    Confidence::Likely
                };
                let is_whole = Call::parse(&meant).is_ok_and(|call| call.wrong_literal().is_none());
                Problem {
                    help: format!("{name} is not an intrinsic function. Did you mean {near}?"),
                    mend: None,
                    meant: is_whole.then_some((meant, confidence)),
                }
            }
            _ => Problem::plain(format!("{error}.")),
        }
    })?;
    match call.wrong_literal() {
        Some(problem) => Err(Problem::plain(format!("{problem}."))),
        None => Ok(call),
    }
}

/// The intrinsic functions, for suggestions.
const INTRINSICS: &[&str] = &[
    "States.Array",
    "States.ArrayContains",
    "States.ArrayGetItem",
    "States.ArrayLength",
    "States.ArrayPartition",
    "States.ArrayRange",
    "States.ArrayUnique",
    "States.Base64Decode",
    "States.Base64Encode",
    "States.Format",
    "States.Hash",
    "States.JsonMerge",
    "States.JsonToString",
    "States.MathAdd",
    "States.MathRandom",
    "States.StringSplit",
    "States.StringToJson",
    "States.UUID",
];

/// AWS warns of text that looks like a path but stays text.
fn literal(context: &mut Context<'_>, place: &Place<'_>, member: &Member) {
    let Some(text) = member.value.as_str() else { return };
    let looks_dynamic = text.starts_with("$.")
        || text.starts_with("$$.")
        || (text.starts_with("States.") && text.ends_with(')') && text.contains('('));
    if looks_dynamic {
        let key = &member.key;
        let message = format!("The value of '{key}' looks like a path but its key does not end with '.$'");
        let help =
            format!("It is passed on as the text \"{text}\". Name the key \"{key}.$\" to evaluate it.");
        let evaluates = path_fields::parse_path(text).is_ok() || parse_call(text).is_ok();
        let mend = Mend::likely(format!("Rename \"{key}\" to \"{key}.$\""))
            .rename(&member.value, format!("{key}.$"));
        context.add(
            Finding::new(Code::NoDollar, place, message)
                .help(help)
                .maybe_mend(evaluates.then_some(mend)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, finds, help_of, mended, passes, state};

    fn pass(parameters: &str) -> String {
        state(&format!(
            r#""Type": "Pass", "Parameters": {parameters}, "End": true"#
        ))
    }

    const BAD: &str = "must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters";

    #[test]
    fn keys_with_a_dollar_hold_paths_or_calls() {
        passes(&pass(
            r#"{"a.$": "$.x", "b": {"c.$": "States.Format('{}-{}', $.a, $$.Execution.Name)"}, "d": "x"}"#,
        ));
        passes(&pass(r#"{"a.$": "${Path}"}"#));
        for value in [
            r#""x""#,
            "1",
            r#""$.a[0""#,
            r#""States.Nope($.a)""#,
            r#""States.MathAdd(1)""#,
            r#""States.Array(""#,
        ] {
            finds(
                &pass(&format!(r#"{{"b": [{{"a.$": {value}}}]}}"#)),
                &format!("SCHEMA_VALIDATION_FAILED: The value for the field 'a.$' {BAD}"),
            );
        }
        assert!(help_of(&pass(r#"{"a.$": "States.Formt('{}', $.a)"}"#)).contains("States.Format"));
    }

    #[test]
    fn what_was_meant_is_mended() {
        let after = |parameters: &str, code: &str| {
            mended(&pass(parameters), code)["States"]["S"]["Parameters"].to_string()
        };
        let error = "SCHEMA_VALIDATION_FAILED";
        assert_eq!(after(r#"{"a.$": "x"}"#, error), r#"{"a":"x"}"#);
        assert_eq!(after(r#"{"a.$": " $.x"}"#, error), r#"{"a.$":"$.x"}"#);
        assert_eq!(after(r#"{"a.$": "UUID()"}"#, error), r#"{"a.$":"States.UUID()"}"#);
        assert_eq!(
            after(r#"{"a.$": "States.format('{}', $.x)"}"#, error),
            r#"{"a.$":"States.Format('{}', $.x)"}"#
        );
        assert_eq!(after(r#"{"a": "$.x"}"#, "NO_DOLLAR"), r#"{"a.$":"$.x"}"#);
        assert_eq!(
            after(
                r#"{"a.$": "States.Array($$.Execution.Nmae)"}"#,
                "CONTEXT_FIELD_UNKNOWN"
            ),
            r#"{"a.$":"States.Array($$.Execution.Name)"}"#
        );
    }

    #[test]
    fn calls_nested_deeper_than_documented_are_doubted() {
        let nested = |depth: usize| {
            let call = format!("{}1{}", "States.Array(".repeat(depth), ")".repeat(depth));
            pass(&format!(r#"{{"a.$": "{call}"}}"#))
        };
        advises(&nested(11), "INTRINSIC_NESTING");
        does_not_advise(&nested(10), "INTRINSIC_NESTING");
    }

    #[test]
    fn what_a_call_or_a_path_names_is_doubted() {
        advises(
            &pass(r#"{"a.$": "States.Format('{} {}', $.x)"}"#),
            "INTRINSIC_FORMAT_ARGS",
        );
        advises(&pass(r#"{"a.$": "$$.Exection.Id"}"#), "CONTEXT_FIELD_UNKNOWN");
        advises(&pass(r#"{"a.$": "$$.Execution.Nmae"}"#), "CONTEXT_FIELD_UNKNOWN");
        for known in [
            "$$.Execution.Input.x.y",
            "$$.Map.Item.Value.z",
            "$$",
            "$$.Task.Token",
            "$$['Task']['Token']",
        ] {
            does_not_advise(
                &pass(&format!(r#"{{"a.$": "{known}"}}"#)),
                "CONTEXT_FIELD_UNKNOWN",
            );
        }
    }

    #[test]
    fn a_key_is_set_once() {
        finds(
            &pass(r#"{"a": 1, "a.$": "$.x"}"#),
            "SCHEMA_VALIDATION_FAILED: Duplicate field 'a' at /States/S/Parameters",
        );
    }

    #[test]
    fn a_path_without_a_dollar_key_is_doubted() {
        advises(&pass(r#"{"a": "$.x"}"#), "NO_DOLLAR");
    }
}
