//! An engine behind a TCP port, and stand-ins for services behind another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use signalbox_engine::clock::SystemClock;
use signalbox_engine::integrations::Services;
use signalbox_engine::integrations::config::{Endpoints, Function, IntegrationsConfig};
use signalbox_engine::wire::{self, Trust};
use signalbox_engine::{Engine, EngineConfig};
use signalbox_postgres::testing::TestDatabase;
use tokio::task::JoinSet;

/// How long a test waits for what has to happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that ends with the test.
pub(crate) struct Api {
    url: String,
    client: reqwest::Client,
    engine: Arc<Engine>,
    database: TestDatabase,
    integrations: IntegrationsConfig,
    _servers: JoinSet<()>,
}

/// What a stand-in was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    /// As text, as far as it is text.
    pub(crate) body: String,
    pub(crate) bytes: Bytes,
}

/// What a stand-in answers, from what it was sent.
type Script = Arc<dyn Fn(&Sent) -> (u16, Bytes) + Send + Sync>;

/// As a status: no answer ever comes.
pub(crate) const NEVER: u16 = 0;

/// A service that answers what a test says and remembers what it was sent.
pub(crate) struct Scripted {
    pub(crate) url: String,
    sent: Arc<Mutex<Vec<Sent>>>,
    _server: JoinSet<()>,
}

impl Scripted {
    pub(crate) async fn start<B: Into<Bytes>>(
        script: impl Fn(&Sent) -> (u16, B) + Send + Sync + 'static,
    ) -> Self {
        let sent = Arc::<Mutex<Vec<Sent>>>::default();
        let script: Script = Arc::new(move |sent| {
            let (status, body) = script(sent);
            (status, body.into())
        });
        let router = Router::new()
            .fallback(scripted)
            .with_state((Arc::clone(&sent), script));
        let (url, server) = serve(router).await;
        Self {
            url,
            sent,
            _server: server,
        }
    }

    /// All that came.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// What came and is of this action, by its target, its form or its path.
    pub(crate) fn of(&self, action: &str) -> Vec<Sent> {
        self.sent().into_iter().filter(|sent| sent.is(action)).collect()
    }

    /// Waits until so many of this action have come.
    pub(crate) async fn until(&self, action: &str, count: usize) -> Vec<Sent> {
        let wait = async {
            while self.of(action).len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("no {action}: {:?}", self.sent()));
        self.of(action)
    }
}

impl Sent {
    /// Whether it is a request for this action.
    pub(crate) fn is(&self, action: &str) -> bool {
        let target = self
            .headers
            .get("x-amz-target")
            .map(|target| target.to_str().unwrap());
        target.is_some_and(|target| target.ends_with(&format!(".{action}")))
            || self.body.contains(&format!("Action={action}&"))
            || format!("{} {}", self.method, self.path) == action
    }

    /// Its body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

async fn scripted(
    State((sent, script)): State<(Arc<Mutex<Vec<Sent>>>, Script)>,
    request: Request,
) -> Response {
    let came = received(request).await;
    let (status, body) = script(&came);
    sent.lock().unwrap().push(came);
    if status == NEVER {
        return std::future::pending().await;
    }
    let mut response = body.into_response();
    *response.status_mut() = status.try_into().unwrap();
    response
}

/// A service that answers everything alike and remembers what it was sent.
pub(crate) struct StandIn {
    pub(crate) url: String,
    sent: Arc<Mutex<Vec<Sent>>>,
    _server: JoinSet<()>,
}

/// How a stand-in answers.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: &'static str,
}

impl StandIn {
    pub(crate) async fn start(answer: Answer) -> Self {
        let sent = Arc::<Mutex<Vec<Sent>>>::default();
        let router = Router::new()
            .fallback(stand_in)
            .with_state((Arc::clone(&sent), answer));
        let (url, server) = serve(router).await;
        Self {
            url,
            sent,
            _server: server,
        }
    }

    /// All that came.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

async fn stand_in(
    State((sent, answer)): State<(Arc<Mutex<Vec<Sent>>>, Answer)>,
    request: Request,
) -> Response {
    let came = received(request).await;
    sent.lock().unwrap().push(came);
    let mut response = answer.body.into_response();
    *response.status_mut() = answer.status.try_into().unwrap();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

async fn received(request: Request) -> Sent {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Sent {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    }
}

/// Serves until what is given back is dropped.
pub(crate) async fn serve(router: Router) -> (String, JoinSet<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, server)
}

/// Functions as they stand in a configuration.
pub(crate) fn functions(written: Value) -> BTreeMap<String, Function> {
    serde_json::from_value(written).unwrap()
}

/// Services at these URLs.
pub(crate) fn endpoints<const N: usize>(services: [(&str, &str); N]) -> Endpoints {
    let by_service = services
        .map(|(service, url)| (service.to_owned(), url.to_owned()))
        .into();
    Endpoints {
        general: None,
        by_service,
    }
}

impl Api {
    pub(crate) async fn start(integrations: IntegrationsConfig) -> Self {
        Self::over(signalbox_postgres::testing::database().await, integrations).await
    }

