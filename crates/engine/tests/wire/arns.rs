//! ARNs over all operations that take one: of no form, of another kind, of nothing that is there.

use serde_json::{Value, json};

use crate::harness::{Api, ROLE};

/// What an operation takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Machine,
    Version,
    Alias,
    Execution,
    Activity,
    MapRun,
    Tagged,
}

struct Row {
    operation: &'static str,
    member: &'static str,
    takes: Takes,
    /// The error for an ARN that names nothing; none where that is no error.
    missing: Option<&'static str>,
}

const fn row(
    operation: &'static str,
    member: &'static str,
    takes: Takes,
    missing: Option<&'static str>,
) -> Row {
    Row {
        operation,
        member,
        takes,
        missing,
    }
}

const MACHINE: Option<&str> = Some("StateMachineDoesNotExist");
const EXECUTION: Option<&str> = Some("ExecutionDoesNotExist");
const RESOURCE: Option<&str> = Some("ResourceNotFound");
const ACTIVITY: Option<&str> = Some("ActivityDoesNotExist");

/// Only errors that the model lists for the operation.
const ROWS: &[Row] = &[
    row("DescribeStateMachine", "stateMachineArn", Takes::Machine, MACHINE),
    row("UpdateStateMachine", "stateMachineArn", Takes::Machine, MACHINE),
    row("DeleteStateMachine", "stateMachineArn", Takes::Machine, None),
    row(
        "PublishStateMachineVersion",
        "stateMachineArn",
        Takes::Machine,
        MACHINE,
    ),
    row(
        "ListStateMachineVersions",
        "stateMachineArn",
        Takes::Machine,
        None,
    ),
    row(
        "ListStateMachineAliases",
        "stateMachineArn",
        Takes::Machine,
        MACHINE,
    ),
    row("StartExecution", "stateMachineArn", Takes::Machine, MACHINE),
    row("StartSyncExecution", "stateMachineArn", Takes::Machine, MACHINE),
    row("ListExecutions", "stateMachineArn", Takes::Machine, MACHINE),
    row("ListExecutions", "mapRunArn", Takes::MapRun, RESOURCE),
    row(
        "DeleteStateMachineVersion",
        "stateMachineVersionArn",
        Takes::Version,
        None,
    ),
    row(
        "DescribeStateMachineAlias",
        "stateMachineAliasArn",
        Takes::Alias,
        RESOURCE,
    ),
    row(
        "UpdateStateMachineAlias",
        "stateMachineAliasArn",
        Takes::Alias,
        RESOURCE,
    ),
    row(
        "DeleteStateMachineAlias",
        "stateMachineAliasArn",
        Takes::Alias,
        RESOURCE,
    ),
    row("DescribeExecution", "executionArn", Takes::Execution, EXECUTION),
    row("GetExecutionHistory", "executionArn", Takes::Execution, EXECUTION),
    row(
        "DescribeStateMachineForExecution",
        "executionArn",
        Takes::Execution,
        EXECUTION,
    ),
    row("StopExecution", "executionArn", Takes::Execution, EXECUTION),
    row("RedriveExecution", "executionArn", Takes::Execution, EXECUTION),
    row("ListMapRuns", "executionArn", Takes::Execution, EXECUTION),
    row("DescribeMapRun", "mapRunArn", Takes::MapRun, RESOURCE),
    row("UpdateMapRun", "mapRunArn", Takes::MapRun, RESOURCE),
    row("DescribeActivity", "activityArn", Takes::Activity, ACTIVITY),
    row("GetActivityTask", "activityArn", Takes::Activity, ACTIVITY),
    row("DeleteActivity", "activityArn", Takes::Activity, None),
    row("ListTagsForResource", "resourceArn", Takes::Tagged, RESOURCE),
    row("TagResource", "resourceArn", Takes::Tagged, RESOURCE),
    row("UntagResource", "resourceArn", Takes::Tagged, RESOURCE),
];

impl Row {
    fn request(&self, arn: &str) -> Value {
        let mut request = match self.operation {
            "UpdateStateMachine" => json!({"roleArn": ROLE}),
            "UpdateStateMachineAlias" => json!({"description": "d"}),
            "TagResource" => json!({"tags": []}),
            "UntagResource" => json!({"tagKeys": []}),
            "UpdateMapRun" => json!({"maxConcurrency": 1}),
            _ => json!({}),
        };
        request[self.member] = json!(arn);
        request
    }
}

fn states(rest: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:{rest}")
}

