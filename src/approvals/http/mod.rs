//! Endpoints of approvals: the API, and the pages behind personal links.

mod human;
mod problems;
mod views;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::decide::{Decide, DecideError, decide};
use super::delegate::delegate;
use super::escalate::escalate;
use super::link;
use super::list::{self, Assignee, Filter};
use super::model::{ApprovalState, Via, Vote};
use super::rules;
use super::withdraw::cancel;
use crate::app::App;
use crate::db::paging::{Page, PageQuery, decode_cursor};
use crate::http::{Caller, Json, Path, Problem, ProblemKind, Query};
use crate::ids::ApprovalId;
use views::{ApprovalSummary, ApprovalView, view};

/// Longest comment or reason, characters.
const COMMENT_CHARS_MAX: usize = 1_000;

/// The routes of approvals.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_approvals))
        .routes(routes!(get_approval))
        .routes(routes!(decide_approval))
        .routes(routes!(delegate_approval))
        .routes(routes!(escalate_approval))
        .routes(routes!(cancel_approval))
        .routes(routes!(link_approval))
        .merge(human::routes())
}

/// Filter and page of a listing of approvals.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `me`: only those the caller can decide now.
    assignee: Option<AssigneeIs>,
    /// `pending`, `approved`, `rejected`, `expired` or `cancelled`.
    state: Option<ApprovalState>,
    /// What waits for it: a deployment's or release's id.
    subject: Option<String>,
    /// Where.
    environment: Option<String>,
    /// Most approvals to return, 1..=500; 50 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Whose inbox is listed.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum AssigneeIs {
    Me,
}

impl AssigneeIs {
    /// The inbox itself.
    pub(super) fn inbox(self, app: &App, caller: Caller) -> Assignee {
        let Self::Me = self;
        Assignee {
            terms: rules::terms(&app.config.approvals.groups, &caller),
            name: caller.name,
        }
    }
}

/// Lists approvals, newest first.
#[utoipa::path(get, path = "/v1/approvals", tag = "approvals", params(ListQuery), responses(
    (status = 200, description = "A page of approvals", body = Page<ApprovalSummary>),
    (status = 422, description = "A parameter is not valid", body = Problem)))]
async fn list_approvals(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<ApprovalSummary>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let assignee = query.assignee.map(|whose| whose.inbox(&app, caller));
    let filter = Filter {
        state: query.state,
        subject: query.subject,
        environment: query.environment,
        assignee,
    };
    let fingerprint = format!("approvals {filter:?}");
    let before: Option<(DateTime<Utc>, ApprovalId)> = decode_cursor(page.cursor.as_deref(), &fingerprint)?;
    let rows = list::list(&app.db, &filter, before, i64::from(page.limit()) + 1).await?;
    let page = Page::from_rows(rows, page.limit(), &fingerprint, |row| (row.created_at, row.id));
    Ok(Json(page.map(ApprovalSummary::from)))
}

/// One approval: its plan and digest, its rules, who decided what, and whether the caller may decide.
#[utoipa::path(get, path = "/v1/approvals/{id}", tag = "approvals", params(("id" = ApprovalId, Path)), responses(
    (status = 200, description = "The approval", body = ApprovalView),
    (status = 404, description = "There is none with this id", body = Problem)))]
async fn get_approval(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
) -> Result<Json<ApprovalView>, Problem> {
    Ok(Json(view(&app, &caller, id).await?))
}

/// A decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecisionRequest {
    decision: Vote,
    /// The digest of the plan that was looked at.
    digest: String,
    /// Why.
    comment: Option<String>,
}

/// Approves or rejects, for exactly one digest.
#[utoipa::path(post, path = "/v1/approvals/{id}/decisions", tag = "approvals", params(("id" = ApprovalId, Path)),
    request_body = DecisionRequest, responses(
    (status = 201, description = "It counts; the approval as it stands now", body = ApprovalView),
    (status = 403, description = "The caller may not decide this", body = Problem),
    (status = 404, description = "There is none with this id", body = Problem),
    (status = 409, description = "The plan has changed (`digest_changed`), or it is decided already", body = Problem)))]
