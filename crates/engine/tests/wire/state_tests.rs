//! TestState.

use serde_json::{Value, json};

use crate::harness::{Api, ROLE};

/// The request with a definition given as JSON.
fn request(definition: Value, mut rest: Value) -> Value {
    rest["definition"] = json!(definition.to_string());
    rest
}

fn text(value: &Value) -> Value {
    serde_json::from_str(value.as_str().unwrap()).unwrap()
}

const SNS: &str = "arn:aws:states:::aws-sdk:sns:createTopic";

#[tokio::test]
async fn every_member_of_the_inspection_follows_the_state_s_fields() {
    let api = Api::start().await;
    let definition = json!({
        "Type": "Task", "Resource": SNS, "InputPath": "$.in",
        "Parameters": {"Name.$": "$.name"}, "ResultSelector": {"arn.$": "$.TopicArn"},
        "ResultPath": "$.topic", "OutputPath": "$.topic.arn", "Assign": {"made.$": "$.arn"}, "Next": "After"
    });
    let asked = json!({
        "input": r#"{"in": {"name": "n"}}"#, "variables": r#"{"before": 1}"#, "inspectionLevel": "DEBUG",
        "mock": {"result": r#"{"TopicArn": "t"}"#}
    });
    let answer = api.ok("TestState", request(definition, asked)).await;
    assert_eq!(
        (&answer["status"], &answer["nextState"], text(&answer["output"])),
        (&json!("SUCCEEDED"), &json!("After"), json!("t"))
    );
    let seen = &answer["inspectionData"];
    for (member, value) in [
        ("input", json!({"in": {"name": "n"}})),
        ("afterInputPath", json!({"name": "n"})),
        ("afterParameters", json!({"Name": "n"})),
        ("result", json!({"TopicArn": "t"})),
        ("afterResultSelector", json!({"arn": "t"})),
        (
            "afterResultPath",
            json!({"in": {"name": "n"}, "topic": {"arn": "t"}}),
        ),
        ("variables", json!({"before": 1, "made": "t"})),
    ] {
        assert_eq!(text(&seen[member]), value, "{member}");
    }
    assert_eq!(seen.as_object().unwrap().len(), 7, "{seen}");
}

#[tokio::test]
async fn a_map_shows_what_its_iterations_would_get() {
    let api = Api::start().await;
    let processor = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}
    });
    let definition = json!({
        "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3, "ToleratedFailurePercentage": 50,
        "ItemSelector": {"n.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index"},
        "ItemBatcher": {"MaxItemsPerBatch": 1}, "ItemProcessor": processor, "End": true
    });
    let with = |failed: u64| {
        json!({
            "input": r#"{"items": [5, 6]}"#, "inspectionLevel": "TRACE", "mock": {"result": "[1, 2]"},
            "stateConfiguration": {"mapIterationFailureCount": failed}
        })
    };
    let answer = api.ok("TestState", request(definition.clone(), with(1))).await;
    let seen = &answer["inspectionData"];
    assert_eq!(
        (&answer["status"], &answer["output"]),
        (&json!("SUCCEEDED"), &json!("[1, 2]"))
    );
    assert_eq!(text(&seen["afterItemsPath"]), json!([5, 6]));
    assert_eq!(
        text(&seen["afterItemSelector"]),
        json!([{"n": 5, "at": 0}, {"n": 6, "at": 1}])
    );
    assert_eq!(
        text(&seen["afterItemBatcher"]),
        json!([{"Items": [{"n": 5, "at": 0}]}, {"Items": [{"n": 6, "at": 1}]}])
    );
    assert_eq!(
        (&seen["maxConcurrency"], &seen["toleratedFailurePercentage"]),
        (&json!(3), &json!(50.0))
    );
    let answer = api.ok("TestState", request(definition, with(2))).await;
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (&json!("FAILED"), &json!("States.ExceedToleratedFailureThreshold"))
    );
}

