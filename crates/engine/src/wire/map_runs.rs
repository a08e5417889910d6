//! ListMapRuns, DescribeMapRun, UpdateMapRun. A distributed Map's iterations run inside of its execution, whose history says when
//! its Map Runs began and ended: that is what is listed. Counts and settings of a Map Run are not kept, so none can be
//! described or updated.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::Empty;
use super::error::{ApiError, ErrorCode, Reason};
use crate::Engine;
use crate::arn::{Arn, Resource};
use crate::executions::{HistoryRequest, Order};
use crate::limits::PAGE_ITEMS_MAX;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    execution_arn: String,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAnswer {
    map_runs: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    execution_arn: String,
    map_run_arn: String,
    state_machine_arn: String,
    start_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<f64>,
    #[serde(skip)]
    started_by: u64,
}

/// What of a history event matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HistoryEvent {
    #[serde(rename = "type")]
    kind: String,
    id: u64,
    previous_event_id: u64,
    timestamp: f64,
    map_run_started_event_details: Option<Started>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    map_run_arn: String,
}

/// All on one page: a history has at most 25,000 events, and few of them begin a Map Run.
pub(super) async fn list(engine: &Arc<Engine>, request: ListRequest) -> Result<ListAnswer, ApiError> {
    if request.next_token.is_some() {
        // There is never a second page, so nobody was given a token.
        return Err(ApiError::invalid_token());
    }
    let mut map_runs = Vec::new();
    let mut after = None;
    loop {
        let page = engine
            .executions()
            .history(HistoryRequest {
                arn: request.execution_arn.clone(),
                order: Order::OldestFirst,
                after,
                limit: PAGE_ITEMS_MAX,
                include_data: false,
            })
            .await?;
        for event in &page.events {
            if let Ok(event) = serde_json::from_str(event.get()) {
                note(&mut map_runs, &request.execution_arn, event);
            }
        }
        after = page.more_after;
        if after.is_none() {
            return Ok(ListAnswer { map_runs });
        }
    }
}

fn note(map_runs: &mut Vec<Item>, execution_arn: &str, event: HistoryEvent) {
    match (event.kind.as_str(), event.map_run_started_event_details) {
        ("MapRunStarted", Some(Started { map_run_arn })) => {
            if let Ok(Arn {
                place,
                resource: Resource::MapRun { machine, .. },
            }) = Arn::parse(&map_run_arn)
            {
                map_runs.push(Item {
                    execution_arn: execution_arn.to_owned(),
                    map_run_arn,
                    state_machine_arn: place.machine(&machine),
                    start_date: event.timestamp,
                    stop_date: None,
                    started_by: event.id,
                });
            }
        }
        ("MapRunSucceeded" | "MapRunFailed" | "MapRunAborted", _) => {
            if let Some(run) = map_runs
                .iter_mut()
                .find(|run| run.started_by == event.previous_event_id)
            {
                run.stop_date = Some(event.timestamp);
            }
        }
        _ => {}
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRequest {
    map_run_arn: String,
}

pub(super) fn describe(request: &DescribeRequest) -> Result<Empty, ApiError> {
    find(&request.map_run_arn)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateRequest {
    map_run_arn: String,
    max_concurrency: Option<i64>,
    tolerated_failure_percentage: Option<f64>,
    tolerated_failure_count: Option<i64>,
}

pub(super) fn update(request: &UpdateRequest) -> Result<Empty, ApiError> {
    let nothing = request.max_concurrency.is_none()
        && request.tolerated_failure_percentage.is_none()
        && request.tolerated_failure_count.is_none();
    if nothing {
        return Err(ApiError {
            reason: Some(Reason::MissingRequiredParameter),
            ..ApiError::validation(
                "Either maxConcurrency, toleratedFailureCount or toleratedFailurePercentage must be specified",
            )
        });
    }
    find(&request.map_run_arn)
}

fn find(text: &str) -> Result<Empty, ApiError> {
    let arn = Arn::parse(text)?;
    match arn.resource {
        Resource::MapRun { .. } => Err(ApiError {
            resource_name: Some(text.to_owned()),
            ..ApiError::new(
                ErrorCode::ResourceNotFound,
                format!("Map Run does not exist, or is one of which this engine keeps no record: '{text}'"),
            )
        }),
        Resource::Machine { .. }
        | Resource::Execution { .. }
        | Resource::Express { .. }
        | Resource::Activity { .. } => Err(arn.unfit().into()),
    }
}
