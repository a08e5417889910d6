//! Watching executions from outside: what was started past Signalbox, what it costs, and what a `kill -9` leaves behind.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::harness::{Signalbox, eventually};

fn pass() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"done": true}, "End": true}}})
}

fn wait(seconds: u32) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

async fn start_past(signalbox: &Signalbox, machine: &str, name: &str) -> String {
    let started = signalbox
        .step_functions(
            "StartExecution",
            json!({"stateMachineArn": format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}"), "name": name, "input": "{\"past\":1}"}),
        )
        .await
        .expect(200);
    started["executionArn"].as_str().unwrap().to_owned()
}

async fn found(signalbox: &Signalbox, name: &str) -> Value {
    eventually(&format!("execution `{name}` is found"), async || {
        let listed = signalbox
            .get(&format!("/v1/executions?name={name}"))
            .await
            .expect(200);
        listed["data"].as_array().unwrap().first().cloned()
    })
    .await
}

#[tokio::test]
async fn what_was_started_past_signalbox_is_found_running_and_closed() {
    let signalbox = Signalbox::start().await;
    signalbox.register("quick", pass()).await;
    signalbox.register("slow", wait(3_600)).await;
    let quick = start_past(&signalbox, "quick", "past-quick").await;
    start_past(&signalbox, "slow", "past-slow").await;
    let execution = found(&signalbox, "past-quick").await;
    assert_eq!(execution["execution_arn"], quick);
    assert_eq!(execution["origin"], "external", "{execution}");
    let closed = signalbox.closed(execution["id"].as_str().unwrap()).await;
    assert_eq!(
        (
            closed["status"].clone(),
            closed["output"].clone(),
            closed["input"].clone()
        ),
        (json!("SUCCEEDED"), json!({"done": true}), json!({"past": 1})),
        "{closed}"
    );
    let running = found(&signalbox, "past-slow").await;
    assert_eq!(running["status"], "RUNNING");
    // Stopped past Signalbox, too.
    signalbox
        .step_functions("StopExecution", json!({"executionArn": running["execution_arn"]}))
        .await
        .expect(200);
    let stopped = signalbox.closed(running["id"].as_str().unwrap()).await;
    assert_eq!(stopped["status"], "ABORTED");
    let analytics = signalbox.get("/v1/templates/quick/analytics").await.expect(200);
    assert_eq!(analytics["successful_executions"], 1);
}

