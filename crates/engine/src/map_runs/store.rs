//! The SQL of Map Runs. Every write carries the epoch of the driver it is made for, and writes nothing when another has begun
//! (see `journal::write`).

use std::sync::Arc;

use asl::eval::{ItemSource, MapRunCall, TaskId, Tolerance};
use asl::json::Payload;
use futures::TryStreamExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::model::{Count, Counts, End, MapRun, MapRunStatus, Settings};
use crate::executions::{ExecutionId, ExecutionStatus};

/// The tables, for one term of this process as driver.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) pool: PgPool,
    pub(super) epoch: i64,
}

/// Inputs that are stored in one row.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    pub(super) first_index: u32,
    /// With commas between.
    pub(super) inputs: String,
    pub(super) items: Vec<i32>,
}

const COLUMNS: &str = "arn, execution_id, task, execution_arn, revision_id, mock_case, call, status, max_concurrency, tolerated_count,
    tolerated_percentage, started_at, stopped_at, redrive_count, redriven_at, inputs, result, error, cause, counts";

impl Store {
    /// Writes a new Map Run down, with all its inputs where they are known. One that is there already stays as it is; whether
    /// this was new.
    pub(super) async fn insert(&self, run: &MapRun, chunks: Option<&[Chunk]>) -> sqlx::Result<bool> {
        match chunks {
            None => self.insert_run(run, None, &self.pool).await,
            Some([]) => self.insert_run(run, Some(&Chunk::default()), &self.pool).await,
            Some([chunk]) => self.insert_run(run, Some(chunk), &self.pool).await,
            Some([first, rest @ ..]) => {
                let mut transaction = self.pool.begin().await?;
                let is_new = self.insert_run(run, Some(first), &mut *transaction).await?;
                if is_new {
                    for chunk in rest {
                        self.insert_inputs(&run.arn, chunk, &mut *transaction).await?;
                    }
                }
                transaction.commit().await?;
                Ok(is_new)
            }
        }
    }

