//! What may hold or end a deployment besides the comparison: guards that ask outside, the error budget, deadlines, change
//! windows; Express executions by CloudWatch's counts; named strategies; the smaller commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{Datelike as _, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::deployments::{FINISHED, Traffic, deploy, fails, find, gives, two_revisions, until};
use crate::harness::{Engine, Options, Receiver, Reply, Signalbox, cbor, eventually};

/// Half of the traffic for an hour.
fn half() -> Value {
    json!({"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0,
        "steps": [{"weight": 50, "bake_seconds": 3600, "min_samples": 0}, {"weight": 100}]})
}

fn says(body: Value) -> Reply {
    Reply {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

async fn last_look(signalbox: &Signalbox, id: &str) -> Value {
    let looks = signalbox
        .get(&format!("/v1/deployments/{id}/analysis/looks?limit=500"))
        .await
        .expect(200);
    looks["data"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn a_webhook_that_says_no_takes_the_version_back_and_the_look_tells_why() {
    let receiver = Receiver::start().await;
    receiver.answer_all(says(json!({"verdict": "pass"})));
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let guard = json!({"type": "webhook", "name": "orders per minute", "url": format!("{}/verdict", receiver.url), "interval_seconds": 1});
    let body =
        json!({"template": "orders", "revision": 2, "strategy": half(), "analysis": {"guards": [guard]}});
    let id = deploy(&signalbox, body).await;
    let asked = receiver.wait_for(2).await;
    assert_eq!(asked[0].json()["deployment_id"], id, "{:?}", asked[0]);
    assert_eq!(find(&signalbox, &id).await.unwrap()["state"], "baking");
    receiver.answer_all(says(json!({"verdict": "fail", "reason": "3 orders a minute"})));
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "rolled_back", "{view}");
    let error = view["error"].as_str().unwrap();
    assert!(
        error.contains("`orders per minute`") && error.contains("3 orders a minute"),
        "{error}"
    );
    let look = last_look(&signalbox, &id).await;
    assert_eq!(look["evidence"]["guards"][0]["state"], "breached", "{look}");
    assert_eq!(look["verdict"]["kind"], "guard", "{look}");
}

#[tokio::test]
async fn a_prometheus_value_out_of_bounds_holds_and_no_answer_holds_nothing() {
    let prometheus = Receiver::start().await;
    prometheus.answer_all(Reply::status(500));
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let guard = json!({"type": "prometheus", "name": "errors", "url": prometheus.url, "interval_seconds": 1,
        "query": "rate(errors{version=\"$version\"}[1m])", "above": 0.05, "on_breach": "hold"});
    let body =
        json!({"template": "orders", "revision": 2, "strategy": half(), "analysis": {"guards": [guard]}});
    let id = deploy(&signalbox, body).await;
    let asked = prometheus.wait_for(2).await;
    assert!(
        asked[0]
            .path
            .starts_with("/api/v1/query?query=rate%28errors%7Bversion%3D%222%22%7D"),
        "{}",
        asked[0].path
    );
    let state = find(&signalbox, &id).await.unwrap()["state"].clone();
    assert_eq!(state, "baking", "no answer is no verdict");
    prometheus.answer_all(says(json!({"status": "success", "data": {"resultType": "vector",
        "result": [{"metric": {}, "value": [1.0, "0.2"]}]}})));
    let view = until(&signalbox, &id, &["paused"]).await;
    assert_eq!(view["pause"]["reason"], "odd", "{view}");
    assert!(
        view["pause"]["detail"]
            .as_str()
            .unwrap()
            .contains("0.2 is above 0.05"),
        "{view}"
    );
}

#[tokio::test]
async fn a_guards_credentials_are_named_sent_where_they_may_go_and_shown_nowhere() {
    let receiver = Receiver::start().await;
    // It tells its caller's secret to whoever asks.
    receiver.answer_all(says(
        json!({"verdict": "fail", "reason": "who sent Bearer hunter2-first?"}),
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hunter2-first\n").unwrap();
    let config = format!(
        "[secrets.orders-token]\nfile = '{}'\nsend_to = ['{url}/verdicts']\n\
         [secrets.tenant]\nenv = 'ORDERS_TENANT'\nsend_to = ['{url}']\n",
        file.display(),
        url = receiver.url
    );
    let signalbox = Signalbox::start_with(Options {
        config,
        environment: vec![("ORDERS_TENANT".to_owned(), "team-a-hunter2".to_owned())],
        ..Options::default()
    })
    .await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let with = |path: &str, secret: &str| {
        json!({"template": "orders", "revision": 2, "strategy": half(), "analysis": {"guards": [
            {"type": "webhook", "name": "orders", "url": format!("{}{path}", receiver.url), "interval_seconds": 1, "headers": [
                {"name": "Authorization", "secret": secret, "prefix": "Bearer "}, {"name": "X-Scope-OrgID", "secret": "tenant"}]}]}})
    };
    for (path, secret, why) in [
        ("/verdicts", "nobody", "no secret `nobody`"),
        ("/elsewhere", "orders-token", "may not be sent to this URL"),
    ] {
        let problem = signalbox
            .post("/v1/deployments", with(path, secret))
            .await
            .expect_problem(422, "invalid_request");
        let error = &problem["errors"][0];
        assert_eq!(
            error["pointer"], "/analysis/guards/0/headers/0/secret",
            "{problem}"
        );
        assert!(error["message"].as_str().unwrap().contains(why), "{problem}");
    }
    let id = deploy(&signalbox, with("/verdicts/orders", "orders-token")).await;
    let asked = receiver.wait_for(1).await;
    assert_eq!(asked[0].header("authorization"), "Bearer hunter2-first");
    assert_eq!(asked[0].header("x-scope-orgid"), "team-a-hunter2");
    let view = until(&signalbox, &id, &FINISHED).await;
    let error = view["error"].as_str().unwrap();
    assert!(error.contains("who sent Bearer ***?"), "{error}");
    for path in [
        format!("/v1/deployments/{id}"),
        format!("/v1/deployments/{id}/plan"),
        format!("/v1/deployments/{id}/events"),
        format!("/v1/deployments/{id}/analysis"),
        format!("/v1/deployments/{id}/analysis/looks"),
        "/v1/audit-events?limit=500".to_owned(),
    ] {
        let text = signalbox.get(&path).await.text;
        assert!(!text.contains("hunter2"), "{path}: {text}");
    }
    // A file that is rotated is read anew.
    std::fs::write(&file, "hunter2-second\n").unwrap();
    receiver.answer_all(says(json!({"verdict": "pass"})));
    let before = receiver.received().len();
    let over = json!({"override_quarantine": "the receiver was wrong"});
    let mut body = with("/verdicts/orders", "orders-token");
    body.as_object_mut()
        .unwrap()
        .extend(over.as_object().unwrap().clone());
    deploy(&signalbox, body).await;
    let asked = receiver.wait_for(before + 1).await;
    assert_eq!(asked[before].header("authorization"), "Bearer hunter2-second");
}

#[tokio::test]
async fn starts_that_step_functions_throttles_take_the_version_back() {
    let engine = Engine::start().await;
    let cloudwatch = Receiver::start().await;
    let config = Engine::environment("cloud", "111111111111", &engine.url);
    let signalbox = Signalbox::start_with(Options {
        config,
        environment: vec![("AWS_ENDPOINT_URL_CLOUDWATCH".to_owned(), cloudwatch.url.clone())],
        ..Options::default()
    })
    .await;
    let template = json!({"name": "orders", "definition": gives("1"), "environments": ["cloud"]});
    signalbox.post("/v1/templates", template).await.expect(201);
    signalbox
        .post(
            "/v1/templates/orders/revisions",
            json!({"definition": gives("2")}),
        )
        .await
        .expect(201);
    let throttled = Arc::new(AtomicU32::new(3));
    let counted = Arc::clone(&throttled);
    cloudwatch.answer_with(move |request| {
        let body = cbor::body(request);
        let queries = body["MetricDataQueries"].as_array().unwrap();
        let results: Vec<Value> = queries
            .iter()
            .map(|query| {
                let name = &query["MetricStat"]["Metric"]["MetricName"];
                let value = if name == "ExecutionThrottled" {
                    f64::from(counted.load(Ordering::SeqCst))
                } else {
                    0.0
                };
                json!({"Id": query["Id"], "StatusCode": "Complete", "Timestamps": [body["StartTime"]], "Values": [value]})
            })
            .collect();
        cbor::reply(&json!({"MetricDataResults": results}))
    });
    let guard = json!({"type": "throttled", "name": "throttles", "max": 3, "interval_seconds": 1});
    let body = json!({"template": "orders", "revision": 2, "environment": "cloud", "strategy": half(), "analysis": {"guards": [guard]}});
    let id = deploy(&signalbox, body).await;
    eventually("three are within the bound", async || {
        let looks = signalbox
            .get(&format!("/v1/deployments/{id}/analysis/looks?limit=500"))
            .await
            .expect(200);
        let look = looks["data"].as_array()?.last()?.clone();
        (look["evidence"]["guards"][0]["state"] == "quiet").then_some(())
    })
    .await;
    assert_eq!(find(&signalbox, &id).await.unwrap()["state"], "baking");
    throttled.store(4, Ordering::SeqCst);
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "rolled_back", "{view}");
    let error = view["error"].as_str().unwrap();
    assert!(
        error.contains("`throttles`") && error.contains("4 starts and retries"),
        "{error}"
    );
}

#[tokio::test]
async fn a_deployment_that_a_freeze_holds_goes_on_by_itself_when_the_freeze_is_over() {
    let (from, until_then) = (
        Utc::now() - TimeDelta::hours(1),
        Utc::now() + TimeDelta::seconds(12),
    );
    let config = format!(
        "[environments.default]\nfreezes = [{{ from = \"{}\", until = \"{}\", reason = \"stocktaking\" }}]\n",
        from.to_rfc3339(),
        until_then.to_rfc3339()
    );
    let signalbox = Signalbox::start_configured(&config).await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let strategy = json!({"type": "direct", "settling_seconds": 0, "final_bake_seconds": 0});
    let id = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "strategy": strategy}),
    )
    .await;
    until(&signalbox, &id, &["succeeded"]).await;
    let timeline = signalbox
        .get(&format!("/v1/deployments/{id}/events"))
        .await
        .expect(200);
    let lines = timeline["data"].as_array().unwrap();
    let at = |event: &str| lines.iter().find(|line| line["event"] == event).cloned();
    // On a machine so slow that the freeze was over before the deployment came to it, nothing was held.
    if let Some(paused) = at("deployment.paused") {
        assert!(
            paused["detail"].as_str().unwrap().contains("stocktaking"),
            "{paused}"
        );
        let resumed = at("deployment.resumed").unwrap();
        assert_eq!(resumed["actor"], "signalbox", "{resumed}");
    }
    let shifted = at("deployment.shifted").unwrap()["at"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        shifted.parse::<chrono::DateTime<Utc>>().unwrap() >= until_then,
        "traffic moved at {shifted}, in the freeze"
    );
}

#[tokio::test]
async fn a_guard_in_a_private_network_is_refused_before_anything_starts() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let guard =
        json!({"type": "webhook", "name": "metadata", "url": "http://169.254.169.254/latest/meta-data/"});
    let body = json!({"template": "orders", "revision": 2, "analysis": {"guards": [guard]}});
    let problem = signalbox
        .post("/v1/deployments", body)
        .await
        .expect_problem(422, "invalid_request");
    assert_eq!(
        problem["errors"][0]["pointer"], "/analysis/guards/0/url",
        "{problem}"
    );
}

