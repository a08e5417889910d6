//! StartExecution, StartSyncExecution, DescribeExecution, ListExecutions, StopExecution, RedriveExecution, GetExecutionHistory,
//! DescribeStateMachineForExecution.

use std::sync::Arc;

use asl::eval::{Failure, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::Timestamp;
use super::error::{ApiError, ErrorCode, Reason};
use super::machines::{IncludedData, RevisionAnswer};
use super::page;
use crate::Engine;
use crate::arn::Qualifier;
use crate::executions::{
    ExecutionStatus, FindError, FinishedSync, HistoryRequest, Order, Redrivable, RedriveError, RedriveFilter,
    Scope, StartError, StartExecution, StopError,
};
use crate::machines::model::Kind;
use crate::machines::resolve::{LoadError, ResolveError};
use crate::runtime::Unavailable;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartRequest {
    state_machine_arn: String,
    name: Option<String>,
    input: Option<String>,
    trace_header: Option<String>,
}

impl StartRequest {
    fn command(self) -> StartExecution {
        StartExecution {
            arn: self.state_machine_arn,
            name: self.name,
            input: self.input,
            trace_header: self.trace_header,
            parent: None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartAnswer {
    execution_arn: Arc<str>,
    start_date: Timestamp,
}

pub(super) async fn start(engine: &Arc<Engine>, request: StartRequest) -> Result<StartAnswer, ApiError> {
    let started = engine.executions().start(request.command()).await?;
    Ok(StartAnswer {
        execution_arn: started.arn,
        start_date: Timestamp(started.started_at),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartSyncRequest {
    #[serde(flatten)]
    start: StartRequest,
    #[serde(default)]
    included_data: IncludedData,
}

/// A text that is data, and whether it is shown.
#[derive(Serialize)]
struct Included {
    included: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartSyncAnswer {
    execution_arn: Arc<str>,
    state_machine_arn: Arc<str>,
    name: Arc<str>,
    start_date: Timestamp,
    stop_date: Timestamp,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Arc<str>>,
    input_details: Included,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<Included>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<String>,
    billing_details: Billing,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Billing {
    #[serde(rename = "billedMemoryUsedInMB")]
    memory_mb: u64,
    #[serde(rename = "billedDurationInMilliseconds")]
    duration_ms: u64,
}

pub(super) async fn start_sync(
    engine: &Arc<Engine>,
    request: StartSyncRequest,
) -> Result<StartSyncAnswer, ApiError> {
    let trace_header = request.start.trace_header.clone();
    let shown = matches!(request.included_data, IncludedData::AllData);
    let finished = engine.executions().start_sync(request.start.command()).await?;
    let FinishedSync {
        closed,
        billed_memory_mb,
        billed_duration_ms,
    } = finished;
    let (status, output, failure) = match closed.outcome {
        Outcome::Succeeded { output } => ("SUCCEEDED", Some(Arc::clone(output.text())), Failure::default()),
        Outcome::TimedOut(failure) => ("TIMED_OUT", None, failure),
        Outcome::Failed(failure) | Outcome::Aborted(failure) => ("FAILED", None, failure),
    };
    Ok(StartSyncAnswer {
        execution_arn: closed.facts.execution_arn,
        state_machine_arn: closed.facts.machine_arn,
        name: closed.facts.name,
        start_date: Timestamp(closed.facts.start_ms),
        stop_date: Timestamp(closed.stopped_at),
        status,
        error: failure.error.filter(|_| shown),
        cause: failure.cause.filter(|_| shown),
        input: shown.then(|| Arc::clone(closed.facts.input.text())),
        input_details: Included { included: shown },
        output_details: output.is_some().then_some(Included { included: shown }),
        output: output.filter(|_| shown),
        trace_header,
        billing_details: Billing {
            memory_mb: billed_memory_mb,
            duration_ms: billed_duration_ms,
        },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRequest {
    execution_arn: String,
    #[serde(default)]
    included_data: IncludedData,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeAnswer {
    execution_arn: Arc<str>,
    state_machine_arn: Arc<str>,
    name: Arc<str>,
    status: &'static str,
    start_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    input_details: Included,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<Included>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<Arc<str>>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<Timestamp>,
    redrive_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_status_reason: Option<String>,
}

pub(super) async fn describe(
    engine: &Arc<Engine>,
    request: DescribeRequest,
) -> Result<DescribeAnswer, ApiError> {
    let found = engine.executions().find(&request.execution_arn).await?;
    let (redrive_status, redrive_status_reason) = match engine.executions().redrivable(&found).await? {
        Redrivable::Yes => ("REDRIVABLE", None),
        Redrivable::ByMapRun => ("REDRIVABLE_BY_MAP_RUN", None),
        Redrivable::No(reason) => ("NOT_REDRIVABLE", Some(reason)),
    };
    let shown = matches!(request.included_data, IncludedData::AllData);
    Ok(DescribeAnswer {
        execution_arn: found.arn,
        state_machine_arn: found.machine_arn,
        name: found.name,
        status: found.status.as_str(),
        start_date: Timestamp(found.started_at),
        stop_date: found.stopped_at.map(Timestamp),
        input: shown.then_some(found.input),
        input_details: Included { included: shown },
        output_details: found.output.is_some().then_some(Included { included: shown }),
        output: found.output.filter(|_| shown),
        error: found.error.filter(|_| shown),
        cause: found.cause.filter(|_| shown),
        trace_header: found.trace_header,
        map_run_arn: found.map_run_arn,
        state_machine_version_arn: found.version_arn,
        state_machine_alias_arn: found.alias_arn,
        redrive_count: found.redrive_count,
        redrive_date: found.redriven_at.map(Timestamp),
        redrive_status,
        redrive_status_reason,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    state_machine_arn: Option<String>,
    map_run_arn: Option<String>,
    status_filter: Option<String>,
    redrive_filter: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAnswer {
    executions: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    execution_arn: String,
    state_machine_arn: String,
    name: String,
    status: &'static str,
    start_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<String>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<Timestamp>,
}

pub(super) async fn list(engine: &Arc<Engine>, request: ListRequest) -> Result<ListAnswer, ApiError> {
    let status = request.status_filter.as_deref().and_then(ExecutionStatus::parse);
    let scope = scope_of(engine, &request, status).await?;
    let question = format!("ListExecutions {scope:?} {status:?}");
    let now = engine.now_ms();
    let after = engine
        .pager()
        .cursor(&question, request.next_token.as_deref(), now)?;
    let size = page::size(request.max_results);
    let mut found = engine.executions().list(&scope, status, after, size + 1).await?;
    let next_token =
        page::cut(&mut found, size).and_then(|last| engine.pager().token(&question, last.id, now));
    let executions = found
        .into_iter()
        .map(|found| Line {
            execution_arn: found.arn,
            state_machine_arn: found.machine_arn,
            name: found.name,
            status: found.status.as_str(),
            start_date: Timestamp(found.started_at),
            stop_date: found.stopped_at.map(Timestamp),
            map_run_arn: found.map_run_arn,
            item_count: found.item_count,
            state_machine_version_arn: found.version_arn,
            state_machine_alias_arn: found.alias_arn,
            redrive_count: found.redrive_count,
            redrive_date: found.redriven_at.map(Timestamp),
        })
        .collect();
    Ok(ListAnswer {
        executions,
        next_token,
    })
}

async fn scope_of(
    engine: &Arc<Engine>,
    request: &ListRequest,
    status: Option<ExecutionStatus>,
) -> Result<Scope, ApiError> {
    let of_map_run = match (&request.state_machine_arn, &request.map_run_arn) {
        (Some(_), None) => None,
        (None, Some(arn)) => Some(arn),
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError {
                reason: Some(Reason::MissingRequiredParameter),
                ..ApiError::validation("Must provide a StateMachine ARN or MapRun ARN")
            });
        }
    };
    if let Some(arn) = of_map_run {
        // Whether it is there is asked, so that a slip is not an empty list.
        engine.map_runs().find(arn).await?;
        let filter = match request.redrive_filter.as_deref() {
            Some("REDRIVEN") => Some(RedriveFilter::Redriven),
            Some("NOT_REDRIVEN") => Some(RedriveFilter::NotRedriven),
            Some(_) | None => None,
        };
        return Ok(Scope::MapRun(arn.clone(), filter));
    }
    if request.redrive_filter.is_some() || status == Some(ExecutionStatus::PendingRedrive) {
        return Err(ApiError::validation(
            "The redrive filter and status PENDING_REDRIVE can be used with a map run ARN only",
        ));
    }
    let arn = request.state_machine_arn.clone().unwrap_or_default();
    let (kind, qualifier) = engine.machines().kind_of(&arn).await?;
    if kind == Kind::Express {
        return Err(ApiError::type_not_supported());
    }
    Ok(match qualifier {
        Some(Qualifier::Alias(_)) => Scope::Alias(arn),
        Some(Qualifier::Version(_)) => Scope::Version(arn),
        None => Scope::Machine(arn),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StopRequest {
    execution_arn: String,
    error: Option<Arc<str>>,
    cause: Option<Arc<str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StopAnswer {
    stop_date: Timestamp,
}

pub(super) async fn stop(engine: &Arc<Engine>, request: StopRequest) -> Result<StopAnswer, ApiError> {
    let stopped_at = engine
        .executions()
        .stop(&request.execution_arn, request.error, request.cause)
        .await?;
    Ok(StopAnswer {
        stop_date: Timestamp(stopped_at),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedriveRequest {
    execution_arn: String,
    client_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedriveAnswer {
    redrive_date: Timestamp,
}

pub(super) async fn redrive(
    engine: &Arc<Engine>,
    request: RedriveRequest,
) -> Result<RedriveAnswer, ApiError> {
    let redriven_at = engine
        .executions()
        .redrive(&request.execution_arn, request.client_token)
        .await?;
    Ok(RedriveAnswer {
        redrive_date: Timestamp(redriven_at),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryWanted {
    execution_arn: String,
    max_results: Option<i64>,
    #[serde(default)]
    reverse_order: bool,
    next_token: Option<String>,
    include_execution_data: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryAnswer {
    events: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn history(engine: &Arc<Engine>, request: HistoryWanted) -> Result<HistoryAnswer, ApiError> {
    let question = format!(
        "GetExecutionHistory {} {}",
        request.execution_arn, request.reverse_order
    );
    let now = engine.now_ms();
    let after = engine
        .pager()
        .cursor(&question, request.next_token.as_deref(), now)?;
    let found = engine
        .executions()
        .history(HistoryRequest {
            arn: request.execution_arn,
            order: if request.reverse_order {
                Order::NewestFirst
            } else {
                Order::OldestFirst
            },
            after,
            limit: page::size(request.max_results),
            include_data: request.include_execution_data.unwrap_or(true),
        })
        .await?;
    let next_token = found
        .more_after
        .and_then(|after| engine.pager().token(&question, after, now));
    Ok(HistoryAnswer {
        events: found.events,
        next_token,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeMachineAnswer {
    state_machine_arn: Arc<str>,
    name: Arc<str>,
    update_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(flatten)]
    revision: RevisionAnswer,
}

pub(super) async fn describe_machine(
    engine: &Arc<Engine>,
    request: DescribeRequest,
) -> Result<DescribeMachineAnswer, ApiError> {
    let found = engine.executions().find(&request.execution_arn).await?;
    let definition = engine.machines().definition(found.revision_id).await?;
    let mut revision = RevisionAnswer::new(&definition.revision, request.included_data);
    let (mut name, mut label) = (Arc::clone(&definition.machine_name), None);
    if let Some(map_run_arn) = &found.map_run_arn {
        // The state machine of a child is the Map's processor, under the machine's name and the Map's label.
        let (run, _) = engine.map_runs().find(map_run_arn).await?;
        revision.narrow(&run.call.state_name);
        name = format!("{name}/{}", run.call.label).into();
        label = Some(run.call.label.to_string());
    }
    Ok(DescribeMachineAnswer {
        state_machine_arn: found.machine_arn,
        name,
        update_date: Timestamp(definition.revision.created_at),
        map_run_arn: found.map_run_arn,
        label,
        revision,
    })
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        let invalid_input = |why: &str| {
            Self::new(
                ErrorCode::InvalidExecutionInput,
                format!("Invalid State Machine Execution Input: '{why}'"),
            )
        };
        match error {
            StartError::Resolve(error) => error.into(),
            StartError::Name(name) => Self::invalid_name(&name),
            StartError::Input(why) => invalid_input(&why),
            StartError::InputTooLong(_) => {
                invalid_input("Input exceeds the maximum number of bytes allowed: 262144")
            }
            StartError::Exists(arn) => Self::new(
                ErrorCode::ExecutionAlreadyExists,
                format!("Execution Already Exists: '{arn}'"),
            ),
            StartError::NotExpress => Self::type_not_supported(),
            StartError::Mock(error) => Self::validation(error.to_string()),
            StartError::Database(error) => error.into(),
            StartError::Unavailable(error) => error.into(),
        }
    }
}

impl From<ResolveError> for ApiError {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Find(error) => error.into(),
            ResolveError::Load(error) => error.into(),
            ResolveError::Database(error) => error.into(),
        }
    }
}

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Database(error) => error.into(),
            LoadError::Missing(_) | LoadError::Refused { .. } => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a definition is not to be had"
                );
                Self::new(
                    ErrorCode::InternalFailure,
                    "The request processing has failed because of an internal error.",
                )
            }
        }
    }
}

impl From<FindError> for ApiError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Arn(error) => error.into(),
            FindError::Missing(arn) => Self::execution_does_not_exist(&arn),
            FindError::Database(error) => error.into(),
        }
    }
}

impl From<StopError> for ApiError {
    fn from(error: StopError) -> Self {
        match error {
            StopError::Find(error) => error.into(),
            StopError::Unavailable(error) => error.into(),
        }
    }
}

impl From<RedriveError> for ApiError {
    fn from(error: RedriveError) -> Self {
        match error {
            RedriveError::Find(error) => error.into(),
            RedriveError::NotRedrivable(reason) => Self::new(ErrorCode::ExecutionNotRedrivable, reason),
            RedriveError::Unavailable(error) => error.into(),
        }
    }
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        match error {
            Unavailable::Standby | Unavailable::Away => Self::new(
                ErrorCode::ServiceUnavailable,
                format!("The service is unavailable: {error}. Try again."),
            ),
            Unavailable::Busy => Self::new(ErrorCode::ThrottlingException, "Rate exceeded"),
        }
    }
}
