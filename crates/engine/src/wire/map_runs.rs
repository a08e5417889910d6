//! ListMapRuns, DescribeMapRun, UpdateMapRun.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::{Empty, Timestamp};
use super::error::{ApiError, ErrorCode, Reason};
use super::page;
use crate::Engine;
use crate::arn::{Arn, Resource};
use crate::map_runs::{Counts, FindError, UpdateError, UpdateMapRun};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    execution_arn: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAnswer {
    map_runs: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    execution_arn: String,
    map_run_arn: String,
    state_machine_arn: String,
    start_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<Timestamp>,
}

pub(super) async fn list(engine: &Arc<Engine>, request: ListRequest) -> Result<ListAnswer, ApiError> {
    let execution = engine.executions().find(&request.execution_arn).await?;
    let question = format!("ListMapRuns {}", request.execution_arn);
    let now = engine.now_ms();
    let after: Option<String> = engine
        .pager()
        .cursor(&question, request.next_token.as_deref(), now)?;
    let size = page::size(request.max_results);
    let mut found = engine
        .map_runs()
        .list(execution.id, after.as_deref(), size + 1)
        .await?;
    let next_token =
        page::cut(&mut found, size).and_then(|last| engine.pager().token(&question, &last.arn, now));
    let map_runs = found
        .into_iter()
        .map(|run| Item {
            execution_arn: request.execution_arn.clone(),
            state_machine_arn: machine_of(&run.arn),
            map_run_arn: run.arn,
            start_date: Timestamp(run.started_at),
            stop_date: run.stopped_at.map(Timestamp),
        })
        .collect();
    Ok(ListAnswer { map_runs, next_token })
}

/// The ARN of the state machine a Map Run's children are executions of: with the Map's label.
fn machine_of(map_run_arn: &str) -> String {
    match Arn::parse(map_run_arn) {
        Ok(Arn {
            place,
            resource: Resource::MapRun { machine, .. },
        }) => place.machine(&machine),
        Ok(_) | Err(_) => String::new(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRequest {
    map_run_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeAnswer {
    map_run_arn: Arc<str>,
    execution_arn: Arc<str>,
    status: &'static str,
    start_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<Timestamp>,
    max_concurrency: u32,
    tolerated_failure_percentage: f64,
    tolerated_failure_count: u64,
    item_counts: CountsAnswer,
    execution_counts: CountsAnswer,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CountsAnswer {
    pending: u64,
    running: u64,
    succeeded: u64,
    failed: u64,
    timed_out: u64,
    aborted: u64,
    total: u64,
    results_written: u64,
    /// Of a Map Run that is being redriven, as AWS shows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures_not_redrivable: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_redrive: Option<u64>,
}

impl CountsAnswer {
    fn new(counts: &Counts, is_redriven: bool, of: impl Fn(crate::map_runs::Count) -> u64) -> Self {
        Self {
            pending: of(counts.pending),
            running: of(counts.running),
            succeeded: of(counts.succeeded),
            failed: of(counts.failed),
            timed_out: of(counts.timed_out),
            aborted: of(counts.aborted),
            total: of(counts.total()),
            results_written: of(counts.results_written),
            failures_not_redrivable: is_redriven.then_some(0),
            pending_redrive: is_redriven.then(|| of(counts.pending_redrive)),
        }
    }
}

pub(super) async fn describe(
    engine: &Arc<Engine>,
    request: DescribeRequest,
) -> Result<DescribeAnswer, ApiError> {
    let (run, counts) = engine.map_runs().find(&request.map_run_arn).await?;
    let is_redriven = run.redrive_count > 0;
    Ok(DescribeAnswer {
        map_run_arn: run.arn,
        execution_arn: run.execution_arn,
        status: run.status.as_str(),
        start_date: Timestamp(run.started_at),
        stop_date: run.stopped_at.map(Timestamp),
        max_concurrency: run.settings.max_concurrency,
        tolerated_failure_percentage: run.settings.tolerance.percentage.unwrap_or(0.0),
        tolerated_failure_count: run.settings.tolerance.count.unwrap_or(0),
        item_counts: CountsAnswer::new(&counts, is_redriven, |count| count.items),
        execution_counts: CountsAnswer::new(&counts, is_redriven, |count| count.executions),
        redrive_count: run.redrive_count,
        redrive_date: run.redriven_at.map(Timestamp),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateRequest {
    map_run_arn: String,
    max_concurrency: Option<u32>,
    tolerated_failure_percentage: Option<f64>,
    tolerated_failure_count: Option<u64>,
}

pub(super) async fn update(engine: &Arc<Engine>, request: UpdateRequest) -> Result<Empty, ApiError> {
    let command = UpdateMapRun {
        arn: request.map_run_arn,
        max_concurrency: request.max_concurrency,
        tolerated_count: request.tolerated_failure_count,
        tolerated_percentage: request.tolerated_failure_percentage,
    };
    let nothing = UpdateMapRun {
        arn: command.arn.clone(),
        ..UpdateMapRun::default()
    };
    if command == nothing {
        return Err(ApiError {
            reason: Some(Reason::MissingRequiredParameter),
            ..ApiError::validation(
                "Either maxConcurrency, toleratedFailureCount or toleratedFailurePercentage must be specified",
            )
        });
    }
    let arn = command.arn.clone();
    engine
        .map_runs()
        .update(command)
        .await
        .map_err(|error| match error {
            UpdateError::Find(error) => error.into(),
            UpdateError::Ended => ApiError {
                reason: Some(Reason::CannotUpdateCompletedMapRun),
                ..ApiError::validation(format!("Map Run is not running and cannot be updated: '{arn}'"))
            },
        })?;
    Ok(Empty {})
}

impl From<FindError> for ApiError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Arn(error) => error.into(),
            FindError::Missing(arn) => ApiError {
                resource_name: Some(arn.clone()),
                ..ApiError::new(
                    ErrorCode::ResourceNotFound,
                    format!("Map Run Does Not Exist: '{arn}'"),
                )
            },
            FindError::Database(error) => error.into(),
        }
    }
}