#[tokio::test]
async fn retry_comes_before_catch_and_both_say_which() {
    let api = Api::start().await;
    let definition = json!({
        "Type": "Task", "Resource": SNS, "Parameters": {"Name": "n"}, "End": true,
        "Retry": [
            {"ErrorEquals": ["Other"]},
            {"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "BackoffRate": 2, "MaxAttempts": 2, "MaxDelaySeconds": 5}
        ],
        "Catch": [{"ErrorEquals": ["Other"], "Next": "X"}, {"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Y"}]
    });
    let with = |tried: u64| {
        json!({
            "input": "{}", "inspectionLevel": "DEBUG", "stateConfiguration": {"retrierRetryCount": tried},
            "mock": {"errorOutput": {"error": "Busy", "cause": "c"}}
        })
    };
    let answer = api.ok("TestState", request(definition.clone(), with(0))).await;
    assert_eq!(
        (&answer["status"], &answer["cause"]),
        (&json!("RETRIABLE"), &json!("c"))
    );
    assert_eq!(
        answer["inspectionData"]["errorDetails"],
        json!({"retryIndex": 1, "retryBackoffIntervalSeconds": 3})
    );
    let answer = api.ok("TestState", request(definition.clone(), with(1))).await;
    assert_eq!(
        answer["inspectionData"]["errorDetails"]["retryBackoffIntervalSeconds"],
        json!(5)
    );
    let answer = api.ok("TestState", request(definition, with(2))).await;
    assert_eq!(
        (&answer["status"], &answer["nextState"], &answer["error"]),
        (&json!("CAUGHT_ERROR"), &json!("Y"), &json!("Busy"))
    );
    assert_eq!(
        text(&answer["output"]),
        json!({"e": {"Error": "Busy", "Cause": "c"}})
    );
    assert_eq!(
        answer["inspectionData"]["errorDetails"],
        json!({"retryIndex": 1, "catchIndex": 1})
    );
}

#[tokio::test]
async fn a_state_is_found_at_any_depth_and_speaks_its_own_language() {
    let api = Api::start().await;
    let inner = json!({"StartAt": "Deep", "States": {"Deep": {"Type": "Pass", "Output": "{% $states.input.a + 1 %}", "End": true}}});
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "P",
        "States": {"P": {"Type": "Parallel", "Branches": [inner], "End": true}}
    });
    let asked = json!({"stateName": "Deep", "input": r#"{"a": 1}"#, "inspectionLevel": "TRACE"});
    let answer = api.ok("TestState", request(definition, asked)).await;
    assert_eq!(answer["output"], json!("2"));
    assert_eq!(answer["inspectionData"], json!({"input": r#"{"a": 1}"#}));
}

#[tokio::test]
async fn a_wait_waits_and_a_choice_that_finds_nothing_fails() {
    let api = Api::start().await;
    let wait = json!({"Type": "Wait", "Seconds": 1, "Next": "N"});
    let answer = api
        .ok(
            "TestState",
            request(wait, json!({"roleArn": ROLE, "input": "[1, 2]"})),
        )
        .await;
    assert_eq!(
        (&answer["status"], &answer["output"], &answer["nextState"]),
        (&json!("SUCCEEDED"), &json!("[1, 2]"), &json!("N"))
    );
    let choice = json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "N"}]});
    let answer = api
        .ok("TestState", request(choice, json!({"input": r#"{"a": 1}"#})))
        .await;
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (&json!("FAILED"), &json!("States.Runtime"))
    );
}

#[tokio::test]
async fn what_can_t_be_tested_is_refused_with_its_reason() {
    let api = Api::start().await;
    let pass = || json!({"Type": "Pass", "End": true});
    let task = |resource: &str| json!({"Type": "Task", "Resource": resource, "Parameters": {}, "End": true});
    let sns = || json!({"Type": "Task", "Resource": SNS, "Parameters": {"Name": "n"}, "End": true});
    let parallel = || {
        let branch = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Pass", "End": true}}});
        json!({"Type": "Parallel", "Branches": [branch("B"), branch("C")], "End": true})
    };
    let no_mock = |what: &str| format!("TestState does not support {what} when a mock is not specified.");
    let activity = "arn:aws:states:us-east-1:000000000000:activity:a";
    for (definition, asked, code, message) in [
        (pass(), json!({"mock": {"result": "1"}}), "ValidationException", "State type 'Pass' is not supported when a mock is specified".to_owned()),
        (json!({"Type": "Wait", "Seconds": 1, "End": true}), json!({"mock": {"errorOutput": {"error": "E"}}}), "ValidationException", "State type 'Wait' is not supported when a mock is specified".to_owned()),
        (pass(), json!({"context": "{}"}), "ValidationException", no_mock("Context")),
        (pass(), json!({"stateConfiguration": {"retrierRetryCount": 0}}), "ValidationException", no_mock("RetrierRetryCount")),
        (pass(), json!({"stateConfiguration": {"errorCausedByState": "S"}}), "ValidationException", no_mock("ErrorCausedByState")),
        (pass(), json!({"stateConfiguration": {"mapItemReaderData": "[]"}}), "ValidationException", no_mock("MapItemReaderData")),
        (sns(), json!({}), "ValidationException", "RoleArn must be specified when testing a Task state".to_owned()),
        (sns(), json!({"mock": {}}), "ValidationException", "A test mock should have only one of the following fields: [result, errorOutput].".to_owned()),
        (sns(), json!({"mock": {"result": "[]"}}), "ValidationException", "Mocked result must be a JSON object.".to_owned()),
        (sns(), json!({"mock": {"result": "{}"}, "context": r#"{"Task": {"Token": "t"}}"#}), "ValidationException", "Invalid Context object provided: Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern".to_owned()),
        (parallel(), json!({}), "InvalidDefinition", "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]".to_owned()),
        (parallel(), json!({"mock": {"result": "[1]"}}), "ValidationException", "Mocked result must contain the same number of items as number of Parallel branches.".to_owned()),
        (task(activity), json!({"roleArn": ROLE}), "InvalidDefinition", "TestState API does not support Activity tasks when a mock is not specified".to_owned()),
        (pass(), json!({"input": "{"}), "InvalidExecutionInput", String::new()),
        (pass(), json!({"variables": "[]"}), "ValidationException", "Invalid variables provided: must be a JSON object".to_owned()),
        (pass(), json!({"inspectionLevel": "ALL"}), "ValidationException", "1 validation error detected: Value 'ALL' at 'inspectionLevel' failed to satisfy constraint: Member must satisfy enum value set: [INFO, DEBUG, TRACE]".to_owned()),
        (json!([1]), json!({}), "InvalidDefinition", String::new()),
        (json!({"Type": "Parallel", "Branches": [], "End": true}), json!({"mock": {"result": "[]"}}), "InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/StateName/Branches'".to_owned()),
    ] {
        let (got, said) = api
            .refused("TestState", request(definition.clone(), asked.clone()))
            .await;
        assert_eq!(got, code, "{definition} {asked}: {said}");
        assert!(message.is_empty() || said == message, "{definition} {asked}: {said}");
    }
}

#[tokio::test]
async fn an_error_comes_from_a_state_inside_of_the_one_under_test() {
    let api = Api::start().await;
    let branch = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Pass", "End": true}}});
    let parallel = json!({"Type": "Parallel", "Branches": [branch("P"), branch("Q")], "End": true});
    let map = json!({"Type": "Map", "ItemProcessor": branch("P"), "End": true});
    let machine = json!({"StartAt": "First", "States": {
        "First": {"Type": "Pass", "Next": "Both"},
        "Both": {"Type": "Parallel", "Branches": [branch("P"), branch("Q")], "End": true}
    }});
    let asked = |origin: &str| {
        json!({"input": "[1]", "mock": {"errorOutput": {"error": "E"}},
            "stateConfiguration": {"errorCausedByState": origin}})
    };
    let of_both = |mut asked: Value| {
        asked["stateName"] = json!("Both");
        asked
    };
    for good in [
        request(parallel.clone(), asked("Q")),
        request(map.clone(), asked("P")),
        request(machine.clone(), of_both(asked("P"))),
    ] {
        assert_eq!(api.ok("TestState", good).await["error"], "E");
    }
    for bad in [
        request(parallel, asked("R")),
        request(map, asked("StateName")),
        // A state of the machine, but not one of the Parallel's.
        request(machine, of_both(asked("First"))),
    ] {
        assert_eq!(
            api.refused("TestState", bad).await,
            (
                "ValidationException".to_owned(),
                "State not found in definition".to_owned()
            )
        );
    }
}
