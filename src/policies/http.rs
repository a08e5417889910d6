//! `/v1/rule-sets` and `/v1/exemptions`, and refusals as problems.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::demand::{DemandError, Refusal};
use super::find;
use super::model::{Diagnostic, Exemption, RuleSet, RuleSetId, SavedRuleSet};
use super::plan::Fault;
use super::remove::{self, RemoveError};
use super::revoke::{self, RevokeError};
use super::save::{self, Save, SaveError};
use super::store::ExemptionFilter;
use super::waive::{self, Waive, WaiveError};
use crate::app::App;
use crate::db::paging::{self, Page, PageQuery};
use crate::environments::EnvironmentName;
use crate::http::{
    Caller, DryRun, Effect, ErrorItem, Json, Path, Precondition, Problem, ProblemKind, Query, Role, etag,
};
use crate::ids::ExemptionId;

/// Routes of rule sets and exemptions, without the dry run over the registry, which is the registry's.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_rule_sets))
        .routes(routes!(get_rule_set, put_rule_set, delete_rule_set))
        .routes(routes!(list_exemptions, grant_exemption))
        .routes(routes!(revoke_exemption))
}

/// Rule sets by name.
#[utoipa::path(get, path = "/v1/rule-sets", tag = "policies", params(PageQuery), responses(
    (status = 200, description = "A page of rule sets", body = Page<SavedRuleSet>)))]
async fn list_rule_sets(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<SavedRuleSet>>, Problem> {
    caller.require(Role::Viewer)?;
    let after: Option<String> = paging::decode_cursor(page.cursor.as_deref(), "rule sets")?;
    let rows = find::rule_sets(&app, after.as_deref(), i64::from(page.limit()) + 1).await?;
    Ok(Json(Page::from_rows(rows, page.limit(), "rule sets", |row| {
        row.id.clone()
    })))
}

/// A rule set. Its ETag is what `If-Match` wants for a change.
#[utoipa::path(get, path = "/v1/rule-sets/{id}", tag = "policies", params(("id" = String, Path, description = "Its name")), responses(
    (status = 200, body = SavedRuleSet), (status = 304, description = "`If-None-Match` has this version"),
    (status = 404, description = "No such rule set", body = Problem)))]
async fn get_rule_set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    precondition: Precondition,
) -> Result<Response, Problem> {
    caller.require(Role::Viewer)?;
    let set = find::rule_set(&app, &id).await?.ok_or_else(|| unknown(&id))?;
    let tag = [etag(set.version)];
    if precondition.is_known(set.version) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, Json(set)).into_response())
}

/// The problem of a rule set that does not exist.
pub(crate) fn unknown(id: &str) -> Problem {
    let shown: String = id.chars().take(100).collect();
    Problem::new(ProblemKind::NotFound, format!("there is no rule set `{shown}`"))
}

/// Makes a rule set, or changes it (`If-Match` with its ETag; `If-None-Match: *` to make it only).
#[utoipa::path(put, path = "/v1/rule-sets/{id}", tag = "policies", params(("id" = RuleSetId, Path, description = "Its name"), DryRun),
    request_body = RuleSet, responses(
    (status = 200, description = "Changed, or the same already", body = SavedRuleSet),
    (status = 201, description = "Made", body = SavedRuleSet),
    (status = 412, description = "It was changed meanwhile", body = Problem),
    (status = 422, description = "A lint does not exist, or a rule can't be used", body = Problem),
    (status = 428, description = "It exists, and `If-Match` is missing", body = Problem)))]
async fn put_rule_set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<DryRun>,
    precondition: Precondition,
    Json(body): Json<RuleSet>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Role::Admin)?;
    let id: RuleSetId = id.parse().map_err(|error: super::model::InvalidRuleSetId| {
        Problem::new(ProblemKind::InvalidRequest, error.to_string())
    })?;
    let command = Save {
        id,
        body,
        precondition,
        effect: query.effect(),
        actor: caller.name,
    };
    let (saved, is_new) = save::save(&app, command).await?;
    let status = if is_new && query.effect() == Effect::Real {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, [etag(saved.version)], Json(saved)))
}

