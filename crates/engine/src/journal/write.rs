//! The one statement that makes records durable.
//!
//! One statement is one round trip and its own transaction. The driver's epoch is read in it: the driver who takes over
//! locks `engine.driver` exclusively to raise the epoch, so it waits for the writes under way, and every later write of
//! the former driver finds another epoch and writes nothing.

use std::collections::HashSet;

use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::record::{Close, Fate, FrameWrite, Record, Redrive, Written};
use super::statement::Needs;
use crate::executions::ExecutionId;

/// Why a batch was not written, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Postgres did not say that it is committed; it may be.
    #[error("the write failed")]
    Database(#[from] sqlx::Error),
    /// Another process drives the executions now.
    #[error("another driver has taken over from epoch {0}")]
    Fenced(i64),
    /// Postgres did not answer in time.
    #[error("the write took longer than the limit")]
    TooSlow,
}

/// Columns of a batch, one vector for each array of the statement.
#[derive(Default)]
struct Columns<'a> {
    id: Vec<Uuid>,
    arn: Vec<&'a str>,
    name: Vec<&'a str>,
    machine_arn: Vec<&'a str>,
    version_arn: Vec<Option<&'a str>>,
    alias_arn: Vec<Option<&'a str>>,
    revision_id: Vec<Uuid>,
    map_run_arn: Vec<Option<&'a str>>,
    status: Vec<&'a str>,
    input: Vec<&'a [u8]>,
    output: Vec<Option<&'a [u8]>>,
    error: Vec<Option<String>>,
    cause: Vec<Option<String>>,
    started_at: Vec<i64>,
    stopped_at: Vec<Option<i64>>,
    trace_header: Vec<Option<String>>,
    mock_case: Vec<Option<String>>,
    parent_id: Vec<Option<Uuid>>,
    parent_task: Vec<Option<i64>>,
    map_run_index: Vec<Option<i32>>,
    map_run_items: Vec<Option<i32>>,
    last_event: Vec<Option<i64>>,
    events: Vec<Option<&'a [u8]>>,
    /// Whether a row has what most have not.
    is_special: bool,

    closed_id: Vec<Uuid>,
    closed_status: Vec<&'a str>,
    closed_output: Vec<Option<&'a [u8]>>,
    closed_error: Vec<Option<String>>,
    closed_cause: Vec<Option<String>>,
    closed_stopped_at: Vec<i64>,
    closed_redrive_count: Vec<Option<i32>>,
    closed_redriven_at: Vec<Option<i64>>,

    redriven_id: Vec<Uuid>,
    redriven_count: Vec<i32>,
    redriven_at: Vec<i64>,

    history_id: Vec<Uuid>,
    history_first: Vec<i64>,
    history_last: Vec<i64>,
    history_events: Vec<&'a [u8]>,
    history_of_start: Vec<bool>,

    frame_id: Vec<Uuid>,
    frame_open: Vec<bool>,
    frame_snapshot: Vec<&'a [u8]>,
    frame_applied: Vec<i64>,
    frame_due: Vec<Option<i64>>,
    frame_wake: Vec<bool>,
    frame_of_start: Vec<bool>,

    input_id: Vec<Uuid>,
    input_sequence: Vec<i64>,
    input_bytes: Vec<&'a [u8]>,

    absorbed_id: Vec<Uuid>,
    absorbed_up_to: Vec<i64>,
    forgotten_id: Vec<Uuid>,
}

