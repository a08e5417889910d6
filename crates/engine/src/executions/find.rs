//! DescribeExecution, and the rows behind it.

use asl::eval::TaskId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::Executions;
use super::model::{Execution, ExecutionId, ExecutionStatus, ParentTask};
use crate::arn::{Arn, ArnError, Resource};
use crate::limits;

/// Why there is no execution to be had.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The text is no ARN, or none of a Standard execution.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// Nothing has this ARN.
    #[error("there is no execution `{0}`")]
    Missing(String),
    /// Postgres did not answer.
    #[error("executions could not be read")]
    Database(#[from] sqlx::Error),
}

/// Whether an execution can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redrivable {
    /// Yes.
    Yes,
    /// By its Map Run only.
    ByMapRun,
    /// No, and why, in AWS's words.
    No(String),
}

const SELECT: &str = "select id, arn, name, machine_arn, version_arn, alias_arn, revision_id, map_run_arn, status, input, output,
    error, cause, started_at, stopped_at, redrive_count, redriven_at, trace_header, mock_case, parent_id, parent_task
    from engine.executions where arn = $1";

impl Executions {
    /// The execution with this ARN.
    pub async fn find(&self, arn: &str) -> Result<Execution, FindError> {
        Ok(self.find_with_parent(arn).await?.0)
    }

    pub(super) async fn find_with_parent(
        &self,
        arn: &str,
    ) -> Result<(Execution, Option<ParentTask>), FindError> {
        check_arn_or_child(arn)?;
        let row = sqlx::query(SELECT).bind(arn).fetch_optional(&self.pool).await?;
        let row = row.ok_or_else(|| FindError::Missing(arn.to_owned()))?;
        Ok(read(&row)?)
    }

    /// Whether it can go on now (developer guide, "Redriving executions"; the reasons: API reference, `DescribeExecution`).
    /// Asks for its machine and the length of its history.
    pub async fn redrivable(&self, execution: &Execution) -> sqlx::Result<Redrivable> {
        let Some(stopped_at) = execution.stopped_at else {
            return Ok(not_in_status(execution.status));
        };
        if execution.status == ExecutionStatus::Succeeded {
            return Ok(not_in_status(execution.status));
        }
        let now_ms = self.clock.now_ms();
        if now_ms - stopped_at > limits::REDRIVE_MS_MAX {
            return Ok(Redrivable::No("Execution redrivable period exceeded".into()));
        }
        if now_ms - execution.started_at > limits::EXECUTION_MS_MAX {
            return Ok(Redrivable::No(
                "Execution has exceeded the max execution time".into(),
            ));
        }
        if self.machines.is_deleted(execution.revision_id).await? {
            return Ok(Redrivable::No("State machine is in DELETING status".into()));
        }
        let events: Option<i64> =
            sqlx::query_scalar("select max(last_event_id) from engine.history where execution_id = $1")
                .bind(execution.id.0)
                .fetch_one(&self.pool)
                .await?;
        if events.unwrap_or(0).unsigned_abs() >= limits::REDRIVE_EVENTS_MAX {
            return Ok(Redrivable::No("Execution history event limit exceeded".into()));
        }
        Ok(match execution.map_run_arn {
            Some(_) => Redrivable::ByMapRun,
            None => Redrivable::Yes,
        })
    }
}

fn not_in_status(status: ExecutionStatus) -> Redrivable {
    Redrivable::No(format!("Execution is {} and cannot be redriven", status.as_str()))
}

/// Refuses what is no ARN of a Standard execution. AWS answers that something is no ARN before it looks for it.
pub(super) fn check_arn(text: &str) -> Result<(), ArnError> {
    let arn = Arn::parse(text)?;
    // Postgres holds no NUL, so nothing has such a name.
    match arn.resource {
        Resource::Execution { name, .. } if name.contains('\0') => Err(ArnError::Shape(text.to_owned())),
        Resource::Execution { .. } => Ok(()),
        Resource::Machine { .. }
        | Resource::Express { .. }
        | Resource::Activity { .. }
        | Resource::MapRun { .. } => Err(arn.unfit()),
    }
}

/// The same, but Express children of Map Runs can be asked for, too (API reference, `DescribeExecution`).
fn check_arn_or_child(text: &str) -> Result<(), ArnError> {
    match Arn::parse(text)?.resource {
        Resource::Express { machine, .. } if machine.contains('/') && !text.contains('\0') => Ok(()),
        Resource::Express { .. }
        | Resource::Execution { .. }
        | Resource::Machine { .. }
        | Resource::Activity { .. }
        | Resource::MapRun { .. } => check_arn(text),
    }
}

fn read(row: &PgRow) -> sqlx::Result<(Execution, Option<ParentTask>)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|error| sqlx::Error::Decode(error.into()));
    let parent_id: Option<Uuid> = row.try_get("parent_id")?;
    let parent_task: Option<i64> = row.try_get("parent_task")?;
    let parent = parent_id.zip(parent_task).map(|(execution, task)| ParentTask {
        execution: ExecutionId(execution),
        task: TaskId(task.unsigned_abs()),
    });
    let execution = Execution {
        id: ExecutionId(row.try_get("id")?),
        arn: row.try_get::<String, _>("arn")?.into(),
        name: row.try_get::<String, _>("name")?.into(),
        machine_arn: row.try_get::<String, _>("machine_arn")?.into(),
        version_arn: row.try_get::<Option<String>, _>("version_arn")?.map(Into::into),
        alias_arn: row.try_get::<Option<String>, _>("alias_arn")?.map(Into::into),
        revision_id: row.try_get("revision_id")?,
        map_run_arn: row.try_get::<Option<String>, _>("map_run_arn")?.map(Into::into),
        status: status(row.try_get("status")?)?,
        input: text(row.try_get("input")?)?,
        output: row
            .try_get::<Option<Vec<u8>>, _>("output")?
            .map(text)
            .transpose()?,
        error: row.try_get("error")?,
        cause: row.try_get("cause")?,
        started_at: row.try_get("started_at")?,
        stopped_at: row.try_get("stopped_at")?,
        redrive_count: row.try_get::<i32, _>("redrive_count")?.unsigned_abs(),
        redriven_at: row.try_get("redriven_at")?,
        trace_header: row.try_get("trace_header")?,
        mock_case: row.try_get("mock_case")?,
    };
    Ok((execution, parent))
}

pub(super) fn status(word: &str) -> sqlx::Result<ExecutionStatus> {
    ExecutionStatus::parse(word).ok_or_else(|| sqlx::Error::Decode(format!("unknown status `{word}`").into()))
}
