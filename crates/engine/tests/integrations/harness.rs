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
use tokio::task::JoinSet;

/// How long a test waits for what has to happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that ends with the test.
pub(crate) struct Api {
    url: String,
    client: reqwest::Client,
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
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    sent.lock().unwrap().push(Sent {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    });
    let mut response = answer.body.into_response();
    *response.status_mut() = answer.status.try_into().unwrap();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

async fn serve(router: Router) -> (String, JoinSet<()>) {
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
        let database = signalbox_postgres::testing::database().await;
        let pool = sqlx::PgPool::connect(&database.url).await.unwrap();
        let dispatch = Arc::new(Services::new(integrations, Arc::new(SystemClock)).unwrap());
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
        let (url, servers) = serve(wire::router(engine, Trust::Nobody)).await;
        Self {
            url,
            client: reqwest::Client::new(),
            _servers: servers,
        }
    }

    pub(crate) async fn ok(&self, operation: &str, request: Value) -> Value {
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
        assert!(status.is_success(), "{operation}: {body}");
        body
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
