//! What the engine does in a second, over HTTP and durably, beside what Postgres does with the same rows on the same
//! machine in the same run.
//!
//! ```text
//! cargo bench -p signalbox-engine --bench throughput                         # brings its own Postgres, fsync on
//! cargo bench -p signalbox-engine --bench throughput -- postgres://…         # an empty database of yours
//! ```
//!
//! `ceiling` is the row-per-event schema one would write by hand: an insert and a commit when executions start, an
//! update with the history's rows and a commit when they end, 50 executions in a commit, 8 connections.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench that fails should panic, and prints"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use signalbox_engine::wire::Trust;
use signalbox_engine::{Engine, EngineConfig};
use signalbox_postgres::{Reach, Search, Server, Settings};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

const CONNECTIONS: usize = 64;
const EXECUTIONS: usize = 20_000;
const WAITING: usize = 100_000;
const CEILING_CONNECTIONS: usize = 8;
const CEILING_GROUP: usize = 50;

#[tokio::main]
async fn main() {
    let given = std::env::args()
        .nth(1)
        .filter(|argument| argument.starts_with("postgres"));
    let (url, _own) = match given {
        Some(url) => (url, None),
        None => own_postgres().await,
    };
    let pool = PgPoolOptions::new()
        .max_connections(16)
        .connect(&url)
        .await
        .unwrap();
    let sync: String = sqlx::query_scalar("show fsync").fetch_one(&pool).await.unwrap();
    println!("fsync {sync}; {EXECUTIONS} executions over {CONNECTIONS} connections");
    let engine = Engine::open(pool, EngineConfig::default()).await.unwrap();
    engine.driving().await;
    let bench = Bench::new(&engine).await;

    for (name, states, events) in [("w1", 1, 4), ("w2", 10, 22)] {
        let ceiling = ceiling(&url, events).await;
        let machine = bench.machine(name, passes(states), "STANDARD").await;
        bench.batch(&machine, 500).await;
        let reached = bench.batch(&machine, EXECUTIONS).await;
        println!(
            "{name}: {reached:.0} executions/s; grouped Postgres ceiling {ceiling:.0}; {:.0} %",
            100.0 * reached / ceiling
        );
    }
    bench.latency().await;
    bench
        .single("w3 loop of 1,000", counting_loop(), json!({}), 2_003.0)
        .await;
    let items = json!({"items": (0..1_000).collect::<Vec<_>>()});
    bench.single("w4 Map of 1,000", map(), items, 1_001.0).await;
    let parallel = bench.machine("w5", parallel(), "STANDARD").await;
    println!(
        "w5 Parallel of 10: {:.0} executions/s",
        bench.batch(&parallel, EXECUTIONS / 4).await
    );
    bench.sync().await;
    bench.waiting(&engine, WAITING).await;
    engine.shutdown().await;
}

async fn own_postgres() -> (String, Option<(Server, tempfile::TempDir)>) {
    let folder = tempfile::Builder::new()
        .prefix("engine-bench-")
        .tempdir()
        .unwrap();
    let settings = Settings {
        data_dir: folder.path().to_owned(),
        search: Search::default(),
        download: None,
        reach: Reach::default(),
        database: "bench".into(),
        connections_max: 64,
    };
    let server = Server::start(settings, |_| {}).await.unwrap();
    (server.url().to_owned(), Some((server, folder)))
}

/// Executions a second of the hand-written schema.
async fn ceiling(url: &str, events: usize) -> f64 {
    let mut admin = PgConnection::connect(url).await.unwrap();
    for statement in [
        "drop table if exists ceiling_history, ceiling_executions",
        "create table ceiling_executions (id uuid primary key, name text not null, status text not null, input text not null,
            output text, started_at bigint not null, stopped_at bigint)",
        "create table ceiling_history (execution_id uuid not null, event_id bigint not null, event text not null,
            primary key (execution_id, event_id))",
    ] {
        sqlx::query(statement).execute(&mut admin).await.unwrap();
    }
    let event = json!({"timestamp": 1_700_000_000.123, "type": "PassStateEntered", "id": 2, "previousEventId": 0,
        "stateEnteredEventDetails": {"name": "S0", "input": "{\"hello\":\"world\",\"n\":1}", "inputDetails": {"truncated": false}}})
    .to_string();
    let groups = AtomicUsize::new(EXECUTIONS / CEILING_GROUP);
    let began = Instant::now();
    join_all((0..CEILING_CONNECTIONS).map(|_| write_groups(url, &groups, events, &event))).await;
    EXECUTIONS as f64 / began.elapsed().as_secs_f64()
}

