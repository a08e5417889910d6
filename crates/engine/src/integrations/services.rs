//! The integrations together: which of them performs a task, and what a task is told that none performs.

use std::sync::{Arc, OnceLock, Weak};

use asl::eval::{FailureKind, Pattern, Resource, TaskCall};
use asl::json::Payload;
use asl::json::value::Json;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::aws::Caller;
use super::config::IntegrationsConfig;
use super::errors::Wording;
use super::functions::Functions;
use super::http::Http;
use super::jobs::Job;
use super::lambda::Lambda;
use super::objects::Objects;
use super::optimised::Optimised;
use super::s3::S3;
use super::sdk::{self, Action, Circumstances};
use super::topics::Topics;
use super::{Dispatch, Reply, TaskContext, TaskError};
use super::{bedrock, errors, jobs, log_events, states};
use crate::Engine;
use crate::arn::{Arn, Place};
use crate::clock::Clock;
use crate::logs::{LogRecord, LogStream};
use crate::runtime::Closed;

/// Performs tasks by the integrations of this module.
pub struct Services {
    inner: Arc<Inner>,
}

struct Inner {
    caller: Caller,
    lambda: Lambda,
    topics: Topics,
    http: Http,
    clock: Arc<dyn Clock>,
    /// The engine these belong to; tasks of Step Functions itself go back to it.
    engine: OnceLock<Weak<Engine>>,
}

impl Services {
    /// As configured.
    pub fn new(config: IntegrationsConfig, clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        let functions = config.functions.clone();
        let topics = config.topics.clone();
        let caller = Caller::new(config.clone())?;
        let http = Http::new(&config, caller.clone())?;
        let functions = Functions::new(functions, caller.client().clone());
        let topics = Topics::new(topics, caller.client().clone());
        let lambda = Lambda {
            caller: caller.clone(),
            functions,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                caller,
                lambda,
                topics,
                http,
                clock,
                engine: OnceLock::new(),
            }),
        })
    }
}

impl Dispatch for Services {
    fn lane(&self, call: &TaskCall) -> String {
        let function = |name: &str| format!("lambda:{name}");
        match &call.resource {
            Resource::LambdaFunction { arn } => function(arn),
            Resource::Activity { arn } => arn.to_string(),
            Resource::Service { service, .. } if &**service == "lambda" => {
                let name = call.parameters.json().get("FunctionName").and_then(Json::as_str);
                function(name.unwrap_or_default())
            }
            Resource::Service { service, .. } if matches!(&**service, "http" | "apigateway") => {
                let endpoint = call.parameters.json().get("ApiEndpoint").and_then(Json::as_str);
                format!("{service}:{}", host(endpoint.unwrap_or_default()))
            }
            // Jobs take a place for as long as they run, so they share many.
            Resource::Service {
                service,
                pattern: Pattern::Sync | Pattern::Sync2,
                ..
            } => format!("{service}:sync:{}", jobs::lane(call.token.as_deref())),
            Resource::Service { service, .. } => service.to_string(),
            Resource::AwsSdk { service, .. } => format!("aws-sdk:{service}"),
        }
    }

    fn invoke(
        &self,
        call: Arc<TaskCall>,
        context: TaskContext,
    ) -> BoxFuture<'static, Result<Reply, TaskError>> {
        let inner = self.inner.clone();
        async move { inner.perform(&call, &context).await }.boxed()
    }

    fn stop(&self, call: Arc<TaskCall>, context: TaskContext) -> BoxFuture<'static, ()> {
        let inner = self.inner.clone();
        async move {
            if let Err(error) = inner.stop(&call, &context).await {
                let (error, cause) = (error.error.as_deref(), error.cause.as_deref());
                tracing::warn!(execution = %context.execution_id, resource = %call.resource.text(), error, cause,
                    "a job that nobody waits for could not be stopped");
            }
        }
        .boxed()
    }

    fn child_closed(&self, call: &TaskCall, child: &Closed) -> Result<Payload, TaskError> {
        states::child_closed(call, child)
    }

    fn objects(&self) -> Option<Arc<dyn Objects>> {
        Some(Arc::new(self.inner.s3()))
    }

    fn write_log(
        &self,
        stream: LogStream,
        is_new: bool,
        records: Vec<LogRecord>,
    ) -> BoxFuture<'static, Result<(), TaskError>> {
        let inner = self.inner.clone();
        async move { log_events::put(&inner.caller, &stream, is_new, &records, inner.clock.now_ms()).await }
            .boxed()
    }

    fn log_group_exists(&self, place: Place, group: Arc<str>) -> BoxFuture<'static, Option<bool>> {
        let inner = self.inner.clone();
        async move { log_events::exists(&inner.caller, &place, &group, inner.clock.now_ms()).await }.boxed()
    }

    fn belong_to(&self, engine: Weak<Engine>) {
        // A second engine would find its tasks at the first; there is one dispatch for each.
        let _ = self.inner.engine.set(engine);
    }
}

