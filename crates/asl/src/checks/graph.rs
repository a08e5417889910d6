//! Transitions: each leads to a state of its scope, each state is led to, and the machine can end.
//!
//! As on AWS: only the top scope must be able to end, and a machine that cannot is not asked what else in it
//! cannot be reached. A scope with a transition into nowhere is not asked either, nor one with a state that
//! does not say where it goes: what it meant to lead to would be reported a second time. AWS does report it twice
//! (seen in its answers to CreateStateMachine), and so do answers in its name.

use super::context::{Context, Finding};
use super::fields::{did_you_mean, respelled};
use crate::diagnostic::{Code, Origin};
use crate::json::spanned::{Member, Node};
use crate::suggest;
use crate::syntax::definition::{Scope, State, Transition};
use crate::syntax::fields;
use crate::syntax::place::Place;
use crate::syntax::{StateType, has_substitution};

pub(super) fn check(context: &mut Context<'_>) {
    let definition = context.definition;
    let mut broken = Vec::with_capacity(definition.scopes.len());
    for scope in &definition.scopes {
        let astray = targets(context, scope);
        broken.push(astray || states_of(context, scope).any(|state| is_open(scope, state)));
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
        let is_whole = broken.get(index) == Some(&false) || context.options.only == Some(Origin::Aws);
        let asked = is_whole && !(index == 0 && endless);
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

/// Whether a state has been reported for how it says where it goes.
fn is_open(scope: &Scope<'_>, state: &State<'_>) -> bool {
    let node = state.node();
    let leads = |entry: &Node| entry.get("Next").is_some();
    let list_is_open = |key: &str| {
        let list = node.get(key);
        list.is_some_and(|list| list.as_array().is_none_or(|entries| !entries.iter().all(leads)))
    };
    let says_nothing = match state.kind {
        None => false,
        Some(StateType::Choice) => {
            let rules = node.get("Choices").and_then(Node::as_array);
            rules.is_none_or(<[Node]>::is_empty) || list_is_open("Choices")
        }
        Some(kind) => {
            let ends = node.get("End").and_then(Node::as_bool) == Some(true);
            (kind.has_next_or_end() && !ends && node.member("Next").is_none()) || list_is_open("Catch")
        }
    };
    says_nothing
        || node
            .as_object()
            .is_some_and(|members| members.iter().any(|member| may_lead(scope, member)))
}

/// Whether a field that does not exist was to lead somewhere.
fn may_lead(scope: &Scope<'_>, member: &Member) -> bool {
    if fields::state_field(&member.key).is_some() {
        return false;
    }
    let names_a_state = member
        .value
        .as_str()
        .is_some_and(|name| scope.find(name).is_some());
    let entries = member.value.as_array().unwrap_or_default();
    names_a_state || entries.iter().any(|entry| entry.get("Next").is_some())
}

/// Reports what no transition leads to. What only such a state leads to is a consequence; of states that lead to each
/// other the first stands for all.
fn unreachable_states(context: &mut Context<'_>, scope: &Scope<'_>) {
    let Some(start) = scope.node.get("StartAt").and_then(|start| start.as_str()) else {
        return;
    };
    let mut reached = vec![false; scope.states.len()];
    reach(context, scope, scope.find(start), &mut reached);
    let mut is_led_to = vec![false; scope.states.len()];
    for index in not_reached(scope, &reached) {
        for target in targets_of(context, scope, index).filter(|target| *target != index) {
            if let Some(mark) = is_led_to.get_mut(target - first_of(scope)) {
                *mark = true;
            }
        }
    }
    let heads = not_reached(scope, &is_led_to);
    let in_order = heads.into_iter().chain(scope.states.iter().copied());
    for index in in_order.collect::<Vec<_>>() {
        if context.is_full() {
            break;
        }
        if reached.get(index - first_of(scope)) != Some(&false) {
            continue;
        }
        let before = reached.clone();
        reach(context, scope, Some(index), &mut reached);
        let Some(state) = context.state(index) else {
            continue;
        };
        // The second of two of one name has been reported as that.
        if scope.find(state.name()) == Some(index) {
            let behind = not_reached(scope, &before)
                .into_iter()
                .filter(|other| *other != index && reached.get(other - first_of(scope)) == Some(&true))
                .filter_map(|other| context.state(other))
                .map(|state| format!("\"{}\"", state.name()))
                .collect::<Vec<_>>();
            let message = format!("State \"{}\" is not reachable.", state.name());
            let finding = Finding::new(Code::MissingTransitionTarget, &state.place(), message);
            let and_behind = match behind.as_slice() {
                [] => String::new(),
                behind => format!(", nor to {} behind it", behind.join(", ")),
            };
            let help = format!(
                "No transition leads here from \"{start}\"{and_behind}. Lead one to it, or remove it."
            );
            context.add(finding.help(help));
        }
    }
}

/// The states of a scope are numbered one after the other from this.
fn first_of(scope: &Scope<'_>) -> usize {
    scope.states.first().copied().unwrap_or_default()
}

fn not_reached(scope: &Scope<'_>, reached: &[bool]) -> Vec<usize> {
    let states = scope.states.iter().zip(reached);
    states
        .filter(|(_, reached)| !**reached)
        .map(|(index, _)| *index)
        .collect()
}

fn targets_of<'c>(
    context: &Context<'c>,
    scope: &Scope<'_>,
    index: usize,
) -> impl Iterator<Item = usize> + use<'c> {
    let transitions = context.state(index).map(State::transitions).unwrap_or_default();
    let targets: Vec<usize> = transitions
        .iter()
        .filter_map(Transition::target)
        .filter_map(|name| scope.find(name))
        .collect();
    targets.into_iter()
}

