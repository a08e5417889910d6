//! What goes to AWS besides Step Functions: messages to SNS topics, metric data to CloudWatch. Against stand-ins that speak the
//! services' own protocols, and against moto where it is installed (`pip install 'moto[server]'`, `moto_server` on the PATH).

use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Options, Receiver, Reply, Signalbox, cbor, eventually};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:deployments";

fn published() -> Reply {
    let body = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                <MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult>\
                <ResponseMetadata><RequestId>d74b8436-ae13-5ab4-a9ff-ce54dfea72a0</RequestId></ResponseMetadata></PublishResponse>";
    Reply {
        headers: vec![("content-type", "text/xml".to_owned())],
        body: body.into(),
        ..Reply::status(200)
    }
}

/// The fields of a request in AWS's query protocol.
fn form(body: &[u8]) -> Value {
    url::form_urlencoded::parse(body)
        .map(|(key, value)| (key.into_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Deploys a second revision at once, and tells `topic` of it; the deployment's id.
async fn deploy(service: &Signalbox, name: &str, topic: &str) -> String {
    let definition = |result: u32| json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": result, "End": true}}});
    service.register(name, definition(1)).await;
    let revision = json!({"definition": definition(2)});
    service
        .post(&format!("/v1/templates/{name}/revisions"), revision)
        .await
        .expect(201);
    let deployment = json!({"template": name, "revision": 2, "environment": "default", "notification_topics": [topic],
        "strategy": {"type": "direct", "settling_seconds": 0, "final_bake_seconds": 0}});
    let started = service.post("/v1/deployments", deployment).await.expect(202);
    let id = started["id"].as_str().unwrap().to_owned();
    eventually("the deployment succeeds", async || {
        let deployment = service.get(&format!("/v1/deployments/{id}")).await.expect(200);
        (deployment["state"] == "succeeded").then_some(())
    })
    .await;
    id
}

#[tokio::test]
async fn a_finished_deployment_is_published_to_its_topic_in_the_topics_region() {
    let sns = Receiver::start().await;
    sns.answer_all(published());
    let environment = vec![
        ("AWS_ENDPOINT_URL_SNS".to_owned(), sns.url.clone()),
        ("AWS_ACCESS_KEY_ID".to_owned(), "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "secret".to_owned()),
    ];
    let service = Signalbox::start_with(Options {
        environment,
        ..Options::default()
    })
    .await;
    let id = deploy(&service, "told", TOPIC).await;
    let received = eventually("the message of success", async || {
        sns.received().into_iter().find(|received| {
            form(&received.body)["Subject"]
                .as_str()
                .is_some_and(|subject| subject.contains("Successful"))
        })
    })
    .await;
    let sent = form(&received.body);
    assert_eq!(
        (&sent["Action"], &sent["TopicArn"]),
        (&json!("Publish"), &json!(TOPIC))
    );
    assert_eq!(
        sent["Subject"],
        format!("Step Functions Deployment Successful - {id}")
    );
    assert!(
        received
            .header("authorization")
            .contains("/eu-west-1/sns/aws4_request"),
        "signed for the topic's region"
    );
    let message: Value = serde_json::from_str(sent["Message"].as_str().unwrap()).unwrap();
    for (key, value) in [
        ("deployment_id", json!(id)),
        ("environment", json!("default")),
        ("status", json!("success")),
        ("workflow_count", json!(1)),
    ] {
        assert_eq!(message[key], value, "{message}");
    }
    assert!(message["timestamp"].is_string(), "{message}");
    let delivery = eventually("the delivery is noted", async || {
        let page = service
            .get("/v1/deliveries?kind=sns&state=delivered")
            .await
            .expect(200);
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|delivery| delivery["subject"] == id.as_str())
            .cloned()
    })
    .await;
    assert_eq!(delivery["destination"], TOPIC);
}

#[tokio::test]
async fn metrics_of_finished_executions_reach_cloudwatch_even_through_an_outage_and_kill_9() {
    let cloudwatch = Receiver::start().await;
    cloudwatch.answer_all(Reply::status(503));
    let environment = vec![
        ("AWS_ENDPOINT_URL_CLOUDWATCH".to_owned(), cloudwatch.url.clone()),
        ("AWS_ACCESS_KEY_ID".to_owned(), "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "secret".to_owned()),
    ];
    let config = "[environments.default]\nmetrics_namespace = \"StepFunctions/Enterprise\"\n".to_owned();
    let mut service = Signalbox::start_with(Options {
        config,
        environment,
        ..Options::default()
    })
    .await;
    let fails = json!({"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E", "Cause": "because"}}});
    service.register("fails", fails).await;
    let started = service
        .post("/v1/templates/fails/executions", json!({}))
        .await
        .expect(201);
    service.closed(started["id"].as_str().unwrap()).await;
    cloudwatch.wait_for(1).await;
    service.kill().await;
    let before = cloudwatch.received().len();
    let headers = vec![
        ("smithy-protocol", "rpc-v2-cbor".to_owned()),
        ("content-type", "application/cbor".to_owned()),
    ];
    cloudwatch.answer_all(Reply {
        headers,
        body: vec![0xa0],
        ..Reply::status(200)
    });
    service.restart().await;
    let received = cloudwatch.wait_for(before + 1).await.remove(before);
    assert!(
        received.path.ends_with("/operation/PutMetricData"),
        "{}",
        received.path
    );
    let sent = cbor::body(&received);
    assert_eq!(sent["Namespace"], "StepFunctions/Enterprise");
    let data = sent["MetricData"].as_array().unwrap();
    let names: Vec<&str> = data
        .iter()
        .map(|datum| datum["MetricName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ExecutionDuration", "ExecutionCount", "ExecutionErrors"]);
    assert_eq!(
        data[1]["Dimensions"],
        json!([{"Name": "WorkflowName", "Value": "fails"}, {"Name": "Status", "Value": "FAILED"}])
    );
    assert_eq!(
        (&data[0]["Unit"], &data[1]["Value"]),
        (&json!("Seconds"), &json!(1.0))
    );
}

#[tokio::test]
async fn without_a_namespace_nothing_is_sent_to_cloudwatch() {
    let cloudwatch = Receiver::start().await;
    let environment = vec![("AWS_ENDPOINT_URL_CLOUDWATCH".to_owned(), cloudwatch.url.clone())];
    let service = Signalbox::start_with(Options {
        environment,
        ..Options::default()
    })
    .await;
    let hook = Receiver::start().await;
    let passes = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}});
    service.register("passes", passes).await;
    let start = json!({"callback_url": format!("{}/done", hook.url)});
    service
        .post("/v1/templates/passes/executions", start)
        .await
        .expect(201);
    let told = hook.wait_for(1).await.remove(0).json();
    assert_eq!(
        (&told["type"], &told["data"]["status"]),
        (&json!("execution.succeeded"), &json!("SUCCEEDED"))
    );
    let url = service.database_url.clone();
    let waiting: i64 = {
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        sqlx::query_scalar("select count(*) from signalbox.metric_data")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    assert_eq!(
        waiting, 0,
        "the callback is written in the same transaction, and it has arrived"
    );
    assert!(cloudwatch.received().is_empty());
}

