//! What deployments leave behind is cared for: executions in flight, versions taken back, starts past the alias, aliases that
//! nobody moves, old versions.

use chrono::TimeDelta;
use serde_json::{Value, json};
use signalbox::clock::Clock as _;
use signalbox::environments::EnvironmentName;
use signalbox::step_functions::Route;

use crate::access::keys;
use crate::deployments::{FINISHED, deploy, fails, gives, two_revisions, until};
use crate::harness::{Engine, InProcess, Options, Receiver, Reply, Signalbox, cbor, eventually};

const STATUS: &str = "/v1/templates/orders/environments/default/status";

/// Waits for so long, then passes.
fn waits(seconds: u32) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "Next": "A"}, "A": {"Type": "Pass", "End": true}}})
}

/// Deploys revision 2 at once, watched for an hour; its id, once all traffic is there.
async fn all_at_once(signalbox: &Signalbox, more: Value) -> String {
    let mut body = json!({"template": "orders", "revision": 2,
        "strategy": {"type": "direct", "settling_seconds": 0, "final_bake_seconds": 3600}});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let id = deploy(signalbox, body).await;
    until(signalbox, &id, &["final_bake"]).await;
    id
}

async fn start(signalbox: &Signalbox, count: u32) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let body = json!({"input": {"n": n}});
        let started = signalbox
            .post("/v1/templates/orders/executions", body)
            .await
            .expect(201);
        ids.push(started["id"].as_str().unwrap().to_owned());
    }
    ids
}

async fn take_back(signalbox: &Signalbox, id: &str) {
    let path = format!("/v1/deployments/{id}/rollback");
    signalbox
        .post(&path, json!({"reason": "a test"}))
        .await
        .expect(200);
}

#[tokio::test]
async fn what_runs_on_a_version_that_is_taken_back_is_stopped_and_started_again_on_the_old_one() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", waits(3600)).await;
    let policy = json!({"on_rollback": {"in_flight": "stop_and_restart", "idempotent": true}});
    let id = all_at_once(&signalbox, policy).await;
    let ids = start(&signalbox, 3).await;
    take_back(&signalbox, &id).await;
    until(&signalbox, &id, &["rolled_back"]).await;
    for id in &ids {
        let stopped = signalbox.closed(id).await;
        assert_eq!(
            (&stopped["status"], &stopped["error"]),
            (&json!("ABORTED"), &json!("Signalbox.RolledBack")),
            "{stopped}"
        );
    }
    let restarted = eventually("each runs to its end on the old version", async || {
        let path = "/v1/executions?template=orders&status=SUCCEEDED";
        let listed = signalbox.get(path).await.expect(200)["data"].as_array()?.clone();
        (listed.len() == 3).then_some(listed)
    })
    .await;
    for execution in restarted {
        assert!(
            execution["name"].as_str().unwrap().contains("-restarted-"),
            "{execution}"
        );
        assert!(
            execution["version_arn"].as_str().unwrap().ends_with(":1"),
            "{execution}"
        );
        let path = format!("/v1/executions/{}", execution["id"].as_str().unwrap());
        assert!(signalbox.get(&path).await.expect(200)["input"]["n"].is_number());
    }
    // Nobody said that it may run twice: then people are asked before any traffic moves.
    let unsure = json!({"template": "orders", "revision": 2, "strategy": "direct", "on_rollback": {"in_flight": "stop_and_restart"}});
    let plan = signalbox
        .post("/v1/deployments?dry_run=true", unsure)
        .await
        .expect(200);
    assert_eq!(plan["gates"].as_array().unwrap().len(), 1, "{plan}");
}

