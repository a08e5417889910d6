//! Aliases: routing, idempotency, errors.

use serde_json::{Value, json};

use crate::harness::{Api, OTHER};

/// A machine with two versions; its ARN.
async fn two_versions(api: &Api, name: &str) -> String {
    let arn = api.machine(name).await;
    api.ok("PublishStateMachineVersion", json!({"stateMachineArn": arn}))
        .await;
    api.ok(
        "UpdateStateMachine",
        json!({"stateMachineArn": arn, "definition": OTHER, "publish": true}),
    )
    .await;
    arn
}

fn routing(arn: &str, weights: &[(u8, i32)]) -> Value {
    weights
        .iter()
        .map(|(version, weight)| json!({"stateMachineVersionArn": format!("{arn}:{version}"), "weight": weight}))
        .collect()
}

#[tokio::test]
async fn an_alias_is_described_as_it_was_made_and_shifted() {
    let api = Api::start().await;
    let arn = two_versions(&api, "m").await;
    let create =
        json!({"name": "live", "description": "d", "routingConfiguration": routing(&arn, &[(1, 100)])});
    let created = api.ok("CreateStateMachineAlias", create.clone()).await;
    assert_eq!(created["stateMachineAliasArn"], format!("{arn}:live"));
    assert_eq!(api.ok("CreateStateMachineAlias", create).await, created);
    let other =
        json!({"name": "live", "description": "d", "routingConfiguration": routing(&arn, &[(2, 100)])});
    assert_eq!(
        api.refused("CreateStateMachineAlias", other).await.0,
        "ConflictException"
    );
    let alias = json!({"stateMachineAliasArn": created["stateMachineAliasArn"]});
    let shift = json!({
        "stateMachineAliasArn": created["stateMachineAliasArn"],
        "routingConfiguration": routing(&arn, &[(1, 90), (2, 10)]),
    });
    api.ok("UpdateStateMachineAlias", shift).await;
    let described = api.ok("DescribeStateMachineAlias", alias.clone()).await;
    assert_eq!(
        described["routingConfiguration"],
        routing(&arn, &[(1, 90), (2, 10)])
    );
    assert_eq!(
        (&described["name"], &described["description"]),
        (&json!("live"), &json!("d"))
    );
    api.ok("DeleteStateMachineAlias", alias.clone()).await;
    assert_eq!(
        api.refused("DescribeStateMachineAlias", alias).await.0,
        "ResourceNotFound"
    );
}

#[tokio::test]
async fn routings_that_make_no_sense_are_refused_with_their_reason() {
    let api = Api::start().await;
    let arn = two_versions(&api, "m").await;
    let other = two_versions(&api, "n").await;
    let mixed = json!([
        {"stateMachineVersionArn": format!("{arn}:1"), "weight": 50},
        {"stateMachineVersionArn": format!("{other}:1"), "weight": 50},
    ]);
    for (routing, says) in [
        (
            routing(&arn, &[(1, 70), (2, 29)]),
            "Sum of routing configuration weights must equal 100. Received: [70, 29]",
        ),
        (routing(&arn, &[(1, 50), (1, 50)]), "must contain distinct"),
        (
            json!([{"stateMachineVersionArn": arn, "weight": 100}]),
            "must contain state machine version ARNs",
        ),
        (mixed, "same state machine"),
    ] {
        let answer = api
            .call(
                "CreateStateMachineAlias",
                json!({"name": "live", "routingConfiguration": routing}),
            )
            .await;
        assert_eq!((answer.status, answer.code()), (400, "ValidationException"));
        assert!(answer.message().contains(says), "{}", answer.message());
        assert_eq!(answer.body["reason"], "INVALID_ROUTING_CONFIGURATION");
    }
    let missing = json!({"name": "live", "routingConfiguration": routing(&arn, &[(9, 100)])});
    assert_eq!(
        api.refused("CreateStateMachineAlias", missing).await.0,
        "ResourceNotFound"
    );
}

#[tokio::test]
async fn aliases_are_listed_by_machine_and_by_version() {
    let api = Api::start().await;
    let arn = two_versions(&api, "m").await;
    for (name, weights) in [
        ("a", vec![(1, 100)]),
        ("b", vec![(2, 100)]),
        ("c", vec![(2, 40), (1, 60)]),
    ] {
        let create = json!({"name": name, "routingConfiguration": routing(&arn, &weights)});
        api.ok("CreateStateMachineAlias", create).await;
    }
    let names = |page: &Value| -> Vec<String> {
        let items = page["stateMachineAliases"].as_array().unwrap();
        items
            .iter()
            .map(|item| {
                item["stateMachineAliasArn"]
                    .as_str()
                    .unwrap()
                    .rsplit(':')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    let first = api
        .ok(
            "ListStateMachineAliases",
            json!({"stateMachineArn": arn, "maxResults": 2}),
        )
        .await;
    assert_eq!(names(&first), ["a", "b"]);
    let rest = api
        .ok(
            "ListStateMachineAliases",
            json!({"stateMachineArn": arn, "nextToken": first["nextToken"]}),
        )
        .await;
    assert_eq!(names(&rest), ["c"]);
    let of_one = api
        .ok(
            "ListStateMachineAliases",
            json!({"stateMachineArn": format!("{arn}:1")}),
        )
        .await;
    assert_eq!(names(&of_one), ["a", "c"]);
}
