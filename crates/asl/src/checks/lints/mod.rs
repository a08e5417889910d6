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
mod tasks;
mod variables;
mod waits;

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
    match &node.value {
        NodeValue::String(text) => fits(text),
        NodeValue::Array(nodes) => nodes.iter().any(|node| any_text(node, fits)),
        NodeValue::Object(members) => members.iter().any(|member| any_text(&member.value, fits)),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) => false,
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
