//! Tests of a version that touch nothing outside: cases with mocks, and replays of past executions.

use serde_json::{Value, json};

use crate::deployments::{FINISHED, deploy, gives, until};
use crate::harness::{Receiver, Reply, Signalbox, eventually};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:price";

/// Blue/green without waiting.
fn at_once() -> Value {
    json!({"type": "blue_green", "settling_seconds": 0, "final_bake_seconds": 0})
}

/// A function behind `price` that answers this.
async fn with_function(answer: &Value) -> (Signalbox, Receiver) {
    let function = Receiver::start().await;
    function.answer_all(Reply {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: answer.to_string().into_bytes(),
    });
    let config = format!("[functions.price]\nurl = \"{}/price\"\n", function.url);
    (Signalbox::start_configured(&config).await, function)
}

/// Asks the price, with retries and a catch, and chooses by it.
fn priced() -> Value {
    json!({"StartAt": "Price", "States": {
        "Price": {"Type": "Task", "Resource": FUNCTION, "ResultPath": "$.price", "Next": "Dear",
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3600, "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Unknown"}]},
        "Dear": {"Type": "Choice", "Choices": [{"Variable": "$.price.net", "NumericGreaterThan": 100, "Next": "Ask"}], "Default": "Buy"},
        "Ask": {"Type": "Pass", "Result": "ask", "ResultPath": "$.do", "End": true},
        "Buy": {"Type": "Pass", "Result": "buy", "ResultPath": "$.do", "End": true},
        "Unknown": {"Type": "Fail", "Error": "NoPrice"}}})
}

async fn revise(signalbox: &Signalbox, name: &str, definition: Value) {
    let path = format!("/v1/templates/{name}/revisions");
    signalbox
        .post(&path, json!({"definition": definition}))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_version_is_rehearsed_with_mocks_and_nothing_outside_is_called() {
    let (signalbox, function) = with_function(&json!({"net": 5})).await;
    signalbox.register("orders", gives("1")).await;
    revise(&signalbox, "orders", priced()).await;
    let busy = json!({"errorOutput": {"error": "Busy", "cause": "later"}});
    let tests = json!([
        {"name": "cheap, at the second attempt", "input": {"id": 1}, "expected_output": {"do": "buy", "price": {"net": {"$lt": 100}}},
         "mocks": {"Price": [busy, {"result": {"net": 7}}]}},
        {"name": "dear", "input": {"id": 2}, "expected_output": {"do": "ask"},
         "mocks": {"Price": [{"when": {"id": 1}, "result": {"net": 1}}, {"when": {"id": {"$gt": 1}}, "result": {"net": 1000}}]}},
        {"name": "no price", "input": {"id": 3}, "expected_status": "FAILED", "expected_error": "NoPrice",
         "mocks": {"Price": busy}},
    ]);
    let body = json!({"template": "orders", "revision": 2, "strategy": at_once(), "tests": tests});
    let id = deploy(&signalbox, body).await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "succeeded", "{view}");
    let results = view["test_results"]["test_results"].as_array().unwrap();
    assert!(
        results
            .iter()
            .all(|result| result["mode"] == "mocked" && result["passed"] == true),
        "{view}"
    );
    assert_eq!(
        results[0]["duration_ms"], 3_600_000,
        "an hour between the attempts, by its own clock: {view}"
    );
    assert_eq!(function.received().len(), 0, "the function was called");
    let coverage = signalbox
        .get(&format!("/v1/deployments/{id}/tests/coverage"))
        .await
        .expect(200);
    assert_eq!(coverage["executions"], 3, "{coverage}");
    for kind in ["states", "choices", "catches"] {
        assert_eq!(coverage[kind]["missing"], json!([]), "{coverage}");
    }
}

#[tokio::test]
async fn a_task_without_a_mock_fails_the_test_and_a_wrong_mock_is_refused() {
    let (signalbox, function) = with_function(&json!({"net": 5})).await;
    signalbox.register("orders", gives("1")).await;
    revise(&signalbox, "orders", priced()).await;
    let with = |mocks: Value| {
        json!({"template": "orders", "revision": 2, "strategy": at_once(),
            "tests": [{"name": "bare", "input": {}, "mocks": mocks}]})
    };
    let id = deploy(&signalbox, with(json!({}))).await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "failed", "{view}");
    let failure = view["test_results"]["failures"][0].as_str().unwrap();
    assert!(
        failure.contains("`Price` calls") && failure.contains(FUNCTION),
        "{failure}"
    );
    assert_eq!(function.received().len(), 0, "the function was called");
    let problem = signalbox
        .post(
            "/v1/deployments",
            with(json!({"Price": {"result": 1, "errorOutput": {"error": "E"}}})),
        )
        .await
        .expect_problem(422, "invalid_request");
    assert_eq!(
        problem["errors"][0]["pointer"], "/tests/0/mocks/Price",
        "{problem}"
    );
}

