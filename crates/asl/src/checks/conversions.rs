//! From one query language to the other, where a field has a plain twin there.

use super::mends::Mend;
use crate::json::spanned::{Member, Node};
use crate::syntax::definition::State;
use crate::syntax::fields::{Field, Shape, state_field};
use crate::syntax::{QueryLanguage, StateType};

/// A JSONPath field on a JSONata state: the same as an expression, or away with it where it says nothing.
pub(super) fn to_jsonata(member: &Member, field: &Field) -> Option<Mend> {
    let text = member.value.as_str()?;
    if matches!(field.name, "InputPath" | "OutputPath" | "ResultPath") {
        let mend = Mend::certain(format!("Remove \"{}\": it is the default", field.name));
        return (text == "$").then(|| mend.remove(&member.value));
    }
    let twin = match field.name {
        "ItemsPath" => "Items",
        name => name.strip_suffix("Path")?,
    };
    let fits = matches!(
        field.shape,
        Shape::ReferencePath { .. } | Shape::ItemsPath | Shape::PathOrIntrinsic
    );
    state_field(twin).filter(|_| fits)?;
    let expression = format!("{{% {} %}}", expression(text)?);
    let title = format!("Write \"{twin}\": \"{expression}\"");
    Some(
        Mend::likely(title)
            .replace(&member.value, expression)
            .rename(&member.value, twin),
    )
}

/// `$.a.b` → `$states.input.a.b`; only paths of plain names.
fn expression(path: &str) -> Option<String> {
    let (root, rest) = if let Some(rest) = path.strip_prefix("$$") {
        ("$states.context".to_owned(), rest)
    } else {
        let rest = path.strip_prefix('$')?;
        let end = rest.find('.').unwrap_or(rest.len());
        match rest.split_at_checked(end)? {
            ("", rest) => ("$states.input".to_owned(), rest),
            (name, rest) => (format!("${name}"), rest),
        }
    };
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let is_plain = match rest.strip_prefix('.') {
        None => rest.is_empty(),
        Some(names) => names.split('.').all(is_name),
    };
    (is_plain && (root.starts_with("$states") || is_name(root.trim_start_matches('$'))))
        .then(|| format!("{root}{rest}"))
}

/// A JSONata field on a JSONPath state: the state becomes a JSONata state, if nothing on it needs JSONPath.
pub(super) fn switch(state: &State<'_>, member: &Member) -> Option<Mend> {
    let node = state.node();
    let members = node.as_object()?;
    let needs_jsonpath = |member: &Member| {
        state_field(&member.key).is_some_and(|field| field.language == Some(QueryLanguage::JsonPath))
    };
    let first_of_its_kind = members.iter().find(|other| {
        state_field(&other.key).is_some_and(|field| field.language == Some(QueryLanguage::Jsonata))
    });
    // One mend for the state, with its first such field.
    let is_first = first_of_its_kind.is_some_and(|first| first.key_span == member.key_span);
    let is_free = is_first
        && state.kind != Some(StateType::Choice)
        && !members.iter().any(needs_jsonpath)
        && !has_dollar_keys(node)
        && !catches_into_path(node);
    let mend = Mend::likely("Make it a JSONata state");
    match node.get("QueryLanguage") {
        _ if !is_free => None,
        None => Some(mend.add(node, "QueryLanguage", QueryLanguage::Jsonata.as_str())),
        Some(written) => Some(mend.replace(written, QueryLanguage::Jsonata.as_str())),
    }
}

fn catches_into_path(state: &Node) -> bool {
    let catchers = state.get("Catch").and_then(Node::as_array).unwrap_or_default();
    catchers
        .iter()
        .any(|catcher| catcher.member("ResultPath").is_some())
}

/// Whether a template of a state's own is written in JSONPath.
fn has_dollar_keys(state: &Node) -> bool {
    ["Assign", "Credentials", "ItemSelector"]
        .iter()
        .filter_map(|key| state.get(key)?.as_object())
        .flatten()
        .any(|member| member.key.ends_with(".$"))
}
