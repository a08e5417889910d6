//! `/v1/validations`.

use super::super::validate;
use super::problems::invalid_rules;
use super::requests::Validation;
use super::views::ValidationView;
use crate::http::{Caller, Json, Problem, Role};

/// Says everything there is to say about a definition. Always 200, however bad it is.
#[utoipa::path(post, path = "/v1/validations", tag = "templates", request_body = Validation, responses(
    (status = 200, description = "`FAIL` when any diagnostic is an error", body = ValidationView),
    (status = 422, description = "A rule can't be used", body = Problem)))]
pub(super) async fn validate_definition(
    caller: Caller,
    Json(request): Json<Validation>,
) -> Result<Json<ValidationView>, Problem> {
    caller.require(Role::Viewer)?;
    let found = tokio::task::spawn_blocking(move || {
        validate::diagnose(&request.definition.into_text(), request.kind, &request.rules)
    })
    .await
    .map_err(Problem::internal)?;
    let (diagnostics, _) = found.map_err(invalid_rules)?;
    Ok(Json(ValidationView::new(diagnostics)))
}