#[tokio::test]
async fn a_burning_error_budget_pauses_and_is_shown() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", fails("2")).await;
    let path = "/v1/templates/orders/slo";
    assert_eq!(signalbox.get(path).await.status, 404);
    let put = |body: Value| signalbox.request(reqwest::Method::PUT, path).json(&body);
    let wrong = signalbox.send(put(json!({"objective_percent": 100}))).await;
    wrong.expect_problem(422, "invalid_request");
    signalbox
        .send(put(json!({"objective_percent": 99.0, "window_days": 7})))
        .await
        .expect(200);
    // Everything goes to the version that fails: no control arm, and the past is not asked.
    let strategy = json!({"type": "direct", "settling_seconds": 0, "final_bake_seconds": 3600});
    let body = json!({"template": "orders", "revision": 2, "strategy": strategy, "analysis": {"compare_with_history": false}});
    let id = deploy(&signalbox, body).await;
    until(&signalbox, &id, &["final_bake"]).await;
    let traffic = Traffic::of(&signalbox, "orders");
    let view = until(&signalbox, &id, &["paused"]).await;
    traffic.end().await;
    assert_eq!(view["pause"]["reason"], "budget", "{view}");
    let analysis = signalbox
        .get(&format!("/v1/deployments/{id}/analysis"))
        .await
        .expect(200);
    assert!(
        analysis["error_budget"]["burn_rate"].as_f64().unwrap() > 14.4,
        "{analysis}"
    );
    let slo = signalbox.get(path).await.expect(200);
    assert_eq!(slo["environments"][0]["environment"], "default", "{slo}");
    assert!(
        slo["environments"][0]["remaining"].as_f64().unwrap() < 0.0,
        "{slo}"
    );
    assert_eq!(signalbox.delete(path).await.status, 204);
}

