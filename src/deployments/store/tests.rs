//! Tests of a deployment, one row per case.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::super::tests::{TestCase, TestResult};
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

/// All cases in order.
pub(in super::super) async fn load(
    conn: &mut PgConnection,
    id: DeploymentId,
) -> Result<Vec<TestRow>, DbError> {
    Ok(sqlx::query_as(
        "select position, test_case, execution_name, execution_arn, started_at, finished_at, passed, final_status, error, \
             duration_ms from deployment_tests where deployment = $1 order by position",
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
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "update deployment_tests set finished_at = $3, passed = $4, final_status = $5, error = $6, duration_ms = $7 \
         where deployment = $1 and position = $2 and finished_at is null",
    )
    .bind(id)
    .bind(i32::try_from(result.test_case).unwrap_or(i32::MAX))
    .bind(at)
    .bind(result.passed.unwrap_or(false))
    .bind(&result.final_status)
    .bind(&result.error)
    .bind(result.duration_ms)
    .execute(conn)
    .await?;
    Ok(())
}
