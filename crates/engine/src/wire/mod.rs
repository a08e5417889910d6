//! The Step Functions API as AWS speaks it: AWS JSON 1.0 over HTTP/1.1 and 2, one POST per operation, named by `X-Amz-Target`.
//!
//! A request goes through `operation` (which one), `caller` and `signature` (who), `constraints` (against the shapes of the
//! model), and its handler; one file per group of operations. `error` is the only place for error names, statuses and
//! wording. Whatever is asked, the answer is JSON with an `x-amzn-RequestId`; there are no 404 pages.
//!
//! To add an operation: a line in `operation`, its shape in `shapes`, a handler, a line in `dispatch`.

mod activities;
mod aliases;
pub mod answer;
pub mod caller;
mod constraints;
pub mod error;
mod executions;
mod machines;
mod map_runs;
pub mod operation;
pub mod page;
mod shapes;
pub mod signature;
mod tags;
mod tasks;
mod test_state;
mod validate;
mod versions;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, request::Parts};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use self::caller::{Authorization, Caller};
use self::error::{ApiError, ErrorCode};
use self::operation::Operation;
use crate::Engine;
use crate::arn::Place;
use crate::limits::REQUEST_BYTES_MAX;

/// Whether callers have to prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Signatures are checked when keys are configured.
    Nobody,
    /// They are in this process.
    Everybody,
}

#[derive(Clone)]
struct Api {
    engine: Arc<Engine>,
    trust: Trust,
}

/// The API, to be served over TCP or called in process.
pub fn router(engine: Arc<Engine>, trust: Trust) -> Router {
    Router::new().fallback(serve).with_state(Api { engine, trust })
}

async fn serve(State(api): State<Api>, request: Request) -> Response {
    let request_id = Uuid::new_v4();
    let (parts, body) = request.into_parts();
    let mut response = match perform(&api, &parts, body).await {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!(%request_id, code = error.code.name(), message = error.message, "refused");
            error.into_response()
        }
    };
    if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response
}

async fn perform(api: &Api, parts: &Parts, body: Body) -> Result<Response, ApiError> {
    let operation = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .filter(|_| parts.method == Method::POST)
        .and_then(Operation::from_target)
        .ok_or_else(unknown_operation)?;
    let body = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await.map_err(|_| {
        ApiError::new(
            ErrorCode::RequestEntityTooLargeException,
            format!("Request is larger than {REQUEST_BYTES_MAX} bytes."),
        )
    })?;
    let caller = identify(api, parts, &body)?;
    let request = read_object(&body)?;
    let body = call(&api.engine, &caller, operation, request).await?;
    Ok(answer::raw(StatusCode::OK, body))
}

/// Performs an operation; the answer's body. Tasks that call Step Functions itself come in here.
pub(crate) async fn call(
    engine: &Arc<Engine>,
    caller: &Caller,
    operation: Operation,
    request: Map<String, Value>,
) -> Result<Vec<u8>, ApiError> {
    constraints::check(operation, &request)?;
    dispatch(engine, caller, operation, request).await
}

fn unknown_operation() -> ApiError {
    ApiError::new(
        ErrorCode::UnknownOperationException,
        "The requested operation is not recognized by the service.",
    )
}

fn identify(api: &Api, parts: &Parts, body: &[u8]) -> Result<Caller, ApiError> {
    let config = api.engine.config();
    let authorization = Authorization::read(&parts.headers)?;
    let must_prove = api.trust == Trust::Nobody && !config.access_keys.is_empty();
    let key = if must_prove {
        let now = config.clock.now_ms();
        Some(signature::verify(
            &config.access_keys,
            parts,
            body,
            authorization.as_ref(),
            now,
        )?)
    } else {
        None
    };
    let default = Place::new(&config.account, &config.region);
    Ok(caller::identify(
        authorization.as_ref(),
        key.and_then(|key| key.account.as_deref()),
        &default,
    ))
}

fn read_object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(request)) => Ok(request),
        Ok(_) => Err(constraints::serialization(
            "Unexpected token: a request is a JSON object.",
        )),
        Err(error) => Err(constraints::serialization(format!(
            "The request is not valid JSON: {error}"
        ))),
    }
}

