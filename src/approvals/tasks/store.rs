//! The SQL of human tasks.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::super::store::Assignee;
use super::model::{NewTask, Task, TaskState};
use crate::db::{DbError, Tx};
use crate::ids::TaskId;

const COLUMNS: &str = "select id, environment, execution_arn, title, description, assignees, form, input, state, claimed_by, \
                       answered_by, answer, error, cause, outcome_note, created_at, deadline_at, answered_at, sending_at, \
                       closed_at from tasks";

/// Inserts a task and its token; false when the token was handed in before.
pub(super) async fn insert(
    tx: &mut Tx,
    id: TaskId,
    task: &NewTask,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let assignees: Vec<String> = task.assignees.iter().map(ToString::to_string).collect();
    let inserted = sqlx::query(
        "insert into tasks (id, environment, token_hash, execution_arn, title, description, assignees, form, input,
                            created_at, deadline_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict on constraint a_token_is_one_task do nothing",
    )
    .bind(id)
    .bind(&task.environment)
    .bind(token_hash)
    .bind(&task.execution_arn)
    .bind(&task.title)
    .bind(&task.description)
    .bind(&assignees)
    .bind(&task.form)
    .bind(&task.input)
    .bind(now)
    .bind(task.deadline_at)
    .execute(tx.conn())
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("insert into task_tokens (task, token) values ($1, $2)")
        .bind(id)
        .bind(&task.token)
        .execute(tx.conn())
        .await?;
    Ok(true)
}

pub(super) async fn by_token(
    tx: &mut Tx,
    environment: &str,
    token_hash: &[u8],
) -> Result<Option<Task>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query
        .push(" where environment = ")
        .push_bind(environment)
        .push(" and token_hash = ")
        .push_bind(token_hash);
    Ok(query.build_query_as().fetch_optional(tx.conn()).await?)
}

pub(super) async fn find(conn: &mut PgConnection, id: TaskId) -> Result<Option<Task>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(" where id = ").push_bind(id);
    Ok(query.build_query_as().fetch_optional(conn).await?)
}

/// A task, locked until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: TaskId) -> Result<Option<Task>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(" where id = ").push_bind(id).push(" for update");
    Ok(query.build_query_as().fetch_optional(tx.conn()).await?)
}

/// The token, for the one call it is for.
pub(super) async fn token(conn: &mut PgConnection, id: TaskId) -> Result<Option<String>, DbError> {
    Ok(
        sqlx::query_scalar("select token from task_tokens where task = $1")
            .bind(id)
            .fetch_optional(conn)
            .await?,
    )
}

pub(super) async fn remove_token(tx: &mut Tx, id: TaskId) -> Result<(), DbError> {
    sqlx::query("delete from task_tokens where task = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Writes how a task stands now.
pub(super) async fn save(tx: &mut Tx, task: &Task) -> Result<(), DbError> {
    sqlx::query(
        "update tasks set state = $2, claimed_by = $3, answered_by = $4, answer = $5, error = $6, cause = $7,
                outcome_note = $8, answered_at = $9, sending_at = $10, closed_at = $11
         where id = $1",
    )
    .bind(task.id)
    .bind(task.state)
    .bind(&task.claimed_by)
    .bind(&task.answered_by)
    .bind(&task.answer)
    .bind(&task.error)
    .bind(&task.cause)
    .bind(&task.outcome_note)
    .bind(task.answered_at)
    .bind(task.sending_at)
    .bind(task.closed_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What narrows a list of tasks.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) state: Option<TaskState>,
    pub(super) environment: Option<String>,
    /// Only what this person can answer now: theirs, or open and assigned to them.
    pub(super) assignee: Option<Assignee>,
}

/// Newest first, those before `before` in that order.
pub(super) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<(DateTime<Utc>, TaskId)>,
    limit: i64,
) -> Result<Vec<Task>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(" where true");
    if let Some(state) = filter.state {
        query.push(" and state = ").push_bind(state);
    }
    if let Some(environment) = &filter.environment {
        query.push(" and environment = ").push_bind(environment);
    }
    if let Some(assignee) = &filter.assignee {
        query
            .push(" and ((state = 'open' and assignees && ")
            .push_bind(&assignee.terms);
        query
            .push(") or (state = 'claimed' and claimed_by = ")
            .push_bind(&assignee.name)
            .push("))");
    }
    if let Some((at, id)) = before {
        query
            .push(" and (created_at, id) < (")
            .push_bind(at)
            .push(", ")
            .push_bind(id)
            .push(")");
    }
    query
        .push(" order by created_at desc, id desc limit ")
        .push_bind(limit);
    Ok(query.build_query_as().fetch_all(conn).await?)
}
