//! RedriveExecution. A client token stands for one redrive: it is written down before, and whether that redrive took place is then
//! read from the execution, so that a request that is repeated redrives once, whatever happened in between.

use sqlx::PgPool;

use super::Executions;
use super::find::{FindError, Redrivable};
use super::model::Execution;
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

impl Executions {
    /// Lets a closed execution go on: when, in ms since 1970.
    pub async fn redrive(&self, arn: &str, client_token: Option<String>) -> Result<i64, RedriveError> {
        let found = self.find(arn).await?;
        let now_ms = self.clock.now_ms();
        if let Some(token) = &client_token
            && let Some(at) = redriven_before(&self.pool, &found, token, now_ms)
                .await
                .map_err(FindError::from)?
        {
            return Ok(at);
        }
        match self.redrivable(&found).await.map_err(FindError::from)? {
            Redrivable::Yes => {}
            Redrivable::ByMapRun => {
                return Err(RedriveError::NotRedrivable(
                    "Execution was dispatched by a Map Run and can be redriven by redriving that only".into(),
                ));
            }
            Redrivable::No(reason) => return Err(RedriveError::NotRedrivable(reason)),
        }
        let count = found.redrive_count + 1;
        if let Some(token) = &client_token {
            intend(&self.pool, &found, token, now_ms)
                .await
                .map_err(FindError::from)?;
        }
        match self.runtime.redrive(found.id, count).await? {
            Ok(at) => {
                if let Some(token) = &client_token {
                    remember(&self.pool, &found, token, at)
                        .await
                        .map_err(FindError::from)?;
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

/// When the redrive took place that the token stands for; `None`: it did not, or the token is old or new.
async fn redriven_before(
    pool: &PgPool,
    execution: &Execution,
    token: &str,
    now_ms: i64,
) -> sqlx::Result<Option<i64>> {
    let row: Option<(i32, Option<i64>)> = sqlx::query_as(
        "select count, redriven_at from engine.redrive_tokens where execution_id = $1 and token = $2 and asked_at > $3",
    )
    .bind(execution.id.0)
    .bind(token)
    .bind(now_ms - limits::REDRIVE_TOKEN_MS_MAX)
    .fetch_optional(pool)
    .await?;
    Ok(row.and_then(|(count, redriven_at)| {
        let took_place = execution.redrive_count >= count.unsigned_abs();
        redriven_at.or(execution.redriven_at).filter(|_| took_place)
    }))
}

async fn intend(pool: &PgPool, execution: &Execution, token: &str, now_ms: i64) -> sqlx::Result<()> {
    sqlx::query(
        "insert into engine.redrive_tokens (execution_id, token, count, asked_at) values ($1, $2, $3, $4)
        on conflict (execution_id, token) do update
        set count = excluded.count, asked_at = excluded.asked_at, redriven_at = null",
    )
    .bind(execution.id.0)
    .bind(token)
    .bind(i32::try_from(execution.redrive_count + 1).unwrap_or(i32::MAX))
    .bind(now_ms)
    .execute(pool)
    .await?;
    Ok(())
}

async fn remember(pool: &PgPool, execution: &Execution, token: &str, at: i64) -> sqlx::Result<()> {
    sqlx::query("update engine.redrive_tokens set redriven_at = $3 where execution_id = $1 and token = $2")
        .bind(execution.id.0)
        .bind(token)
        .bind(at)
        .execute(pool)
        .await?;
    Ok(())
}
