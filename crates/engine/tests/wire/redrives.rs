//! Why an execution can't be redriven: DescribeExecution says it, and RedriveExecution refuses with it.

use std::sync::Arc;

use serde_json::{Value, json};
use signalbox_engine::EngineConfig;
use signalbox_engine::clock::ManualClock;

use crate::harness::{Api, PASS, ROLE};

const FAIL: &str = r#"{"StartAt": "F", "States": {"F": {"Type": "Fail"}}}"#;
const WAIT: &str = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 99999999, "End": true}}}"#;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// An execution of a machine with this definition.
async fn started(api: &Api, name: &str, definition: &str) -> (Value, Value) {
    let created = api
        .ok(
            "CreateStateMachine",
            json!({"name": name, "definition": definition, "roleArn": ROLE}),
        )
        .await;
    let machine = json!({"stateMachineArn": created["stateMachineArn"]});
    let started = api.ok("StartExecution", machine.clone()).await;
    (machine, json!({"executionArn": started["executionArn"]}))
}

async fn assert_not_redrivable(api: &Api, execution: &Value, reason: &str) {
    let described = api.ok("DescribeExecution", execution.clone()).await;
    assert_eq!(
        (&described["redriveStatus"], &described["redriveStatusReason"]),
        (&json!("NOT_REDRIVABLE"), &json!(reason))
    );
    assert_eq!(
        api.refused("RedriveExecution", execution.clone()).await,
        ("ExecutionNotRedrivable".to_owned(), reason.to_owned())
    );
}

#[tokio::test]
async fn what_runs_and_what_succeeded_is_not_redriven() {
    let api = Api::start().await;
    let (_, running) = started(&api, "wait", WAIT).await;
    assert_not_redrivable(&api, &running, "Execution is RUNNING and cannot be redriven").await;
    let (_, succeeded) = started(&api, "pass", PASS).await;
    api.closed(&succeeded).await;
    assert_not_redrivable(&api, &succeeded, "Execution is SUCCEEDED and cannot be redriven").await;
}

#[tokio::test]
async fn nothing_of_a_machine_that_was_deleted_is_redriven() {
    let api = Api::start().await;
    let (machine, failed) = started(&api, "fail", FAIL).await;
    let described = api.closed(&failed).await;
    assert_eq!(described["redriveStatus"], "REDRIVABLE");
    assert!(described.get("redriveStatusReason").is_none());
    api.ok("DeleteStateMachine", machine).await;
    assert_not_redrivable(&api, &failed, "State machine is in DELETING status").await;
}

#[tokio::test]
async fn an_execution_is_redriven_within_fourteen_days_of_its_end_and_a_year_of_its_start() {
    let clock = Arc::new(ManualClock::at(1_800_000_000_000));
    let api = Api::start_with(EngineConfig {
        clock: clock.clone(),
        ..EngineConfig::default()
    })
    .await;
    let (_, failed) = started(&api, "fail", FAIL).await;
    api.closed(&failed).await;
    clock.advance(14 * DAY_MS);
    let described = api.ok("DescribeExecution", failed.clone()).await;
    assert_eq!(described["redriveStatus"], "REDRIVABLE");
    clock.advance(1);
    assert_not_redrivable(&api, &failed, "Execution redrivable period exceeded").await;

    let (_, long) = started(&api, "wait", WAIT).await;
    clock.advance(360 * DAY_MS);
    api.ok("StopExecution", long.clone()).await;
    clock.advance(6 * DAY_MS);
    assert_not_redrivable(&api, &long, "Execution has exceeded the max execution time").await;
}