/// Removes a rule set (`If-Match` with its ETag). Refused while an environment demands it.
#[utoipa::path(delete, path = "/v1/rule-sets/{id}", tag = "policies", params(("id" = String, Path, description = "Its name")), responses(
    (status = 204, description = "Removed"), (status = 404, description = "No such rule set", body = Problem),
    (status = 409, description = "An environment demands it", body = Problem),
    (status = 412, description = "It was changed meanwhile", body = Problem),
    (status = 428, description = "`If-Match` is missing", body = Problem)))]
async fn delete_rule_set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    precondition: Precondition,
) -> Result<StatusCode, Problem> {
    caller.require(Role::Admin)?;
    remove::remove(&app, &id, &precondition, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What narrows the list of exemptions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ExemptionQuery {
    /// A template's name.
    template: Option<String>,
    /// A lint's code or a rule's name.
    rule: Option<String>,
    /// Only those that count now.
    #[serde(default)]
    active: bool,
    /// Most rows to return, 1..=500; 50 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Exemptions, the newest first; those that have ended or were taken back, too.
#[utoipa::path(get, path = "/v1/exemptions", tag = "policies", params(ExemptionQuery), responses(
    (status = 200, description = "A page of exemptions", body = Page<Exemption>)))]
async fn list_exemptions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ExemptionQuery>,
) -> Result<Json<Page<Exemption>>, Problem> {
    caller.require(Role::Viewer)?;
    let filter_text = format!(
        "exemptions {:?} {:?} {}",
        query.template, query.rule, query.active
    );
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let before: Option<ExemptionId> = paging::decode_cursor(page.cursor.as_deref(), &filter_text)?;
    let filter = ExemptionFilter {
        template: query.template,
        rule: query.rule,
        active_at: query.active.then(|| app.clock.now()),
    };
    let rows = find::list(&app, &filter, before, i64::from(page.limit()) + 1).await?;
    Ok(Json(Page::from_rows(rows, page.limit(), &filter_text, |row| {
        row.id
    })))
}

/// A rule that a template need not keep for a while.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GrantExemption {
    /// The template's name. It need not be registered yet.
    template: String,
    /// Code of a lint, such as `TASK_NO_TIMEOUT`, or name of a rule.
    rule: String,
    /// Absent: in every environment.
    environment: Option<EnvironmentName>,
    /// Absent: wherever in the definition. Else at this place and below it, such as `/States/A`.
    location: Option<String>,
    /// Why, for who reads the audit trail.
    reason: String,
    /// From when on the rule counts again; within 366 days.
    expires_at: DateTime<Utc>,
}

/// Grants an exemption. Who deploys does not grant: it takes an approver or an admin.
#[utoipa::path(post, path = "/v1/exemptions", tag = "policies", request_body = GrantExemption, responses(
    (status = 201, description = "Granted", body = Exemption),
    (status = 422, description = "Something about it can't be", body = Problem)))]
async fn grant_exemption(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(request): Json<GrantExemption>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Role::Approver)?;
    let command = Waive {
        template: request.template,
        rule: request.rule,
        environment: request.environment,
        location: request.location,
        reason: request.reason,
        expires_at: request.expires_at,
        actor: caller.name,
    };
    let exemption = waive::waive(&app, command).await?;
    Ok((StatusCode::CREATED, Json(exemption)))
}

/// Takes an exemption back before it ends. Its record stays.
#[utoipa::path(delete, path = "/v1/exemptions/{id}", tag = "policies", params(("id" = ExemptionId, Path, description = "Its id")), responses(
    (status = 200, description = "Taken back", body = Exemption), (status = 404, description = "No such exemption", body = Problem)))]
async fn revoke_exemption(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ExemptionId>,
) -> Result<Json<Exemption>, Problem> {
    caller.require(Role::Approver)?;
    Ok(Json(revoke::revoke(&app, id, &caller.name).await?))
}

fn invalid(text: String, faults: Vec<Fault>) -> Problem {
    let first = faults.first().map_or_else(String::new, |fault| {
        format!(": `{}` {}", fault.pointer, fault.message)
    });
    let items = faults.into_iter().map(|fault| ErrorItem {
        pointer: Some(fault.pointer),
        ..ErrorItem::new("invalid_field", fault.message)
    });
    Problem::new(ProblemKind::InvalidRequest, format!("{text}{first}")).with_errors(items.collect())
}

