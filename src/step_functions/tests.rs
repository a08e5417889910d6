//! The door: against a stand-in that records what arrives, and against the engine in this process and over TCP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use super::faults::{Fault, with_faults};
use super::*;
use crate::config::{AwsEndpoints, Credentials, Quota, Secret};
use crate::telemetry::Metrics;

const ARN: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:orders";
const DEFINITION: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#;

fn key(secret: &str) -> Credentials {
    Credentials::Fixed {
        access_key_id: "signalbox".into(),
        secret_access_key: Secret::new(secret),
    }
}

struct Door {
    door: StepFunctions,
    metrics: Metrics,
}

async fn door(transport: &Transport, url: &str, credentials: &Credentials, limits: Limits) -> Door {
    let metrics = Metrics::new().unwrap();
    let destination = client::Destination {
        region: "us-east-1",
        endpoint_url: Some(url),
        credentials,
        transport,
        endpoints: &AwsEndpoints::default(),
    };
    let calls = metrics.step_functions_calls_total.clone();
    let (door, _) = connect(destination, Arc::new(Throttle::new(limits)), calls).await;
    Door { door, metrics }
}

async fn door_to(router: Router) -> Door {
    door(
        &Transport::in_process(router),
        "http://stand.in",
        &key("any"),
        Limits::None,
    )
    .await
}

fn count(door: &Door, operation: Operation, outcome: &str) -> u64 {
    door.metrics
        .step_functions_calls_total
        .with_label_values(&[operation.name(), outcome])
        .get()
}

fn json(status: u16, body: &str) -> Response {
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amzn-requestid", "aws-42"),
    ];
    (
        http::StatusCode::from_u16(status).unwrap(),
        headers,
        body.to_owned(),
    )
        .into_response()
}

fn answering(status: u16, body: &'static str) -> Router {
    Router::new().fallback(move || async move { json(status, body) })
}

#[tokio::test]
async fn an_error_of_aws_keeps_its_code_its_text_and_its_request_id() {
    let body = r#"{"__type":"com.amazonaws.swf.service.v2.model#ExecutionDoesNotExist","message":"Execution Does Not Exist: 'x'"}"#;
    let door = door_to(answering(400, body)).await;
    let error = door.door.describe_execution("x").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::NotFound, Some("ExecutionDoesNotExist"))
    );
    assert_eq!(error.aws_request_id(), Some("aws-42"));
    assert_eq!(
        error.to_string(),
        "DescribeExecution failed with ExecutionDoesNotExist: Execution Does Not Exist: 'x'"
    );
    assert_eq!(count(&door, Operation::DescribeExecution, "not_found"), 1);
}