/// Marks a state and all that it leads to.
fn reach(context: &Context<'_>, scope: &Scope<'_>, from: Option<usize>, reached: &mut [bool]) {
    let mut waiting: Vec<usize> = from.into_iter().collect();
    while let Some(index) = waiting.pop() {
        let Some(mark @ false) = reached.get_mut(index - first_of(scope)) else {
            continue;
        };
        *mark = true;
        waiting.extend(targets_of(context, scope, index));
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{all, finds, help_of, machine, mended, passes};
    use crate::checks::{CheckOptions, diagnose};
    use crate::diagnostic::{Origin, invalid_definition_message};

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
            ["MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B",]
        );
        let text = machine(
            "",
            r#""A": {"Type": "Succeed"}, "C": {"Type": "Pass", "Next": "B"}, "D": {"Type": "Pass", "Next": "C"},
               "B": {"Type": "Succeed"}"#,
        );
        finds(
            &text,
            "MISSING_TRANSITION_TARGET: State \"D\" is not reachable. at /States/D",
        );
        assert!(help_of(&text).contains("nor to \"C\", \"B\" behind it"));
        finds(
            &machine(
                "",
                r#""A": {"Type": "Succeed"}, "B": {"Type": "Pass", "Next": "B"}"#,
            ),
            "MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B",
        );
    }

    #[test]
    fn where_a_state_does_not_say_where_it_goes_nothing_is_unreachable() {
        for (state, message) in [
            (
                r#"{"Type": "Pass"}"#,
                "This object should have only one of the following fields: [Next, End] at /States/A",
            ),
            (
                r#"{"Type": "Choice", "Choices": [], "Default": "C"}"#,
                "Value cannot be empty at /States/A/Choices",
            ),
            (
                r#"{"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "nxet": "B"}], "Default": "C"}"#,
                "Field 'nxet' is not supported at /States/A/Choices[0]",
            ),
            (
                r#"{"Type": "Pass", "Default": "B", "Next": "C"}"#,
                "Field 'Default' is not supported at /States/A",
            ),
            (
                r#"{"Type": "Pass", "Els": "B", "Next": "C"}"#,
                "Field 'Els' is not supported at /States/A",
            ),
        ] {
            finds(
                &machine(
                    "",
                    &format!(r#""A": {state}, "B": {{"Type": "Succeed"}}, "C": {{"Type": "Succeed"}}"#),
                ),
                &format!("SCHEMA_VALIDATION_FAILED: {message}"),
            );
        }
    }

    #[test]
    fn in_the_name_of_aws_what_follows_from_a_wrong_way_is_said_too() {
        let options = CheckOptions {
            only: Some(Origin::Aws),
            ..CheckOptions::default()
        };
        let said = |text: &str| invalid_definition_message(&diagnose(text, &options).diagnostics).unwrap();
        let wrong_next = machine(
            "",
            r#""pass1": {"Type": "Pass", "Next": "pass3"}, "pass2": {"Type": "Pass", "End": true}"#,
        );
        assert_eq!(
            said(&wrong_next),
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at \
             /States/pass1/Next, MISSING_TRANSITION_TARGET: State \"pass2\" is not reachable. at /States/pass2'"
        );
        let wrong_start = r#"{"StartAt": "own.run", "States": {"run": {"Type": "Succeed"}}}"#;
        assert_eq!(
            said(wrong_start),
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: own.run at \
             /StartAt, MISSING_TRANSITION_TARGET: State \"run\" is not reachable. at /States/run'"
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
