//! Limits an execution may run into: 25,000 events of history, 256 KiB of payload.

use super::has_any;
use super::loops::Graph;
use super::maps::is_distributed;
use crate::checks::context::{Context, Finding};
use crate::diagnostic::Code;
use crate::json::spanned::{Node, NodeValue};
use crate::limits::Limits;
use crate::syntax::StateType;
use crate::syntax::definition::{Scope, State};

/// Branches from which on copies of the whole input are worth a word.
const COPIES_MIN: usize = 2;

pub(super) fn check(context: &mut Context<'_>) {
    if context.options.kind == crate::eval::MachineKind::Standard {
        counted_loops(context);
        literal_maps(context);
    }
    copied_input(context);
}

/// Events one run of a state writes at least: entered and exited, and what a task adds.
fn events_of(state: &State<'_>) -> u64 {
    match state.kind {
        Some(StateType::Task) => 5,
        Some(StateType::Fail | StateType::Succeed) => 1,
        _ => 2,
    }
}

/// A cycle with a Choice that compares with a large number: so many rounds.
fn counted_loops(context: &mut Context<'_>) {
    let definition = context.definition;
    for scope in &definition.scopes {
        let graph = Graph::of(context, scope);
        for cycle in graph.cycles() {
            let per_round: u64 = graph
                .members(&cycle)
                .map(|state| with_inner(context, state))
                .sum();
            let rounds = graph
                .members(&cycle)
                .filter(|state| state.kind == Some(StateType::Choice))
                .filter_map(|state| largest_bound(state.node().get("Choices")?))
                .max();
            if let (Some(rounds), Some(first)) = (rounds, graph.members(&cycle).next()) {
                risk(context, first, rounds.saturating_mul(per_round));
            }
        }
    }
}

/// The largest number a rule compares with.
fn largest_bound(node: &Node) -> Option<u64> {
    match &node.value {
        NodeValue::Array(nodes) => nodes.iter().filter_map(largest_bound).max(),
        NodeValue::Object(members) => members
            .iter()
            .filter_map(|member| match &*member.key {
                key if key.starts_with("Numeric") => member.value.as_number()?.as_u64(),
                "Condition" => largest_number(member.value.as_str()?),
                "And" | "Or" | "Not" => largest_bound(&member.value),
                _ => None,
            })
            .max(),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => None,
    }
}

/// The largest whole number compared with in an expression.
fn largest_number(expression: &str) -> Option<u64> {
    if !expression.contains(['<', '>']) {
        return None;
    }
    expression
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .max()
}

fn with_inner(context: &Context<'_>, state: &State<'_>) -> u64 {
    let definition = context.definition;
    let inner = state
        .inner
        .iter()
        .filter_map(|scope| definition.scopes.get(*scope))
        .flat_map(|scope| &scope.states);
    let inner: u64 = inner
        .filter_map(|index| definition.states.get(*index))
        .map(events_of)
        .sum();
    events_of(state) + inner
}

/// An inline Map over a list written in the definition, or counted out by a function.
fn literal_maps(context: &mut Context<'_>) {
    let definition = context.definition;
    for state in definition
        .states
        .iter()
        .filter(|state| state.kind == Some(StateType::Map))
    {
        if is_distributed(state.node()) {
            continue;
        }
        if let Some(items) = literal_items(context, state) {
            // Each iteration also writes that it started and ended.
            let per_item = with_inner(context, state).saturating_sub(2) + 2;
            risk(context, state, items.saturating_mul(per_item));
        }
    }
}

fn literal_items(context: &Context<'_>, state: &State<'_>) -> Option<u64> {
    let count = |length: usize| u64::try_from(length).ok();
    if let Some(items) = state.node().get("Items") {
        return match &items.value {
            NodeValue::Array(nodes) => count(nodes.len()),
            NodeValue::String(text) => range_length(text),
            _ => None,
        };
    }
    // `$.list` of a Pass state's `Result` or `States.ArrayRange` before it.
    let key = state.node().get("ItemsPath")?.as_str()?.strip_prefix("$.")?;
    let sources = context
        .definition
        .states
        .iter()
        .filter(|source| source.kind == Some(StateType::Pass));
    sources
        .filter_map(|source| {
            let result = source
                .node()
                .get("Result")
                .and_then(|result| result.get(key)?.as_array());
            let parameters = source
                .node()
                .get("Parameters")
                .and_then(|p| p.get(&format!("{key}.$"))?.as_str());
            result
                .and_then(|list| count(list.len()))
                .or_else(|| range_length(parameters?))
        })
        .max()
}

/// How many numbers `[1..9]`, `$range(1, 9, 1)` or `States.ArrayRange(1, 9, 1)` counts out.
fn range_length(text: &str) -> Option<u64> {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit())
            .filter_map(|digits| digits.parse().ok())
            .collect()
    };
    let (numbers, step) = if let Some((before, after)) = text.split_once("..") {
        let first = *numbers(before).last()?;
        (vec![first, *numbers(after).first()?], 1)
    } else {
        let (_, arguments) = text.split_once("Range(").or_else(|| text.split_once("range("))?;
        let numbers = numbers(arguments);
        let step = numbers.get(2).copied().unwrap_or(1).max(1);
        (numbers, step)
    };
    let (first, last) = (numbers.first()?, numbers.get(1)?);
    last.checked_sub(*first).map(|span| span / step + 1)
}

