//! The registry's endpoints.

mod pages;
mod problems;
mod requests;
mod revisions;
mod templates;
mod validations;
mod views;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// Every route of the registry.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(templates::register_template, templates::list_templates))
        .routes(routes!(templates::get_template, templates::delete_template))
        .routes(routes!(revisions::register_revision, revisions::list_revisions))
        .routes(routes!(revisions::get_revision))
        .routes(routes!(revisions::diff_revisions))
        .routes(routes!(validations::validate_definition))
        .routes(routes!(validations::evaluate_rule_set))
        .routes(routes!(pages::list_diagnostics))
        .routes(routes!(pages::get_diagnostic))
}
