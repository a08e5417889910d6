//! Deployments from outside: the executable, its embedded engine, starts that keep coming.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Options, Signalbox, eventually};

pub const FINISHED: [&str; 5] = ["succeeded", "rolled_back", "failed", "aborted", "superseded"];

pub fn gives(value: &str) -> Value {
    json!({"Comment": value, "StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"v": value}, "End": true}}})
}

pub fn fails(value: &str) -> Value {
    json!({"Comment": value, "StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Boom", "Cause": value}}})
}

pub fn waits(value: &str) -> Value {
    json!({"Comment": value, "StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 1, "Next": "A"}, "A": {"Type": "Pass", "End": true}}})
}

/// Registers revision 1 and 2 of a template.
pub async fn two_revisions(signalbox: &Signalbox, name: &str, second: Value) {
    signalbox.register(name, gives("1")).await;
    let path = format!("/v1/templates/{name}/revisions");
    signalbox
        .post(&path, json!({"definition": second}))
        .await
        .expect(201);
}

pub async fn deploy(signalbox: &Signalbox, body: Value) -> String {
    let answer = signalbox.post("/v1/deployments", body).await.expect(202);
    answer["id"].as_str().unwrap().to_owned()
}

pub async fn find(signalbox: &Signalbox, id: &str) -> Option<Value> {
    let request = signalbox.request(reqwest::Method::GET, &format!("/v1/deployments/{id}"));
    signalbox
        .try_send(request)
        .await
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.json)
}

pub async fn until(signalbox: &Signalbox, id: &str, states: &[&str]) -> Value {
    eventually(&format!("{id} is one of {states:?}"), async || {
        let view = find(signalbox, id).await?;
        states.contains(&view["state"].as_str()?).then_some(view)
    })
    .await
}

/// The weights of version 2, change by change, as the timeline tells them.
pub async fn weights(signalbox: &Signalbox, id: &str) -> Vec<u64> {
    let timeline = signalbox
        .get(&format!("/v1/deployments/{id}/events"))
        .await
        .expect(200);
    let mut weights = Vec::new();
    for event in timeline["data"].as_array().unwrap() {
        let Some(lines) = event["data"]["weights"].as_array() else {
            continue;
        };
        let second = |line: &&Value| {
            line["version_arn"]
                .as_str()
                .is_some_and(|arn| arn.ends_with(":2"))
        };
        let weight = lines
            .iter()
            .find(second)
            .map_or(0, |line| line["weight"].as_u64().unwrap());
        if weights.last() != Some(&weight) {
            weights.push(weight);
        }
    }
    weights
}

pub fn quick_canary() -> Value {
    json!({"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0,
           "steps": [{"weight": 10, "bake_seconds": 0}, {"weight": 50, "bake_seconds": 0}, {"weight": 100}]})
}

/// Starts that keep coming until it is dropped or stopped; every one must be accepted.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    started: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Traffic {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no lifecycle; `end` waits for it"
    )]
    pub fn of(signalbox: &Signalbox, template: &str) -> Self {
        let (stop, started, refused) = (
            Arc::<AtomicBool>::default(),
            Arc::<AtomicUsize>::default(),
            Arc::<AtomicUsize>::default(),
        );
        let url = format!("{}/v1/templates/{template}/executions", signalbox.api);
        let (stopped, accepted, lost) = (Arc::clone(&stop), Arc::clone(&started), Arc::clone(&refused));
        let task = tokio::spawn(async move {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            while !stopped.load(Ordering::SeqCst) {
                let answer = client.post(&url).json(&json!({"input": {}})).send().await;
                let counter = if answer.is_ok_and(|answer| answer.status() == 201) {
                    &accepted
                } else {
                    &lost
                };
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        Self {
            stop,
            started,
            refused,
            task,
        }
    }

    pub async fn running(&self, count: usize) {
        eventually("starts keep coming", async || {
            (self.started.load(Ordering::SeqCst) >= count).then_some(())
        })
        .await;
    }

    /// Stops; gives how many were accepted, after checking that none was refused.
    pub async fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        assert_eq!(self.refused.load(Ordering::SeqCst), 0, "starts were lost");
        self.started.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_healthy_canary_takes_its_steps_and_succeeds() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let body = json!({"template": "orders", "revision": 2, "strategy": quick_canary()});
    let id = deploy(&signalbox, body).await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "succeeded", "{view}");
    assert_eq!(weights(&signalbox, &id).await, [0, 10, 50, 100]);
    let status = signalbox
        .get("/v1/templates/orders/environments/default/status")
        .await
        .expect(200);
    assert_eq!(
        (&status["drifted"], &status["live_revision"]),
        (&json!(false), &json!(2)),
        "{status}"
    );
    let metrics = signalbox.get("/metrics").await.text;
    assert!(
        metrics.contains(r#"signalbox_deployments_total{outcome="succeeded",strategy="canary"} 1"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_failing_canary_is_taken_back_by_itself_while_starts_keep_coming() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", fails("2")).await;
    let traffic = Traffic::of(&signalbox, "orders");
    traffic.running(20).await;
    let strategy = json!({"type": "canary", "settling_seconds": 0,
        "steps": [{"weight": 10, "bake_seconds": 300, "min_samples": 30}, {"weight": 50}, {"weight": 100}]});
    let id = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "strategy": strategy}),
    )
    .await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert!(traffic.end().await > 20);
    assert_eq!(view["state"], "rolled_back", "{view}");
    assert_eq!(weights(&signalbox, &id).await, [0, 10, 0]);
    let arms = &view["analysis"]["arms"];
    assert_eq!(arms["canary"]["n"], arms["canary"]["failed"], "{arms}");
    assert!(arms["canary"]["failed"].as_u64().unwrap() >= 3, "{arms}");
    assert!(
        view["error"].as_str().unwrap().contains("fails more often"),
        "{view}"
    );

    // Each look can be computed again from what it saw.
    let looks = signalbox
        .get(&format!("/v1/deployments/{id}/analysis/looks?limit=500"))
        .await
        .expect(200);
    let last = looks["data"].as_array().unwrap().last().unwrap().clone();
    let evidence = serde_json::from_value(last["evidence"].clone()).unwrap();
    let analysis = signalbox::deployments::judge::Analysis::default();
    let again = signalbox::deployments::judge::judge(&analysis, &evidence);
    assert_eq!(
        again.tests[0].e_value.to_bits(),
        last["reading"]["tests"][0]["e_value"].as_f64().unwrap().to_bits()
    );
    let calls = signalbox
        .get(&format!("/v1/deployments/{id}/calls"))
        .await
        .expect(200);
    let moves = |call: &&Value| call["operation"] == "UpdateStateMachineAlias";
    assert_eq!(
        calls["data"].as_array().unwrap().iter().filter(moves).count(),
        2,
        "there and back: {calls}"
    );
}

