//! History events as GetExecutionHistory answers them: AWS's member names and shapes.

use std::fmt::Write as _;
use std::sync::Arc;

use super::command::Failure;
use super::history::{Detail, ExecutionData, HistoryEvent, TaskResource};
use crate::json::{Payload, print};

impl HistoryEvent {
    /// The event as GetExecutionHistory answers it: one JSON object.
    pub fn to_wire(&self, data: ExecutionData) -> String {
        let mut out = String::with_capacity(192);
        self.write_wire(data, &mut out);
        out
    }

    /// Appends the event's JSON object to `out`.
    pub fn write_wire(&self, data: ExecutionData, out: &mut String) {
        let mut wire = Wire {
            out,
            data,
            comma: false,
        };
        wire.out.push('{');
        wire.raw(
            "timestamp",
            format_args!(
                "{}.{:03}",
                self.timestamp_ms.div_euclid(1_000),
                self.timestamp_ms.rem_euclid(1_000)
            ),
        );
        wire.key("type");
        wire.out.push('"');
        self.detail.write_type(wire.out);
        wire.out.push('"');
        wire.raw("id", format_args!("{}", self.id));
        wire.raw("previousEventId", format_args!("{}", self.previous_event_id));
        self.detail.write_details(&mut wire);
        wire.out.push('}');
    }
}

impl Detail {
    /// The event's type, for example `PassStateEntered`.
    pub fn event_type(&self) -> String {
        let mut out = String::new();
        self.write_type(&mut out);
        out
    }

    fn write_type(&self, out: &mut String) {
        let (first, second) = match self {
            Detail::StateEntered { kind, .. } => (kind.name(), "StateEntered"),
            Detail::StateExited { kind, .. } => (kind.name(), "StateExited"),
            Detail::StateAborted { kind } => (kind.name(), "StateAborted"),
            other => (other.fixed_type(), ""),
        };
        out.push_str(first);
        out.push_str(second);
    }

