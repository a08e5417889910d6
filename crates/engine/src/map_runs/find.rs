//! DescribeMapRun and ListMapRuns.

use sqlx::FromRow;

use super::MapRuns;
use super::model::{Counts, MapRun};
use super::store;
use crate::arn::{Arn, ArnError, Resource};
use crate::executions::ExecutionId;

/// Why there is no Map Run to be had.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The text is no ARN, or none of a Map Run.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// Nothing has this ARN.
    #[error("there is no Map Run `{0}`")]
    Missing(String),
    /// Postgres did not answer.
    #[error("Map Runs could not be read")]
    Database(#[from] sqlx::Error),
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Listed {
    /// Its ARN.
    pub arn: String,
    /// ms since 1970.
    pub started_at: i64,
    /// ms since 1970.
    pub stopped_at: Option<i64>,
}

impl MapRuns {
    /// A Map Run, and how its children stand.
    pub async fn find(&self, arn: &str) -> Result<(MapRun, Counts), FindError> {
        check_arn(arn)?;
        // In this order: of one that ends in between the first says so, or the second does.
        let driven = self.runtime.map_run_counts(arn);
        let (run, counted) = store::find(&self.pool, arn)
            .await?
            .ok_or_else(|| FindError::Missing(arn.to_owned()))?;
        let counts = match counted.or(driven) {
            Some(counts) => counts,
            // Whoever takes it up has not yet.
            None => store::counts(&self.pool, arn).await?,
        };
        Ok((run, counts))
    }

    /// The Map Runs of an execution, the first first, beginning after `after`; at most `limit`.
    pub async fn list(
        &self,
        execution: ExecutionId,
        after: Option<&str>,
        limit: u32,
    ) -> sqlx::Result<Vec<Listed>> {
        sqlx::query_as(
            "select arn, started_at, stopped_at from engine.map_runs
            where execution_id = $1 and ($2::text is null or (started_at, arn) >
                (select last.started_at, last.arn from engine.map_runs last where last.arn = $2))
            order by started_at, arn limit $3",
        )
        .bind(execution.0)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
    }
}

/// Refuses what is no ARN of a Map Run.
pub(super) fn check_arn(text: &str) -> Result<(), ArnError> {
    let arn = Arn::parse(text)?;
    match arn.resource {
        // Postgres holds no NUL, so nothing has such a name.
        Resource::MapRun { .. } if text.contains('\0') => Err(ArnError::Shape(text.to_owned())),
        Resource::MapRun { .. } => Ok(()),
        Resource::Machine { .. }
        | Resource::Execution { .. }
        | Resource::Express { .. }
        | Resource::Activity { .. } => Err(arn.unfit()),
    }
}
