//! The SQL of approvals.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::model::{Approval, ApprovalState, Decision, Delegation, Question, Standing};
use super::rules::{self, Facts};
use crate::db::{DbError, Tx};
use crate::ids::ApprovalId;

const COLUMNS: &str = "select id, subject, gate, template, environment, title, requester, authors, rules, digest, plan, round, \
                       level, state, escalated, wake_kind, wake_key, created_at, expires_at, closed_at, closed_reason \
                       from approvals";

/// Inserts a gate that is asked for the first time; false when it is there already.
pub(super) async fn insert(
    tx: &mut Tx,
    id: ApprovalId,
    question: &Question,
    digest: &str,
    now: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
) -> Result<bool, DbError> {
    let inserted = sqlx::query(
        "insert into approvals (id, subject, gate, template, environment, title, requester, authors, rules, digest, plan,
                                open_to, shut_to, wake_kind, wake_key, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '{}', '{}', $12, $13, $14, $15)
         on conflict on constraint a_gate_asks_once do nothing",
    )
    .bind(id)
    .bind(&question.subject)
    .bind(&question.gate_name)
    .bind(&question.template)
    .bind(&question.environment)
    .bind(&question.title)
    .bind(&question.requester)
    .bind(&question.authors)
    .bind(Json(&question.gate))
    .bind(digest)
    .bind(&question.plan)
    .bind(question.wake.as_ref().map(|wake| wake.kind))
    .bind(question.wake.as_ref().map(|wake| &wake.key))
    .bind(now)
    .bind(expires_at)
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The gate of a subject, locked until the transaction ends.
pub(super) async fn lock_gate(tx: &mut Tx, subject: &str, gate: &str) -> Result<Option<Facts>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query
        .push(" where subject = ")
        .push_bind(subject)
        .push(" and gate = ")
        .push_bind(gate)
        .push(" for update");
    let approval: Option<Approval> = query.build_query_as().fetch_optional(tx.conn()).await?;
    with_facts(tx.conn(), approval).await
}

/// An approval, locked until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: ApprovalId) -> Result<Option<Facts>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(" where id = ").push_bind(id).push(" for update");
    let approval: Option<Approval> = query.build_query_as().fetch_optional(tx.conn()).await?;
    with_facts(tx.conn(), approval).await
}

/// An approval, to look at.
pub(super) async fn find(conn: &mut PgConnection, id: ApprovalId) -> Result<Option<Facts>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(" where id = ").push_bind(id);
    let approval: Option<Approval> = query.build_query_as().fetch_optional(&mut *conn).await?;
    with_facts(conn, approval).await
}

async fn with_facts(conn: &mut PgConnection, approval: Option<Approval>) -> Result<Option<Facts>, DbError> {
    let Some(approval) = approval else { return Ok(None) };
    let decisions: Vec<Decision> = sqlx::query_as(
        "select round, level, digest, person, on_behalf, decision, comment, via, at from approval_decisions
         where approval = $1 order by seq",
    )
    .bind(approval.id)
    .fetch_all(&mut *conn)
    .await?;
    let delegations: Vec<Delegation> = sqlx::query_as(
        "select from_name, to_name, at from approval_delegations where approval = $1 order by at, from_name, to_name",
    )
    .bind(approval.id)
    .fetch_all(conn)
    .await?;
    Ok(Some(Facts {
        approval,
        decisions,
        delegations,
    }))
}

