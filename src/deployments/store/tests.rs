//! Tests of a deployment, one row per case.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::super::tests::trail::Trail;
use super::super::tests::{ReplayOutcome, TestCase, TestMode, TestResult};
use crate::db::{DbError, Tx};
use crate::ids::DeploymentId;

/// A case and how far it is.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct TestRow {
    pub(in super::super) position: i32,
    pub(in super::super) test_case: Json<TestCase>,
    pub(in super::super) execution_name: String,
    pub(in super::super) execution_arn: Option<String>,
    pub(in super::super) started_at: Option<DateTime<Utc>>,
    pub(in super::super) finished_at: Option<DateTime<Utc>>,
    pub(in super::super) passed: Option<bool>,
    pub(in super::super) final_status: Option<String>,
    pub(in super::super) error: Option<String>,
    pub(in super::super) duration_ms: Option<i64>,
    pub(in super::super) replay_of: Option<String>,
    outcome: Option<String>,
    differences: Json<Vec<String>>,
    pub(in super::super) trail: Option<Json<Trail>>,
}

impl TestRow {
    /// As shown.
    pub(in super::super) fn result(&self) -> TestResult {
        TestResult {
            test_case: u32::try_from(self.position).unwrap_or_default(),
            name: self.test_case.0.name.clone(),
            passed: self.passed,
            execution_arn: self.execution_arn.clone(),
            final_status: self.final_status.clone(),
            error: self.error.clone(),
            duration_ms: self.duration_ms,
            mode: match (&self.replay_of, &self.test_case.0.mocks) {
                (Some(_), _) => TestMode::Replay,
                (None, Some(_)) => TestMode::Mocked,
                (None, None) => TestMode::Live,
            },
            replay_of: self.replay_of.clone(),
            outcome: self.outcome.as_deref().and_then(|outcome| match outcome {
                "same" => Some(ReplayOutcome::Same),
                "differs" => Some(ReplayOutcome::Differs),
                "not_comparable" => Some(ReplayOutcome::NotComparable),
                _ => None,
            }),
            differences: self.differences.0.clone(),
        }
    }
}

/// Writes the cases of a new deployment, each with the name its execution will have.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    id: DeploymentId,
    cases: &[TestCase],
    name: impl Fn(usize) -> String,
) -> Result<(), DbError> {
    for (position, case) in cases.iter().enumerate() {
        sqlx::query(
            "insert into deployment_tests (deployment, position, test_case, execution_name) values ($1, $2, $3, $4)",
        )
        .bind(id)
        .bind(i32::try_from(position).unwrap_or(i32::MAX))
        .bind(Json(case))
        .bind(name(position))
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Takes the cases away, for others to take their place.
pub(in super::super) async fn clear(tx: &mut Tx, id: DeploymentId) -> Result<(), DbError> {
    sqlx::query("delete from deployment_tests where deployment = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A past execution to be replayed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct PastRow {
    execution_arn: String,
    name: String,
}

/// Draws past executions of a version through its alias. The draw is the deployment's own and comes out the same again.
pub(in super::super) async fn draw(
    conn: &mut PgConnection,
    id: DeploymentId,
    version: &str,
    (statuses, samples): (&[String], u32),
    since: DateTime<Utc>,
) -> Result<Vec<PastRow>, DbError> {
    Ok(sqlx::query_as(
        "select execution_arn, name from executions where version_arn = $1 and alias_arn is not null \
             and status = any($2) and started_at >= $3 and record = 'started' and redrive_count = 0 and lost_at is null \
             and kind = 'STANDARD' and execution_arn is not null \
         order by md5(id || $4) limit $5",
    )
    .bind(version)
    .bind(statuses)
    .bind(since)
    .bind(id.to_string())
    .bind(i64::from(samples))
    .fetch_all(conn)
    .await?)
}

/// Writes the replays of a new deployment, after its cases.
pub(in super::super) async fn insert_replays(
    tx: &mut Tx,
    id: DeploymentId,
    past: &[PastRow],
    first: usize,
    name: impl Fn(usize) -> String,
) -> Result<(), DbError> {
    for (position, past) in (first..).zip(past) {
        let case = serde_json::json!({"name": format!("replay of {}", past.name)});
        sqlx::query(
            "insert into deployment_tests (deployment, position, test_case, execution_name, replay_of) \
             values ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(i32::try_from(position).unwrap_or(i32::MAX))
        .bind(Json(case))
        .bind(name(position))
        .bind(&past.execution_arn)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// All cases in order.
pub(in super::super) async fn load(
    conn: &mut PgConnection,
    id: DeploymentId,
) -> Result<Vec<TestRow>, DbError> {
    Ok(sqlx::query_as(
        "select position, test_case, execution_name, execution_arn, started_at, finished_at, passed, final_status, error, \
             duration_ms, replay_of, outcome, differences, trail from deployment_tests where deployment = $1 order by position",
    )
    .bind(id)
    .fetch_all(conn)
    .await?)
}

/// Notes that a case's execution was started.
pub(in super::super) async fn started(
    conn: &mut PgConnection,
    id: DeploymentId,
    position: i32,
    arn: &str,
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "update deployment_tests set execution_arn = $3, started_at = coalesce(started_at, $4) \
         where deployment = $1 and position = $2",
    )
    .bind(id)
    .bind(position)
    .bind(arn)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes how a case ended.
pub(in super::super) async fn finished(
    conn: &mut PgConnection,
    id: DeploymentId,
    result: &TestResult,
    trail: Option<&Trail>,
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    let outcome = result.outcome.map(|outcome| match outcome {
        ReplayOutcome::Same => "same",
        ReplayOutcome::Differs => "differs",
        ReplayOutcome::NotComparable => "not_comparable",
    });
    sqlx::query(
        "update deployment_tests set finished_at = $3, passed = $4, final_status = $5, error = $6, duration_ms = $7, \
             outcome = $8, differences = $9, trail = $10 \
         where deployment = $1 and position = $2 and finished_at is null",
    )
    .bind(id)
    .bind(i32::try_from(result.test_case).unwrap_or(i32::MAX))
    .bind(at)
    .bind(result.passed.unwrap_or(false))
    .bind(&result.final_status)
    .bind(&result.error)
    .bind(result.duration_ms)
    .bind(outcome)
    .bind(Json(&result.differences))
    .bind(trail.map(Json))
    .execute(conn)
    .await?;
    Ok(())
}