    async fn insert_run<'c>(
        &self,
        run: &MapRun,
        chunk: Option<&Chunk>,
        to: impl sqlx::Executor<'c, Database = Postgres>,
    ) -> sqlx::Result<bool> {
        let call = stored_call(&run.call, chunk.is_some())?;
        let row = sqlx::query(
            "with fence as materialized (
                select epoch from engine.driver where epoch = $1
            ), run as (
                insert into engine.map_runs (arn, execution_id, task, execution_arn, revision_id, mock_case, call, status,
                    max_concurrency, tolerated_count, tolerated_percentage, started_at, inputs)
                select $2, $3, $4, $5, $6, $7, $8, 'RUNNING', $9, $10, $11, $12, $13 where exists (select from fence)
                on conflict (arn) do nothing
                returning arn
            ), inputs as (
                insert into engine.map_run_inputs (map_run_arn, first_index, inputs, items)
                select arn, 0, $14, $15 from run where $14 is not null
            )
            select exists (select from run)",
        )
        .bind(self.epoch)
        .bind(&*run.arn)
        .bind(run.execution.0)
        .bind(signed(run.task.0))
        .bind(&*run.execution_arn)
        .bind(run.revision_id)
        .bind(run.mock_case.as_deref())
        .bind(call)
        .bind(i32::try_from(run.settings.max_concurrency).unwrap_or(i32::MAX))
        .bind(run.settings.tolerance.count.map(signed))
        .bind(run.settings.tolerance.percentage)
        .bind(run.started_at)
        .bind(run.inputs.map(i64::from))
        .bind(chunk.map(Chunk::bytes))
        .bind(chunk.map(|chunk| chunk.items.clone()))
        .fetch_one(to)
        .await?;
        row.try_get(0)
    }

    /// Writes inputs down that were read.
    pub(super) async fn add_inputs(&self, arn: &str, chunk: &Chunk) -> sqlx::Result<()> {
        self.insert_inputs(arn, chunk, &self.pool).await
    }

    async fn insert_inputs<'c>(
        &self,
        arn: &str,
        chunk: &Chunk,
        to: impl sqlx::Executor<'c, Database = Postgres>,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "insert into engine.map_run_inputs (map_run_arn, first_index, inputs, items)
            select $2, $3, $4, $5 where exists (select from engine.driver where epoch = $1)",
        )
        .bind(self.epoch)
        .bind(arn)
        .bind(place(chunk.first_index))
        .bind(chunk.bytes())
        .bind(&chunk.items)
        .execute(to)
        .await?;
        Ok(())
    }

    /// All items are read: there are so many inputs.
    pub(super) async fn inputs_complete(&self, arn: &str, inputs: u32) -> sqlx::Result<()> {
        sqlx::query(
            "update engine.map_runs set inputs = $3
            where arn = $2 and exists (select from engine.driver where epoch = $1)",
        )
        .bind(self.epoch)
        .bind(arn)
        .bind(i64::from(inputs))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The row of inputs that has this one.
    pub(super) async fn chunk_of(&self, arn: &str, index: u32) -> sqlx::Result<Option<(u32, Vec<u8>)>> {
        let row: Option<(i32, Vec<u8>)> = sqlx::query_as(
            "select first_index, inputs from engine.map_run_inputs
            where map_run_arn = $1 and first_index <= $2 order by first_index desc limit 1",
        )
        .bind(arn)
        .bind(place(index))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(first, inputs)| (first.unsigned_abs(), inputs)))
    }

    /// How many items are in each input, in order.
    pub(super) async fn item_counts(&self, arn: &str) -> sqlx::Result<Vec<u32>> {
        let mut rows = sqlx::query_scalar::<_, Vec<i32>>(
            "select items from engine.map_run_inputs where map_run_arn = $1 order by first_index",
        )
        .bind(arn)
        .fetch(&self.pool);
        let mut counts = Vec::new();
        while let Some(items) = rows.try_next().await? {
            counts.extend(items.into_iter().map(i32::unsigned_abs));
        }
        Ok(counts)
    }

    /// The last execution of each input that has begun, told to `found` as the rows come.
    pub(super) async fn children(
        &self,
        arn: &str,
        mut found: impl FnMut(u32, ExecutionId, ExecutionStatus, u32),
    ) -> sqlx::Result<()> {
        let mut rows = sqlx::query_as::<_, (i32, Uuid, String, i32)>(
            "select distinct on (map_run_index) map_run_index, id, status, redrive_count
            from engine.executions where map_run_arn = $1 order by map_run_index, id desc",
        )
        .bind(arn)
        .fetch(&self.pool);
        while let Some((index, id, status, redrive_count)) = rows.try_next().await? {
            let status = ExecutionStatus::parse(&status)
                .ok_or_else(|| sqlx::Error::Decode(format!("unknown status `{status}`").into()))?;
            found(
                index.unsigned_abs(),
                ExecutionId(id),
                status,
                redrive_count.unsigned_abs(),
            );
        }
        Ok(())
    }

    /// How it ended. It stays as it is when it has ended already.
    pub(super) async fn finish(
        &self,
        arn: &str,
        end: &End,
        counts: &Counts,
        stopped_at: i64,
    ) -> sqlx::Result<()> {
        let (result, error, cause) = match end {
            End::Succeeded(result) => (Some(result.as_bytes()), None, None),
            End::Failed { error, cause } => (None, error.as_deref(), cause.as_deref()),
            End::Aborted => (None, None, None),
        };
        sqlx::query(
            "update engine.map_runs set status = $3, stopped_at = $4, result = $5, error = $6, cause = $7, counts = $8
            where arn = $2 and status = 'RUNNING' and exists (select from engine.driver where epoch = $1)",
        )
        .bind(self.epoch)
        .bind(arn)
        .bind(end.status().as_str())
        .bind(stopped_at)
        .bind(result)
        .bind(error.map(storable))
        .bind(cause.map(storable))
        .bind(Json(counts))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// It goes on, for the `count`th time, and with it those of its children that failed. Said twice, it is done once.
    pub(super) async fn redrive(&self, arn: &str, task: TaskId, count: u32, now_ms: i64) -> sqlx::Result<()> {
        sqlx::query(
            "with run as (
                update engine.map_runs set status = 'RUNNING', task = $3, redrive_count = $4, redriven_at = $5, stopped_at = null,
                    result = null, error = null, cause = null, counts = null
                where arn = $2 and redrive_count < $4 and exists (select from engine.driver where epoch = $1)
                returning arn
            )
            update engine.executions e set status = 'PENDING_REDRIVE', stopped_at = null
            from (
                select distinct on (c.map_run_index) c.id, c.status from engine.executions c join run on c.map_run_arn = run.arn
                order by c.map_run_index, c.id desc
            ) last
            where e.id = last.id and last.status in ('FAILED', 'TIMED_OUT', 'ABORTED')",
        )
        .bind(self.epoch)
        .bind(arn)
        .bind(signed(task.0))
        .bind(i32::try_from(count).unwrap_or(i32::MAX))
        .bind(now_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Children that wait to be redriven will not be; or (of Express) were begun anew as another execution.
    pub(super) async fn give_up_redrive(
        &self,
        arn: &str,
        index: Option<u32>,
        status: ExecutionStatus,
        now_ms: i64,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "update engine.executions set status = $3, stopped_at = $4
            where map_run_arn = $2 and status = 'PENDING_REDRIVE' and ($5::integer is null or map_run_index = $5)
                and exists (select from engine.driver where epoch = $1)",
        )
        .bind(self.epoch)
        .bind(arn)
        .bind(status.as_str())
        .bind(now_ms)
        .bind(index.map(place))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Map Runs that have not ended: which, and of which execution.
    pub(super) async fn running(&self) -> sqlx::Result<Vec<(Arc<str>, ExecutionId)>> {
        let rows: Vec<(String, Uuid)> =
            sqlx::query_as("select arn, execution_id from engine.map_runs where status = 'RUNNING'")
                .fetch_all(&self.pool)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(arn, execution)| (arn.into(), ExecutionId(execution)))
            .collect())
    }

    pub(super) async fn find(&self, arn: &str) -> sqlx::Result<Option<MapRun>> {
        Ok(find(&self.pool, arn).await?.map(|(run, _)| run))
    }
}

