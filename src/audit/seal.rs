//! Give waiting entries their place in the chain.

use super::chain::link;
use super::limits::SEAL_BATCH;
use super::store;
use crate::db::{Db, DbError};

/// Seals what waits, a batch per transaction, until nothing does. Any number of replicas may call it at once: an
/// advisory lock lets one work at a time. Returns how many entries were sealed.
pub async fn seal(db: &Db) -> Result<u64, DbError> {
    let mut sealed = 0;
    loop {
        let batch = seal_batch(db).await?;
        sealed += batch;
        if batch < u64::from(SEAL_BATCH) {
            return Ok(sealed);
        }
    }
}

async fn seal_batch(db: &Db) -> Result<u64, DbError> {
    let mut tx = db.begin().await?;
    store::lock_the_seal(&mut tx).await?;
    let entries = store::unsealed(&mut tx, i64::from(SEAL_BATCH)).await?;
    if entries.is_empty() {
        return Ok(0);
    }
    let (position, mut previous) = store::head(tx.conn()).await?;
    let mut links = Vec::with_capacity(entries.len());
    for entry in entries {
        previous = link(&previous, &entry);
        links.push((entry.id, previous));
    }
    store::append(&mut tx, position + 1, &links).await?;
    tx.commit().await?;
    Ok(links.len() as u64)
}
