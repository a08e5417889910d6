//! Endpoints of approvals: the API, and the pages behind personal links.

mod human;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::decide::{Decide, DecideError, decide};
use super::delegate::{DelegateError, delegate};
use super::escalate::{EscalateError, escalate};
use super::link;
use super::list::{self, Assignee, Filter, Round};
use super::model::{Approval, ApprovalState, Decision, Delegation, Gate, Via, Vote};
use super::rules::{self, Refusal};
use super::withdraw::{CancelError, cancel};
use crate::app::App;
use crate::db::paging::{Page, PageQuery, decode_cursor};
use crate::http::{Caller, Json, Path, Problem, ProblemKind, Query};
use crate::ids::ApprovalId;

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

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AssigneeIs {
    Me,
}

/// An approval in a list.
#[derive(Debug, Serialize, ToSchema)]
struct ApprovalSummary {
    id: ApprovalId,
    /// What waits for it.
    subject: String,
    /// Which of its gates.
    gate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    title: String,
    requester: String,
    authors: Vec<String>,
    /// What is agreed to: send it back with the decision.
    digest: String,
    state: ApprovalState,
    /// The level that is asked, from 1.
    level: i32,
    /// How many levels there are.
    levels: usize,
    /// How often the plan has changed, plus one.
    round: i32,
    escalated: bool,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Approval> for ApprovalSummary {
    fn from(approval: Approval) -> Self {
        Self {
            id: approval.id,
            subject: approval.subject,
            gate: approval.gate,
            template: approval.template,
            environment: approval.environment,
            title: approval.title,
            requester: approval.requester,
            authors: approval.authors,
            digest: approval.digest,
            state: approval.state,
            level: approval.level + 1,
            levels: approval.rules.levels.len(),
            round: approval.round,
            escalated: approval.escalated,
            created_at: approval.created_at,
            expires_at: approval.expires_at,
            closed_at: approval.closed_at,
            reason: approval.closed_reason,
        }
    }
}

/// An approval with its plan, its rules and its history.
#[derive(Debug, Serialize, ToSchema)]
struct ApprovalView {
    #[serde(flatten)]
    approval: ApprovalSummary,
    /// The gate's rules.
    rules: Gate,
    /// What would be done.
    #[schema(value_type = Object)]
    plan: Value,
    /// Whether the caller may decide it now.
    can_decide: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// Every round's decisions, oldest first.
    decisions: Vec<DecisionView>,
    /// Rights handed on.
    delegations: Vec<DelegationView>,
    /// The digests it was asked about.
    rounds: Vec<Round>,
}

/// What somebody decided.
#[derive(Debug, Serialize, ToSchema)]
struct DecisionView {
    round: i32,
    /// From 1.
    level: i32,
    digest: String,
    person: String,
    /// Whose right was used, if somebody handed theirs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf: Option<String>,
    decision: Vote,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    via: Via,
    at: DateTime<Utc>,
}

impl From<Decision> for DecisionView {
    fn from(decision: Decision) -> Self {
        Self {
            round: decision.round,
            level: decision.level + 1,
            digest: decision.digest,
            person: decision.person,
            on_behalf: decision.on_behalf,
            decision: decision.decision,
            comment: decision.comment,
            via: decision.via,
            at: decision.at,
        }
    }
}

/// A right handed on.
#[derive(Debug, Serialize, ToSchema)]
struct DelegationView {
    from: String,
    to: String,
    at: DateTime<Utc>,
}

impl From<Delegation> for DelegationView {
    fn from(delegation: Delegation) -> Self {
        Self {
            from: delegation.from_name,
            to: delegation.to_name,
            at: delegation.at,
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
    let assignee = query.assignee.map(|AssigneeIs::Me| Assignee {
        terms: rules::terms(&app.config.approvals.groups, &caller),
        name: caller.name,
    });
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

async fn view(app: &App, caller: &Caller, id: ApprovalId) -> Result<ApprovalView, Problem> {
    let (facts, rounds) = list::find(&app.db, id)
        .await?
        .ok_or(DecideError::NotFound { id })?;
    let refusal = rules::may_decide(&facts, &app.config.approvals.groups, caller).err();
    Ok(ApprovalView {
        rules: facts.approval.rules.clone(),
        plan: facts.approval.plan.clone(),
        can_decide: refusal.is_none(),
        refusal: refusal.map(|refusal| refusal.to_string()),
        decisions: facts.decisions.into_iter().map(DecisionView::from).collect(),
        delegations: facts.delegations.into_iter().map(DelegationView::from).collect(),
        rounds,
        approval: facts.approval.into(),
    })
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

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::DigestChanged { current } => {
                Self::new(ProblemKind::DigestChanged, detail).with("digest", current)
            }
            Refusal::Closed(_) | Refusal::Already { .. } => Self::new(ProblemKind::Conflict, detail),
            Refusal::NotAsked { .. } | Refusal::Excluded { .. } | Refusal::Anonymous => {
                Self::new(ProblemKind::Forbidden, detail)
            }
        }
    }
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            DecideError::Forbidden(forbidden) => forbidden.into(),
            DecideError::Refused(refusal) => refusal.into(),
            DecideError::Database(error) => error.into(),
        }
    }
}

impl From<DelegateError> for Problem {
    fn from(error: DelegateError) -> Self {
        match error {
            DelegateError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            DelegateError::Unknown { .. } | DelegateError::Oneself { .. } => {
                Self::new(ProblemKind::InvalidRequest, error.to_string())
            }
            DelegateError::Forbidden(forbidden) => forbidden.into(),
            DelegateError::Refused(refusal) => refusal.into(),
            DelegateError::Database(error) => error.into(),
        }
    }
}

impl From<EscalateError> for Problem {
    fn from(error: EscalateError) -> Self {
        match error {
            EscalateError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            EscalateError::NobodyElse => Self::new(ProblemKind::Conflict, error.to_string()),
            EscalateError::Forbidden(forbidden) => forbidden.into(),
            EscalateError::Refused(refusal) => refusal.into(),
            EscalateError::Database(error) => error.into(),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::NotFound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            CancelError::Forbidden(forbidden) => forbidden.into(),
            CancelError::Refused(refusal) => refusal.into(),
            CancelError::Database(error) => error.into(),
        }
    }
}