impl Chunk {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.inputs.len() + 2);
        bytes.push(b'[');
        bytes.extend_from_slice(self.inputs.as_bytes());
        bytes.push(b']');
        bytes
    }
}

/// A Map Run, and how its children stood when it ended.
pub(super) async fn find(pool: &PgPool, arn: &str) -> sqlx::Result<Option<(MapRun, Option<Counts>)>> {
    let mut query = QueryBuilder::<Postgres>::new("select ");
    query
        .push(COLUMNS)
        .push(" from engine.map_runs where arn = ")
        .push_bind(arn);
    let row = query.build().fetch_optional(pool).await?;
    row.map(|row| read(&row)).transpose()
}

/// How the children of a Map Run stand that nobody drives at the moment. Those that have no row are pending.
pub(super) async fn counts(pool: &PgPool, arn: &str) -> sqlx::Result<Counts> {
    let (executions, items): (i64, i64) = sqlx::query_as(
        "select coalesce(sum(cardinality(items)), 0)::bigint, coalesce(sum((select sum(item) from unnest(items) item)), 0)::bigint
        from engine.map_run_inputs where map_run_arn = $1",
    )
    .bind(arn)
    .fetch_one(pool)
    .await?;
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "select status, count(*), sum(map_run_items)::bigint from (
            select distinct on (map_run_index) status, map_run_items from engine.executions
            where map_run_arn = $1 order by map_run_index, id desc
        ) last group by status",
    )
    .bind(arn)
    .fetch_all(pool)
    .await?;
    let mut counts = Counts::default();
    for (status, executions, items) in rows {
        let status = ExecutionStatus::parse(&status)
            .ok_or_else(|| sqlx::Error::Decode(format!("unknown status `{status}`").into()))?;
        *counts.of_mut(status.into()) = Count {
            executions: executions.unsigned_abs(),
            items: items.unsigned_abs(),
        };
    }
    let begun = counts.total();
    counts.pending = Count {
        executions: executions.unsigned_abs().saturating_sub(begun.executions),
        items: items.unsigned_abs().saturating_sub(begun.items),
    };
    Ok(counts)
}

