//! Answers to tasks that wait for a token.

use super::client::StepFunctions;
use super::error::StepFunctionsError;
use super::operation::Operation;

impl StepFunctions {
    /// The task succeeded with this output (JSON). [`TaskGone`](super::ErrorKind::TaskGone) when it is over already.
    pub async fn send_task_success(&self, task_token: &str, output: &str) -> Result<(), StepFunctionsError> {
        let request = self.sdk.send_task_success().task_token(task_token).output(output);
        self.call(Operation::SendTaskSuccess, request.send()).await?;
        Ok(())
    }

    /// The task failed.
    pub async fn send_task_failure(
        &self,
        task_token: &str,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<(), StepFunctionsError> {
        let request = self
            .sdk
            .send_task_failure()
            .task_token(task_token)
            .set_error(error)
            .set_cause(cause);
        self.call(Operation::SendTaskFailure, request.send()).await?;
        Ok(())
    }

    /// The task is still worked on.
    pub async fn send_task_heartbeat(&self, task_token: &str) -> Result<(), StepFunctionsError> {
        let request = self.sdk.send_task_heartbeat().task_token(task_token);
        self.call(Operation::SendTaskHeartbeat, request.send()).await?;
        Ok(())
    }
}
