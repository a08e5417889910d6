//! Drives anything that speaks the Step Functions API.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::workloads;

/// How long each thing that is counted by the second is run.
const MEASURED: Duration = Duration::from_secs(4);
/// Executions of one latency, and how long it may take.
const LATENCIES: usize = 500;
const LATENCY_MEASURED: Duration = Duration::from_secs(8);
/// Executions of which the median is taken.
const SINGLES: usize = 10;
const INPUT: &str = r#"{"hello":"world","n":1}"#;
/// Emulators find service and region here; the signature they do not look at.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/states/aws4_request, \
    SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000";

pub(crate) struct Client {
    url: String,
    connections: Vec<reqwest::Client>,
}

/// Of many at a time.
pub(crate) struct Batch {
    /// Executions a second.
    pub(crate) rate: f64,
    /// Executions.
    pub(crate) count: f64,
}

/// Of one after another.
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Latency {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let ms = |percent: usize| took.get(took.len() * percent / 100).unwrap().as_secs_f64() * 1e3;
        Self {
            p50_ms: ms(50),
            p99_ms: ms(99),
        }
    }
}

impl Client {
    pub(crate) fn new(url: &str, connections: usize) -> Self {
        // One connection each.
        let one = |_| reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            url: url.to_owned(),
            connections: (0..connections).map(one).collect(),
        }
    }

    fn first(&self) -> &reqwest::Client {
        self.connections.first().unwrap()
    }

    async fn call(&self, connection: &reqwest::Client, operation: &str, request: String) -> Value {
        let response = connection
            .post(&self.url)
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", AUTHORIZATION)
            .header("x-amz-date", "20260101T000000Z")
            .body(request)
            .send()
            .await
            .unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        assert!(
            status.is_success(),
            "{operation}: {}",
            String::from_utf8_lossy(&body)
        );
        serde_json::from_slice(&body).unwrap()
    }

    pub(crate) async fn machine(&self, name: &str, definition: &Value, kind: &str) -> String {
        let request = json!({"name": name, "definition": definition.to_string(), "type": kind,
            "roleArn": "arn:aws:iam::000000000000:role/r"});
        let made = self
            .call(self.first(), "CreateStateMachine", request.to_string())
            .await;
        made["stateMachineArn"].as_str().unwrap().to_owned()
    }

    /// A chain of Pass states.
    pub(crate) async fn passes(&self, name: &str, states: usize) -> String {
        self.machine(name, &workloads::passes(states), "STANDARD").await
    }

    /// All connections, each one call after another, until `more` says no; how many calls.
    async fn all(&self, operation: &str, machine: &str, more: impl Fn(usize) -> bool) -> usize {
        let request = json!({"stateMachineArn": machine, "input": INPUT}).to_string();
        let made = AtomicUsize::new(0);
        join_all(self.connections.iter().map(|connection| async {
            while more(made.fetch_add(1, Ordering::SeqCst)) {
                let answer = self.call(connection, operation, request.clone()).await;
                assert!(
                    answer.get("status").is_none_or(|status| status == "SUCCEEDED"),
                    "{answer}"
                );
            }
        }))
        .await;
        // Each connection was told once that there is no more.
        made.into_inner() - self.connections.len()
    }

    /// Executions from the first request until none runs.
    pub(crate) async fn batch(&self, machine: &str) -> Batch {
        let began = Instant::now();
        let count = self
            .all("StartExecution", machine, |_| began.elapsed() < MEASURED)
            .await;
        let running =
            json!({"stateMachineArn": machine, "statusFilter": "RUNNING", "maxResults": 1}).to_string();
        while self.call(self.first(), "ListExecutions", running.clone()).await["executions"] != json!([]) {
            sleep(Duration::from_millis(5)).await;
        }
        let count = count as f64;
        Batch {
            rate: count / began.elapsed().as_secs_f64(),
            count,
        }
    }

    /// Executions a second that were answered.
    pub(crate) async fn batch_sync(&self, machine: &str) -> f64 {
        let began = Instant::now();
        let count = self
            .all("StartSyncExecution", machine, |_| began.elapsed() < MEASURED)
            .await;
        count as f64 / began.elapsed().as_secs_f64()
    }

    /// Starts so many; starts a second.
    pub(crate) async fn start_many(&self, machine: &str, count: usize) -> f64 {
        let began = Instant::now();
        self.all("StartExecution", machine, |made| made < count).await;
        count as f64 / began.elapsed().as_secs_f64()
    }

    async fn start(&self, machine: &str, input: &Value) -> Value {
        let request = json!({"stateMachineArn": machine, "input": input.to_string()}).to_string();
        self.call(self.first(), "StartExecution", request).await
    }

    /// Starts one, and asks until it has ended.
    pub(crate) async fn run(&self, machine: &str, input: &Value) {
        let started = self.start(machine, input).await;
        let describe = json!({"executionArn": started["executionArn"]}).to_string();
        loop {
            let found = self
                .call(self.first(), "DescribeExecution", describe.clone())
                .await;
            if found["status"] != "RUNNING" {
                assert_eq!(found["status"], "SUCCEEDED", "{found}");
                return;
            }
        }
    }

    pub(crate) async fn latency(&self, machine: &str) -> Latency {
        let mut took = Vec::new();
        let first = Instant::now();
        while took.len() < LATENCIES && first.elapsed() < LATENCY_MEASURED {
            let began = Instant::now();
            self.run(machine, &json!({})).await;
            took.push(began.elapsed());
        }
        Latency::of(took)
    }

    pub(crate) async fn start_latency(&self, machine: &str) -> Latency {
        let mut took = Vec::new();
        let first = Instant::now();
        while took.len() < LATENCIES && first.elapsed() < LATENCY_MEASURED {
            let began = Instant::now();
            self.start(machine, &json!({})).await;
            took.push(began.elapsed());
        }
        Latency::of(took)
    }

    /// Seconds that one execution takes, the median.
    pub(crate) async fn single(&self, machine: &str, input: &Value) -> f64 {
        let mut took = Vec::new();
        for _ in 0..SINGLES {
            let began = Instant::now();
            self.run(machine, input).await;
            took.push(began.elapsed());
        }
        Latency::of(took).p50_ms / 1e3
    }
}
