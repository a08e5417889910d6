//! Fields that hold a path: any JSONPath, one that names one place, or one in whose place a function may stand.

use super::context::{Context, Finding};
use super::mends::Mend;
use super::templates;
use crate::json::spanned::{Node, NodeValue};
use crate::paths::{Query, ReferencePath, Root};
use crate::syntax::has_substitution;
use crate::syntax::place::Place;

/// A JSONPath on the input, the context object or a variable.
pub(super) fn path(context: &mut Context<'_>, state: usize, place: &Place<'_>, node: &Node, or_null: bool) {
    let Some(text) = path_text(context, place, node, or_null) else {
        return;
    };
    match parse_path(text) {
        Ok(query) => context.read_query(state, place, &query, text),
        Err(problem) => {
            let finding = Finding::schema(place, "Value must be a valid JSONPath.");
            context.add(
                finding
                    .help(path_help(text, &problem))
                    .maybe_mend(with_dollar(node, text)),
            );
        }
    }
}

fn path_text<'n>(
    context: &mut Context<'_>,
    place: &Place<'_>,
    node: &'n Node,
    or_null: bool,
) -> Option<&'n str> {
    match &node.value {
        NodeValue::Null if or_null => None,
        NodeValue::String(text) if has_substitution(text) => None,
        NodeValue::String(text) => Some(text),
        _ => {
            context.schema(place, "Value must be a valid JSONPath.");
            None
        }
    }
}

/// A path as states write it; unlike inside of templates, the `$` may not be left off.
pub(super) fn parse_path(text: &str) -> Result<Query, String> {
    if !text.starts_with('$') {
        return Err("a path starts with $".to_owned());
    }
    Query::parse(text).map_err(|error| error.to_string())
}

/// `a.b` → `$.a.b`.
pub(super) fn with_dollar(node: &Node, text: &str) -> Option<Mend> {
    let plain = text.trim();
    if plain.is_empty() || plain.starts_with('$') || plain.starts_with("States.") {
        return None;
    }
    let path = format!("$.{}", plain.trim_start_matches('.'));
    let is_path = ReferencePath::parse(&path).is_ok();
    is_path.then(|| Mend::likely(format!("Write \"{path}\"")).replace(node, path))
}

fn path_help(text: &str, problem: &str) -> String {
    if text.starts_with('$') {
        return format!("\"{text}\": {problem}.");
    }
    if text.starts_with("States.") {
        return "Intrinsic functions are not allowed in this field.".to_owned();
    }
    format!("A path starts with $: did you mean \"$.{text}\"?")
}

/// A path that names one place: `$.a.b[0]`. A place to write at (`ResultPath`) lies in the input.
pub(super) fn reference_path(
    context: &mut Context<'_>,
    state: usize,
    place: &Place<'_>,
    node: &Node,
    or_null: bool,
    writable: bool,
) {
    let Some(text) = path_text(context, place, node, or_null) else {
        return;
    };
    let query = match parse_path(text) {
        Ok(query) => query,
        Err(problem) => {
            let finding = Finding::schema(place, "Value must be a valid JSONPath.");
            context.add(
                finding
                    .help(path_help(text, &problem))
                    .maybe_mend(with_dollar(node, text)),
            );
            return;
        }
    };
    let is_wrong = if writable {
        ReferencePath::parse(text).is_err()
    } else {
        !query.path.is_definite()
    };
    if is_wrong {
        let help = if writable && query.root != Root::Input {
            format!("ResultPath puts the result into the state's input; \"{text}\" lies outside of it.")
        } else {
            format!("This field names one place; \"{text}\" can name several.")
        };
        context.add(Finding::schema(place, "Value is not a Reference Path").help(help));
        return;
    }
    context.read_query(state, place, &query, text);
}

/// Functions that give a string, for `ErrorPath` and `CausePath`.
pub(super) const STRING_INTRINSICS: &[&str] = &[
    "States.ArrayGetItem",
    "States.Base64Decode",
    "States.Base64Encode",
    "States.Format",
    "States.Hash",
    "States.JsonToString",
    "States.UUID",
];

/// Functions that give a list, for `ItemsPath`.
pub(super) const LIST_INTRINSICS: &[&str] = &[
    "States.Array",
    "States.ArrayGetItem",
    "States.ArrayPartition",
    "States.ArrayRange",
    "States.ArrayUnique",
    "States.JsonMerge",
    "States.StringSplit",
    "States.StringToJson",
];

pub(super) fn path_or_intrinsic(
    context: &mut Context<'_>,
    state: usize,
    place: &Place<'_>,
    node: &Node,
    functions: &[&str],
) {
    let Some(text) = node.as_str().filter(|text| text.starts_with("States.")) else {
        path(context, state, place, node, false);
        return;
    };
    if has_substitution(text) {
        return;
    }
    let name = text.split('(').next().unwrap_or_default();
    let message = "Value must be a valid JSONPath or a valid intrinsic function call";
    match templates::parse_call(text) {
        Err(problem) => context.add(problem.explain(Finding::schema(place, message), place.span)),
        Ok(_) if !functions.contains(&name) => {
            let help = format!(
                "{name} gives no value this field can take; use one of {}.",
                functions.join(", ")
            );
            context.add(Finding::schema(place, message).help(help));
        }
        Ok(call) => context.read_call(state, place, &call, text),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, passes, state};

    #[test]
    fn paths_must_be_paths_and_reference_paths_name_one_place() {
        let pass = |field: &str| state(&format!(r#""Type": "Pass", {field}, "End": true"#));
        for path in [
            "$",
            "$.a",
            "$.a[0]['b c']",
            "$$.Execution.Id",
            "$v.a",
            "$.a[?(@.b > 1)]",
            "$..a",
            "$.a[*]",
        ] {
            passes(&pass(&format!(r#""InputPath": "{path}""#)));
        }
        passes(&pass(r#""ResultPath": null"#));
        for (field, message) in [
            (
                r#""InputPath": "a""#,
                "Value must be a valid JSONPath. at /States/S/InputPath",
            ),
            (
                r#""InputPath": "$.a[0""#,
                "Value must be a valid JSONPath. at /States/S/InputPath",
            ),
            (
                r#""ResultPath": "$.a[*]""#,
                "Value is not a Reference Path at /States/S/ResultPath",
            ),
            (
                r#""ResultPath": "$..a""#,
                "Value is not a Reference Path at /States/S/ResultPath",
            ),
            (
                r#""ResultPath": "$v""#,
                "Value is not a Reference Path at /States/S/ResultPath",
            ),
            (
                r#""ResultPath": "$.""#,
                "Value must be a valid JSONPath. at /States/S/ResultPath",
            ),
        ] {
            finds(&pass(field), &format!("SCHEMA_VALIDATION_FAILED: {message}"));
        }
    }

    #[test]
    fn an_error_path_takes_functions_that_give_a_string() {
        passes(&state(
            r#""Type": "Fail", "ErrorPath": "States.Format('{}', $.e)", "CausePath": "$.c""#,
        ));
        finds(
            &state(r#""Type": "Fail", "ErrorPath": "States.MathAdd(1, 2)""#),
            "SCHEMA_VALIDATION_FAILED: Value must be a valid JSONPath or a valid intrinsic function call at \
             /States/S/ErrorPath",
        );
    }
}