#[tokio::test]
async fn a_slow_canary_is_taken_back_too() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", waits("2")).await;
    let traffic = Traffic::of(&signalbox, "orders");
    eventually("a past of forty closed executions", async || {
        let listed = signalbox
            .get("/v1/executions?template=orders&status=SUCCEEDED&limit=100")
            .await
            .expect(200);
        (listed["data"].as_array()?.len() >= 40).then_some(())
    })
    .await;
    let strategy = json!({"type": "canary", "settling_seconds": 0,
        "steps": [{"weight": 50, "bake_seconds": 300, "min_samples": 30}, {"weight": 100}]});
    let id = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "strategy": strategy}),
    )
    .await;
    let view = until(&signalbox, &id, &FINISHED).await;
    traffic.end().await;
    assert_eq!(view["state"], "rolled_back", "{view}");
    let kind = view["analysis"]["harm"][0]["kind"].as_str().unwrap().to_owned();
    assert!(kind == "slow" || kind == "hang", "{view}");
}

#[tokio::test]
async fn blue_green_tests_first_switches_and_switches_back_in_one_call_each() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let strategy = json!({"type": "blue_green", "settling_seconds": 0, "final_bake_seconds": 0});
    let broken = json!({"template": "orders", "revision": 2, "strategy": strategy,
        "tests": [{"name": "other", "input": {}, "expected_output": {"v": "9"}}]});
    let id = deploy(&signalbox, broken).await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "failed", "{view}");
    assert_eq!(view["test_results"]["failed_count"], 1);
    let xml = signalbox
        .get(&format!("/v1/deployments/{id}/tests/report.xml"))
        .await
        .text;
    assert!(xml.contains(r#"failures="1""#), "{xml}");

    let sound = json!({"template": "orders", "revision": 2, "strategy": strategy,
        "tests": [{"name": "same", "input": {}, "expected_output": {"v": {"$regex": "^2$"}}}]});
    let id = deploy(&signalbox, sound).await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "succeeded", "{view}");
    assert_eq!(view["test_results"]["all_passed"], true);
    let coverage = signalbox
        .get(&format!("/v1/deployments/{id}/tests/coverage"))
        .await
        .expect(200);
    assert_eq!(
        coverage["states"],
        json!({"total": 1, "covered": 1, "missing": []}),
        "{coverage}"
    );
    signalbox
        .post(
            &format!("/v1/deployments/{id}/rollback"),
            json!({"reason": "a hunch"}),
        )
        .await
        .expect(200);
    let view = until(&signalbox, &id, &["rolled_back"]).await;
    assert_eq!(weights(&signalbox, &id).await, [0, 100, 0]);
    assert!(view["error"].as_str().unwrap().contains("a hunch"), "{view}");
}