#[tokio::test]
async fn outside_of_its_change_window_it_pauses_says_when_and_still_goes_back() {
    // A window that opens in three days, whatever day it is.
    let day = (Utc::now() + TimeDelta::days(3))
        .weekday()
        .to_string()
        .to_ascii_lowercase();
    let config = format!(
        "[environments.default]\nchange_windows = [{{ days = [\"{day}\"], from = \"09:00\", until = \"16:00\", time_zone = \"Europe/Berlin\" }}]\n"
    );
    let signalbox = Signalbox::start_configured(&config).await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let body = json!({"template": "orders", "revision": 2, "strategy": half()});
    let plan = signalbox
        .post("/v1/deployments?dry_run=true", body.clone())
        .await
        .expect(200);
    let warned = plan["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|warning| warning["code"] == "frozen");
    assert!(warned, "{plan}");
    let id = deploy(&signalbox, body).await;
    let view = until(&signalbox, &id, &["paused"]).await;
    assert_eq!(view["pause"]["reason"], "freeze", "{view}");
    assert!(
        view["pause"]["detail"]
            .as_str()
            .unwrap()
            .contains("it goes on by itself at 20"),
        "{view}"
    );
    signalbox
        .post(&format!("/v1/deployments/{id}/abort"), json!({}))
        .await
        .expect(200);
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "aborted", "{view}");
}