impl Inner {
    async fn perform(&self, call: &TaskCall, context: &TaskContext) -> Result<Reply, TaskError> {
        let here = place_of(call, context)?;
        let now_ms = self.clock.now_ms();
        let parameters = &call.parameters;
        let token = sdk::token(context, call.id);
        let circumstances = Circumstances {
            here: &here,
            token: &token,
            now_ms,
        };
        match &call.resource {
            Resource::LambdaFunction { arn } => self.lambda.direct(arn, parameters, &here, now_ms).await,
            Resource::Activity { arn } => Err(not_supported(arn)),
            Resource::Service {
                service,
                action,
                pattern,
                ..
            } => {
                if (&**service, &**action) == ("states", "startExecution") {
                    return states::start_execution(&self.engine()?, call, context, *pattern, now_ms).await;
                }
                let result = match (&**service, &**action) {
                    ("lambda", "invoke") => self.lambda.service(parameters, &here, now_ms).await,
                    ("http", "invoke") => {
                        let progress = &context.progress;
                        self.http.invoke(parameters, progress, &here, now_ms).await
                    }
                    ("apigateway", "invoke") => self.http.invoke_api(parameters, &here, now_ms).await,
                    ("sns", "publish") => match self.topics.publish(parameters, now_ms).await {
                        Some(result) => result,
                        None => self.optimised(call, context, circumstances).await,
                    },
                    ("eks", "call") => self.http.call_cluster(parameters, &here, now_ms).await,
                    ("eks", "runJob") => self.http.run_job(call, context, &here, &*self.clock).await,
                    ("bedrock", "invokeModel") => {
                        bedrock::invoke_model(&self.s3(), parameters.json(), circumstances).await
                    }
                    _ => self.optimised(call, context, circumstances).await,
                };
                match (*pattern, result) {
                    (Pattern::Sync | Pattern::Sync2, result) => result.map(Reply::Done),
                    (pattern, result) => settle(pattern, result),
                }
            }
            Resource::AwsSdk {
                service,
                action,
                pattern,
                text,
            } => {
                let result = if &**service == "sfn" {
                    states::sdk_call(&self.engine()?, action, parameters, &here).await
                } else {
                    let action = Action::find(service, action).ok_or_else(|| not_supported(text))?;
                    let wording = Wording::of_sdk(action.service);
                    let called = action
                        .call(&self.caller, parameters.json(), circumstances, &wording)
                        .await?;
                    sdk::within_limit(called.response, &format!("aws-sdk:{service}"))
                };
                settle(*pattern, result)
            }
        }
    }

    /// An integration that is an action of its service, followed to the end of its job with `.sync`.
    async fn optimised(
        &self,
        call: &TaskCall,
        context: &TaskContext,
        circumstances: Circumstances<'_>,
    ) -> Result<Payload, TaskError> {
        let Resource::Service {
            service,
            action,
            pattern,
            text,
        } = &call.resource
        else {
            return Err(not_supported(call.resource.text()));
        };
        let optimised = Optimised::find(service, action).ok_or_else(|| not_supported(text))?;
        if matches!(pattern, Pattern::Sync | Pattern::Sync2) {
            let following = jobs::find(service, action).ok_or_else(|| not_supported(text))?;
            let job = Job {
                following,
                optimised: &optimised,
                caller: &self.caller,
                clock: &*self.clock,
                parameters: &call.parameters,
                circumstances,
            };
            return job.run(context).await;
        }
        optimised
            .call(&self.caller, call.parameters.json(), context, circumstances)
            .await
    }

    /// Stops the job of a task that was submitted.
    async fn stop(&self, call: &TaskCall, context: &TaskContext) -> Result<(), TaskError> {
        let (Some(submitted), Resource::Service { service, action, .. }) =
            (&context.submitted, &call.resource)
        else {
            return Ok(());
        };
        let here = place_of(call, context)?;
        if (&**service, &**action) == ("eks", "runJob") {
            return self.http.stop_job(call, submitted, &here, &*self.clock).await;
        }
        let (Some(optimised), Some(following)) =
            (Optimised::find(service, action), jobs::find(service, action))
        else {
            return Ok(());
        };
        let token = sdk::token(context, call.id);
        let circumstances = Circumstances {
            here: &here,
            token: &token,
            now_ms: self.clock.now_ms(),
        };
        let job = Job {
            following,
            optimised: &optimised,
            caller: &self.caller,
            clock: &*self.clock,
            parameters: &call.parameters,
            circumstances,
        };
        job.stop(submitted).await
    }

    fn s3(&self) -> S3 {
        S3 {
            caller: self.caller.clone(),
            clock: Arc::clone(&self.clock),
        }
    }

    fn engine(&self) -> Result<Arc<Engine>, TaskError> {
        self.engine
            .get()
            .and_then(Weak::upgrade)
            .ok_or_else(|| errors::fail("Sfn.SdkClientException", "the engine is shutting down"))
    }
}

/// The host of an endpoint, for its lane.
fn host(endpoint: &str) -> &str {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

/// With a token the response is only the beginning.
fn settle(pattern: Pattern, result: Result<Payload, TaskError>) -> Result<Reply, TaskError> {
    match (pattern, result) {
        (Pattern::RequestResponse, Ok(response)) => Ok(Reply::Done(response)),
        (_, Ok(response)) => Ok(Reply::Submitted(response)),
        (_, Err(error)) => Err(error),
    }
}

fn not_supported(resource: &str) -> TaskError {
    TaskError {
        error: Some("States.Runtime".into()),
        cause: Some(
            format!("The resource '{resource}' is not supported by this engine: docs/INTEGRATIONS.md lists what is.").into(),
        ),
        kind: FailureKind::Failed,
    }
}

/// Where a task's calls are made: as the role of its `Credentials` when it names one, else where the execution is.
fn place_of(call: &TaskCall, context: &TaskContext) -> Result<Place, TaskError> {
    let here = Arn::parse(&context.execution_arn)
        .map_err(|error| errors::fail("States.Runtime", error.to_string()))?
        .place;
    let role = call
        .credentials
        .as_ref()
        .and_then(|credentials| credentials.json().get("RoleArn")?.as_str().map(str::to_owned));
    // arn:aws:iam::ACCOUNT:role/NAME
    let account = role
        .as_deref()
        .and_then(|role| role.split(':').nth(4))
        .filter(|account| account.len() == 12);
    Ok(account.map_or(here.clone(), |account| Place::new(account, &here.region)))
}
