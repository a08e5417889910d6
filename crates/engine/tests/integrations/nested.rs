//! Step Functions by Step Functions.

use serde_json::{Value, json};
use signalbox_engine::integrations::config::IntegrationsConfig;

use crate::harness::{Api, failure, output};

async fn child(api: &Api) -> String {
    api.machine(
        "child",
        "P",
        json!({"P": {"Type": "Pass", "Parameters": {"got.$": "$"}, "End": true}}),
    )
    .await
}

fn start(child: &str, suffix: &str) -> Value {
    json!({
        "Resource": format!("arn:aws:states:::states:startExecution{suffix}"),
        "Parameters": {"StateMachineArn": child, "Input": {"n": 1}},
    })
}

#[tokio::test]
async fn a_child_is_started_and_not_waited_for() {
    let api = Api::start(IntegrationsConfig::default()).await;
    let child = child(&api).await;
    let started = output(&api.run_task("m", start(&child, ""), json!({})).await);
    assert!(started["StartDate"].is_i64());
    let done = api.closed(&started["ExecutionArn"]).await;
    assert_eq!(output(&done), json!({"got": {"n": 1}}));
}

#[tokio::test]
async fn sync_waits_for_the_child_and_describes_it() {
    let api = Api::start(IntegrationsConfig::default()).await;
    let child = child(&api).await;
    let as_text = output(&api.run_task("text", start(&child, ".sync"), json!({})).await);
    assert_eq!(
        (&as_text["Status"], &as_text["Output"]),
        (&json!("SUCCEEDED"), &json!("{\"got\":{\"n\":1}}"))
    );
    let as_json = output(&api.run_task("json", start(&child, ".sync:2"), json!({})).await);
    assert_eq!(
        (&as_json["Input"], &as_json["Output"]),
        (&json!({"n": 1}), &json!({"got": {"n": 1}}))
    );
}

#[tokio::test]
async fn a_child_s_failure_is_the_task_s() {
    let api = Api::start(IntegrationsConfig::default()).await;
    let states = json!({"F": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}});
    let child = api.machine("child", "F", states).await;
    let (error, cause) = failure(&api.run_task("m", start(&child, ".sync:2"), json!({})).await);
    assert_eq!(error, "States.TaskFailed");
    let description: Value = serde_json::from_str(&cause).unwrap();
    assert_eq!(
        (&description["Status"], &description["Error"]),
        (&json!("FAILED"), &json!("Broken"))
    );
}

#[tokio::test]
async fn what_can_t_be_started_is_an_error_by_its_name() {
    let api = Api::start(IntegrationsConfig::default()).await;
    let nobody = "arn:aws:states:us-east-1:000000000000:stateMachine:nobody";
    let (error, cause) = failure(&api.run_task("m", start(nobody, ""), json!({})).await);
    assert_eq!(error, "StepFunctions.StateMachineDoesNotExistException");
    assert!(
        cause.starts_with(&format!(
            "State Machine Does Not Exist: '{nobody}' (Service: AWSStepFunctions;"
        )),
        "{cause}"
    );
}

#[tokio::test]
async fn any_operation_can_be_called_by_the_sdk_integration() {
    let api = Api::start(IntegrationsConfig::default()).await;
    let child = child(&api).await;
    let describe = json!({
        "Resource": "arn:aws:states:::aws-sdk:sfn:describeStateMachine",
        "Parameters": {"StateMachineArn": child},
    });
    let described = output(&api.run_task("describe", describe, json!({})).await);
    assert_eq!(
        (&described["Name"], &described["TracingConfiguration"]),
        (&json!("child"), &json!({"Enabled": false}))
    );
    assert!(described["CreationDate"].as_str().unwrap().ends_with('Z'));
    let token = json!({
        "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
        "Parameters": {"TaskToken": "made up", "Output": {}},
    });
    let (error, cause) = failure(&api.run_task("token", token, json!({})).await);
    assert_eq!(error, "Sfn.InvalidTokenException");
    assert!(
        cause.starts_with("Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: "),
        "{cause}"
    );
    assert!(cause.ends_with("(SDK Attempt Count: 1)"), "{cause}");
}

#[tokio::test]
async fn a_child_that_is_waited_for_is_stopped_with_its_parent() {
    let api = Api::start(IntegrationsConfig::default()).await;
    let child = api
        .machine(
            "waiting",
            "W",
            json!({"W": {"Type": "Wait", "Seconds": 3_600, "End": true}}),
        )
        .await;
    let mut task = start(&child, ".sync");
    task["Type"] = json!("Task");
    task["End"] = json!(true);
    let parent = api.machine("parent", "T", json!({"T": task})).await;
    let parent = api.ok("StartExecution", json!({"stateMachineArn": parent})).await["executionArn"].clone();
    let child = loop {
        let history = api
            .ok("GetExecutionHistory", json!({"executionArn": parent}))
            .await;
        let events = history["events"].as_array().unwrap();
        if events.iter().any(|event| event["type"] == "TaskSubmitted") {
            let found = api.ok("ListExecutions", json!({"stateMachineArn": child})).await;
            break found["executions"][0]["executionArn"].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    api.ok("StopExecution", json!({"executionArn": parent})).await;
    assert_eq!(api.closed(&child).await["status"], "ABORTED");
}
