//! SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat, GetActivityTask.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::Empty;
use super::error::{ApiError, ErrorCode};
use crate::Engine;
use crate::executions::AnswerError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SuccessRequest {
    task_token: String,
    output: String,
}

pub(super) async fn success(engine: &Arc<Engine>, request: SuccessRequest) -> Result<Empty, ApiError> {
    engine
        .executions()
        .task_succeeded(request.task_token, request.output)
        .await?;
    Ok(Empty {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FailureRequest {
    task_token: String,
    error: Option<String>,
    cause: Option<String>,
}

pub(super) async fn failure(engine: &Arc<Engine>, request: FailureRequest) -> Result<Empty, ApiError> {
    engine
        .executions()
        .task_failed(request.task_token, request.error, request.cause)
        .await?;
    Ok(Empty {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeartbeatRequest {
    task_token: String,
}

pub(super) async fn heartbeat(engine: &Arc<Engine>, request: HeartbeatRequest) -> Result<Empty, ApiError> {
    engine.executions().task_heartbeat(request.task_token).await?;
    Ok(Empty {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TakeRequest {
    activity_arn: String,
    worker_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TakeAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_token: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Arc<str>>,
}

pub(super) async fn take(engine: &Arc<Engine>, request: TakeRequest) -> Result<TakeAnswer, ApiError> {
    engine.activities().describe(&request.activity_arn).await?;
    let task = engine
        .executions()
        .take_activity_task(&request.activity_arn, request.worker_name)
        .await?;
    let (task_token, input) = task.map(|task| (task.token, task.input)).unzip();
    Ok(TakeAnswer { task_token, input })
}

impl From<AnswerError> for ApiError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Token => Self::invalid_token(),
            AnswerError::Ended => Self::new(
                ErrorCode::TaskTimedOut,
                "Task Timed Out: 'Provided task does not exist anymore'",
            ),
            AnswerError::Output(why) => {
                Self::new(ErrorCode::InvalidOutput, format!("Invalid Output: '{why}'"))
            }
            AnswerError::OutputTooLong(_) => Self::new(
                ErrorCode::InvalidOutput,
                "Invalid Output: 'Output exceeds the maximum number of bytes allowed: 262144'",
            ),
            AnswerError::Unavailable(error) => error.into(),
        }
    }
}
