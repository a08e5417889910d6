//! Step Functions itself: `states:startExecution` with its forms of waiting, and `aws-sdk:sfn:<action>`. They go to this engine.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use asl::eval::{Failure, Outcome, Pattern, TaskCall};
use asl::json::Payload;
use asl::json::value::{Json, Object};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::aws::Answer;
use super::errors::{self, Generation, Refusal, Wording};
use super::metadata::{self, Connection};
use super::protocols::as_text;
use super::{Reply, TaskContext, TaskError};
use crate::Engine;
use crate::arn::Place;
use crate::executions::{Execution, ExecutionStatus, ParentTask, StartExecution};
use crate::limits::DRIVER_CHECK_MS;
use crate::runtime::Closed;
use crate::wire;
use crate::wire::caller::Caller;
use crate::wire::error::{ApiError, ErrorCode};
use crate::wire::operation::Operation;

/// The optimised integration's words.
const OPTIMISED: Wording = Wording {
    prefix: "StepFunctions",
    service: "AWSStepFunctions",
    unmodelled: Cow::Borrowed("AWSStepFunctionsException"),
    model: "sfn",
    generation: Generation::First,
};

/// The SDK integration's words.
const SDK: Wording = Wording {
    prefix: "Sfn",
    service: "Sfn",
    unmodelled: Cow::Borrowed("SfnException"),
    model: "sfn",
    generation: Generation::Counting,
};

/// `states:startExecution`: done when it has started, or with `.sync` when the child has closed, which the runtime sees to.
pub(super) async fn start_execution(
    engine: &Arc<Engine>,
    call: &TaskCall,
    context: &TaskContext,
    pattern: Pattern,
    now_ms: i64,
) -> Result<Reply, TaskError> {
    let parameters = call.parameters.json();
    let text = |name: &str| parameters.get(name).and_then(Json::as_str).map(str::to_owned);
    let waits = matches!(pattern, Pattern::Sync | Pattern::Sync2);
    let parent = waits.then_some(ParentTask {
        execution: context.execution_id,
        task: call.id,
    });
    let command = StartExecution {
        arn: text("StateMachineArn").unwrap_or_default(),
        name: text("Name"),
        input: match parameters.get("Input") {
            None | Some(Json::Null) => None,
            Some(input) => Some(as_text(input)),
        },
        trace_header: text("TraceHeader"),
        parent,
    };
    let started = loop {
        match engine.executions().start(command.clone()).await {
            Ok(started) => break started,
            Err(error) => wait_while_away(error.into())
                .await
                .map_err(|error| refused(&OPTIMISED, &error))?,
        }
    };
    if let Some(child) = started.before.as_deref().and_then(closed_before) {
        return child.result(pattern).map(Reply::Done);
    }
    let mut response = Object::new();
    response.insert("ExecutionArn".into(), Json::from(started.arn.clone()));
    let wire = format!(
        r#"{{"executionArn":"{}","startDate":{}}}"#,
        started.arn,
        seconds(started.started_at)
    );
    metadata::add(&mut response, &answer(wire, now_ms), Connection::Small);
    response.insert("StartDate".into(), Json::from(started.started_at));
    let response = Payload::from_json(response.into());
    match pattern {
        Pattern::RequestResponse => Ok(Reply::Done(response)),
        Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => Ok(Reply::Submitted(response)),
    }
}

/// The result of a `.sync` task whose child has closed: its description, or a failure that carries it.
pub(super) fn child_closed(call: &TaskCall, child: &Closed) -> Result<Payload, TaskError> {
    let (status, output, failure) = match &child.outcome {
        Outcome::Succeeded { output } => (
            ExecutionStatus::Succeeded,
            Some(output.clone()),
            Failure::default(),
        ),
        Outcome::Failed(failure) => (ExecutionStatus::Failed, None, failure.clone()),
        Outcome::TimedOut(failure) => (ExecutionStatus::TimedOut, None, failure.clone()),
        Outcome::Aborted(failure) => (ExecutionStatus::Aborted, None, failure.clone()),
    };
    let facts = &child.facts;
    let child = Child {
        arn: facts.execution_arn.clone(),
        name: facts.name.clone(),
        machine_arn: facts.machine_arn.clone(),
        version_arn: facts.version_arn.clone(),
        alias_arn: facts.alias_arn.clone(),
        status,
        input: facts.input.clone(),
        output,
        failure,
        started_at: facts.start_ms,
        stopped_at: child.stopped_at,
        redrive_count: facts.redrive_count,
    };
    child.result(call.resource.pattern())
}