#[tokio::test]
async fn a_deployment_that_makes_no_progress_ends_by_its_deadline_and_is_tried_again() {
    let signalbox = Signalbox::start().await;
    two_revisions(
        &signalbox,
        "orders",
        json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 100, "End": true}}}),
    )
    .await;
    let body = json!({"template": "orders", "revision": 2,
        "strategy": {"type": "blue_green", "settling_seconds": 0, "final_bake_seconds": 0},
        "analysis": {"progress_deadline_seconds": 10}, "tests": [{"name": "waits", "input": {}}]});
    let id = deploy(&signalbox, body).await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "failed", "{view}");
    assert!(
        view["error"]
            .as_str()
            .unwrap()
            .contains("no progress in `testing` for 10 s"),
        "{view}"
    );
    let again = signalbox
        .post(
            &format!("/v1/deployments/{id}/retry"),
            json!({"reason": "once more"}),
        )
        .await;
    let location = again.headers["location"].to_str().unwrap().to_owned();
    let again = again.expect(202);
    assert_ne!(again["id"], id);
    assert_eq!(
        location,
        format!("/v1/deployments/{}", again["id"].as_str().unwrap())
    );
    assert_eq!(
        (&again["revision"], &again["reason"]),
        (&json!(2), &json!(format!("{id} again: once more")))
    );
    // While it is active, a retry makes it look at once.
    let path = format!("{location}/retry");
    assert_eq!(
        signalbox.post(&path, json!({})).await.expect(200)["id"],
        again["id"]
    );
}