    /// Begins again over the same database, and what was under way was not written down.
    pub(crate) async fn kill_and_restart(self) -> Self {
        let admin = sqlx::PgPool::connect(&self.database.url).await.unwrap();
        // Nobody can write or take over until the old engine is gone.
        let mut tx = admin.begin().await.unwrap();
        sqlx::query("lock table engine.driver in access exclusive mode")
            .execute(&mut *tx)
            .await
            .unwrap();
        let stopping = self.engine.shutdown();
        let others = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()";
        sqlx::query(others).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        stopping.await;
        Self::over(self.database.clone(), self.integrations.clone()).await
    }

    async fn over(database: TestDatabase, integrations: IntegrationsConfig) -> Self {
        let pool = sqlx::PgPool::connect(&database.url).await.unwrap();
        let dispatch = Arc::new(Services::new(integrations.clone(), Arc::new(SystemClock)).unwrap());
        let engine = Engine::open(
            pool,
            EngineConfig {
                dispatch,
                ..EngineConfig::default()
            },
        )
        .await
        .unwrap();
        engine.driving().await;
        let (url, servers) = serve(wire::router(Arc::clone(&engine), Trust::Nobody)).await;
        Self {
            url,
            client: reqwest::Client::new(),
            engine,
            database,
            integrations,
            _servers: servers,
        }
    }

    pub(crate) async fn ok(&self, operation: &str, request: Value) -> Value {
        let (is_ok, body) = self.call(operation, request).await;
        assert!(is_ok, "{operation}: {body}");
        body
    }

    /// The error that an operation is refused with.
    pub(crate) async fn refused(&self, operation: &str, request: Value) -> Value {
        let (is_ok, body) = self.call(operation, request).await;
        assert!(!is_ok, "{operation}: {body}");
        body
    }

    async fn call(&self, operation: &str, request: Value) -> (bool, Value) {
        let response = self
            .client
            .post(&self.url)
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .body(request.to_string())
            .send()
            .await
            .unwrap();
        let status = response.status();
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        (status.is_success(), body)
    }

    /// A machine by its states; its ARN.
    pub(crate) async fn machine(&self, name: &str, start: &str, states: Value) -> String {
        let definition = json!({"StartAt": start, "States": states}).to_string();
        let request =
            json!({"name": name, "definition": definition, "roleArn": "arn:aws:iam::000000000000:role/r"});
        let created = self.ok("CreateStateMachine", request).await;
        created["stateMachineArn"].as_str().unwrap().to_owned()
    }

    /// Runs a machine of one Task to its end; how it is described then.
    pub(crate) async fn run_task(&self, name: &str, mut task: Value, input: Value) -> Value {
        task["Type"] = "Task".into();
        task["End"] = true.into();
        let machine = self.machine(name, "T", json!({"T": task})).await;
        self.run(&machine, input).await
    }

    /// Runs a machine to its end; how it is described then.
    pub(crate) async fn run(&self, machine: &str, input: Value) -> Value {
        let request = json!({"stateMachineArn": machine, "input": input.to_string()});
        let started = self.ok("StartExecution", request).await;
        self.closed(&started["executionArn"]).await
    }

    /// The events of an execution.
    pub(crate) async fn history(&self, execution: &Value) -> Vec<Value> {
        let request = json!({"executionArn": execution, "maxResults": 1000});
        let page = self.ok("GetExecutionHistory", request).await;
        page["events"].as_array().unwrap().clone()
    }

    /// Waits until the history of an execution has an event of this type; the event.
    pub(crate) async fn event(&self, execution: &Value, kind: &str) -> Value {
        let wait = async {
            loop {
                let events = self.history(execution).await;
                if let Some(event) = events.into_iter().find(|event| event["type"] == kind) {
                    return event;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }

    /// Starts a machine; the execution's ARN.
    pub(crate) async fn begin(&self, machine: &str, input: Value) -> Value {
        let request = json!({"stateMachineArn": machine, "input": input.to_string()});
        self.ok("StartExecution", request).await["executionArn"].clone()
    }

    /// Waits for an execution's end; how it is described then.
    pub(crate) async fn closed(&self, execution: &Value) -> Value {
        let wait = async {
            loop {
                let described = self
                    .ok("DescribeExecution", json!({"executionArn": execution}))
                    .await;
                if described["status"] != "RUNNING" {
                    return described;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }
}

/// The output of an execution that succeeded.
pub(crate) fn output(described: &Value) -> Value {
    assert_eq!(described["status"], "SUCCEEDED", "{described}");
    serde_json::from_str(described["output"].as_str().unwrap()).unwrap()
}

/// The error and the cause of one that failed.
pub(crate) fn failure(described: &Value) -> (String, String) {
    assert_eq!(described["status"], "FAILED", "{described}");
    let text = |member: &str| described[member].as_str().unwrap_or_default().to_owned();
    (text("error"), text("cause"))
}
