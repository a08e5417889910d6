//! The routes of deployments and releases.

mod act;
mod environments;
mod problem;
mod read;
mod start;
mod stream;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// Every route of deployments and releases.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(start::start_deployment, read::list_deployments))
        .routes(routes!(read::get_deployment))
        .routes(routes!(read::get_plan))
        .routes(routes!(read::get_steps))
        .routes(routes!(read::get_analysis))
        .routes(routes!(read::list_looks))
        .routes(routes!(read::list_calls))
        .routes(routes!(read::get_tests))
        .routes(routes!(read::get_tests_report))
        .routes(routes!(read::get_tests_coverage))
        .routes(routes!(stream::deployment_events))
        .routes(routes!(act::promote))
        .routes(routes!(act::promote_full))
        .routes(routes!(act::pause))
        .routes(routes!(act::resume))
        .routes(routes!(act::abort))
        .routes(routes!(act::rollback))
        .routes(routes!(act::adopt))
        .routes(routes!(act::restore))
        .routes(routes!(environments::status))
        .routes(routes!(environments::power))
        .routes(routes!(environments::drift_adopt))
        .routes(routes!(environments::drift_restore))
        .routes(routes!(environments::rollback))
        .merge(super::releases::http::routes())
}
