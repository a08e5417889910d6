//! Read approvals.

use chrono::{DateTime, Utc};

use super::model::{Approval, Standing};
use super::rules::Facts;
use super::store;
pub(super) use super::store::{Assignee, Filter};
use crate::db::{Db, DbError};
use crate::ids::ApprovalId;

/// How the gates of a subject stand, in the order they were asked.
pub async fn standings(db: &Db, subject: &str) -> Result<Vec<Standing>, DbError> {
    let mut conn = db.pool().acquire().await?;
    store::standings(&mut conn, subject).await
}

/// How one approval stands, and how many rounds it is in.
pub async fn standing(db: &Db, id: ApprovalId) -> Result<Option<(Standing, i32)>, DbError> {
    let mut conn = db.pool().acquire().await?;
    let facts = store::find(&mut conn, id).await?;
    Ok(facts.map(|facts| (Standing::of(&facts.approval), facts.approval.round)))
}

/// Approvals, newest first.
pub(super) async fn list(
    db: &Db,
    filter: &Filter,
    before: Option<(DateTime<Utc>, ApprovalId)>,
    limit: i64,
) -> Result<Vec<Approval>, DbError> {
    let mut conn = db.pool().acquire().await?;
    store::list(&mut conn, filter, before, limit).await
}

/// A digest that was asked about.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[expect(clippy::struct_field_names, reason = "the name in the API")]
pub(super) struct Round {
    /// From 1.
    pub(super) round: i32,
    pub(super) digest: String,
    pub(super) since: DateTime<Utc>,
}

/// One approval with its decisions and the digests it was asked about.
pub(super) async fn find(db: &Db, id: ApprovalId) -> Result<Option<(Facts, Vec<Round>)>, DbError> {
    let mut conn = db.pool().acquire().await?;
    let Some(facts) = store::find(&mut conn, id).await? else {
        return Ok(None);
    };
    let rounds = store::digests(&mut conn, id).await?;
    let rounds = rounds
        .into_iter()
        .map(|(round, digest, since)| Round { round, digest, since })
        .collect();
    Ok(Some((facts, rounds)))
}
