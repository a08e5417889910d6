//! Advice: what AWS takes and operators regret. Warnings and remarks, never errors.
//!
//! Advice about single states is given also where the definition has errors; advice about ways through the
//! graph only where it has none, since it would be guessing.

mod choices;
mod history;
mod loops;
mod maps;
mod plain_text;
mod retries;
mod secrets;
mod tasks;
mod variables;
mod waits;
mod wrapped_calls;

use super::context::Context;
use crate::json::spanned::{Node, NodeValue};

/// Advice about single states.
const STATE_LINTS: &[fn(&mut Context<'_>, usize)] = &[
    tasks::check_state,
    retries::check_state,
    maps::check_state,
    choices::check_state,
    waits::check_state,
    plain_text::check_state,
    secrets::check_state,
    wrapped_calls::check_state,
];

pub(super) fn check(context: &mut Context<'_>) {
    waits::check_machine(context);
    for state in 0..context.definition.states.len() {
        for lint in STATE_LINTS {
            lint(context, state);
        }
    }
    if context.has_errors() {
        return;
    }
    variables::check(context);
    loops::check(context);
    history::check(context);
}

/// Whether any text in a value fits.
fn any_text(node: &Node, fits: &impl Fn(&str) -> bool) -> bool {
    find_text(node, fits).is_some()
}

/// The first text in a value that fits.
fn find_text<'n>(node: &'n Node, fits: &impl Fn(&str) -> bool) -> Option<&'n Node> {
    match &node.value {
        NodeValue::String(text) => fits(text).then_some(node),
        NodeValue::Array(nodes) => nodes.iter().find_map(|node| find_text(node, fits)),
        NodeValue::Object(members) => members.iter().find_map(|member| find_text(&member.value, fits)),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) => None,
    }
}

/// A whole number in a field.
fn whole(node: &Node, key: &str) -> Option<i64> {
    node.get(key)?.as_number()?.as_i64()
}

/// Whether one of the fields is there.
fn has_any(node: &Node, keys: &[&str]) -> bool {
    keys.iter().any(|key| node.member(key).is_some())
}
