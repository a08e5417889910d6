//! Every route, and the OpenAPI document made of them. One line per feature.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::access;
use crate::app::App;
use crate::http::{Json, Problem, ProblemKind, idempotency, layers};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Signalbox",
        description = "The control plane for AWS Step Functions: register workflow templates, run and watch their executions, ship new versions gradually, take them back when they are worse. Every error is an `application/problem+json` document (RFC 9457); `code` is what to compare with.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "service", description = "Health, metrics, version"),
        (name = "templates", description = "The registry of workflow templates and their revisions"),
        (name = "policies", description = "Rule sets that environments demand, and exemptions from them"),
        (name = "executions", description = "Runs of workflows"),
        (name = "analytics", description = "What the runs of a workflow say about it"),
        (name = "environments", description = "Where templates are deployed"),
        (name = "deployments", description = "Shipping a revision gradually"),
        (name = "approvals", description = "Gates and human tasks"),
        (name = "audit", description = "Who did what, hash-chained"),
        (name = "notifications", description = "Messages sent out, and their deliveries"),
        (name = "jobs", description = "Background work")
    )
)]
struct ApiDoc;

fn features() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(version))
        .merge(crate::audit::http::routes())
        .merge(crate::notifications::http::routes())
        .merge(crate::approvals::http::routes())
        .merge(crate::approvals::tasks::http::routes())
        .merge(crate::slack::http::routes())
        .merge(crate::jobs::http::routes())
        .merge(crate::deployments::http::routes())
        .merge(crate::environments::http::routes())
        .merge(crate::policies::http::routes())
        .merge(crate::templates::http::routes())
        .merge(crate::executions::http::routes())
        .merge(crate::analytics::http::routes())
}

/// The OpenAPI 3.1 document of every route.
pub fn openapi() -> Document {
    features().into_openapi()
}

/// The service: every route, the document at `/v1/openapi.json`, the UI at `/docs`, the layers around all of it.
pub fn router(app: Arc<App>) -> Router {
    let (router, document) = features().split_for_parts();
    let router = router
        .merge(SwaggerUi::new("/docs").url("/v1/openapi.json", document))
        .route(
            "/",
            get(|| async { axum::response::Redirect::temporary("/docs/") }),
        );
    let router = router
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&app),
            idempotency::layer,
        ))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&app),
            access::guard,
        ));
    layers::wrap(router, app.metrics.clone(), &app.config.server).with_state(app)
}

/// Alive: the process answers. Says nothing about its dependencies.
#[utoipa::path(get, path = "/healthz", tag = "service", responses((status = 200, description = "The process is alive", body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready: the database answers and the service is not shutting down.
#[utoipa::path(get, path = "/readyz", tag = "service", responses(
    (status = 200, description = "Ready for requests", body = String),
    (status = 503, description = "Not ready", body = Problem)))]
async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.lifecycle.is_shutting_down() {
        return Err(Problem::new(
            ProblemKind::Overloaded,
            "the service is shutting down",
        ));
    }
    app.db.ping().await?;
    Ok("ready\n")
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "service", responses((status = 200, description = "Prometheus text format 0.0.4", body = String)))]
async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let text = app.metrics.render().map_err(Problem::internal)?;
    Ok((
        StatusCode::OK,
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    ))
}

/// The running build.
#[derive(serde::Serialize, utoipa::ToSchema)]
struct Version {
    /// Semantic version.
    version: &'static str,
}

/// The running build's version.
#[utoipa::path(get, path = "/v1/version", tag = "service", responses((status = 200, body = Version)))]
async fn version() -> Json<Version> {
    Json(Version {
        version: env!("CARGO_PKG_VERSION"),
    })
}
