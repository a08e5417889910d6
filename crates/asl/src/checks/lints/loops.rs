//! Ways through a scope: cycles nobody gets out of, polling without a pause, steps that do nothing.

use catalogue::Pattern;

use super::has_any;
use crate::checks::context::{Context, Finding};
use crate::diagnostic::Code;
use crate::syntax::StateType;
use crate::syntax::definition::{Scope, State, Transition};
use crate::syntax::resource::ResourceText;

pub(super) fn check(context: &mut Context<'_>) {
    let definition = context.definition;
    for (number, scope) in definition.scopes.iter().enumerate() {
        let graph = Graph::of(context, scope);
        endless(context, &graph, number == 0);
        for cycle in graph.cycles() {
            polling(context, &graph, &cycle);
        }
        idle(context, &graph);
    }
}

/// The states of a scope and where they lead, by position.
pub(super) struct Graph<'c> {
    pub(super) states: Vec<&'c State<'c>>,
    next: Vec<Vec<usize>>,
}

impl<'c> Graph<'c> {
    pub(super) fn of(context: &Context<'c>, scope: &'c Scope<'c>) -> Self {
        let all = &context.definition.states;
        let states: Vec<&State<'_>> = scope.states.iter().filter_map(|index| all.get(*index)).collect();
        let first = scope.states.first().copied().unwrap_or_default();
        let find = |name: &str| scope.find(name).map(|index| index - first);
        let targets = |state: &&State<'_>| -> Vec<usize> {
            state
                .transitions()
                .iter()
                .filter_map(Transition::target)
                .filter_map(find)
                .collect()
        };
        let next = states.iter().map(targets).collect();
        Self { states, next }
    }

    fn next(&self, position: usize) -> &[usize] {
        self.next.get(position).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a way out of a state cannot be known.
    fn is_open(&self) -> bool {
        self.states
            .iter()
            .any(|state| state.transitions().iter().any(|way| way.target().is_none()))
    }

    /// Whether from each position a terminal state can be reached.
    fn leading_to_end(&self) -> Vec<bool> {
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.states.len()];
        for (position, targets) in self.next.iter().enumerate() {
            for target in targets {
                if let Some(sources) = before.get_mut(*target) {
                    sources.push(position);
                }
            }
        }
        let mut leads = vec![false; self.states.len()];
        let ends = self
            .states
            .iter()
            .enumerate()
            .filter(|(_, state)| state.is_terminal());
        let mut waiting: Vec<usize> = ends.map(|(position, _)| position).collect();
        while let Some(position) = waiting.pop() {
            if leads.get(position) == Some(&false) {
                set(&mut leads, position, true);
                waiting.extend(before.get(position).into_iter().flatten());
            }
        }
        leads
    }

    /// The strongly connected parts with a cycle in them, each in the order of the text (Tarjan, without
    /// recursion).
    pub(super) fn cycles(&self) -> Vec<Vec<usize>> {
        let count = self.states.len();
        let mut order = vec![usize::MAX; count];
        let mut low = vec![usize::MAX; count];
        let mut on_stack = vec![false; count];
        let (mut stack, mut found, mut clock) = (Vec::new(), Vec::new(), 0);
        for root in 0..count {
            if order.get(root) != Some(&usize::MAX) {
                continue;
            }
            let mut work = vec![(root, 0)];
            while let Some((position, child)) = work.pop() {
                if child == 0 {
                    set(&mut order, position, clock);
                    set(&mut low, position, clock);
                    set(&mut on_stack, position, true);
                    stack.push(position);
                    clock += 1;
                }
                if let Some(next) = self.next(position).get(child).copied() {
                    work.push((position, child + 1));
                    if get(&order, next) == usize::MAX {
                        work.push((next, 0));
                    } else if on_stack.get(next) == Some(&true) {
                        let least = get(&low, position).min(get(&order, next));
                        set(&mut low, position, least);
                    }
                    continue;
                }
                if let Some((parent, _)) = work.last().copied() {
                    let least = get(&low, parent).min(get(&low, position));
                    set(&mut low, parent, least);
                }
                if get(&low, position) == get(&order, position) {
                    let mut part = Vec::new();
                    while let Some(member) = stack.pop() {
                        set(&mut on_stack, member, false);
                        part.push(member);
                        if member == position {
                            break;
                        }
                    }
                    let is_cycle = part.len() > 1 || self.next(position).contains(&position);
                    if is_cycle {
                        part.sort_unstable();
                        found.push(part);
                    }
                }
            }
        }
        found
    }

    pub(super) fn members(&self, cycle: &[usize]) -> impl Iterator<Item = &'c State<'c>> + use<'_, 'c> {
        let members: Vec<usize> = cycle.to_vec();
        members
            .into_iter()
            .filter_map(|position| self.states.get(position).copied())
    }
}

