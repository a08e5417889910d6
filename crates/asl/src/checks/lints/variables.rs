//! Variables that nothing assigns, that some ways do not assign, that nothing reads.

use std::collections::BTreeSet;

use crate::checks::context::{Context, Finding, Read};
use crate::checks::variables::{Assignment, around, assignments, variable_name};
use crate::diagnostic::Code;
use crate::json::spanned::Node;
use crate::suggest;
use crate::syntax::definition::{Definition, Scope, State};
use crate::syntax::place::Place;

/// States times variables of one scope up to which ways are followed; a bound on the work, far above what people
/// write. Beyond it nothing is said of ways.
const FLOW_WORK_MAX: usize = 1_000_000;

/// Names shown as those that are known.
const NAMES_SHOWN: usize = 8;

/// The variables certainly assigned before each state; `None` where that is not known.
type Certain<'c> = Vec<Option<BTreeSet<&'c str>>>;

pub(super) fn check(context: &mut Context<'_>) {
    let definition = context.definition;
    let assigned: Vec<Vec<Assignment<'_>>> = definition.states.iter().map(assignments).collect();
    if context.reads.is_empty() && assigned.iter().all(Vec::is_empty) {
        return;
    }
    let own: Vec<BTreeSet<&str>> = definition
        .scopes
        .iter()
        .map(|scope| {
            scope
                .states
                .iter()
                .filter_map(|index| assigned.get(*index))
                .flatten()
                .map(|a| a.name)
                .collect()
        })
        .collect();
    let certain = certainly_assigned(definition, &own);
    let reads = std::mem::take(&mut context.reads);
    let mut read: BTreeSet<&str> = BTreeSet::new();
    for item in &reads {
        let Some(state) = context.state(item.state) else {
            continue;
        };
        let Some(holder) = visible_in(definition, &own, state.scope, &item.variable) else {
            context.add(undefined(item, &own, definition, state.scope));
            continue;
        };
        read.insert(holder);
        let before = certain.get(item.state).and_then(Option::as_ref);
        if before.is_some_and(|names| !names.contains(&*item.variable)) {
            let message = format!(
                "Variable '{}' is not assigned on every way to this state",
                item.variable
            );
            let help = format!(
                "Assign ${} before the ways part, or on each of them.",
                item.variable
            );
            context.add(finding(Code::VariableMaybeUnassigned, item, message).help(help));
        }
    }
    let mut told: BTreeSet<String> = read.into_iter().map(str::to_owned).collect();
    context.reads = reads;
    for assignment in assigned.iter().flatten() {
        // One remark for each variable.
        if told.insert(assignment.name.to_owned()) {
            let message = format!("Variable '{}' is never read", assignment.name);
            let finding = Finding::new(
                Code::UnusedVariable,
                &Place::written("", assignment.span),
                message,
            );
            context.add(
                finding
                    .at_location(assignment.location.clone())
                    .help("Remove it, or read it."),
            );
        }
    }
}

fn finding(code: Code, read: &Read, message: String) -> Finding {
    Finding::new(code, &Place::written("", read.span), message).at_location(read.location.clone())
}

fn undefined(read: &Read, own: &[BTreeSet<&str>], definition: &Definition<'_>, scope: usize) -> Finding {
    let mut known: Vec<&str> = Vec::new();
    let mut next = Some(scope);
    while let Some(scope) = next {
        known.extend(own.get(scope).into_iter().flatten());
        next = around(definition, scope).map(|(wider, _)| wider);
    }
    let help = match suggest::nearest(&read.variable, known.iter().copied()) {
        Some(near) => Some(format!("Did you mean ${near}?")),
        None if known.is_empty() => None,
        None => {
            let shown: Vec<String> = known
                .iter()
                .take(NAMES_SHOWN)
                .map(|name| format!("${name}"))
                .collect();
            Some(format!("Known here: {}.", shown.join(", ")))
        }
    };
    finding(
        Code::UndefinedVariable,
        read,
        format!("No state assigns the variable '{}'", read.variable),
    )
    .maybe_help(help)
}

/// The name as assigned, if a scope that can be seen from this one assigns it.
fn visible_in<'c>(
    definition: &Definition<'c>,
    own: &[BTreeSet<&'c str>],
    mut scope: usize,
    name: &str,
) -> Option<&'c str> {
    loop {
        if let Some(found) = own.get(scope)?.get(name) {
            return Some(found);
        }
        scope = around(definition, scope)?.0;
    }
}

fn certainly_assigned<'c>(definition: &'c Definition<'c>, own: &[BTreeSet<&'c str>]) -> Certain<'c> {
    let mut certain: Certain<'c> = vec![None; definition.states.len()];
    for (number, scope) in definition.scopes.iter().enumerate() {
        let entry = match around(definition, number) {
            Some((_, holder)) => certain.get(holder).cloned().flatten(),
            None => Some(BTreeSet::new()),
        };
        let work = scope.states.len() * own.get(number).map_or(0, BTreeSet::len);
        if let Some(entry) = entry.filter(|_| work <= FLOW_WORK_MAX) {
            flow(definition, scope, entry, &mut certain);
        }
    }
    certain
}

/// For each state of a scope the variables that every way to it has assigned: the greatest fixed point of "what all
/// predecessors leave assigned".
fn flow<'c>(
    definition: &'c Definition<'c>,
    scope: &'c Scope<'c>,
    entry: BTreeSet<&'c str>,
    certain: &mut Certain<'c>,
) {
    let start = scope
        .node
        .get("StartAt")
        .and_then(Node::as_str)
        .and_then(|name| scope.find(name));
    let Some(start) = start else { return };
    let mut waiting = vec![start];
    if let Some(slot) = certain.get_mut(start) {
        *slot = Some(entry);
    }
    while let Some(index) = waiting.pop() {
        let (Some(state), Some(Some(before))) = (definition.states.get(index), certain.get(index).cloned())
        else {
            continue;
        };
        for (target, assign) in ways_out(state) {
            let Some(next) = scope.find(target) else { continue };
            let Some(slot) = certain.get_mut(next) else {
                continue;
            };
            let mut after: BTreeSet<&str> = before.clone();
            after.extend(
                assign
                    .and_then(Node::as_object)
                    .unwrap_or_default()
                    .iter()
                    .map(variable_name),
            );
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
    let way_out = |way: crate::syntax::definition::Transition<'c>| {
        let assign = match way.list {
            None => state.node().get("Assign"),
            Some((list, index)) => list.value.as_array()?.get(index)?.get("Assign"),
        };
        Some((way.target()?, assign))
    };
    state.transitions().into_iter().filter_map(way_out).collect()
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, machine};

    fn jsonata(states: &str) -> String {
        machine(r#""QueryLanguage": "JSONata","#, states)
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
