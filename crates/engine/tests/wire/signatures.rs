//! Signatures, with keys configured and without. Requests are signed by aws-sigv4, which knows nothing of the engine.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use signalbox_engine::EngineConfig;
use signalbox_engine::wire::signature::AccessKey;

use crate::harness::{Answer, Api};

async fn with_key() -> Api {
    let key = AccessKey {
        id: "AKID".into(),
        secret: "secret".into(),
        account: Some("123456789012".into()),
    };
    Api::start_with(EngineConfig {
        access_keys: vec![key],
        ..EngineConfig::default()
    })
    .await
}

async fn signed(api: &Api, id: &str, secret: &str, signed_body: &str, sent_body: &str) -> Answer {
    let identity = Credentials::new(id, secret, None, None, "test").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("states")
        .time(now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let target = "AWSStepFunctions.CreateActivity";
    let host = api.url.strip_prefix("http://").unwrap();
    let headers = [("host", host), ("x-amz-target", target)];
    let signable = SignableRequest::new(
        "POST",
        format!("{}/", api.url),
        headers.into_iter(),
        SignableBody::Bytes(signed_body.as_bytes()),
    )
    .unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    let mut request = api
        .client
        .post(&api.url)
        .header("x-amz-target", target)
        .body(sent_body.to_owned());
    for header in instructions.into_parts().0 {
        request = request.header(header.name(), header.value());
    }
    api.send(request).await
}

#[expect(
    clippy::disallowed_methods,
    reason = "the engine checks against the machine's clock"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

#[tokio::test]
async fn a_good_signature_is_let_in_to_its_account() {
    let api = with_key().await;
    let body = r#"{"name": "a"}"#;
    let answer = signed(&api, "AKID", "secret", body, body).await;
    assert_eq!(
        answer.body["activityArn"],
        "arn:aws:states:eu-west-1:123456789012:activity:a"
    );
}

#[tokio::test]
async fn everything_else_is_kept_out() {
    let api = with_key().await;
    let body = r#"{"name": "a"}"#;
    for (answer, code) in [
        (
            signed(&api, "AKID", "guess", body, body).await,
            "InvalidSignatureException",
        ),
        (
            signed(&api, "AKID", "secret", body, r#"{"name": "b"}"#).await,
            "InvalidSignatureException",
        ),
        (
            signed(&api, "NOBODY", "secret", body, body).await,
            "UnrecognizedClientException",
        ),
        (
            api.call("ListActivities", serde_json::json!({})).await,
            "MissingAuthenticationTokenException",
        ),
    ] {
        assert_eq!((answer.status, answer.code()), (403, code));
    }
}

#[tokio::test]
async fn without_keys_any_signature_will_do() {
    let api = Api::start().await;
    let body = r#"{"name": "a"}"#;
    let answer = signed(&api, "000000000007", "whatever", body, body).await;
    assert_eq!(
        answer.body["activityArn"],
        "arn:aws:states:eu-west-1:000000000007:activity:a"
    );
}
