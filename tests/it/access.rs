//! Who may call what, once keys are configured.

use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::InProcess;

/// `[[access.keys]]` for callers whose key is `key-NAME`.
pub(crate) fn keys(callers: &[(&str, &str)]) -> String {
    callers
        .iter()
        .map(|(name, role)| {
            let sha256 = hex::encode(Sha256::digest(format!("key-{name}")));
            format!("[[access.keys]]\nname = \"{name}\"\nsha256 = \"{sha256}\"\nroles = [\"{role}\"]")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn with_a_key_configured_nobody_gets_in_without_one() {
    let service = InProcess::start(&keys(&[("vera", "viewer")])).await;
    for path in [
        "/v1/deliveries",
        "/v1/audit-events",
        "/v1/approvals",
        "/v1/tasks",
        "/v1/version",
    ] {
        let refused = service.get("", path).await;
        assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"signalbox\"");
        refused.expect_problem(401, "unauthorized");
        service.get("key-vera", path).await.expect(200);
        service
            .get("key-wrong", path)
            .await
            .expect_problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn probes_documentation_and_local_metrics_are_open() {
    let service = InProcess::start(&keys(&[("vera", "viewer")])).await;
    for path in ["/healthz", "/readyz", "/v1/openapi.json", "/docs/", "/metrics"] {
        assert_eq!(service.get("", path).await.status, 200, "{path}");
    }
    let forwarded = service
        .request(Method::GET, "/metrics")
        .header("x-forwarded-for", "203.0.113.9");
    service
        .send("", forwarded)
        .await
        .expect_problem(401, "unauthorized");
}

#[tokio::test]
async fn a_role_does_what_its_row_says_and_nothing_else() {
    let callers = [
        ("vera", "viewer"),
        ("otto", "operator"),
        ("dora", "deployer"),
        ("anna", "approver"),
        ("adam", "admin"),
    ];
    let service = InProcess::start(&keys(&callers)).await;
    let allowed = async |name: &str, path: &str| {
        let answer = service.post(&format!("key-{name}"), path, json!({})).await;
        answer.status != 403
    };
    let missing = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let intake = "/v1/task-intake".to_owned();
    let decide = format!("/v1/approvals/apr_{missing}/decisions");
    let redeliver = format!("/v1/deliveries/dlv_{missing}/redeliver");
    let rotate = "/v1/webhook-secrets/rotate".to_owned();
    let table = [
        ("vera", [false, false, false, false]),
        ("otto", [true, false, true, false]),
        ("dora", [true, false, true, false]),
        ("anna", [true, true, false, false]),
        ("adam", [true, true, true, true]),
    ];
    for (name, row) in table {
        let may = [
            allowed(name, &intake).await,
            allowed(name, &decide).await,
            allowed(name, &redeliver).await,
            allowed(name, &rotate).await,
        ];
        assert_eq!(may, row, "{name}: task-intake, decisions, redeliver, rotate");
    }
}

#[tokio::test]
async fn without_keys_everybody_is_anonymous_and_may_do_everything() {
    let service = InProcess::start("").await;
    service.get("", "/v1/webhook-secrets").await.expect(200);
    service.get("any-key", "/v1/deliveries").await.expect(200);
}
