//! Replay: a past execution's input against the new version, its tasks answered from the recorded history. The old version is
//! rehearsed with the same answers, and the two rehearsals are compared: so clocks and random ids, which are the same in both,
//! are no differences. Nothing outside is touched.

use asl::eval::{MachineKind, TaskCall};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::mocks::{self, MockBook, Mocks};
use super::recording::{Prompter, Recording};
use super::rehearse::{Failed, Rehearsal, RehearseError, Rehearsed, Reply, rehearse};
use super::trail::Trail;

/// Most executions replayed for one deployment.
pub const SAMPLES_MAX: u32 = 200;

/// Differences told of one replay at most.
const DIFFERENCES_MAX: usize = 20;

/// Characters of a value shown in a difference.
const SHOWN_MAX: usize = 120;

/// What a replay that differs does to the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDifference {
    /// The test fails, and the deployment with it. So does one that could not be compared.
    #[default]
    Fail,
    /// It is told.
    Report,
}

/// Replay of past executions of the version that serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// How many past executions, drawn at random from those of the last days: 1 to 200.
    pub samples: u32,
    /// Which: `SUCCEEDED`, `FAILED`, `TIMED_OUT`. Default the first two.
    #[serde(default = "closed")]
    pub statuses: Vec<String>,
    /// What a difference does. Default `fail`.
    #[serde(default)]
    pub on_difference: OnDifference,
    /// JSON Pointers into the output that are not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Answers for calls that the old version did not make.
    #[serde(default, skip_serializing_if = "Mocks::is_empty")]
    pub mocks: Mocks,
}

fn closed() -> Vec<String> {
    vec!["SUCCEEDED".to_owned(), "FAILED".to_owned()]
}

impl Replay {
    /// Everything wrong with it: (field, what).
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if !(1..=SAMPLES_MAX).contains(&self.samples) {
            found.push(("samples".to_owned(), format!("is not within 1 to {SAMPLES_MAX}")));
        }
        let known = |status: &String| matches!(status.as_str(), "SUCCEEDED" | "FAILED" | "TIMED_OUT");
        if self.statuses.is_empty() || !self.statuses.iter().all(known) {
            found.push((
                "statuses".to_owned(),
                "names SUCCEEDED, FAILED or TIMED_OUT".to_owned(),
            ));
        }
        if self.ignore.iter().any(|pointer| !pointer.starts_with('/')) {
            found.push((
                "ignore".to_owned(),
                "takes JSON Pointers, such as `/id`".to_owned(),
            ));
        }
        let mocks = mocks::problems(&self.mocks).into_iter();
        found.extend(mocks.map(|(state, what)| (format!("mocks/{state}"), what)));
        found
    }
}

/// How a replay compared with what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOutcome {
    /// The same way, the same calls, the same end.
    Same,
    /// Something differs.
    Differs,
    /// The past execution can't be gone through again from its history: iterations of a distributed Map, for example.
    NotComparable,
}

/// What came of a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// How it compared.
    pub outcome: ReplayOutcome,
    /// What differs, or why it could not be compared; sentences.
    pub differences: Vec<String>,
    /// How the new version ended.
    pub ended: Option<Rehearsed>,
}

/// What both versions are rehearsed with.
#[derive(Debug, Clone, Copy)]
pub struct Roles<'a> {
    /// Standard: Express executions keep no history.
    pub kind: MachineKind,
    /// The past execution.
    pub execution_arn: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The state machine.
    pub machine_arn: &'a str,
    /// Its name.
    pub machine_name: &'a str,
    /// Its role.
    pub role_arn: &'a str,
}

/// Rehearses both definitions with the recording's input and answers, and compares. Takes a while: not for an async thread.
pub fn replay(
    recording: &Recording,
    (old, new): (&str, &str),
    roles: Roles<'_>,
    settings: &Replay,
) -> Replayed {
    let incomparable = |why: String| Replayed {
        outcome: ReplayOutcome::NotComparable,
        differences: vec![why],
        ended: None,
    };
    let before = match act(recording, old, roles, settings) {
        Ok(before) => before,
        Err(error) => return incomparable(format!("the old version can't be gone through again: {error}")),
    };
    if Some(before.ended.status) != recording.status || before.ended.trail != recording.trail {
        let ways = recording.trail.differences(&before.ended.trail);
        let first = ways.first().cloned().unwrap_or_else(|| {
            format!(
                "it ends {}, and ended {}",
                before.ended.status,
                recording.status.unwrap_or("not at all")
            )
        });
        return incomparable(format!(
            "the old version does not go the recorded way again: {first}"
        ));
    }
    let now = match act(recording, new, roles, settings) {
        Ok(now) => now,
        Err(error) => {
            return Replayed {
                outcome: ReplayOutcome::Differs,
                differences: vec![error.to_string()],
                ended: None,
            };
        }
    };
    let mut differences = ends(&before.ended, &now.ended, &settings.ignore);
    differences.extend(before.ended.trail.differences(&now.ended.trail));
    differences.extend(calls(&before.calls, &now.calls));
    differences.truncate(DIFFERENCES_MAX);
    Replayed {
        outcome: if differences.is_empty() {
            ReplayOutcome::Same
        } else {
            ReplayOutcome::Differs
        },
        differences,
        ended: Some(now.ended),
    }
}