#[tokio::test]
async fn by_default_what_runs_on_a_version_that_is_taken_back_goes_on_there() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", waits(8)).await;
    let id = all_at_once(&signalbox, json!({"on_rollback": {"in_flight": "leave"}})).await;
    let ids = start(&signalbox, 2).await;
    take_back(&signalbox, &id).await;
    until(&signalbox, &id, &["rolled_back"]).await;
    for id in &ids {
        let ended = signalbox.closed(id).await;
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        assert!(ended["version_arn"].as_str().unwrap().ends_with(":2"), "{ended}");
    }
    let calls = signalbox
        .get(&format!("/v1/deployments/{id}/calls"))
        .await
        .expect(200);
    assert!(!calls.to_string().contains("StopExecution"), "{calls}");
}

#[tokio::test]
async fn executions_with_long_names_that_begin_alike_are_each_started_again() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", waits(3600)).await;
    let policy = json!({"on_rollback": {"in_flight": "stop_and_restart", "idempotent": true}});
    let id = all_at_once(&signalbox, policy).await;
    let alias = "arn:aws:states:us-east-1:000000000000:stateMachine:orders:live";
    for last in ["a", "b"] {
        let name = format!("{}{last}", "x".repeat(79));
        signalbox
            .step_functions(
                "StartExecution",
                json!({"stateMachineArn": alias, "name": name, "input": json!({"of": last}).to_string()}),
            )
            .await
            .expect(200);
    }
    take_back(&signalbox, &id).await;
    until(&signalbox, &id, &["rolled_back"]).await;
    let inputs = eventually("both run to their end on the old version", async || {
        let path = "/v1/executions?template=orders&status=SUCCEEDED";
        let listed = signalbox.get(path).await.expect(200)["data"].as_array()?.clone();
        let mut inputs = Vec::new();
        for execution in &listed {
            let path = format!("/v1/executions/{}", execution["id"].as_str()?);
            inputs.push(
                signalbox.get(&path).await.expect(200)["input"]["of"]
                    .as_str()?
                    .to_owned(),
            );
        }
        inputs.sort_unstable();
        (inputs.len() == 2).then_some(inputs)
    })
    .await;
    assert_eq!(inputs, ["a", "b"]);
}

#[tokio::test]
async fn stop_only_stops_and_drain_waits_for_the_end() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", waits(2)).await;
    let id = all_at_once(&signalbox, json!({"on_rollback": {"in_flight": "drain"}})).await;
    let drained = start(&signalbox, 2).await;
    take_back(&signalbox, &id).await;
    until(&signalbox, &id, &["rolled_back"]).await;
    for id in &drained {
        let arn = signalbox.get(&format!("/v1/executions/{id}")).await.expect(200)["execution_arn"].clone();
        let told = signalbox
            .step_functions("DescribeExecution", json!({"executionArn": arn}))
            .await
            .expect(200);
        assert_eq!(
            told["status"], "SUCCEEDED",
            "the rollback ended before it did: {told}"
        );
    }
    let path = "/v1/templates/orders/revisions";
    signalbox
        .post(path, json!({"definition": waits(3600)}))
        .await
        .expect(201);
    let body = json!({"revision": 3, "on_rollback": {"in_flight": "stop"}});
    let id = all_at_once(&signalbox, body).await;
    let stopped = start(&signalbox, 2).await;
    take_back(&signalbox, &id).await;
    until(&signalbox, &id, &["rolled_back"]).await;
    for id in &stopped {
        assert_eq!(signalbox.closed(id).await["status"], "ABORTED");
    }
    let running = signalbox
        .get("/v1/executions?template=orders&status=RUNNING")
        .await
        .expect(200);
    assert_eq!(running["data"], json!([]), "nothing is started again");
}