#[tokio::test]
async fn a_second_deployment_is_refused_queued_or_supersedes() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let slow = json!({"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0,
        "steps": [{"weight": 10, "bake_seconds": 600, "min_samples": 0}, {"weight": 100}]});
    let first = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "strategy": slow}),
    )
    .await;
    until(&signalbox, &first, &["baking"]).await;
    let mut second = json!({"template": "orders", "revision": 2, "strategy": quick_canary()});
    let refused = signalbox.post("/v1/deployments", second.clone()).await;
    assert_eq!(
        refused.expect_problem(409, "deployment_in_progress")["holder"],
        first.as_str()
    );
    second["on_conflict"] = json!("supersede");
    let second = deploy(&signalbox, second).await;
    assert_eq!(until(&signalbox, &first, &FINISHED).await["state"], "superseded");
    assert_eq!(until(&signalbox, &second, &FINISHED).await["state"], "succeeded");
}

#[tokio::test]
async fn a_linear_one_and_one_in_waves_over_two_environments_finish() {
    // The second environment is another process's engine, by TCP, as another account.
    let engine = Engine::start().await;
    let config = Engine::environment("second", "111111111111", &engine.url);
    let signalbox = Signalbox::start_with(Options {
        config,
        ..Options::default()
    })
    .await;
    let body = json!({"name": "orders", "definition": gives("1"), "environments": ["default", "second"]});
    signalbox.post("/v1/templates", body).await.expect(201);
    signalbox
        .post(
            "/v1/templates/orders/revisions",
            json!({"definition": gives("2")}),
        )
        .await
        .expect(201);

    let linear = json!({"type": "linear", "increment": 25, "interval_seconds": 0, "settling_seconds": 0, "final_bake_seconds": 0});
    let id = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "environment": "second", "strategy": linear}),
    )
    .await;
    assert_eq!(until(&signalbox, &id, &FINISHED).await["state"], "succeeded");
    assert_eq!(weights(&signalbox, &id).await, [0, 25, 50, 75, 100]);
    signalbox
        .post("/v1/templates/orders/environments/second/rollback", json!({}))
        .await
        .expect(202);
    until(&signalbox, &id, &["rolled_back"]).await;

    let inner = json!({"type": "direct", "settling_seconds": 0, "final_bake_seconds": 0});
    let rolling = json!({"type": "rolling", "inner": inner, "final_bake_seconds": 0, "waves": [["default"], ["second"]]});
    let id = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "strategy": rolling}),
    )
    .await;
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["overall_status"], "success", "{view}");
}

