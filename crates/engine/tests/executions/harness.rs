//! An engine on a port of its own over a database of its own, and a client that speaks the wire protocol.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asl::eval::{FailureKind, Resource, TaskCall};
use asl::json::Payload;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use signalbox_engine::clock::ManualClock;
use signalbox_engine::integrations::{Dispatch, Reply, TaskContext, TaskError};
use signalbox_engine::runtime::Closed;
use signalbox_engine::wire::Trust;
use signalbox_engine::{Engine, EngineConfig};
use signalbox_postgres::testing::{TestDatabase, database};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// Functions of a test: `echo` answers its input, `fail` fails with `Boom`, any other waits until it is let go.
#[derive(Default)]
pub(crate) struct Functions {
    calls: Mutex<HashMap<String, usize>>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    tokens: Mutex<Vec<String>>,
}

impl Functions {
    /// How often a function was called.
    pub(crate) fn calls(&self, name: &str) -> usize {
        self.calls.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    /// Lets `count` calls of a function answer.
    pub(crate) fn let_go(&self, name: &str, count: usize) {
        self.gate(name).add_permits(count);
    }

    /// The task tokens that were handed out.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }

    fn gate(&self, name: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap();
        Arc::clone(
            gates
                .entry(name.to_owned())
                .or_insert_with(|| Arc::new(Semaphore::new(0))),
        )
    }
}

pub(crate) fn name_of(call: &TaskCall) -> String {
    match &call.resource {
        Resource::LambdaFunction { arn } => arn.rsplit(':').next().unwrap().to_owned(),
        Resource::Service { text, .. } => text.to_string(),
        other => panic!("the tests have no {other:?}"),
    }
}

/// The door of the tests.
pub(crate) struct TestDispatch(pub(crate) Arc<Functions>);

impl Dispatch for TestDispatch {
    fn lane(&self, call: &TaskCall) -> String {
        name_of(call)
    }

    fn invoke(
        &self,
        call: Arc<TaskCall>,
        _context: TaskContext,
    ) -> BoxFuture<'static, Result<Reply, TaskError>> {
        let functions = Arc::clone(&self.0);
        async move {
            let name = name_of(&call);
            *functions.calls.lock().unwrap().entry(name.clone()).or_default() += 1;
            if let Some(token) = &call.token {
                functions.tokens.lock().unwrap().push(token.to_string());
                return Ok(Reply::Submitted(Payload::from_text("{}").unwrap()));
            }
            match name.as_str() {
                "echo" => Ok(Reply::Done(call.parameters.clone())),
                "fail" => Err(TaskError {
                    error: Some("Boom".into()),
                    cause: Some("it was to fail".into()),
                    kind: FailureKind::Failed,
                }),
                _ => {
                    functions.gate(&name).acquire().await.unwrap().forget();
                    Ok(Reply::Done(call.parameters.clone()))
                }
            }
        }
        .boxed()
    }

    fn child_closed(&self, _call: &TaskCall, _child: &Closed) -> Result<Payload, TaskError> {
        panic!("the tests have no children")
    }
}

/// An engine and its client.
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) database: TestDatabase,
    client: Client,
    stop: CancellationToken,
}

impl std::ops::Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::over(database().await, EngineConfig::default(), Arc::default()).await
    }

    pub(crate) async fn over(
        database: TestDatabase,
        config: EngineConfig,
        functions: Arc<Functions>,
    ) -> Self {
        let server = Self::open(database, config, functions).await;
        server.engine.driving().await;
        server
    }

    async fn open(database: TestDatabase, config: EngineConfig, functions: Arc<Functions>) -> Self {
        let pool = PgPool::connect(&database.url).await.unwrap();
        let config = EngineConfig {
            dispatch: Arc::new(TestDispatch(Arc::clone(&functions))),
            ..config
        };
        let engine = Engine::open(pool, config).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = signalbox_engine::wire::router(Arc::clone(&engine), Trust::Nobody);
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        #[expect(clippy::disallowed_methods, reason = "the test ends it")]
        tokio::spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stopped)
                .await
        });
        Self {
            engine,
            functions,
            database,
            client: Client::new(&url),
            stop,
        }
    }

    /// Another engine over the same database, which has to wait.
    pub(crate) async fn beside(other: &Self) -> Self {
        Self::open(other.database.clone(), EngineConfig::default(), Arc::default()).await
    }

    /// Begins again over the same database, as after a restart.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(EngineConfig::default()).await
    }

    /// Begins again over the same database, at another time.
    pub(crate) async fn restart_at(self, now_ms: i64) -> Self {
        self.restart_with(EngineConfig {
            clock: Arc::new(ManualClock::at(now_ms)),
            ..EngineConfig::default()
        })
        .await
    }

    /// Begins again over the same database, with another configuration.
    pub(crate) async fn restart_with(self, config: EngineConfig) -> Self {
        self.stop.cancel();
        self.engine.shutdown().await;
        Self::over(self.database.clone(), config, Arc::clone(&self.functions)).await
    }

    /// Begins again over the same database, and what was under way was not written down.
    pub(crate) async fn kill_and_restart(self) -> Self {
        self.change_and_restart("select 1").await
    }

    /// The same, after a change in the tables.
    pub(crate) async fn change_and_restart(self, change: &'static str) -> Self {
        let admin = PgPool::connect(&self.database.url).await.unwrap();
        // Nobody can write or take over until the change is made.
        let mut tx = admin.begin().await.unwrap();
        sqlx::query("lock table engine.driver in access exclusive mode")
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query(change).execute(&mut *tx).await.unwrap();
        let others = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()";
        self.stop.cancel();
        let stopping = self.engine.shutdown();
        sqlx::query(others).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        stopping.await;
        Self::over(
            self.database.clone(),
            EngineConfig::default(),
            Arc::clone(&self.functions),
        )
        .await
    }
}

