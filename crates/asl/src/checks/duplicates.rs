//! A key written twice in one object: most parsers keep the last and lose the first without a word.

use std::collections::HashSet;

use super::context::{Context, Finding};
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node, NodeValue};
use crate::syntax::place::Place;

pub(super) fn check(context: &mut Context<'_>) {
    let root = context.definition.root;
    walk(context, &Place::written("", root.span), root, Names::Fields);
}

/// What the keys of an object are.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Fields,
    States,
}

fn walk(context: &mut Context<'_>, place: &Place<'_>, node: &Node, names: Names) {
    match &node.value {
        NodeValue::Object(members) => {
            for member in repeated(members)
                .into_iter()
                .filter_map(|index| members.get(index))
            {
                context.add(finding(place, member, names));
            }
            for member in members {
                let inner = if &*member.key == "States" {
                    Names::States
                } else {
                    Names::Fields
                };
                walk(context, &place.member(member), &member.value, inner);
            }
        }
        NodeValue::Array(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                walk(context, &place.element(index, node), node, Names::Fields);
            }
        }
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => {}
    }
}

/// Members up to which comparing each with each is faster than hashing.
const FEW_MEMBERS: usize = 24;

/// The members whose key stands before them in the same object.
fn repeated(members: &[Member]) -> Vec<usize> {
    if members.len() <= FEW_MEMBERS {
        let is_repeated = |(index, member): &(usize, &Member)| {
            members
                .iter()
                .take(*index)
                .any(|earlier| earlier.key == member.key)
        };
        return members
            .iter()
            .enumerate()
            .filter(is_repeated)
            .map(|(index, _)| index)
            .collect();
    }
    let mut seen = HashSet::with_capacity(members.len());
    members
        .iter()
        .enumerate()
        .filter(|(_, member)| !seen.insert(&member.key))
        .map(|(index, _)| index)
        .collect()
}

fn finding(place: &Place<'_>, member: &Member, names: Names) -> Finding {
    let key = &member.key;
    let at = place.member(member).shown_by_key();
    let finding = match names {
        Names::States => Finding::new(
            Code::DuplicateStateName,
            &at,
            format!("Duplicate State name: {key}"),
        ),
        Names::Fields => Finding::schema(&at, format!("Duplicate field '{key}'")),
    };
    finding.help(format!(
        "\"{key}\" is written twice in this object; only the last one would count. Rename or remove one."
    ))
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, passes};

    #[test]
    fn a_key_written_twice_is_a_fault_wherever_it_is() {
        finds(
            r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "A": {"Type": "Succeed"}}}"#,
            "DUPLICATE_STATE_NAME: Duplicate State name: A at /States/A",
        );
        finds(
            r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"x": 1, "x": 2}, "End": true}}}"#,
            "SCHEMA_VALIDATION_FAILED: Duplicate field 'x' at /States/A/Result/x",
        );
        passes(
            r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": [{"x": 1}, {"x": 2}], "End": true}}}"#,
        );
    }
}
