//! What happens to every request before a handler sees it, outermost first:
//! request id → span and metrics → overload → panic → timeout → body limit. The caller is found by the access feature's layer.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use super::request_context::{self, RequestContext};
use super::{Problem, ProblemKind};
use crate::config::Server;
use crate::ids::RequestId;
use crate::limits;
use crate::telemetry::Metrics;

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken over from a client, characters; a longer one is replaced.
const REQUEST_ID_LENGTH_MAX: usize = 128;

/// Puts the layers around `router`, and problems in place of its plain 404 and 405.
pub fn wrap<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    metrics: Metrics,
    server: &Server,
) -> Router<S> {
    let in_flight = Arc::new(Semaphore::new(server.requests_in_flight_max));
    let time_max = Duration::from_secs(server.request_timeout_seconds);
    router
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(server.request_body_bytes_max))
        .layer(middleware::from_fn_with_state(time_max, timeout))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(in_flight, shed_load))
        .layer(middleware::from_fn_with_state(metrics, observe))
        .layer(middleware::from_fn(identify))
}

/// Gives the request an id (the client's own if it sent a sane one) and sends it back.
async fn identify(request: Request, next: Next) -> Response {
    let request_id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (1..=REQUEST_ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
        })
        .map_or_else(|| RequestId::generate().to_string(), ToOwned::to_owned);
    let context = RequestContext {
        request_id: request_id.clone(),
        path: request.uri().path().to_owned(),
    };
    let mut response = request_context::scope(context, next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// One span and one log line per request, and the metrics.
async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let method = if known_method(method.as_str()) {
        method.as_str().to_owned()
    } else {
        "OTHER".to_owned()
    };
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", %method, %route, request_id = request_context::request_id());
    let started = tokio::time::Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();
    let status = response.status();
    metrics
        .http_requests_total
        .with_label_values(&[method.as_str(), route.as_str(), status.as_str()])
        .inc();
    metrics
        .http_request_duration_seconds
        .with_label_values(&[method.as_str(), route.as_str()])
        .observe(elapsed.as_secs_f64());
    span.in_scope(|| {
        tracing::debug!(
            status = status.as_u16(),
            duration_ms = elapsed.as_secs_f64() * 1_000.0,
            "answered"
        );
    });
    response
}

fn known_method(method: &str) -> bool {
    matches!(
        method,
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS"
    )
}

/// Answers 503 at once when too much is going on, rather than queueing without bound. Probes and metrics always get in.
async fn shed_load(State(in_flight): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    match in_flight.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => Problem::new(
            ProblemKind::Overloaded,
            "as many requests as the service takes are being worked on already; try again in a moment",
        )
        .into_response(),
    }
}

/// Bounds the time until the response's head. Streams go on after it; `Prefer: wait=N` adds its seconds.
async fn timeout(State(time_max): State<Duration>, request: Request, next: Next) -> Response {
    let limit = time_max + Duration::from_secs(prefer_wait_seconds(request.headers()).unwrap_or(0));
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            ProblemKind::TimedOut,
            format!("no answer within {} s", limit.as_secs()),
        )
        .into_response(),
    }
}

/// Seconds of `Prefer: wait=N` (RFC 7240), held within [`limits::PREFER_WAIT_SECONDS_MAX`].
pub fn prefer_wait_seconds(headers: &HeaderMap) -> Option<u64> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .filter_map(|preference| preference.trim().strip_prefix("wait="))
        .find_map(|seconds| seconds.trim_matches('"').parse::<u64>().ok())
        .map(|seconds| seconds.min(limits::PREFER_WAIT_SECONDS_MAX))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is tower-http's")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    Problem::internal(Panicked(message.to_owned())).into_response()
}

#[derive(Debug, thiserror::Error)]
#[error("a handler panicked: {0}")]
struct Panicked(String);

async fn unknown_route(request: Request) -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        format!(
            "there is no route `{} {}`; /docs lists them all",
            request.method(),
            request.uri().path()
        ),
    )
}

async fn method_not_allowed(request: Request) -> Problem {
    Problem::new(
        ProblemKind::MethodNotAllowed,
        format!(
            "`{}` is not a method of `{}`; the Allow header lists those that are",
            request.method(),
            request.uri().path()
        ),
    )
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::{get, post};
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::Json;

    fn service() -> Router {
        let router = Router::new()
            .route("/echo", post(|Json(value): Json<Value>| async { Json(value) }))
            .route("/panic", get(panics));
        wrap(router, Metrics::new().unwrap(), &Server::default())
    }

    async fn panics() -> &'static str {
        panic!("secret detail")
    }

    async fn send(request: Request) -> (u16, HeaderMap, Value) {
        let response = service().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (
            parts.status.as_u16(),
            parts.headers,
            serde_json::from_slice(&body).unwrap_or(Value::Null),
        )
    }

    #[tokio::test]
    async fn an_unknown_route_is_a_problem_with_the_requests_id() {
        let request = Request::get("/nowhere")
            .header("x-request-id", "abc")
            .body(Body::empty())
            .unwrap();
        let (status, headers, problem) = send(request).await;
        assert_eq!(status, 404);
        assert_eq!(headers["x-request-id"], "abc");
        assert_eq!(problem["code"], "not_found");
        assert_eq!(problem["request_id"], "abc");
        assert_eq!(problem["instance"], "/nowhere");
    }

    #[tokio::test]
    async fn a_wrong_method_is_a_problem_too() {
        let (status, headers, problem) = send(Request::get("/echo").body(Body::empty()).unwrap()).await;
        assert_eq!(status, 405);
        assert_eq!(headers["allow"], "POST");
        assert_eq!(problem["code"], "method_not_allowed");
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_tells_nothing() {
        let (status, _, problem) = send(Request::get("/panic").body(Body::empty()).unwrap()).await;
        assert_eq!(status, 500);
        assert!(!problem.to_string().contains("secret"));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_413() {
        let body = vec![b' '; limits::REQUEST_BODY_BYTES_MAX + 1];
        let (status, _, problem) = send(Request::post("/echo").body(Body::from(body)).unwrap()).await;
        assert_eq!(status, 413);
        assert_eq!(problem["code"], "payload_too_large");
    }

    #[test]
    fn prefer_wait_is_read_among_others_and_bounded() {
        let mut headers = HeaderMap::new();
        assert_eq!(prefer_wait_seconds(&headers), None);
        headers.insert("prefer", HeaderValue::from_static("respond-async, wait=7"));
        assert_eq!(prefer_wait_seconds(&headers), Some(7));
        headers.insert("prefer", HeaderValue::from_static("wait=100000"));
        assert_eq!(
            prefer_wait_seconds(&headers),
            Some(limits::PREFER_WAIT_SECONDS_MAX)
        );
    }
}
