//! How requests travel: over HTTP, or into a router of this process.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use axum::Router;
use axum::body::Body;
use tower::ServiceExt as _;

/// How requests travel.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Over HTTP, with the SDK's own client.
    Http,
    /// By this client: the embedded engine's router, or one that injects faults.
    Client(SharedHttpClient),
}

impl Transport {
    /// Into a router of this process.
    pub fn in_process(router: Router) -> Self {
        Self::Client(SharedHttpClient::new(InProcess(router)))
    }

    /// The client behind it; none is the SDK's own.
    pub fn client(&self) -> Option<SharedHttpClient> {
        match self {
            Self::Http => None,
            Self::Client(client) => Some(client.clone()),
        }
    }
}

/// The largest answer of the API is a page of history with data: 1,000 events of at most 256 KiB would be too much for anybody,
/// and AWS cuts pages far below this.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug, Clone)]
struct InProcess(Router);

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let router = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let request =
                request.map(|body| Body::from(body.bytes().map(<[u8]>::to_vec).unwrap_or_default()));
            let response = router
                .oneshot(request)
                .await
                .map_err(|never| ConnectorError::other(Box::new(never), None))?;
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, ANSWER_BYTES_MAX)
                .await
                .map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(http::Response::from_parts(parts, SdkBody::from(body)))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The SDK puts `sync-` before the host of StartSyncExecution and TestState. That is a host of AWS; at an endpoint of one's own
/// such as `127.0.0.1` there is none of that name. botocore has `inject_host_prefix` for it, the SDK for Rust has nothing.
#[derive(Debug)]
pub(super) struct NoHostPrefix;

#[dyn_dispatch_hint]
impl Intercept for NoHostPrefix {
    fn name(&self) -> &'static str {
        "NoHostPrefix"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        let request = context.request_mut();
        let plain = request.uri().replacen("://sync-", "://", 1);
        if plain != request.uri() {
            request.set_uri(plain)?;
        }
        Ok(())
    }
}
