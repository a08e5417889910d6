//! The way an execution went: the states it entered, and which came from which.

use std::collections::{BTreeMap, BTreeSet};

use asl::eval::{Detail, HistoryEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The way an execution went. States within iterations of a distributed Map are not on it: those are executions of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trail {
    /// The states entered.
    pub entered: BTreeSet<String>,
    /// Steps from one state to another, each with how often it was taken.
    pub taken: Vec<(String, String, u64)>,
}

/// Collects a trail event by event: an entry's previous event is the exit of the state before.
#[derive(Debug, Default)]
pub struct TrailWriter {
    exits: BTreeMap<u64, String>,
    entered: BTreeSet<String>,
    taken: BTreeMap<(String, String), u64>,
}

impl TrailWriter {
    fn enter(&mut self, previous: u64, name: &str) {
        if let Some(before) = self.exits.get(&previous) {
            *self.taken.entry((before.clone(), name.to_owned())).or_default() += 1;
        }
        self.entered.insert(name.to_owned());
    }

    fn exit(&mut self, id: u64, name: &str) {
        self.exits.insert(id, name.to_owned());
    }

    /// An event of a rehearsal.
    pub fn add(&mut self, event: &HistoryEvent) {
        match &event.detail {
            Detail::StateEntered { name, .. } => self.enter(event.previous_event_id, name),
            Detail::StateExited { name, .. } => self.exit(event.id, name),
            _ => {}
        }
    }

    /// An event as `GetExecutionHistory` gives it.
    pub fn add_wire(&mut self, event: &Value) {
        let name = |details: &str| event.get(details)?.get("name")?.as_str();
        let number = |field: &str| event.get(field).and_then(Value::as_u64);
        if let (Some(id), Some(state)) = (number("id"), name("stateExitedEventDetails")) {
            self.exit(id, state);
        }
        if let Some(state) = name("stateEnteredEventDetails") {
            self.enter(number("previousEventId").unwrap_or_default(), state);
        }
    }

    /// The way as far as it was told.
    pub fn finish(self) -> Trail {
        Trail {
            entered: self.entered,
            taken: self
                .taken
                .into_iter()
                .map(|((from, to), count)| (from, to, count))
                .collect(),
        }
    }
}

impl Trail {
    /// The way of a whole history as `GetExecutionHistory` gives it.
    pub fn of(history: &[Value]) -> Self {
        let mut writer = TrailWriter::default();
        for event in history {
            writer.add_wire(event);
        }
        writer.finish()
    }

    /// What is different, for people: steps taken here and not there, more or less often. Empty when they went the same way.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        fn counts(trail: &Trail) -> BTreeMap<(&str, &str), u64> {
            trail
                .taken
                .iter()
                .map(|(from, to, count)| ((from.as_str(), to.as_str()), *count))
                .collect()
        }
        let (before, now) = (counts(self), counts(other));
        let mut found = Vec::new();
        for (state, what) in self
            .entered
            .difference(&other.entered)
            .map(|state| (state, "is not entered any more"))
            .chain(
                other
                    .entered
                    .difference(&self.entered)
                    .map(|state| (state, "is entered now")),
            )
        {
            found.push(format!("state `{state}` {what}"));
        }
        let steps: BTreeSet<_> = before.keys().chain(now.keys()).copied().collect();
        for step in steps {
            let of = |counts: &BTreeMap<(&str, &str), u64>| counts.get(&step).copied().unwrap_or_default();
            let (was, is) = (of(&before), of(&now));
            if was != is {
                found.push(format!(
                    "`{} -> {}` is taken {is} times, was {was}",
                    step.0, step.1
                ));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_way_is_told_by_its_states_and_steps() {
        let entered = |id: u64, previous: u64, name: &str| json!({"id": id, "previousEventId": previous, "stateEnteredEventDetails": {"name": name}});
        let exited = |id: u64, name: &str| json!({"id": id, "previousEventId": id - 1, "stateExitedEventDetails": {"name": name}});
        let one = Trail::of(&[entered(2, 0, "A"), exited(3, "A"), entered(4, 3, "B")]);
        let other = Trail::of(&[entered(2, 0, "A"), exited(3, "A"), entered(4, 3, "C")]);
        assert_eq!(one.differences(&one), Vec::<String>::new());
        assert_eq!(
            one.differences(&other),
            [
                "state `B` is not entered any more",
                "state `C` is entered now",
                "`A -> B` is taken 0 times, was 1",
                "`A -> C` is taken 1 times, was 0"
            ]
        );
    }
}