#[tokio::test]
async fn strategies_and_analyses_are_kept_under_a_name_and_taken_as_a_copy() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let put = async |path: &str, body: Value, etag: Option<&str>| {
        let request = signalbox.request(reqwest::Method::PUT, path).json(&body);
        let request = match etag {
            Some(etag) => request.header("if-match", etag),
            None => request,
        };
        signalbox.send(request).await
    };
    let strategy = json!({"type": "linear", "increment": 50, "interval_seconds": 0, "final_bake_seconds": 0, "settling_seconds": 0});
    let made = put("/v1/strategies/careful", strategy.clone(), None).await;
    let etag = made.headers["etag"].to_str().unwrap().to_owned();
    made.expect(201);
    put("/v1/strategies/careful", strategy.clone(), None)
        .await
        .expect_problem(428, "precondition_required");
    put("/v1/strategies/canary", strategy.clone(), None)
        .await
        .expect_problem(422, "invalid_request");
    let wrong = put(
        "/v1/strategies/wrong",
        json!({"type": "linear", "increment": 100}),
        None,
    )
    .await;
    assert_eq!(
        wrong.expect_problem(422, "invalid_request")["errors"][0]["pointer"],
        "/increment"
    );
    put(
        "/v1/analysis-templates/strict",
        json!({"alpha": 0.001, "max_failure_rate": 0.1}),
        None,
    )
    .await
    .expect(201);
    let body =
        json!({"template": "orders", "revision": 2, "strategy": "careful", "analysis_template": "strict"});
    let plan = signalbox
        .post("/v1/deployments?dry_run=true", body.clone())
        .await
        .expect(200);
    assert_eq!(plan["analysis"]["alpha"], 0.001, "{plan}");
    let id = deploy(&signalbox, body).await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(
        (&view["state"], &view["strategy"]["increment"]),
        (&json!("succeeded"), &json!(50)),
        "{view}"
    );
    let unknown = signalbox
        .post(
            "/v1/deployments",
            json!({"template": "orders", "strategy": "reckless"}),
        )
        .await
        .expect_problem(422, "invalid_request");
    assert_eq!(unknown["errors"][0]["pointer"], "/strategy", "{unknown}");
    let changed = put("/v1/strategies/careful", json!("direct"), Some(&etag))
        .await
        .expect(200);
    assert_eq!(changed["version"], 2, "{changed}");
    let stale = signalbox
        .request(reqwest::Method::DELETE, "/v1/strategies/careful")
        .header("if-match", etag);
    signalbox
        .send(stale)
        .await
        .expect_problem(412, "precondition_failed");
    let gone = signalbox
        .request(reqwest::Method::DELETE, "/v1/strategies/careful")
        .header("if-match", "*");
    assert_eq!(signalbox.send(gone).await.status, 204);
    assert_eq!(
        signalbox.get("/v1/strategies").await.expect(200)["data"],
        json!([])
    );
}

#[tokio::test]
async fn a_step_is_skipped_and_drift_is_acknowledged_or_ignored() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let strategy = json!({"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0, "steps": [
        {"weight": 10, "bake_seconds": 3600, "min_samples": 0}, {"weight": 50, "bake_seconds": 3600}, {"weight": 100}]});
    let id = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "strategy": strategy}),
    )
    .await;
    let view = until(&signalbox, &id, &["baking"]).await;
    let status_path = "/v1/templates/orders/environments/default/status";
    let alias = signalbox.get(status_path).await.expect(200)["alias_arn"].clone();
    let (from, to) = (view["from_version_arn"].clone(), view["to_version_arn"].clone());
    let route = async |old: u8, new: u8| {
        let lines: Vec<_> = [(&from, old), (&to, new)]
            .into_iter()
            .filter(|line| line.1 > 0)
            .map(|(version, weight)| json!({"stateMachineVersionArn": version, "weight": weight}))
            .collect();
        let body = json!({"stateMachineAliasArn": alias, "routingConfiguration": lines});
        signalbox
            .step_functions("UpdateStateMachineAlias", body)
            .await
            .expect(200);
    };
    let act = |verb: &str| format!("/v1/deployments/{id}/{verb}");
    signalbox
        .post(&act("ack-drift"), json!({}))
        .await
        .expect_problem(409, "conflict");
    route(30, 70).await;
    until(&signalbox, &id, &["paused"]).await;
    route(90, 10).await;
    signalbox.post(&act("ack-drift"), json!({})).await.expect(200);
    until(&signalbox, &id, &["baking"]).await;
    let skipped = signalbox.post(&act("skip-step"), json!({})).await.expect(200);
    assert_eq!(skipped["step_count"], 2, "{skipped}");
    signalbox
        .post(&act("skip-step"), json!({}))
        .await
        .expect_problem(409, "conflict");
    signalbox.post(&act("promote"), json!({})).await.expect(200);
    assert_eq!(until(&signalbox, &id, &FINISHED).await["state"], "succeeded");

    let ignore = "/v1/templates/orders/environments/default/drift/ignore";
    signalbox
        .post(ignore, json!({}))
        .await
        .expect_problem(409, "conflict");
    route(40, 60).await;
    assert_eq!(signalbox.get(status_path).await.expect(200)["drifted"], true);
    let status = signalbox
        .post(ignore, json!({"reason": "an experiment"}))
        .await
        .expect(200);
    assert_eq!(status["drifted"], false, "{status}");
    assert!(status["drift_ignored_since"].is_string(), "{status}");
    route(60, 40).await;
    assert_eq!(
        signalbox.get(status_path).await.expect(200)["drifted"],
        true,
        "it moved again"
    );
}

