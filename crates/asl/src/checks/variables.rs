//! Variables: what they may be called, and that an inner scope leaves those of the outer ones alone. Whether what
//! is read has been assigned is advice: [`super::lints`].

use std::collections::BTreeMap;

use super::context::{Context, Finding};
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node, Span};
use crate::limits::VARIABLE_NAME_CHARS_MAX;
use crate::syntax::definition::{Definition, State};
use crate::syntax::has_substitution;
use crate::syntax::place::Place;

/// The names in an `Assign`. `place` is the field's.
pub(super) fn check_assign(context: &mut Context<'_>, _state: usize, place: &Place<'_>, node: &Node) {
    for member in node.as_object().unwrap_or_default() {
        let name = variable_name(member);
        let at = place.member(member).shown_by_key();
        if name == "states" {
            let message = "Cannot assign to reserved variable '$states'.";
            context.add(Finding::new(Code::ReservedVariableName, &at, message).help("Choose another name."));
            continue;
        }
        if has_substitution(name) {
            continue;
        }
        let starts_well = name.chars().next().is_some_and(char::is_alphabetic);
        if !starts_well || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            let message =
                format!("Invalid variable name '{name}': the variable name contains invalid characters.");
            let help = "A name is a letter, then letters, digits and _.";
            context.add(Finding::new(Code::InvalidVariableName, &at, message).help(help));
        } else if name.chars().count() > VARIABLE_NAME_CHARS_MAX {
            let message = format!(
                "Invalid variable name '{name}': the variable name exceeds the {VARIABLE_NAME_CHARS_MAX}-character limit."
            );
            context.add(Finding::new(Code::InvalidVariableName, &at, message));
        }
    }
}

/// The variable a member of `Assign` sets: in JSONPath states its key may end in `.$`.
pub(super) fn variable_name(member: &Member) -> &str {
    member.key.strip_suffix(".$").unwrap_or(&member.key)
}

/// One `name: value` of an `Assign`.
pub(super) struct Assignment<'c> {
    pub(super) name: &'c str,
    pub(super) location: String,
    pub(super) span: Span,
}

/// Every `Assign` of a state: its own, its catchers', its rules'.
pub(super) fn assignments<'c>(state: &'c State<'c>) -> Vec<Assignment<'c>> {
    let mut found = Vec::new();
    let place = state.place();
    if let Some(assign) = state.node().member("Assign") {
        collect(&place, assign, &mut found);
    }
    for key in ["Catch", "Choices"] {
        let Some(list) = state.node().member(key) else {
            continue;
        };
        let list_place = place.member(list);
        for (index, entry) in list.value.as_array().unwrap_or_default().iter().enumerate() {
            if let Some(assign) = entry.member("Assign") {
                collect(&list_place.element(index, entry), assign, &mut found);
            }
        }
    }
    found
}

fn collect<'c>(place: &Place<'_>, assign: &'c Member, found: &mut Vec<Assignment<'c>>) {
    let at = place.member(assign);
    for member in assign.value.as_object().unwrap_or_default() {
        let location = at.member(member).location();
        found.push(Assignment {
            name: variable_name(member),
            location,
            span: member.key_span,
        });
    }
}

/// The scope around one whose variables it can see, and the state that holds it. Children of a distributed Map are
/// executions of their own and see none.
pub(super) fn around(definition: &Definition<'_>, scope: usize) -> Option<(usize, usize)> {
    let scope = definition.scopes.get(scope)?;
    let mode = scope
        .node
        .get("ProcessorConfig")
        .and_then(|config| config.get("Mode"))
        .and_then(Node::as_str);
    let owner = scope.owner.filter(|_| mode != Some("DISTRIBUTED"))?;
    Some((definition.states.get(owner.state)?.scope, owner.state))
}

/// An inner scope may not assign a variable that a scope around it assigns.
pub(super) fn check_names(context: &mut Context<'_>) {
    let definition = context.definition;
    if definition.scopes.len() < 2 {
        return;
    }
    let mut own: Vec<BTreeMap<&str, (usize, String)>> = Vec::with_capacity(definition.scopes.len());
    for (number, scope) in definition.scopes.iter().enumerate() {
        let mut names = BTreeMap::new();
        for index in &scope.states {
            let Some(state) = context.state(*index) else {
                continue;
            };
            for assignment in assignments(state) {
                if let Some(first) = outer(definition, &own, number, assignment.name) {
                    context.add(twice(&assignment, first));
                }
                names
                    .entry(assignment.name)
                    .or_insert((*index, assignment.location));
            }
        }
        own.push(names);
    }
}

/// Where a scope around assigns the variable. What the Map or Parallel on the way assigns itself, it assigns when the
/// inner scope has ended.
fn outer<'o>(
    definition: &Definition<'_>,
    own: &'o [BTreeMap<&str, (usize, String)>],
    mut scope: usize,
    name: &str,
) -> Option<&'o str> {
    while let Some((wider, holder)) = around(definition, scope) {
        if let Some((state, location)) = own.get(wider)?.get(name)
            && *state != holder
        {
            return Some(location);
        }
        scope = wider;
    }
    None
}

fn twice(assignment: &Assignment<'_>, first: &str) -> Finding {
    let name = assignment.name;
    let message = format!("The variable name '{name}' was already defined in a parent scope.");
    Finding::new(
        Code::DuplicateVariableName,
        &Place::written("", assignment.span),
        message,
    )
    .at_location(assignment.location.clone())
    .help(format!(
        "${name} is assigned in the scope around, too, at {first}."
    ))
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, machine, passes};

    fn jsonata(states: &str) -> String {
        machine(r#""QueryLanguage": "JSONata","#, states)
    }

    #[test]
    fn names_are_letters_digits_and_underscores_and_not_states() {
        let assign = |name: &str| {
            jsonata(&format!(
                r#""S": {{"Type": "Pass", "Assign": {{"{name}": 1}}, "End": true}}"#
            ))
        };
        passes(&assign("a_1"));
        for name in ["1a", "a-b", "a b", "_a", ""] {
            finds(
                &assign(name),
                &format!(
                    "INVALID_VARIABLE_NAME: Invalid variable name '{name}': the variable name contains invalid"
                ),
            );
        }
        finds(
            &assign("states"),
            "RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'. at /States/S/Assign",
        );
        finds(&assign(&"a".repeat(81)), "INVALID_VARIABLE_NAME:");
    }

    #[test]
    fn an_inner_scope_leaves_outer_variables_alone() {
        let nested = |config: &str| {
            jsonata(&format!(
                r#""A": {{"Type": "Pass", "Assign": {{"v": 1}}, "Next": "M"}},
                   "M": {{"Type": "Map", "Items": "{{% $v %}}", "End": true, "ItemProcessor": {{{config} "StartAt": "B",
                     "States": {{"B": {{"Type": "Pass", "Assign": {{"v": 2}}, "End": true}}}}}}}}"#
            ))
        };
        finds(
            &nested(""),
            "DUPLICATE_VARIABLE_NAME: The variable name 'v' was already defined in a parent scope. at /States/M/ItemProcessor/States/B/Assign/v",
        );
        passes(&nested(
            r#""ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},"#,
        ));
    }
}
