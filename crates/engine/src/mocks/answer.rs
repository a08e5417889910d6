//! A task of an execution under test → its answer.

use asl::eval::{FailureKind, Resource, TaskCall};
use asl::json::Payload;

use super::file::{MockCase, MockedAnswer};
use crate::integrations::TaskError;

/// What the test case answers to a call; none when it says nothing of the state. `case` is what [`super::MockFile::case`] gave.
pub fn answer(case: &str, call: &TaskCall) -> Option<Result<Payload, TaskError>> {
    let case: MockCase = match serde_json::from_str(case) {
        Ok(case) => case,
        Err(error) => return Some(Err(failed(format!("The test case cannot be read: {error}")))),
    };
    let answers = case.get(&*call.state_name)?;
    let found = answers
        .0
        .iter()
        .find(|(from, to, _)| (*from..=*to).contains(&call.attempt));
    let Some((_, _, answer)) = found else {
        return Some(Err(failed(format!(
            "No mocked response for state '{}' and attempt {}",
            call.state_name, call.attempt
        ))));
    };
    Some(match answer {
        MockedAnswer::Return(result) => result_of(&call.resource, result.get()),
        MockedAnswer::Throw { error, cause } => Err(TaskError {
            error: Some(error.clone()),
            cause: cause.clone(),
            kind: FailureKind::Failed,
        }),
    })
}

/// A function's ARN gives the payload alone; the mock is the whole answer of Lambda's API all the same.
fn result_of(resource: &Resource, text: &str) -> Result<Payload, TaskError> {
    let result = Payload::from_text(text).map_err(|error| failed(error.to_string()))?;
    match (resource, result.json().get("Payload")) {
        (Resource::LambdaFunction { .. }, Some(payload)) => Ok(Payload::from_json(payload.clone())),
        _ => Ok(result),
    }
}

fn failed(cause: String) -> TaskError {
    TaskError {
        error: Some("States.Runtime".into()),
        cause: Some(cause.into()),
        kind: FailureKind::Failed,
    }
}

#[cfg(test)]
mod tests {
    use asl::eval::TaskId;

    use super::*;

    const CASE: &str =
        r#"{"S":[[0,1,{"Throw":{"Error":"E","Cause":"c"}}],[2,2,{"Return":{"Payload": {"a": 1}}}]]}"#;

    fn call(state: &str, attempt: u32) -> TaskCall {
        TaskCall {
            id: TaskId(1),
            resource: Resource::LambdaFunction { arn: "f".into() },
            parameters: Payload::null(),
            token: None,
            credentials: None,
            timeout_seconds: None,
            heartbeat_seconds: None,
            state_name: state.into(),
            scheduled_event_id: 3,
            attempt,
        }
    }

    #[test]
    fn each_attempt_has_its_answer() {
        for attempt in [0, 1] {
            let error = answer(CASE, &call("S", attempt)).unwrap().unwrap_err();
            assert_eq!(
                (error.error.as_deref(), error.cause.as_deref()),
                (Some("E"), Some("c"))
            );
        }
        assert_eq!(
            &**answer(CASE, &call("S", 2)).unwrap().unwrap().text(),
            r#"{"a":1}"#
        );
        let error = answer(CASE, &call("S", 3)).unwrap().unwrap_err();
        assert_eq!(
            error.cause.as_deref(),
            Some("No mocked response for state 'S' and attempt 3")
        );
        assert!(answer(CASE, &call("T", 0)).is_none());
    }
}