#[tokio::test]
async fn an_alias_that_someone_else_moved_pauses_the_deployment_and_stays() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let strategy = json!({"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0,
        "steps": [{"weight": 10, "bake_seconds": 600, "min_samples": 0}, {"weight": 100}]});
    let id = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "strategy": strategy}),
    )
    .await;
    let view = until(&signalbox, &id, &["baking"]).await;
    let status = signalbox
        .get("/v1/templates/orders/environments/default/status")
        .await
        .expect(200);
    // Without a description, so that our mark stays on it.
    let foreign = json!({"stateMachineAliasArn": status["alias_arn"], "routingConfiguration": [
        {"stateMachineVersionArn": view["from_version_arn"], "weight": 30},
        {"stateMachineVersionArn": view["to_version_arn"], "weight": 70}]});
    signalbox
        .step_functions("UpdateStateMachineAlias", foreign)
        .await
        .expect(200);
    let view = until(&signalbox, &id, &["paused"]).await;
    assert_eq!(view["pause"]["reason"], "drift", "{view}");
    signalbox
        .post(&format!("/v1/deployments/{id}/resume"), json!({}))
        .await
        .expect(200);
    until(&signalbox, &id, &["paused"]).await;
    let alias = signalbox
        .get("/v1/templates/orders/environments/default/status")
        .await
        .expect(200);
    assert_eq!(alias["drifted"], true, "{alias}");
    assert!(
        alias["weights"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line["weight"] == 70),
        "{alias}"
    );

    signalbox
        .post(
            "/v1/templates/orders/environments/default/drift/restore",
            json!({}),
        )
        .await
        .expect(200);
    until(&signalbox, &id, &["baking"]).await;
    signalbox
        .post(&format!("/v1/deployments/{id}/promote"), json!({}))
        .await
        .expect(200);
    assert_eq!(until(&signalbox, &id, &FINISHED).await["state"], "succeeded");
}

#[tokio::test]
async fn a_gate_waits_for_another_person_than_the_requester() {
    // SHA-256 of "alice-key" and "bob-key".
    let digest = |key: &str| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(key));
    let config = format!(
        "[[access.keys]]\nname = \"alice\"\nsha256 = \"{}\"\nroles = [\"deployer\", \"approver\"]\n\
         [[access.keys]]\nname = \"bob\"\nsha256 = \"{}\"\nroles = [\"approver\"]\n",
        digest("alice-key"),
        digest("bob-key")
    );
    let options = Options {
        config,
        key: Some("alice-key".to_owned()),
        ..Options::default()
    };
    let signalbox = Signalbox::start_with(options).await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let id = deploy(
        &signalbox,
        json!({"template": "orders", "revision": 2, "approval_required": true, "strategy": quick_canary()}),
    )
    .await;
    let view = eventually("the gate is asked", async || {
        let view = find(&signalbox, &id).await?;
        view["approvals"].as_array().filter(|asked| !asked.is_empty())?;
        // A view is read in several queries: the question may be seen before the state.
        (view["state"] == "gate").then_some(view)
    })
    .await;
    assert_eq!(view["state"], "gate", "{view}");
    let asked = &view["approvals"][0];
    let path = format!("/v1/approvals/{}/decisions", asked["id"].as_str().unwrap());
    let decision = json!({"decision": "approve", "digest": asked["digest"]});
    let by_alice = signalbox.post(&path, decision.clone()).await;
    assert!(
        by_alice.status == 403 || by_alice.status == 409,
        "four eyes: {}",
        by_alice.text
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client
        .post(format!("{}{path}", signalbox.api))
        .bearer_auth("bob-key")
        .json(&decision)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    assert_eq!(until(&signalbox, &id, &FINISHED).await["state"], "succeeded");
}