fn risk(context: &mut Context<'_>, state: &State<'_>, events: u64) {
    let limit = Limits::AWS.history_events_max;
    if events > limit {
        let message = format!("About {events} events; an execution's history holds {limit}");
        let help = "Use a distributed Map, or child executions for parts of the rounds.";
        context.add(Finding::new(Code::HistoryLimitRisk, &state.place(), message).help(help));
    }
}

/// A Parallel whose branches each give the whole input back: its result is the input as often.
fn copied_input(context: &mut Context<'_>) {
    let definition = context.definition;
    for state in definition
        .states
        .iter()
        .filter(|state| state.kind == Some(StateType::Parallel))
    {
        if has_any(state.node(), &["ResultSelector", "Output", "OutputPath"]) || drops_result(state) {
            continue;
        }
        let scopes = state
            .inner
            .iter()
            .filter_map(|scope| definition.scopes.get(*scope));
        let copies = scopes.filter(|scope| gives_input_back(context, scope)).count();
        if copies >= COPIES_MIN {
            let message = format!(
                "{copies} branches of '{}' give the whole input back",
                state.name()
            );
            let help = "Its result is the input as often; select what is needed with \"ResultSelector\" or \"Output\" (256 KiB in all).";
            context.add(Finding::new(Code::PayloadSizeRisk, &state.place(), message).help(help));
        }
    }
}

fn drops_result(state: &State<'_>) -> bool {
    state
        .node()
        .get("ResultPath")
        .is_some_and(|path| path.value == NodeValue::Null)
}

/// Whether a branch ends with its input, more or less: no state in it narrows it down.
fn gives_input_back(context: &Context<'_>, scope: &Scope<'_>) -> bool {
    let states = scope
        .states
        .iter()
        .filter_map(|index| context.definition.states.get(*index));
    let mut any = false;
    for state in states {
        let node = state.node();
        let keeps = match state.kind {
            Some(StateType::Task | StateType::Parallel | StateType::Map) => {
                !state.is_jsonata()
                    && node
                        .get("ResultPath")
                        .is_some_and(|path| path.as_str() != Some("$"))
            }
            Some(StateType::Pass) => {
                !has_any(node, &["Parameters", "Output"])
                    && (node.member("Result").is_none() || node.get("ResultPath").is_some())
            }
            Some(StateType::Fail) | None => return false,
            Some(StateType::Wait | StateType::Choice | StateType::Succeed) => node.member("Output").is_none(),
        };
        let narrows = ["InputPath", "OutputPath"]
            .iter()
            .any(|key| node.get(key).is_some_and(|path| path.as_str() != Some("$")));
        if !keeps || narrows {
            return false;
        }
        any = true;
    }
    any
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, machine};

    #[test]
    fn loops_and_maps_with_more_events_than_a_history_holds_are_doubted() {
        let counted = |bound: u32| {
            machine(
                "",
                &format!(
                    r#""I": {{"Type": "Pass", "Parameters": {{"n.$": "States.MathAdd($.n, 1)"}}, "Next": "C"}},
                    "C": {{"Type": "Choice", "Choices": [{{"Variable": "$.n", "NumericLessThan": {bound}, "Next": "I"}}], "Default": "Z"}},
                    "Z": {{"Type": "Succeed"}}"#
                ),
            )
        };
        advises(&counted(10_000), "HISTORY_LIMIT_RISK");
        does_not_advise(&counted(100), "HISTORY_LIMIT_RISK");
        let map = |last: u32| {
            machine(
                r#""QueryLanguage": "JSONata","#,
                &format!(
                    r#""M": {{"Type": "Map", "Items": "{{% [1..{last}] %}}", "End": true,
                    "ItemProcessor": {{"StartAt": "P", "States": {{"P": {{"Type": "Pass", "End": true}}}}}}}}"#
                ),
            )
        };
        advises(&map(9_000), "HISTORY_LIMIT_RISK");
        does_not_advise(&map(90), "HISTORY_LIMIT_RISK");
    }

    #[test]
    fn branches_that_copy_the_input_are_doubted() {
        let parallel = |fields: &str| {
            machine(
                "",
                &format!(
                    r#""P": {{"Type": "Parallel", {fields} "End": true, "Branches": [
                    {{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "End": true}}}}}},
                    {{"StartAt": "B", "States": {{"B": {{"Type": "Pass", "Result": 1, "ResultPath": "$.b", "End": true}}}}}}]}}"#
                ),
            )
        };
        advises(&parallel(""), "PAYLOAD_SIZE_RISK");
        does_not_advise(
            &parallel(r#""ResultSelector": {"a.$": "$[0].a"},"#),
            "PAYLOAD_SIZE_RISK",
        );
    }
}
