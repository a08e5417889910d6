//! The endpoints of executions.

mod actions;
mod feed;
mod problems;
mod reads;
mod requests;
mod start;
mod views;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// Every route of executions.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(start::start_execution))
        .routes(routes!(reads::list_executions))
        .routes(routes!(reads::get_execution))
        .routes(routes!(reads::get_history))
        .routes(routes!(feed::stream_events))
        .routes(routes!(actions::stop_execution))
        .routes(routes!(actions::redrive_execution))
}
