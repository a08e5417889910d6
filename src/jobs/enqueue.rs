//! Puts a job into the queue, in the caller's transaction.

use chrono::{DateTime, Utc};

use super::job::Job;
use super::queue::{self, NewJob};
use crate::db::{DbError, Tx};
use crate::ids::JobId;
use crate::limits;

/// When and how a job is to run.
#[derive(Debug, Clone)]
pub struct Enqueue {
    /// Not before.
    pub run_at: DateTime<Utc>,
    /// There is to be one live job of this kind and key. If there is one already, it takes these arguments and runs no later
    /// than `run_at`; if it is running, it runs once more.
    pub unique_key: Option<String>,
    /// Higher goes first among jobs that are due. 0 is ordinary.
    pub priority: i16,
    /// Attempts before it is dead; none: it never gives up.
    pub max_attempts: Option<u32>,
}

impl Enqueue {
    /// An ordinary job for `run_at` (usually now).
    pub fn at(run_at: DateTime<Utc>) -> Self {
        Self {
            run_at,
            unique_key: None,
            priority: 0,
            max_attempts: Some(limits::JOB_ATTEMPTS_MAX),
        }
    }

    /// One live job of its kind for this key.
    #[must_use]
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.unique_key = Some(key.into());
        self
    }

    /// Ahead of those with a lower priority.
    #[must_use]
    pub fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Never dead: for work that must converge some day.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.max_attempts = None;
        self
    }
}

/// What became of a request for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// A new job.
    New(JobId),
    /// The one that was there with this key.
    Joined(JobId),
}

impl Enqueued {
    /// The job.
    pub fn id(self) -> JobId {
        let (Self::New(id) | Self::Joined(id)) = self;
        id
    }
}

/// Enqueues work of the kind `J`. Workers hear of it when the transaction commits.
pub async fn enqueue<J: Job>(tx: &mut Tx, args: &J::Args, how: Enqueue) -> Result<Enqueued, DbError> {
    let args =
        serde_json::to_value(args).map_err(|error| DbError::Other(sqlx::Error::Encode(error.into())))?;
    let id = JobId::generate();
    let stands = queue::insert(
        tx,
        NewJob {
            id,
            kind: J::KIND,
            args,
            how,
        },
    )
    .await?;
    Ok(if stands == id {
        Enqueued::New(id)
    } else {
        Enqueued::Joined(stands)
    })
}

/// Wakes the live job of a kind and unique key, in the caller's transaction: it runs at `now` instead of later, and once more
/// if it is running. For who knows a job by name only: whoever waits for a decision names its job when it asks. False
/// when there is no such job.
pub async fn wake(tx: &mut Tx, kind: &str, key: &str, now: DateTime<Utc>) -> Result<bool, DbError> {
    queue::wake(tx, kind, key, now).await
}
