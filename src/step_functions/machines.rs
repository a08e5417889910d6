//! State machines.

use aws_sdk_sfn::types;
use chrono::{DateTime, Utc};

use super::client::StepFunctions;
use super::error::StepFunctionsError;
use super::model::{
    CreateStateMachine, CreatedStateMachine, Listing, LogLevel, MachineLogging, MachineType, StateMachine,
    StateMachineItem, UpdateStateMachine, UpdatedStateMachine,
};
use super::operation::Operation;

impl StepFunctions {
    /// Creates a state machine. Idempotent on everything but role and tags, whose changes AWS ignores.
    pub async fn create_state_machine(
        &self,
        machine: CreateStateMachine,
    ) -> Result<CreatedStateMachine, StepFunctionsError> {
        let operation = Operation::CreateStateMachine;
        let tags = machine
            .tags
            .into_iter()
            .map(|(key, value)| types::Tag::builder().key(key).value(value).build());
        let request = self
            .sdk
            .create_state_machine()
            .name(machine.name)
            .definition(machine.definition)
            .role_arn(machine.role_arn)
            .r#type(to_sdk_type(machine.machine_type))
            .set_logging_configuration(machine.logging.map(to_sdk_logging))
            .tracing_configuration(
                types::TracingConfiguration::builder()
                    .enabled(machine.tracing)
                    .build(),
            )
            .set_tags(Some(tags.collect()))
            .publish(machine.publish.is_some())
            .set_version_description(machine.publish.filter(|description| !description.is_empty()));
        let created = self.call(operation, request.send()).await?;
        Ok(CreatedStateMachine {
            state_machine_arn: created.state_machine_arn,
            version_arn: created.state_machine_version_arn,
        })
    }

    /// Changes a state machine. Starts within a few seconds may still use what was before; running executions keep it.
    pub async fn update_state_machine(
        &self,
        change: UpdateStateMachine,
    ) -> Result<UpdatedStateMachine, StepFunctionsError> {
        let operation = Operation::UpdateStateMachine;
        let tracing = change
            .tracing
            .map(|enabled| types::TracingConfiguration::builder().enabled(enabled).build());
        let request = self
            .sdk
            .update_state_machine()
            .state_machine_arn(change.state_machine_arn)
            .set_definition(change.definition)
            .set_role_arn(change.role_arn)
            .set_logging_configuration(change.logging.map(to_sdk_logging))
            .set_tracing_configuration(tracing)
            .publish(change.publish.is_some())
            .set_version_description(change.publish.filter(|description| !description.is_empty()));
        let updated = self.call(operation, request.send()).await?;
        Ok(UpdatedStateMachine {
            updated_at: time(updated.update_date),
            revision_id: updated.revision_id,
            version_arn: updated.state_machine_version_arn,
        })
    }

    /// A state machine, or by a version's or an alias's ARN what that stands for.
    pub async fn describe_state_machine(&self, arn: &str) -> Result<StateMachine, StepFunctionsError> {
        let operation = Operation::DescribeStateMachine;
        let machine = self
            .call(
                operation,
                self.sdk.describe_state_machine().state_machine_arn(arn).send(),
            )
            .await?;
        Ok(StateMachine {
            machine_type: from_sdk_type(&machine.r#type),
            deleting: machine.status == Some(types::StateMachineStatus::Deleting),
            created_at: time(machine.creation_date),
            logging: machine.logging_configuration.map(from_sdk_logging),
            tracing: machine
                .tracing_configuration
                .is_some_and(|tracing| tracing.enabled),
            state_machine_arn: machine.state_machine_arn,
            name: machine.name,
            definition: machine.definition,
            role_arn: machine.role_arn,
            revision_id: machine.revision_id,
            description: machine.description,
        })
    }

    /// The definition that an execution runs.
    pub async fn describe_definition_of_execution(
        &self,
        execution_arn: &str,
    ) -> Result<String, StepFunctionsError> {
        let operation = Operation::DescribeStateMachineForExecution;
        let request = self
            .sdk
            .describe_state_machine_for_execution()
            .execution_arn(execution_arn);
        Ok(self.call(operation, request.send()).await?.definition)
    }

    /// Deletes a state machine with its versions and aliases, in a while; its executions end at their next transition. One that
    /// is not there counts as deleted.
    pub async fn delete_state_machine(&self, arn: &str) -> Result<(), StepFunctionsError> {
        let request = self.sdk.delete_state_machine().state_machine_arn(arn);
        self.call(Operation::DeleteStateMachine, request.send()).await?;
        Ok(())
    }

    /// State machines, a page of at most 1,000.
    pub async fn list_state_machines(
        &self,
        next_token: Option<String>,
    ) -> Result<Listing<StateMachineItem>, StepFunctionsError> {
        let request = self
            .sdk
            .list_state_machines()
            .max_results(1_000)
            .set_next_token(next_token);
        let page = self.call(Operation::ListStateMachines, request.send()).await?;
        let items = page.state_machines.into_iter().map(|item| StateMachineItem {
            machine_type: from_sdk_type(&item.r#type),
            created_at: time(item.creation_date),
            state_machine_arn: item.state_machine_arn,
            name: item.name,
        });
        Ok(Listing {
            items: items.collect(),
            next_token: page.next_token,
        })
    }
}

/// A time of the SDK, to the microsecond.
pub(super) fn time(time: aws_sdk_sfn::primitives::DateTime) -> DateTime<Utc> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos() / 1_000 * 1_000).unwrap_or_default()
}

fn to_sdk_type(machine_type: MachineType) -> types::StateMachineType {
    match machine_type {
        MachineType::Standard => types::StateMachineType::Standard,
        MachineType::Express => types::StateMachineType::Express,
    }
}

fn from_sdk_type(machine_type: &types::StateMachineType) -> MachineType {
    if *machine_type == types::StateMachineType::Express {
        MachineType::Express
    } else {
        MachineType::Standard
    }
}

fn to_sdk_logging(logging: MachineLogging) -> types::LoggingConfiguration {
    let level = match logging.level {
        LogLevel::All => types::LogLevel::All,
        LogLevel::Error => types::LogLevel::Error,
        LogLevel::Fatal => types::LogLevel::Fatal,
        LogLevel::Off => types::LogLevel::Off,
    };
    let destination = logging.log_group_arn.map(|arn| {
        let group = types::CloudWatchLogsLogGroup::builder()
            .log_group_arn(arn)
            .build();
        types::LogDestination::builder()
            .cloud_watch_logs_log_group(group)
            .build()
    });
    types::LoggingConfiguration::builder()
        .level(level)
        .include_execution_data(logging.include_execution_data)
        .set_destinations(destination.map(|destination| vec![destination]))
        .build()
}

fn from_sdk_logging(logging: types::LoggingConfiguration) -> MachineLogging {
    let level = match logging.level {
        Some(types::LogLevel::All) => LogLevel::All,
        Some(types::LogLevel::Error) => LogLevel::Error,
        Some(types::LogLevel::Fatal) => LogLevel::Fatal,
        _ => LogLevel::Off,
    };
    let destination = logging.destinations.unwrap_or_default().into_iter().next();
    MachineLogging {
        level,
        include_execution_data: logging.include_execution_data,
        log_group_arn: destination
            .and_then(|destination| destination.cloud_watch_logs_log_group)
            .and_then(|group| group.log_group_arn),
    }
}
