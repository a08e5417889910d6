//! An engine behind a TCP port, and a caller that speaks its protocol by hand.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Value, json};
use signalbox_engine::wire::{self, Trust};
use signalbox_engine::{Engine, EngineConfig};
use tokio::task::JoinSet;

/// A definition that does next to nothing.
pub(crate) const PASS: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#;
/// Another one.
pub(crate) const OTHER: &str = r#"{"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}"#;
/// A role; nobody makes it.
pub(crate) const ROLE: &str = "arn:aws:iam::000000000000:role/r";

/// A server that ends with the test.
pub(crate) struct Api {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    _server: JoinSet<()>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// `__type` of an error.
    pub(crate) fn code(&self) -> &str {
        self.body["__type"].as_str().unwrap_or_default()
    }

    /// The message of an error.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_with(EngineConfig::default()).await
    }

    pub(crate) async fn start_with(config: EngineConfig) -> Self {
        let database = signalbox_postgres::testing::database().await;
        let pool = sqlx::PgPool::connect(&database.url).await.unwrap();
        let engine = Engine::open(pool, config).await.unwrap();
        engine.driving().await;
        let router = wire::router(Arc::clone(&engine), Trust::Nobody);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            client: reqwest::Client::new(),
            _server: server,
        }
    }

    /// An operation, unsigned.
    pub(crate) async fn call(&self, operation: &str, request: Value) -> Answer {
        let request = self
            .client
            .post(&self.url)
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(request.to_string());
        self.send(request).await
    }

    /// An operation that has to succeed.
    pub(crate) async fn ok(&self, operation: &str, request: Value) -> Value {
        let answer = self.call(operation, request).await;
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        answer.body
    }

    /// An operation that has to fail; its error's name and message.
    pub(crate) async fn refused(&self, operation: &str, request: Value) -> (String, String) {
        let answer = self.call(operation, request).await;
        assert_ne!(answer.status, 200, "{operation}: {}", answer.body);
        (answer.code().to_owned(), answer.message().to_owned())
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        Answer {
            status,
            headers,
            body,
        }
    }

    /// An execution when it has ended.
    pub(crate) async fn closed(&self, execution: &Value) -> Value {
        loop {
            let described = self.ok("DescribeExecution", execution.clone()).await;
            if described["status"] != "RUNNING" {
                return described;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// A machine by its name; its ARN.
    pub(crate) async fn machine(&self, name: &str) -> String {
        let created = self
            .ok(
                "CreateStateMachine",
                json!({"name": name, "definition": PASS, "roleArn": ROLE}),
            )
            .await;
        created["stateMachineArn"].as_str().unwrap().to_owned()
    }
}