/// Speaks the wire protocol.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            http: reqwest::Client::new(),
        }
    }

    /// Calls an operation until the server has taken it: through restarts, and `done` says that it took it before.
    pub(crate) async fn insist(&self, operation: &str, request: Value, done: &str) {
        let insisting = async {
            loop {
                match self.try_call(operation, &request).await {
                    Ok((200, _)) => return,
                    Ok((400, answer)) if answer["__type"] == done => return,
                    Ok((503, _)) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    Ok(other) => panic!("{operation}: {other:?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, insisting)
            .await
            .unwrap_or_else(|_| panic!("{operation} was never taken"));
    }

    /// Calls an operation: the status and the answer.
    pub(crate) async fn call(&self, operation: &str, request: Value) -> (u16, Value) {
        self.try_call(operation, &request).await.unwrap()
    }

    async fn try_call(&self, operation: &str, request: &Value) -> reqwest::Result<(u16, Value)> {
        let response = self
            .http
            .post(&self.url)
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(request.to_string())
            .send()
            .await?;
        let status = response.status().as_u16();
        let body = response.bytes().await?;
        Ok((status, serde_json::from_slice(&body).unwrap()))
    }

    /// Calls an operation that must succeed.
    pub(crate) async fn ok(&self, operation: &str, request: Value) -> Value {
        let (status, answer) = self.call(operation, request).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// Makes a state machine; its ARN.
    pub(crate) async fn machine(&self, name: &str, definition: Value) -> String {
        let request = json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE});
        text(&self.ok("CreateStateMachine", request).await["stateMachineArn"])
    }

    /// Starts an execution; its ARN.
    pub(crate) async fn run(&self, machine: &str, input: Value) -> String {
        let request = json!({"stateMachineArn": machine, "input": input.to_string()});
        text(&self.ok("StartExecution", request).await["executionArn"])
    }

    /// Waits until the execution closed; how it is described then.
    pub(crate) async fn closed(&self, execution: &str) -> Value {
        self.until(execution, |found| found["status"] != "RUNNING").await
    }

    /// Waits until the execution is described as wanted.
    pub(crate) async fn until(&self, execution: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let found = self
                    .ok("DescribeExecution", json!({"executionArn": execution}))
                    .await;
                if wanted(&found) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("{execution} did not come to it"))
    }

    /// The whole history, whose ids must be 1 to n.
    pub(crate) async fn history(&self, execution: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut request = json!({"executionArn": execution, "maxResults": 1000});
        loop {
            let page = self.ok("GetExecutionHistory", request.clone()).await;
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page.get("nextToken") {
                Some(token) => request["nextToken"] = token.clone(),
                None => break,
            }
        }
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["id"], json!(index + 1), "ids without gaps: {event}");
        }
        events
    }

    /// The types of all events.
    pub(crate) async fn types(&self, execution: &str) -> Vec<String> {
        self.history(execution)
            .await
            .iter()
            .map(|event| text(&event["type"]))
            .collect()
    }

    /// Waits until the operation is refused with this error.
    pub(crate) async fn until_error(&self, operation: &str, request: Value, error: &str) {
        let waiting = async {
            while self.call(operation, request.clone()).await.1["__type"] != error {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("{operation}: no {error}"));
    }

    /// Waits until the history has `count` events of that type.
    pub(crate) async fn until_history(&self, execution: &str, kind: &str, count: usize) {
        let waiting = async {
            while self
                .types(execution)
                .await
                .iter()
                .filter(|found| *found == kind)
                .count()
                < count
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("no {count} {kind} in {execution}"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Waits until `wanted`.
pub(crate) async fn until(what: &str, wanted: impl Fn() -> bool) {
    let waiting = async {
        while !wanted() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("it did not come to: {what}"));
}

pub(crate) const ROLE: &str = "arn:aws:iam::000000000000:role/r";

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// A state machine of one state.
pub(crate) fn one(state: Value) -> Value {
    let mut state = state;
    state["End"] = json!(true);
    json!({"StartAt": "S", "States": {"S": state}})
}

/// A Task that calls a function of the tests.
pub(crate) fn function(name: &str) -> Value {
    json!({"Type": "Task", "Resource": format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")})
}

/// A Task whose end somebody brings with its token.
pub(crate) fn token_task() -> Value {
    json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}})
}
