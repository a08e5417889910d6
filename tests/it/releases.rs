//! Releases from outside: what they take by name, what goes back and when.

use serde_json::{Value, json};

use crate::access::keys;
use crate::deployments::{fails, gives, two_revisions, until};
use crate::harness::{Options, Signalbox, eventually};

async fn put(signalbox: &Signalbox, path: &str, body: Value) {
    let request = signalbox.request(reqwest::Method::PUT, path).json(&body);
    signalbox.send(request).await.expect(201);
}

async fn ended(signalbox: &Signalbox, id: &Value) -> Value {
    let path = format!("/v1/releases/{}", id.as_str().unwrap());
    eventually("the release ends", async || {
        let view = signalbox.get(&path).await.expect(200);
        (view["overall_status"] != "in_progress").then_some(view)
    })
    .await
}

async fn live(signalbox: &Signalbox, template: &str) -> Value {
    let path = format!("/v1/templates/{template}/environments/default/status");
    signalbox.get(&path).await.expect(200)["live_revision"].clone()
}

fn at_once() -> Value {
    json!({"type": "direct", "settling_seconds": 0, "final_bake_seconds": 0})
}

#[tokio::test]
async fn a_release_names_kept_strategies_and_analyses_for_all_and_for_one() {
    let signalbox = Signalbox::start().await;
    for name in ["orders", "bills"] {
        two_revisions(&signalbox, name, gives("2")).await;
    }
    put(&signalbox, "/v1/strategies/at-once", at_once()).await;
    let halves = json!({"type": "linear", "increment": 50, "interval_seconds": 0, "settling_seconds": 0, "final_bake_seconds": 0});
    put(&signalbox, "/v1/strategies/halves", halves).await;
    put(
        &signalbox,
        "/v1/analysis-templates/strict",
        json!({"alpha": 0.002}),
    )
    .await;
    let body = json!({"strategy": "at-once", "analysis_template": "strict", "workflows": [
        {"template": "orders"}, {"template": "bills", "strategy": "halves", "analysis": {"alpha": 0.05}}]});
    let id = signalbox.post("/v1/releases", body).await.expect(202)["id"].clone();
    let view = ended(&signalbox, &id).await;
    assert_eq!(
        (&view["overall_status"], &view["strategy"]),
        (&json!("success"), &json!("direct")),
        "{view}"
    );
    let mut seen = Vec::new();
    for member in view["workflows"].as_array().unwrap() {
        let path = format!(
            "/v1/deployments/{}/plan",
            member["deployment_id"].as_str().unwrap()
        );
        let plan = signalbox.get(&path).await.expect(200);
        seen.push((
            plan["template"].clone(),
            plan["course"]["kind"].clone(),
            plan["analysis"]["alpha"].clone(),
        ));
    }
    assert_eq!(
        seen,
        [
            (json!("orders"), json!("direct"), json!(0.002)),
            (json!("bills"), json!("linear"), json!(0.05))
        ]
    );
    let wrong = json!({"strategy": "nope", "workflows": [
        {"template": "orders", "analysis_template": "gone"},
        {"template": "bills", "analysis": {"alpha": 0.05}, "analysis_template": "strict"}]});
    let problem = signalbox
        .post("/v1/releases", wrong)
        .await
        .expect_problem(422, "invalid_request");
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        [
            "/strategy",
            "/workflows/0/analysis_template",
            "/workflows/1/analysis"
        ],
        "{problem}"
    );
}

