//! Environments from a configuration.

use std::path::Path;

use super::*;

async fn connected(text: &str) -> Result<Environments, UnknownOperation> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let config = crate::config::read(Path::new(file.path())).unwrap();
    Environments::connect(
        &config,
        &Transport::in_process(axum::Router::new()),
        &Metrics::new().unwrap(),
    )
    .await
}

fn name(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

#[tokio::test]
async fn default_is_the_embedded_engine_with_its_fixed_account() {
    let environments = connected("").await.unwrap();
    let target = environments.target(&EnvironmentName::default()).unwrap();
    assert!(target.embedded);
    assert_eq!(
        target.alias_arn("orders"),
        "arn:aws:states:us-east-1:000000000000:stateMachine:orders:live"
    );
}

#[tokio::test]
async fn arns_name_the_partition_of_their_region() {
    let text = "[environments.china]\nregion='cn-north-1'\naccount='123456789012'\nalias='prod'\n";
    let environments = connected(text).await.unwrap();
    let target = environments.target(&name("china")).unwrap();
    assert_eq!(
        target.version_arn("orders", 7),
        "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:orders:7"
    );
    assert_eq!(
        target.alias_arn("orders"),
        "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:orders:prod"
    );
}

#[tokio::test]
async fn an_unknown_environment_is_answered_with_those_there_are() {
    let error = connected("").await.unwrap().target(&name("prod")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no environment `prod`; there are `default`"
    );
}

#[tokio::test]
async fn a_quota_of_an_unknown_operation_is_refused() {
    let text = "[environments.default.quotas]\nStartExecutions = { bucket = 1, refill_per_second = 1.0 }\n";
    assert_eq!(connected(text).await.unwrap_err().operation, "StartExecutions");
}

#[tokio::test]
async fn the_embedded_engine_answers_through_the_door_of_default() {
    let app = crate::app::testing::app_with_engine().await;
    let target = app.environments.target(&EnvironmentName::default()).unwrap();
    let machines = target.step_functions.list_state_machines(None).await.unwrap();
    assert!(machines.items.is_empty());
}