#[tokio::test]
async fn a_distributed_map_is_rehearsed_with_its_children() {
    let (signalbox, function) = with_function(&json!({"net": 5})).await;
    signalbox.register("orders", gives("1")).await;
    let map = json!({"StartAt": "Each", "States": {"Each": {"Type": "Map", "ToleratedFailureCount": 1, "End": true,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "Price",
            "States": {"Price": {"Type": "Task", "Resource": FUNCTION, "End": true}}}}}});
    revise(&signalbox, "orders", map).await;
    let fails = json!({"errorOutput": {"error": "NoPrice", "cause": "sold"}});
    let tests = json!([
        {"name": "one is missing", "input": [{"id": 1}, {"id": 2}, {"id": 3}], "expected_output": [{"net": 1}, {"net": 3}],
         "mocks": {"Price": [{"result": {"net": 1}}, fails, {"result": {"net": 3}}]}},
        {"name": "too many are", "input": [{"id": 1}, {"id": 2}], "expected_status": "FAILED",
         "expected_error": "States.ExceedToleratedFailureThreshold", "mocks": {"Price": fails}},
    ]);
    let body = json!({"template": "orders", "revision": 2, "strategy": at_once(), "tests": tests});
    let id = deploy(&signalbox, body).await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "succeeded", "{view}");
    assert_eq!(function.received().len(), 0, "the function was called");
}

#[tokio::test]
async fn past_executions_are_replayed_against_a_new_version_without_calling_anything() {
    let (signalbox, function) = with_function(&json!({"net": 5, "gross": 6})).await;
    let first = |total: &str| {
        json!({"StartAt": "Price", "States": {
            "Price": {"Type": "Task", "Resource": FUNCTION, "ResultPath": "$.price", "Next": "Sum"},
            "Sum": {"Type": "Pass", "Parameters": {"total.$": total, "run.$": "States.UUID()"}, "End": true}}})
    };
    signalbox.register("orders", first("$.price.net")).await;
    for id in 0..4 {
        signalbox
            .post("/v1/templates/orders/executions", json!({"input": {"id": id}}))
            .await
            .expect(201);
    }
    eventually("the past is known with its versions", async || {
        let listed = signalbox
            .get("/v1/executions?template=orders&status=SUCCEEDED")
            .await
            .expect(200);
        let known = listed["data"]
            .as_array()?
            .iter()
            .filter(|one| one["version_arn"].is_string());
        (known.count() == 4).then_some(())
    })
    .await;
    let called = function.received().len();

    let mut renamed = first("$.price.net");
    renamed["Comment"] = json!("says more, does the same");
    revise(&signalbox, "orders", renamed).await;
    revise(&signalbox, "orders", first("$.price.gross")).await;
    let with = |revision: i32, replay: Value| json!({"template": "orders", "revision": revision, "strategy": at_once(), "tests": {"replay": replay}});
    let body = with(3, json!({"samples": 3}));
    let plan = signalbox
        .post("/v1/deployments?dry_run=true", body.clone())
        .await
        .expect(200);
    assert_eq!(plan["replay"]["samples"], 3, "{plan}");
    let id = deploy(&signalbox, body).await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "failed", "{view}");
    let results = view["test_results"]["test_results"].as_array().unwrap();
    assert_eq!(results.len(), 3, "{view}");
    for result in results {
        assert_eq!(
            (&result["mode"], &result["outcome"]),
            (&json!("replay"), &json!("differs")),
            "{view}"
        );
        assert_eq!(
            result["differences"],
            json!(["output `/total` is 6, was 5"]),
            "{view}"
        );
        assert!(
            result["replay_of"]
                .as_str()
                .unwrap()
                .contains(":execution:orders:"),
            "{view}"
        );
    }
    let report = signalbox
        .get(&format!("/v1/deployments/{id}/tests/report.xml"))
        .await;
    assert!(
        report.text.contains(r#"failures="3""#) && report.text.contains("is 6, was 5"),
        "{}",
        report.text
    );

    let told = deploy(&signalbox, with(3, json!({"samples": 1, "ignore": ["/total"]}))).await;
    assert_eq!(until(&signalbox, &told, &FINISHED).await["state"], "succeeded");
    let back = json!({"reason": "the next one starts from the first again"});
    signalbox
        .post(&format!("/v1/deployments/{told}/rollback"), back)
        .await
        .expect(200);
    until(&signalbox, &told, &["rolled_back"]).await;

    let same = deploy(&signalbox, with(2, json!({"samples": 100}))).await;
    let view = until(&signalbox, &same, &FINISHED).await;
    assert_eq!(view["state"], "succeeded", "{view}");
    let results = view["test_results"]["test_results"].as_array().unwrap();
    assert_eq!(results.len(), 4, "all there are: {view}");
    assert!(results.iter().all(|result| result["outcome"] == "same"), "{view}");
    assert_eq!(function.received().len(), called, "a replay called the function");
}
