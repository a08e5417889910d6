//! Drives anything that speaks the Step Functions API. However slow or broken it is, each piece of work comes to an end: it has a
//! deadline, and what goes wrong is counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::connection::{Connection, Failed};
use crate::workloads;

/// How long each thing that is counted by the second is run.
const MEASURED: Duration = Duration::from_secs(4);
/// How long what was started may take to end after that.
const DRAINED: Duration = Duration::from_secs(60);
/// How long one execution may take.
const SINGLE: Duration = Duration::from_secs(60);
/// Failures in a row after which a connection makes no more calls.
const FAILURES: usize = 3;
/// Executions of one latency, and how long it may take.
const LATENCIES: usize = 500;
const LATENCY_MEASURED: Duration = Duration::from_secs(8);
/// Executions of which the median is taken, and how long it may take.
const SINGLES: usize = 10;
const SINGLES_MEASURED: Duration = Duration::from_secs(15);
const INPUT: &str = r#"{"hello":"world","n":1}"#;

pub(crate) struct Client {
    connections: Vec<Mutex<Connection>>,
}

/// Of many at a time.
pub(crate) struct Batch {
    /// Executions a second.
    pub(crate) rate: f64,
    /// Executions.
    pub(crate) count: f64,
    /// Calls that failed.
    pub(crate) failed: usize,
}

/// Of one after another.
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// What all connections did.
struct Made {
    good: usize,
    failed: usize,
    why: Option<Failed>,
    /// Some answer, the last of a connection.
    last: Option<Value>,
}

impl Latency {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let ms = |percent: usize| took[took.len() * percent / 100].as_secs_f64() * 1e3;
        Self {
            p50_ms: ms(50),
            p99_ms: ms(99),
        }
    }
}

impl Client {
    pub(crate) fn new(url: &str, connections: usize) -> Self {
        Self {
            connections: (0..connections)
                .map(|_| Mutex::new(Connection::new(url)))
                .collect(),
        }
    }

    pub(crate) async fn call(&self, operation: &str, request: &Value) -> Result<Value, Failed> {
        let mut connection = self.connections[0].lock().await;
        connection.call(operation, &request.to_string()).await
    }

    pub(crate) async fn machine(&self, name: &str, definition: &Value, kind: &str) -> Result<String, Failed> {
        let request = json!({"name": name, "definition": definition.to_string(), "type": kind,
            "roleArn": "arn:aws:iam::000000000000:role/r"});
        let made = self.call("CreateStateMachine", &request).await?;
        Ok(made["stateMachineArn"].as_str().unwrap_or_default().to_owned())
    }

    /// A chain of Pass states.
    pub(crate) async fn passes(&self, name: &str, states: usize) -> Result<String, Failed> {
        self.machine(name, &workloads::passes(states), "STANDARD").await
    }

    /// All connections, each one call after another, until `more` says no.
    async fn all(&self, operation: &str, machine: &str, more: impl Fn(usize) -> bool) -> Made {
        let request = json!({"stateMachineArn": machine, "input": INPUT}).to_string();
        // Not every emulator makes up a name.
        let named = || {
            format!(
                r#"{},"name":"{}"}}"#,
                request.trim_end_matches('}'),
                Uuid::new_v4()
            )
        };
        let asked = AtomicUsize::new(0);
        let each = join_all(self.connections.iter().map(|connection| async {
            let mut connection = connection.lock().await;
            let (mut made, mut text) = (Made::nothing(), Vec::new());
            let mut in_a_row = 0;
            while in_a_row < FAILURES && more(asked.fetch_add(1, Ordering::SeqCst)) {
                match connection.call_raw(operation, &named()).await {
                    Ok(answer) => {
                        (text, in_a_row) = (answer, 0);
                        made.good += 1;
                    }
                    Err(failed) => {
                        in_a_row += 1;
                        made.failed += 1;
                        made.why = Some(failed);
                    }
                }
            }
            made.last = serde_json::from_slice(&text).ok();
            made
        }))
        .await;
        each.into_iter().fold(Made::nothing(), Made::and)
    }

    /// Executions from the first request until none runs.
    pub(crate) async fn batch(&self, machine: &str) -> Result<Batch, Failed> {
        let began = Instant::now();
        let made = self
            .all("StartExecution", machine, |_| began.elapsed() < MEASURED)
            .await;
        let (good, failed) = (made.good, made.failed);
        let last = made.last_good()?;
        let running = json!({"stateMachineArn": machine, "statusFilter": "RUNNING", "maxResults": 1});
        let drained = timeout(DRAINED, async {
            let draining = Instant::now();
            while self.call("ListExecutions", &running).await?["executions"] != json!([]) {
                sleep(a_tenth_of(draining)).await;
            }
            Ok::<_, Failed>(())
        });
        match drained.await {
            Ok(drained) => drained?,
            Err(_) => return Err(Failed(format!("of {good} some still run after {DRAINED:?}"))),
        }
        let took = began.elapsed();
        // That nothing runs could also be that nothing is driven.
        self.ended(&last["executionArn"]).await?;
        Ok(Batch {
            rate: good as f64 / took.as_secs_f64(),
            count: good as f64,
            failed,
        })
    }

