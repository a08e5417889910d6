//! The constraints of requests, over all operations: what is required, how long, which words.

use serde_json::{Value, json};
use signalbox_engine::wire::operation::Operation;

use crate::harness::Api;

/// What the model requires of each operation (botocore 1.44, stepfunctions 2016-11-23), in its order.
const REQUIRED: &[(&str, &[&str])] = &[
    ("CreateActivity", &["name"]),
    ("CreateStateMachine", &["name", "definition", "roleArn"]),
    ("CreateStateMachineAlias", &["name", "routingConfiguration"]),
    ("DeleteActivity", &["activityArn"]),
    ("DeleteStateMachine", &["stateMachineArn"]),
    ("DeleteStateMachineAlias", &["stateMachineAliasArn"]),
    ("DeleteStateMachineVersion", &["stateMachineVersionArn"]),
    ("DescribeActivity", &["activityArn"]),
    ("DescribeExecution", &["executionArn"]),
    ("DescribeMapRun", &["mapRunArn"]),
    ("DescribeStateMachine", &["stateMachineArn"]),
    ("DescribeStateMachineAlias", &["stateMachineAliasArn"]),
    ("DescribeStateMachineForExecution", &["executionArn"]),
    ("GetActivityTask", &["activityArn"]),
    ("GetExecutionHistory", &["executionArn"]),
    ("ListActivities", &[]),
    ("ListExecutions", &[]),
    ("ListMapRuns", &["executionArn"]),
    ("ListStateMachineAliases", &["stateMachineArn"]),
    ("ListStateMachineVersions", &["stateMachineArn"]),
    ("ListStateMachines", &[]),
    ("ListTagsForResource", &["resourceArn"]),
    ("PublishStateMachineVersion", &["stateMachineArn"]),
    ("RedriveExecution", &["executionArn"]),
    ("SendTaskFailure", &["taskToken"]),
    ("SendTaskHeartbeat", &["taskToken"]),
    ("SendTaskSuccess", &["taskToken", "output"]),
    ("StartExecution", &["stateMachineArn"]),
    ("StartSyncExecution", &["stateMachineArn"]),
    ("StopExecution", &["executionArn"]),
    ("TagResource", &["resourceArn", "tags"]),
    ("TestState", &["definition"]),
    ("UntagResource", &["resourceArn", "tagKeys"]),
    ("UpdateMapRun", &["mapRunArn"]),
    ("UpdateStateMachine", &["stateMachineArn"]),
    ("UpdateStateMachineAlias", &["stateMachineAliasArn"]),
    ("ValidateStateMachineDefinition", &["definition"]),
];

/// How AWS puts several broken constraints into one message.
fn detected(broken: &[String]) -> String {
    let errors = if broken.len() == 1 { "error" } else { "errors" };
    format!(
        "{} validation {errors} detected: {}",
        broken.len(),
        broken.join("; ")
    )
}

