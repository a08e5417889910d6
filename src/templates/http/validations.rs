//! `/v1/validations`, and the dry run of a rule set over the registry.

use std::sync::Arc;

use axum::extract::State;

use super::super::assess::{self, Assess};
use super::super::survey::{self, Survey};
use super::requests::{EvaluateRuleSet, FixQuery, Validation};
use super::views::{Evaluation, ValidationView};
use crate::app::App;
use crate::db::paging::{self, PageQuery};
use crate::http::{Caller, Json, Path, Problem, Query, Role};

/// Says everything there is to say about a definition. Always 200, however bad it is.
#[utoipa::path(post, path = "/v1/validations", tag = "templates", params(FixQuery), request_body = Validation, responses(
    (status = 200, description = "`FAIL` when any diagnostic is an error", body = ValidationView),
    (status = 422, description = "A rule can't be used, or there is no such rule set or environment", body = Problem)))]
pub(super) async fn validate_definition(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<FixQuery>,
    Json(request): Json<Validation>,
) -> Result<Json<ValidationView>, Problem> {
    caller.require(Role::Viewer)?;
    let command = Assess {
        definition: request.definition,
        kind: request.kind,
        rules: request.rules,
        rule_set: request.policy_set,
        environment: request.against_env,
        template: request.template,
        fix: query.fix.confidence(),
    };
    Ok(Json(assess::assess(&app, command).await?.into()))
}

/// Judges the newest revision of each template by a rule set, saved or drafted. Has no effect.
#[utoipa::path(post, path = "/v1/rule-sets/{id}/evaluate", tag = "policies",
    params(("id" = String, Path, description = "The rule set's name"), PageQuery), request_body = EvaluateRuleSet, responses(
    (status = 200, description = "A page of templates, by name", body = Evaluation),
    (status = 404, description = "No such rule set", body = Problem),
    (status = 422, description = "The draft can't be used", body = Problem)))]
pub(super) async fn evaluate_rule_set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
    Json(request): Json<EvaluateRuleSet>,
) -> Result<Json<Evaluation>, Problem> {
    caller.require(Role::Viewer)?;
    let filter = format!("evaluation of {id}");
    let after: Option<String> = paging::decode_cursor(page.cursor.as_deref(), &filter)?;
    let command = Survey {
        rule_set: id,
        draft: request.draft,
        after,
        limit: i64::from(page.limit()) + 1,
    };
    let found = survey::survey(&app, command).await?;
    Ok(Json(Evaluation::new(found, page.limit(), &filter)))
}