#[tokio::test]
async fn a_version_that_took_itself_back_is_neither_deployed_nor_redriven_unless_an_admin_says_why() {
    let config = keys(&[("root", "admin"), ("dora", "deployer"), ("otto", "operator")]);
    let signalbox = Signalbox::start_with(Options {
        config,
        key: Some("key-root".to_owned()),
        ..Options::default()
    })
    .await;
    two_revisions(&signalbox, "orders", fails("2")).await;
    let id = all_at_once(&signalbox, json!({"analysis": {"max_failure_rate": 0.2}})).await;
    eventually("the guard takes it back", async || {
        start(&signalbox, 4).await;
        let view = signalbox.get(&format!("/v1/deployments/{id}")).await.expect(200);
        (view["state"] == "rolled_back").then_some(())
    })
    .await;
    let as_caller = async |name: &str, path: &str, body: Value| {
        let request = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request
            .post(format!("{}{path}", signalbox.api))
            .bearer_auth(format!("key-{name}"));
        signalbox.send(request.json(&body)).await
    };
    let again = json!({"template": "orders", "revision": 2, "strategy": "direct"});
    let refused = as_caller("dora", "/v1/deployments", again.clone()).await;
    let refused = refused.expect_problem(409, "version_quarantined");
    assert_eq!(refused["taken_back_by"], id.as_str());
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("register a revision that is better"),
        "{refused}"
    );
    let status = signalbox.get(STATUS).await.expect(200);
    assert_eq!(
        (
            &status["quarantined"][0]["revision"],
            &status["quarantined"][0]["by_hand"]
        ),
        (&json!(2), &json!(false)),
        "{status}"
    );

    let failed = eventually("a failed execution of it is known with its version", async || {
        let listed = signalbox
            .get("/v1/executions?template=orders&status=FAILED")
            .await
            .expect(200);
        let of_two = |execution: &&Value| {
            execution["version_arn"]
                .as_str()
                .is_some_and(|arn| arn.ends_with(":2"))
        };
        listed["data"].as_array()?.iter().find(of_two).cloned()
    })
    .await;
    let path = format!("/v1/executions/{}/redrive", failed["id"].as_str().unwrap());
    as_caller("otto", &path, json!({}))
        .await
        .expect_problem(409, "version_quarantined");
    let over = json!({"override_quarantine": "the queue was full"});
    as_caller("otto", &path, over.clone())
        .await
        .expect_problem(403, "forbidden");
    as_caller("root", &path, over).await.expect(200);

    let mut over = again;
    over["override_quarantine"] = json!("the queue was full");
    over["strategy"] = json!({"type": "direct", "settling_seconds": 0, "final_bake_seconds": 0});
    as_caller("dora", "/v1/deployments", over.clone())
        .await
        .expect_problem(403, "forbidden");
    let id = as_caller("root", "/v1/deployments", over).await.expect(202)["id"].clone();
    until(&signalbox, id.as_str().unwrap(), &["succeeded"]).await;
    let status = signalbox.get(STATUS).await.expect(200);
    assert_eq!(
        status["quarantined"],
        json!([]),
        "what was deployed after all is good: {status}"
    );
}

#[tokio::test]
async fn starts_past_the_alias_keep_the_old_definition_until_the_new_one_has_succeeded() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let unqualified = async || {
        let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:orders";
        let told = signalbox
            .step_functions("DescribeStateMachine", json!({"stateMachineArn": arn}))
            .await;
        serde_json::from_str::<Value>(told.expect(200)["definition"].as_str().unwrap()).unwrap()["Comment"]
            .clone()
    };
    let id = all_at_once(&signalbox, json!({"protect_unqualified": true})).await;
    assert_eq!(unqualified().await, "1", "while it is watched");
    signalbox
        .post(&format!("/v1/deployments/{id}/promote"), json!({}))
        .await
        .expect(200);
    until(&signalbox, &id, &["succeeded"]).await;
    assert_eq!(unqualified().await, "2", "when it has succeeded");
    take_back(&signalbox, &id).await;
    until(&signalbox, &id, &["rolled_back"]).await;
    assert_eq!(unqualified().await, "1", "when it was taken back after all");
}

