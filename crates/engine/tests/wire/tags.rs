//! Tags of machines and activities.

use serde_json::{Value, json};

use crate::harness::Api;

#[tokio::test]
async fn tags_are_added_replaced_and_taken_away() {
    let api = Api::start().await;
    let machine = api.machine("m").await;
    let activity = api
        .ok(
            "CreateActivity",
            json!({"name": "a", "tags": [{"key": "z", "value": "0"}]}),
        )
        .await;
    let activity = activity["activityArn"].as_str().unwrap().to_owned();
    let list = |arn: &str| api.ok("ListTagsForResource", json!({"resourceArn": arn}));
    assert_eq!(list(&activity).await["tags"], json!([{"key": "z", "value": "0"}]));
    let tags = json!([{"key": "b", "value": "1"}, {"key": "a", "value": ""}, {"key": "b", "value": "2"}]);
    api.ok("TagResource", json!({"resourceArn": machine, "tags": tags}))
        .await;
    assert_eq!(
        list(&machine).await["tags"],
        json!([{"key": "a", "value": ""}, {"key": "b", "value": "2"}])
    );
    api.ok(
        "UntagResource",
        json!({"resourceArn": machine, "tagKeys": ["a", "nobody"]}),
    )
    .await;
    assert_eq!(list(&machine).await["tags"], json!([{"key": "b", "value": "2"}]));
}

#[tokio::test]
async fn a_resource_has_at_most_fifty_tags() {
    let api = Api::start().await;
    let arn = api.machine("m").await;
    let tags = |keys: std::ops::Range<u32>| -> Value {
        keys.map(|key| json!({"key": format!("k{key}"), "value": "v"}))
            .collect()
    };
    api.ok("TagResource", json!({"resourceArn": arn, "tags": tags(0..50)}))
        .await;
    api.ok("TagResource", json!({"resourceArn": arn, "tags": tags(10..20)}))
        .await;
    let (code, _) = api
        .refused("TagResource", json!({"resourceArn": arn, "tags": tags(50..51)}))
        .await;
    assert_eq!(code, "TooManyTags");
    let listed = api.ok("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(listed["tags"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn what_is_not_there_has_no_tags() {
    let api = Api::start().await;
    let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:nobody";
    assert_eq!(
        api.refused("ListTagsForResource", json!({"resourceArn": arn}))
            .await
            .0,
        "ResourceNotFound"
    );
    let execution = "arn:aws:states:us-east-1:000000000000:execution:m:e";
    assert_eq!(
        api.refused("TagResource", json!({"resourceArn": execution, "tags": []}))
            .await
            .0,
        "InvalidArn"
    );
}
