//! A single state tried out, and a definition checked, by the target itself.

use aws_sdk_sfn::types;

use super::client::{StepFunctions, timeouts};
use super::error::StepFunctionsError;
use super::model::{
    MachineType, MockedAnswer, RemoteDiagnostic, TestState, TestedState, ValidatedDefinition,
};
use super::operation::Operation;
use crate::limits;

impl StepFunctions {
    /// Runs one state, at most five minutes.
    pub async fn test_state(&self, test: TestState) -> Result<TestedState, StepFunctionsError> {
        let patience = timeouts(limits::AWS_SYNC_TIMEOUT, limits::AWS_SYNC_TIMEOUT);
        let configuration = test.retrier_retry_count.map(|count| {
            types::TestStateConfiguration::builder()
                .retrier_retry_count(count)
                .build()
        });
        let request = self
            .sdk
            .test_state()
            .definition(test.definition)
            .set_state_name(test.state_name)
            .set_role_arn(test.role_arn)
            .set_input(test.input)
            .set_context(test.context)
            .set_variables(test.variables)
            .set_mock(test.mock.map(to_sdk))
            .set_state_configuration(configuration)
            .customize()
            .config_override(aws_sdk_sfn::config::Builder::new().timeout_config(patience));
        let tested = self.call(Operation::TestState, request.send()).await?;
        Ok(TestedState {
            status: tested.status.map(|status| status.as_str().to_owned()),
            output: tested.output,
            error: tested.error,
            cause: tested.cause,
            next_state: tested.next_state,
        })
    }

    /// What the target says about a definition. Rely on `ok` only.
    pub async fn validate_definition(
        &self,
        definition: &str,
        machine_type: MachineType,
    ) -> Result<ValidatedDefinition, StepFunctionsError> {
        let machine_type = match machine_type {
            MachineType::Standard => types::StateMachineType::Standard,
            MachineType::Express => types::StateMachineType::Express,
        };
        let request = self
            .sdk
            .validate_state_machine_definition()
            .definition(definition)
            .r#type(machine_type)
            .severity(types::ValidateStateMachineDefinitionSeverity::Warning);
        let validated = self
            .call(Operation::ValidateStateMachineDefinition, request.send())
            .await?;
        let diagnostics = validated
            .diagnostics
            .into_iter()
            .map(|diagnostic| RemoteDiagnostic {
                severity: diagnostic.severity.as_str().to_owned(),
                code: diagnostic.code,
                message: diagnostic.message,
                location: diagnostic.location,
            });
        Ok(ValidatedDefinition {
            ok: validated.result == types::ValidateStateMachineDefinitionResultCode::Ok,
            diagnostics: diagnostics.collect(),
        })
    }
}

fn to_sdk(mock: MockedAnswer) -> types::MockInput {
    match mock {
        MockedAnswer::Result(result) => types::MockInput::builder().result(result).build(),
        MockedAnswer::Error { error, cause } => {
            let output = types::MockErrorOutput::builder()
                .error(error)
                .set_cause(cause)
                .build();
            types::MockInput::builder().error_output(output).build()
        }
    }
}