fn get(list: &[usize], index: usize) -> usize {
    list.get(index).copied().unwrap_or(usize::MAX)
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(slot) = list.get_mut(index) {
        *slot = value;
    }
}

fn names<'c>(states: impl Iterator<Item = &'c State<'c>>) -> String {
    const SHOWN: usize = 6;
    let names: Vec<&str> = states.map(State::name).collect();
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(" → ");
    if names.len() > SHOWN {
        format!("{shown} → …")
    } else {
        shown
    }
}

/// States from which the scope cannot end. AWS asks only whether the top scope has a terminal state at all.
fn endless(context: &mut Context<'_>, graph: &Graph<'_>, is_top: bool) {
    if graph.states.is_empty() || graph.is_open() {
        return;
    }
    let leads = graph.leading_to_end();
    if !is_top && !leads.contains(&true) {
        if let Some(first) = graph.states.first() {
            let message = "This scope can never end";
            let help = "Give one of its states \"End\": true, or add one of type Succeed or Fail.";
            context.add(Finding::new(Code::NestedNoEnd, &first.place(), message).help(help));
        }
        return;
    }
    for cycle in graph.cycles() {
        let Some(first) = cycle.first().and_then(|position| graph.states.get(*position)) else {
            continue;
        };
        let is_trap = cycle.iter().all(|position| leads.get(*position) == Some(&false));
        if !is_trap {
            continue;
        }
        let way = names(graph.members(&cycle));
        let message = format!("From '{}' the workflow can never finish: {way}", first.name());
        let help = "Lead a way out of the cycle.";
        context.add(Finding::new(Code::NoPathToTerminal, &first.place(), message).help(help));
        let decides = graph.members(&cycle).any(|state| state.transitions().len() > 1);
        if !decides {
            let message = format!("The cycle {way} has no exit condition");
            let help = "Add a Choice that counts the rounds or asks for an end.";
            context.add(Finding::new(Code::CycleWithoutExit, &first.place(), message).help(help));
        }
    }
}

/// Tasks of one cycle whose start is looked for; bounds the work on a cycle of thousands.
const ASKS_LOOKED_AT: usize = 8;

/// A cycle that asks for a state of affairs, decides, and asks again.
fn polling(context: &mut Context<'_>, graph: &Graph<'_>, cycle: &[usize]) {
    let has = |kind| graph.members(cycle).any(|state| state.kind == Some(kind));
    let asks: Vec<&State<'_>> = graph
        .members(cycle)
        .filter(|state| state.kind == Some(StateType::Task))
        .collect();
    let only_asks = !asks.is_empty()
        && asks
            .iter()
            .all(|state| call(state).is_some_and(|(_, action)| is_query(action)));
    if !has(StateType::Choice) || !only_asks || has(StateType::Map) || has(StateType::Parallel) {
        return;
    }
    if !has(StateType::Wait) {
        if let Some(first) = asks.first() {
            let way = names(graph.members(cycle));
            let message = format!("The cycle {way} asks again and again without a pause");
            let help = "Add a Wait of some seconds: each round costs transitions and calls.";
            context.add(Finding::new(Code::PollLoopWithoutWait, &first.place(), message).help(help));
        }
        return;
    }
    for ask in asks.iter().take(ASKS_LOOKED_AT) {
        let Some((service, _)) = call(ask) else { continue };
        let starter = graph
            .states
            .iter()
            .filter(|state| state.kind == Some(StateType::Task))
            .find_map(|state| {
                let (other, action) = call(state)?;
                let pattern = ResourceText::of(state.node().get("Resource")?.as_str()?).pattern();
                (same_service(service, other) && pattern.is_empty() && offers_sync(other, action))
                    .then_some((*state, other, action))
            });
        if let Some((state, service, action)) = starter {
            let message = format!("'{}' is started, waited for and asked for by hand", state.name());
            let help = format!(
                "arn:aws:states:::{}:{action}.sync waits for the end by itself.",
                optimised(service)
            );
            context.add(Finding::new(Code::UseSyncIntegration, &state.place(), message).help(help));
            return;
        }
    }
}