#[tokio::test]
async fn people_look_at_green_through_a_preview_before_it_gets_traffic() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let strategy =
        json!({"type": "blue_green", "preview": "preview", "settling_seconds": 0, "final_bake_seconds": 0});
    let body = json!({"template": "orders", "revision": 2, "strategy": strategy, "approval_required": true});
    let id = deploy(&signalbox, body).await;
    until(&signalbox, &id, &["gate"]).await;
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:orders";
    let leads_to = async |alias: &str| {
        let asked = json!({"stateMachineAliasArn": format!("{machine}:{alias}")});
        let told = signalbox
            .step_functions("DescribeStateMachineAlias", asked)
            .await
            .expect(200);
        told["routingConfiguration"][0]["stateMachineVersionArn"].clone()
    };
    assert_eq!(leads_to("preview").await, format!("{machine}:2"));
    assert_eq!(leads_to("live").await, format!("{machine}:1"));
    let same = json!({"template": "orders", "strategy": {"type": "blue_green", "preview": "live"}});
    signalbox
        .post("/v1/deployments?dry_run=true", same)
        .await
        .expect_problem(422, "invalid_request");
}

#[tokio::test]
async fn an_idle_alias_that_someone_else_moved_is_found_told_and_restored_or_adopted() {
    let hook = Receiver::start().await;
    let config = format!(
        "[[notifications.webhooks]]\nname = \"ops\"\nurl = \"{}/hook\"\n",
        hook.url
    );
    let service = InProcess::start(&config).await;
    deployed(&service, &["1", "2"]).await;
    let target = service
        .app
        .environments
        .target(&EnvironmentName::default())
        .unwrap();
    let alias = target.alias_arn("orders");
    let moved = async |version: u32| {
        let route = Route {
            version_arn: target.version_arn("orders", version),
            weight: 100,
        };
        target
            .step_functions
            .update_alias(&alias, &[route], None)
            .await
            .unwrap();
    };
    let status = async || service.get("", STATUS).await.expect(200);
    let since = async |drifted: bool| {
        service
            .passing("the sweep looks", async || {
                (status().await["drifted_since"].is_string() == drifted).then_some(())
            })
            .await;
    };
    moved(1).await;
    since(true).await;
    let told = eventually("people are told", async || {
        hook.received()
            .into_iter()
            .find(|told| told.json()["type"] == "alias.drifted")
    })
    .await;
    assert_eq!(told.json()["data"]["alias_arn"], alias, "{:?}", told.json());
    let drift = "/v1/templates/orders/environments/default/drift";
    let restored = service
        .post("", &format!("{drift}/restore"), json!({}))
        .await
        .expect(200);
    assert_eq!(
        (
            &restored["weights"][0]["version_arn"],
            &restored["drifted"],
            &restored["drifted_since"]
        ),
        (
            &json!(target.version_arn("orders", 2)),
            &json!(false),
            &Value::Null
        ),
        "{restored}"
    );
    service
        .post("", &format!("{drift}/restore"), json!({}))
        .await
        .expect_problem(409, "conflict");
    moved(1).await;
    since(true).await;
    let adopted = service
        .post("", &format!("{drift}/adopt"), json!({}))
        .await
        .expect(200);
    assert_eq!(
        (&adopted["live_revision"], &adopted["drifted"]),
        (&json!(1), &json!(false)),
        "{adopted}"
    );
    moved(2).await;
    since(true).await;
    moved(1).await;
    since(false).await;
}

/// Registers `orders` with these revisions and deploys them one after the other.
async fn deployed(service: &InProcess, revisions: &[&str]) {
    for (index, revision) in revisions.iter().enumerate() {
        if index == 0 {
            let body = json!({"name": "orders", "definition": gives(revision)});
            service.post("", "/v1/templates", body).await.expect(201);
            continue;
        }
        let body = json!({"definition": gives(revision)});
        service
            .post("", "/v1/templates/orders/revisions", body)
            .await
            .expect(201);
        let body = json!({"template": "orders", "strategy": {"type": "direct", "settling_seconds": 0, "final_bake_seconds": 0}});
        let id = service.post("", "/v1/deployments", body).await.expect(202)["id"].clone();
        ends(service, id.as_str().unwrap(), "succeeded").await;
    }
}

