//! Validation from outside: fixes, rule sets, exemptions, what environments demand, the pages about codes.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use signalbox::clock::Clock as _;

use crate::harness::{Answer, InProcess, Options, Signalbox};

/// A task that waits for ever: a lint, no error.
fn task() -> Value {
    json!({"Comment": "c", "StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": "q", "MessageBody": "b"}, "End": true}}})
}

fn task_with_timeout() -> Value {
    let mut task = task();
    task["States"]["A"]["TimeoutSeconds"] = json!(30);
    task
}

fn strict() -> Value {
    json!({"description": "what production demands", "lints": {"TASK_NO_TIMEOUT": "error"},
        "rules": [{"name": "named-well", "scope": "state", "expression": "size(name) <= 20", "message": "shorter names, please"}]})
}

/// By the service's clock.
fn in_hours(service: &InProcess, hours: i64) -> String {
    (service.clock.now() + TimeDelta::hours(hours)).to_rfc3339()
}

async fn put(service: &InProcess, key: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let mut request = service.request(Method::PUT, path).json(&body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    service.send(key, request).await
}

async fn delete(service: &InProcess, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = service.request(Method::DELETE, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    service.send("", request).await
}

fn codes(diagnostics: &Value) -> Vec<(String, String)> {
    diagnostics
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            (
                found["code"].as_str().unwrap().to_owned(),
                found["severity"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_validation_mends_what_is_certain_and_leaves_the_rest_of_the_text_alone() {
    let service = InProcess::start("").await;
    let text = "{ \"StartAt\" : \"A\",\n   \"States\": {\"A\": {\"type\": \"Pass\",   \"End\": true} } }";
    let answer = service
        .post("", "/v1/validations?fix=true", json!({"definition": text}))
        .await
        .expect(200);
    assert_eq!(answer["result"], "FAIL");
    let offered = answer["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["fix"].is_object())
        .unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(offered["fix"]["patch"][0]["op"], "move", "{offered}");
    let fixed = &answer["fixed"];
    assert_eq!(fixed["definition_text"], text.replace("\"type\"", "\"Type\""));
    assert_eq!(fixed["definition"]["States"]["A"]["Type"], "Pass");
    assert_eq!(fixed["result"], "OK", "{fixed}");
    assert_eq!(fixed["applied"].as_array().unwrap().len(), 1);
    let unasked = service
        .post("", "/v1/validations", json!({"definition": text}))
        .await
        .expect(200);
    assert_eq!(unasked["fixed"], Value::Null);
}

#[tokio::test]
async fn a_rule_set_is_made_read_changed_and_removed_by_who_has_seen_it() {
    let service = InProcess::start("").await;
    let path = "/v1/rule-sets/strict";
    let made = put(&service, "", path, &[("if-none-match", "*")], strict()).await;
    assert_eq!(made.headers["etag"], "\"1\"");
    assert_eq!(made.expect(201)["version"], 1);
    put(&service, "", path, &[("if-none-match", "*")], strict())
        .await
        .expect_problem(412, "precondition_failed");
    let changed = json!({"lints": {"TASK_NO_TIMEOUT": "off"}});
    put(&service, "", path, &[], changed.clone())
        .await
        .expect_problem(428, "precondition_required");
    let dry = put(
        &service,
        "",
        &format!("{path}?dry_run=true"),
        &[("if-match", "\"1\"")],
        changed.clone(),
    )
    .await;
    assert_eq!(dry.expect(200)["version"], 2);
    let saved = put(&service, "", path, &[("if-match", "\"1\"")], changed.clone()).await;
    assert_eq!(saved.expect(200)["version"], 2);
    put(&service, "", path, &[("if-match", "\"1\"")], strict())
        .await
        .expect_problem(412, "precondition_failed");
    let read = service.get("", path).await;
    assert_eq!(read.headers["etag"], "\"2\"");
    assert_eq!(read.expect(200)["lints"], changed["lints"]);
    let known = service
        .send(
            "",
            service
                .request(Method::GET, path)
                .header("if-none-match", "\"2\""),
        )
        .await;
    assert_eq!(known.status, 304);
    assert_eq!(
        service.get("", "/v1/rule-sets").await.expect(200)["data"][0]["id"],
        "strict"
    );
    delete(&service, path, &[])
        .await
        .expect_problem(428, "precondition_required");
    assert_eq!(delete(&service, path, &[("if-match", "\"2\"")]).await.status, 204);
    service.get("", path).await.expect_problem(404, "not_found");
    let trail = service
        .get("", "/v1/audit-events?action=rule_set.")
        .await
        .expect(200);
    let actions: Vec<_> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["rule_set.remove", "rule_set.save", "rule_set.save"]);
}

#[tokio::test]
async fn a_rule_set_that_can_not_be_used_is_refused_with_the_place() {
    let service = InProcess::start("").await;
    let broken = json!({"lints": {"TASK_NO_TIMEUOT": "error"}, "rules": [{"name": "r", "expression": "has(definition."}]});
    let problem = put(&service, "", "/v1/rule-sets/broken", &[], broken)
        .await
        .expect_problem(422, "invalid_request");
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/lints/TASK_NO_TIMEUOT", "/rules/0/expression"]);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean `TASK_NO_TIMEOUT`"),
        "{problem}"
    );
    put(&service, "", "/v1/rule-sets/Not%20A%20Name", &[], strict())
        .await
        .expect_problem(422, "invalid_request");
}

#[tokio::test]
async fn a_validation_says_what_a_rule_set_makes_of_it() {
    let service = InProcess::start("").await;
    put(&service, "", "/v1/rule-sets/strict", &[], strict())
        .await
        .expect(201);
    let validate = async |extra: Value| {
        let mut body = json!({"definition": task()});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        service.post("", "/v1/validations", body).await
    };
    let plain = validate(json!({})).await.expect(200);
    assert_eq!(plain["result"], "OK");
    let judged = validate(json!({"policy_set": "strict"})).await.expect(200);
    assert_eq!(judged["result"], "FAIL");
    assert!(
        codes(&judged["diagnostics"]).contains(&("TASK_NO_TIMEOUT".to_owned(), "ERROR".to_owned())),
        "{judged}"
    );
    validate(json!({"policy_set": "missing"}))
        .await
        .expect_problem(422, "invalid_request");
    validate(json!({"against_env": "missing"}))
        .await
        .expect_problem(422, "invalid_request");
    assert_eq!(
        validate(json!({"against_env": "default"})).await.expect(200)["result"],
        "OK"
    );
}

#[tokio::test]
async fn what_breaks_the_rules_of_an_environment_is_refused_until_it_is_mended_or_waived_for_a_while() {
    let service = InProcess::start("[environments.default]\nrule_set = \"strict\"\n").await;
    let register = async |name: &str, definition: Value| {
        service
            .post(
                "",
                "/v1/templates",
                json!({"name": name, "definition": definition}),
            )
            .await
    };
    let missing = register("early", task_with_timeout())
        .await
        .expect_problem(409, "conflict");
    assert_eq!(missing["rule_set"], "strict");
    put(&service, "", "/v1/rule-sets/strict", &[], strict())
        .await
        .expect(201);
    delete(&service, "/v1/rule-sets/strict", &[("if-match", "\"1\"")])
        .await
        .expect_problem(409, "in_use");

    let refused = register("orders", task())
        .await
        .expect_problem(422, "policy_violation");
    assert_eq!(refused["errors"][0]["code"], "TASK_NO_TIMEOUT", "{refused}");
    assert_eq!(refused["errors"][0]["location"], "/States/A");
    assert_eq!(refused["environment"], "default");
    service
        .get("", "/v1/templates/orders")
        .await
        .expect_problem(404, "not_found");
    register("mended", task_with_timeout()).await.expect(201);

    let mut waive = refused["waive"]["body"].clone();
    waive["reason"] = json!("until the queue has a deadline");
    waive["expires_at"] = json!(in_hours(&service, 2));
    let exemption = service.post("", "/v1/exemptions", waive).await.expect(201);
    let registered = register("orders", task()).await.expect(201);
    assert_eq!(registered["environments"][0]["state"], "live");

    // Another revision that keeps nothing may be registered, but not deployed once the exemption has ended.
    let mut again = task();
    again["States"]["A"]["Comment"] = json!("another");
    service
        .post("", "/v1/templates/orders/revisions", json!({"definition": again}))
        .await
        .expect(201);
    let deploy = json!({"template": "orders", "strategy": {"type": "direct", "settling_seconds": 0, "final_bake_seconds": 0}});
    service
        .post("", "/v1/deployments?dry_run=true", deploy.clone())
        .await
        .expect(200);
    let id = exemption["id"].as_str().unwrap();
    let active = service
        .get("", "/v1/exemptions?template=orders&active=true")
        .await
        .expect(200);
    assert_eq!(active["data"][0]["id"], exemption["id"]);
    service.clock.advance(TimeDelta::hours(3));
    for path in ["/v1/deployments?dry_run=true", "/v1/deployments"] {
        let refused = service
            .post("", path, deploy.clone())
            .await
            .expect_problem(422, "policy_violation");
        assert!(
            refused["detail"]
                .as_str()
                .unwrap()
                .contains("`TASK_NO_TIMEOUT` at /States/A"),
            "{refused}"
        );
    }
    let active = service
        .get("", "/v1/exemptions?template=orders&active=true")
        .await
        .expect(200);
    assert_eq!(active["data"], json!([]));
    let revoked = delete(&service, &format!("/v1/exemptions/{id}"), &[])
        .await
        .expect(200);
    assert_eq!(revoked["revoked_by"], "anonymous");
}

#[tokio::test]
async fn a_dry_run_over_the_registry_names_who_would_be_refused() {
    let service = InProcess::start("").await;
    for (name, definition) in [("bad", task()), ("good", task_with_timeout())] {
        service
            .post(
                "",
                "/v1/templates",
                json!({"name": name, "definition": definition}),
            )
            .await
            .expect(201);
    }
    let path = "/v1/rule-sets/strict/evaluate";
    service
        .post("", path, json!({}))
        .await
        .expect_problem(404, "not_found");
    let drafted = service
        .post("", path, json!({"draft": strict()}))
        .await
        .expect(200);
    assert_eq!(drafted["failing"], 1, "{drafted}");
    let results: Vec<_> = drafted["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["template"].as_str().unwrap(), row["result"].as_str().unwrap()))
        .collect();
    assert_eq!(results, [("bad", "FAIL"), ("good", "OK")]);
    put(&service, "", "/v1/rule-sets/strict", &[], strict())
        .await
        .expect(201);
    assert_eq!(
        service
            .post("", &format!("{path}?limit=1"), json!({}))
            .await
            .expect(200)["has_more"],
        true
    );
    service
        .post("", path, json!({"draft": {"lints": {"NOTHING": "off"}}}))
        .await
        .expect_problem(422, "invalid_request");
}

#[tokio::test]
async fn who_deploys_makes_no_rules_and_waives_none() {
    use sha2::Digest as _;
    let hash = |key: &str| hex::encode(sha2::Sha256::digest(key));
    let config = format!(
        "[[access.keys]]\nname = \"dora\"\nsha256 = \"{}\"\nroles = [\"deployer\"]\n[[access.keys]]\nname = \"paul\"\nsha256 = \"{}\"\nroles = [\"approver\"]\n",
        hash("dora-key"),
        hash("paul-key")
    );
    let service = InProcess::start(&config).await;
    for key in ["dora-key", "paul-key"] {
        put(&service, key, "/v1/rule-sets/strict", &[], strict())
            .await
            .expect_problem(403, "forbidden");
    }
    let waive = json!({"template": "orders", "rule": "TASK_NO_TIMEOUT", "reason": "r", "expires_at": in_hours(&service, 1)});
    service
        .post("dora-key", "/v1/exemptions", waive.clone())
        .await
        .expect_problem(403, "forbidden");
    service
        .post("paul-key", "/v1/exemptions", waive.clone())
        .await
        .expect(201);
    for (field, value) in [
        ("expires_at", json!(in_hours(&service, 24 * 400))),
        ("expires_at", json!(in_hours(&service, -1))),
        ("reason", json!(" ")),
        ("environment", json!("nowhere")),
    ] {
        let mut bad = waive.clone();
        bad[field] = value;
        let problem = service.post("paul-key", "/v1/exemptions", bad).await;
        let problem = problem.expect_problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{problem}");
    }
}

#[tokio::test]
async fn every_code_has_a_page() {
    let signalbox = Signalbox::start_with(Options::default()).await;
    let index = signalbox.get("/docs/diagnostics").await;
    assert_eq!(index.status, 200);
    assert!(
        index.text.contains("href=\"/docs/diagnostics/TASK_NO_TIMEOUT\""),
        "{}",
        index.text
    );
    let found = signalbox
        .post("/v1/validations", json!({"definition": task()}))
        .await
        .expect(200);
    for diagnostic in found["diagnostics"].as_array().unwrap() {
        let page = signalbox.get(diagnostic["documentation"].as_str().unwrap()).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("<h1>"), "{}", page.text);
    }
    signalbox
        .get("/docs/diagnostics/NOTHING")
        .await
        .expect_problem(404, "not_found");
    assert_eq!(signalbox.get("/docs/").await.status, 200);
}

#[tokio::test]
async fn a_dry_run_of_a_registration_says_what_would_be_and_leaves_nothing() {
    let service = InProcess::start("").await;
    let body = json!({"name": "orders", "definition": task(), "retry_attempts": 2});
    let would_be = service
        .post("", "/v1/templates?dry_run=true", body.clone())
        .await
        .expect(200);
    assert_eq!(would_be["revision"], 1);
    assert_eq!(would_be["environments"][0]["state"], "pending");
    service
        .get("", "/v1/templates/orders")
        .await
        .expect_problem(404, "not_found");
    let registered = service.post("", "/v1/templates", body).await.expect(201);
    assert_eq!(registered["digest"], would_be["digest"]);
    let dry = json!({"definition": task_with_timeout()});
    let would_be = service
        .post("", "/v1/templates/orders/revisions?dry_run=true", dry.clone())
        .await
        .expect(200);
    assert_eq!(would_be["revision"], 2);
    let read = service.get("", "/v1/templates/orders").await;
    assert_eq!(read.headers["etag"], "\"1\"");
    assert_eq!(read.expect(200)["revision"], 1);

    let revise = async |tag: &str, body: Value| {
        let request = service.request(Method::POST, "/v1/templates/orders/revisions");
        service
            .send("", request.header("if-match", tag).json(&body))
            .await
    };
    revise("\"1\"", dry).await.expect(201);
    let mut third = task_with_timeout();
    third["Comment"] = json!("third");
    revise("\"1\"", json!({"definition": third}))
        .await
        .expect_problem(412, "precondition_failed");
}

/// The command line in a folder: exit status, output, errors.
fn command(folder: &std::path::Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    use std::io::Write as _;
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .arg("validate")
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn the_command_checks_templates_folders_and_streams_and_its_status_says_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("flows")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("flows/good.asl.json", &task_with_timeout().to_string());
    write(
        "template.yaml",
        "Resources:\n  Orders:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Definition:\n        StartAt: A\n        States:\n          A:\n            type: Pass\n            End: true\n",
    );
    let (status, output, errors) = command(folder.path(), &["--severity", "error", "flows"], "");
    assert_eq!(
        (status, output.as_str(), errors.as_str()),
        (0, "flows/good.asl.json: valid\n", "")
    );
    let (status, output, _) = command(folder.path(), &["--severity", "error", "."], "");
    assert_eq!(status, 1);
    assert!(output.contains("template.yaml:8:11"), "{output}");
    let (status, output, _) = command(folder.path(), &["--format", "sarif", "template.yaml"], "");
    assert_eq!(status, 1);
    let log: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(
        log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"],
        8
    );
    let (status, output, _) = command(folder.path(), &["--format", "github", "template.yaml"], "");
    assert_eq!(status, 1);
    assert!(
        output.starts_with("::error file=template.yaml,line=8,"),
        "{output}"
    );
    let (status, output, _) = command(folder.path(), &["--fix", "--dry-run", "template.yaml"], "");
    assert_eq!(status, 1);
    assert!(
        output.contains("-            type: Pass\n+            Type: Pass\n"),
        "{output}"
    );
    let (status, output, errors) = command(folder.path(), &["--fix", "template.yaml"], "");
    assert_eq!(status, 0, "{output}{errors}");
    let (status, output, _) = command(
        folder.path(),
        &["-"],
        "StartAt: A\nStates: {A: {Type: Succeed}}\n",
    );
    assert_eq!((status, output.as_str()), (0, "standard input: valid\n"));
    assert_eq!(command(folder.path(), &["nowhere.json"], "").0, 2);
    assert_eq!(
        command(folder.path(), &["--format", "nothing", "template.yaml"], "").0,
        2
    );
    assert_eq!(command(folder.path(), &["--deny", "warnings", "flows"], "").0, 1);
}
