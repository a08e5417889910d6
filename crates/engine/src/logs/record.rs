//! One event as AWS logs it (recorded on AWS, June 2024): numbers are text, inputs and outputs only when they are asked for.

use asl::eval::{ExecutionData, ExecutionFacts, HistoryEvent};
use serde_json::{Map, Value, json};

use crate::machines::model::{LogLevel, Logging};

/// An event to be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// When it happened, in ms since 1970.
    pub timestamp_ms: i64,
    /// A JSON object.
    pub text: String,
}

/// Members of details that are data of the execution (developer guide, "Logging": `includeExecutionData`).
const DATA: &[&str] = &[
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "parameters",
    "taskCredentials",
    "assignedVariables",
    "assignedVariablesDetails",
];

/// The record of an event; none when the level leaves it out.
pub(super) fn of(event: &HistoryEvent, facts: &ExecutionFacts, logging: &Logging) -> Option<LogRecord> {
    let kind = event.detail.event_type();
    if !is_logged(logging.level, &kind) {
        return None;
    }
    let wire: Map<String, Value> = serde_json::from_str(&event.to_wire(ExecutionData::Included)).ok()?;
    let mut details = wire
        .into_iter()
        .find(|(name, _)| name.ends_with("EventDetails"))
        .and_then(|(_, details)| match details {
            Value::Object(details) => Some(details),
            _ => None,
        })
        .unwrap_or_default();
    if !logging.include_execution_data {
        details.retain(|name, _| !DATA.contains(&name.as_str()));
    }
    let text = json!({
        "id": event.id.to_string(),
        "type": kind,
        "details": details,
        "previous_event_id": event.previous_event_id.to_string(),
        "event_timestamp": event.timestamp_ms.to_string(),
        "execution_arn": *facts.execution_arn,
        "redrive_count": facts.redrive_count.to_string(),
    });
    Some(LogRecord {
        timestamp_ms: event.timestamp_ms,
        text: text.to_string(),
    })
}

/// Which events a level has (developer guide, "Log levels for Step Functions execution events").
fn is_logged(level: LogLevel, kind: &str) -> bool {
    match level {
        LogLevel::All => true,
        LogLevel::Error => {
            kind == "FailStateEntered"
                || ["Failed", "TimedOut", "Aborted"]
                    .iter()
                    .any(|ending| kind.ends_with(ending))
        }
        LogLevel::Fatal => matches!(kind, "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionAborted"),
        LogLevel::Off => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_leave_out_what_is_less_grave() {
        let logged = |level| {
            [
                "ExecutionStarted",
                "FailStateEntered",
                "TaskFailed",
                "WaitStateAborted",
                "ExecutionFailed",
                "ExecutionSucceeded",
            ]
            .into_iter()
            .filter(|kind| is_logged(level, kind))
            .collect::<Vec<_>>()
        };
        assert_eq!(logged(LogLevel::All).len(), 6);
        assert_eq!(
            logged(LogLevel::Error),
            [
                "FailStateEntered",
                "TaskFailed",
                "WaitStateAborted",
                "ExecutionFailed"
            ]
        );
        assert_eq!(logged(LogLevel::Fatal), ["ExecutionFailed"]);
        assert_eq!(logged(LogLevel::Off), [""; 0]);
    }
}
