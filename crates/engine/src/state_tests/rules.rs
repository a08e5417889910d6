//! What may be asked of a state test.

use asl::eval::probe::{Mock, Testable};
use asl::eval::{Failure, Pattern, Resource, StateType};
use asl::json::{Json, Payload};
use thiserror::Error;

use super::definition::StateAt;
use super::model::{Configuration, MockInput, StateTest};
use super::schema::{self, SchemaError};

/// Why a state can't be tested as asked, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    /// Members that say how a mocked state stands.
    #[error("TestState does not support {0} when a mock is not specified.")]
    NeedsMock(&'static str),
    /// Branches and iterations don't run.
    #[error(
        "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
    )]
    MapOrParallel,
    /// Somebody else would bring the task's end.
    #[error("TestState API does not support {0} when a mock is not specified")]
    Waits(&'static str),
    /// Tasks are performed with a role.
    #[error("RoleArn must be specified when testing a Task state")]
    NoRole,
    /// The state does no work that could be mocked.
    #[error("State type '{0}' is not supported when a mock is specified")]
    NoMock(&'static str),
    /// There are no secrets in a mock.
    #[error("TestState does not support RevealSecrets when a mock is specified.")]
    Secrets,
    /// One of the two.
    #[error("A test mock should have only one of the following fields: [result, errorOutput].")]
    ResultAndError,
    /// An error has a name.
    #[error("A mocked errorOutput must have an error.")]
    NamelessError,
    /// The result is a JSON text.
    #[error("Mocked result must be valid JSON")]
    NotJson,
    /// A Parallel's or a Map's result.
    #[error("Mocked result must be an array.")]
    NotAnArray,
    /// The result of a Map with a writer.
    #[error("Mocked result must be a JSON object.")]
    NotAnObject,
    /// One for each branch.
    #[error("Mocked result must contain the same number of items as number of Parallel branches.")]
    Branches,
    /// The state an error is said to come from is not in the branches or the processor.
    #[error("State not found in definition")]
    NoOrigin,
    /// It is not what the service answers.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// Checks what goes with a state, and gives the mock that is to be used.
pub(super) fn check(
    test: &StateTest,
    tested: Testable<'_>,
    at: StateAt<'_>,
) -> Result<Option<Mock>, RuleError> {
    let Some(mock) = &test.mock else {
        without_mock(test, tested)?;
        return Ok(None);
    };
    if !matches!(
        tested.kind(),
        StateType::Task | StateType::Parallel | StateType::Map
    ) {
        return Err(RuleError::NoMock(tested.kind().name()));
    }
    if test.reveals_secrets {
        return Err(RuleError::Secrets);
    }
    if let Some(origin) = &test.configuration.error_caused_by_state
        && matches!(tested.kind(), StateType::Parallel | StateType::Map)
        && !at.holds(origin)
    {
        return Err(RuleError::NoOrigin);
    }
    read_mock(mock, tested).map(Some)
}

fn without_mock(test: &StateTest, tested: Testable<'_>) -> Result<(), RuleError> {
    let Configuration {
        retrier_retry_count,
        error_caused_by_state,
        map_iteration_failure_count,
        map_item_reader_data,
    } = &test.configuration;
    for (name, is_there) in [
        ("RetrierRetryCount", retrier_retry_count.is_some()),
        ("ErrorCausedByState", error_caused_by_state.is_some()),
        ("MapIterationFailureCount", map_iteration_failure_count.is_some()),
        ("MapItemReaderData", map_item_reader_data.is_some()),
        ("Context", test.context.is_some()),
    ] {
        if is_there {
            return Err(RuleError::NeedsMock(name));
        }
    }
    match (tested.kind(), tested.resource()) {
        (StateType::Map | StateType::Parallel, _) => Err(RuleError::MapOrParallel),
        (_, Some(Resource::Activity { .. })) => Err(RuleError::Waits("Activity tasks")),
        (_, Some(resource)) if resource.pattern() != Pattern::RequestResponse => Err(RuleError::Waits(
            "'.sync' or '.waitForTaskToken' service integration patterns",
        )),
        (_, Some(_)) if test.role_arn.is_none() => Err(RuleError::NoRole),
        _ => Ok(()),
    }
}

fn read_mock(mock: &MockInput, tested: Testable<'_>) -> Result<Mock, RuleError> {
    let result = match (&mock.result, &mock.error_output) {
        (Some(result), None) => result,
        (None, Some(error)) => {
            let name = error.error.as_deref().ok_or(RuleError::NamelessError)?;
            return Ok(Mock::Error(Failure {
                error: Some(name.into()),
                cause: error.cause.as_deref().map(Into::into),
            }));
        }
        _ => return Err(RuleError::ResultAndError),
    };
    let result = Payload::from_text(result.as_str()).map_err(|_| RuleError::NotJson)?;
    match tested.kind() {
        StateType::Map if tested.has_writer() => match result.json() {
            Json::Object(_) => {}
            _ => return Err(RuleError::NotAnObject),
        },
        StateType::Map | StateType::Parallel => {
            let items = result.json().as_array().ok_or(RuleError::NotAnArray)?;
            if tested.kind() == StateType::Parallel && items.len() != tested.branches() {
                return Err(RuleError::Branches);
            }
        }
        _ => {
            if let Some(resource) = tested.resource() {
                schema::check(resource, mock.field_validation_mode, result.json())?;
            }
        }
    }
    Ok(Mock::Result(result))
}
