//! What is published may differ from what was written, by exactly these changes, which every revision shows: `timeout_seconds`
//! becomes a top-level `TimeoutSeconds` where there is none, `retry_attempts` a Retry on every Task that has none.

use serde_json::{Value, json};

use super::limits;
use super::model::{Settings, Transform};

/// Errors that tend to pass by themselves: Lambda's own (Step Functions developer guide, "Handle transient Lambda service
/// exceptions") and a broken connection of an HTTP task. A function's own errors and timeouts are not retried by default:
/// only its author knows whether a second attempt is safe.
const TRANSIENT_ERRORS: [&str; 5] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "States.Http.Socket",
];

/// Applies the settings to a definition, and lists what was changed. An empty list means that nothing was.
pub(super) fn transform(definition: &mut Value, settings: &Settings) -> Vec<Transform> {
    let mut transforms = Vec::new();
    if let (Some(seconds), Some(top)) = (settings.timeout_seconds, definition.as_object_mut())
        && !top.contains_key("TimeoutSeconds")
    {
        top.insert("TimeoutSeconds".to_owned(), json!(seconds));
        transforms.push(Transform {
            setting: "timeout_seconds".to_owned(),
            pointer: "/TimeoutSeconds".to_owned(),
            added: json!(seconds),
        });
    }
    if let Some(attempts) = settings.retry_attempts.filter(|attempts| *attempts > 0) {
        retry_tasks(definition, "", attempts, &mut transforms);
    }
    transforms
}

/// Adds the default Retry to the Tasks of `scope` (a definition, branch or item processor) and of all scopes inside.
fn retry_tasks(scope: &mut Value, pointer: &str, attempts: u32, transforms: &mut Vec<Transform>) {
    let Some(states) = scope.get_mut("States").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, state) in states.iter_mut() {
        let pointer = format!("{pointer}/States/{}", escape(name));
        if let Some(fields) = state.as_object_mut()
            && fields.get("Type").and_then(Value::as_str) == Some("Task")
            && !fields.contains_key("Retry")
        {
            let retry = default_retry(attempts);
            fields.insert("Retry".to_owned(), retry.clone());
            transforms.push(Transform {
                setting: "retry_attempts".to_owned(),
                pointer: format!("{pointer}/Retry"),
                added: retry,
            });
        }
        if let Some(branches) = state.get_mut("Branches").and_then(Value::as_array_mut) {
            for (index, branch) in branches.iter_mut().enumerate() {
                retry_tasks(
                    branch,
                    &format!("{pointer}/Branches/{index}"),
                    attempts,
                    transforms,
                );
            }
        }
        for inner in ["ItemProcessor", "Iterator"] {
            if let Some(processor) = state.get_mut(inner) {
                retry_tasks(processor, &format!("{pointer}/{inner}"), attempts, transforms);
            }
        }
    }
}

fn default_retry(attempts: u32) -> Value {
    json!([{
        "ErrorEquals": TRANSIENT_ERRORS,
        "IntervalSeconds": limits::DEFAULT_RETRY_INTERVAL_SECONDS,
        "MaxAttempts": attempts,
        "BackoffRate": 2.0,
        "MaxDelaySeconds": limits::DEFAULT_RETRY_MAX_DELAY_SECONDS,
        "JitterStrategy": "FULL",
    }])
}

/// A key as a token of a JSON Pointer (RFC 6901).
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            timeout_seconds: Some(3_600),
            retry_attempts: Some(3),
            ..Settings::default()
        }
    }

    #[test]
    fn what_the_author_wrote_is_left_alone() {
        let written = json!({"TimeoutSeconds": 5, "StartAt": "A", "States": {"A": {"Type": "Task", "Retry": [], "End": true}}});
        let mut published = written.clone();
        assert_eq!(transform(&mut published, &settings()), []);
        assert_eq!(published, written);
    }

    #[test]
    fn tasks_inside_of_parallel_and_map_get_a_retry_too_and_other_states_none() {
        let mut definition = json!({"StartAt": "P", "States": {
            "P": {"Type": "Parallel", "Branches": [{"StartAt": "a/b", "States": {"a/b": {"Type": "Task", "End": true}}}], "Next": "M"},
            "M": {"Type": "Map", "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "End": true}}}, "Next": "W"},
            "W": {"Type": "Wait", "Seconds": 1, "End": true}}});
        let transforms = transform(&mut definition, &settings());
        let pointers: Vec<_> = transforms.iter().map(|t| t.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/TimeoutSeconds",
                "/States/P/Branches/0/States/a~1b/Retry",
                "/States/M/ItemProcessor/States/T/Retry"
            ]
        );
        for transform in &transforms {
            assert_eq!(definition.pointer(&transform.pointer), Some(&transform.added));
        }
        assert_eq!(definition.pointer("/States/W/Retry"), None);
        assert_eq!(
            definition.pointer("/States/M/ItemProcessor/States/T/Retry/0/MaxAttempts"),
            Some(&json!(3))
        );
    }

    #[test]
    fn no_attempts_means_no_retry() {
        let mut definition = json!({"StartAt": "A", "States": {"A": {"Type": "Task", "End": true}}});
        let none = Settings {
            retry_attempts: Some(0),
            ..Settings::default()
        };
        assert_eq!(transform(&mut definition, &none), []);
    }
}