/// Writes how an approval stands now, and what the inbox searches by.
pub(super) async fn save(tx: &mut Tx, facts: &Facts) -> Result<(), DbError> {
    let (open_to, shut_to) = rules::inbox(facts);
    let approval = &facts.approval;
    sqlx::query(
        "update approvals set title = $2, requester = $3, authors = $4, rules = $5, digest = $6, plan = $7, round = $8,
                level = $9, state = $10, escalated = $11, expires_at = $12, closed_at = $13, closed_reason = $14,
                open_to = $15, shut_to = $16
         where id = $1",
    )
    .bind(approval.id)
    .bind(&approval.title)
    .bind(&approval.requester)
    .bind(&approval.authors)
    .bind(Json(&approval.rules))
    .bind(&approval.digest)
    .bind(&approval.plan)
    .bind(approval.round)
    .bind(approval.level)
    .bind(approval.state)
    .bind(approval.escalated)
    .bind(approval.expires_at)
    .bind(approval.closed_at)
    .bind(&approval.closed_reason)
    .bind(&open_to)
    .bind(&shut_to)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps what was asked about in a round.
pub(super) async fn insert_digest(
    tx: &mut Tx,
    id: ApprovalId,
    round: i32,
    digest: &str,
    plan: &Value,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into approval_digests (approval, round, digest, plan, since) values ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(round)
    .bind(digest)
    .bind(plan)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Digests asked about so far: round, digest, since when.
pub(super) async fn digests(
    conn: &mut PgConnection,
    id: ApprovalId,
) -> Result<Vec<(i32, String, DateTime<Utc>)>, DbError> {
    let digests = sqlx::query_as(
        "select round, digest, since from approval_digests where approval = $1 order by round",
    )
    .bind(id)
    .fetch_all(conn)
    .await?;
    Ok(digests)
}

pub(super) async fn insert_decision(tx: &mut Tx, id: ApprovalId, decision: &Decision) -> Result<(), DbError> {
    sqlx::query(
        "insert into approval_decisions (approval, round, level, digest, person, on_behalf, decision, comment, via, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id)
    .bind(decision.round)
    .bind(decision.level)
    .bind(&decision.digest)
    .bind(&decision.person)
    .bind(&decision.on_behalf)
    .bind(decision.decision)
    .bind(&decision.comment)
    .bind(decision.via)
    .bind(decision.at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// False when this right was handed to this person before.
pub(super) async fn insert_delegation(
    tx: &mut Tx,
    id: ApprovalId,
    delegation: &Delegation,
) -> Result<bool, DbError> {
    let inserted = sqlx::query(
        "insert into approval_delegations (approval, from_name, to_name, at) values ($1, $2, $3, $4)
         on conflict do nothing",
    )
    .bind(id)
    .bind(&delegation.from_name)
    .bind(&delegation.to_name)
    .bind(delegation.at)
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// How the gates of a subject stand, oldest first.
pub(super) async fn standings(conn: &mut PgConnection, subject: &str) -> Result<Vec<Standing>, DbError> {
    let rows: Vec<(ApprovalId, String, ApprovalState, String, Option<String>)> = sqlx::query_as(
        "select id, gate, state, digest, closed_reason from approvals where subject = $1 order by created_at, id",
    )
    .bind(subject)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, gate, state, digest, reason)| Standing {
            id,
            gate,
            state,
            digest,
            reason,
        })
        .collect())
}

/// Pending approvals of a subject.
pub(super) async fn pending_of(tx: &mut Tx, subject: &str) -> Result<Vec<ApprovalId>, DbError> {
    let ids =
        sqlx::query_scalar("select id from approvals where subject = $1 and state = 'pending' order by id")
            .bind(subject)
            .fetch_all(tx.conn())
            .await?;
    Ok(ids)
}

/// Whom an inbox belongs to.
#[derive(Debug, Clone)]
pub(super) struct Assignee {
    pub(super) name: String,
    pub(super) terms: Vec<String>,
}

/// What narrows a list of approvals.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) state: Option<ApprovalState>,
    pub(super) subject: Option<String>,
    pub(super) environment: Option<String>,
    /// Only those this person can decide now.
    pub(super) assignee: Option<Assignee>,
}

/// Newest first, those before `before` in that order.
pub(super) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<(DateTime<Utc>, ApprovalId)>,
    limit: i64,
) -> Result<Vec<Approval>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(" where true");
    if let Some(state) = filter.state {
        query.push(" and state = ").push_bind(state);
    }
    if let Some(subject) = &filter.subject {
        query.push(" and subject = ").push_bind(subject);
    }
    if let Some(environment) = &filter.environment {
        query.push(" and environment = ").push_bind(environment);
    }
    if let Some(assignee) = &filter.assignee {
        query
            .push(" and state = 'pending' and open_to && ")
            .push_bind(&assignee.terms);
        query
            .push(" and not ")
            .push_bind(&assignee.name)
            .push(" = any(shut_to)");
    }
    if let Some((at, id)) = before {
        query
            .push(" and (created_at, id) < (")
            .push_bind(at)
            .push(", ")
            .push_bind(id)
            .push(")");
    }
    query
        .push(" order by created_at desc, id desc limit ")
        .push_bind(limit);
    Ok(query.build_query_as().fetch_all(conn).await?)
}
