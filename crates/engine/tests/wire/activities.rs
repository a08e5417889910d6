//! Activities.

use serde_json::json;

use crate::harness::Api;

#[tokio::test]
async fn an_activity_is_made_once_and_deleted_twice() {
    let api = Api::start().await;
    let created = api.ok("CreateActivity", json!({"name": "a"})).await;
    assert_eq!(api.ok("CreateActivity", json!({"name": "a"})).await, created);
    let arn = json!({"activityArn": created["activityArn"]});
    let described = api.ok("DescribeActivity", arn.clone()).await;
    assert_eq!(
        described["encryptionConfiguration"],
        json!({"type": "AWS_OWNED_KEY"})
    );
    assert_eq!(described["creationDate"], created["creationDate"]);
    api.ok("DeleteActivity", arn.clone()).await;
    api.ok("DeleteActivity", arn.clone()).await;
    assert_eq!(
        api.refused("DescribeActivity", arn).await.0,
        "ActivityDoesNotExist"
    );
}

#[tokio::test]
async fn activities_are_listed_by_name_page_by_page() {
    let api = Api::start().await;
    for name in ["b", "a", "c"] {
        api.ok("CreateActivity", json!({"name": name})).await;
    }
    let first = api.ok("ListActivities", json!({"maxResults": 2})).await;
    let rest = api
        .ok("ListActivities", json!({"nextToken": first["nextToken"]}))
        .await;
    assert_eq!(
        (&first["activities"][0]["name"], &first["activities"][1]["name"]),
        (&json!("a"), &json!("b"))
    );
    assert_eq!(rest["activities"][0]["name"], "c");
    assert!(rest.get("nextToken").is_none());
}

#[tokio::test]
async fn names_with_characters_aws_refuses_are_refused() {
    let api = Api::start().await;
    for name in ["a b", "a#b", "a/b", "a:b", "a\u{7f}b"] {
        let (code, message) = api.refused("CreateActivity", json!({"name": name})).await;
        assert_eq!(
            (code, message),
            ("InvalidName".to_owned(), format!("Invalid Name: '{name}'"))
        );
    }
}