#[tokio::test]
async fn express_executions_at_aws_are_judged_by_what_cloudwatch_counts() {
    let engine = Engine::start().await;
    let cloudwatch = Receiver::start().await;
    let config = Engine::environment("cloud", "111111111111", &engine.url);
    let signalbox = Signalbox::start_with(Options {
        config,
        environment: vec![("AWS_ENDPOINT_URL_CLOUDWATCH".to_owned(), cloudwatch.url.clone())],
        ..Options::default()
    })
    .await;
    let template =
        json!({"name": "fast", "type": "EXPRESS", "definition": gives("1"), "environments": ["cloud"]});
    signalbox.post("/v1/templates", template).await.expect(201);
    signalbox
        .post("/v1/templates/fast/revisions", json!({"definition": gives("2")}))
        .await
        .expect(201);
    // The stand-in answers for every minute asked about: a hundred starts, of which the new version fails all.
    cloudwatch.answer_with(|request| {
        let body = cbor::body(request);
        assert_eq!(request.path.rsplit('/').next(), Some("GetMetricData"), "{}", request.path);
        let last = (body["EndTime"].as_f64().unwrap() / 60.0).floor();
        let minutes: Vec<f64> = (0..90).map(|ago| (last - f64::from(ago)) * 60.0).collect();
        let results: Vec<Value> = body["MetricDataQueries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|query| {
                let metric = &query["MetricStat"]["Metric"];
                let version = metric["Dimensions"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|dimension| dimension["Name"] == "Version")
                    .map(|dimension| dimension["Value"].clone());
                let value = match (metric["MetricName"].as_str(), version.as_ref().and_then(Value::as_str)) {
                    (Some("ExecutionsSucceeded"), Some("1")) => 90.0,
                    (Some("ExecutionsFailed"), Some("2")) => 10.0,
                    _ => 0.0,
                };
                json!({"Id": query["Id"], "StatusCode": "Complete", "Timestamps": minutes, "Values": vec![value; minutes.len()]})
            })
            .collect();
        cbor::reply(&json!({"MetricDataResults": results}))
    });
    let body = json!({"template": "fast", "revision": 2, "environment": "cloud", "strategy": {"type": "canary", "settling_seconds": 0,
        "steps": [{"weight": 10, "bake_seconds": 36000, "min_samples": 0}, {"weight": 100}]}});
    let id = deploy(&signalbox, body).await;
    until(&signalbox, &id, &["baking"]).await;
    // The step began half an hour ago.
    let pool = sqlx::PgPool::connect(&signalbox.database_url).await.unwrap();
    sqlx::query("update signalbox.deployment_periods set valid_from = valid_from - interval '30 minutes'")
        .execute(&pool)
        .await
        .unwrap();
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "rolled_back", "{view}");
    assert!(view["error"].as_str().unwrap().contains("best effort"), "{view}");
    let look = last_look(&signalbox, &id).await;
    assert_eq!(look["evidence"]["measured"][0]["weight"], 10, "{look}");
    let asked = eventually("CloudWatch was asked", async || cloudwatch.received().pop()).await;
    let asked = cbor::body(&asked);
    assert_eq!(
        asked["MetricDataQueries"][0]["MetricStat"]["Metric"]["Namespace"], "AWS/States",
        "{asked}"
    );
}