/// A child that had closed before its parent's task was performed again; none while it is open.
fn closed_before(child: &Execution) -> Option<Child> {
    let payload = |text: &str| Payload::from_text(text).unwrap_or_else(|_| Payload::null());
    Some(Child {
        arn: child.arn.clone(),
        name: child.name.clone(),
        machine_arn: child.machine_arn.clone(),
        version_arn: child.version_arn.clone(),
        alias_arn: child.alias_arn.clone(),
        status: child.status,
        input: payload(&child.input),
        output: child.output.as_deref().map(payload),
        failure: Failure {
            error: child.error.as_deref().map(Arc::from),
            cause: child.cause.as_deref().map(Arc::from),
        },
        started_at: child.started_at,
        stopped_at: child.stopped_at?,
        redrive_count: child.redrive_count,
    })
}

/// A child that has closed.
struct Child {
    arn: Arc<str>,
    name: Arc<str>,
    machine_arn: Arc<str>,
    version_arn: Option<Arc<str>>,
    alias_arn: Option<Arc<str>>,
    status: ExecutionStatus,
    input: Payload,
    output: Option<Payload>,
    failure: Failure,
    started_at: i64,
    stopped_at: i64,
    redrive_count: u32,
}

impl Child {
    fn result(self, pattern: Pattern) -> Result<Payload, TaskError> {
        let succeeded = self.status == ExecutionStatus::Succeeded;
        let description = self.description(pattern);
        if succeeded {
            Ok(Payload::from_json(description))
        } else {
            Err(errors::fail("States.TaskFailed", description.to_string()))
        }
    }

    /// What DescribeExecution says, in the order and with the members AWS gives; with `.sync:2` data is JSON, else text.
    fn description(self, pattern: Pattern) -> Json {
        let shown = |payload: &Payload| match pattern {
            Pattern::Sync2 => payload.json().clone(),
            Pattern::RequestResponse | Pattern::Sync | Pattern::WaitForTaskToken => {
                Json::from(payload.text().clone())
            }
        };
        let included = || Json::from(Object::from_iter([(Arc::from("Included"), Json::Bool(true))]));
        let (redrivable, why_not) = if self.status == ExecutionStatus::Succeeded {
            (
                "NOT_REDRIVABLE",
                Some("Execution is SUCCEEDED and cannot be redriven"),
            )
        } else {
            ("REDRIVABLE", None)
        };
        let members = [
            ("Cause", self.failure.cause.map(Json::from)),
            ("Error", self.failure.error.map(Json::from)),
            ("ExecutionArn", Some(Json::from(self.arn))),
            ("Input", Some(shown(&self.input))),
            ("InputDetails", Some(included())),
            ("Name", Some(Json::from(self.name))),
            ("Output", self.output.as_ref().map(shown)),
            ("OutputDetails", self.output.as_ref().map(|_| included())),
            ("RedriveCount", Some(Json::from(u64::from(self.redrive_count)))),
            ("RedriveStatus", Some(Json::from(redrivable))),
            ("RedriveStatusReason", why_not.map(Json::from)),
            ("StartDate", Some(Json::from(self.started_at))),
            ("StateMachineAliasArn", self.alias_arn.map(Json::from)),
            ("StateMachineArn", Some(Json::from(self.machine_arn))),
            ("StateMachineVersionArn", self.version_arn.map(Json::from)),
            ("Status", Some(Json::from(self.status.as_str()))),
            ("StopDate", Some(Json::from(self.stopped_at))),
        ];
        let present = members
            .into_iter()
            .filter_map(|(name, value)| Some((Arc::from(name), value?)));
        Json::from(present.collect::<Object>())
    }
}

