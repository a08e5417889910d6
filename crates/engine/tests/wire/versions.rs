//! Versions: publishing, guards, deletion.

use serde_json::{Value, json};

use crate::harness::{Api, OTHER, PASS, ROLE};

fn number(arn: &Value) -> String {
    arn.as_str().unwrap().rsplit(':').next().unwrap().to_owned()
}

#[tokio::test]
async fn publishing_a_published_revision_answers_its_version() {
    let api = Api::start().await;
    let arn = api.machine("m").await;
    let publish = json!({"stateMachineArn": arn, "description": "first"});
    let first = api.ok("PublishStateMachineVersion", publish.clone()).await;
    assert_eq!(api.ok("PublishStateMachineVersion", publish).await, first);
    assert_eq!(first["stateMachineVersionArn"], format!("{arn}:1"));
    let described = api
        .ok(
            "DescribeStateMachine",
            json!({"stateMachineArn": first["stateMachineVersionArn"]}),
        )
        .await;
    assert_eq!(
        (&described["description"], &described["stateMachineArn"]),
        (&json!("first"), &first["stateMachineVersionArn"])
    );
}

#[tokio::test]
async fn a_version_keeps_its_definition_and_its_number() {
    let api = Api::start().await;
    let arn = api.machine("m").await;
    let one = api
        .ok("PublishStateMachineVersion", json!({"stateMachineArn": arn}))
        .await;
    let update = json!({"stateMachineArn": arn, "definition": OTHER, "publish": true});
    let two = api.ok("UpdateStateMachine", update).await;
    let describe = |arn: &Value| api.ok("DescribeStateMachine", json!({"stateMachineArn": arn}));
    assert_eq!(describe(&one["stateMachineVersionArn"]).await["definition"], PASS);
    assert_eq!(
        describe(&two["stateMachineVersionArn"]).await["definition"],
        OTHER
    );
    api.ok(
        "DeleteStateMachineVersion",
        json!({"stateMachineVersionArn": two["stateMachineVersionArn"]}),
    )
    .await;
    let three = api
        .ok("PublishStateMachineVersion", json!({"stateMachineArn": arn}))
        .await;
    assert_eq!(number(&three["stateMachineVersionArn"]), "3");
    let listed = api
        .ok("ListStateMachineVersions", json!({"stateMachineArn": arn}))
        .await;
    let numbers: Vec<String> = listed["stateMachineVersions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| number(&version["stateMachineVersionArn"]))
        .collect();
    assert_eq!(numbers, ["3", "1"]);
}

#[tokio::test]
async fn a_guard_that_is_not_the_current_revision_is_a_conflict() {
    let api = Api::start().await;
    let arn = api.machine("m").await;
    let publish = |guard: &str| {
        api.call(
            "PublishStateMachineVersion",
            json!({"stateMachineArn": arn, "revisionId": guard}),
        )
    };
    let answer = publish("other").await;
    assert_eq!((answer.status, answer.code()), (409, "ConflictException"));
    assert_eq!(
        answer.message(),
        "Failed to publish the State Machine version for revision other. The current State Machine revision is INITIAL."
    );
    assert_eq!(publish("INITIAL").await.status, 200);
    let updated = api
        .ok(
            "UpdateStateMachine",
            json!({"stateMachineArn": arn, "definition": OTHER}),
        )
        .await;
    assert_eq!(publish("INITIAL").await.code(), "ConflictException");
    assert_eq!(publish(updated["revisionId"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn a_version_an_alias_routes_to_stays() {
    let api = Api::start().await;
    let created = api
        .ok(
            "CreateStateMachine",
            json!({"name": "m", "definition": PASS, "roleArn": ROLE, "publish": true}),
        )
        .await;
    let version = created["stateMachineVersionArn"].clone();
    let routing = json!([{"stateMachineVersionArn": version, "weight": 100}]);
    let alias = api
        .ok(
            "CreateStateMachineAlias",
            json!({"name": "live", "routingConfiguration": routing}),
        )
        .await;
    let delete = json!({"stateMachineVersionArn": version});
    let answer = api.call("DeleteStateMachineVersion", delete.clone()).await;
    assert_eq!((answer.status, answer.code()), (409, "ConflictException"));
    assert!(answer.message().ends_with("[live]"), "{}", answer.message());
    api.ok(
        "DeleteStateMachineAlias",
        json!({"stateMachineAliasArn": alias["stateMachineAliasArn"]}),
    )
    .await;
    api.ok("DeleteStateMachineVersion", delete.clone()).await;
    api.ok("DeleteStateMachineVersion", delete).await;
}
