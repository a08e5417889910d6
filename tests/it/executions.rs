//! Executions from outside: start, wait, find, stop, redrive, history, feed, webhook.

use serde_json::{Value, json};

use crate::harness::{Answer, Signalbox, eventually};

fn pass() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"got.$": "$"}, "End": true}}})
}

fn wait(seconds: u32) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

fn fail() -> Value {
    json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Orders.Broken", "Cause": "by design"}}})
}

async fn start_waiting(signalbox: &Signalbox, template: &str, body: Value) -> Answer {
    let request = signalbox
        .request(
            reqwest::Method::POST,
            &format!("/v1/templates/{template}/executions"),
        )
        .header("prefer", "wait=30")
        .json(&body);
    signalbox.send(request).await
}

async fn start_keyed(signalbox: &Signalbox, template: &str, key: &str, body: Value) -> Answer {
    let request = signalbox
        .request(
            reqwest::Method::POST,
            &format!("/v1/templates/{template}/executions"),
        )
        .header("idempotency-key", key)
        .json(&body);
    signalbox.send(request).await
}

#[tokio::test]
async fn an_execution_runs_through_the_alias_to_its_end() {
    let signalbox = Signalbox::start().await;
    signalbox.register("echo", pass()).await;
    let started = signalbox
        .post(
            "/v1/templates/echo/executions",
            json!({"input": {"n": 1}, "business_key": "order-7", "labels": {"tenant": "acme"}}),
        )
        .await
        .expect(201);
    assert_eq!(started["status"], "RUNNING");
    let id = started["id"].as_str().unwrap();
    let closed = signalbox.closed(id).await;
    assert_eq!(closed["status"], "SUCCEEDED", "{closed}");
    assert_eq!(closed["input"], json!({"n": 1}));
    assert_eq!(closed["output"], json!({"got": {"n": 1}}));
    assert_eq!(closed["template"], "echo");
    assert_eq!(closed["environment"], "default");
    assert_eq!(closed["revision"], 1, "{closed}");
    assert!(closed["version_arn"].as_str().unwrap().ends_with(":echo:1"));
    assert!(closed["duration_ms"].as_i64().unwrap() >= 0);
    assert_eq!(closed["error"], Value::Null);
    assert_eq!(closed["name"], started["name"]);
    assert_eq!(
        signalbox.get("/v1/templates/echo").await.expect(200)["execution_count"],
        1
    );
}

#[tokio::test]
async fn a_caller_that_waits_is_given_the_end() {
    let signalbox = Signalbox::start().await;
    signalbox.register("echo", pass()).await;
    signalbox.register("broken", fail()).await;
    signalbox.register("slow", wait(3_600)).await;
    let answer = start_waiting(&signalbox, "echo", json!({"input": "x"}))
        .await
        .expect(200);
    assert_eq!(
        (answer["status"].clone(), answer["output"].clone()),
        (json!("SUCCEEDED"), json!({"got": "x"}))
    );
    let answer = start_waiting(&signalbox, "broken", json!({})).await.expect(200);
    assert_eq!(
        (
            answer["status"].clone(),
            answer["error"].clone(),
            answer["cause"].clone()
        ),
        (json!("FAILED"), json!("Orders.Broken"), json!("by design"))
    );
    let request = signalbox
        .request(reqwest::Method::POST, "/v1/templates/slow/executions")
        .header("prefer", "wait=1")
        .json(&json!({}));
    assert_eq!(signalbox.send(request).await.expect(201)["status"], "RUNNING");
}