/// Changes what is given of a running Map Run's settings. How many that were: none or one.
pub(super) async fn update(
    pool: &PgPool,
    arn: &str,
    max_concurrency: Option<u32>,
    count: Option<u64>,
    percentage: Option<f64>,
) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "update engine.map_runs set max_concurrency = coalesce($2, max_concurrency),
            tolerated_count = coalesce($3, tolerated_count), tolerated_percentage = coalesce($4, tolerated_percentage)
        where arn = $1 and status = 'RUNNING'",
    )
    .bind(arn)
    .bind(max_concurrency.map(|most| i32::try_from(most).unwrap_or(i32::MAX)))
    .bind(count.map(signed))
    .bind(percentage)
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

fn read(row: &PgRow) -> sqlx::Result<(MapRun, Option<Counts>)> {
    let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let text = |name: &str| -> sqlx::Result<Option<Arc<str>>> {
        Ok(row.try_get::<Option<String>, _>(name)?.map(Into::into))
    };
    let word: String = row.try_get("status")?;
    let status =
        MapRunStatus::parse(&word).ok_or_else(|| decode(format!("unknown status `{word}`").into()))?;
    let call: MapRunCall =
        serde_json::from_slice(row.try_get("call")?).map_err(|error| decode(error.into()))?;
    let result = row
        .try_get::<Option<Vec<u8>>, _>("result")?
        .map(|result| String::from_utf8(result).map_err(|error| decode(error.into())))
        .transpose()?;
    let end = match (status, result) {
        (MapRunStatus::Running, _) => None,
        (MapRunStatus::Succeeded, result) => Some(End::Succeeded(result.unwrap_or_default().into())),
        (MapRunStatus::Failed, _) => Some(End::Failed {
            error: text("error")?,
            cause: text("cause")?,
        }),
        (MapRunStatus::Aborted, _) => Some(End::Aborted),
    };
    let run = MapRun {
        arn: row.try_get::<String, _>("arn")?.into(),
        execution: ExecutionId(row.try_get("execution_id")?),
        task: TaskId(row.try_get::<i64, _>("task")?.unsigned_abs()),
        execution_arn: row.try_get::<String, _>("execution_arn")?.into(),
        revision_id: row.try_get("revision_id")?,
        mock_case: text("mock_case")?,
        call: Arc::new(call),
        status,
        settings: Settings {
            max_concurrency: row.try_get::<i32, _>("max_concurrency")?.unsigned_abs(),
            tolerance: Tolerance {
                count: row
                    .try_get::<Option<i64>, _>("tolerated_count")?
                    .map(i64::unsigned_abs),
                percentage: row.try_get("tolerated_percentage")?,
            },
        },
        started_at: row.try_get("started_at")?,
        stopped_at: row.try_get("stopped_at")?,
        redrive_count: row.try_get::<i32, _>("redrive_count")?.unsigned_abs(),
        redriven_at: row.try_get("redriven_at")?,
        inputs: row
            .try_get::<Option<i64>, _>("inputs")?
            .map(|inputs| u32::try_from(inputs).unwrap_or(u32::MAX)),
        end,
    };
    let counts = row.try_get::<Option<Json<Counts>>, _>("counts")?;
    Ok((run, counts.map(|Json(counts)| counts)))
}

/// The call; without its items where these are in rows of their own.
fn stored_call(call: &MapRunCall, has_rows: bool) -> sqlx::Result<Vec<u8>> {
    let stored = match &call.source {
        ItemSource::Items(_) if has_rows => serde_json::to_vec(&MapRunCall {
            source: ItemSource::Items(Payload::from_items(Vec::new())),
            selection: None,
            ..call.clone()
        }),
        ItemSource::Items(_) | ItemSource::Reader(_) => serde_json::to_vec(call),
    };
    stored.map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Postgres holds no NUL in a text.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn place(index: u32) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
