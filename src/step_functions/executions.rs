//! Executions.

use chrono::{DateTime, Utc};

use super::client::{StepFunctions, timeouts};
use super::error::StepFunctionsError;
use super::machines::time;
use super::model::{
    Execution, ExecutionItem, ExecutionStatus, ListExecutions, Listing, StartExecution, StartedExecution,
    SyncExecution,
};
use super::operation::Operation;
use crate::limits;

impl StepFunctions {
    /// Starts an execution. For Standard the same name and input answer the same while it runs; another input, or one that is
    /// closed (for 90 days), is [`AlreadyExists`](super::ErrorKind::AlreadyExists).
    pub async fn start_execution(
        &self,
        start: StartExecution,
    ) -> Result<StartedExecution, StepFunctionsError> {
        let request = self
            .sdk
            .start_execution()
            .state_machine_arn(start.state_machine_arn)
            .set_name(start.name)
            .set_input(start.input)
            .set_trace_header(start.trace_header);
        let started = self.call(Operation::StartExecution, request.send()).await?;
        Ok(StartedExecution {
            started_at: time(started.start_date),
            execution_arn: started.execution_arn,
        })
    }

    /// Runs an Express execution to its end, at most five minutes. One that fails is an answer, not an error.
    pub async fn start_sync_execution(
        &self,
        start: StartExecution,
    ) -> Result<SyncExecution, StepFunctionsError> {
        let operation = Operation::StartSyncExecution;
        let patience = timeouts(limits::AWS_SYNC_TIMEOUT, limits::AWS_SYNC_TIMEOUT);
        let request = self
            .sdk
            .start_sync_execution()
            .state_machine_arn(start.state_machine_arn)
            .set_name(start.name)
            .set_input(start.input)
            .set_trace_header(start.trace_header)
            .customize()
            .config_override(aws_sdk_sfn::config::Builder::new().timeout_config(patience));
        let ended = self.call(operation, request.send()).await?;
        Ok(SyncExecution {
            status: status(operation, ended.status.as_str())?,
            started_at: time(ended.start_date),
            stopped_at: time(ended.stop_date),
            billed_duration_ms: ended
                .billing_details
                .as_ref()
                .map(|billing| billing.billed_duration_in_milliseconds),
            billed_memory_mb: ended
                .billing_details
                .as_ref()
                .map(|billing| billing.billed_memory_used_in_mb),
            execution_arn: ended.execution_arn,
            name: ended.name,
            output: ended.output,
            error: ended.error,
            cause: ended.cause,
        })
    }

    /// Stops a Standard execution. When it stopped.
    pub async fn stop_execution(
        &self,
        execution_arn: &str,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<DateTime<Utc>, StepFunctionsError> {
        let request = self
            .sdk
            .stop_execution()
            .execution_arn(execution_arn)
            .set_error(error)
            .set_cause(cause);
        Ok(time(
            self.call(Operation::StopExecution, request.send())
                .await?
                .stop_date,
        ))
    }

    /// Resumes a Standard execution that failed, timed out or was aborted within 14 days. The same token answers the same for
    /// 15 minutes. When it resumed.
    pub async fn redrive_execution(
        &self,
        execution_arn: &str,
        client_token: Option<String>,
    ) -> Result<DateTime<Utc>, StepFunctionsError> {
        let request = self
            .sdk
            .redrive_execution()
            .execution_arn(execution_arn)
            .set_client_token(client_token);
        Ok(time(
            self.call(Operation::RedriveExecution, request.send())
                .await?
                .redrive_date,
        ))
    }

    /// One execution. Eventually consistent; not for Express.
    pub async fn describe_execution(&self, execution_arn: &str) -> Result<Execution, StepFunctionsError> {
        let operation = Operation::DescribeExecution;
        let execution = self
            .call(
                operation,
                self.sdk.describe_execution().execution_arn(execution_arn).send(),
            )
            .await?;
        Ok(Execution {
            status: status(operation, execution.status.as_str())?,
            // The name is optional in the model, and the last part of the ARN.
            name: execution.name.unwrap_or_else(|| {
                execution
                    .execution_arn
                    .rsplit(':')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            }),
            started_at: time(execution.start_date),
            stopped_at: execution.stop_date.map(time),
            redrive_count: execution.redrive_count.map_or(0, i32::cast_unsigned),
            redriven_at: execution.redrive_date.map(time),
            redrive_status: execution.redrive_status.map(|status| status.as_str().to_owned()),
            redrive_status_reason: execution.redrive_status_reason,
            execution_arn: execution.execution_arn,
            state_machine_arn: execution.state_machine_arn,
            input: execution.input,
            output: execution.output,
            error: execution.error,
            cause: execution.cause,
            version_arn: execution.state_machine_version_arn,
            alias_arn: execution.state_machine_alias_arn,
            map_run_arn: execution.map_run_arn,
        })
    }

    /// Executions of a machine, version or alias.
    pub async fn list_executions(
        &self,
        list: ListExecutions,
    ) -> Result<Listing<ExecutionItem>, StepFunctionsError> {
        let operation = Operation::ListExecutions;
        let request = self
            .sdk
            .list_executions()
            .state_machine_arn(list.state_machine_arn)
            .set_status_filter(list.status.map(|status| status.as_str().into()))
            .set_max_results(list.max_results.map(i32::from))
            .set_next_token(list.next_token);
        let page = self.call(operation, request.send()).await?;
        let items = page.executions.into_iter().map(|item| {
            Ok(ExecutionItem {
                status: status(operation, item.status.as_str())?,
                started_at: time(item.start_date),
                stopped_at: item.stop_date.map(time),
                redrive_count: item.redrive_count.map_or(0, i32::cast_unsigned),
                redriven_at: item.redrive_date.map(time),
                execution_arn: item.execution_arn,
                state_machine_arn: item.state_machine_arn,
                name: item.name,
                version_arn: item.state_machine_version_arn,
                alias_arn: item.state_machine_alias_arn,
            })
        });
        Ok(Listing {
            items: items.collect::<Result<_, StepFunctionsError>>()?,
            next_token: page.next_token,
        })
    }
}

fn status(operation: Operation, text: &str) -> Result<ExecutionStatus, StepFunctionsError> {
    text.parse()
        .map_err(|error| StepFunctionsError::unreadable(operation, &format!("{error}")))
}