/// A rehearsal with the calls it made.
struct Acted {
    ended: Rehearsed,
    /// State and parameters.
    calls: Vec<(String, Value)>,
}

fn act(
    recording: &Recording,
    definition: &str,
    roles: Roles<'_>,
    settings: &Replay,
) -> Result<Acted, RehearseError> {
    let mut prompter = Prompter::new(recording);
    let mut book = MockBook::new(&settings.mocks);
    let mut made = Vec::new();
    let rehearsal = Rehearsal {
        definition,
        kind: roles.kind,
        execution_arn: roles.execution_arn,
        name: roles.name,
        machine_arn: roles.machine_arn,
        machine_name: roles.machine_name,
        role_arn: roles.role_arn,
        start_ms: recording.started_ms,
        input: &recording.input,
    };
    let ended = rehearse(&rehearsal, &mut |call| {
        let parameters = parameters(call);
        let reply = prompter
            .answer(call, &parameters)
            .or_else(|| mocked(&mut book, call, &parameters));
        made.push((call.state_name.to_string(), parameters));
        reply
    })?;
    Ok(Acted { ended, calls: made })
}

/// A call's parameters as a value.
pub fn parameters(call: &TaskCall) -> Value {
    serde_json::from_str(call.parameters.text()).unwrap_or_default()
}

/// What a mock answers.
pub fn mocked(book: &mut MockBook<'_>, call: &TaskCall, parameters: &Value) -> Option<Reply> {
    let mock = book.answer(&call.state_name, parameters)?;
    let outcome = match (&mock.result, &mock.error_output) {
        (Some(result), _) => Ok(result.to_string()),
        (None, error) => Err(Failed {
            error: error.as_ref().map(|error| error.error.clone()),
            cause: error.as_ref().and_then(|error| error.cause.clone()),
        }),
    };
    Some(Reply {
        after_ms: i64::from(mock.after_seconds.unwrap_or_default()) * 1_000,
        outcome,
    })
}