#[tokio::test]
async fn a_quota_comes_as_402_and_a_denied_role_as_what_it_is() {
    for (status, code, kind) in [
        (402, "ServiceQuotaExceededException", ErrorKind::Quota),
        (400, "AccessDeniedException", ErrorKind::AccessDenied),
        (409, "ConflictException", ErrorKind::Conflict),
        (400, "TaskTimedOut", ErrorKind::TaskGone),
        (400, "NeverHeardOf", ErrorKind::Invalid),
    ] {
        let router =
            Router::new().fallback(move || async move { json(status, &format!(r#"{{"__type":"{code}"}}"#)) });
        let error = door_to(router)
            .await
            .door
            .send_task_success("token", "{}")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
    }
}

#[tokio::test]
async fn history_passes_through_as_aws_wrote_it() {
    let body = r#"{"events":[{"id":1,"type":"FutureEvent","timestamp":1.25,"previousEventId":0,"futureEventDetails":{"a":[1.0,2]}}],"nextToken":"more"}"#;
    let door = door_to(answering(200, body)).await.door;
    let page = door
        .get_execution_history(GetExecutionHistory {
            execution_arn: "x".into(),
            ..GetExecutionHistory::default()
        })
        .await
        .unwrap();
    assert_eq!(page.next_token.as_deref(), Some("more"));
    let text = serde_json::to_string(&page.items[0]).unwrap();
    assert_eq!(
        text,
        r#"{"id":1,"type":"FutureEvent","timestamp":1.25,"previousEventId":0,"futureEventDetails":{"a":[1.0,2]}}"#
    );
}

#[tokio::test]
async fn an_answer_with_an_unknown_status_is_an_error_and_no_panic() {
    let body = r#"{"executions":[{"executionArn":"a","stateMachineArn":"b","name":"c","status":"PAUSED","startDate":1}]}"#;
    let error = door_to(answering(200, body))
        .await
        .door
        .list_executions(ListExecutions::default())
        .await
        .unwrap_err();
    assert!(error.message().contains("`PAUSED` is not a status"), "{error}");
}

#[tokio::test]
async fn no_host_prefix_is_put_before_an_endpoint_of_ones_own() {
    let router = Router::new().fallback(|request: Request| async move {
        let host = request.uri().host().unwrap_or_default().to_owned();
        json(
            400,
            &format!(r#"{{"__type":"ValidationException","message":"{host}"}}"#),
        )
    });
    let error = door_to(router)
        .await
        .door
        .start_sync_execution(StartExecution::default())
        .await
        .unwrap_err();
    assert_eq!(error.message(), "stand.in");
}

#[tokio::test]
async fn a_lost_request_is_sent_again_and_a_service_that_stays_away_is_unavailable() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let inner = Transport::in_process(answering(200, "{}"));
    let transport = with_faults(&inner, move |_| {
        (counted.fetch_add(1, Ordering::SeqCst) == 0).then_some(Fault::RequestLost)
    });
    let lossy = door(&transport, "http://stand.in", &key("any"), Limits::None).await;
    lossy.door.send_task_heartbeat("token").await.unwrap();
    assert_eq!(sent.load(Ordering::SeqCst), 2);

    let down = with_faults(&inner, |_| Some(Fault::RequestLost));
    let down = door(&down, "http://stand.in", &key("any"), Limits::None).await;
    let error = down.door.send_task_heartbeat("token").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.is_transient());
    assert!(
        !error.to_string().contains("DispatchFailure {"),
        "for people: {error}"
    );
}

#[tokio::test]
async fn a_throttled_call_empties_the_bucket_for_everybody() {
    let inner = Transport::in_process(answering(200, "{}"));
    let transport = with_faults(&inner, |_| {
        Some(Fault::Error {
            code: "ThrottlingException",
            status: 400,
        })
    });
    let quota = Quota {
        bucket: 100,
        refill_per_second: 0.01,
    };
    let differing = BTreeMap::from([(Operation::SendTaskHeartbeat, quota)]);
    let limits = Limits::Published {
        region: "us-east-1".into(),
        differing,
    };
    let door = door(&transport, "http://stand.in", &key("any"), limits).await;
    let first = door.door.send_task_heartbeat("token").await.unwrap_err();
    assert_eq!(
        (first.kind(), first.code()),
        (ErrorKind::Throttled, Some("ThrottlingException"))
    );

    let second = door
        .door
        .at(Priority::Rollback)
        .send_task_heartbeat("token")
        .await
        .unwrap_err();
    assert_eq!((second.kind(), second.code()), (ErrorKind::Throttled, None));
    assert!(
        second.retry_after().is_some_and(|wait| wait.as_secs() >= 90),
        "{second}"
    );
}

#[tokio::test]
async fn without_credentials_access_is_denied_and_nobody_asks_the_instance_metadata() {
    // The environment of a test run has no AWS credentials of its own in the variables that the chain reads first, or has: then
    // the request goes out and is answered. Either way the metadata service is not asked, so there is an answer at once.
    let none = Credentials::Own {
        instance_metadata: false,
    };
    let transport = Transport::in_process(answering(200, "{}"));
    let door = door(&transport, "http://stand.in", &none, Limits::None)
        .await
        .door;
    let answer = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        door.send_task_heartbeat("token"),
    )
    .await
    .unwrap();
    if let Err(error) = answer {
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    }
}

async fn engine(
    access_keys: Vec<signalbox_engine::wire::signature::AccessKey>,
) -> Arc<signalbox_engine::Engine> {
    let database = signalbox_postgres::testing::database().await;
    let pool = sqlx::PgPool::connect(&database.url).await.unwrap();
    let config = signalbox_engine::EngineConfig {
        access_keys,
        ..signalbox_engine::EngineConfig::default()
    };
    signalbox_engine::Engine::open(pool, config).await.unwrap()
}

/// Registers, publishes, points an alias, and reads all of it back.
async fn deploys_a_machine(door: &StepFunctions) {
    let created = door
        .create_state_machine(CreateStateMachine {
            name: "orders".into(),
            definition: DEFINITION.into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            machine_type: MachineType::Standard,
            logging: None,
            tracing: true,
            tags: BTreeMap::from([("Team".into(), "Data".into())]),
            publish: Some("first".into()),
        })
        .await
        .unwrap();
    assert_eq!(created.state_machine_arn, ARN);
    let first = created.version_arn.unwrap();
    let routes = [Route {
        version_arn: first.clone(),
        weight: 100,
    }];
    let alias_arn = door.create_alias("live", &routes, None).await.unwrap();
    let updated = door
        .update_state_machine(UpdateStateMachine {
            state_machine_arn: ARN.into(),
            definition: Some(DEFINITION.replace("Succeed", "Fail")),
            publish: Some("second".into()),
            ..UpdateStateMachine::default()
        })
        .await
        .unwrap();
    let split = [
        Route {
            version_arn: first,
            weight: 90,
        },
        Route {
            version_arn: updated.version_arn.unwrap(),
            weight: 10,
        },
    ];
    door.update_alias(&alias_arn, &split, None).await.unwrap();

    let alias = door.describe_alias(&alias_arn).await.unwrap();
    assert_eq!(
        (alias.name.as_str(), alias.routes.as_slice()),
        ("live", split.as_slice())
    );
    let machine = door.describe_state_machine(ARN).await.unwrap();
    assert!(machine.tracing && !machine.deleting);
    assert_eq!(machine.revision_id, updated.revision_id);
    assert_eq!(door.list_versions(ARN, None).await.unwrap().items.len(), 2);
    assert_eq!(
        door.list_tags(ARN).await.unwrap(),
        BTreeMap::from([("Team".into(), "Data".into())])
    );
    let missing = door
        .describe_state_machine(&format!("{ARN}-not"))
        .await
        .unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn the_engine_in_this_process_is_a_target() {
    let router =
        signalbox_engine::wire::router(engine(Vec::new()).await, signalbox_engine::wire::Trust::Everybody);
    deploys_a_machine(&door_to(router).await.door).await;
}

#[tokio::test]
async fn the_engine_over_tcp_is_a_target_that_checks_signatures() {
    let access_key = signalbox_engine::wire::signature::AccessKey {
        id: "signalbox".into(),
        secret: "right".into(),
        account: None,
    };
    let router = signalbox_engine::wire::router(
        engine(vec![access_key]).await,
        signalbox_engine::wire::Trust::Nobody,
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = async {
        let right = door(&Transport::Http, &url, &key("right"), Limits::None).await;
        deploys_a_machine(&right.door).await;
        let wrong = door(&Transport::Http, &url, &key("wrong"), Limits::None).await;
        let error = wrong.door.describe_state_machine(ARN).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    };
    tokio::select! {
        () = calls => {}
        ended = async { axum::serve(listener, router).await } => panic!("{ended:?}"),
    }
}