/// Starts moto's server, if it is installed; its URL. The process ends with what is returned.
async fn moto() -> Option<(tokio::process::Child, String)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut command = tokio::process::Command::new("moto_server");
    command
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .kill_on_drop(true);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let url = format!("http://127.0.0.1:{port}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    eventually("moto answers", async || {
        client.get(format!("{url}/moto-api/")).send().await.ok()
    })
    .await;
    Some((child, url))
}

#[tokio::test]
async fn a_message_arrives_at_an_sns_that_is_not_ours() {
    let Some((_moto, url)) = moto().await else {
        eprintln!("skipped: `moto_server` is not on the PATH (pip install 'moto[server]')");
        return;
    };
    let sqs_and_sns = async |service: &str, fields: &[(&str, &str)]| {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = reqwest::Client::builder().no_proxy().build().unwrap().post(&url);
        let request = request.header("authorization", authorization);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        request.send().await.unwrap().text().await.unwrap()
    };
    let queue = sqs_and_sns(
        "sqs",
        &[
            ("Action", "CreateQueue"),
            ("QueueName", "heard"),
            ("Version", "2012-11-05"),
        ],
    )
    .await;
    assert!(queue.contains("QueueUrl"), "{queue}");
    let topic = sqs_and_sns(
        "sns",
        &[
            ("Action", "CreateTopic"),
            ("Name", "deployments"),
            ("Version", "2010-03-31"),
        ],
    )
    .await;
    assert!(topic.contains(TOPIC), "{topic}");
    let subscribe = [
        ("Action", "Subscribe"),
        ("TopicArn", TOPIC),
        ("Protocol", "sqs"),
        ("Endpoint", "arn:aws:sqs:eu-west-1:123456789012:heard"),
        ("Version", "2010-03-31"),
    ];
    assert!(sqs_and_sns("sns", &subscribe).await.contains("SubscriptionArn"));

    let environment = vec![
        ("AWS_ENDPOINT_URL_SNS".to_owned(), url.clone()),
        ("AWS_ACCESS_KEY_ID".to_owned(), "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "test".to_owned()),
    ];
    let service = Signalbox::start_with(Options {
        environment,
        ..Options::default()
    })
    .await;
    let id = deploy(&service, "told", TOPIC).await;
    let heard = format!("{url}/123456789012/heard");
    eventually(
        "the message arrives in the queue that listens to the topic",
        async || {
            let receive = [
                ("Action", "ReceiveMessage"),
                ("QueueUrl", heard.as_str()),
                ("Version", "2012-11-05"),
                ("MaxNumberOfMessages", "10"),
            ];
            let messages = sqs_and_sns("sqs", &receive).await;
            (messages.contains("Deployment Successful") && messages.contains(&id)).then_some(())
        },
    )
    .await;
}