/// How the ends differ.
fn ends(before: &Rehearsed, now: &Rehearsed, ignore: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    if before.status != now.status {
        found.push(format!("it ends {}, ended {}", now.status, before.status));
    }
    if before.error != now.error {
        let name = |error: &Option<String>| error.clone().unwrap_or_else(|| "none".to_owned());
        found.push(format!(
            "its error is `{}`, was `{}`",
            name(&now.error),
            name(&before.error)
        ));
    }
    if let (Some(before), Some(now)) = (&before.output, &now.output) {
        let mut outputs = Vec::new();
        differences(before, now, "", &mut outputs);
        outputs.retain(|(pointer, _)| {
            !ignore.iter().any(|ignored| {
                pointer
                    .strip_prefix(ignored.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        });
        found.extend(outputs.into_iter().map(|(pointer, what)| {
            let place = if pointer.is_empty() { "/" } else { &pointer };
            format!("output `{place}` {what}")
        }));
    }
    found
}

/// How the calls differ, state by state in the order in which they were made.
fn calls(before: &[(String, Value)], now: &[(String, Value)]) -> Vec<String> {
    let states: std::collections::BTreeSet<&String> = before.iter().chain(now).map(|call| &call.0).collect();
    let mut found = Vec::new();
    for state in states {
        let of = |calls: &[(String, Value)]| -> Vec<Value> {
            let mut parameters: Vec<_> = calls
                .iter()
                .filter(|call| call.0 == *state)
                .map(|call| call.1.clone())
                .collect();
            // Branches and iterations may call in another order.
            parameters.sort_by_key(ToString::to_string);
            parameters
        };
        let (was, is) = (of(before), of(now));
        if was.len() != is.len() {
            found.push(format!(
                "`{state}` calls {} times, called {}",
                is.len(),
                was.len()
            ));
            continue;
        }
        for (was, is) in was.iter().zip(&is) {
            let mut parts = Vec::new();
            differences(was, is, "", &mut parts);
            found.extend(parts.into_iter().map(|(pointer, what)| {
                let place = if pointer.is_empty() { "/" } else { &pointer };
                format!("`{state}` calls with other parameters: `{place}` {what}")
            }));
        }
    }
    found
}

/// Everything in `now` that is not as in `before`, with its JSON Pointer.
fn differences(before: &Value, now: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            for name in before
                .keys()
                .chain(now.keys().filter(|name| !before.contains_key(*name)))
            {
                let below = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                match (before.get(name), now.get(name)) {
                    (Some(before), Some(now)) => differences(before, now, &below, found),
                    (Some(before), None) => found.push((below, format!("is gone, was {}", short(before)))),
                    (None, Some(now)) => found.push((below, format!("is new: {}", short(now)))),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            for (index, (before, now)) in before.iter().zip(now).enumerate() {
                differences(before, now, &format!("{pointer}/{index}"), found);
            }
        }
        _ if before == now => {}
        _ => found.push((
            pointer.to_owned(),
            format!("is {}, was {}", short(now), short(before)),
        )),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The way the new version went, for coverage.
impl Replayed {
    /// None when it came to no end.
    pub fn trail(&self) -> Option<&Trail> {
        self.ended.as_ref().map(|ended| &ended.trail)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROLES: Roles<'static> = Roles {
        kind: MachineKind::Standard,
        execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:e",
        name: "e",
        machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m",
        machine_name: "m",
        role_arn: "arn:aws:iam::123456789012:role/r",
    };

    fn definition(total: &str) -> String {
        json!({"StartAt": "Price", "States": {
            "Price": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:price",
                      "Parameters": {"id.$": "$.id"}, "ResultPath": "$.price", "Next": "Sum"},
            "Sum": {"Type": "Pass", "Parameters": {"total.$": total, "run.$": "States.UUID()"}, "End": true}}})
        .to_string()
    }

    fn recording() -> Recording {
        let events = vec![
            json!({"id": 1, "previousEventId": 0, "timestamp": 1_700_000_000.0, "type": "ExecutionStarted", "executionStartedEventDetails": {"input": "{\"id\":7}"}}),
            json!({"id": 2, "previousEventId": 0, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Price"}}),
            json!({"id": 3, "previousEventId": 2, "type": "LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails": {"input": "{\"id\":7}"}}),
            json!({"id": 4, "previousEventId": 3, "type": "LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails": {"output": "{\"net\":10,\"gross\":12}"}}),
            json!({"id": 5, "previousEventId": 4, "type": "TaskStateExited", "stateExitedEventDetails": {"name": "Price"}}),
            json!({"id": 6, "previousEventId": 5, "type": "PassStateEntered", "stateEnteredEventDetails": {"name": "Sum"}}),
            json!({"id": 7, "previousEventId": 6, "type": "PassStateExited", "stateExitedEventDetails": {"name": "Sum"}}),
            json!({"id": 8, "previousEventId": 7, "type": "ExecutionSucceeded", "executionSucceededEventDetails": {"output": "{}"}}),
        ];
        Recording::of(&events)
    }

    fn settings(json: Value) -> Replay {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_same_definition_replays_the_same_although_it_makes_random_ids() {
        let net = definition("$.price.net");
        let replayed = replay(
            &recording(),
            (&net, &net),
            ROLES,
            &settings(json!({"samples": 1})),
        );
        assert_eq!(
            replayed.outcome,
            ReplayOutcome::Same,
            "{:?}",
            replayed.differences
        );
    }

    #[test]
    fn another_output_is_a_difference_with_its_place_unless_it_is_ignored() {
        let (net, gross) = (definition("$.price.net"), definition("$.price.gross"));
        let replayed = replay(
            &recording(),
            (&net, &gross),
            ROLES,
            &settings(json!({"samples": 1})),
        );
        assert_eq!(replayed.differences, ["output `/total` is 12, was 10"]);
        let ignoring = settings(json!({"samples": 1, "ignore": ["/total"]}));
        assert_eq!(
            replay(&recording(), (&net, &gross), ROLES, &ignoring).outcome,
            ReplayOutcome::Same
        );
    }

    #[test]
    fn a_call_the_old_version_did_not_make_differs_or_takes_a_mock() {
        let net = definition("$.price.net");
        let extra = net
            .replace(r#""Next":"Sum""#, r#""Next":"Audit""#)
            .replace(r#""Sum":{"#, r#""Audit":{"Type":"Task","Resource":"arn:aws:states:::sns:publish","Parameters":{"TopicArn":"arn:aws:sns:us-east-1:123456789012:t","Message":"x"},"ResultPath":null,"Next":"Sum"},"Sum":{"#);
        let plain = replay(
            &recording(),
            (&net, &extra),
            ROLES,
            &settings(json!({"samples": 1})),
        );
        assert!(plain.differences[0].contains("`Audit` calls"), "{plain:?}");
        let mocked = settings(json!({"samples": 1, "mocks": {"Audit": {"result": {}}}}));
        let replayed = replay(&recording(), (&net, &extra), ROLES, &mocked);
        assert!(
            replayed
                .differences
                .iter()
                .any(|what| what == "state `Audit` is entered now"),
            "{replayed:?}"
        );
    }

    #[test]
    fn a_recording_the_old_definition_does_not_fit_is_not_compared() {
        let other = json!({"StartAt": "X", "States": {"X": {"Type": "Pass", "End": true}}}).to_string();
        let replayed = replay(
            &recording(),
            (&other, &other),
            ROLES,
            &settings(json!({"samples": 1})),
        );
        assert_eq!(replayed.outcome, ReplayOutcome::NotComparable);
    }
}
