//! `GET /v1/audit-events` and `GET /v1/audit/verify`.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::{ChainedEntry, Filter};
use super::verify::{Break, BreakReason};
use super::{list, verify};
use crate::app::App;
use crate::db::paging::{Page, PageQuery, decode_cursor};
use crate::http::{Json, Problem, ProblemKind, Query};

/// The audit trail's routes.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_audit_events))
        .routes(routes!(verify_audit))
}

/// Filter and page of a listing of the trail.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Who did it.
    actor: Option<String>,
    /// What was done: a whole action (`deployment.start`), or a prefix that ends in a dot (`deployment.`).
    action: Option<String>,
    /// What it was done to: an id or a name.
    subject: Option<String>,
    /// Where.
    environment: Option<String>,
    /// Entries written at this time or later.
    since: Option<DateTime<Utc>>,
    /// Entries written before this time.
    until: Option<DateTime<Utc>>,
    /// Most entries to return, 1..=500; 50 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One entry of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEvent {
    id: String,
    /// When, by the database's clock.
    at: DateTime<Utc>,
    /// Who: a caller's name, or `signalbox` for what the service did by itself.
    actor: String,
    /// What: `noun.verb`.
    action: String,
    /// To what.
    subject: String,
    environment: Option<String>,
    /// Why, in the actor's words.
    reason: Option<String>,
    #[schema(value_type = Object)]
    details: Value,
    /// Place in the chain, from 1; null for the second or so until the entry is sealed.
    position: Option<i64>,
    /// SHA-256 over the hash before and this entry, hex.
    hash: Option<String>,
}

/// Lists the audit trail, newest first.
#[utoipa::path(get, path = "/v1/audit-events", tag = "audit", params(ListQuery), responses(
    (status = 200, description = "A page of entries", body = Page<AuditEvent>),
    (status = 422, description = "A parameter is not valid", body = Problem)))]
async fn list_audit_events(
    State(app): State<Arc<App>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<AuditEvent>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let filter = Filter {
        actor: query.actor,
        action: query.action,
        subject: query.subject,
        environment: query.environment,
        since: query.since,
        until: query.until,
    };
    let fingerprint = format!("audit {filter:?}");
    let before: Option<i64> = decode_cursor(page.cursor.as_deref(), &fingerprint)?;
    let rows = list::list(&app.db, &filter, before, i64::from(page.limit()) + 1).await?;
    Ok(Json(
        Page::from_rows(rows, page.limit(), &fingerprint, |row| row.entry.seq).map(AuditEvent::from),
    ))
}

impl From<ChainedEntry> for AuditEvent {
    fn from(row: ChainedEntry) -> Self {
        let ChainedEntry {
            entry,
            position,
            hash,
        } = row;
        Self {
            id: entry.id,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            environment: entry.environment,
            reason: entry.reason,
            details: entry.details,
            position,
            hash: hash.map(hex::encode),
        }
    }
}

/// Which part of the chain to walk, and a link noted earlier to compare with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct VerifyQuery {
    /// First position to check; 1 when absent.
    from: Option<i64>,
    /// Last position to check; the end of the chain when absent.
    to: Option<i64>,
    /// Position of a link noted earlier: finds a chain that was cut short or made anew since.
    position: Option<i64>,
    /// That link's hash, hex.
    hash: Option<String>,
}

/// What walking the chain found.
#[derive(Debug, Serialize, ToSchema)]
struct AuditVerification {
    /// `OK`, or `BROKEN` with `broken` telling where.
    result: &'static str,
    /// Links whose hash was computed and compared.
    checked: u64,
    /// The end of the chain. Keep it somewhere else and send it as `position` and `hash` later.
    head: AuditHead,
    /// The first thing wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<AuditBreak>,
}

/// The end of the chain.
#[derive(Debug, Serialize, ToSchema)]
struct AuditHead {
    position: i64,
    hash: String,
}

/// The first entry that is not as it was recorded.
#[derive(Debug, Serialize, ToSchema)]
struct AuditBreak {
    position: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// `entry_changed`, `entry_missing`, `link_missing`, `entry_unlinked` or `not_as_noted`.
    code: &'static str,
    message: &'static str,
}

/// Walks the hash chain and names the first entry that was changed, removed or added past the trail.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "audit", params(VerifyQuery), responses(
    (status = 200, description = "What was found, also when it is broken", body = AuditVerification),
    (status = 422, description = "A parameter is not valid", body = Problem)))]
async fn verify_audit(
    State(app): State<Arc<App>>,
    Query(query): Query<VerifyQuery>,
) -> Result<Json<AuditVerification>, Problem> {
    let noted = match (query.position, query.hash) {
        (None, None) => None,
        (Some(position), Some(hash)) => {
            let hash = hex::decode(hash).ok().and_then(|hash| hash.try_into().ok());
            Some((
                position,
                hash.ok_or_else(|| invalid("`hash` is not 64 hexadecimal digits"))?,
            ))
        }
        (Some(_), None) | (None, Some(_)) => return Err(invalid("`position` and `hash` go together")),
    };
    let from = query.from.unwrap_or(1);
    if from < 1 {
        return Err(invalid("`from` is a position, and the first is 1"));
    }
    let found = verify::verify(&app.db, from, query.to, noted).await?;
    Ok(Json(AuditVerification {
        result: if found.broken.is_none() { "OK" } else { "BROKEN" },
        checked: found.checked,
        head: AuditHead {
            position: found.head.0,
            hash: hex::encode(found.head.1),
        },
        broken: found.broken.map(AuditBreak::from),
    }))
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemKind::InvalidRequest, detail)
}

impl From<Break> for AuditBreak {
    fn from(found: Break) -> Self {
        let (code, message) = match found.reason {
            BreakReason::Changed => (
                "entry_changed",
                "this entry, or its link, is not what was recorded",
            ),
            BreakReason::EntryMissing => ("entry_missing", "the entry of this link is gone"),
            BreakReason::LinkMissing => ("link_missing", "the chain has no link at this position"),
            BreakReason::Unlinked => (
                "entry_unlinked",
                "this entry is neither in the chain nor waiting for it: its link was taken away",
            ),
            BreakReason::NotAsNoted => (
                "not_as_noted",
                "the chain does not hold the noted hash at this position: it was cut or made anew",
            ),
        };
        Self {
            position: found.position,
            event_id: found.event_id,
            code,
            message,
        }
    }
}
