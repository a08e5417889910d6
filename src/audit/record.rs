//! Write one entry, in the transaction of what it tells of.

use super::model::AuditEntry;
use super::store;
use crate::db::{DbError, Tx};
use crate::ids::AuditEventId;

/// Records an entry; it exists if and only if the caller's transaction commits. Takes no lock that another
/// transaction could wait for, so its place among the caller's statements does not matter.
pub async fn record(tx: &mut Tx, entry: AuditEntry) -> Result<AuditEventId, DbError> {
    let id = AuditEventId::generate();
    store::insert(tx, id, &entry).await?;
    Ok(id)
}
