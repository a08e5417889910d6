//! Give waiting entries their place in the chain.

use std::sync::Arc;
use std::time::Duration;

use super::chain::link;
use super::limits::SEAL_BATCH;
use super::store;
use crate::app::App;
use crate::db::{Db, DbError};
use crate::jobs::{Done, Job, JobError, Lease};

/// How often waiting entries are sealed: how long an entry may stand outside the chain.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Seals what waits.
#[derive(Debug)]
pub struct SealAudit;

impl Job for SealAudit {
    const KIND: &'static str = "audit.seal";
    type Args = ();

    async fn run(app: Arc<App>, (): (), _lease: &Lease) -> Result<Done, JobError> {
        seal(&app.db).await?;
        Ok(Done::Finished)
    }
}

/// Seals what waits, a batch per transaction, until nothing does. Any number of replicas may call it at once: an
/// advisory lock lets one work at a time. Returns how many entries were sealed.
pub(super) async fn seal(db: &Db) -> Result<u64, DbError> {
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