    fn fixed_type(&self) -> &'static str {
        match self {
            Detail::StateEntered { .. } | Detail::StateExited { .. } | Detail::StateAborted { .. } => "",
            Detail::ExecutionStarted { .. } => "ExecutionStarted",
            Detail::ExecutionSucceeded { .. } => "ExecutionSucceeded",
            Detail::ExecutionFailed(..) => "ExecutionFailed",
            Detail::ExecutionTimedOut(..) => "ExecutionTimedOut",
            Detail::ExecutionAborted(..) => "ExecutionAborted",
            Detail::ExecutionRedriven { .. } => "ExecutionRedriven",
            Detail::ParallelStateStarted => "ParallelStateStarted",
            Detail::ParallelStateSucceeded => "ParallelStateSucceeded",
            Detail::ParallelStateFailed => "ParallelStateFailed",
            Detail::MapStateStarted { .. } => "MapStateStarted",
            Detail::MapStateSucceeded => "MapStateSucceeded",
            Detail::MapStateFailed => "MapStateFailed",
            Detail::MapIterationStarted(..) => "MapIterationStarted",
            Detail::MapIterationSucceeded(..) => "MapIterationSucceeded",
            Detail::MapIterationFailed(..) => "MapIterationFailed",
            Detail::MapIterationAborted(..) => "MapIterationAborted",
            Detail::MapRunStarted { .. } => "MapRunStarted",
            Detail::MapRunSucceeded => "MapRunSucceeded",
            Detail::MapRunFailed(..) => "MapRunFailed",
            Detail::MapRunAborted => "MapRunAborted",
            Detail::MapRunRedriven { .. } => "MapRunRedriven",
            Detail::EvaluationFailed { .. } => "EvaluationFailed",
            Detail::TaskScheduled { .. } => "TaskScheduled",
            Detail::TaskStarted(..) => "TaskStarted",
            Detail::TaskStartFailed(..) => "TaskStartFailed",
            Detail::TaskSubmitted { .. } => "TaskSubmitted",
            Detail::TaskSubmitFailed(..) => "TaskSubmitFailed",
            Detail::TaskSucceeded { .. } => "TaskSucceeded",
            Detail::TaskFailed(..) => "TaskFailed",
            Detail::TaskTimedOut(..) => "TaskTimedOut",
            Detail::LambdaFunctionScheduled { .. } => "LambdaFunctionScheduled",
            Detail::LambdaFunctionScheduleFailed(..) => "LambdaFunctionScheduleFailed",
            Detail::LambdaFunctionStarted => "LambdaFunctionStarted",
            Detail::LambdaFunctionStartFailed(..) => "LambdaFunctionStartFailed",
            Detail::LambdaFunctionSucceeded { .. } => "LambdaFunctionSucceeded",
            Detail::LambdaFunctionFailed(..) => "LambdaFunctionFailed",
            Detail::LambdaFunctionTimedOut(..) => "LambdaFunctionTimedOut",
            Detail::ActivityScheduled { .. } => "ActivityScheduled",
            Detail::ActivityScheduleFailed(..) => "ActivityScheduleFailed",
            Detail::ActivityStarted { .. } => "ActivityStarted",
            Detail::ActivitySucceeded { .. } => "ActivitySucceeded",
            Detail::ActivityFailed(..) => "ActivityFailed",
            Detail::ActivityTimedOut(..) => "ActivityTimedOut",
        }
    }

    /// The member of the event that holds its details; `None` for events without any.
    fn details_member(&self) -> Option<&'static str> {
        Some(match self {
            Detail::StateEntered { .. } => "stateEnteredEventDetails",
            Detail::StateExited { .. } => "stateExitedEventDetails",
            Detail::StateAborted { .. }
            | Detail::ParallelStateStarted
            | Detail::ParallelStateSucceeded
            | Detail::ParallelStateFailed
            | Detail::MapStateSucceeded
            | Detail::MapStateFailed
            | Detail::MapRunSucceeded
            | Detail::MapRunAborted
            | Detail::LambdaFunctionStarted => return None,
            Detail::ExecutionStarted { .. } => "executionStartedEventDetails",
            Detail::ExecutionSucceeded { .. } => "executionSucceededEventDetails",
            Detail::ExecutionFailed(..) => "executionFailedEventDetails",
            Detail::ExecutionTimedOut(..) => "executionTimedOutEventDetails",
            Detail::ExecutionAborted(..) => "executionAbortedEventDetails",
            Detail::ExecutionRedriven { .. } => "executionRedrivenEventDetails",
            Detail::MapStateStarted { .. } => "mapStateStartedEventDetails",
            Detail::MapIterationStarted(..) => "mapIterationStartedEventDetails",
            Detail::MapIterationSucceeded(..) => "mapIterationSucceededEventDetails",
            Detail::MapIterationFailed(..) => "mapIterationFailedEventDetails",
            Detail::MapIterationAborted(..) => "mapIterationAbortedEventDetails",
            Detail::MapRunStarted { .. } => "mapRunStartedEventDetails",
            Detail::MapRunFailed(..) => "mapRunFailedEventDetails",
            Detail::MapRunRedriven { .. } => "mapRunRedrivenEventDetails",
            Detail::EvaluationFailed { .. } => "evaluationFailedEventDetails",
            Detail::TaskScheduled { .. } => "taskScheduledEventDetails",
            Detail::TaskStarted(..) => "taskStartedEventDetails",
            Detail::TaskStartFailed(..) => "taskStartFailedEventDetails",
            Detail::TaskSubmitted { .. } => "taskSubmittedEventDetails",
            Detail::TaskSubmitFailed(..) => "taskSubmitFailedEventDetails",
            Detail::TaskSucceeded { .. } => "taskSucceededEventDetails",
            Detail::TaskFailed(..) => "taskFailedEventDetails",
            Detail::TaskTimedOut(..) => "taskTimedOutEventDetails",
            Detail::LambdaFunctionScheduled { .. } => "lambdaFunctionScheduledEventDetails",
            Detail::LambdaFunctionScheduleFailed(..) => "lambdaFunctionScheduleFailedEventDetails",
            Detail::LambdaFunctionStartFailed(..) => "lambdaFunctionStartFailedEventDetails",
            Detail::LambdaFunctionSucceeded { .. } => "lambdaFunctionSucceededEventDetails",
            Detail::LambdaFunctionFailed(..) => "lambdaFunctionFailedEventDetails",
            Detail::LambdaFunctionTimedOut(..) => "lambdaFunctionTimedOutEventDetails",
            Detail::ActivityScheduled { .. } => "activityScheduledEventDetails",
            Detail::ActivityScheduleFailed(..) => "activityScheduleFailedEventDetails",
            Detail::ActivityStarted { .. } => "activityStartedEventDetails",
            Detail::ActivitySucceeded { .. } => "activitySucceededEventDetails",
            Detail::ActivityFailed(..) => "activityFailedEventDetails",
            Detail::ActivityTimedOut(..) => "activityTimedOutEventDetails",
        })
    }

    fn write_details(&self, wire: &mut Wire<'_>) {
        let Some(member) = self.details_member() else {
            return;
        };
        wire.key(member);
        wire.open();
        if !self.write_flow(wire) && !self.write_service(wire) {
            self.write_failure(wire);
        }
        wire.close();
    }

    /// Executions, states, iterations; false for an event of another kind.
    fn write_flow(&self, wire: &mut Wire<'_>) -> bool {
        match self {
            Detail::ExecutionStarted {
                input,
                role_arn,
                version_arn,
                alias_arn,
            } => {
                wire.data("input", "inputDetails", input);
                wire.text("roleArn", role_arn);
                wire.optional("stateMachineVersionArn", version_arn.as_ref());
                wire.optional("stateMachineAliasArn", alias_arn.as_ref());
            }
            Detail::StateEntered { name, input, .. } => {
                wire.text("name", name);
                wire.data("input", "inputDetails", input);
            }
            Detail::StateExited {
                name,
                output,
                assigned,
                ..
            } => {
                wire.text("name", name);
                wire.data("output", "outputDetails", output);
                wire.assigned(assigned);
            }
            Detail::ExecutionSucceeded { output }
            | Detail::LambdaFunctionSucceeded { output }
            | Detail::ActivitySucceeded { output } => wire.data("output", "outputDetails", output),
            Detail::ExecutionRedriven { redrive_count } => {
                wire.raw("redriveCount", format_args!("{redrive_count}"));
            }
            Detail::MapStateStarted { length } => wire.raw("length", format_args!("{length}")),
            Detail::MapIterationStarted(iteration)
            | Detail::MapIterationSucceeded(iteration)
            | Detail::MapIterationFailed(iteration)
            | Detail::MapIterationAborted(iteration) => {
                wire.text("name", &iteration.name);
                wire.raw("index", format_args!("{}", iteration.index));
            }
            Detail::MapRunStarted { map_run_arn } => wire.text("mapRunArn", map_run_arn),
            Detail::MapRunRedriven {
                map_run_arn,
                redrive_count,
            } => {
                wire.text("mapRunArn", map_run_arn);
                wire.raw("redriveCount", format_args!("{redrive_count}"));
            }
            Detail::EvaluationFailed {
                error,
                cause,
                location,
                state,
            } => {
                wire.text("error", error);
                wire.text("cause", cause);
                wire.optional("location", location.as_ref());
                wire.text("state", state);
            }
            _ => return false,
        }
        true
    }

    /// Tasks, functions, activities; false for an event of another kind.
    fn write_service(&self, wire: &mut Wire<'_>) -> bool {
        match self {
            Detail::TaskScheduled {
                resource,
                region,
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                credentials_role_arn,
            } => {
                wire.resource(resource);
                wire.text("region", region);
                // A required member of the shape: shown even without execution data.
                wire.text("parameters", parameters.text());
                wire.seconds("timeoutInSeconds", *timeout_seconds);
                wire.seconds("heartbeatInSeconds", *heartbeat_seconds);
                wire.credentials(credentials_role_arn.as_ref());
            }
            Detail::TaskStarted(resource) => wire.resource(resource),
            Detail::TaskSubmitted { resource, output } | Detail::TaskSucceeded { resource, output } => {
                wire.resource(resource);
                wire.data("output", "outputDetails", output);
            }
            Detail::LambdaFunctionScheduled {
                resource,
                input,
                timeout_seconds,
                credentials_role_arn,
            } => {
                wire.text("resource", resource);
                wire.data("input", "inputDetails", input);
                wire.seconds("timeoutInSeconds", *timeout_seconds);
                wire.credentials(credentials_role_arn.as_ref());
            }
            Detail::ActivityScheduled {
                resource,
                input,
                timeout_seconds,
                heartbeat_seconds,
            } => {
                wire.text("resource", resource);
                wire.data("input", "inputDetails", input);
                wire.seconds("timeoutInSeconds", *timeout_seconds);
                wire.seconds("heartbeatInSeconds", *heartbeat_seconds);
            }
            Detail::ActivityStarted { worker } => wire.optional("workerName", worker.as_ref()),
            _ => return false,
        }
        true
    }

    fn write_failure(&self, wire: &mut Wire<'_>) {
        match self {
            Detail::ExecutionFailed(failure)
            | Detail::ExecutionTimedOut(failure)
            | Detail::ExecutionAborted(failure)
            | Detail::MapRunFailed(failure)
            | Detail::LambdaFunctionScheduleFailed(failure)
            | Detail::LambdaFunctionStartFailed(failure)
            | Detail::LambdaFunctionFailed(failure)
            | Detail::LambdaFunctionTimedOut(failure)
            | Detail::ActivityScheduleFailed(failure)
            | Detail::ActivityFailed(failure)
            | Detail::ActivityTimedOut(failure) => wire.failure(failure),
            Detail::TaskStartFailed(resource, failure)
            | Detail::TaskSubmitFailed(resource, failure)
            | Detail::TaskFailed(resource, failure)
            | Detail::TaskTimedOut(resource, failure) => {
                wire.resource(resource);
                wire.failure(failure);
            }
            _ => {}
        }
    }
}

