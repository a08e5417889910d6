//! Lambda and SNS by their own protocols.

use serde_json::json;
use signalbox_engine::integrations::config::{Credentials, IntegrationsConfig};

use crate::harness::{Answer, Api, StandIn, endpoints, failure, output};

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:Resize";

#[tokio::test]
async fn lambda_is_invoked_with_the_payload_and_a_signature() {
    let headers = vec![
        ("x-amz-executed-version", "7"),
        ("x-amz-log-result", "bG9n"),
        ("x-amzn-requestid", "id"),
    ];
    let lambda = StandIn::start(Answer {
        status: 200,
        headers,
        body: r#"{"ok": true}"#,
    })
    .await;
    let integrations = IntegrationsConfig {
        endpoints: endpoints([("LAMBDA", &lambda.url)]),
        credentials: Some(Credentials {
            access_key: "AKID".into(),
            secret: "s".into(),
            session_token: None,
        }),
        ..IntegrationsConfig::default()
    };
    let api = Api::start(integrations).await;
    let invoke = json!({
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": ARN, "Payload": {"n": 1.0}, "LogType": "Tail", "Qualifier": "live", "ClientContext": "e30=",
        },
    });
    let invoked = output(&api.run_task("m", invoke, json!({})).await);
    assert_eq!(
        (
            &invoked["Payload"],
            &invoked["ExecutedVersion"],
            &invoked["LogResult"]
        ),
        (&json!({"ok": true}), &json!("7"), &json!("bG9n"))
    );
    assert_eq!(invoked["SdkResponseMetadata"]["RequestId"], "id");
    assert_eq!(
        invoked["SdkHttpMetadata"]["AllHttpHeaders"]["X-Amz-Executed-Version"],
        json!(["7"])
    );
    let sent = lambda.sent().remove(0);
    assert_eq!(
        sent.path,
        "/2015-03-31/functions/Resize/invocations?Qualifier=live"
    );
    assert_eq!(sent.body, r#"{"n":1.0}"#);
    assert_eq!(sent.headers["x-amz-client-context"], "e30=");
    let authorization = sent.headers["authorization"].to_str().unwrap();
    assert!(authorization.contains("Credential=AKID/"), "{authorization}");
    assert!(
        authorization.contains("/eu-west-1/lambda/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn a_function_s_error_keeps_its_name_and_its_text() {
    let body = r#"{"errorMessage": "no", "errorType": "Refused"}"#;
    let headers = vec![("x-amz-function-error", "Unhandled")];
    let lambda = StandIn::start(Answer {
        status: 200,
        headers,
        body,
    })
    .await;
    let config = IntegrationsConfig {
        endpoints: endpoints([("LAMBDA", &lambda.url)]),
        ..IntegrationsConfig::default()
    };
    let api = Api::start(config).await;
    let direct = api.run_task("direct", json!({"Resource": ARN}), json!({})).await;
    assert_eq!(failure(&direct), ("Refused".to_owned(), body.to_owned()));
    let invoke = json!({"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}});
    let invoked = api.run_task("invoked", invoke, json!({})).await;
    assert_eq!(
        failure(&invoked).1,
        r#"{"errorMessage":"no","errorType":"Refused"}"#
    );
}

#[tokio::test]
async fn lambda_s_own_errors_have_aws_s_names_and_can_be_retried() {
    let headers = vec![
        ("x-amzn-errortype", "TooManyRequestsException"),
        ("x-amzn-requestid", "id"),
    ];
    let lambda = StandIn::start(Answer {
        status: 429,
        headers,
        body: r#"{"Message": "Rate Exceeded."}"#,
    })
    .await;
    let config = IntegrationsConfig {
        endpoints: endpoints([("LAMBDA", &lambda.url)]),
        ..IntegrationsConfig::default()
    };
    let api = Api::start(config).await;
    let retry =
        json!([{"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 1, "MaxAttempts": 1}]);
    let done = api
        .run_task("m", json!({"Resource": ARN, "Retry": retry}), json!({}))
        .await;
    let (error, cause) = failure(&done);
    assert_eq!(error, "Lambda.TooManyRequestsException");
    assert_eq!(
        cause,
        "Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: id; Proxy: null)"
    );
    assert_eq!(lambda.sent().len(), 2);
}

#[tokio::test]
async fn a_message_is_published() {
    let body = "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>";
    let sns = StandIn::start(Answer {
        status: 200,
        headers: vec![("content-type", "text/xml")],
        body,
    })
    .await;
    let config = IntegrationsConfig {
        endpoints: endpoints([("SNS", &sns.url)]),
        ..IntegrationsConfig::default()
    };
    let api = Api::start(config).await;
    let publish = json!({
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Message": {"a": [1]}, "Subject": "s & t"},
    });
    let published = output(&api.run_task("m", publish, json!({})).await);
    assert_eq!(published["MessageId"], "m-1");
    let sent = sns.sent().remove(0);
    let form: Vec<(String, String)> = url::form_urlencoded::parse(sent.body.as_bytes())
        .into_owned()
        .collect();
    for (name, value) in [
        ("Action", "Publish"),
        ("Message", r#"{"a":[1]}"#),
        ("Subject", "s & t"),
    ] {
        assert!(
            form.contains(&(name.to_owned(), value.to_owned())),
            "{name}: {form:?}"
        );
    }
}

#[tokio::test]
async fn a_topic_that_is_missing_is_an_error_by_its_name() {
    let body = "<ErrorResponse><Error><Code>NotFound</Code><Message>Topic does not exist</Message></Error></ErrorResponse>";
    let sns = StandIn::start(Answer {
        status: 404,
        headers: vec![("x-amzn-requestid", "id")],
        body,
    })
    .await;
    let config = IntegrationsConfig {
        endpoints: endpoints([("SNS", &sns.url)]),
        ..IntegrationsConfig::default()
    };
    let api = Api::start(config).await;
    let publish =
        json!({"Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": "t", "Message": "m"}});
    let (error, cause) = failure(&api.run_task("m", publish, json!({})).await);
    assert_eq!(error, "SNS.NotFoundException");
    assert!(
        cause.starts_with("Topic does not exist (Service: AmazonSNS; Status Code: 404"),
        "{cause}"
    );
}

#[tokio::test]
async fn a_service_without_an_endpoint_is_named() {
    let api = Api::start(IntegrationsConfig::default()).await;
    let publish =
        json!({"Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": "t", "Message": "m"}});
    let (_, cause) = failure(&api.run_task("m", publish, json!({})).await);
    assert!(cause.contains("AWS_ENDPOINT_URL_SNS"), "{cause}");
}

#[tokio::test]
async fn a_task_with_a_token_waits_for_it_after_the_message_is_out() {
    let body = "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>";
    let sns = StandIn::start(Answer {
        status: 200,
        headers: vec![],
        body,
    })
    .await;
    let config = IntegrationsConfig {
        endpoints: endpoints([("SNS", &sns.url)]),
        ..IntegrationsConfig::default()
    };
    let api = Api::start(config).await;
    let ask = json!({"T": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish.waitForTaskToken",
        "Parameters": {"TopicArn": "t", "Message.$": "$$.Task.Token"},
        "End": true,
    }});
    let machine = api.machine("m", "T", ask).await;
    let started = api
        .ok("StartExecution", json!({"stateMachineArn": machine}))
        .await;
    let token = loop {
        if let Some(sent) = sns.sent().first() {
            let form = url::form_urlencoded::parse(sent.body.as_bytes());
            break form.into_owned().find(|(name, _)| name == "Message").unwrap().1;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    api.ok(
        "SendTaskSuccess",
        json!({"taskToken": token, "output": "{\"answer\": 42}"}),
    )
    .await;
    let done = api.closed(&started["executionArn"]).await;
    assert_eq!(output(&done), json!({"answer": 42}));
}