/// Service and action of a call.
fn call<'c>(state: &State<'c>) -> Option<(&'c str, &'c str)> {
    match ResourceText::of(state.node().get("Resource")?.as_str()?) {
        ResourceText::Integration { service, action, .. } | ResourceText::AwsSdk { service, action, .. } => {
            Some((service, action))
        }
        _ => None,
    }
}

fn is_query(action: &str) -> bool {
    ["get", "describe", "list", "head", "batchGet"]
        .iter()
        .any(|prefix| action.starts_with(prefix))
}

/// The name of a service's optimised integration, also where it is called by its SDK.
fn optimised(service: &str) -> &str {
    catalogue::integrations()
        .iter()
        .find(|known| known.sdk == service)
        .map_or(service, |known| known.service)
}

fn same_service(left: &str, right: &str) -> bool {
    optimised(left) == optimised(right)
}

fn offers_sync(service: &str, action: &str) -> bool {
    catalogue::integration(optimised(service))
        .and_then(|known| known.action(action))
        .is_some_and(|action| action.patterns.contains(&Pattern::Sync))
}

/// Fields that make a Pass state do something.
const PASS_WORK: &[&str] = &[
    "Result",
    "Parameters",
    "InputPath",
    "OutputPath",
    "ResultPath",
    "Assign",
    "Output",
];

fn idle(context: &mut Context<'_>, graph: &Graph<'_>) {
    for state in &graph.states {
        let goes_on = state.kind == Some(StateType::Pass) && state.node().member("Next").is_some();
        if goes_on && !has_any(state.node(), PASS_WORK) {
            let message = format!("Pass state '{}' does nothing", state.name());
            let help = "Lead around it, or give it a purpose: each transition is billed.";
            context.add(Finding::new(Code::NoopPass, &state.place(), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, machine};

    #[test]
    fn cycles_nobody_gets_out_of_are_doubted() {
        let trap = r#""A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "L"}], "Default": "Z"},
            "L": {"Type": "Wait", "Seconds": 1, "Next": "M"}, "M": {"Type": "Pass", "Next": "L"}, "Z": {"Type": "Succeed"}"#;
        advises(&machine("", trap), "NO_PATH_TO_TERMINAL");
        advises(&machine("", trap), "CYCLE_WITHOUT_EXIT");
        let open = trap.replace(r#""Next": "L"}, "Z""#, r#""Next": "A"}, "Z""#);
        does_not_advise(&machine("", &open), "NO_PATH_TO_TERMINAL");
        advises(
            &machine(
                "",
                r#""M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}}}}"#,
            ),
            "NESTED_NO_END",
        );
    }

    #[test]
    fn polling_without_a_pause_or_instead_of_sync_is_doubted() {
        let poll = r#""S": {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun", "Next": "W"},
            "W": {"Type": "Wait", "Seconds": 5, "Next": "G"},
            "G": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:getJobRun", "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.s", "StringEquals": "DONE", "Next": "Z"}], "Default": "W"},
            "Z": {"Type": "Succeed"}"#;
        advises(&machine("", poll), "USE_SYNC_INTEGRATION");
        does_not_advise(&machine("", poll), "POLL_LOOP_WITHOUT_WAIT");
        let rushing = poll.replace(r#""Default": "W""#, r#""Default": "G""#);
        advises(&machine("", &rushing), "POLL_LOOP_WITHOUT_WAIT");
    }

    #[test]
    fn a_pass_state_without_purpose_is_remarked_on() {
        let pass = r#""A": {"Type": "Pass", "Next": "Z"}, "Z": {"Type": "Succeed"}"#;
        advises(&machine("", pass), "NOOP_PASS");
        does_not_advise(
            &machine("", &pass.replace(r#""Next""#, r#""Result": 1, "Next""#)),
            "NOOP_PASS",
        );
    }
}