async fn write_groups(url: &str, groups: &AtomicUsize, events: usize, event: &str) {
    let mut db = PgConnection::connect(url).await.unwrap();
    while groups
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .is_ok()
    {
        let ids: Vec<Uuid> = (0..CEILING_GROUP).map(|_| Uuid::now_v7()).collect();
        sqlx::query(
            "insert into ceiling_executions (id, name, status, input, started_at)
             select id, id::text, 'RUNNING', '{\"hello\":\"world\",\"n\":1}', 1 from unnest($1::uuid[]) as u(id)",
        )
        .bind(&ids)
        .execute(&mut db)
        .await
        .unwrap();
        let (mut executions, mut numbers, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for id in &ids {
            for number in 1..=events {
                executions.push(*id);
                numbers.push(i64::try_from(number).unwrap());
                texts.push(event);
            }
        }
        sqlx::query(
            "with told as (insert into ceiling_history select * from unnest($2::uuid[], $3::bigint[], $4::text[]))
             update ceiling_executions set status = 'SUCCEEDED', output = input, stopped_at = 2 where id = any($1)",
        )
        .bind(&ids)
        .bind(&executions)
        .bind(&numbers)
        .bind(&texts)
        .execute(&mut db)
        .await
        .unwrap();
    }
}

struct Bench {
    url: String,
    clients: Vec<reqwest::Client>,
}

impl Bench {
    async fn new(engine: &Arc<Engine>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = signalbox_engine::wire::router(Arc::clone(engine), Trust::Nobody);
        tokio::spawn(async move { axum::serve(listener, router).await });
        // One connection each.
        let clients = (0..CONNECTIONS).map(|_| reqwest::Client::new()).collect();
        Self { url, clients }
    }

    async fn call(&self, client: &reqwest::Client, operation: &str, request: String) -> Value {
        let response = client
            .post(&self.url)
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
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

    async fn machine(&self, name: &str, definition: Value, kind: &str) -> String {
        let request = json!({"name": name, "definition": definition.to_string(), "type": kind,
            "roleArn": "arn:aws:iam::000000000000:role/r"});
        let made = self
            .call(self.first(), "CreateStateMachine", request.to_string())
            .await;
        made["stateMachineArn"].as_str().unwrap().to_owned()
    }

    fn first(&self) -> &reqwest::Client {
        self.clients.first().unwrap()
    }

    /// Executions a second, from the first request until none runs.
    async fn batch(&self, machine: &str, count: usize) -> f64 {
        let left = AtomicUsize::new(count);
        let request =
            json!({"stateMachineArn": machine, "input": "{\"hello\":\"world\",\"n\":1}"}).to_string();
        let began = Instant::now();
        join_all(self.clients.iter().map(|client| async {
            while left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok()
            {
                self.call(client, "StartExecution", request.clone()).await;
            }
        }))
        .await;
        let running =
            json!({"stateMachineArn": machine, "statusFilter": "RUNNING", "maxResults": 1}).to_string();
        while self.call(self.first(), "ListExecutions", running.clone()).await["executions"] != json!([]) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        count as f64 / began.elapsed().as_secs_f64()
    }

    /// One after another on an idle engine: started, and described until it has closed.
    async fn latency(&self) {
        let machine = self.machine("latency", passes(1), "STANDARD").await;
        let mut took = Vec::new();
        for _ in 0..500 {
            let began = Instant::now();
            self.run(&machine, &json!({})).await;
            took.push(began.elapsed());
        }
        took.sort_unstable();
        let ms = |percent: usize| took.get(took.len() * percent / 100).unwrap().as_secs_f64() * 1_000.0;
        println!(
            "w1 latency, start and describe: p50 {:.2} ms, p99 {:.2} ms",
            ms(50),
            ms(99)
        );
    }

    async fn run(&self, machine: &str, input: &Value) {
        let request = json!({"stateMachineArn": machine, "input": input.to_string()}).to_string();
        let started = self.call(self.first(), "StartExecution", request).await;
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

    async fn single(&self, name: &str, definition: Value, input: Value, transitions: f64) {
        let machine = self
            .machine(name.split(' ').next().unwrap(), definition, "STANDARD")
            .await;
        let mut took = Vec::new();
        for _ in 0..10 {
            let began = Instant::now();
            self.run(&machine, &input).await;
            took.push(began.elapsed());
        }
        took.sort_unstable();
        let median = took.get(took.len() / 2).unwrap().as_secs_f64();
        println!(
            "{name}: {:.1} ms, {:.0} transitions/s in one execution",
            median * 1_000.0,
            transitions / median
        );
    }

    /// Executions in a Wait: what they take in memory, the driver of this bench included.
    async fn waiting(&self, engine: &Engine, count: usize) {
        let definition =
            json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86_400, "End": true}}});
        let machine = self.machine("waiting", definition, "STANDARD").await;
        let before = resident_mib();
        let left = AtomicUsize::new(count);
        let request =
            json!({"stateMachineArn": machine, "input": "{\"hello\":\"world\",\"n\":1}"}).to_string();
        let began = Instant::now();
        join_all(self.clients.iter().map(|client| async {
            while left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok()
            {
                self.call(client, "StartExecution", request.clone()).await;
            }
        }))
        .await;
        println!(
            "{count} waiting: {:.0} starts/s, {} MiB more than the {before} MiB before; drives: {:?}",
            count as f64 / began.elapsed().as_secs_f64(),
            resident_mib().saturating_sub(before),
            engine.readiness()
        );
    }

    async fn sync(&self) {
        let machine = self.machine("sync", passes(10), "EXPRESS").await;
        let left = AtomicUsize::new(EXECUTIONS);
        let request =
            json!({"stateMachineArn": machine, "input": "{\"hello\":\"world\",\"n\":1}"}).to_string();
        let began = Instant::now();
        join_all(self.clients.iter().map(|client| async {
            while left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok()
            {
                let answer = self.call(client, "StartSyncExecution", request.clone()).await;
                assert_eq!(answer["status"], "SUCCEEDED");
            }
        }))
        .await;
        println!(
            "StartSyncExecution of w2: {:.0}/s",
            EXECUTIONS as f64 / began.elapsed().as_secs_f64()
        );
    }
}

