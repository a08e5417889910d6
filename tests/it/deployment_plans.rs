//! Plans that change while they wait, and what only an admin may leave out: approvals of the environment, quarantines.

use serde_json::{Value, json};

use crate::access::keys;
use crate::deployments::{deploy, gives, quick_canary, two_revisions, until};
use crate::harness::{Answer, Options, Signalbox, eventually};

async fn service(config: String, key: &str) -> Signalbox {
    Signalbox::start_with(Options {
        config,
        key: Some(key.to_owned()),
        ..Options::default()
    })
    .await
}

async fn as_caller(
    signalbox: &Signalbox,
    name: &str,
    (method, path): (reqwest::Method, &str),
    body: &Value,
    etag: Option<&str>,
) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client
        .request(method, format!("{}{path}", signalbox.api))
        .bearer_auth(format!("key-{name}"))
        .header("content-type", "application/merge-patch+json")
        .body(body.to_string());
    if let Some(etag) = etag {
        request = request.header("if-match", etag);
    }
    signalbox.send(request).await
}

/// The question that is open, of a deployment at its gate.
async fn asked(signalbox: &Signalbox, id: &str) -> Value {
    eventually("the gate is asked", async || {
        let view = signalbox.get(&format!("/v1/deployments/{id}")).await.expect(200);
        let question = view["approvals"].as_array()?.first()?.clone();
        (view["state"] == "gate" && question["state"] == "pending").then_some(question)
    })
    .await
}

async fn decide(signalbox: &Signalbox, name: &str, question: &Value, digest: &Value) -> Answer {
    let path = format!("/v1/approvals/{}/decisions", question["id"].as_str().unwrap());
    let body = json!({"decision": "approve", "digest": digest});
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(format!("{}{path}", signalbox.api))
        .bearer_auth(format!("key-{name}"));
    signalbox.send(request.json(&body)).await
}

#[tokio::test]
async fn a_plan_changed_at_its_gate_asks_again_and_whoever_changed_it_does_not_approve_it() {
    let config = keys(&[("dora", "deployer"), ("carl", "approver"), ("bob", "approver")])
        .replace("roles = [\"approver\"]", "roles = [\"approver\", \"deployer\"]");
    let signalbox = service(config, "key-dora").await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let body = json!({"template": "orders", "revision": 2, "approval_required": true, "strategy": "blue_green",
        "tests": [{"name": "gives two", "input": {}, "expected_output": {"v": "2"}}]});
    let id = deploy(&signalbox, body).await;
    let path = format!("/v1/deployments/{id}");
    let first = asked(&signalbox, &id).await;
    let read = signalbox.get(&path).await;
    let etag = read.headers["etag"].to_str().unwrap().to_owned();
    let tested = read.expect(200)["test_results"]["test_results"][0].clone();
    let patch = (reqwest::Method::PATCH, path.as_str());
    let change = json!({"strategy": quick_canary(), "reason": "carefully"});

    as_caller(&signalbox, "carl", patch.clone(), &change, None)
        .await
        .expect_problem(428, "precondition_required");
    as_caller(&signalbox, "carl", patch.clone(), &change, Some("\"9999\""))
        .await
        .expect_problem(412, "precondition_failed");
    let fixed = as_caller(
        &signalbox,
        "carl",
        patch.clone(),
        &json!({"environment": "other"}),
        Some(&etag),
    )
    .await;
    assert_eq!(
        fixed.expect_problem(422, "invalid_request")["errors"][0]["pointer"],
        "/environment"
    );
    let changed = as_caller(&signalbox, "carl", patch.clone(), &change, Some(&etag)).await;
    assert_ne!(changed.headers["etag"], etag.as_str());
    let changed = changed.expect(200);
    assert_eq!(changed["reason"], "carefully", "{changed}");
    as_caller(&signalbox, "carl", patch.clone(), &change, Some(&etag))
        .await
        .expect_problem(412, "precondition_failed");

    let second = asked(&signalbox, &id).await;
    assert_ne!(first["digest"], second["digest"]);
    let view = signalbox.get(&path).await.expect(200);
    assert_eq!(view["step_count"], 3, "{view}");
    assert_eq!(
        view["test_results"]["test_results"][0]["execution_arn"], tested["execution_arn"],
        "what did not change is not tested again: {view}"
    );
    decide(&signalbox, "bob", &second, &first["digest"])
        .await
        .expect_problem(409, "digest_changed");
    let by_carl = decide(&signalbox, "carl", &second, &second["digest"]).await;
    assert!(
        matches!(by_carl.status, 403 | 409),
        "who changed it: {}",
        by_carl.text
    );
    let by_bob = decide(&signalbox, "bob", &second, &second["digest"]).await;
    assert!(matches!(by_bob.status, 200 | 201), "{}", by_bob.text);
    until(&signalbox, &id, &["succeeded"]).await;
    let late = as_caller(&signalbox, "dora", patch, &change, Some("*")).await;
    late.expect_problem(409, "conflict");
}