/// Waits, while the clock moves, until a deployment has this state.
async fn ends(service: &InProcess, id: &str, state: &str) -> Value {
    service
        .passing(&format!("{id} is {state}"), async || {
            let view = service
                .get("", &format!("/v1/deployments/{id}"))
                .await
                .expect(200);
            (view["state"] == state).then_some(view)
        })
        .await
}

#[tokio::test]
async fn old_versions_are_deleted_when_nothing_needs_them_but_not_within_a_day() {
    let service = InProcess::start("[environments.default]\nversions_kept = 2\n").await;
    deployed(&service, &["1", "2", "3", "4"]).await;
    let target = service
        .app
        .environments
        .target(&EnvironmentName::default())
        .unwrap();
    let machine = target.state_machine_arn("orders");
    let versions = async || {
        let listed = target.step_functions.list_versions(&machine, None).await.unwrap();
        let mut versions: Vec<_> = listed.items.into_iter().map(|item| item.version_arn).collect();
        versions.sort();
        versions
    };
    service.clock.advance(TimeDelta::hours(2));
    let pruned = async || {
        let jobs = service.get("", "/v1/audit?action=version.prune").await;
        jobs.json["data"].as_array().map_or(0, Vec::len)
    };
    for _ in 0..20 {
        service.clock.advance(TimeDelta::minutes(10));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(versions().await.len(), 4, "the way back is kept for a day");
    assert_eq!(pruned().await, 0);
    let kept = [3, 4].map(|version| target.version_arn("orders", version));
    eventually("the old ones are gone", async || {
        service.clock.advance(TimeDelta::hours(1));
        (versions().await == kept).then_some(())
    })
    .await;
}

/// What `DescribeAlarms` answers.
fn alarms(state: &str) -> Reply {
    let alarm = json!({"AlarmName": "too-many-errors", "StateValue": state});
    cbor::reply(&json!({"MetricAlarms": [alarm], "CompositeAlarms": []}))
}

#[tokio::test]
async fn an_alarm_takes_a_deployment_back_and_one_that_does_not_exist_is_an_error() {
    let cloudwatch = Receiver::start().await;
    cloudwatch.answer_all(alarms("OK"));
    let engine = Engine::start().await;
    let environment = vec![("AWS_ENDPOINT_URL_CLOUDWATCH".to_owned(), cloudwatch.url.clone())];
    let signalbox = Signalbox::start_with(Options {
        config: Engine::environment("one", "111111111111", &engine.url),
        environment,
        ..Options::default()
    })
    .await;
    let body = json!({"name": "orders", "definition": gives("1"), "environments": ["one"]});
    signalbox.post("/v1/templates", body).await.expect(201);
    let body = json!({"definition": gives("2")});
    signalbox
        .post("/v1/templates/orders/revisions", body)
        .await
        .expect(201);
    let body = |alarm: &str| {
        json!({"template": "orders", "revision": 2, "environment": "one", "analysis": {"alarms": [alarm]},
            "strategy": {"type": "canary", "settling_seconds": 0, "steps": [{"weight": 10, "bake_seconds": 3600}]}})
    };
    let unknown = signalbox.post("/v1/deployments", body("mistyped")).await;
    let unknown = unknown.expect_problem(422, "invalid_request");
    assert_eq!(unknown["errors"][0]["pointer"], "/analysis/alarms");
    assert!(
        unknown["errors"][0]
            .to_string()
            .contains("there is no alarm `mistyped`"),
        "{unknown}"
    );
    let id = deploy(&signalbox, body("too-many-errors")).await;
    until(&signalbox, &id, &["baking"]).await;
    cloudwatch.answer_all(alarms("ALARM"));
    let view = until(&signalbox, &id, &FINISHED).await;
    assert_eq!(view["state"], "rolled_back", "{view}");
    assert!(
        view["error"].as_str().unwrap().contains("too-many-errors"),
        "{view}"
    );
}

#[tokio::test]
async fn some_minutes_after_a_rollback_it_says_whether_it_helped() {
    for (after, verdict) in [("fails", "probably_not_the_deployment"), ("passes", "recovered")] {
        let service = InProcess::start("").await;
        let breaks = json!({"StartAt": "C", "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.break", "BooleanEquals": true, "Next": "F"}], "Default": "A"},
            "F": {"Type": "Fail", "Error": "Boom"}, "A": {"Type": "Pass", "End": true}}});
        let body = json!({"name": "orders", "definition": breaks});
        service.post("", "/v1/templates", body).await.expect(201);
        service
            .post(
                "",
                "/v1/templates/orders/revisions",
                json!({"definition": gives("2")}),
            )
            .await
            .expect(201);
        let run = async |broken: bool, count: usize| {
            for _ in 0..count {
                let body = json!({"input": {"break": broken}});
                service
                    .post("", "/v1/templates/orders/executions", body)
                    .await
                    .expect(201);
            }
            service
                .passing("they close", async || {
                    let open = service
                        .get("", "/v1/executions?template=orders&status=RUNNING")
                        .await;
                    open.expect(200)["data"].as_array()?.is_empty().then_some(())
                })
                .await;
        };
        run(false, 30).await;
        let body = json!({"template": "orders", "revision": 2,
            "strategy": {"type": "direct", "settling_seconds": 0, "final_bake_seconds": 3600}});
        let id = service.post("", "/v1/deployments", body).await.expect(202)["id"].clone();
        let id = id.as_str().unwrap();
        ends(&service, id, "final_bake").await;
        service
            .post("", &format!("/v1/deployments/{id}/rollback"), json!({}))
            .await
            .expect(200);
        ends(&service, id, "rolled_back").await;
        run(after == "fails", 20).await;
        let recovery = service
            .passing("the check some minutes later", async || {
                service.clock.advance(TimeDelta::seconds(10));
                let view = service
                    .get("", &format!("/v1/deployments/{id}"))
                    .await
                    .expect(200);
                view["recovery"].as_str().map(ToOwned::to_owned)
            })
            .await;
        assert_eq!(recovery, verdict);
    }
}

