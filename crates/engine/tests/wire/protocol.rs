//! What holds for every operation.

use serde_json::json;

use crate::harness::{Api, PASS, ROLE};

#[tokio::test]
async fn an_unknown_operation_is_told_so_whatever_was_asked() {
    let api = Api::start().await;
    let unknown = api.call("MakeCoffee", json!({})).await;
    assert_eq!(
        (unknown.status, unknown.code()),
        (400, "UnknownOperationException")
    );
    let without_target = api.send(api.client.post(&api.url).body("{}")).await;
    assert_eq!(without_target.code(), "UnknownOperationException");
    let get = api.send(api.client.get(format!("{}/nowhere", api.url))).await;
    assert_eq!(get.code(), "UnknownOperationException");
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_the_content_type_of_the_protocol() {
    let api = Api::start().await;
    for (operation, status) in [("ListStateMachines", 200), ("DescribeActivity", 400)] {
        let answer = api.call(operation, json!({})).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.0");
        assert_eq!(answer.headers["x-amzn-requestid"].len(), 36);
    }
}

#[tokio::test]
async fn what_is_not_a_json_object_is_a_serialization_exception() {
    let api = Api::start().await;
    for body in [
        "{\"maxResults\": 1",
        "[]",
        "nonsense",
        "{\"nextToken\": \"\\ud800\"}",
    ] {
        let request = api
            .client
            .post(&api.url)
            .header("x-amz-target", "AWSStepFunctions.ListActivities")
            .body(body);
        let answer = api.send(request).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "SerializationException"),
            "{body}"
        );
    }
    let (code, message) = api.refused("ListActivities", json!({"maxResults": "ten"})).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        (
            "SerializationException",
            "STRING_VALUE cannot be converted to Integer"
        )
    );
}

#[tokio::test]
async fn a_request_of_more_than_a_megabyte_is_too_large() {
    let api = Api::start().await;
    let definition = format!("{{\"Comment\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let answer = api
        .call(
            "CreateStateMachine",
            json!({"name": "m", "definition": definition, "roleArn": ROLE}),
        )
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (413, "RequestEntityTooLargeException")
    );
}

#[tokio::test]
async fn all_broken_constraints_are_told_in_one_message() {
    let api = Api::start().await;
    let request = json!({"definition": PASS, "roleArn": "", "type": "FAST"});
    let (code, message) = api.refused("CreateStateMachine", request).await;
    assert_eq!(code, "ValidationException");
    assert_eq!(
        message,
        "3 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; \
         Value '' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 1; \
         Value 'FAST' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]"
    );
}

#[tokio::test]
async fn account_and_region_come_from_the_signature_s_scope() {
    let api = Api::start().await;
    let scope = "AWS4-HMAC-SHA256 Credential=000000000002/20260101/eu-north-1/states/aws4_request, \
                 SignedHeaders=host, Signature=anything";
    let request = api
        .client
        .post(&api.url)
        .header("x-amz-target", "AWSStepFunctions.CreateActivity")
        .header("authorization", scope)
        .body(r#"{"name": "a"}"#);
    let answer = api.send(request).await;
    assert_eq!(
        answer.body["activityArn"],
        "arn:aws:states:eu-north-1:000000000002:activity:a"
    );
    let elsewhere = api.ok("ListActivities", json!({})).await;
    assert_eq!(elsewhere["activities"], json!([]));
}

#[tokio::test]
async fn arns_that_are_none_are_told_why() {
    let api = Api::start().await;
    for (operation, member, arn, says) in [
        (
            "DescribeActivity",
            "activityArn",
            "nonsense",
            "Invalid Arn: 'Invalid ARN prefix: nonsense'",
        ),
        (
            "DescribeStateMachine",
            "stateMachineArn",
            "arn:aws:states:us-east-1:000000000000:express:m:e:i",
            "Invalid Arn: 'Resource type not valid in this context: express'",
        ),
        (
            "DescribeMapRun",
            "mapRunArn",
            "arn:aws:states:us-east-1:000000000000:activity:a",
            "Invalid Arn: 'Resource type not valid in this context: activity'",
        ),
    ] {
        let (code, message) = api.refused(operation, json!({member: arn})).await;
        assert_eq!((code.as_str(), message.as_str()), ("InvalidArn", says));
    }
}

#[tokio::test]
async fn an_execution_without_a_map_has_no_map_runs() {
    let api = Api::start().await;
    let machine = api.machine("m").await;
    let started = api
        .ok("StartExecution", json!({"stateMachineArn": machine}))
        .await;
    let execution = json!({"executionArn": started["executionArn"]});
    assert_eq!(api.ok("ListMapRuns", execution).await, json!({"mapRuns": []}));
    let nobody = json!({"executionArn": "arn:aws:states:us-east-1:000000000000:execution:m:nobody"});
    assert_eq!(
        api.refused("ListMapRuns", nobody).await.0,
        "ExecutionDoesNotExist"
    );
    let arn = "arn:aws:states:us-east-1:000000000000:mapRun:m/label:id";
    assert_eq!(
        api.refused("DescribeMapRun", json!({"mapRunArn": arn})).await.0,
        "ResourceNotFound"
    );
    assert_eq!(
        api.refused("UpdateMapRun", json!({"mapRunArn": arn})).await.0,
        "ValidationException"
    );
    let update = json!({"mapRunArn": arn, "maxConcurrency": 3});
    assert_eq!(api.refused("UpdateMapRun", update).await.0, "ResourceNotFound");
}

#[tokio::test]
async fn a_nul_in_a_text_is_refused_and_not_a_fault_of_ours() {
    let api = Api::start().await;
    let machine = api.machine("m").await;
    for (operation, request) in [
        (
            "DescribeActivity",
            json!({"activityArn": "arn:aws:states:us-east-1:000000000000:activity:a\0"}),
        ),
        (
            "TagResource",
            json!({"resourceArn": machine, "tags": [{"key": "k", "value": "\0"}]}),
        ),
        (
            "PublishStateMachineVersion",
            json!({"stateMachineArn": machine, "description": "a\0b"}),
        ),
        ("CreateActivity", json!({"name": "a\0"})),
    ] {
        assert_eq!(
            api.refused(operation, request).await.0,
            "ValidationException",
            "{operation}"
        );
    }
}

#[tokio::test]
async fn the_map_runs_of_an_execution_are_listed_with_their_times() {
    let api = Api::start().await;
    let processor = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "End": true}},
    });
    let map = json!({"Type": "Map", "Label": "Each", "ItemProcessor": processor, "End": true});
    let definition = json!({"StartAt": "M", "States": {"M": map}}).to_string();
    let create = json!({"name": "m", "definition": definition, "roleArn": ROLE});
    let machine = api.ok("CreateStateMachine", create).await["stateMachineArn"].clone();
    let started = api
        .ok(
            "StartExecution",
            json!({"stateMachineArn": machine, "input": "[1, 2]"}),
        )
        .await;
    let execution = json!({"executionArn": started["executionArn"]});
    while api.ok("DescribeExecution", execution.clone()).await["status"] == "RUNNING" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let listed = api.ok("ListMapRuns", execution).await;
    let run = &listed["mapRuns"][0];
    assert_eq!(run["executionArn"], started["executionArn"], "{listed}");
    assert_eq!(
        run["stateMachineArn"],
        format!("{}/Each", machine.as_str().unwrap())
    );
    assert!(run["mapRunArn"].as_str().unwrap().contains(":mapRun:m/Each:"));
    assert!(run["startDate"].as_f64() <= run["stopDate"].as_f64(), "{listed}");
}
