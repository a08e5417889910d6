//! Faults between the door and whatever is behind it, for tests: a client that wraps another and loses requests, loses answers,
//! or answers in AWS's place.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use super::transport::Transport;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request does not arrive.
    RequestLost,
    /// It is done, but the answer does not arrive.
    AnswerLost,
    /// AWS answers with this error instead of doing it.
    Error {
        /// Such as `ThrottlingException`.
        code: &'static str,
        /// HTTP status.
        status: u16,
    },
}

/// `inner`, with faults: `plan` is asked for each request (the SDK's retries are requests too) by the operation's name, such as
/// `UpdateStateMachineAlias`. `inner` must be a client, not [`Transport::Http`].
///
/// # Panics
///
/// When `inner` is not a client.
pub fn with_faults(
    inner: &Transport,
    plan: impl Fn(&str) -> Option<Fault> + Send + Sync + 'static,
) -> Transport {
    #[expect(clippy::expect_used, reason = "a mistake in a test should panic")]
    let inner = inner.client().expect("faults are put before a client");
    Transport::Client(SharedHttpClient::new(Faulty {
        inner,
        plan: Arc::new(plan),
    }))
}

type Plan = dyn Fn(&str) -> Option<Fault> + Send + Sync;

#[derive(Clone)]
struct Faulty {
    inner: SharedHttpClient,
    plan: Arc<Plan>,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Faulty")
    }
}

impl HttpClient for Faulty {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(FaultyConnector {
            inner,
            faulty: self.clone(),
        })
    }
}

#[derive(Debug)]
struct FaultyConnector {
    inner: SharedHttpConnector,
    faulty: Faulty,
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let lost = || ConnectorError::io("the connection was lost, by the plan of a test".into());
        match (self.faulty.plan)(operation) {
            None => self.inner.call(request),
            Some(Fault::RequestLost) => HttpConnectorFuture::ready(Err(lost())),
            Some(Fault::AnswerLost) => {
                let answer = self.inner.call(request);
                HttpConnectorFuture::new(async move { answer.await.and_then(|_| Err(lost())) })
            }
            Some(Fault::Error { code, status }) => HttpConnectorFuture::ready(error(code, status)),
        }
    }
}

fn error(code: &str, status: u16) -> Result<HttpResponse, ConnectorError> {
    let body = format!(r#"{{"__type":"{code}","message":"by the plan of a test"}}"#);
    let response = http::Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amzn-requestid", "by-the-plan-of-a-test")
        .body(SdkBody::from(body))
        .map_err(|error| ConnectorError::user(error.into()))?;
    HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
}
