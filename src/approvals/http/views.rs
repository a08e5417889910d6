//! Approvals as the API shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::decide::DecideError;
use super::super::list::{self, Round};
use super::super::model::{Approval, ApprovalState, Decision, Delegation, Gate, Via, Vote};
use super::super::rules;
use crate::app::App;
use crate::http::{Caller, Problem};
use crate::ids::ApprovalId;

/// An approval in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovalSummary {
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
pub(super) struct ApprovalView {
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
pub(super) struct DecisionView {
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
pub(super) struct DelegationView {
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

/// One approval as the caller sees it.
pub(super) async fn view(app: &App, caller: &Caller, id: ApprovalId) -> Result<ApprovalView, Problem> {
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