/// `aws-sdk:sfn:<action>`: any operation of the API, with members as the SDK for Java names them.
pub(super) async fn sdk_call(
    engine: &Arc<Engine>,
    action: &str,
    parameters: &Payload,
    here: &Place,
) -> Result<Payload, TaskError> {
    let Some(operation) = Operation::by_name(&operation_name(action)) else {
        return Err(errors::fail(
            "States.Runtime",
            format!("Step Functions has no action '{action}'"),
        ));
    };
    let caller = Caller { place: here.clone() };
    let body = loop {
        match wire::call(engine, &caller, operation, request(parameters.json())).await {
            Ok(body) => break body,
            Err(error) => wait_while_away(error)
                .await
                .map_err(|error| refused(&SDK, &error))?,
        }
    };
    let json = std::str::from_utf8(&body)
        .ok()
        .and_then(|text| asl::json::read::read(text).ok())
        .ok_or_else(|| errors::fail("Sfn.SdkClientException", "the engine's answer is not JSON"))?;
    Ok(Payload::from_json(response(&json)))
}

/// This engine's database is away for a moment. An execution that is durable does not fail because of that: its task waits, until it
/// is cancelled or times out.
async fn wait_while_away(error: ApiError) -> Result<(), ApiError> {
    if error.code != ErrorCode::ServiceUnavailable {
        return Err(error);
    }
    tokio::time::sleep(Duration::from_millis(DRIVER_CHECK_MS)).await;
    Ok(())
}

fn refused(wording: &Wording, error: &ApiError) -> TaskError {
    let refusal = Refusal {
        code: error.code.name().to_owned(),
        message: error.message.clone(),
        request_id: None,
    };
    wording.failed(
        error.code.status().as_u16(),
        &uuid::Uuid::new_v4().to_string(),
        &refusal,
    )
}

/// `{"StateMachineArn": …}` as the wire has it: small first letters, JSON where texts are wanted.
fn request(parameters: &Json) -> Map<String, Value> {
    let members = parameters.as_object().into_iter().flat_map(Object::iter);
    members
        .map(|(name, value)| {
            let is_text = matches!(
                &**name,
                "Input" | "Output" | "Definition" | "Cause" | "Error" | "Variables"
            );
            let value = match value {
                Json::Object(_) | Json::Array(_) if is_text => Value::String(value.to_string()),
                value => to_wire(value),
            };
            (small(name), value)
        })
        .collect()
}

fn to_wire(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Number(number.clone()),
        Json::String(text) => Value::String(text.to_string()),
        Json::Array(items) => items.iter().map(to_wire).collect(),
        Json::Object(object) => Value::Object(
            object
                .iter()
                .map(|(name, value)| (small(name), to_wire(value)))
                .collect(),
        ),
    }
}

/// The answer as the SDK shows it: capitals, and times as ISO 8601.
fn response(json: &Json) -> Json {
    match json {
        Json::Array(items) => Json::array(items.iter().map(response).collect()),
        Json::Object(object) => {
            let members = object.iter().map(|(name, value)| {
                let value = match value {
                    Json::Number(number) if name.ends_with("Date") || &**name == "timestamp" => {
                        iso(number.as_f64().unwrap_or(0.0))
                    }
                    value => response(value),
                };
                (Arc::from(operation_name(name)), value)
            });
            Json::from(members.collect::<Object>())
        }
        other => other.clone(),
    }
}

/// `startExecution` as the wire has it: `StartExecution`.
fn operation_name(action: &str) -> String {
    let mut letters = action.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "times in ms since 1970 are whole and far below 2^53"
)]
fn iso(seconds: f64) -> Json {
    let ms = (seconds * 1000.0).round() as i64;
    let time = chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default();
    Json::from(time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).as_str())
}

/// As AWS prints times on the wire: `1.763847896123E9`.
fn seconds(ms: i64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "times in ms since 1970 are far below 2^53"
    )]
    let seconds = ms as f64 / 1000.0;
    format!("{seconds:E}")
}

/// What this engine's endpoint would have answered.
fn answer(body: String, now_ms: i64) -> Answer {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-amzn-requestid", &uuid::Uuid::new_v4().to_string());
    let now = chrono::DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    set("date", &now.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    set("connection", "keep-alive");
    set("content-length", &body.len().to_string());
    set("content-type", wire::answer::CONTENT_TYPE);
    Answer {
        status: StatusCode::OK,
        headers,
        body: Bytes::from(body),
    }
}
