//! Look at one execution, as the target knows it.

use super::model::{Execution, Knowledge, Observation};
use super::start::CLOCK_SKEW;
use crate::environments::Target;
use crate::step_functions::{self, ErrorKind, ExecutionItem, StepFunctions, StepFunctionsError};

/// Describes an execution; none when the target does not know it.
pub(super) async fn describe(
    door: &StepFunctions,
    execution_arn: &str,
) -> Result<Option<Observation>, StepFunctionsError> {
    match door.describe_execution(execution_arn).await {
        Ok(execution) => Ok(Some(observed(execution))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the target knows under the name of a recorded start, if it is that start: same input, not older than the record.
pub(super) async fn ours(
    target: &Target,
    row: &Execution,
) -> Result<Option<Observation>, StepFunctionsError> {
    let Some(execution_arn) = &row.execution_arn else {
        return Ok(None);
    };
    let found = describe(&target.step_functions, execution_arn).await?;
    Ok(found.filter(|observation| {
        let knowledge = &observation.knowledge;
        let same_input = match (&knowledge.input, &row.input) {
            (Some(theirs), Some(ours)) => theirs == ours,
            // A customer-managed key hides it.
            (None, _) | (_, None) => true,
        };
        same_input
            && knowledge
                .started_at
                .is_none_or(|started_at| started_at >= row.started_at - CLOCK_SKEW)
    }))
}

fn observed(execution: step_functions::Execution) -> Observation {
    Observation {
        knowledge: Knowledge {
            redrive_count: count(execution.redrive_count),
            status: execution.status,
            stopped_at: execution.stopped_at.filter(|_| execution.status.is_closed()),
            output: execution.output,
            error: execution.error,
            cause: execution.cause,
            started_at: Some(execution.started_at),
            input: execution.input,
            version_arn: execution.version_arn,
            alias_arn: execution.alias_arn,
        },
        execution_arn: execution.execution_arn,
        name: execution.name,
    }
}

/// A line of a listing. It says neither input nor output nor error.
pub(super) fn listed(item: ExecutionItem) -> Observation {
    Observation {
        knowledge: Knowledge {
            redrive_count: count(item.redrive_count),
            status: item.status,
            stopped_at: item.stopped_at.filter(|_| item.status.is_closed()),
            output: None,
            error: None,
            cause: None,
            started_at: Some(item.started_at),
            input: None,
            version_arn: item.version_arn,
            alias_arn: item.alias_arn,
        },
        execution_arn: item.execution_arn,
        name: item.name,
    }
}

fn count(redrives: u32) -> i32 {
    i32::try_from(redrives).unwrap_or(i32::MAX)
}
