//! Nothing that was acknowledged is lost: under load, when the service is killed, when Postgres is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, StreamExt as _};
use reqwest::Method;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{Options, Signalbox, eventually};

const TEMPLATE: &str = "echo";

/// Waits a moment, so that executions are open while things break, then gives back its number doubled.
fn definition() -> Value {
    json!({
        "Comment": "Doubles a number after a while",
        "StartAt": "Wait",
        "States": {
            "Wait": { "Type": "Wait", "Seconds": 1, "Next": "Double" },
            "Double": { "Type": "Pass", "Parameters": { "doubled.$": "States.MathAdd($.n, $.n)" }, "End": true }
        }
    })
}

/// Starts number `n` and repeats until it is acknowledged; the idempotency key makes the repeats one execution.
/// Gives the execution's id and how often the service was not there.
async fn start(signalbox: &Signalbox, n: usize) -> (String, usize) {
    let refusals = AtomicUsize::new(0);
    let id = eventually("the execution is acknowledged", async || {
        let request = signalbox
            .request(Method::POST, &format!("/v1/templates/{TEMPLATE}/executions"))
            .header("idempotency-key", format!("number-{n}"))
            .json(&json!({ "input": { "n": n } }));
        let Some(answer) = signalbox.try_send(request).await else {
            refusals.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        if matches!(answer.status, 503 | 409) {
            assert!(answer.headers.contains_key("retry-after"), "{}", answer.text);
            refusals.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(answer.expect(201)["id"].as_str().unwrap().to_owned())
    })
    .await;
    (id, refusals.into_inner())
}

/// Waits until `count` executions have succeeded and none is open, and gives the ids by status.
async fn drained(signalbox: &Signalbox, count: usize) -> BTreeMap<String, BTreeSet<String>> {
    eventually("every execution has closed", async || {
        let mut by_status: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut path = format!("/v1/executions?template={TEMPLATE}&limit=500");
        loop {
            let page = signalbox.get(&path).await;
            if page.status != 200 {
                return None;
            }
            for execution in page.json["data"].as_array().unwrap() {
                let (status, id) = (
                    execution["status"].as_str().unwrap(),
                    execution["id"].as_str().unwrap(),
                );
                by_status
                    .entry(status.to_owned())
                    .or_default()
                    .insert(id.to_owned());
            }
            let Some(cursor) = page.json["next_cursor"].as_str() else {
                break;
            };
            path = format!("/v1/executions?template={TEMPLATE}&limit=500&cursor={cursor}");
        }
        let closed = by_status
            .iter()
            .filter(|(status, _)| *status != "RUNNING")
            .map(|(_, ids)| ids.len())
            .sum::<usize>();
        (closed >= count && !by_status.contains_key("RUNNING")).then_some(by_status)
    })
    .await
}

/// What the engine says of its executions: status by name.
async fn engine_records(signalbox: &Signalbox) -> BTreeMap<String, String> {
    let mut records = BTreeMap::new();
    let mut token = Value::Null;
    loop {
        let mut body = json!({
            "stateMachineArn": format!("arn:aws:states:us-east-1:000000000000:stateMachine:{TEMPLATE}"),
            "maxResults": 1000
        });
        if !token.is_null() {
            body["nextToken"] = token;
        }
        let page = signalbox.step_functions("ListExecutions", body).await.expect(200);
        for execution in page["executions"].as_array().unwrap() {
            let earlier = records.insert(
                execution["name"].as_str().unwrap().to_owned(),
                execution["status"].as_str().unwrap().to_owned(),
            );
            assert_eq!(earlier, None, "an execution is listed twice: {execution}");
        }
        token = page["nextToken"].clone();
        if token.is_null() {
            return records;
        }
    }
}

/// Every acknowledged execution succeeded with the right output, and the engine's records are the same.
async fn assert_nothing_lost(signalbox: &Signalbox, acknowledged: &[(usize, String)]) {
    let by_status = drained(signalbox, acknowledged.len()).await;
    assert_eq!(
        by_status.keys().collect::<Vec<_>>(),
        ["SUCCEEDED"],
        "{by_status:?}"
    );
    let expected: BTreeSet<_> = acknowledged.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(
        expected.len(),
        acknowledged.len(),
        "two starts got the same execution"
    );
    assert_eq!(by_status["SUCCEEDED"], expected);
    let mut names = BTreeSet::new();
    for (n, id) in acknowledged {
        let execution = signalbox.get(&format!("/v1/executions/{id}")).await.expect(200);
        assert_eq!(execution["output"], json!({ "doubled": 2 * n }), "{execution}");
        names.insert(execution["name"].as_str().unwrap().to_owned());
    }
    let engine = engine_records(signalbox).await;
    assert!(engine.values().all(|status| status == "SUCCEEDED"), "{engine:?}");
    assert_eq!(engine.into_keys().collect::<BTreeSet<_>>(), names);
    let analytics = signalbox
        .get(&format!("/v1/templates/{TEMPLATE}/analytics"))
        .await
        .expect(200);
    assert_eq!(
        analytics["successful_executions"],
        acknowledged.len(),
        "{analytics}"
    );
    assert_eq!(analytics["running_executions"], 0, "{analytics}");
}

#[tokio::test]
async fn a_thousand_executions_drain_with_every_record_right() {
    let signalbox = Signalbox::start().await;
    signalbox.register(TEMPLATE, definition()).await;
    let signalbox = &signalbox;
    let acknowledged: Vec<(usize, String)> = stream::iter(0..1_000)
        .map(|n| async move { (n, start(signalbox, n).await.0) })
        .buffer_unordered(32)
        .collect()
        .await;
    assert_nothing_lost(signalbox, &acknowledged).await;
}

#[tokio::test]
async fn postgres_killed_under_load_loses_nothing() {
    let signalbox = Signalbox::start_with(Options {
        embedded_postgres: true,
        ..Options::default()
    })
    .await;
    signalbox.register(TEMPLATE, definition()).await;
    let done = AtomicUsize::new(0);
    let (signalbox, done) = (&signalbox, &done);
    let results: Vec<(usize, String, usize)> = stream::iter(0..200)
        .map(|n| async move {
            let (id, refusals) = start(signalbox, n).await;
            if done.fetch_add(1, Ordering::SeqCst) == 60 {
                let postmaster = signalbox.postmaster().expect("the embedded Postgres runs");
                kill_process(postmaster, Signal::KILL).unwrap();
            }
            (n, id, refusals)
        })
        .buffer_unordered(16)
        .collect()
        .await;
    assert!(
        results.iter().any(|(_, _, refusals)| *refusals > 0),
        "nobody noticed that Postgres was gone"
    );
    signalbox.ready().await;
    let acknowledged: Vec<_> = results.into_iter().map(|(n, id, _)| (n, id)).collect();
    assert_nothing_lost(signalbox, &acknowledged).await;
}

#[tokio::test]
async fn the_service_killed_while_a_thousand_run_loses_nothing() {
    let mut signalbox = Signalbox::start().await;
    signalbox.register(TEMPLATE, definition()).await;
    let mut acknowledged: Vec<(usize, String)> = Vec::new();
    for round in 0..4 {
        let running = &signalbox;
        let started: Vec<_> = stream::iter(round * 250..(round + 1) * 250)
            .map(|n| async move { (n, start(running, n).await.0) })
            .buffer_unordered(32)
            .collect()
            .await;
        acknowledged.extend(started);
        signalbox.kill().await;
        signalbox.restart().await;
    }
    assert_nothing_lost(&signalbox, &acknowledged).await;
}
