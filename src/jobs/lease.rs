//! The right to work on a job, until it is lost.

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::plan::Attempts;
use super::queue;
use crate::db::{Db, DbError, Tx};
use crate::ids::JobId;

/// The right to work on a job. It is renewed while the job runs; once it is lost, the run is dropped.
#[derive(Debug)]
pub struct Lease {
    pub(super) job: JobId,
    pub(super) token: Uuid,
    pub(super) attempts: Attempts,
    pub(super) lost: CancellationToken,
}

/// Somebody else has the job now.
#[derive(Debug, thiserror::Error)]
pub enum LeaseLost {
    /// The lease ran out and the job was given to another worker.
    #[error("the lease of the job is lost: another worker has it")]
    Taken,
    /// Nobody knows, as the database does not answer.
    #[error("cannot tell whether the lease of the job is still held")]
    Database(#[from] DbError),
}

impl Lease {
    /// The job.
    pub fn job(&self) -> JobId {
        self.job
    }

    /// Number of this attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempts.number
    }

    /// Whether a retry would make the job dead.
    pub fn is_last_attempt(&self) -> bool {
        self.attempts.is_last()
    }

    /// Makes what `tx` writes depend on the lease: `Ok` means that it is held and can't be lost before `tx` ends.
    pub async fn hold(&self, tx: &mut Tx) -> Result<(), LeaseLost> {
        if queue::lock_lease(tx, self.job, self.token).await? {
            Ok(())
        } else {
            Err(LeaseLost::Taken)
        }
    }

    /// Ends when the lease is lost.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Renews the lease for ever, at a third of its time; ends when it is lost, by the database's word or because the database
    /// did not answer for the whole of it.
    pub(super) async fn keep(&self, db: &Db, lease: std::time::Duration) {
        let mut since_renewal = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(lease / 3).await;
            match queue::renew(db, self.job, self.token, lease).await {
                Ok(true) => since_renewal = tokio::time::Instant::now(),
                Err(error) if since_renewal.elapsed() < lease => {
                    tracing::warn!(job = %self.job, %error, "a lease could not be renewed");
                }
                Ok(false) | Err(_) => break,
            }
        }
        self.lost.cancel();
    }
}
