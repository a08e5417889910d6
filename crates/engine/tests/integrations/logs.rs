//! Events of executions in CloudWatch Logs, by its own protocol.

use std::time::Duration;

use serde_json::{Value, json};
use signalbox_engine::integrations::config::IntegrationsConfig;

use crate::harness::{Answer, Api, Sent, StandIn, endpoints};

async fn cloudwatch(status: u16) -> StandIn {
    StandIn::start(Answer {
        status,
        headers: vec![],
        body: "{}",
    })
    .await
}

async fn api(logs: &StandIn) -> Api {
    Api::start(IntegrationsConfig {
        endpoints: endpoints([("LOGS", &logs.url)]),
        ..IntegrationsConfig::default()
    })
    .await
}

/// A machine that fails at once, logging at this level.
async fn run(api: &Api, kind: &str, level: &str, data: bool) -> String {
    let definition = json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}});
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/g:*";
    let created = api
        .ok(
            "CreateStateMachine",
            json!({
                "name": "m", "definition": definition.to_string(), "type": kind,
                "roleArn": "arn:aws:iam::000000000000:role/r",
                "loggingConfiguration": {
                    "level": level, "includeExecutionData": data,
                    "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
                },
            }),
        )
        .await;
    let machine = &created["stateMachineArn"];
    let started = api
        .ok(
            "StartExecution",
            json!({"stateMachineArn": machine, "input": "{\"a\":1}"}),
        )
        .await;
    started["executionArn"].as_str().unwrap().to_owned()
}

fn is_put(sent: &Sent) -> bool {
    sent.headers["x-amz-target"] == "Logs_20140328.PutLogEvents"
}

/// The records as they arrived, when the last of an execution is among them; and the request of the first.
async fn records(logs: &StandIn) -> (Vec<Value>, Value) {
    for _ in 0..600 {
        let puts: Vec<Value> = logs
            .sent()
            .iter()
            .filter(|sent| is_put(sent))
            .map(|sent| serde_json::from_str(&sent.body).unwrap())
            .collect();
        let records: Vec<Value> = puts
            .iter()
            .flat_map(|put| put["logEvents"].as_array().unwrap())
            .map(|event| serde_json::from_str(event["message"].as_str().unwrap()).unwrap())
            .collect();
        if records.iter().any(|record| record["type"] == "ExecutionFailed") {
            return (records, puts[0].clone());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing was logged")
}

#[tokio::test]
async fn every_event_is_logged_as_aws_logs_it() {
    let logs = cloudwatch(200).await;
    let api = api(&logs).await;
    let execution = run(&api, "STANDARD", "ALL", true).await;
    let (records, put) = records(&logs).await;
    assert_eq!(
        records.iter().map(|record| &record["type"]).collect::<Vec<_>>(),
        ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]
    );
    let first = &records[0];
    assert_eq!(
        first["details"],
        json!({"input": "{\"a\":1}", "inputDetails": {"truncated": false}, "roleArn": "arn:aws:iam::000000000000:role/r"})
    );
    assert_eq!(
        (&first["id"], &first["previous_event_id"], &first["redrive_count"]),
        (&json!("1"), &json!("0"), &json!("0"))
    );
    assert_eq!(first["execution_arn"], execution.as_str());
    assert!(first["event_timestamp"].as_str().unwrap().parse::<i64>().unwrap() > 0);
    assert_eq!(put["logGroupName"], "/aws/vendedlogs/states/g");
    let stream = put["logStreamName"].as_str().unwrap();
    assert!(stream.starts_with("states/m/20"), "{stream}");
    assert_eq!(
        logs.sent()[1].headers["x-amz-target"],
        "Logs_20140328.CreateLogStream"
    );
}

#[tokio::test]
async fn data_and_lesser_events_stay_out_unless_they_are_asked_for() {
    for kind in ["STANDARD", "EXPRESS"] {
        let logs = cloudwatch(200).await;
        let api = api(&logs).await;
        run(&api, kind, "ERROR", false).await;
        let (records, _) = records(&logs).await;
        let shown: Vec<Value> = records
            .into_iter()
            .map(|record| json!([record["type"], record["details"]]))
            .collect();
        assert_eq!(
            shown,
            [
                json!(["FailStateEntered", {"name": "F"}]),
                json!(["ExecutionFailed", {"error": "E", "cause": "c"}]),
            ],
            "{kind}"
        );
    }
}

#[tokio::test]
async fn executions_go_on_when_nothing_can_be_logged() {
    let logs = cloudwatch(500).await;
    let api = api(&logs).await;
    let execution = run(&api, "STANDARD", "ALL", true).await;
    let done = api.closed(&json!(execution)).await;
    assert_eq!(done["status"], "FAILED");
    assert_eq!(done["error"], "E");
}

#[tokio::test]
async fn a_group_that_is_not_there_is_refused_in_aws_s_words() {
    let body = r#"{"logGroups": [{"logGroupName": "/aws/vendedlogs/states/g-other"}]}"#;
    let logs = StandIn::start(Answer {
        status: 200,
        headers: vec![],
        body,
    })
    .await;
    let api = api(&logs).await;
    let machine = |group: &str| {
        let group = format!("arn:aws:logs:us-east-1:000000000000:log-group:{group}:*");
        json!({
            "name": "m", "definition": r#"{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}"#,
            "roleArn": "arn:aws:iam::000000000000:role/r",
            "loggingConfiguration": {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]},
        })
    };
    let refused = api
        .refused("CreateStateMachine", machine("/aws/vendedlogs/states/g"))
        .await;
    assert_eq!(
        (&refused["__type"], &refused["message"]),
        (
            &json!("InvalidLoggingConfiguration"),
            &json!("Invalid Logging Configuration: Log Destination not found.")
        )
    );
    api.ok("CreateStateMachine", machine("/aws/vendedlogs/states/g-other"))
        .await;
    let sent: Value = serde_json::from_str(&logs.sent()[0].body).unwrap();
    assert_eq!(sent, json!({"logGroupNamePrefix": "/aws/vendedlogs/states/g"}));
}