impl From<SaveError> for Problem {
    fn from(error: SaveError) -> Self {
        let text = error.to_string();
        match error {
            SaveError::Invalid(faults) => invalid(text, faults),
            SaveError::Unmet { id, unmet } => unmet.problem(&format!("the rule set `{id}`")),
            SaveError::Died(_) => Self::internal(error),
            // Two who make it at the same time.
            SaveError::Database(error) if error.is_constraint("rule_sets_pkey") => Self::new(
                ProblemKind::PreconditionFailed,
                "somebody else made it just now; read it again",
            ),
            SaveError::Database(error) => error.into(),
        }
    }
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Self {
        let text = error.to_string();
        match error {
            RemoveError::Unknown { id } => unknown(&id),
            RemoveError::Unmet { id, unmet } => unmet.problem(&format!("the rule set `{id}`")),
            RemoveError::InUse { .. } => Self::new(ProblemKind::InUse, text),
            RemoveError::Database(error) => error.into(),
        }
    }
}

impl From<WaiveError> for Problem {
    fn from(error: WaiveError) -> Self {
        let text = error.to_string();
        match error {
            WaiveError::Invalid(faults) => invalid(text, faults),
            WaiveError::Environment(_) => {
                Self::new(ProblemKind::InvalidRequest, text).with_errors(vec![ErrorItem {
                    pointer: Some("/environment".to_owned()),
                    ..ErrorItem::new("unknown_environment", "there is no such environment")
                }])
            }
            WaiveError::Database(error) => error.into(),
        }
    }
}

impl From<RevokeError> for Problem {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Unknown { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            RevokeError::Database(error) => error.into(),
        }
    }
}

impl From<Diagnostic> for ErrorItem {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            severity: Some(diagnostic.severity.as_str().to_owned()),
            rule: diagnostic.rule,
            location: diagnostic.location,
            line: diagnostic.line,
            column: diagnostic.column,
            region: diagnostic.region,
            help: diagnostic.help,
            documentation: diagnostic.documentation,
            ..Self::new(diagnostic.code, diagnostic.message)
        }
    }
}

impl From<DemandError> for Problem {
    fn from(error: DemandError) -> Self {
        let text = error.to_string();
        match error {
            DemandError::Broken(refusal) => broken(*refusal, &text),
            DemandError::Missing { rule_set, .. } => Self::new(
                ProblemKind::Conflict,
                format!("{text}: make it with PUT /v1/rule-sets/{rule_set}"),
            )
            .with("rule_set", rule_set),
            DemandError::Unusable { rule_set, .. } => {
                Self::new(ProblemKind::Conflict, text).with("rule_set", rule_set)
            }
            DemandError::Died(_) => Self::internal(error),
            DemandError::Database(error) => error.into(),
        }
    }
}

/// Names each rule and place, and how to go on without keeping it.
fn broken(refusal: Refusal, text: &str) -> Problem {
    let named = |diagnostic: &Diagnostic| {
        let rule = diagnostic.rule.as_deref().unwrap_or(&diagnostic.code);
        match &diagnostic.location {
            Some(location) => format!("`{rule}` at {location}"),
            None => format!("`{rule}`"),
        }
    };
    let list: Vec<String> = refusal.broken.iter().map(named).collect();
    let waive = refusal.broken.first().map(|diagnostic| {
        json!({
            "method": "POST",
            "path": "/v1/exemptions",
            "body": {
                "template": refusal.template,
                "rule": diagnostic.rule.as_deref().unwrap_or(&diagnostic.code),
                "environment": refusal.environment,
                "location": diagnostic.location,
                "reason": "…",
                "expires_at": "…",
            },
        })
    });
    let detail = format!(
        "{text}: {}. Mend it, or let an approver waive it for a while with POST /v1/exemptions",
        list.join(", ")
    );
    let problem = Problem::new(ProblemKind::PolicyViolation, detail)
        .with("rule_set", refusal.rule_set)
        .with("environment", refusal.environment)
        .with_errors(refusal.broken.into_iter().map(ErrorItem::from).collect());
    match waive {
        Some(waive) => problem.with("waive", waive),
        None => problem,
    }
}
