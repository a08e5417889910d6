//! What the tests of a version went through: states, the branches of choices, catches. Pure: from the definition and the
//! ways the tests' executions went, rehearsed ones too.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::trail::Trail;

/// One kind of thing and how much of it was gone through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
#[schema(as = CoverageShare)]
pub struct Share {
    /// How many there are.
    pub total: usize,
    /// How many were gone through.
    pub covered: usize,
    /// Those that were not: a state's name, or `State -> Next`.
    pub missing: Vec<String>,
}

/// What the tests went through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Coverage {
    /// Executions whose way is known.
    pub executions: usize,
    /// States, those within Map and Parallel too.
    pub states: Share,
    /// Branches of Choice states, `Default` too.
    pub choices: Share,
    /// Catches of Task, Map and Parallel states.
    pub catches: Share,
}

/// Compares a definition with the ways that executions of it went.
pub fn coverage(definition: &Value, trails: &[Trail]) -> Coverage {
    let mut states = BTreeMap::new();
    collect(definition, &mut states);
    let entered: BTreeSet<&String> = trails.iter().flat_map(|trail| &trail.entered).collect();
    let taken: BTreeSet<(String, String)> = trails
        .iter()
        .flat_map(|trail| &trail.taken)
        .map(|(from, to, _)| (from.clone(), to.clone()))
        .collect();
    let arrows = |kind: fn(&Value) -> Vec<&str>| -> Vec<(String, bool)> {
        states
            .iter()
            .flat_map(|(name, state)| {
                kind(state)
                    .into_iter()
                    .map(move |next| (name.clone(), next.to_owned()))
            })
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|arrow| (format!("{} -> {}", arrow.0, arrow.1), taken.contains(&arrow)))
            .collect()
    };
    Coverage {
        executions: trails.len(),
        states: share(
            states
                .keys()
                .map(|name| (name.clone(), entered.contains(name)))
                .collect(),
        ),
        choices: share(arrows(branches)),
        catches: share(arrows(catches)),
    }
}

fn share(things: Vec<(String, bool)>) -> Share {
    Share {
        total: things.len(),
        covered: things.iter().filter(|thing| thing.1).count(),
        missing: things
            .into_iter()
            .filter(|thing| !thing.1)
            .map(|thing| thing.0)
            .collect(),
    }
}

/// All states by name, which is unique in a definition.
fn collect<'a>(machine: &'a Value, found: &mut BTreeMap<String, &'a Value>) {
    for (name, state) in machine
        .get("States")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        found.insert(name.clone(), state);
        for inner in ["ItemProcessor", "Iterator"]
            .into_iter()
            .filter_map(|field| state.get(field))
        {
            collect(inner, found);
        }
        for branch in state
            .get("Branches")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            collect(branch, found);
        }
    }
}

fn branches(state: &Value) -> Vec<&str> {
    let choices = state
        .get("Choices")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let default = state.get("Default").and_then(Value::as_str);
    choices
        .filter_map(|choice| choice.get("Next")?.as_str())
        .chain(default)
        .collect()
}

fn catches(state: &Value) -> Vec<&str> {
    let catchers = state.get("Catch").and_then(Value::as_array).into_iter().flatten();
    catchers
        .filter_map(|catcher| catcher.get("Next")?.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_no_test_went_through_is_named() {
        let definition = json!({"StartAt": "Which", "States": {
            "Which": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": true, "Next": "Work"}], "Default": "End"},
            "Work": {"Type": "Task", "Resource": "r", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}], "Next": "End"},
            "Sorry": {"Type": "Pass", "End": true},
            "End": {"Type": "Succeed"}}});
        let entered = |id, previous, name| json!({"id": id, "previousEventId": previous, "stateEnteredEventDetails": {"name": name}});
        let exited = |id, name| json!({"id": id, "previousEventId": id - 1, "stateExitedEventDetails": {"name": name}});
        let history = vec![
            entered(2, 0, "Which"),
            exited(3, "Which"),
            entered(4, 3, "Work"),
            exited(5, "Work"),
            entered(6, 5, "Sorry"),
        ];
        let found = coverage(&definition, &[Trail::of(&history)]);
        assert_eq!((found.states.total, found.states.covered), (4, 3));
        assert_eq!(found.states.missing, ["End"]);
        assert_eq!(found.choices.missing, ["Which -> End"]);
        assert_eq!((found.catches.total, found.catches.covered), (1, 1));
    }

    #[test]
    fn states_within_maps_and_parallels_count() {
        let inner = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Pass", "End": true}}});
        let definition = json!({"StartAt": "M", "States": {
            "M": {"Type": "Map", "ItemProcessor": inner("I"), "Next": "P"},
            "P": {"Type": "Parallel", "Branches": [inner("B"), inner("C")], "End": true}}});
        assert_eq!(
            coverage(&definition, &[]).states.missing,
            ["B", "C", "I", "M", "P"]
        );
    }
}
