//! Functions from the configuration.

use serde_json::json;
use signalbox_engine::integrations::config::IntegrationsConfig;

use crate::harness::{Answer, Api, StandIn, failure, functions, output};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:";

async fn api_with(written: serde_json::Value) -> Api {
    Api::start(IntegrationsConfig {
        functions: functions(written),
        ..IntegrationsConfig::default()
    })
    .await
}

#[tokio::test]
async fn a_command_is_a_function_by_its_arn_and_by_invoke() {
    let api = api_with(json!({"Echo": {"command": ["cat"]}})).await;
    let direct = api
        .run_task(
            "direct",
            json!({"Resource": format!("{ARN}Echo")}),
            json!({"a": 1}),
        )
        .await;
    assert_eq!(output(&direct), json!({"a": 1}));
    let invoke = json!({
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "Echo", "Payload.$": "$"},
    });
    let invoked = output(&api.run_task("invoked", invoke, json!({"a": 1})).await);
    assert_eq!(
        (&invoked["Payload"], &invoked["StatusCode"]),
        (&json!({"a": 1}), &json!(200))
    );
    assert_eq!(invoked["ExecutedVersion"], "$LATEST");
    assert_eq!(invoked["SdkHttpMetadata"]["HttpStatusCode"], 200);
    assert!(invoked["SdkResponseMetadata"]["RequestId"].is_string());
}

#[tokio::test]
async fn a_failing_command_can_be_caught_by_what_it_calls_itself() {
    let script = r#"echo '{"errorType": "OutOfCheese", "errorMessage": "none left"}'; exit 1"#;
    let api = api_with(json!({
        "Described": {"command": ["sh", "-c", script]},
        "Plain": {"command": ["sh", "-c", "echo 'it broke' >&2; exit 7"]},
    }))
    .await;
    let states = json!({
        "T": {
            "Type": "Task",
            "Resource": format!("{ARN}Described"),
            "Catch": [{"ErrorEquals": ["OutOfCheese"], "Next": "Caught"}],
            "End": true,
        },
        "Caught": {"Type": "Pass", "End": true},
    });
    let machine = api.machine("caught", "T", states).await;
    let caught = output(&api.run(&machine, json!({})).await);
    assert_eq!(caught["Error"], "OutOfCheese");
    let plain = api
        .run_task("plain", json!({"Resource": format!("{ARN}Plain")}), json!({}))
        .await;
    assert_eq!(
        failure(&plain),
        ("Runtime.ExitError".to_owned(), "it broke".to_owned())
    );
}

#[tokio::test]
async fn a_url_is_a_function_that_is_sent_the_event() {
    let service = StandIn::start(Answer {
        status: 200,
        headers: vec![],
        body: r#"{"rows": 3}"#,
    })
    .await;
    let api = api_with(json!({"Load": {"url": format!("{}/load", service.url)}})).await;
    let done = api
        .run_task(
            "url",
            json!({"Resource": format!("{ARN}Load")}),
            json!({"file": "x"}),
        )
        .await;
    assert_eq!(output(&done), json!({"rows": 3}));
    let sent = service.sent();
    assert_eq!(
        (sent[0].path.as_str(), sent[0].body.as_str()),
        ("/load", r#"{"file":"x"}"#)
    );
}

#[tokio::test]
async fn a_function_nobody_knows_is_not_found_and_the_cause_says_what_to_do() {
    let api = api_with(json!({})).await;
    let done = api
        .run_task("unknown", json!({"Resource": format!("{ARN}Nobody")}), json!({}))
        .await;
    let (error, cause) = failure(&done);
    assert_eq!(error, "Lambda.ResourceNotFoundException");
    assert!(
        cause.contains("[functions.Nobody]") && cause.contains("AWS_ENDPOINT_URL_LAMBDA"),
        "{cause}"
    );
}

#[tokio::test]
async fn an_integration_that_is_missing_is_named() {
    let api = api_with(json!({})).await;
    // Step Functions has this integration; what it can do is not known here.
    let resource = "arn:aws:states:::bedrock-agentcore:anything";
    let done = api
        .run_task("missing", json!({"Resource": resource}), json!({}))
        .await;
    let (_, cause) = failure(&done);
    assert!(
        cause.contains(resource) && cause.contains("not supported"),
        "{cause}"
    );
}

#[tokio::test]
async fn a_topic_that_ends_here_hands_its_messages_to_its_command() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message.json");
    let command = format!("cat > {0}.part && mv {0}.part {0} && echo '{{}}'", file.display());
    let api = Api::start(IntegrationsConfig {
        topics: functions(json!({"orders": {"command": ["sh", "-c", command]}})),
        ..IntegrationsConfig::default()
    })
    .await;
    let publish = json!({
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "arn:aws:sns:us-east-1:000000000000:orders", "Subject": "New", "Message.$": "$"},
    });
    let published = output(&api.run_task("published", publish, json!({"order": 7})).await);
    let message: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(message["Type"], "Notification");
    assert_eq!(message["Subject"], "New");
    assert_eq!(message["Message"], r#"{"order":7}"#);
    assert_eq!(message["MessageId"], published["MessageId"]);
}
