//! ListMapRuns, DescribeMapRun, UpdateMapRun. A Map Run is known by the execution it belongs to; this engine runs every Map inside of its
//! execution, so there are none, and that is what it answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::Empty;
use super::error::{ApiError, ErrorCode, Reason};
use crate::Engine;
use crate::arn::{Arn, Resource};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    execution_arn: String,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAnswer {
    map_runs: [Empty; 0],
}

pub(super) async fn list(engine: &Arc<Engine>, request: ListRequest) -> Result<ListAnswer, ApiError> {
    if request.next_token.is_some() {
        // There is never a second page, so nobody was given a token.
        return Err(ApiError::invalid_token());
    }
    engine.executions().find(&request.execution_arn).await?;
    Ok(ListAnswer { map_runs: [] })
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
                format!("Map Run does not exist: '{text}'"),
            )
        }),
        Resource::Machine { .. }
        | Resource::Execution { .. }
        | Resource::Express { .. }
        | Resource::Activity { .. } => Err(arn.unfit().into()),
    }
}