/// Writes members with commas between them.
struct Wire<'a> {
    out: &'a mut String,
    data: ExecutionData,
    comma: bool,
}

impl Wire<'_> {
    fn key(&mut self, key: &str) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    fn open(&mut self) {
        self.out.push('{');
        self.comma = false;
    }

    fn close(&mut self) {
        self.out.push('}');
        self.comma = true;
    }

    fn raw(&mut self, key: &str, value: std::fmt::Arguments<'_>) {
        self.key(key);
        // Writing to a String can't fail.
        let _ = self.out.write_fmt(value);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        print::string(value, self.out);
    }

    fn optional(&mut self, key: &str, value: Option<&Arc<str>>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn seconds(&mut self, key: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.raw(key, format_args!("{value}"));
        }
    }

    fn data(&mut self, key: &str, details_key: &str, value: &Payload) {
        if self.data == ExecutionData::Excluded {
            return;
        }
        self.text(key, value.text());
        self.not_truncated(details_key);
    }

    fn not_truncated(&mut self, key: &str) {
        self.key(key);
        self.out.push_str("{\"truncated\":false}");
    }

    fn assigned(&mut self, assigned: &[(Arc<str>, Payload)]) {
        if assigned.is_empty() || self.data == ExecutionData::Excluded {
            return;
        }
        self.key("assignedVariables");
        self.open();
        for (name, value) in assigned {
            self.key_escaped(name);
            print::string(value.text(), self.out);
        }
        self.close();
        self.not_truncated("assignedVariablesDetails");
    }

    fn key_escaped(&mut self, key: &str) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
        print::string(key, self.out);
        self.out.push(':');
    }

    fn failure(&mut self, failure: &Failure) {
        if self.data == ExecutionData::Included {
            self.optional("error", failure.error.as_ref());
            self.optional("cause", failure.cause.as_ref());
        }
    }

    fn resource(&mut self, resource: &TaskResource) {
        self.text("resourceType", &resource.resource_type);
        self.text("resource", &resource.resource);
    }

    fn credentials(&mut self, role_arn: Option<&Arc<str>>) {
        if let Some(role_arn) = role_arn {
            self.key("taskCredentials");
            self.open();
            self.text("roleArn", role_arn);
            self.close();
        }
    }
}
