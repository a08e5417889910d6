//! The routes of deployments and releases.

mod act;
mod change;
mod environments;
mod presets;
mod problem;
mod read;
pub(super) mod rights;
mod slo;
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
        .routes(routes!(read::get_deployment, change::change_deployment))
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
        .routes(routes!(act::retry))
        .routes(routes!(act::skip_step))
        .routes(routes!(act::ack_drift))
        .routes(routes!(presets::list_strategies))
        .routes(routes!(
            presets::get_strategy,
            presets::put_strategy,
            presets::delete_strategy
        ))
        .routes(routes!(presets::list_analyses))
        .routes(routes!(
            presets::get_analysis_template,
            presets::put_analysis_template,
            presets::delete_analysis_template
        ))
        .routes(routes!(slo::get_slo, slo::put_slo, slo::delete_slo))
        .routes(routes!(environments::status))
        .routes(routes!(environments::power))
        .routes(routes!(environments::drift_adopt))
        .routes(routes!(environments::drift_restore))
        .routes(routes!(environments::drift_ignore))
        .routes(routes!(environments::rollback))
        .merge(super::releases::http::routes())
}
