//! The shapes of the audit trail.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// The actor of what the service does by itself: timers, judges, schedules.
pub const SYSTEM_ACTOR: &str = "signalbox";

/// What a caller of [`super::record`] says. The time and the id are given by the trail.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Who: a caller's name, or [`SYSTEM_ACTOR`].
    pub actor: String,
    /// What, as `noun.verb` in lower case: `deployment.rollback`, `approval.decide`, `alias.update`.
    pub action: &'static str,
    /// To what: an id (`dep_…`, `apr_…`), or a template's or environment's name.
    pub subject: String,
    /// Where, if the action belongs to one environment.
    pub environment: Option<String>,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// Anything else worth keeping: a JSON object. Never secrets, never execution input or output.
    pub details: Value,
}

/// An entry as it stands in the trail.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct RecordedEntry {
    /// Order of writing; gaps are normal (rolled back transactions).
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) at: DateTime<Utc>,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) subject: String,
    pub(super) environment: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) details: Value,
}

/// An entry with its place in the chain, if it has one yet.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct ChainedEntry {
    #[sqlx(flatten)]
    pub(super) entry: RecordedEntry,
    pub(super) position: Option<i64>,
    pub(super) hash: Option<Vec<u8>>,
}

/// One link as stored; the entry is missing when somebody removed it.
#[derive(Debug, Clone)]
pub(super) struct StoredLink {
    pub(super) position: i64,
    pub(super) hash: Vec<u8>,
    pub(super) event_id: String,
    pub(super) entry: Option<RecordedEntry>,
}

/// What narrows a list of entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) actor: Option<String>,
    /// A whole action, or a prefix ending in `.`.
    pub(super) action: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) until: Option<DateTime<Utc>>,
}