/// Of this process, on Linux; 0 elsewhere.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or("0 kB");
    line.split_whitespace()
        .next()
        .and_then(|kib| kib.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

fn passes(count: usize) -> Value {
    let states: serde_json::Map<String, Value> = (0..count)
        .map(|number| {
            let state = if number + 1 == count {
                json!({"Type": "Pass", "End": true})
            } else {
                json!({"Type": "Pass", "Next": format!("S{}", number + 1)})
            };
            (format!("S{number}"), state)
        })
        .collect();
    json!({"StartAt": "S0", "States": states})
}

fn counting_loop() -> Value {
    json!({"StartAt": "Init", "States": {
        "Init": {"Type": "Pass", "Result": {"i": 0}, "Next": "More"},
        "More": {"Type": "Choice", "Choices": [{"Variable": "$.i", "NumericLessThan": 1_000, "Next": "Add"}], "Default": "Done"},
        "Add": {"Type": "Pass", "Parameters": {"i.$": "States.MathAdd($.i, 1)"}, "Next": "More"},
        "Done": {"Type": "Succeed"}
    }})
}

fn map() -> Value {
    json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor":
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}}}})
}

fn parallel() -> Value {
    let branches: Vec<Value> = (0..10)
        .map(|number| {
            let name = format!("B{number}");
            json!({"StartAt": name, "States": {name: {"Type": "Pass", "End": true}}})
        })
        .collect();
    json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": true}}})
}
