//! What a kind of background work is.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Lease;
use super::plan;
use crate::app::App;
use crate::limits;

/// A kind of background work.
pub trait Job: Send + Sync + 'static {
    /// Its name in the queue, in metrics and in logs. Never changes once it is in use: rows carry it.
    const KIND: &'static str;

    /// After this a run counts as stuck and is dropped and retried.
    const TIMEOUT: Duration = limits::JOB_TIMEOUT;

    /// What it works on. Stored as JSON: a field that is added later needs a default.
    type Args: Serialize + DeserializeOwned + Send;

    /// Does the work once. May be run again after it died anywhere inside.
    fn run(
        app: Arc<App>,
        args: Self::Args,
        lease: &Lease,
    ) -> impl Future<Output = Result<Done, JobError>> + Send;

    /// How long after attempt number `attempt` (from 1) the next one follows. Without jitter, which is added.
    fn backoff(attempt: u32) -> Duration {
        plan::backoff(attempt)
    }
}

/// How a run ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// There is nothing more to do: the job goes away.
    Finished,
    /// Look again then. Attempts start anew.
    Snooze(DateTime<Utc>),
}

/// How a run ended badly.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Another attempt may go better. After the last attempt the job is dead.
    #[error("{0}")]
    Retry(Box<dyn Error + Send + Sync>),
    /// No attempt will go better: the job is dead at once.
    #[error("{0}")]
    Fail(Box<dyn Error + Send + Sync>),
}

impl JobError {
    /// Another attempt may go better.
    pub fn retry(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Retry(source.into())
    }

    /// No attempt will go better.
    pub fn fail(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Fail(source.into())
    }

    /// The error and its causes, in one line.
    pub(super) fn chain(&self) -> String {
        let (Self::Retry(source) | Self::Fail(source)) = self;
        let mut text = source.to_string();
        let mut next = source.source();
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl From<crate::db::DbError> for JobError {
    /// The database may answer the next time.
    fn from(error: crate::db::DbError) -> Self {
        Self::retry(error)
    }
}

impl From<super::LeaseLost> for JobError {
    /// Somebody else has the job; what is returned here changes nothing.
    fn from(error: super::LeaseLost) -> Self {
        Self::retry(error)
    }
}
