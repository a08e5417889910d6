//! RedriveExecution.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Executions;
use super::find::{FindError, Redrivable};
use super::model::ExecutionId;
use crate::limits;
use crate::runtime::{RedriveRefused, Unavailable};

/// Why it was not redriven.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// There is no such execution.
    #[error(transparent)]
    Find(#[from] FindError),
    /// It can't go on; the text says why, in AWS's words.
    #[error("{0}")]
    NotRedrivable(String),
    /// Not now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Redrives by their client tokens, so that a request that is repeated redrives once.
#[derive(Debug, Default)]
pub(super) struct Recent {
    by_token: Mutex<HashMap<(ExecutionId, String), i64>>,
}

impl Recent {
    fn find(&self, id: ExecutionId, token: &str, now_ms: i64) -> Option<i64> {
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        by_token.retain(|_, at| now_ms - *at < limits::REDRIVE_TOKEN_MS_MAX);
        by_token.get(&(id, token.to_owned())).copied()
    }

    fn remember(&self, id: ExecutionId, token: String, at: i64) {
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        if by_token.len() < limits::REDRIVE_TOKENS_MAX {
            by_token.insert((id, token), at);
        }
    }
}

impl Executions {
    /// Lets a closed execution go on: when, in ms since 1970.
    pub async fn redrive(&self, arn: &str, client_token: Option<String>) -> Result<i64, RedriveError> {
        let found = self.find(arn).await?;
        if let Some(token) = &client_token
            && let Some(at) = self.redrives.find(found.id, token, self.clock.now_ms())
        {
            return Ok(at);
        }
        if let Redrivable::No(reason) = self.redrivable(&found).await.map_err(FindError::from)? {
            return Err(RedriveError::NotRedrivable(reason));
        }
        match self.runtime.redrive(found.id, found.redrive_count + 1).await? {
            Ok(at) => {
                if let Some(token) = client_token {
                    self.redrives.remember(found.id, token, at);
                }
                Ok(at)
            }
            Err(RedriveRefused::Open) => Err(RedriveError::NotRedrivable(
                "Execution is RUNNING and cannot be redriven".into(),
            )),
            Err(RedriveRefused::Gone) => Err(RedriveError::NotRedrivable(
                "Execution redrivable period exceeded".into(),
            )),
        }
    }
}
