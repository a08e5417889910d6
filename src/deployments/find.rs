//! Find deployments, and what belongs to them.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::act::ActError;
use super::store::evidence::LookRow;
use super::store::record::{self, Filter, Record};
use super::store::tests::TestRow;
use super::store::timeline::{self, CallRow, EventRow};
use super::store::{self};
use super::tests::TestReport;
use super::tests::coverage::{Coverage, coverage};
use super::tests::trail::Trail;
use crate::app::App;
use crate::db::DbError;
use crate::environments::{Target, UnknownEnvironment};
use crate::ids::DeploymentId;
use crate::step_functions::{GetExecutionHistory, StepFunctionsError};

/// Pages of a history that are read: all of the 25,000 events an execution can have.
const HISTORY_PAGES_MAX: usize = 25;

/// The deployment.
pub(super) async fn find(app: &App, id: DeploymentId) -> Result<Record, ActError> {
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    record::load(&mut conn, id).await?.ok_or(ActError::Unknown(id))
}

/// A page of deployments, newest first; one more than `limit`.
pub(super) async fn list(
    app: &App,
    filter: &Filter,
    before: Option<(DateTime<Utc>, String)>,
    limit: u32,
) -> Result<Vec<Record>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    record::list(&mut conn, filter, before, limit).await
}

/// The tests.
pub(super) async fn tests(app: &App, id: DeploymentId) -> Result<TestReport, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    let rows = store::tests::load(&mut conn, id).await?;
    Ok(TestReport::of(rows.iter().map(TestRow::result).collect()))
}

/// What the tests went through, from the histories of their executions and from what rehearsals noted.
pub(super) async fn tests_coverage(app: &App, record: &Record) -> Result<Coverage, CoverageError> {
    let target = app.environments.named(&record.environment)?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let rows = store::tests::load(&mut conn, record.id).await?;
    let revision = store::facts::revision(&mut conn, &record.template, Some(record.revision)).await?;
    drop(conn);
    let mut trails = Vec::new();
    for row in rows {
        if let Some(trail) = row.trail {
            trails.push(trail.0);
        } else if let Some(arn) = row.execution_arn {
            trails.push(Trail::of(&history(target, &arn).await?));
        }
    }
    let definition = revision
        .and_then(|revision| serde_json::from_str(&revision.published).ok())
        .unwrap_or_default();
    Ok(coverage(&definition, &trails))
}

/// The whole history of an execution, oldest event first.
pub(super) async fn history(target: &Target, execution_arn: &str) -> Result<Vec<Value>, StepFunctionsError> {
    let mut events = Vec::new();
    let mut next_token = None;
    for _ in 0..HISTORY_PAGES_MAX {
        let page = target
            .step_functions
            .get_execution_history(GetExecutionHistory {
                execution_arn: execution_arn.to_owned(),
                max_results: Some(1_000),
                reverse_order: false,
                next_token,
            })
            .await?;
        events.extend(page.items);
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    Ok(events)
}

/// Why coverage can't be told.
#[derive(Debug, thiserror::Error)]
pub(super) enum CoverageError {
    /// Its environment is not configured any more.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// The histories could not be read: Express executions have none.
    #[error("the tests' histories could not be read")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed.
    #[error("the tests could not be read")]
    Database(#[from] DbError),
}

/// Lines of the timeline after `after`.
pub(super) async fn events(
    app: &App,
    id: DeploymentId,
    after: i64,
    limit: u32,
) -> Result<Vec<EventRow>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    timeline::events(&mut conn, id, after, limit).await
}

/// Calls after `after`; one more than `limit`.
pub(super) async fn calls(
    app: &App,
    id: DeploymentId,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<CallRow>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    timeline::calls(&mut conn, id, after, limit).await
}

/// Looks after `after`; one more than `limit`.
pub(super) async fn looks(
    app: &App,
    id: DeploymentId,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<LookRow>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    store::evidence::looks(&mut conn, id, after, limit).await
}
