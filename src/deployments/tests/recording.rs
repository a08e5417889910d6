//! What an execution's history tells of its tasks: each call with its parameters and what came of it. A rehearsal is answered
//! from it.

use std::collections::BTreeMap;

use asl::eval::TaskCall;
use serde_json::Value;

use super::rehearse::{Failed, Reply};
use super::trail::Trail;

/// One call of a task, as the history has it.
#[derive(Debug, Clone, PartialEq)]
struct Recorded {
    parameters: Value,
    /// None: the execution ended before the task did.
    outcome: Option<Result<String, Failed>>,
}

/// A finished execution as its history tells it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recording {
    /// The input as JSON text.
    pub input: String,
    /// When it began, epoch milliseconds.
    pub started_ms: i64,
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`; none for one that runs.
    pub status: Option<&'static str>,
    /// The way it went.
    pub trail: Trail,
    calls: BTreeMap<String, Vec<Recorded>>,
}

impl Recording {
    /// Reads a whole history as `GetExecutionHistory` gives it, oldest event first.
    pub fn of(history: &[Value]) -> Self {
        let mut recording = Self {
            trail: Trail::of(history),
            ..Self::default()
        };
        // By event: the state it belongs to, and the call.
        let mut owners: BTreeMap<u64, (String, Option<usize>)> = BTreeMap::new();
        for event in history {
            let number = |field: &str| event.get(field).and_then(Value::as_u64).unwrap_or_default();
            let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
            let details = details(event);
            let text = |field: &str| details.and_then(|details| details.get(field)?.as_str());
            if kind == "ExecutionStarted" {
                text("input").unwrap_or("{}").clone_into(&mut recording.input);
                recording.started_ms = timestamp_ms(event);
            }
            recording.status = end(kind).or(recording.status);
            let owner = if kind.ends_with("StateEntered") {
                text("name").map(|name| (name.to_owned(), None))
            } else {
                owners.get(&number("previousEventId")).cloned()
            };
            let Some((state, call)) = owner else { continue };
            let call = recording.note(&state, call, kind, &text);
            owners.insert(number("id"), (state, call));
        }
        recording
    }

    /// Notes what a task's event tells, and gives the call that the events after it belong to.
    fn note<'t>(
        &mut self,
        state: &str,
        call: Option<usize>,
        kind: &str,
        text: &impl Fn(&str) -> Option<&'t str>,
    ) -> Option<usize> {
        if matches!(
            kind,
            "TaskScheduled" | "LambdaFunctionScheduled" | "ActivityScheduled"
        ) {
            let parameters = text("parameters").or_else(|| text("input")).unwrap_or("null");
            let calls = self.calls.entry(state.to_owned()).or_default();
            calls.push(Recorded {
                parameters: serde_json::from_str(parameters).unwrap_or_default(),
                outcome: None,
            });
            return Some(calls.len() - 1);
        }
        let outcome = if matches!(
            kind,
            "TaskSucceeded" | "LambdaFunctionSucceeded" | "ActivitySucceeded"
        ) {
            Some(Ok(text("output").unwrap_or("null").to_owned()))
        } else if is_failure(kind) {
            let error = if kind.ends_with("TimedOut") {
                text("error").or(Some("States.Timeout"))
            } else {
                text("error")
            };
            Some(Err(Failed {
                error: error.map(ToOwned::to_owned),
                cause: text("cause").map(ToOwned::to_owned),
            }))
        } else {
            None
        };
        let recorded = call.and_then(|call| self.calls.get_mut(state)?.get_mut(call));
        if let (Some(outcome), Some(recorded)) = (outcome, recorded) {
            recorded.outcome = Some(outcome);
        }
        call
    }
}

fn details(event: &Value) -> Option<&Value> {
    event
        .as_object()?
        .iter()
        .find_map(|(name, value)| name.ends_with("EventDetails").then_some(value))
}

fn end(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "ExecutionSucceeded" => "SUCCEEDED",
        "ExecutionFailed" => "FAILED",
        "ExecutionTimedOut" => "TIMED_OUT",
        "ExecutionAborted" => "ABORTED",
        _ => return None,
    })
}

fn is_failure(kind: &str) -> bool {
    ["Task", "LambdaFunction", "Activity"].iter().any(|service| {
        kind.strip_prefix(service).is_some_and(|what| {
            matches!(
                what,
                "Failed" | "TimedOut" | "StartFailed" | "SubmitFailed" | "ScheduleFailed"
            )
        })
    })
}

/// The API gives epoch seconds with a fraction.
#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds of our era fit by far"
)]
fn timestamp_ms(event: &Value) -> i64 {
    (event.get("timestamp").and_then(Value::as_f64).unwrap_or_default() * 1_000.0) as i64
}

/// Answers calls from a recording: first the one with the same parameters, else the next of that state.
#[derive(Debug)]
pub struct Prompter<'a> {
    calls: BTreeMap<&'a str, Vec<Option<&'a Recorded>>>,
}

impl<'a> Prompter<'a> {
    /// Nothing has been called yet.
    pub fn new(recording: &'a Recording) -> Self {
        let calls = recording
            .calls
            .iter()
            .map(|(state, calls)| (state.as_str(), calls.iter().map(Some).collect()))
            .collect();
        Self { calls }
    }

    /// What the recorded execution was answered; none when it made no such call, or ended before the answer.
    pub fn answer(&mut self, call: &TaskCall, parameters: &Value) -> Option<Reply> {
        let calls = self.calls.get_mut(&*call.state_name)?;
        let token = call.token.as_deref();
        let same = calls
            .iter()
            .position(|known| known.is_some_and(|known| is_same(parameters, &known.parameters, token)));
        let place = same.or_else(|| calls.iter().position(Option::is_some))?;
        let recorded = calls.get_mut(place)?.take()?;
        Some(Reply {
            after_ms: 0,
            outcome: recorded.outcome.clone()?,
        })
    }
}

/// Equal, but for the task token, which is another one each time.
fn is_same(ours: &Value, recorded: &Value, token: Option<&str>) -> bool {
    match (ours, recorded) {
        (Value::Object(ours), Value::Object(recorded)) => {
            ours.len() == recorded.len()
                && ours.iter().all(|(name, value)| {
                    recorded
                        .get(name)
                        .is_some_and(|recorded| is_same(value, recorded, token))
                })
        }
        (Value::Array(ours), Value::Array(recorded)) => {
            ours.len() == recorded.len()
                && ours
                    .iter()
                    .zip(recorded)
                    .all(|(ours, recorded)| is_same(ours, recorded, token))
        }
        (Value::String(text), Value::String(_)) if Some(text.as_str()) == token => true,
        _ => ours == recorded,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn history() -> Vec<Value> {
        vec![
            json!({"id": 1, "previousEventId": 0, "timestamp": 1_700_000_000.5, "type": "ExecutionStarted", "executionStartedEventDetails": {"input": "{\"a\":1}"}}),
            json!({"id": 2, "previousEventId": 0, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "T"}}),
            json!({"id": 3, "previousEventId": 2, "type": "TaskScheduled", "taskScheduledEventDetails": {"parameters": "{\"n\":1}"}}),
            json!({"id": 4, "previousEventId": 3, "type": "TaskStarted", "taskStartedEventDetails": {}}),
            json!({"id": 5, "previousEventId": 4, "type": "TaskFailed", "taskFailedEventDetails": {"error": "Busy", "cause": "c"}}),
            json!({"id": 6, "previousEventId": 5, "type": "TaskScheduled", "taskScheduledEventDetails": {"parameters": "{\"n\":2}"}}),
            json!({"id": 7, "previousEventId": 6, "type": "TaskSucceeded", "taskSucceededEventDetails": {"output": "{\"ok\":true}"}}),
            json!({"id": 8, "previousEventId": 7, "type": "TaskStateExited", "stateExitedEventDetails": {"name": "T", "output": "{}"}}),
            json!({"id": 9, "previousEventId": 8, "type": "ExecutionSucceeded", "executionSucceededEventDetails": {"output": "{}"}}),
        ]
    }

    fn call(state: &str) -> TaskCall {
        TaskCall {
            id: asl::eval::TaskId(1),
            resource: asl::eval::Resource::Activity { arn: "a".into() },
            parameters: asl::json::Payload::null(),
            token: Some("secret".into()),
            credentials: None,
            timeout_seconds: None,
            heartbeat_seconds: None,
            state_name: state.into(),
            scheduled_event_id: 1,
            attempt: 0,
        }
    }

    #[test]
    fn calls_and_their_answers_are_found_by_state_and_parameters() {
        let recording = Recording::of(&history());
        assert_eq!(
            (recording.input.as_str(), recording.status, recording.started_ms),
            (r#"{"a":1}"#, Some("SUCCEEDED"), 1_700_000_000_500)
        );
        let mut prompter = Prompter::new(&recording);
        let second = prompter.answer(&call("T"), &json!({"n": 2})).unwrap();
        assert_eq!(second.outcome, Ok(r#"{"ok":true}"#.to_owned()));
        let first = prompter.answer(&call("T"), &json!({"n": 99})).unwrap();
        assert_eq!(first.outcome.unwrap_err().error.as_deref(), Some("Busy"));
        assert_eq!(
            prompter.answer(&call("T"), &json!({"n": 1})),
            None,
            "all are used"
        );
        assert_eq!(prompter.answer(&call("Other"), &json!({})), None);
    }

    #[test]
    fn a_task_token_is_no_difference() {
        assert!(is_same(
            &json!({"t": "secret"}),
            &json!({"t": "other"}),
            Some("secret")
        ));
        assert!(!is_same(
            &json!({"t": "public"}),
            &json!({"t": "other"}),
            Some("secret")
        ));
    }
}