fn calls(metrics: &str, operation: &str) -> u64 {
    metrics
        .lines()
        .filter(|line| {
            line.starts_with("signalbox_step_functions_calls_total")
                && line.contains(&format!("operation=\"{operation}\""))
        })
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

#[tokio::test]
async fn an_execution_that_goes_on_is_never_described() {
    let signalbox = Signalbox::start().await;
    signalbox.register("slow", wait(3_600)).await;
    for _ in 0..5 {
        signalbox
            .post("/v1/templates/slow/executions", json!({}))
            .await
            .expect(201);
    }
    let before = calls(&signalbox.get("/metrics").await.text, "ListExecutions");
    let metrics = eventually("ten more listings", async || {
        let metrics = signalbox.get("/metrics").await.text;
        (calls(&metrics, "ListExecutions") >= before + 10).then_some(metrics)
    })
    .await;
    assert_eq!(calls(&metrics, "DescribeExecution"), 0);
    assert!(
        metrics.contains(r#"signalbox_executions_running{environment="default",template="slow"} 5"#),
        "{metrics}"
    );
}

/// Every execution of a machine as the engine lists it, by ARN.
async fn engine_view(signalbox: &Signalbox, machine: &str) -> HashMap<String, String> {
    let mut view = HashMap::new();
    let mut token = Value::Null;
    loop {
        let mut request = json!({
            "stateMachineArn": format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}"), "maxResults": 1000});
        if token.is_string() {
            request["nextToken"] = token;
        }
        let page = signalbox
            .step_functions("ListExecutions", request)
            .await
            .expect(200);
        for execution in page["executions"].as_array().unwrap() {
            view.insert(
                execution["executionArn"].as_str().unwrap().to_owned(),
                execution["status"].as_str().unwrap().to_owned(),
            );
        }
        token = page["nextToken"].clone();
        if !token.is_string() {
            return view;
        }
    }
}

/// Every execution of a template as Signalbox lists it, by ARN.
async fn own_view(signalbox: &Signalbox, template: &str) -> HashMap<String, Value> {
    let mut view = HashMap::new();
    let mut cursor = String::new();
    loop {
        let page = signalbox
            .get(&format!("/v1/executions?template={template}&limit=500{cursor}"))
            .await
            .expect(200);
        for execution in page["data"].as_array().unwrap() {
            let arn = execution["execution_arn"].as_str().unwrap().to_owned();
            assert!(
                view.insert(arn, execution.clone()).is_none(),
                "listed twice: {execution}"
            );
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return view,
        }
    }
}

#[tokio::test]
async fn after_a_kill_every_acknowledged_execution_finishes_once_and_the_records_agree() {
    const EXECUTIONS: usize = 1_000;
    let mut signalbox = Signalbox::start().await;
    let definition = json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 30, "Next": "P"},
        "P": {"Type": "Pass", "Parameters": {"twice.$": "States.MathAdd($.n, $.n)"}, "End": true}}});
    signalbox.register("many", definition).await;
    let acknowledged = {
        let start = async |n: usize| {
            let request = signalbox
                .request(reqwest::Method::POST, "/v1/templates/many/executions")
                .header("idempotency-key", format!("start-{n}"))
                .json(&json!({"input": {"n": n}}));
            let answer = signalbox.try_send(request).await?;
            (answer.status == 201).then(|| (answer.json["id"].as_str().unwrap().to_owned(), n))
        };
        let mut acknowledged = Vec::new();
        for batch in 0..EXECUTIONS / 50 {
            let starts = (0..50).map(|n| start(batch * 50 + n));
            acknowledged.extend(futures::future::join_all(starts).await.into_iter().flatten());
        }
        acknowledged
    };
    assert_eq!(acknowledged.len(), EXECUTIONS);
    signalbox.kill().await;
    signalbox.restart().await;

    // A client that did not hear the answer asks again and is given the same execution.
    let (id, n) = &acknowledged[17];
    let request = signalbox
        .request(reqwest::Method::POST, "/v1/templates/many/executions")
        .header("idempotency-key", format!("start-{n}"))
        .json(&json!({"input": {"n": n}}));
    assert_eq!(signalbox.send(request).await.expect(201)["id"], *id);

    eventually("every execution has closed", async || {
        let open = signalbox
            .get("/v1/executions?template=many&status=RUNNING&limit=1")
            .await
            .expect(200);
        open["data"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    let (theirs, ours) = (
        engine_view(&signalbox, "many").await,
        own_view(&signalbox, "many").await,
    );
    assert_eq!(theirs.len(), EXECUTIONS);
    assert_eq!(ours.len(), EXECUTIONS);
    for (arn, status) in &theirs {
        assert_eq!(status, "SUCCEEDED", "{arn}");
        assert_eq!(ours[arn]["status"], *status, "{arn}");
        assert_eq!(ours[arn]["origin"], "signalbox", "{arn}");
    }
    for (id, n) in acknowledged.iter().step_by(97) {
        let execution = signalbox.get(&format!("/v1/executions/{id}")).await.expect(200);
        assert_eq!(execution["output"], json!({"twice": 2 * n}), "{execution}");
    }
    let analytics = signalbox.get("/v1/templates/many/analytics").await.expect(200);
    assert_eq!(analytics["successful_executions"], EXECUTIONS);
    assert_eq!(analytics["running_executions"], 0);
    assert_eq!(analytics["template_info"]["total_executions"], EXECUTIONS);
}