#[tokio::test]
async fn each_operation_names_all_members_it_misses() {
    let api = Api::start().await;
    assert_eq!(REQUIRED.len(), Operation::ALL.len());
    for (operation, required) in REQUIRED.iter().filter(|(_, required)| !required.is_empty()) {
        let broken: Vec<String> = required
            .iter()
            .map(|name| {
                format!("Value null at '{name}' failed to satisfy constraint: Member must not be null")
            })
            .collect();
        let refused = api.refused(operation, json!({})).await;
        assert_eq!(
            refused,
            ("ValidationException".to_owned(), detected(&broken)),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_member_of_another_type_is_told_by_what_was_found() {
    let api = Api::start().await;
    for (operation, required) in REQUIRED {
        for name in *required {
            let (value, found) = match *name {
                "tags" | "tagKeys" | "routingConfiguration" => {
                    (json!("x"), "STRING_VALUE cannot be converted to List")
                }
                _ => (json!(true), "TRUE_VALUE cannot be converted to String"),
            };
            // What else is missing is no matter: the request could not be read.
            let refused = api.refused(operation, json!({*name: value})).await;
            assert_eq!(
                refused,
                ("SerializationException".to_owned(), found.to_owned()),
                "{operation} {name}"
            );
        }
    }
}

#[tokio::test]
async fn words_lengths_and_numbers_are_checked_with_the_words_of_aws() {
    let api = Api::start().await;
    let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
    let long = |length: usize| "a".repeat(length);
    let cases: Vec<(&str, Value, String)> = vec![
        // This order is AWS's own.
        (
            "ListExecutions",
            json!({"stateMachineArn": arn, "statusFilter": "running"}),
            "Value 'running' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]".into(),
        ),
        (
            "ListExecutions",
            json!({"mapRunArn": arn, "redriveFilter": "ALL"}),
            "Value 'ALL' at 'redriveFilter' failed to satisfy constraint: Member must satisfy enum value set: [REDRIVEN, NOT_REDRIVEN]".into(),
        ),
        (
            "DescribeExecution",
            json!({"executionArn": arn, "includedData": "NONE"}),
            "Value 'NONE' at 'includedData' failed to satisfy constraint: Member must satisfy enum value set: [ALL_DATA, METADATA_ONLY]".into(),
        ),
        (
            "TestState",
            json!({"definition": "{}", "inspectionLevel": "ALL"}),
            "Value 'ALL' at 'inspectionLevel' failed to satisfy constraint: Member must satisfy enum value set: [INFO, DEBUG, TRACE]".into(),
        ),
        (
            "TestState",
            json!({"definition": "{}", "mock": {"fieldValidationMode": "LAX"}}),
            "Value 'LAX' at 'mock.fieldValidationMode' failed to satisfy constraint: Member must satisfy enum value set: [STRICT, PRESENT, NONE]".into(),
        ),
        (
            "TestState",
            json!({"definition": "{}", "stateConfiguration": {"retrierRetryCount": -1}}),
            "Value '-1' at 'stateConfiguration.retrierRetryCount' failed to satisfy constraint: Member must have value greater than or equal to 0".into(),
        ),
        (
            "ValidateStateMachineDefinition",
            json!({"definition": "{}", "severity": "INFO"}),
            "Value 'INFO' at 'severity' failed to satisfy constraint: Member must satisfy enum value set: [ERROR, WARNING]".into(),
        ),
        (
            "ValidateStateMachineDefinition",
            json!({"definition": "{}", "maxResults": 101}),
            "Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100".into(),
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": arn, "name": long(81)}),
            format!("Value '{}' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80", long(81)),
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": arn, "input": long(262_145)}),
            "Value at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144".into(),
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": arn, "traceHeader": "ä"}),
            r"Value 'ä' at 'traceHeader' failed to satisfy constraint: Member must satisfy regular expression pattern: \p{ASCII}*".into(),
        ),
        (
            "SendTaskFailure",
            json!({"taskToken": "t", "error": long(257), "cause": long(32_769)}),
            "Value at 'error' failed to satisfy constraint: Member must have length less than or equal to 256; Value at 'cause' failed to satisfy constraint: Member must have length less than or equal to 32768".into(),
        ),
        (
            "RedriveExecution",
            json!({"executionArn": arn, "clientToken": "a b"}),
            "Value 'a b' at 'clientToken' failed to satisfy constraint: Member must satisfy regular expression pattern: [!-~]+".into(),
        ),
        (
            "UpdateMapRun",
            json!({"mapRunArn": arn, "toleratedFailurePercentage": 101}),
            "Value '101' at 'toleratedFailurePercentage' failed to satisfy constraint: Member must have value less than or equal to 100".into(),
        ),
        (
            "TagResource",
            json!({"resourceArn": arn, "tags": [{"key": "a"}, {"value": "b"}]}),
            "Value null at 'tags.2.member.key' failed to satisfy constraint: Member must not be null".into(),
        ),
        (
            "CreateActivity",
            json!({"name": "a", "encryptionConfiguration": {"kmsDataKeyReusePeriodSeconds": 59}}),
            "Value '59' at 'encryptionConfiguration.kmsDataKeyReusePeriodSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60; Value null at 'encryptionConfiguration.type' failed to satisfy constraint: Member must not be null".into(),
        ),
    ];
    for (operation, request, broken) in cases {
        let broken: Vec<String> = broken.split("; ").map(str::to_owned).collect();
        assert_eq!(
            api.refused(operation, request).await,
            ("ValidationException".to_owned(), detected(&broken)),
            "{operation}"
        );
    }
}
