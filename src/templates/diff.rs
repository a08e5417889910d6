//! What differs between two revisions: for machines by state with JSON Pointers, for people as unified text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};
use similar::TextDiff;
use utoipa::ToSchema;

use super::limits;
use super::model::Revision;
use super::transform::escape;

/// What differs between two revisions, from the older given one to the newer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct Diff {
    /// The revision compared against.
    pub from: i32,
    /// The revision looked at.
    pub to: i32,
    /// Whether definition and settings are the same.
    pub identical: bool,
    /// States that only the newer has, as JSON Pointers.
    pub added: Vec<String>,
    /// States that only the older has.
    pub removed: Vec<String>,
    /// States that both have and that differ.
    pub changed: Vec<ChangedState>,
    /// Changes outside of states, such as `/StartAt`.
    pub top_level: Vec<Change>,
    /// Changes of the settings, such as `/retry_attempts`.
    pub settings: Vec<Change>,
    /// Whether there were more single changes than are listed.
    pub truncated: bool,
    /// Unified diff of the definitions as written.
    pub text: String,
}

/// A state that differs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct ChangedState {
    /// JSON Pointer to the state.
    pub pointer: String,
    /// What differs in it. States inside of it are listed by themselves.
    pub changes: Vec<Change>,
}

/// One change. A value that is absent on one side is left out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct Change {
    /// JSON Pointer from the definition's (or the settings') root.
    pub pointer: String,
    /// The value before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// The value after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

/// Compares two revisions of one template.
pub(super) fn diff(from: &Revision, to: &Revision) -> Result<Diff, serde_json::Error> {
    let (old, new) = (parse(&from.written)?, parse(&to.written)?);
    let (old_parts, new_parts) = (Parts::of(&old), Parts::of(&new));
    let mut budget = limits::DIFF_CHANGES_MAX;

    let old_names: BTreeSet<&String> = old_parts.states.keys().collect();
    let new_names: BTreeSet<&String> = new_parts.states.keys().collect();
    let mut changed = Vec::new();
    for pointer in old_names.intersection(&new_names) {
        if let (Some(before), Some(after)) = (old_parts.states.get(*pointer), new_parts.states.get(*pointer))
        {
            let mut found = Vec::new();
            compare(pointer, before, after, &mut found, &mut budget);
            if !found.is_empty() {
                changed.push(ChangedState {
                    pointer: (*pointer).clone(),
                    changes: found,
                });
            }
        }
    }
    let mut top_level = Vec::new();
    compare("", &old_parts.rest, &new_parts.rest, &mut top_level, &mut budget);
    let mut settings = Vec::new();
    compare(
        "",
        &serde_json::to_value(&from.settings)?,
        &serde_json::to_value(&to.settings)?,
        &mut settings,
        &mut budget,
    );
    Ok(Diff {
        from: from.revision,
        to: to.revision,
        identical: from.digest == to.digest,
        added: new_names
            .difference(&old_names)
            .map(ToString::to_string)
            .collect(),
        removed: old_names
            .difference(&new_names)
            .map(ToString::to_string)
            .collect(),
        changed,
        top_level,
        settings,
        truncated: budget == 0,
        text: unified(from, to),
    })
}

fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

fn unified(from: &Revision, to: &Revision) -> String {
    TextDiff::from_lines(&from.written, &to.written)
        .unified_diff()
        .context_radius(3)
        .header(
            &format!("revision {}", from.revision),
            &format!("revision {}", to.revision),
        )
        .to_string()
}

/// A definition taken apart: every state at any depth without the states inside of it, and what is left.
struct Parts {
    states: BTreeMap<String, Value>,
    rest: Value,
}

impl Parts {
    fn of(definition: &Value) -> Self {
        let mut states = BTreeMap::new();
        let rest = take_states(definition, "", &mut states);
        Self { states, rest }
    }
}

/// Copies `scope` without its states, which go to `states` by their pointers.
fn take_states(scope: &Value, pointer: &str, states: &mut BTreeMap<String, Value>) -> Value {
    let Some(fields) = scope.as_object() else {
        return scope.clone();
    };
    let mut rest = Map::new();
    for (key, field) in fields {
        let Some(inner) = field.as_object().filter(|_| key == "States") else {
            rest.insert(key.clone(), field.clone());
            continue;
        };
        for (name, state) in inner {
            let pointer = format!("{pointer}/States/{}", escape(name));
            let bare = take_inner_scopes(state, &pointer, states);
            states.insert(pointer, bare);
        }
    }
    Value::Object(rest)
}

