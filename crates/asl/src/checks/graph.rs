//! Transitions: each leads to a state of its scope, each state is led to, and the machine can end.
//!
//! As on AWS: only the top scope must be able to end, and a machine that cannot is not asked what else in it
//! cannot be reached. A scope with a transition into nowhere is not asked either: what it meant to lead to
//! would be reported a second time.

use super::context::{Context, Finding};
use super::fields::{did_you_mean, respelled};
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node};
use crate::suggest;
use crate::syntax::definition::{Scope, State, Transition};
use crate::syntax::has_substitution;
use crate::syntax::place::Place;

pub(super) fn check(context: &mut Context<'_>) {
    let definition = context.definition;
    let mut broken = Vec::with_capacity(definition.scopes.len());
    for scope in &definition.scopes {
        broken.push(targets(context, scope));
    }
    let top = definition.scopes.first().filter(|scope| !scope.states.is_empty());
    let endless = top.is_some_and(|top| !has_broken_state(top) && !states_of(context, top).any(may_end));
    if endless {
        let span = definition
            .root
            .member("States")
            .map(|states| states.key_span)
            .unwrap_or_default();
        let help = "Give a state \"End\": true, or add one of type Succeed or Fail.";
        let finding = Finding::whole(Code::MissingEndState, "Workflow has no terminal state");
        context.add(finding.at_span(span).help(help));
    }
    for (index, scope) in definition.scopes.iter().enumerate() {
        let asked = broken.get(index) == Some(&false) && !(index == 0 && endless);
        if asked {
            unreachable_states(context, scope);
        }
    }
}

fn states_of<'c>(
    context: &Context<'c>,
    scope: &'c Scope<'c>,
) -> impl Iterator<Item = &'c State<'c>> + use<'c> {
    let states = &context.definition.states;
    scope.states.iter().filter_map(move |index| states.get(*index))
}

/// Reports transitions into nowhere; whether there are any, or any that cannot be known.
fn targets(context: &mut Context<'_>, scope: &Scope<'_>) -> bool {
    let mut broken = false;
    if let Some(start) = scope.node.member("StartAt") {
        broken |= target(context, scope, &scope.place(), start);
    }
    for index in &scope.states {
        let Some(state) = context.state(*index) else {
            continue;
        };
        let place = state.place();
        for Transition {
            list,
            member,
            applies,
        } in state.transitions()
        {
            if !applies {
                continue;
            }
            broken |= match list {
                None => target(context, scope, &place, member),
                Some((list, number)) => {
                    let list_place = place.member(list);
                    let entry = list.value.as_array().and_then(|entries| entries.get(number));
                    entry.is_some_and(|entry| {
                        target(context, scope, &list_place.element(number, entry), member)
                    })
                }
            };
        }
    }
    broken
}

fn target(context: &mut Context<'_>, scope: &Scope<'_>, holder: &Place<'_>, member: &Member) -> bool {
    let Some(name) = member.value.as_str() else {
        return true;
    };
    if has_substitution(name) {
        return true;
    }
    if scope.find(name).is_some() {
        return false;
    }
    let states = scope
        .node
        .get("States")
        .and_then(Node::as_object)
        .unwrap_or_default();
    if scope.states.is_empty() || states.iter().any(|member| &*member.key == name) {
        // No states at all, or one that is no object: reported as that.
        return true;
    }
    let message = format!("Missing 'Next' target: {name}");
    let finding = Finding::new(Code::MissingTransitionTarget, &holder.member(member), message);
    context.add(if context.is_full() {
        finding
    } else {
        with_target(context, finding, scope, member)
    });
    true
}

/// What a transition into nowhere was to lead to.
fn with_target(context: &Context<'_>, finding: Finding, scope: &Scope<'_>, member: &Member) -> Finding {
    const SHOWN: usize = 8;
    let name = member.value.as_str().unwrap_or_default();
    let names: Vec<&str> = scope.names(context.definition).collect();
    if let Some(near) = suggest::nearest(name, names.iter().copied()) {
        return finding
            .help(did_you_mean(near))
            .mend(respelled(&member.value, name, near));
    }
    if let Some(elsewhere) = context
        .definition
        .states
        .iter()
        .find(|state| state.name() == name)
    {
        return finding.help(format!(
            "\"{name}\" is at {}, which cannot be reached from this scope.",
            elsewhere.written
        ));
    }
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > SHOWN { ", …" } else { "" };
    finding.help(format!(
        "\"{name}\" is not a state in this scope. States here: {shown}{more}."
    ))
}

