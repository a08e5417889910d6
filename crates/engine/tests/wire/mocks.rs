//! The mock file of Step Functions Local.

use std::path::PathBuf;

use serde_json::{Value, json};
use signalbox_engine::EngineConfig;

use crate::harness::{Api, ROLE};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:nobody";

/// A file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let unique = format!("signalbox-mocks-{name}-{}.json", uuid::Uuid::new_v4());
        Self(std::env::temp_dir().join(unique))
    }

    fn write(&self, responses: &Value) {
        let cases = json!({"Happy": {"Work": "work"}, "Dangling": {"Work": "nothing"}});
        let file = json!({"StateMachines": {"m": {"TestCases": cases}}, "MockedResponses": responses});
        std::fs::write(&self.0, file.to_string()).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn api(file: &File) -> Api {
    Api::start_with(EngineConfig {
        mock_config: Some(file.0.clone()),
        ..EngineConfig::default()
    })
    .await
}

async fn machine(api: &Api, states: Value) -> String {
    let definition = json!({"StartAt": "Work", "States": states}).to_string();
    let created = api
        .ok(
            "CreateStateMachine",
            json!({"name": "m", "definition": definition, "roleArn": ROLE}),
        )
        .await;
    created["stateMachineArn"].as_str().unwrap().to_owned()
}

/// What became of an execution of a test case.
async fn run(api: &Api, arn: &str, case: &str) -> Value {
    let started = api
        .ok(
            "StartExecution",
            json!({"stateMachineArn": format!("{arn}#{case}")}),
        )
        .await;
    loop {
        let described = api
            .ok(
                "DescribeExecution",
                json!({"executionArn": started["executionArn"]}),
            )
            .await;
        if described["status"] != "RUNNING" {
            return described;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn attempts_are_answered_in_turn_over_retries_and_rounds() {
    let file = File::new("turn");
    let api = api(&file).await;
    let retry =
        json!([{"ErrorEquals": ["Busy"], "IntervalSeconds": 0, "MaxAttempts": 5, "BackoffRate": 1.0}]);
    let arn = machine(
        &api,
        json!({
            "Work": {"Type": "Task", "Resource": FUNCTION, "Retry": retry, "Next": "Again"},
            "Again": {"Type": "Choice", "Choices": [{"Variable": "$.more", "BooleanEquals": true, "Next": "Work"}], "Default": "End"},
            "End": {"Type": "Succeed"}
        }),
    )
    .await;
    let busy = json!({"Throw": {"Error": "Busy", "Cause": "c"}});
    file.write(&json!({"work": {
        "0-1": busy, "2": {"Return": {"Payload": {"more": true}}}, "3": busy, "4": {"Return": {"more": false}}
    }}));
    let done = run(&api, &arn, "Happy").await;
    assert_eq!(
        (&done["status"], &done["output"]),
        (&json!("SUCCEEDED"), &json!(r#"{"more":false}"#))
    );
    // The file is read again for the next one.
    file.write(&json!({"work": {"0": {"Throw": {"Error": "Broken"}}}}));
    let done = run(&api, &arn, "Happy").await;
    assert_eq!(
        (&done["status"], &done["error"]),
        (&json!("FAILED"), &json!("Broken"))
    );
    // Nothing is left for a second attempt.
    file.write(&json!({"work": {"0": busy}}));
    let done = run(&api, &arn, "Happy").await;
    assert_eq!(
        done["cause"],
        json!("No mocked response for state 'Work' and attempt 1")
    );
}

#[tokio::test]
async fn who_would_wait_for_a_token_has_its_answer_at_once() {
    let file = File::new("token");
    let api = api(&file).await;
    let arn = machine(
        &api,
        json!({"Work": {
            "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}, "End": true
        }}),
    )
    .await;
    file.write(&json!({"work": {"0": {"Return": "done"}}}));
    let done = run(&api, &arn, "Happy").await;
    assert_eq!(
        (&done["status"], &done["output"]),
        (&json!("SUCCEEDED"), &json!("\"done\""))
    );
    let history = api
        .ok(
            "GetExecutionHistory",
            json!({"executionArn": done["executionArn"]}),
        )
        .await;
    let types: Vec<&str> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types[2..6],
        ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    );
}

#[tokio::test]
async fn a_test_case_that_is_not_there_starts_nothing() {
    let file = File::new("missing");
    let api = api(&file).await;
    let arn = machine(
        &api,
        json!({"Work": {"Type": "Task", "Resource": FUNCTION, "End": true}}),
    )
    .await;
    let start = |case: &str| {
        let request = json!({"stateMachineArn": format!("{arn}#{case}")});
        api.refused("StartExecution", request)
    };
    let (code, message) = start("Happy").await;
    assert_eq!(code, "ValidationException");
    assert!(message.contains("cannot be read"), "{message}");
    file.write(&json!({}));
    assert_eq!(
        start("Sad").await.1,
        "No definitions for test case 'Sad' and state machine 'm' in the mock configuration file."
    );
    assert_eq!(
        start("Dangling").await.1,
        "No definitions for mocked response 'nothing' in the mock configuration file."
    );
    std::fs::write(&file.0, "{").unwrap();
    assert!(start("Happy").await.1.contains("is invalid"));
    let without = Api::start().await;
    let arn = without.machine("m").await;
    let request = json!({"stateMachineArn": format!("{arn}#Happy")});
    let (_, message) = without.refused("StartExecution", request).await;
    assert!(message.contains("SFN_MOCK_CONFIG"), "{message}");
}