#[tokio::test]
async fn with_rollback_failed_what_succeeded_stays_until_a_person_takes_all_of_it_back() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "child", gives("2")).await;
    two_revisions(&signalbox, "parent", fails("2")).await;
    // The parent's own test fails: it ends before it gets traffic.
    let body = json!({"strategy": at_once(), "on_failure": "rollback_failed", "workflows": [
        {"template": "child"},
        {"template": "parent", "depends_on": ["child"], "tests": [{"name": "ends well", "input": {}}]}]});
    let id = signalbox.post("/v1/releases", body).await.expect(202)["id"].clone();
    let view = ended(&signalbox, &id).await;
    assert_eq!(view["overall_status"], "failed", "{view}");
    assert_eq!(live(&signalbox, "child").await, 2, "what succeeded stays");
    assert_eq!(live(&signalbox, "parent").await, 1);
    let path = format!("/v1/releases/{}/rollback", id.as_str().unwrap());
    signalbox
        .post(&path, json!({"reason": "half of it is no use"}))
        .await
        .expect(200);
    let view = ended(&signalbox, &id).await;
    assert_eq!(view["overall_status"], "rolled_back", "{view}");
    assert_eq!(live(&signalbox, "child").await, 1);
    signalbox
        .post(&path, json!({}))
        .await
        .expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_release_deploys_a_quarantined_revision_only_by_an_admins_word_for_that_member() {
    let config = keys(&[("root", "admin"), ("dora", "deployer")]);
    let signalbox = Signalbox::start_with(Options {
        config,
        key: Some("key-root".to_owned()),
        ..Options::default()
    })
    .await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    // A canary whose gate is refused after traffic moved takes itself back.
    let strategy = json!({"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0,
        "steps": [{"weight": 10, "bake_seconds": 0}, {"weight": 100}]});
    let gate = json!({"when": "before_full_traffic", "levels": [{"approvers": ["root"], "exclude": []}]});
    let body = json!({"template": "orders", "revision": 2, "strategy": strategy, "gates": [gate], "analysis": {"max_failure_rate": 0.5}});
    let first = crate::deployments::deploy(&signalbox, body).await;
    until(&signalbox, &first, &["gate"]).await;
    signalbox
        .post(
            &format!("/v1/deployments/{first}/rollback"),
            json!({"reason": "odd"}),
        )
        .await
        .expect(200);
    until(&signalbox, &first, &["rolled_back"]).await;
    // What a person took back counts as theirs; here it is to count as taken back by itself.
    let pool = sqlx::PgPool::connect(&signalbox.database_url).await.unwrap();
    sqlx::query("update signalbox.quarantined_versions set by_hand = false")
        .execute(&pool)
        .await
        .unwrap();
    let mut body = json!({"strategy": at_once(), "workflows": [{"template": "orders", "revision": 2}]});
    signalbox
        .post("/v1/releases", body.clone())
        .await
        .expect_problem(409, "version_quarantined");
    body["workflows"][0]["override_quarantine"] = json!("the queue was full");
    let as_dora = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(format!("{}/v1/releases", signalbox.api))
        .bearer_auth("key-dora")
        .json(&body);
    signalbox.send(as_dora).await.expect_problem(403, "forbidden");
    let id = signalbox.post("/v1/releases", body).await.expect(202)["id"].clone();
    let view = ended(&signalbox, &id).await;
    assert_eq!(view["overall_status"], "success", "{view}");
    assert_eq!(live(&signalbox, "orders").await, 2);
}

#[tokio::test]
async fn a_rolling_deployment_over_environments_can_be_planned_without_starting_it() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let body = json!({"template": "orders", "revision": 2,
        "strategy": {"type": "rolling", "waves": [["default"]], "inner": at_once()}});
    let plan = signalbox
        .post("/v1/deployments?dry_run=true", body)
        .await
        .expect(200);
    assert_eq!(plan["waves"][0][0]["environment"], "default", "{plan}");
    assert_eq!(plan["waves"][0][0]["course"]["kind"], "direct", "{plan}");
    let listed = signalbox.get("/v1/releases").await.expect(200);
    assert_eq!(listed["data"], json!([]));
    // A member of a release goes nowhere else.
    let waves = json!({"workflows": [{"template": "orders", "strategy": {"type": "rolling", "waves": [["default"]]}}]});
    let problem = signalbox
        .post("/v1/releases", waves)
        .await
        .expect_problem(422, "invalid_request");
    assert_eq!(
        problem["errors"][0]["pointer"], "/workflows/0/strategy/waves",
        "{problem}"
    );
}