#[tokio::test]
async fn a_freeze_holds_traffic_until_it_is_over_and_a_way_back_is_always_open() {
    let now = chrono::Utc::now();
    let config = format!(
        "[environments.default]\nfreezes = [{{ from = \"{}\", until = \"{}\", reason = \"holidays\" }}]\n",
        (now - TimeDelta::hours(1)).to_rfc3339(),
        (now + TimeDelta::minutes(10)).to_rfc3339()
    );
    let service = InProcess::start(&config).await;
    let body = json!({"name": "orders", "definition": gives("1")});
    service.post("", "/v1/templates", body).await.expect(201);
    service
        .post(
            "",
            "/v1/templates/orders/revisions",
            json!({"definition": gives("2")}),
        )
        .await
        .expect(201);
    let body = json!({"template": "orders", "revision": 2,
        "strategy": {"type": "direct", "settling_seconds": 0, "final_bake_seconds": 3600}});
    let plan = service
        .post("", "/v1/deployments?dry_run=true", body.clone())
        .await
        .expect(200);
    assert!(plan["warnings"].to_string().contains("holidays"), "{plan}");
    let id = service.post("", "/v1/deployments", body).await.expect(202)["id"].clone();
    let id = id.as_str().unwrap();
    let path = format!("/v1/deployments/{id}");
    let mut held = 0;
    while service.clock.now() < now + TimeDelta::minutes(9) {
        service.clock.advance(TimeDelta::seconds(20));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let view = service.get("", &path).await.expect(200);
        assert!(
            view["state"] != "final_bake",
            "traffic moved in the freeze: {view}"
        );
        let status = service.get("", STATUS).await.expect(200);
        assert_eq!(status["weights"][0]["weight"], 100, "{status}");
        assert!(
            status["weights"][0]["version_arn"]
                .as_str()
                .unwrap()
                .ends_with(":1"),
            "{status}"
        );
        held += u32::from(view["pause"]["reason"] == "freeze");
    }
    assert!(held > 0, "it waits, and says for what");
    ends(&service, id, "final_bake").await;
    // Back into a time like the freeze's: going back asks nobody.
    service
        .post("", &format!("{path}/rollback"), json!({}))
        .await
        .expect(200);
    ends(&service, id, "rolled_back").await;
}