#[tokio::test]
async fn other_tests_run_anew_and_another_revision_is_published() {
    let signalbox = service(keys(&[("dora", "deployer"), ("bob", "approver")]), "key-dora").await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    signalbox
        .post(
            "/v1/templates/orders/revisions",
            json!({"definition": gives("3")}),
        )
        .await
        .expect(201);
    let body = json!({"template": "orders", "revision": 2, "approval_required": true, "strategy": quick_canary(),
        "tests": [{"name": "gives two", "input": {}, "expected_output": {"v": "2"}}]});
    let id = deploy(&signalbox, body).await;
    let path = format!("/v1/deployments/{id}");
    asked(&signalbox, &id).await;
    let change = json!({"revision": 3, "tests": [{"name": "gives three", "input": {}, "expected_output": {"v": "3"}}]});
    let patch = (reqwest::Method::PATCH, path.as_str());
    as_caller(&signalbox, "dora", patch, &change, Some("*"))
        .await
        .expect(200);
    let question = asked(&signalbox, &id).await;
    let view = signalbox.get(&path).await.expect(200);
    let results = &view["test_results"]["test_results"];
    assert_eq!(
        (&results[0]["name"], &results[0]["passed"], &view["revision"]),
        (&json!("gives three"), &json!(true), &json!(3)),
        "{view}"
    );
    assert!(view["to_version_arn"].as_str().unwrap().ends_with(":3"), "{view}");
    let decided = decide(&signalbox, "bob", &question, &question["digest"]).await;
    assert!(matches!(decided.status, 200 | 201), "{}", decided.text);
    until(&signalbox, &id, &["succeeded"]).await;
}

#[tokio::test]
async fn a_deployment_in_line_takes_its_changed_plan_when_its_turn_comes() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let hour = json!({"type": "direct", "settling_seconds": 0, "final_bake_seconds": 3600});
    let ahead = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "strategy": hour}),
    )
    .await;
    until(&signalbox, &ahead, &["final_bake"]).await;
    let waiting = json!({"template": "orders", "revision": 1, "strategy": hour, "on_conflict": "queue"});
    let id = deploy(&signalbox, waiting).await;
    let path = format!("/v1/deployments/{id}");
    let change = json!({"strategy": {"final_bake_seconds": 0}});
    let patch = signalbox
        .request(reqwest::Method::PATCH, &path)
        .header("if-match", "*")
        .json(&change);
    assert_eq!(signalbox.send(patch).await.expect(200)["state"], "pending");
    signalbox
        .post(&format!("/v1/deployments/{ahead}/promote"), json!({}))
        .await
        .expect(200);
    until(&signalbox, &id, &["succeeded"]).await;
}

/// Two revisions, the first of which serves: nothing goes live here unasked, so an admin says so.
async fn two_revisions_unasked(signalbox: &Signalbox) {
    let body = json!({"name": "orders", "definition": gives("1"), "environments": []});
    signalbox.post("/v1/templates", body).await.expect(201);
    let body = json!({"template": "orders", "approval_required": false, "strategy": quick_canary()});
    let id = deploy(signalbox, body).await;
    until(signalbox, &id, &["succeeded"]).await;
    let body = json!({"definition": gives("2")});
    signalbox
        .post("/v1/templates/orders/revisions", body)
        .await
        .expect(201);
}

#[tokio::test]
async fn leaving_out_the_approval_that_an_environment_asks_for_takes_an_admin() {
    let config = format!(
        "{}\n[environments.default]\napproval_required = true\n",
        keys(&[("root", "admin"), ("dora", "deployer")])
    );
    let signalbox = service(config, "key-root").await;
    two_revisions_unasked(&signalbox).await;
    let body =
        json!({"template": "orders", "revision": 2, "approval_required": false, "strategy": quick_canary()});
    let post = (reqwest::Method::POST, "/v1/deployments");
    let refused = as_caller(&signalbox, "dora", post.clone(), &body, None).await;
    refused.expect_problem(403, "forbidden");
    let started = as_caller(&signalbox, "root", post, &body, None).await.expect(202);
    until(&signalbox, started["id"].as_str().unwrap(), &["succeeded"]).await;
}

#[tokio::test]
async fn going_back_to_a_version_in_quarantine_takes_an_admins_word_and_the_environments_approval() {
    let config = format!(
        "{}\n[environments.default]\napproval_required = true\n",
        keys(&[("root", "admin"), ("otto", "operator"), ("bob", "approver")])
    );
    let signalbox = service(config, "key-root").await;
    two_revisions_unasked(&signalbox).await;
    let body =
        json!({"template": "orders", "revision": 2, "approval_required": false, "strategy": quick_canary()});
    let id = deploy(&signalbox, body).await;
    until(&signalbox, &id, &["succeeded"]).await;
    signalbox
        .post(
            &format!("/v1/deployments/{id}/rollback"),
            json!({"reason": "odd numbers"}),
        )
        .await
        .expect(200);
    until(&signalbox, &id, &["rolled_back"]).await;

    let back = (
        reqwest::Method::POST,
        "/v1/templates/orders/environments/default/rollback",
    );
    let mut wish = json!({"to_version": "2", "reason": "it was the data"});
    let refused = as_caller(&signalbox, "otto", back.clone(), &wish, None).await;
    let refused = refused.expect_problem(409, "version_quarantined");
    assert!(
        refused["detail"].as_str().unwrap().contains("odd numbers"),
        "{refused}"
    );
    wish["override_quarantine"] = json!("the data was mended");
    as_caller(&signalbox, "otto", back.clone(), &wish, None)
        .await
        .expect_problem(403, "forbidden");
    let again = as_caller(&signalbox, "root", back, &wish, None).await.expect(202);
    let again = again["id"].as_str().unwrap();
    let question = asked(&signalbox, again).await;
    let by_root = decide(&signalbox, "root", &question, &question["digest"]).await;
    assert!(matches!(by_root.status, 403 | 409), "four eyes: {}", by_root.text);
    let by_bob = decide(&signalbox, "bob", &question, &question["digest"]).await;
    assert!(matches!(by_bob.status, 200 | 201), "{}", by_bob.text);
    until(&signalbox, again, &["succeeded"]).await;
    let told = signalbox
        .get(&format!("/v1/audit-events?subject={again}&limit=500"))
        .await
        .expect(200);
    assert!(told.to_string().contains("the data was mended"), "{told}");
}