    /// Executions that were answered.
    pub(crate) async fn batch_sync(&self, machine: &str) -> Result<Batch, Failed> {
        let began = Instant::now();
        let made = self
            .all("StartSyncExecution", machine, |_| began.elapsed() < MEASURED)
            .await;
        let (good, failed) = (made.good as f64, made.failed);
        let rate = good / began.elapsed().as_secs_f64();
        let last = made.last_good()?;
        if last["status"] != "SUCCEEDED" {
            return Err(Failed(last.to_string()));
        }
        Ok(Batch {
            rate,
            count: good,
            failed,
        })
    }

    /// Starts so many; starts a second.
    pub(crate) async fn start_many(&self, machine: &str, count: usize) -> Result<f64, Failed> {
        let began = Instant::now();
        let made = self.all("StartExecution", machine, |made| made < count).await;
        made.last_good()?;
        Ok(count as f64 / began.elapsed().as_secs_f64())
    }

    async fn start(&self, machine: &str, input: &Value) -> Result<Value, Failed> {
        self.call(
            "StartExecution",
            &json!({"stateMachineArn": machine, "input": input.to_string(), "name": Uuid::new_v4()}),
        )
        .await
    }

    /// Starts one, and asks until it has ended.
    pub(crate) async fn run(&self, machine: &str, input: &Value) -> Result<(), Failed> {
        let started = self.start(machine, input).await?;
        self.ended(&started["executionArn"]).await
    }

    async fn ended(&self, execution: &Value) -> Result<(), Failed> {
        let describe = json!({"executionArn": execution});
        let asking = Instant::now();
        while asking.elapsed() < SINGLE {
            let found = self.call("DescribeExecution", &describe).await?;
            match found["status"].as_str() {
                Some("SUCCEEDED") => return Ok(()),
                // Asking in a row would take the time of those that do one thing after another.
                Some("RUNNING") => sleep(a_tenth_of(asking)).await,
                _ => return Err(Failed(found.to_string())),
            }
        }
        Err(Failed(format!("still runs after {SINGLE:?}")))
    }

    pub(crate) async fn latency(&self, machine: &str) -> Result<Latency, Failed> {
        let mut took = Vec::new();
        let first = Instant::now();
        while took.len() < LATENCIES && first.elapsed() < LATENCY_MEASURED {
            let began = Instant::now();
            self.run(machine, &json!({})).await?;
            took.push(began.elapsed());
        }
        Ok(Latency::of(took))
    }

    pub(crate) async fn start_latency(&self, machine: &str) -> Result<Latency, Failed> {
        let mut took = Vec::new();
        let first = Instant::now();
        while took.len() < LATENCIES && first.elapsed() < LATENCY_MEASURED {
            let began = Instant::now();
            self.start(machine, &json!({})).await?;
            took.push(began.elapsed());
        }
        Ok(Latency::of(took))
    }

    /// Seconds that one execution takes, the median.
    pub(crate) async fn single(&self, machine: &str, input: &Value) -> Result<f64, Failed> {
        let mut took = Vec::new();
        let first = Instant::now();
        while took.len() < SINGLES && (took.is_empty() || first.elapsed() < SINGLES_MEASURED) {
            let began = Instant::now();
            self.run(machine, input).await?;
            took.push(began.elapsed());
        }
        Ok(Latency::of(took).p50_ms / 1e3)
    }
}

/// How long to wait before something is looked at again, so that a figure is right to a tenth of itself.
fn a_tenth_of(since: Instant) -> Duration {
    since.elapsed() / 10
}

impl Made {
    fn nothing() -> Self {
        Self {
            good: 0,
            failed: 0,
            why: None,
            last: None,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            good: self.good + other.good,
            failed: self.failed + other.failed,
            why: self.why.or(other.why),
            last: self.last.or(other.last),
        }
    }

    /// A good answer, where at least one in two was good.
    fn last_good(self) -> Result<Value, Failed> {
        let Self {
            good,
            failed,
            why,
            last,
        } = self;
        match (last, why) {
            (Some(last), _) if good >= failed => Ok(last),
            (_, Some(why)) => Err(why),
            (_, None) => Err(Failed("there was no answer".to_owned())),
        }
    }
}
