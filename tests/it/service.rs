//! The service itself: health, documents, problems, shutdown.

use crate::harness::{Options, Signalbox};

#[tokio::test]
async fn a_fresh_service_is_ready_and_says_what_it_is() {
    let signalbox = Signalbox::start().await;
    assert_eq!(signalbox.get("/healthz").await.status, 200);
    assert_eq!(signalbox.get("/readyz").await.status, 200);
    assert_eq!(
        signalbox.get("/v1/version").await.expect(200)["version"],
        env!("CARGO_PKG_VERSION")
    );
}

#[tokio::test]
async fn the_docs_are_served_without_a_cdn() {
    let signalbox = Signalbox::start().await;
    let page = signalbox.get("/docs/").await;
    assert_eq!(page.status, 200);
    for script in page.text.split("src=\"").skip(1) {
        assert!(
            !script.starts_with("http") && !script.starts_with("//"),
            "loads from elsewhere: {script}"
        );
    }
    let document = signalbox.get("/v1/openapi.json").await.expect(200);
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{}",
        document["openapi"]
    );
    assert!(document["paths"]["/healthz"].is_object());
}

#[tokio::test]
async fn every_error_is_a_problem_with_a_request_id() {
    let signalbox = Signalbox::start().await;
    let problem = signalbox
        .get("/v1/nowhere")
        .await
        .expect_problem(404, "not_found");
    assert!(
        problem["request_id"].as_str().unwrap().starts_with("req_"),
        "{problem}"
    );

    let malformed = signalbox
        .request(reqwest::Method::POST, "/v1/templates")
        .header("content-type", "application/json")
        .body("{\"name\": }");
    let problem = signalbox
        .send(malformed)
        .await
        .expect_problem(400, "invalid_json");
    assert_eq!(
        (problem["line"].as_u64(), problem["column"].as_u64()),
        (Some(1), Some(10))
    );
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let signalbox = Signalbox::start().await;
    signalbox.get("/v1/version").await.expect(200);
    let metrics = signalbox.get("/metrics").await.text;
    assert!(
        metrics.contains(r#"signalbox_http_requests_total{method="GET",route="/v1/version",status="200"} 1"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn sigterm_ends_it_with_status_0() {
    let mut signalbox = Signalbox::start().await;
    let status = signalbox.terminate().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn the_openapi_document_in_the_tree_is_up_to_date() {
    let signalbox = Signalbox::start().await;
    let served = signalbox.get("/v1/openapi.json").await.expect(200);
    let file =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/signalbox.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert!(
        served == kept,
        "openapi/signalbox.json is stale: run `just openapi`"
    );
}

#[tokio::test]
async fn the_keys_made_for_docker_compose_let_it_listen_beyond_loopback() {
    let folder = tempfile::tempdir().unwrap();
    for place in ["compose", "prometheus"] {
        std::fs::create_dir(folder.path().join(place)).unwrap();
    }
    let script = folder.path().join("compose/init.sh");
    std::fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/compose/init.sh"),
        &script,
    )
    .unwrap();
    assert!(
        std::process::Command::new("sh")
            .arg(&script)
            .status()
            .unwrap()
            .success()
    );
    let made = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();

    let signalbox = Signalbox::start_with(Options {
        config: made("compose/signalbox.toml"),
        key: Some(made("prometheus/key")),
        beyond_loopback: true,
        ..Options::default()
    })
    .await;

    signalbox
        .register(
            "composed",
            serde_json::json!({"StartAt": "Go", "States": {"Go": {"Type": "Pass", "End": true}}}),
        )
        .await;
    let unsigned = signalbox
        .step_functions("ListStateMachines", serde_json::json!({}))
        .await;
    assert_eq!(unsigned.expect(403)["__type"], "UnrecognizedClientException");
}