#[tokio::test]
async fn killed_again_and_again_it_takes_the_same_weights() {
    let config = "[jobs]\nlease_seconds = 1\n".to_owned();
    let mut signalbox = Signalbox::start_with(Options {
        config,
        ..Options::default()
    })
    .await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let body = json!({"template": "orders", "revision": 2, "strategy": quick_canary(),
        "tests": [{"name": "a", "input": {}}]});
    let id = deploy(&signalbox, body).await;
    for pause in [3, 40, 90, 20, 60] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        signalbox.kill().await;
        signalbox.restart().await;
    }
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "succeeded", "{view}");
    assert_eq!(weights(&signalbox, &id).await, [0, 10, 50, 100]);
}

#[tokio::test]
async fn a_release_of_three_succeeds_and_one_with_a_failing_scenario_goes_back_wholly() {
    let signalbox = Signalbox::start().await;
    let strategy = json!({"type": "blue_green", "settling_seconds": 0, "final_bake_seconds": 0});
    for (suffix, expected, status) in [("x", "2", "success"), ("y", "9", "rolled_back")] {
        let names: Vec<_> = ["child", "middle", "parent"]
            .iter()
            .map(|name| format!("{name}-{suffix}"))
            .collect();
        for name in &names {
            two_revisions(&signalbox, name, gives("2")).await;
        }
        let body = json!({"strategy": strategy, "workflows": [
                {"template": names[0]}, {"template": names[1], "depends_on": [names[0]]}, {"template": names[2], "depends_on": [names[1]]}],
            "scenarios": [{"name": "through", "steps": [
                {"template": names[0], "input": {}, "expected_output": {"v": "2"}},
                {"template": names[2], "input": {"before": {"$from": "/0/output/v"}}, "expected_output": {"v": expected}}]}]});
        let release = signalbox.post("/v1/releases", body).await.expect(202);
        let path = format!("/v1/releases/{}", release["id"].as_str().unwrap());
        let view = eventually("the release ends", async || {
            let view = signalbox.get(&path).await.expect(200);
            (view["overall_status"] != "in_progress").then_some(view)
        })
        .await;
        assert_eq!(view["overall_status"], status, "{view}");
        let members = view["workflows"].as_array().unwrap();
        assert!(members.iter().all(|member| member["status"] == status), "{view}");
        for name in &names {
            let live = signalbox
                .get(&format!("/v1/templates/{name}/environments/default/status"))
                .await
                .expect(200);
            assert_eq!(
                live["live_revision"],
                if status == "success" { 2 } else { 1 },
                "{live}"
            );
        }
    }
}

#[tokio::test]
async fn a_plan_tells_steps_power_and_warnings_and_starts_nothing() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let body = json!({"template": "orders", "revision": 2, "strategy": "canary"});
    let plan = signalbox
        .post("/v1/deployments?dry_run=true", body)
        .await
        .expect(200);
    let codes: Vec<_> = plan["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["code"].clone())
        .collect();
    assert!(codes.contains(&json!("low_traffic")), "{plan}");
    assert_eq!(plan["course"]["steps"].as_array().unwrap().len(), 3);
    assert_eq!(
        signalbox.get("/v1/deployments").await.expect(200)["data"],
        json!([])
    );
    let wrong = json!({"template": "orders", "strategy": {"type": "canary", "steps": [{"weight": 200}]}});
    let problem = signalbox
        .post("/v1/deployments", wrong)
        .await
        .expect_problem(422, "invalid_request");
    assert_eq!(
        problem["errors"][0]["pointer"], "/strategy/steps/0/weight",
        "{problem}"
    );
    let unknown = json!({"template": "orders", "strategy": {"type": "canary", "wait": 1}});
    let problem = signalbox
        .post("/v1/deployments", unknown)
        .await
        .expect_problem(422, "invalid_request");
    assert!(problem["detail"].as_str().unwrap().contains("wait"), "{problem}");
}