#[tokio::test]
async fn what_is_no_arn_is_refused_by_every_operation_alike() {
    let api = Api::start().await;
    for row in ROWS {
        for (arn, why) in [
            ("nonsense".to_owned(), "Invalid ARN prefix: nonsense".to_owned()),
            (
                "arn:aws:s3:::bucket".to_owned(),
                "Invalid ARN: arn:aws:s3:::bucket".to_owned(),
            ),
            (
                states("queue:q"),
                "Resource type not valid in this context: queue".to_owned(),
            ),
            (
                states("stateMachine"),
                format!("Invalid ARN: {}", states("stateMachine")),
            ),
        ] {
            assert_eq!(
                api.refused(row.operation, row.request(&arn)).await,
                ("InvalidArn".to_owned(), format!("Invalid Arn: '{why}'")),
                "{} {arn}",
                row.operation
            );
        }
    }
}

#[tokio::test]
async fn an_arn_of_another_kind_is_told_by_its_kind() {
    let api = Api::start().await;
    let kinds = [
        (Takes::Execution, "execution:m:e", "execution"),
        (Takes::Activity, "activity:a", "activity"),
        (Takes::MapRun, "mapRun:m/l:1", "mapRun"),
        (Takes::Machine, "stateMachine:m", "stateMachine"),
    ];
    for row in ROWS {
        for (kind, rest, name) in kinds {
            let is_taken = match row.takes {
                Takes::Machine | Takes::Version | Takes::Alias => kind == Takes::Machine,
                Takes::Tagged => kind == Takes::Machine || kind == Takes::Activity,
                other => other == kind,
            };
            if is_taken {
                continue;
            }
            assert_eq!(
                api.refused(row.operation, row.request(&states(rest))).await,
                (
                    "InvalidArn".to_owned(),
                    format!("Invalid Arn: 'Resource type not valid in this context: {name}'")
                ),
                "{} {rest}",
                row.operation
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_there_has_the_error_that_the_model_lists() {
    let api = Api::start().await;
    for row in ROWS {
        let arn = states(match row.takes {
            Takes::Machine | Takes::Tagged => "stateMachine:gone",
            Takes::Version => "stateMachine:gone:1",
            Takes::Alias => "stateMachine:gone:live",
            Takes::Execution => "execution:gone:e",
            Takes::Activity => "activity:gone",
            Takes::MapRun => "mapRun:gone/l:1",
        });
        let answer = api.call(row.operation, row.request(&arn)).await;
        match row.missing {
            None => assert_eq!(answer.status, 200, "{}: {}", row.operation, answer.body),
            Some(code) => {
                assert_eq!((answer.status, answer.code()), (400, code), "{}", row.operation);
            }
        }
    }
}

#[tokio::test]
async fn a_maps_label_or_a_qualifier_where_none_may_be_is_refused() {
    let api = Api::start().await;
    let machine = api.machine("m").await;
    for row in ROWS.iter().filter(|row| row.takes == Takes::Machine) {
        let answer = api
            .call(row.operation, row.request(&format!("{machine}/label")))
            .await;
        assert_eq!(answer.code(), "ValidationException", "{}", row.operation);
        assert_eq!(answer.body["reason"], "API_DOES_NOT_SUPPORT_LABELED_ARNS");
    }
    // The model has no error for a version that is not there of these two.
    for operation in ["DeleteStateMachine", "ListStateMachineVersions"] {
        let arn = format!("{machine}:1");
        assert_eq!(
            api.refused(operation, json!({"stateMachineArn": arn})).await,
            (
                "InvalidArn".to_owned(),
                format!("Invalid Arn: 'Invalid ARN: {arn}'")
            )
        );
    }
    assert_eq!(api.machine("m").await, machine, "it is still there");
}

#[tokio::test]
async fn a_role_has_an_arn_of_iam_wherever_one_is_given() {
    let api = Api::start().await;
    let machine = api.machine("m").await;
    let pass = r#"{"Type": "Pass", "End": true}"#;
    for (operation, request) in [
        (
            "CreateStateMachine",
            json!({"name": "n", "definition": crate::harness::PASS, "roleArn": "me"}),
        ),
        (
            "UpdateStateMachine",
            json!({"stateMachineArn": machine, "roleArn": "me"}),
        ),
        ("TestState", json!({"definition": pass, "roleArn": "me"})),
    ] {
        assert_eq!(
            api.refused(operation, request).await,
            ("InvalidArn".to_owned(), "Invalid Role Arn: 'me'".to_owned()),
            "{operation}"
        );
    }
}