fn take_inner_scopes(state: &Value, pointer: &str, states: &mut BTreeMap<String, Value>) -> Value {
    let Some(fields) = state.as_object() else {
        return state.clone();
    };
    let bare = fields
        .iter()
        .map(|(key, field)| {
            let pointer = format!("{pointer}/{key}");
            let field = match (key.as_str(), field) {
                ("Branches", Value::Array(branches)) => branches
                    .iter()
                    .enumerate()
                    .map(|(index, branch)| take_states(branch, &format!("{pointer}/{index}"), states))
                    .collect(),
                ("ItemProcessor" | "Iterator", processor) => take_states(processor, &pointer, states),
                _ => field.clone(),
            };
            (key.clone(), field)
        })
        .collect();
    Value::Object(bare)
}

/// Lists the leaves that differ, at most `budget` of them.
fn compare(pointer: &str, before: &Value, after: &Value, changes: &mut Vec<Change>, budget: &mut usize) {
    if before == after {
        return;
    }
    if let (Value::Object(old), Value::Object(new)) = (before, after) {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let pointer = format!("{pointer}/{}", escape(key));
            match (old.get(key), new.get(key)) {
                (Some(old), Some(new)) => compare(&pointer, old, new, changes, budget),
                (old, new) => note(pointer, old, new, changes, budget),
            }
        }
    } else {
        note(pointer.to_owned(), Some(before), Some(after), changes, budget);
    }
}

fn note(
    pointer: String,
    before: Option<&Value>,
    after: Option<&Value>,
    changes: &mut Vec<Change>,
    budget: &mut usize,
) {
    if *budget == 0 {
        return;
    }
    *budget -= 1;
    changes.push(Change {
        pointer,
        before: before.cloned(),
        after: after.cloned(),
    });
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::super::model::Settings;
    use super::*;

    fn revision(number: i32, definition: &Value) -> Revision {
        Revision {
            revision: number,
            digest: format!("sha256:{number}"),
            written: format!("{definition:#}"),
            published: String::new(),
            transforms: Vec::new(),
            settings: Settings {
                retry_attempts: Some(u32::try_from(number).unwrap()),
                ..Settings::default()
            },
            diagnostics: Vec::new(),
            created_by: "me".into(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn states_are_told_apart_by_added_removed_and_changed_at_every_depth() {
        let old = json!({"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Next": "P"},
            "P": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "X", "States": {"X": {"Type": "Wait", "Seconds": 1, "End": true}}}]}}});
        let new = json!({"StartAt": "B", "States": {
            "B": {"Type": "Pass", "Next": "P"},
            "P": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "X", "States": {"X": {"Type": "Wait", "Seconds": 2, "End": true}}}]}}});
        let diff = diff(&revision(1, &old), &revision(2, &new)).unwrap();
        assert_eq!(diff.added, ["/States/B"]);
        assert_eq!(diff.removed, ["/States/A"]);
        assert_eq!(diff.changed.len(), 1, "{:?}", diff.changed);
        assert_eq!(diff.changed[0].pointer, "/States/P/Branches/0/States/X");
        assert_eq!(
            diff.changed[0].changes,
            [Change {
                pointer: "/States/P/Branches/0/States/X/Seconds".into(),
                before: Some(json!(1)),
                after: Some(json!(2))
            }]
        );
        assert_eq!(diff.top_level[0].pointer, "/StartAt");
        assert_eq!(diff.settings[0].pointer, "/retry_attempts");
        assert!(
            diff.text.contains("--- revision 1\n+++ revision 2\n"),
            "{}",
            diff.text
        );
        assert!(
            diff.text.contains("-              \"Seconds\": 1"),
            "{}",
            diff.text
        );
    }

    #[test]
    fn equal_definitions_differ_in_nothing_but_settings() {
        let same = json!({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}});
        let diff = diff(&revision(1, &same), &revision(1, &same)).unwrap();
        assert!(diff.identical && diff.changed.is_empty() && diff.text.is_empty());
    }
}