async fn decide_approval(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    Json(request): Json<DecisionRequest>,
) -> Result<(StatusCode, Json<ApprovalView>), Problem> {
    let comment = comment(request.comment)?;
    let command = Decide {
        approval: id,
        digest: request.digest,
        vote: request.decision,
        comment,
        via: Via::Api,
    };
    decide(&app, &caller, command).await?;
    Ok((StatusCode::CREATED, Json(view(&app, &caller, id).await?)))
}

/// Whom to hand the right to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DelegateRequest {
    /// A caller's name.
    to: String,
    /// Why.
    reason: Option<String>,
}

/// Hands the caller's right to decide this approval to somebody else.
#[utoipa::path(post, path = "/v1/approvals/{id}/delegate", tag = "approvals", params(("id" = ApprovalId, Path)),
    request_body = DelegateRequest, responses(
    (status = 200, description = "The approval as it stands now", body = ApprovalView),
    (status = 403, description = "The caller has no such right, or the delegate may not have it", body = Problem),
    (status = 409, description = "It is decided already", body = Problem),
    (status = 422, description = "Nobody has this name", body = Problem)))]
async fn delegate_approval(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    Json(request): Json<DelegateRequest>,
) -> Result<Json<ApprovalView>, Problem> {
    delegate(&app, &caller, id, &request.to, comment(request.reason)?).await?;
    Ok(Json(view(&app, &caller, id).await?))
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReasonRequest {
    /// Why, for the audit trail.
    reason: Option<String>,
}

/// Asks those too whom the gate names for an escalation.
#[utoipa::path(post, path = "/v1/approvals/{id}/escalate", tag = "approvals", params(("id" = ApprovalId, Path)),
    request_body = ReasonRequest, responses(
    (status = 200, description = "The approval as it stands now", body = ApprovalView),
    (status = 409, description = "It is decided already, or there is nobody else to ask", body = Problem)))]
async fn escalate_approval(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<ApprovalView>, Problem> {
    escalate(&app, &caller, id, comment(request.reason)?).await?;
    Ok(Json(view(&app, &caller, id).await?))
}

/// Stops asking: its requester may, and admins.
#[utoipa::path(post, path = "/v1/approvals/{id}/cancel", tag = "approvals", params(("id" = ApprovalId, Path)),
    request_body = ReasonRequest, responses(
    (status = 200, description = "The approval as it stands now", body = ApprovalView),
    (status = 403, description = "Neither its requester nor an admin", body = Problem),
    (status = 409, description = "It is decided already", body = Problem)))]
async fn cancel_approval(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<ApprovalView>, Problem> {
    cancel(&app, &caller, id, comment(request.reason)?).await?;
    Ok(Json(view(&app, &caller, id).await?))
}

/// A personal link.
#[derive(Debug, Serialize, ToSchema)]
struct PersonalLink {
    /// Whoever opens it may decide in the caller's name, until it expires.
    url: String,
}

/// Makes a link by which the caller, and nobody else's, decision can be given from a browser without a key.
#[utoipa::path(post, path = "/v1/approvals/{id}/link", tag = "approvals", params(("id" = ApprovalId, Path)), responses(
    (status = 201, description = "The link", body = PersonalLink),
    (status = 403, description = "The caller may not decide this", body = Problem),
    (status = 409, description = "It is decided already", body = Problem)))]
async fn link_approval(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
) -> Result<(StatusCode, Json<PersonalLink>), Problem> {
    let (facts, _) = list::find(&app.db, id)
        .await?
        .ok_or(DecideError::NotFound { id })?;
    rules::may_decide(&facts, &app.config.approvals.groups, &caller)?;
    let keys = link::keys(&app).await?;
    let path = keys
        .sign(&facts.approval, &caller.name, app.clock.now())
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::Conflict,
                "no link could be signed: the configured link secret is empty",
            )
        })?;
    let url = format!("{}{path}", link::base_url(&app));
    Ok((StatusCode::CREATED, Json(PersonalLink { url })))
}

/// A comment within its limit; an empty one is none.
fn comment(text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.chars().count() > COMMENT_CHARS_MAX => Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("a comment or reason has at most {COMMENT_CHARS_MAX} characters"),
        )),
        text => Ok(text.filter(|text| !text.trim().is_empty())),
    }
}