/// Makes `batch` durable and says of each record what came of it. When Postgres refuses what is in the batch, its records
/// are written one by one, so that only the one that is to blame is left out.
pub(super) async fn write_all(
    connection: &mut PgConnection,
    epoch: i64,
    batch: &[Record],
) -> Result<Vec<Written>, WriteError> {
    match write(connection, epoch, batch).await {
        Err(WriteError::Database(error)) if is_about_content(&error) => {}
        written => return written,
    }
    let mut all = Vec::with_capacity(batch.len());
    for record in batch {
        match write(connection, epoch, std::slice::from_ref(record)).await {
            Ok(written) => all.extend(written),
            Err(WriteError::Database(error)) if is_about_content(&error) => {
                let execution = record.execution;
                tracing::error!(%execution, %error, "Postgres refuses the record of an execution");
                all.push(Written {
                    execution,
                    fate: Fate::Refused,
                });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Data exceptions (class 22), constraints (23) and limits of the program (54) will not go away by trying again.
fn is_about_content(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
}

async fn write(
    connection: &mut PgConnection,
    epoch: i64,
    batch: &[Record],
) -> Result<Vec<Written>, WriteError> {
    let mut columns = Columns::default();
    // Two writers that start the same names wait for each other; in the same order they can't do so for ever.
    let mut in_order: Vec<&Record> = batch.iter().collect();
    in_order.sort_by(|one, other| new_arn(one).cmp(&new_arn(other)));
    for record in in_order {
        columns.add(record);
    }
    let row = columns.bind(epoch).fetch_one(connection).await?;
    if !row.try_get::<bool, _>(0)? {
        return Err(WriteError::Fenced(epoch));
    }
    let started: HashSet<Uuid> = row.try_get::<Vec<Uuid>, _>(1)?.into_iter().collect();
    let fate = |record: &Record| {
        if record.row.is_none() || started.contains(&record.execution.0) {
            Fate::Durable
        } else {
            Fate::Conflict
        }
    };
    Ok(batch
        .iter()
        .map(|record| Written {
            execution: record.execution,
            fate: fate(record),
        })
        .collect())
}

/// The ARN of an execution that begins.
fn new_arn(record: &Record) -> Option<&str> {
    record.row.as_ref().map(|row| &*row.arn)
}

impl<'a> Columns<'a> {
    fn add(&mut self, record: &'a Record) {
        let ExecutionId(id) = record.execution;
        let of_start = record.row.is_some();
        // What begins and closes at once keeps its events in its row.
        let whole = (of_start && record.close.is_some())
            .then_some(record.history.as_ref())
            .flatten();
        match (&record.row, record.close.as_deref()) {
            (Some(row), close) => {
                self.add_row(id, row, close);
                self.last_event
                    .push(whole.map(|history| signed(history.last_event_id)));
                self.events.push(whole.map(|history| &*history.events));
            }
            (None, Some(close)) => self.add_close(id, close, record.redrive),
            (None, None) => self.add_redrive(id, record.redrive),
        }
        if let (Some(history), None) = (&record.history, whole) {
            self.history_id.push(id);
            self.history_first.push(signed(history.first_event_id));
            self.history_last.push(signed(history.last_event_id));
            self.history_events.push(&history.events);
            self.history_of_start.push(of_start);
        }
        self.add_frame(id, of_start, &record.frame);
    }

    fn add_row(&mut self, id: Uuid, row: &'a super::Row, close: Option<&'a Close>) {
        self.id.push(id);
        self.arn.push(&row.arn);
        self.name.push(&row.name);
        self.machine_arn.push(&row.machine_arn);
        self.version_arn.push(row.version_arn.as_deref());
        self.alias_arn.push(row.alias_arn.as_deref());
        self.revision_id.push(row.revision_id);
        let child = row.map_run.as_deref();
        self.map_run_arn.push(child.map(|child| &*child.map_run_arn));
        self.map_run_index
            .push(child.map(|child| signed_count(child.index)));
        self.map_run_items
            .push(child.map(|child| signed_count(child.items)));
        self.status
            .push(close.map_or("RUNNING", |close| close.status.as_str()));
        self.input.push(row.input.as_bytes());
        self.output
            .push(close.and_then(|close| close.output.as_deref()).map(str::as_bytes));
        self.error
            .push(close.and_then(|close| close.error.as_deref()).map(storable));
        self.cause
            .push(close.and_then(|close| close.cause.as_deref()).map(storable));
        self.started_at.push(row.started_at);
        self.stopped_at.push(close.map(|close| close.stopped_at));
        self.trace_header.push(row.trace_header.as_deref().map(storable));
        self.mock_case.push(row.mock_case.as_deref().map(storable));
        self.parent_id.push(row.parent.map(|parent| parent.execution.0));
        self.parent_task
            .push(row.parent.map(|parent| signed(parent.task.0)));
        let failure = close.and_then(|close| close.error.as_ref().or(close.cause.as_ref()));
        self.is_special |= row.version_arn.is_some()
            || row.alias_arn.is_some()
            || row.map_run.is_some()
            || row.trace_header.is_some()
            || row.mock_case.is_some()
            || row.parent.is_some()
            || failure.is_some();
    }

    fn add_redrive(&mut self, id: Uuid, redrive: Option<Redrive>) {
        if let Some(redrive) = redrive {
            self.redriven_id.push(id);
            self.redriven_count.push(signed_count(redrive.count));
            self.redriven_at.push(redrive.at);
        }
    }

    /// One statement must not update a row twice, so a redrive that closes at once is one update.
    fn add_close(&mut self, id: Uuid, close: &'a Close, redrive: Option<Redrive>) {
        self.closed_redrive_count
            .push(redrive.map(|redrive| signed_count(redrive.count)));
        self.closed_redriven_at.push(redrive.map(|redrive| redrive.at));
        self.closed_id.push(id);
        self.closed_status.push(close.status.as_str());
        self.closed_output
            .push(close.output.as_deref().map(str::as_bytes));
        self.closed_error.push(close.error.as_deref().map(storable));
        self.closed_cause.push(close.cause.as_deref().map(storable));
        self.closed_stopped_at.push(close.stopped_at);
    }

    fn add_frame(&mut self, id: Uuid, of_start: bool, frame: &'a FrameWrite) {
        match frame {
            FrameWrite::None => {}
            FrameWrite::Snapshot {
                open,
                bytes,
                inputs_applied,
                absorbs,
                next_due_ms,
                wake,
            } => {
                self.frame_id.push(id);
                self.frame_open.push(*open);
                self.frame_snapshot.push(bytes);
                self.frame_applied.push(signed(*inputs_applied));
                self.frame_due.push(*next_due_ms);
                self.frame_wake.push(*wake);
                self.frame_of_start.push(of_start);
                if *absorbs {
                    self.absorbed_id.push(id);
                    self.absorbed_up_to.push(signed(*inputs_applied));
                }
            }
            FrameWrite::Inputs(inputs) => {
                for (sequence, bytes) in inputs {
                    self.input_id.push(id);
                    self.input_sequence.push(signed(*sequence));
                    self.input_bytes.push(bytes);
                }
            }
            FrameWrite::Forget { absorbs } => {
                self.forgotten_id.push(id);
                if *absorbs {
                    self.absorbed_id.push(id);
                    self.absorbed_up_to.push(i64::MAX);
                }
            }
        }
    }

    fn needs(&self) -> Needs {
        if !self.input_id.is_empty() || !self.absorbed_id.is_empty() || !self.redriven_id.is_empty() {
            Needs::All
        } else if !self.frame_id.is_empty() || !self.closed_id.is_empty() || !self.forgotten_id.is_empty() {
            Needs::Frames
        } else if !self.history_id.is_empty() || self.is_special {
            Needs::Whole
        } else {
            Needs::Passed
        }
    }

    fn bind(self, epoch: i64) -> sqlx::query::Query<'a, sqlx::Postgres, sqlx::postgres::PgArguments> {
        let needs = self.needs();
        let query = sqlx::query(needs.text())
            .bind(epoch)
            .bind(self.id)
            .bind(self.arn)
            .bind(self.name)
            .bind(self.machine_arn)
            .bind(self.revision_id)
            .bind(self.status)
            .bind(self.input)
            .bind(self.output)
            .bind(self.started_at)
            .bind(self.stopped_at)
            .bind(self.last_event)
            .bind(self.events);
        if let Needs::Passed = needs {
            return query;
        }
        query
            .bind(self.version_arn)
            .bind(self.alias_arn)
            .bind(self.map_run_arn)
            .bind(self.error)
            .bind(self.cause)
            .bind(self.trace_header)
            .bind(self.mock_case)
            .bind(self.closed_id)
            .bind(self.closed_status)
            .bind(self.closed_output)
            .bind(self.closed_error)
            .bind(self.closed_cause)
            .bind(self.closed_stopped_at)
            .bind(self.redriven_id)
            .bind(self.redriven_count)
            .bind(self.redriven_at)
            .bind(self.history_id)
            .bind(self.history_first)
            .bind(self.history_last)
            .bind(self.history_events)
            .bind(self.history_of_start)
            .bind(super::record::FRAME_FORMAT)
            .bind(self.frame_id)
            .bind(self.frame_open)
            .bind(self.frame_snapshot)
            .bind(self.frame_applied)
            .bind(self.frame_due)
            .bind(self.frame_wake)
            .bind(self.frame_of_start)
            .bind(self.input_id)
            .bind(self.input_sequence)
            .bind(self.input_bytes)
            .bind(self.absorbed_id)
            .bind(self.absorbed_up_to)
            .bind(self.forgotten_id)
            .bind(self.closed_redrive_count)
            .bind(self.closed_redriven_at)
            .bind(self.map_run_index)
            .bind(self.map_run_items)
            .bind(self.parent_id)
            .bind(self.parent_task)
    }
}

/// Postgres holds no NUL in a text; the history, which is bytes, keeps it.
fn storable(text: &str) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text.to_owned()
    }
}

/// Ids count from 1 by one, so they never come near the limit.
fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn signed_count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
