//! The registry from outside: registering, revisions, rules, what reaches the engine.

use serde_json::{Value, json};

use crate::harness::Signalbox;

fn wait(seconds: u32) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

fn lambda() -> Value {
    json!({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f"}, "End": true}}})
}

#[tokio::test]
async fn a_registered_template_is_live_behind_its_alias() {
    let signalbox = Signalbox::start().await;
    let template = signalbox.register("orders", wait(1)).await;
    assert_eq!(template["revision"], 1);
    assert_eq!(template["type"], "STANDARD");
    assert_eq!(template["execution_count"], 0);
    assert!(template["digest"].as_str().unwrap().starts_with("sha256:"));
    let live = &template["environments"][0];
    assert_eq!(live["environment"], "default", "{template}");
    assert_eq!(live["state"], "live", "{template}");
    let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:orders";
    assert_eq!(live["state_machine_arn"], arn);
    assert_eq!(live["version_arn"], format!("{arn}:1"));
    assert_eq!(live["alias_arn"], format!("{arn}:live"));
    let alias = signalbox
        .step_functions(
            "DescribeStateMachineAlias",
            json!({"stateMachineAliasArn": format!("{arn}:live")}),
        )
        .await
        .expect(200);
    assert_eq!(
        alias["routingConfiguration"],
        json!([{"stateMachineVersionArn": format!("{arn}:1"), "weight": 100}])
    );
    assert_eq!(
        signalbox.get("/v1/templates/orders").await.expect(200)["digest"],
        template["digest"]
    );
}

#[tokio::test]
async fn registering_the_same_again_is_the_same_and_another_thing_under_the_name_is_refused() {
    let signalbox = Signalbox::start().await;
    signalbox.register("orders", wait(1)).await;
    let again = signalbox
        .post("/v1/templates", json!({"name": "orders", "definition": wait(1)}))
        .await
        .expect(200);
    assert_eq!(again["revision"], 1);
    assert_eq!(again["environments"][0]["state"], "live");
    signalbox
        .post("/v1/templates", json!({"name": "orders", "definition": wait(2)}))
        .await
        .expect_problem(409, "already_exists");
}

#[tokio::test]
async fn an_invalid_definition_is_refused_with_line_and_column() {
    let signalbox = Signalbox::start().await;
    let text = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Next\": \"Nowhere\"}\n  }\n}";
    let problem = signalbox
        .post("/v1/templates", json!({"name": "broken", "definition": text}))
        .await
        .expect_problem(422, "invalid_definition");
    let found = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|error| error["code"] == "MISSING_TRANSITION_TARGET")
        .unwrap_or_else(|| panic!("{problem}"));
    assert_eq!(found["location"], "/States/A/Next");
    assert_eq!(found["line"], 4);
    assert!(found["column"].is_u64());
    signalbox
        .get("/v1/templates/broken")
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_validation_answers_200_however_bad_the_definition_is() {
    let signalbox = Signalbox::start().await;
    for bad in [json!("nonsense"), json!(7), json!(null), json!({"StartAt": "X"})] {
        let found = signalbox
            .post("/v1/validations", json!({"definition": bad}))
            .await
            .expect(200);
        assert_eq!(found["result"], "FAIL", "{bad}: {found}");
    }
    let found = signalbox
        .post("/v1/validations", json!({"definition": lambda()}))
        .await
        .expect(200);
    assert_eq!(found["result"], "OK", "{found}");
    let codes: Vec<_> = found["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|diagnostic| diagnostic["code"].as_str().unwrap())
        .collect();
    assert!(
        codes.contains(&"TASK_NO_TIMEOUT") && codes.contains(&"LAMBDA_NO_TRANSIENT_RETRY"),
        "{codes:?}"
    );
}

#[tokio::test]
async fn timeouts_and_retries_are_visible_transforms_of_what_is_published() {
    let signalbox = Signalbox::start().await;
    signalbox
        .post(
            "/v1/templates",
            json!({"name": "etl", "definition": lambda(), "timeout_seconds": 3600, "retry_attempts": 3, "tags": {"Team": "Data"}}),
        )
        .await
        .expect(201);
    let revision = signalbox.get("/v1/templates/etl/revisions/1").await.expect(200);
    assert_eq!(revision["definition"], lambda());
    assert_eq!(revision["published_definition"]["TimeoutSeconds"], 3600);
    let pointers: Vec<_> = revision["transforms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|transform| transform["pointer"].clone())
        .collect();
    assert_eq!(pointers, [json!("/TimeoutSeconds"), json!("/States/A/Retry")]);
    let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:etl";
    let machine = signalbox
        .step_functions("DescribeStateMachine", json!({"stateMachineArn": arn}))
        .await
        .expect(200);
    let there: Value = serde_json::from_str(machine["definition"].as_str().unwrap()).unwrap();
    assert_eq!(there, revision["published_definition"]);
    let tags = signalbox
        .step_functions("ListTagsForResource", json!({"resourceArn": arn}))
        .await
        .expect(200);
    assert_eq!(tags["tags"], json!([{"key": "Team", "value": "Data"}]));
}

#[tokio::test]
async fn a_text_is_kept_to_the_letter_and_an_object_is_pretty_printed() {
    let signalbox = Signalbox::start().await;
    let text = "{ \"StartAt\": \"S\",   \"States\": {\"S\": {\"Type\": \"Succeed\"}} }";
    signalbox.register("as-text", json!(text)).await;
    let kept = signalbox
        .get("/v1/templates/as-text/revisions/1")
        .await
        .expect(200);
    assert_eq!(kept["definition_text"], text);
    signalbox
        .register("as-object", serde_json::from_str(text).unwrap())
        .await;
    let kept = signalbox
        .get("/v1/templates/as-object/revisions/1")
        .await
        .expect(200);
    assert!(
        kept["definition_text"]
            .as_str()
            .unwrap()
            .starts_with("{\n  \"StartAt\": \"S\",\n")
    );
}

#[tokio::test]
async fn revisions_are_immutable_known_by_digest_and_not_deployed() {
    let signalbox = Signalbox::start().await;
    signalbox.register("orders", wait(1)).await;
    let revisions = "/v1/templates/orders/revisions";
    let second = signalbox
        .post(revisions, json!({"definition": wait(2)}))
        .await
        .expect(201);
    assert_eq!(second["revision"], 2);
    let again = signalbox
        .post(revisions, json!({"definition": wait(2)}))
        .await
        .expect(200);
    assert_eq!(
        (again["revision"].clone(), again["digest"].clone()),
        (json!(2), second["digest"].clone())
    );
    // Back to the first one: that revision, not a third.
    let first = signalbox
        .post(revisions, json!({"definition": wait(1)}))
        .await
        .expect(200);
    assert_eq!(first["revision"], 1);
    let template = signalbox.get("/v1/templates/orders").await.expect(200);
    assert_eq!(template["revision"], 2);
    assert_eq!(template["environments"][0]["revision"], 1, "{template}");
    let diff = signalbox
        .get("/v1/templates/orders/revisions/2/diff?against=1")
        .await
        .expect(200);
    assert_eq!(diff["changed"][0]["changes"][0]["pointer"], "/States/W/Seconds");
    assert!(
        diff["text"].as_str().unwrap().contains("+      \"Seconds\": 2"),
        "{diff}"
    );
    let listed = signalbox.get("/v1/templates/orders/revisions").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn rules_of_the_house_refuse_warn_and_are_named_when_they_are_wrong() {
    let signalbox = Signalbox::start().await;
    let register = |expression: &str, severity: &str| {
        json!({"name": "ruled", "definition": wait(1), "rules": [
            {"name": "has-comment", "expression": expression, "severity": severity, "message": "say what it is for"}]})
    };
    let problem = signalbox
        .post("/v1/templates", register("has(definition.Comment)", "error"))
        .await
        .expect_problem(422, "invalid_definition");
    assert_eq!(problem["errors"][0]["message"], "say what it is for", "{problem}");
    let problem = signalbox
        .post("/v1/templates", register("has(definition.", "error"))
        .await
        .expect_problem(422, "invalid_request");
    assert!(
        problem["detail"].as_str().unwrap().contains("has-comment"),
        "{problem}"
    );
    assert_eq!(problem["errors"][0]["pointer"], "/rules/0/expression");
    let template = signalbox
        .post("/v1/templates", register("has(definition.Comment)", "warning"))
        .await
        .expect(201);
    assert!(
        template["diagnostics"].to_string().contains("say what it is for"),
        "{template}"
    );
}

#[tokio::test]
async fn bad_names_schemas_settings_and_sizes_are_refused() {
    let signalbox = Signalbox::start().await;
    for name in ["", "a b", "größe", &"x".repeat(81)] {
        let problem = signalbox
            .post("/v1/templates", json!({"name": name, "definition": wait(1)}))
            .await
            .expect_problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "/name", "{problem}");
    }
    let with = |field: &str, value: Value| {
        let mut body = json!({"name": "t", "definition": wait(1)});
        body[field] = value;
        body
    };
    for (body, pointer) in [
        (
            with("input_schema", json!({"type": "strin"})),
            "/input_schema/type",
        ),
        (with("timeout_seconds", json!(0)), "/timeout_seconds"),
        (with("environments", json!(["nowhere"])), "/environments"),
        (with("role_arn", json!("me")), "/role_arn"),
    ] {
        let problem = signalbox
            .post("/v1/templates", body)
            .await
            .expect_problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let unknown = signalbox
        .post("/v1/templates", with("definitoin", json!({})))
        .await
        .expect_problem(422, "invalid_request");
    assert!(
        unknown["detail"].as_str().unwrap().contains("definitoin"),
        "{unknown}"
    );
    let mut large = wait(1);
    large["Comment"] = json!("x".repeat(2_000_000));
    let problem = signalbox
        .post("/v1/templates", json!({"name": "large", "definition": large}))
        .await
        .expect_problem(413, "payload_too_large");
    assert_eq!(problem["errors"][0]["code"], "DEFINITION_TOO_LARGE", "{problem}");
}

#[tokio::test]
async fn templates_are_listed_page_by_page_and_found_by_part_of_their_names() {
    let signalbox = Signalbox::start().await;
    for name in ["alpha", "beta", "gamma"] {
        signalbox.register(name, wait(1)).await;
    }
    let first = signalbox.get("/v1/templates?limit=2").await.expect(200);
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    assert_eq!(first["has_more"], true);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = signalbox
        .get(&format!("/v1/templates?limit=2&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(second["data"][0]["name"], "gamma");
    assert_eq!(second["has_more"], false);
    let found = signalbox.get("/v1/templates?search=ET").await.expect(200);
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(found["data"][0]["name"], "beta");
}

#[tokio::test]
async fn a_template_is_not_deleted_while_it_runs() {
    let signalbox = Signalbox::start().await;
    signalbox.register("slow", wait(3_600)).await;
    let started = signalbox
        .post("/v1/templates/slow/executions", json!({}))
        .await
        .expect(201);
    signalbox
        .delete("/v1/templates/slow")
        .await
        .expect_problem(409, "in_use");
    let id = started["id"].as_str().unwrap();
    signalbox
        .post(&format!("/v1/executions/{id}/stop"), json!({}))
        .await
        .expect(200);
    let deleting = |etag: &str| {
        let request = signalbox.request(reqwest::Method::DELETE, "/v1/templates/slow");
        request.header("if-match", etag.to_owned())
    };
    signalbox
        .send(deleting("\"7\""))
        .await
        .expect_problem(412, "precondition_failed");
    let read = signalbox.get("/v1/templates/slow").await;
    let etag = read.headers["etag"].to_str().unwrap().to_owned();
    signalbox.send(deleting(&etag)).await.expect(204);
    signalbox
        .get("/v1/templates/slow")
        .await
        .expect_problem(404, "not_found");
    // The record of what ran stays.
    assert_eq!(
        signalbox.get(&format!("/v1/executions/{id}")).await.expect(200)["status"],
        "ABORTED"
    );
}

#[tokio::test]
async fn a_registration_that_does_not_reach_its_environment_says_so_and_is_tried_again() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let config = format!(
        "[environments.remote]\nregion = \"us-east-1\"\naccount = \"000000000000\"\nendpoint_url = \"http://127.0.0.1:{port}\"\naccess_key_id = \"test\"\nsecret_access_key = \"test\"\n"
    );
    let signalbox = Signalbox::start_configured(&config).await;
    let body = json!({"name": "far", "definition": wait(1), "environments": ["remote"]});
    let template = signalbox.post("/v1/templates", body.clone()).await.expect(201);
    let binding = &template["environments"][0];
    assert_eq!(binding["state"], "pending", "{template}");
    assert!(binding["error"]["message"].is_string(), "{template}");
    signalbox
        .post("/v1/templates/far/executions", json!({"environment": "remote"}))
        .await
        .expect_problem(409, "conflict");
    let again = signalbox.post("/v1/templates", body).await.expect(200);
    assert_eq!(again["environments"][0]["state"], "pending");
}
