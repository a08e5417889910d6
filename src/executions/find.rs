//! Look at executions: one, many, their history and feed.

use serde_json::Value;

use super::limits;
use super::model::{Execution, FeedEvent, Filter};
use super::store::{self, After};
use crate::app::App;
use crate::db::DbError;
use crate::environments::UnknownEnvironment;
use crate::ids::ExecutionId;
use crate::step_functions::{GetExecutionHistory, Listing, MachineType, StepFunctionsError};

/// An execution by its id, with input and output.
pub async fn find(app: &App, id: ExecutionId) -> Result<Option<Execution>, DbError> {
    let mut conn = app.db.connection().await?;
    store::load(&mut conn, id).await
}

/// Executions that match, the newest first, after `after`; at most `limit`. Without input and output.
pub async fn list(
    app: &App,
    filter: &Filter,
    limit: i64,
    after: Option<After>,
) -> Result<Vec<Execution>, DbError> {
    let mut conn = app.db.connection().await?;
    store::list(&mut conn, filter, limit, after).await
}

/// What the feed of an execution tells after `after`.
pub(super) async fn feed(app: &App, id: ExecutionId, after: i64) -> Result<Vec<FeedEvent>, DbError> {
    let mut conn = app.db.connection().await?;
    store::events_after(&mut conn, id, after, limits::FEED_PAGE_MAX).await
}

/// The first number of an execution's feed that is kept and the last one given out; none when there is no such execution.
pub(super) async fn feed_bounds(app: &App, id: ExecutionId) -> Result<Option<(Option<i64>, i64)>, DbError> {
    let mut conn = app.db.connection().await?;
    store::feed_bounds(&mut conn, id).await
}

/// Why there is no history to show.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// No such execution.
    #[error("there is no execution `{id}`")]
    Unknown {
        /// The id that was given.
        id: ExecutionId,
    },
    /// AWS keeps no history of Express executions.
    #[error("`{id}` is an Express execution: Step Functions keeps no history of it but in CloudWatch Logs")]
    Express {
        /// The execution.
        id: ExecutionId,
    },
    /// Its environment is no longer configured.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// Step Functions refused.
    #[error("the history could not be read")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed.
    #[error("the execution could not be read")]
    Database(#[from] DbError),
}

/// A page of an execution's history, each event as AWS gives it.
pub(super) async fn history(
    app: &App,
    id: ExecutionId,
    limit: u32,
    newest_first: bool,
    next_token: Option<String>,
) -> Result<Listing<Value>, HistoryError> {
    let row = find(app, id).await?.ok_or(HistoryError::Unknown { id })?;
    if row.kind == MachineType::Express {
        return Err(HistoryError::Express { id });
    }
    let Some(execution_arn) = row.execution_arn else {
        return Err(HistoryError::Unknown { id });
    };
    let target = app.environments.target(&row.environment)?;
    let get = GetExecutionHistory {
        execution_arn,
        max_results: u16::try_from(limit.min(limits::HISTORY_PAGE_MAX)).ok(),
        reverse_order: newest_first,
        next_token,
    };
    Ok(target.step_functions.get_execution_history(get).await?)
}
