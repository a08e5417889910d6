//! TestState: one state of a definition on its own.

use std::sync::Arc;

use asl::eval::Failure;
use asl::eval::probe::{Inspection, Verdict};
use asl::json::{Json, Object, Payload};
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::error::{ApiError, ErrorCode};
use crate::Engine;
use crate::integrations::{Exchange, GotResponse, SentRequest};
use crate::state_tests::{self, Configuration, MockInput, RuleError, StateTest, TestError};

/// How much is told. TRACE differs from DEBUG for HTTP tasks alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    #[default]
    Info,
    Debug,
    Trace,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TestRequest {
    definition: String,
    role_arn: Option<String>,
    input: Option<String>,
    #[serde(default)]
    inspection_level: Level,
    #[serde(default)]
    reveal_secrets: bool,
    variables: Option<String>,
    state_name: Option<String>,
    mock: Option<MockInput>,
    context: Option<String>,
    #[serde(default)]
    state_configuration: Configuration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TestAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inspection_data: Option<InspectionData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_state: Option<Arc<str>>,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InspectionData {
    input: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_arguments: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_input_path: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_parameters: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Request>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Response>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_result_selector: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_result_path: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<ErrorDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_items_path: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_item_selector: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_item_batcher: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_items_pointer: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tolerated_failure_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tolerated_failure_percentage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_concurrency: Option<u32>,
}

#[derive(Serialize)]
struct Request {
    protocol: String,
    method: String,
    url: String,
    headers: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    protocol: String,
    status_code: String,
    status_message: String,
    headers: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    catch_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_backoff_interval_seconds: Option<i64>,
}

pub(super) async fn test(
    engine: &Arc<Engine>,
    caller: &Caller,
    request: TestRequest,
) -> Result<TestAnswer, ApiError> {
    let level = request.inspection_level;
    let reveals = request.reveal_secrets;
    let tested = state_tests::run(
        engine,
        StateTest {
            place: caller.place.clone(),
            definition: request.definition,
            state_name: request.state_name,
            role_arn: request.role_arn,
            input: request.input,
            variables: request.variables,
            context: request.context,
            mock: request.mock,
            configuration: request.state_configuration,
            reveals_secrets: request.reveal_secrets,
        },
    )
    .await?;
    let (status, output, failure, next_state) = match tested.verdict {
        Verdict::Succeeded { output, next } => ("SUCCEEDED", Some(output), Failure::default(), next),
        Verdict::Failed(failure) => ("FAILED", None, failure, None),
        Verdict::Retriable(failure) => ("RETRIABLE", None, failure, None),
        Verdict::Caught {
            failure,
            output,
            next,
        } => ("CAUGHT_ERROR", Some(output), failure, next),
    };
    let exchange = tested.exchange.filter(|_| level == Level::Trace);
    let shown = |exchange: Exchange| {
        let request = if reveals {
            exchange.request_with_secrets
        } else {
            exchange.request
        };
        (request.into(), exchange.response.map(Into::into))
    };
    let (http_request, http_response) = exchange
        .map(shown)
        .map_or((None, None), |(request, response)| (Some(request), response));
    let inspection_data = (level != Level::Info).then(|| InspectionData {
        request: http_request,
        response: http_response,
        ..inspection_data(tested.input, tested.inspection)
    });
    Ok(TestAnswer {
        output,
        error: failure.error,
        cause: failure.cause,
        inspection_data,
        next_state,
        status,
    })
}

fn inspection_data(input: Payload, seen: Inspection) -> InspectionData {
    let error_details = ErrorDetails {
        catch_index: seen.catch_index,
        retry_index: seen.retry_index,
        retry_backoff_interval_seconds: seen.retry_seconds,
    };
    let handled = seen.catch_index.is_some() || seen.retry_index.is_some();
    InspectionData {
        input,
        after_arguments: seen.after_arguments,
        after_input_path: seen.after_input_path,
        after_parameters: seen.after_parameters,
        result: seen.result,
        request: None,
        response: None,
        after_result_selector: seen.after_result_selector,
        after_result_path: seen.after_result_path,
        variables: (!seen.variables.is_empty()).then(|| {
            let variables = seen.variables.iter();
            let members = variables.map(|(name, value)| (name.clone(), value.json().clone()));
            Payload::from_json(Json::object(members.collect::<Object>()))
        }),
        error_details: handled.then_some(error_details),
        after_items_path: seen.after_items_path,
        after_item_selector: seen.after_item_selector,
        after_item_batcher: seen.after_item_batcher,
        after_items_pointer: seen.after_items_pointer,
        tolerated_failure_count: seen.tolerated_failure_count,
        tolerated_failure_percentage: seen.tolerated_failure_percentage,
        max_concurrency: seen.max_concurrency,
    }
}

impl From<SentRequest> for Request {
    fn from(sent: SentRequest) -> Self {
        Self {
            protocol: sent.protocol,
            method: sent.method,
            url: sent.url,
            headers: sent.headers,
            body: sent.body,
        }
    }
}

impl From<GotResponse> for Response {
    fn from(got: GotResponse) -> Self {
        Self {
            protocol: got.protocol,
            status_code: got.status_code,
            status_message: got.status_message,
            headers: got.headers,
            body: got.body,
        }
    }
}

impl From<TestError> for ApiError {
    fn from(error: TestError) -> Self {
        match error {
            TestError::Definition(error) => Self::new(ErrorCode::InvalidDefinition, error.to_string()),
            TestError::Rule(rule @ (RuleError::MapOrParallel | RuleError::Waits(_))) => {
                Self::new(ErrorCode::InvalidDefinition, rule.to_string())
            }
            TestError::Role(error) => error.into(),
            TestError::Input(error) => error.into(),
            error @ (TestError::NoState
            | TestError::Rule(_)
            | TestError::Context(_)
            | TestError::Variables) => Self::validation(error.to_string()),
        }
    }
}