#[tokio::test]
async fn the_same_idempotency_key_starts_once_and_another_body_is_refused() {
    let signalbox = Signalbox::start().await;
    signalbox.register("echo", pass()).await;
    let body = json!({"input": {"n": 1}});
    let first = start_keyed(&signalbox, "echo", "key-1", body.clone()).await;
    let second = start_keyed(&signalbox, "echo", "key-1", body.clone()).await;
    assert_eq!(first.text, second.text);
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(first.headers["location"], second.headers["location"]);
    start_keyed(&signalbox, "echo", "key-1", json!({"input": {"n": 2}}))
        .await
        .expect_problem(422, "idempotency_key_reused");
    let other = start_keyed(&signalbox, "echo", "key-2", body).await.expect(201);
    assert_ne!(other["id"], first.json["id"]);
    let listed = signalbox.get("/v1/executions?template=echo").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_same_key_at_the_same_time_starts_once() {
    let signalbox = Signalbox::start().await;
    signalbox.register("slow", wait(3_600)).await;
    let body = json!({"input": {"n": 1}});
    let answers =
        futures::future::join_all((0..8).map(|_| start_keyed(&signalbox, "slow", "once", body.clone())))
            .await;
    for answer in &answers {
        assert!(matches!(answer.status, 201 | 409), "{}", answer.text);
    }
    let listed = signalbox.get("/v1/executions?template=slow").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let signalbox = Signalbox::start().await;
    start_keyed(&signalbox, "later", "key", json!({}))
        .await
        .expect_problem(404, "not_found");
    signalbox.register("later", pass()).await;
    start_keyed(&signalbox, "later", "key", json!({}))
        .await
        .expect(201);
}

#[tokio::test]
async fn bad_inputs_and_unknown_things_are_problems() {
    let signalbox = Signalbox::start().await;
    let schema =
        json!({"type": "object", "required": ["bucket"], "properties": {"rows": {"type": "integer"}}});
    signalbox
        .post(
            "/v1/templates",
            json!({"name": "strict", "definition": pass(), "input_schema": schema}),
        )
        .await
        .expect(201);
    let start = "/v1/templates/strict/executions";
    let problem = signalbox
        .post(start, json!({"input": {"bucket": "b", "rows": "many"}}))
        .await
        .expect_problem(422, "invalid_input");
    assert_eq!(problem["errors"][0]["pointer"], "/rows", "{problem}");
    signalbox
        .post(start, json!({"input": {"bucket": "x".repeat(262_144)}}))
        .await
        .expect_problem(413, "payload_too_large");
    signalbox
        .post("/v1/templates/nothing/executions", json!({}))
        .await
        .expect_problem(404, "not_found");
    signalbox
        .post(start, json!({"environment": "nowhere", "input": {"bucket": "b"}}))
        .await
        .expect_problem(404, "not_found");
    signalbox
        .post(start, json!({"input": {"bucket": "b"}, "nmae": "x"}))
        .await
        .expect_problem(422, "invalid_request");
    signalbox
        .post(
            start,
            json!({"input": {"bucket": "b"}, "callback_url": "ftp://example.com"}),
        )
        .await
        .expect_problem(422, "invalid_request");
    signalbox
        .get("/v1/executions/exe_01JD8Z5X2KAAAAAAAAAAAAAAAA")
        .await
        .expect_problem(404, "not_found");
    signalbox
        .get("/v1/executions/nonsense")
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let signalbox = Signalbox::start().await;
    signalbox.register("slow", wait(3_600)).await;
    let start = "/v1/templates/slow/executions";
    let first = signalbox
        .post(start, json!({"name": "monday", "input": {"n": 1}}))
        .await
        .expect(201);
    assert_eq!(first["name"], "monday");
    // The same name and input while it runs is the same start, as on AWS.
    let same = signalbox
        .post(start, json!({"name": "monday", "input": {"n": 1}}))
        .await
        .expect(201);
    assert_eq!(same["id"], first["id"]);
    signalbox
        .post(start, json!({"name": "monday", "input": {"n": 2}}))
        .await
        .expect_problem(409, "already_exists");
}

#[tokio::test]
async fn executions_are_found_by_what_is_known_of_them() {
    let signalbox = Signalbox::start().await;
    signalbox.register("echo", pass()).await;
    signalbox.register("broken", fail()).await;
    for n in 0..3 {
        start_waiting(
            &signalbox,
            "echo",
            json!({"business_key": format!("order-{n}"), "labels": {"tenant": "acme", "n": n.to_string()}}),
        )
        .await
        .expect(200);
    }
    start_waiting(&signalbox, "broken", json!({})).await.expect(200);
    let count = async |query: &str| {
        let listed = signalbox
            .get(&format!("/v1/executions?{query}"))
            .await
            .expect(200);
        listed["data"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 4);
    assert_eq!(count("template=echo").await, 3);
    assert_eq!(count("status=FAILED").await, 1);
    assert_eq!(count("status=FAILED,SUCCEEDED&environment=default").await, 4);
    assert_eq!(count("business_key=order-1").await, 1);
    assert_eq!(count("label=tenant:acme").await, 3);
    assert_eq!(count("label=tenant:acme,n:2").await, 1);
    assert_eq!(count("started_from=2100-01-01T00:00:00Z").await, 0);
    assert_eq!(count("started_before=2100-01-01T00:00:00Z").await, 4);
    let first = signalbox.get("/v1/executions?limit=3").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = signalbox
        .get(&format!("/v1/executions?limit=3&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
    assert_eq!(second["has_more"], false);
    signalbox
        .get("/v1/executions?status=DONE")
        .await
        .expect_problem(422, "invalid_request");
}

#[tokio::test]
async fn a_running_execution_is_stopped_with_its_reason() {
    let signalbox = Signalbox::start().await;
    signalbox.register("slow", wait(3_600)).await;
    let started = signalbox
        .post("/v1/templates/slow/executions", json!({}))
        .await
        .expect(201);
    let path = format!("/v1/executions/{}", started["id"].as_str().unwrap());
    let stopped = signalbox
        .post(
            &format!("{path}/stop"),
            json!({"error": "Ops.Stop", "cause": "maintenance"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (stopped["status"].clone(), stopped["error"].clone()),
        (json!("ABORTED"), json!("Ops.Stop")),
        "{stopped}"
    );
    signalbox
        .post(&format!("{path}/stop"), json!({}))
        .await
        .expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_history_is_given_as_the_engine_has_it_page_by_page() {
    let signalbox = Signalbox::start().await;
    signalbox.register("echo", pass()).await;
    let done = start_waiting(&signalbox, "echo", json!({})).await.expect(200);
    let path = format!("/v1/executions/{}/history", done["id"].as_str().unwrap());
    let all = signalbox.get(&path).await.expect(200);
    let types: Vec<_> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded"
        ]
    );
    assert_eq!(all["data"][0]["id"], 1);
    let first = signalbox.get(&format!("{path}?limit=1")).await.expect(200);
    assert_eq!(first["has_more"], true);
    let reversed = signalbox
        .get(&format!("{path}?reverse=true&limit=1"))
        .await
        .expect(200);
    assert_eq!(reversed["data"][0]["type"], "ExecutionSucceeded");
}

#[tokio::test]
async fn a_feed_tells_what_happened_and_resumes_where_it_was_left() {
    let signalbox = Signalbox::start().await;
    signalbox.register("short", wait(1)).await;
    let started = signalbox
        .post("/v1/templates/short/executions", json!({}))
        .await
        .expect(201);
    let path = format!("/v1/executions/{}/events", started["id"].as_str().unwrap());
    // The stream ends by itself after the close.
    let stream = signalbox.get(&path).await;
    assert!(
        stream.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
    let started_at = stream.text.find("event: execution.started").unwrap();
    let closed_at = stream.text.find("event: execution.closed").unwrap();
    assert!(started_at < closed_at, "{}", stream.text);
    assert!(stream.text.contains("id: 2"), "{}", stream.text);
    let resume = async |last: &str| {
        let request = signalbox
            .request(reqwest::Method::GET, &path)
            .header("last-event-id", last);
        signalbox.send(request).await
    };
    let rest = resume("1").await;
    assert!(
        !rest.text.contains("execution.started") && rest.text.contains("execution.closed"),
        "{}",
        rest.text
    );
    assert_eq!(resume("2").await.status, 204);
    resume("x").await.expect_problem(422, "invalid_request");
}

#[tokio::test]
async fn a_close_is_told_to_the_callback_signed() {
    let (url, mut received) = receiver().await;
    let signalbox = Signalbox::start().await;
    signalbox.register("echo", pass()).await;
    let started = signalbox
        .post(
            "/v1/templates/echo/executions",
            json!({"input": 1, "callback_url": url, "business_key": "order-7"}),
        )
        .await
        .expect(201);
    let (headers, body) = received.recv().await.unwrap();
    assert!(headers.contains_key("webhook-id") && headers.contains_key("webhook-timestamp"));
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(event["data"]["id"], started["id"], "{event}");
    assert_eq!(event["data"]["status"], "SUCCEEDED");
    assert_eq!(event["data"]["output"], json!({"got": 1}));
    assert_eq!(event["data"]["business_key"], "order-7");
}

type Received = (axum::http::HeaderMap, String);

/// A server that takes everything and passes on what it was sent.
async fn receiver() -> (String, tokio::sync::mpsc::Receiver<Received>) {
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    let router = axum::Router::new().fallback(move |headers: axum::http::HeaderMap, body: String| {
        let sender = sender.clone();
        async move {
            let _ = sender.send((headers, body)).await;
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/done", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, receiver)
}

#[tokio::test]
async fn an_express_execution_is_run_to_its_end_and_its_result_kept() {
    let signalbox = Signalbox::start().await;
    signalbox
        .post(
            "/v1/templates",
            json!({"name": "quick", "type": "EXPRESS", "definition": pass()}),
        )
        .await
        .expect(201);
    let done = start_waiting(&signalbox, "quick", json!({"input": {"n": 1}}))
        .await
        .expect(200);
    assert_eq!(
        (
            done["status"].clone(),
            done["output"].clone(),
            done["type"].clone()
        ),
        (json!("SUCCEEDED"), json!({"got": {"n": 1}}), json!("EXPRESS")),
        "{done}"
    );
    let started = signalbox
        .post("/v1/templates/quick/executions", json!({}))
        .await
        .expect(201);
    let closed = signalbox.closed(started["id"].as_str().unwrap()).await;
    assert!(
        closed["execution_arn"].as_str().unwrap().contains(":express:"),
        "{closed}"
    );
    let id = closed["id"].as_str().unwrap();
    signalbox
        .post(&format!("/v1/executions/{id}/redrive"), json!({}))
        .await
        .expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_redrive_runs_on_from_where_it_failed() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("repaired");
    let config = format!(
        "[functions.Flaky]\ncommand = [\"sh\", \"-c\", \"test -e {} || exit 1; echo '{{}}'\"]\n",
        flag.display()
    );
    let signalbox = Signalbox::start_configured(&config).await;
    let task = json!({"StartAt": "T", "States": {"T": {"Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:Flaky", "End": true}}});
    signalbox.register("flaky", task).await;
    let failed = start_waiting(&signalbox, "flaky", json!({})).await.expect(200);
    assert_eq!(failed["status"], "FAILED", "{failed}");
    std::fs::write(&flag, "").unwrap();
    let path = format!("/v1/executions/{}", failed["id"].as_str().unwrap());
    let redriven = signalbox
        .post(&format!("{path}/redrive"), json!({}))
        .await
        .expect(200);
    assert_eq!(redriven["redrive_count"], 1, "{redriven}");
    let done = eventually("the redriven execution succeeds", async || {
        let execution = signalbox.get(&path).await.expect(200);
        (execution["status"] == "SUCCEEDED").then_some(execution)
    })
    .await;
    assert_eq!(done["error"], Value::Null, "{done}");
    // The failure was taken back and the success counted.
    let analytics = signalbox.get("/v1/templates/flaky/analytics").await.expect(200);
    assert_eq!(
        (
            analytics["successful_executions"].clone(),
            analytics["failed_executions"].clone()
        ),
        (json!(1), json!(0)),
        "{analytics}"
    );
    assert_eq!(analytics["error_analysis"], json!({}));
}