/// Whether one of the states is no object: it may have been the end.
fn has_broken_state(scope: &Scope<'_>) -> bool {
    let members = scope
        .node
        .get("States")
        .and_then(|states| states.as_object())
        .unwrap_or_default();
    members.iter().any(|member| member.value.as_object().is_none())
}

/// Whether the machine can end in a state, or the state has been reported for not saying where it goes.
fn may_end(state: &State<'_>) -> bool {
    let node = state.node();
    let Some(kind) = state.kind else { return true };
    let says_nothing =
        node.member("Next").is_none() && node.get("End").is_none_or(|end| end.as_bool() != Some(false));
    state.is_terminal() || (kind.has_next_or_end() && says_nothing)
}

fn unreachable_states(context: &mut Context<'_>, scope: &Scope<'_>) {
    let Some(start) = scope.node.get("StartAt").and_then(|start| start.as_str()) else {
        return;
    };
    let first = scope.states.first().copied().unwrap_or_default();
    let mut reached = vec![false; scope.states.len()];
    let mut waiting: Vec<usize> = scope.find(start).into_iter().collect();
    while let Some(index) = waiting.pop() {
        let Some(mark @ false) = reached.get_mut(index - first) else {
            continue;
        };
        *mark = true;
        let Some(state) = context.state(index) else {
            continue;
        };
        waiting.extend(
            state
                .transitions()
                .iter()
                .filter_map(Transition::target)
                .filter_map(|name| scope.find(name)),
        );
    }
    for (index, _) in scope.states.iter().zip(reached).filter(|(_, reached)| !reached) {
        let Some(state) = context.state(*index) else {
            continue;
        };
        // The second of two of one name has been reported as that.
        if scope.find(state.name()) == Some(*index) {
            let message = format!("State \"{}\" is not reachable.", state.name());
            let finding = Finding::new(Code::MissingTransitionTarget, &state.place(), message);
            let help = format!("No transition leads here from \"{start}\". Lead one to it, or remove it.");
            context.add(finding.help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{all, finds, help_of, machine, mended, passes};

    #[test]
    fn transitions_lead_to_states_of_their_scope() {
        let text = machine(
            "",
            r#""A": {"Type": "Pass", "Next": "Ghots"}, "Ghost": {"Type": "Succeed"}"#,
        );
        finds(
            &text,
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Ghots at /States/A/Next",
        );
        assert_eq!(help_of(&text), "Did you mean \"Ghost\"?");
        assert_eq!(
            mended(&text, "MISSING_TRANSITION_TARGET")["States"]["A"]["Next"],
            "Ghost"
        );
        finds(
            &machine("", r#""A": {"Type": "Succeed"}"#).replace(r#""StartAt": "A""#, r#""StartAt": "B""#),
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /StartAt",
        );
        finds(
            &machine(
                "",
                r#""A": {"Type": "Parallel", "End": true,
                    "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "A"}}}]}"#,
            ),
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: A at /States/A/Branches[0]/States/B/Next",
        );
        passes(&machine(
            "",
            r#""A": {"Type": "Pass", "Next": "${Next}"}, "B": {"Type": "Succeed"}"#,
        ));
    }

    #[test]
    fn islands_and_loops_of_their_own_are_not_reachable() {
        assert_eq!(
            all(&machine(
                "",
                r#""A": {"Type": "Succeed"}, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Pass", "Next": "B"}"#
            )),
            [
                "MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B",
                "MISSING_TRANSITION_TARGET: State \"C\" is not reachable. at /States/C"
            ]
        );
        finds(
            &machine(
                "",
                r#""A": {"Type": "Succeed"}, "B": {"Type": "Pass", "Next": "B"}"#,
            ),
            "MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B",
        );
    }

    #[test]
    fn the_machine_can_end_and_a_branch_need_not() {
        assert_eq!(
            all(&machine(
                "",
                r#""A": {"Type": "Pass", "Next": "A"}, "B": {"Type": "Pass", "Next": "A"}"#
            )),
            ["MISSING_END_STATE: Workflow has no terminal state at null"]
        );
        passes(&machine(
            "",
            r#""M": {"Type": "Map", "End": true,
                "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}}}}"#,
        ));
    }
}
