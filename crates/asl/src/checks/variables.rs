//! Variables: what they may be called, that an inner scope leaves those of the outer ones alone, and whether
//! what is read has been assigned on every way to the reader.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, Finding};
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node, Span};
use crate::limits::VARIABLE_NAME_CHARS_MAX;
use crate::suggest;
use crate::syntax::definition::{Scope, State};
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
fn variable_name(member: &Member) -> &str {
    member.key.strip_suffix(".$").unwrap_or(&member.key)
}

/// One `name: value` of an `Assign`.
struct Assignment<'c> {
    name: &'c str,
    location: String,
    span: Span,
}

/// Every `Assign` of a state: its own, its catchers', its rules'.
fn assignments<'c>(state: &'c State<'c>) -> Vec<Assignment<'c>> {
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

/// Where a variable of a scope around was assigned first.
#[derive(Clone)]
struct Outer {
    state: usize,
    location: String,
}

fn names_in(assign: Option<&Node>) -> impl Iterator<Item = &str> {
    assign
        .and_then(Node::as_object)
        .unwrap_or_default()
        .iter()
        .map(variable_name)
}

/// Whether a scope can see the variables around it: children of a distributed Map cannot.
fn sees_outside(scope: &Scope<'_>) -> bool {
    let mode = scope
        .node
        .get("ProcessorConfig")
        .and_then(|config| config.get("Mode"))
        .and_then(Node::as_str);
    mode != Some("DISTRIBUTED")
}

/// An inner scope may not assign a variable that a scope around it assigns.
pub(super) fn check_names(context: &mut Context<'_>) {
    let definition = context.definition;
    if definition.scopes.len() < 2 {
        return;
    }
    let mut outer: Vec<BTreeMap<&str, Outer>> = Vec::with_capacity(definition.scopes.len());
    for scope in &definition.scopes {
        let mut visible = match scope.owner {
            Some(owner) if sees_outside(scope) => {
                let around = definition.states.get(owner.state).map_or(0, |state| state.scope);
                let mut visible: BTreeMap<&str, Outer> = outer.get(around).cloned().unwrap_or_default();
                // What the Map or Parallel itself assigns, it assigns when this scope has ended.
                visible.retain(|_, first| first.state != owner.state);
                visible
            }
            _ => BTreeMap::new(),
        };
        let mut own = Vec::new();
        for (index, state) in scope
            .states
            .iter()
            .filter_map(|index| Some((*index, definition.states.get(*index)?)))
        {
            for assignment in assignments(state) {
                if let Some(first) = visible.get(assignment.name) {
                    let place = Place::written("", assignment.span);
                    let message = format!(
                        "The variable name '{}' was already defined in a parent scope.",
                        assignment.name
                    );
                    let help = format!(
                        "${} is assigned in the scope around, too, at {}.",
                        assignment.name, first.location
                    );
                    context.add(
                        Finding::new(Code::DuplicateVariableName, &place, message)
                            .at_location(assignment.location.clone())
                            .help(help),
                    );
                }
                own.push((index, assignment));
            }
        }
        for (state, assignment) in own {
            visible.entry(assignment.name).or_insert(Outer {
                state,
                location: assignment.location,
            });
        }
        outer.push(visible);
    }
}

/// Variables nothing assigns, variables some ways do not assign, variables nothing reads.
pub(super) fn check_flow(context: &mut Context<'_>) {
    let definition = context.definition;
    let assigned: Vec<Vec<Assignment<'_>>> = definition.states.iter().map(assignments).collect();
    if context.has_errors() || (context.reads.is_empty() && assigned.iter().all(Vec::is_empty)) {
        return;
    }
    let mut visible: Vec<BTreeSet<&str>> = Vec::with_capacity(definition.scopes.len());
    let mut certain: Vec<Option<BTreeSet<&str>>> = vec![None; definition.states.len()];
    for scope in &definition.scopes {
        let owner = scope.owner.filter(|_| sees_outside(scope)).and_then(|owner| {
            let state = definition.states.get(owner.state)?;
            Some((state.scope, owner.state))
        });
        let mut names = owner
            .and_then(|(around, _)| visible.get(around).cloned())
            .unwrap_or_default();
        let entry = owner
            .and_then(|(_, state)| certain.get(state).cloned().flatten())
            .unwrap_or_default();
        for index in &scope.states {
            names.extend(
                assigned
                    .get(*index)
                    .into_iter()
                    .flatten()
                    .map(|assignment| assignment.name),
            );
        }
        visible.push(names);
        flow(context, scope, entry, &mut certain);
    }
    let mut read = BTreeSet::new();
    let mut findings = Vec::new();
    for item in &context.reads {
        let Some(state) = definition.states.get(item.state) else {
            continue;
        };
        let names = visible.get(state.scope);
        if names.is_some_and(|names| names.contains(&*item.variable)) {
            read.insert(item.variable.clone());
            let is_certain = certain
                .get(item.state)
                .and_then(Option::as_ref)
                .is_some_and(|c| c.contains(&*item.variable));
            if !is_certain {
                let message = format!(
                    "Variable '{}' is not assigned on every way to this state",
                    item.variable
                );
                let help = format!(
                    "Assign ${} before the ways part, or on each of them.",
                    item.variable
                );
                findings.push(finding(Code::VariableMaybeUnassigned, item, message).help(help));
            }
        } else {
            let message = format!("No state assigns the variable '{}'", item.variable);
            let known: Vec<&str> = names.into_iter().flatten().copied().collect();
            let help = match suggest::nearest(&item.variable, known.iter().copied()) {
                Some(near) => Some(format!("Did you mean ${near}?")),
                None if known.is_empty() => None,
                None => Some(format!("Known here: {}.", known.join(", "))),
            };
            findings.push(finding(Code::UndefinedVariable, item, message).maybe_help(help));
        }
    }
    let mut told = BTreeSet::new();
    for assignment in assigned.iter().flatten() {
        if !read.contains(assignment.name) && told.insert(assignment.name) {
            let place = Place::written("", assignment.span);
            let message = format!("Variable '{}' is never read", assignment.name);
            let finding = Finding::new(Code::UnusedVariable, &place, message);
            findings.push(
                finding
                    .at_location(assignment.location.clone())
                    .help("Remove it, or read it."),
            );
        }
    }
    for finding in findings {
        context.add(finding);
    }
}

fn finding(code: Code, read: &super::context::Read, message: String) -> Finding {
    Finding::new(code, &Place::written("", read.span), message).at_location(read.location.clone())
}

/// For each state of a scope the variables that every way to it has assigned: the greatest fixed point of
/// "what all predecessors leave assigned".
fn flow<'c>(
    context: &Context<'c>,
    scope: &'c Scope<'c>,
    entry: BTreeSet<&'c str>,
    certain: &mut [Option<BTreeSet<&'c str>>],
) {
    let states = &context.definition.states;
    let find = |name: &str| {
        scope
            .states
            .iter()
            .copied()
            .find(|index| states.get(*index).is_some_and(|state| state.name() == name))
    };
    let Some(start) = scope.node.get("StartAt").and_then(Node::as_str).and_then(find) else {
        return;
    };
    let mut waiting = vec![start];
    if let Some(slot) = certain.get_mut(start) {
        *slot = Some(entry);
    }
    while let Some(index) = waiting.pop() {
        let (Some(state), Some(Some(before))) = (states.get(index), certain.get(index).cloned()) else {
            continue;
        };
        for (target, assign) in ways_out(state) {
            let Some(next) = find(target) else { continue };
            let Some(slot) = certain.get_mut(next) else {
                continue;
            };
            let mut after: BTreeSet<&str> = before.clone();
            after.extend(names_in(assign));
            let merged = match slot {
                None => after,
                Some(known) => known.intersection(&after).copied().collect(),
            };
            if slot.as_ref() != Some(&merged) {
                *slot = Some(merged);
                waiting.push(next);
            }
        }
    }
}

/// Where a state leads, and the `Assign` that runs on that way.
fn ways_out<'c>(state: &'c State<'c>) -> Vec<(&'c str, Option<&'c Node>)> {
    state
        .transitions()
        .into_iter()
        .filter_map(|way| {
            let assign = match way.list {
                None => state.node().get("Assign"),
                Some((list, index)) => list.value.as_array()?.get(index)?.get("Assign"),
            };
            Some((way.target()?, assign))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, finds, machine, passes};

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

    #[test]
    fn reads_are_matched_with_assignments_on_every_way() {
        let both = r#""C": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Assign": {"v": 1}, "Next": "B"}],
            "Default": "D"}, "D": {"Type": "Pass", "Assign": {"v": 2}, "Next": "B"},
            "B": {"Type": "Pass", "Output": "{% $v %}", "End": true}"#;
        does_not_advise(&jsonata(both), "VARIABLE_MAYBE_UNASSIGNED");
        advises(
            &jsonata(&both.replace(r#""Assign": {"v": 2},"#, "")),
            "VARIABLE_MAYBE_UNASSIGNED",
        );
        advises(&jsonata(&both.replace("$v %", "$w %")), "UNDEFINED_VARIABLE");
        advises(&jsonata(&both.replace("$v %", "$w %")), "UNUSED_VARIABLE");
        advises(
            &machine(
                "",
                r#""A": {"Type": "Pass", "Parameters": {"x.$": "$v.a"}, "End": true}"#,
            ),
            "UNDEFINED_VARIABLE",
        );
    }
}
