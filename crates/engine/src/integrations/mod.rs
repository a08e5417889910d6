//! What tasks call. The runtime hands a task to [`Dispatch`] after what led to it is durable, and takes its answer; a
//! task may be handed over again after a crash (at least once), never after its answer was recorded.

mod aws;
mod bedrock;
pub mod config;
mod errors;
mod functions;
mod http;
mod jobs;
mod lambda;
mod log_events;
mod metadata;
pub mod objects;
mod optimised;
mod own;
mod protocols;
mod s3;
mod sdk;
mod services;
mod states;
mod topics;
mod unconnected;

use std::sync::{Arc, Weak};

use asl::eval::{FailureKind, TaskCall};
use asl::json::Payload;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use self::objects::Objects;
use crate::Engine;
use crate::arn::Place;
use crate::executions::ExecutionId;
use crate::logs::{LogRecord, LogStream};
use crate::runtime::Closed;

pub use config::IntegrationsConfig;
pub use services::Services;
pub use unconnected::Unconnected;

/// Performs tasks of every kind but activities, which workers fetch.
pub trait Dispatch: Send + Sync + 'static {
    /// Tasks of one lane share a limit of how many run at a time (`limits::LANE_TASKS_MAX`), so that a slow callee
    /// holds up nobody else: for example `lambda:resize-image`, `http:api.example.com`, `sns`.
    fn lane(&self, call: &TaskCall) -> String;

    /// Performs the task. Dropping the future means that nobody waits any more. Must not panic and must not block the
    /// thread. A `.sync` job whose submission was answered before (`context.submitted`) is followed, not submitted again.
    fn invoke(
        &self,
        call: Arc<TaskCall>,
        context: TaskContext,
    ) -> BoxFuture<'static, Result<Reply, TaskError>>;

    /// Stops the job of a `.sync` task that nobody waits for any more, as far as its service can. `context.submitted` says
    /// which. Best effort: what can't be stopped goes on.
    fn stop(&self, _call: Arc<TaskCall>, _context: TaskContext) -> BoxFuture<'static, ()> {
        async {}.boxed()
    }

    /// The result of a task (`states:startExecution.sync`) whose child execution closed. Pure.
    fn child_closed(&self, call: &TaskCall, child: &Closed) -> Result<Payload, TaskError>;

    /// The way to objects in S3, for the items and results of Map Runs. `None`: there is none.
    fn objects(&self) -> Option<Arc<dyn Objects>> {
        None
    }

    /// Writes records to a stream of CloudWatch Logs, which is made first when it is new.
    fn write_log(
        &self,
        _stream: LogStream,
        _is_new: bool,
        _records: Vec<LogRecord>,
    ) -> BoxFuture<'static, Result<(), TaskError>> {
        async {
            Err(errors::fail(
                "States.Runtime",
                "This engine is not connected to CloudWatch Logs",
            ))
        }
        .boxed()
    }

    /// Whether CloudWatch Logs has this group; none when that can't be told.
    fn log_group_exists(&self, _place: Place, _group: Arc<str>) -> BoxFuture<'static, Option<bool>> {
        async { None }.boxed()
    }

    /// The engine whose tasks these are, told once when it opens. Tasks of Step Functions itself go back to it.
    fn belong_to(&self, _engine: Weak<Engine>) {}
}

/// On whose behalf a task is performed.
#[derive(Clone)]
pub struct TaskContext {
    /// The execution the task belongs to.
    pub execution_id: ExecutionId,
    /// Its ARN; region and account are in it.
    pub execution_arn: Arc<str>,
    /// The state machine's role.
    pub role_arn: Arc<str>,
    /// The test case of the mock file the execution was started with.
    pub mock_case: Option<Arc<str>>,
    /// What the service answered when the task's job was submitted, if it was: before the crash that the task is performed
    /// again after, or before it is to be stopped.
    pub submitted: Option<Payload>,
    /// Tells the execution what happens before the answer is there.
    pub progress: Progress,
}

/// The answer of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It is done, with this result.
    Done(Payload),
    /// It was accepted with this response, and somebody else brings its end: `SendTaskSuccess` for
    /// `.waitForTaskToken`, the child's close for `states:startExecution.sync` (started with `parent` set).
    Submitted(Payload),
}

/// A failed task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskError {
    /// The error's name as Retry and Catch compare it, such as `Lambda.ResourceNotFoundException`.
    pub error: Option<Arc<str>>,
    /// What happened, in AWS's words.
    pub cause: Option<Arc<str>>,
    /// At which point; decides between `TaskFailed`, `TaskSubmitFailed`, `LambdaFunctionScheduleFailed` ….
    pub kind: FailureKind,
}

impl TaskError {
    /// The same of a job that its service did not take (API reference, `HistoryEvent`: `TaskSubmitFailed`).
    fn of_submission(self) -> Self {
        Self {
            kind: FailureKind::SubmitFailed,
            ..self
        }
    }
}

/// News of a task that is not finished yet.
#[derive(Clone)]
pub struct Progress {
    pub(crate) submitted: Arc<dyn Fn(Payload) + Send + Sync>,
    /// Set where somebody wants to see what an HTTP task sends and gets.
    pub(crate) exchanged: Option<Arc<dyn Fn(Exchange) + Send + Sync>>,
}

/// What an HTTP task sent and got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// As the definition says it, without what a connection adds.
    pub request: SentRequest,
    /// As it was sent, with the connection's secrets.
    pub request_with_secrets: SentRequest,
    /// None when there was no answer.
    pub response: Option<GotResponse>,
}

/// A request as TestState shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRequest {
    /// `https`
    pub protocol: String,
    /// `GET`
    pub method: String,
    /// With its query.
    pub url: String,
    /// `[name: value, …]`
    pub headers: String,
    /// None without one.
    pub body: Option<String>,
}

/// A response as TestState shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GotResponse {
    /// `https`
    pub protocol: String,
    /// `200`
    pub status_code: String,
    /// `OK`
    pub status_message: String,
    /// `[name: value, …]`
    pub headers: String,
    /// None without one.
    pub body: Option<String>,
}

impl Progress {
    /// A `.sync` job was accepted with this response, and `invoke` goes on to follow it to its end.
    pub fn submitted(&self, response: Payload) {
        (self.submitted)(response);
    }
}
