//! State machines: creation and its idempotency, description, updates, deletion, pages.

use serde_json::{Value, json};

use crate::harness::{Api, OTHER, PASS, ROLE};

fn create(name: &str) -> Value {
    json!({"name": name, "definition": PASS, "roleArn": ROLE})
}

fn with(mut request: Value, member: &str, value: Value) -> Value {
    request[member] = value;
    request
}

#[tokio::test]
async fn a_machine_is_described_with_all_that_aws_shows() {
    let api = Api::start().await;
    let created = api.ok("CreateStateMachine", create("m")).await;
    let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
    assert_eq!(created["stateMachineArn"], arn);
    assert!(created.get("stateMachineVersionArn").is_none());
    let described = api
        .ok("DescribeStateMachine", json!({"stateMachineArn": arn}))
        .await;
    let expected = json!({
        "stateMachineArn": arn,
        "name": "m",
        "status": "ACTIVE",
        "type": "STANDARD",
        "creationDate": created["creationDate"],
        "definition": PASS,
        "roleArn": ROLE,
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
        "tracingConfiguration": {"enabled": false},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    });
    assert_eq!(described, expected);
    let creation = created["creationDate"].as_f64().unwrap();
    assert!(
        creation > 1.7e9 && creation < 1e11,
        "seconds since 1970: {creation}"
    );
}

#[tokio::test]
async fn the_same_creation_again_is_answered_as_before_and_another_is_refused() {
    let api = Api::start().await;
    let first = api.ok("CreateStateMachine", create("m")).await;
    let again = with(
        create("m"),
        "roleArn",
        json!("arn:aws:iam::000000000000:role/other"),
    );
    let again = with(again, "tags", json!([{"key": "k", "value": "v"}]));
    assert_eq!(api.ok("CreateStateMachine", again).await, first);
    for (member, value) in [
        ("definition", json!(OTHER)),
        ("definition", json!(format!("{PASS} "))),
        ("type", json!("EXPRESS")),
        ("tracingConfiguration", json!({"enabled": true})),
        ("publish", json!(true)),
    ] {
        let (code, message) = api
            .refused("CreateStateMachine", with(create("m"), member, value.clone()))
            .await;
        assert_eq!(code, "StateMachineAlreadyExists", "{member}: {value}");
        assert_eq!(
            message,
            "State Machine Already Exists: 'arn:aws:states:us-east-1:000000000000:stateMachine:m'"
        );
    }
}

#[tokio::test]
async fn bad_names_definitions_and_configurations_are_refused() {
    let api = Api::start().await;
    for (member, value, code) in [
        ("name", json!("a b"), "InvalidName"),
        ("name", json!("x".repeat(81)), "ValidationException"),
        ("definition", json!("{"), "InvalidDefinition"),
        (
            "loggingConfiguration",
            json!({"level": "ALL"}),
            "InvalidLoggingConfiguration",
        ),
        (
            "encryptionConfiguration",
            json!({"type": "CUSTOMER_MANAGED_KMS_KEY"}),
            "InvalidEncryptionConfiguration",
        ),
        (
            "tags",
            json!([{"key": "aws:mine", "value": ""}]),
            "ValidationException",
        ),
        (
            "versionDescription",
            json!("without publish"),
            "ValidationException",
        ),
    ] {
        let (found, message) = api
            .refused("CreateStateMachine", with(create("m"), member, value))
            .await;
        assert_eq!(found, code, "{member}: {message}");
    }
    let listed = api.ok("ListStateMachines", json!({})).await;
    assert_eq!(listed["stateMachines"], json!([]), "nothing of them was made");
}

#[tokio::test]
async fn an_update_makes_a_revision_only_when_it_changes_something() {
    let api = Api::start().await;
    let arn = api.machine("m").await;
    let update = |request: Value| with(request, "stateMachineArn", json!(arn.clone()));
    let same = api
        .ok("UpdateStateMachine", update(json!({"definition": PASS})))
        .await;
    assert!(same.get("revisionId").is_none());
    let changed = api
        .ok("UpdateStateMachine", update(json!({"definition": OTHER})))
        .await;
    let revision = changed["revisionId"].as_str().unwrap().to_owned();
    let described = api
        .ok("DescribeStateMachine", json!({"stateMachineArn": arn.clone()}))
        .await;
    assert_eq!(
        (&described["revisionId"], &described["definition"]),
        (&json!(revision), &json!(OTHER))
    );
    let role = api
        .ok(
            "UpdateStateMachine",
            update(json!({"roleArn": "arn:aws:iam::000000000000:role/x"})),
        )
        .await;
    assert_ne!(role["revisionId"], json!(revision));
    let (code, _) = api
        .refused("UpdateStateMachine", update(json!({"publish": true})))
        .await;
    assert_eq!(code, "MissingRequiredParameter");
    let (code, _) = api
        .refused(
            "UpdateStateMachine",
            json!({"stateMachineArn": format!("{arn}:1"), "definition": PASS}),
        )
        .await;
    assert_eq!(code, "StateMachineDoesNotExist");
}

