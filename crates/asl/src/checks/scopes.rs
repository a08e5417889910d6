//! Branches and item processors: `StartAt` and `States`, and nothing that belongs elsewhere.

use super::context::{Context, Finding};
use super::fields::unsupported;
use super::shapes;
use crate::json::spanned::{Member, Node};
use crate::suggest;
use crate::syntax::fields::{BRANCH_FIELDS, PROCESSOR_FIELDS, TOP_FIELDS};
use crate::syntax::has_substitution;
use crate::syntax::place::Place;

pub(super) fn check_scope(context: &mut Context<'_>, index: usize) {
    let definition = context.definition;
    let Some(scope) = definition.scopes.get(index) else {
        return;
    };
    let place = scope.place();
    if let Some(owner) = scope.owner {
        required(context, &place, scope.node);
        let allowed = if &*owner.field.key == "Branches" {
            BRANCH_FIELDS
        } else {
            PROCESSOR_FIELDS
        };
        for member in scope.node.as_object().unwrap_or_default() {
            match &*member.key {
                "Comment" => shapes::text(context, &place.member(member), &member.value),
                key if allowed.contains(&key) => {}
                key => {
                    let finding = unsupported(&place, scope.node, member, allowed.iter().copied());
                    context.add(match key {
                        "QueryLanguage" => {
                            finding.help("QueryLanguage belongs to a state or to the machine.")
                        }
                        _ => finding,
                    });
                }
            }
        }
    }
    if let Some(start) = scope.node.member("StartAt") {
        let at = place.member(start);
        shapes::text(context, &at, &start.value);
    }
    if let Some(states) = scope.node.member("States") {
        check_states(context, &place.member(states), states);
    }
}

/// `StartAt` and `States`, reported together where both are missing. A slip is reported with the name that was meant.
pub(super) fn required(context: &mut Context<'_>, place: &Place<'_>, node: &Node) {
    let missing: Vec<&str> = ["States", "StartAt"]
        .into_iter()
        .filter(|key| node.member(key).is_none() && !has_slip_of(node, key))
        .collect();
    if !missing.is_empty() {
        context.schema(
            place,
            format!("These fields are required: [{}]", missing.join(", ")),
        );
    }
}

/// Whether an unknown field of a scope was meant to be this one.
fn has_slip_of(node: &Node, key: &str) -> bool {
    let members = node.as_object().unwrap_or_default();
    members
        .iter()
        .filter(|member| !PROCESSOR_FIELDS.contains(&&*member.key) && !TOP_FIELDS.contains(&&*member.key))
        .any(|member| suggest::nearest(&member.key, TOP_FIELDS.iter().copied()) == Some(key))
}

fn check_states(context: &mut Context<'_>, place: &Place<'_>, states: &Member) {
    let Some(members) = states.value.as_object() else {
        let is_unknown = states.value.as_str().is_some_and(has_substitution);
        if !is_unknown {
            context.schema(place, "Expected value of type Object");
        }
        return;
    };
    if members.is_empty() {
        context.add(Finding::schema(place, "Value cannot be empty").help("Add at least one state."));
    }
    for member in members.iter().filter(|member| member.value.as_object().is_none()) {
        context.schema(&place.member(member), "Expected value of type Object");
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, machine, passes};

    fn parallel(branch: &str) -> String {
        machine(
            "",
            &format!(r#""A": {{"Type": "Parallel", "Branches": [{branch}], "End": true}}"#),
        )
    }

    #[test]
    fn a_branch_is_a_scope_and_takes_no_query_language() {
        passes(&parallel(
            r#"{"Comment": "c", "StartAt": "B", "States": {"B": {"Type": "Succeed"}}}"#,
        ));
        finds(
            &parallel(r#"{"StartAt": "B"}"#),
            "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /States/A/Branches[0]",
        );
        finds(
            &parallel(
                r#"{"QueryLanguage": "JSONata", "StartAt": "B", "States": {"B": {"Type": "Succeed"}}}"#,
            ),
            "SCHEMA_VALIDATION_FAILED: Field 'QueryLanguage' is not supported at /States/A/Branches[0]",
        );
    }

    #[test]
    fn states_is_an_object_of_objects() {
        finds(
            r#"{"StartAt": "A", "States": []}"#,
            "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States",
        );
        finds(
            r#"{"StartAt": "A", "States": {}}"#,
            "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States",
        );
        finds(
            &machine("", r#""A": {"Type": "Pass", "Next": "B"}, "B": 1"#),
            "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/B",
        );
    }
}