#[tokio::test]
async fn a_release_brings_its_definitions_and_pins_the_childs_version_into_the_parent() {
    let signalbox = Signalbox::start().await;
    let machine = |name: &str| format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}");
    let parent = |comment: &str| {
        json!({"Comment": comment, "StartAt": "Child", "States": {"Child": {"Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": machine("child"), "Input": {}}, "End": true}}})
    };
    let release = async |number: &str, expected: &str, on_failure: &str| {
        let body = json!({"pin_children": true, "on_failure": on_failure,
            "strategy": {"type": "blue_green", "settling_seconds": 0, "final_bake_seconds": 0},
            "workflows": [
                {"name": "parent", "order": 2, "definition": parent(number)},
                {"name": "child", "order": 1, "definition": gives(number),
                 "test_cases": [{"name": "gives", "input": {}, "expected_output": {"v": number}}]}],
            "scenarios": [{"name": "through", "steps": [
                {"template": "parent", "input": {}, "expected_output": {"Output": {"v": expected}}}]}]});
        let id = signalbox.post("/v1/releases", body).await.expect(202)["id"].clone();
        let path = format!("/v1/releases/{}", id.as_str().unwrap());
        eventually("the release ends", async || {
            let view = signalbox.get(&path).await.expect(200);
            (view["overall_status"] != "in_progress").then_some(view)
        })
        .await
    };
    let names_child = async || {
        let asked = json!({"stateMachineAliasArn": format!("{}:live", machine("parent"))});
        let alias = signalbox
            .step_functions("DescribeStateMachineAlias", asked)
            .await
            .expect(200);
        let version = &alias["routingConfiguration"][0]["stateMachineVersionArn"];
        let told = signalbox
            .step_functions("DescribeStateMachine", json!({"stateMachineArn": version}))
            .await
            .expect(200);
        let definition: Value = serde_json::from_str(told["definition"].as_str().unwrap()).unwrap();
        definition["States"]["Child"]["Parameters"]["StateMachineArn"].clone()
    };
    let first = release("1", "1", "rollback_all").await;
    assert_eq!(first["overall_status"], "success", "{first}");
    assert_eq!(names_child().await, format!("{}:1", machine("child")));
    let second = release("2", "2", "rollback_all").await;
    assert_eq!(second["overall_status"], "success", "{second}");
    assert_eq!(names_child().await, format!("{}:2", machine("child")));
    // The third one's scenario fails: both go back, the parent to the version that names the child's second.
    let third = release("3", "9", "rollback_all").await;
    assert_eq!(third["overall_status"], "rolled_back", "{third}");
    assert_eq!(names_child().await, format!("{}:2", machine("child")));
    // With `stop` what is there stays.
    let fourth = release("4", "9", "stop").await;
    assert_eq!(fourth["overall_status"], "failed", "{fourth}");
    assert_eq!(names_child().await, format!("{}:4", machine("child")));

    let broken = json!({"workflows": [{"name": "broken", "definition": {"StartAt": "X", "States": {}}}]});
    signalbox
        .post("/v1/releases", broken)
        .await
        .expect_problem(422, "invalid_definition");
}
