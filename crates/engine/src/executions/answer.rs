//! SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat and GetActivityTask.

use std::sync::Arc;
use std::time::Duration;

use asl::json::Payload;

use super::Executions;
use super::start::why_not_json;
use crate::limits;
use crate::runtime::{ActivityTask, Answer, Unavailable};

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The token was not made by this engine.
    #[error("the token was not made by this engine")]
    Token,
    /// The task has ended, timed out, or its execution has closed.
    #[error("nobody waits for this task any more")]
    Ended,
    /// The output is not JSON; the text says why, in Jackson's words.
    #[error("the output is not JSON: {0}")]
    Output(String),
    /// The output is longer than 256 KiB.
    #[error("the output has {0} bytes")]
    OutputTooLong(usize),
    /// Not now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Executions {
    /// The task is done. Durable when this returns.
    pub async fn task_succeeded(&self, token: String, output: String) -> Result<(), AnswerError> {
        if output.len() > limits::PAYLOAD_BYTES_MAX {
            return Err(AnswerError::OutputTooLong(output.len()));
        }
        let output: Arc<str> = output.into();
        let payload = Payload::from_text(Arc::clone(&output))
            .map_err(|_| AnswerError::Output(why_not_json(&output)))?;
        self.answer(token, Answer::Success(payload)).await
    }

    /// The task failed. Durable when this returns.
    pub async fn task_failed(
        &self,
        token: String,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<(), AnswerError> {
        let answer = Answer::Failure {
            error: error.map(Into::into),
            cause: cause.map(Into::into),
        };
        self.answer(token, answer).await
    }

    /// The task is alive.
    pub async fn task_heartbeat(&self, token: String) -> Result<(), AnswerError> {
        self.answer(token, Answer::Heartbeat).await
    }

    async fn answer(&self, token: String, answer: Answer) -> Result<(), AnswerError> {
        let id = self
            .runtime
            .execution_of_token(&token)?
            .ok_or(AnswerError::Token)?;
        self.runtime
            .answer(id, token.into(), answer)
            .await?
            .map_err(|_| AnswerError::Ended)
    }

    /// Waits up to a minute for a task of the activity.
    pub async fn take_activity_task(
        &self,
        activity_arn: &str,
        worker: Option<String>,
    ) -> Result<Option<ActivityTask>, Unavailable> {
        let patience = Duration::from_millis(limits::ACTIVITY_POLL_MS);
        self.runtime
            .take_activity_task(activity_arn, worker.map(Into::into), patience)
            .await
    }
}
