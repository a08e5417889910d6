//! StopExecution.

use std::sync::Arc;

use super::Executions;
use super::find::FindError;
use crate::runtime::{NotOpen, Unavailable};

/// Why it was not stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// There is no such execution.
    #[error(transparent)]
    Find(#[from] FindError),
    /// Not now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Executions {
    /// Stops an execution: when it stopped, in ms since 1970. One that is closed stays as it is.
    pub async fn stop(
        &self,
        arn: &str,
        error: Option<Arc<str>>,
        cause: Option<Arc<str>>,
    ) -> Result<i64, StopError> {
        let found = self.find(arn).await?;
        if let Some(stopped_at) = found.stopped_at {
            return Ok(stopped_at);
        }
        match self.runtime.stop(found.id, error, cause).await? {
            Ok(stopped_at) => Ok(stopped_at),
            // It closed between the two questions.
            Err(NotOpen) => self
                .find(arn)
                .await?
                .stopped_at
                .ok_or(StopError::Unavailable(Unavailable::Away)),
        }
    }
}