async fn dispatch(
    engine: &Arc<Engine>,
    caller: &Caller,
    operation: Operation,
    request: Map<String, Value>,
) -> Result<Vec<u8>, ApiError> {
    use Operation as O;
    match operation {
        O::CreateStateMachine => done(machines::create(engine, caller, read(request)?)).await,
        O::UpdateStateMachine => done(machines::update(engine, read(request)?)).await,
        O::DescribeStateMachine => done(machines::describe(engine, read(request)?)).await,
        O::DeleteStateMachine => done(machines::delete(engine, read(request)?)).await,
        O::ListStateMachines => done(machines::list(engine, caller, read(request)?)).await,
        O::PublishStateMachineVersion => done(versions::publish(engine, read(request)?)).await,
        O::ListStateMachineVersions => done(versions::list(engine, read(request)?)).await,
        O::DeleteStateMachineVersion => done(versions::delete(engine, read(request)?)).await,
        O::CreateStateMachineAlias => done(aliases::create(engine, read(request)?)).await,
        O::UpdateStateMachineAlias => done(aliases::update(engine, read(request)?)).await,
        O::DescribeStateMachineAlias => done(aliases::describe(engine, read(request)?)).await,
        O::ListStateMachineAliases => done(aliases::list(engine, read(request)?)).await,
        O::DeleteStateMachineAlias => done(aliases::delete(engine, read(request)?)).await,
        O::TagResource => done(tags::tag(engine, read(request)?)).await,
        O::UntagResource => done(tags::untag(engine, read(request)?)).await,
        O::ListTagsForResource => done(tags::list(engine, read(request)?)).await,
        O::CreateActivity => done(activities::create(engine, caller, read(request)?)).await,
        O::DescribeActivity => done(activities::describe(engine, read(request)?)).await,
        O::DeleteActivity => done(activities::delete(engine, read(request)?)).await,
        O::ListActivities => done(activities::list(engine, caller, read(request)?)).await,
        O::StartExecution => done(executions::start(engine, read(request)?)).await,
        O::StartSyncExecution => done(executions::start_sync(engine, read(request)?)).await,
        O::DescribeExecution => done(executions::describe(engine, read(request)?)).await,
        O::ListExecutions => done(executions::list(engine, read(request)?)).await,
        O::StopExecution => done(executions::stop(engine, read(request)?)).await,
        O::RedriveExecution => done(executions::redrive(engine, read(request)?)).await,
        O::GetExecutionHistory => done(executions::history(engine, read(request)?)).await,
        O::DescribeStateMachineForExecution => {
            done(executions::describe_machine(engine, read(request)?)).await
        }
        O::SendTaskSuccess => done(tasks::success(engine, read(request)?)).await,
        O::SendTaskFailure => done(tasks::failure(engine, read(request)?)).await,
        O::SendTaskHeartbeat => done(tasks::heartbeat(engine, read(request)?)).await,
        O::GetActivityTask => done(tasks::take(engine, read(request)?)).await,
        O::ListMapRuns => done(map_runs::list(engine, read(request)?)).await,
        O::DescribeMapRun => done(map_runs::describe(engine, read(request)?)).await,
        O::UpdateMapRun => done(map_runs::update(engine, read(request)?)).await,
        O::ValidateStateMachineDefinition => ok(validate::validate(&read(request)?)),
        O::TestState => done(test_state::test(engine, caller, read(request)?)).await,
    }
}

/// On the heap: else every request's future would be as large as that of the largest operation.
fn done<'a, T: Serialize>(
    handler: impl Future<Output = Result<T, ApiError>> + Send + 'a,
) -> BoxFuture<'a, Result<Vec<u8>, ApiError>> {
    Box::pin(async move { ok(handler.await?) })
}

fn ok(body: impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(&body).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as JSON");
        ApiError::new(ErrorCode::InternalFailure, "The answer could not be written.")
    })
}

/// The request as its handler wants it. The shapes were checked before, so this fails only where handler and model disagree.
fn read<T: DeserializeOwned>(mut request: Map<String, Value>) -> Result<T, ApiError> {
    drop_nulls(&mut request);
    serde_json::from_value(Value::Object(request))
        .map_err(|error| constraints::serialization(error.to_string()))
}

/// null is the same as absent.
fn drop_nulls(object: &mut Map<String, Value>) {
    object.retain(|_, value| !value.is_null());
    for value in object.values_mut() {
        match value {
            Value::Object(object) => drop_nulls(object),
            Value::Array(items) => {
                for item in items {
                    if let Value::Object(object) = item {
                        drop_nulls(object);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