#[tokio::test]
async fn a_deleted_machine_is_gone_with_what_belonged_to_it() {
    let api = Api::start().await;
    let created = api
        .ok("CreateStateMachine", with(create("m"), "publish", json!(true)))
        .await;
    let arn = created["stateMachineArn"].clone();
    let version = created["stateMachineVersionArn"].clone();
    api.ok(
        "CreateStateMachineAlias",
        json!({"name": "live", "routingConfiguration": [{"stateMachineVersionArn": version, "weight": 100}]}),
    )
    .await;
    api.ok(
        "TagResource",
        json!({"resourceArn": arn, "tags": [{"key": "k", "value": "v"}]}),
    )
    .await;
    api.ok("DeleteStateMachine", json!({"stateMachineArn": arn}))
        .await;
    api.ok("DeleteStateMachine", json!({"stateMachineArn": arn}))
        .await;
    for gone in [&arn, &version] {
        let (code, _) = api
            .refused("DescribeStateMachine", json!({"stateMachineArn": gone}))
            .await;
        assert_eq!(code, "StateMachineDoesNotExist");
    }
    api.ok("CreateStateMachine", create("m")).await;
    let tags = api.ok("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(tags["tags"], json!([]));
    let aliases = api
        .ok("ListStateMachineAliases", json!({"stateMachineArn": arn}))
        .await;
    assert_eq!(aliases["stateMachineAliases"], json!([]));
}

#[tokio::test]
async fn machines_are_listed_by_name_page_by_page() {
    let api = Api::start().await;
    for name in ["b", "a", "C", "a_1"] {
        api.machine(name).await;
    }
    let (mut names, mut token) = (Vec::new(), Value::Null);
    loop {
        let page = api
            .ok("ListStateMachines", json!({"maxResults": 3, "nextToken": token}))
            .await;
        let items = page["stateMachines"].as_array().unwrap();
        assert!(items.len() <= 3);
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(names, ["C", "a", "a_1", "b"]);
    let page = api.ok("ListStateMachines", json!({"maxResults": 1})).await;
    let token = page["nextToken"].as_str().unwrap();
    let (code, message) = api.refused("ListActivities", json!({"nextToken": token})).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("InvalidToken", "Invalid Token: 'Invalid token'")
    );
    let (code, _) = api
        .refused("ListStateMachines", json!({"nextToken": format!("{token}x")}))
        .await;
    assert_eq!(code, "InvalidToken");
}

#[tokio::test]
async fn many_creations_of_one_machine_at_a_time_make_one() {
    let api = Api::start().await;
    let created = futures::future::join_all((0..8).map(|_| api.ok("CreateStateMachine", create("m")))).await;
    assert!(created.iter().all(|answer| answer == &created[0]), "{created:?}");
}

#[tokio::test]
async fn a_machine_that_runs_is_deleting_until_its_executions_were_stopped_at_their_next_transition() {
    let api = Api::start().await;
    let two = json!({"W": {"Type": "Wait", "Seconds": 2, "Next": "P"}, "P": {"Type": "Pass", "End": true}});
    let definition = json!({"StartAt": "W", "States": two}).to_string();
    let created = api
        .ok(
            "CreateStateMachine",
            with(create("m"), "definition", json!(definition)),
        )
        .await;
    let machine = json!({"stateMachineArn": created["stateMachineArn"]});
    let started = api.ok("StartExecution", machine.clone()).await;
    api.ok("DeleteStateMachine", machine.clone()).await;
    assert_eq!(
        api.ok("DescribeStateMachine", machine.clone()).await["status"],
        "DELETING"
    );
    assert_eq!(
        api.refused("CreateStateMachine", create("m")).await.0,
        "StateMachineDeleting"
    );
    assert_eq!(
        api.refused("StartExecution", machine.clone()).await.0,
        "StateMachineDeleting"
    );
    // What still runs can be seen, and stopped.
    let listed = api.ok("ListExecutions", machine.clone()).await;
    assert_eq!(listed["executions"][0]["executionArn"], started["executionArn"]);
    let execution = json!({"executionArn": started["executionArn"]});
    assert_eq!(api.closed(&execution).await["status"], "ABORTED");
    let history = api.ok("GetExecutionHistory", execution).await;
    let entered = |name: &str| {
        history["events"]
            .to_string()
            .contains(&format!("\"name\":\"{name}\""))
    };
    assert!(entered("W") && !entered("P"), "{history}");
    for operation in ["DescribeStateMachine", "ListExecutions"] {
        assert_eq!(
            api.refused(operation, machine.clone()).await.0,
            "StateMachineDoesNotExist"
        );
    }
    api.ok("CreateStateMachine", create("m")).await;
}
