//! A key written twice in one object: most parsers keep the last and lose the first without a word.

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
            for (index, member) in members.iter().enumerate() {
                if is_repeated(members, index) {
                    context.add(finding(place, member, names));
                }
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

/// Whether an earlier member has the key of the one at `index`. Objects are small, or have keys of different
/// lengths: comparing beats hashing.
fn is_repeated(members: &[Member], index: usize) -> bool {
    let (Some(member), Some(before)) = (members.get(index), members.get(..index)) else {
        return false;
    };
    before.iter().any(|earlier| earlier.key == member.key)
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
