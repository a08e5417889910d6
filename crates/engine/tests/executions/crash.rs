//! The process is killed at random moments, and nothing that was acknowledged is lost.
//!
//! The engine runs in a child process: this same test binary, told to run the test `child`. The functions it calls are
//! here, so they live on, and count.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asl::eval::{FailureKind, TaskCall};
use asl::json::Payload;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use futures::FutureExt;
use futures::future::BoxFuture;
use rand::RngExt;
use serde_json::{Value, json};
use signalbox_engine::integrations::{Dispatch, Reply, TaskContext, TaskError};
use signalbox_engine::runtime::Closed;
use signalbox_engine::wire::Trust;
use signalbox_engine::{Engine, EngineConfig};
use signalbox_postgres::testing::database;
use sqlx::PgPool;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::harness::{Client, function, name_of, one, text};

const DATABASE: &str = "ENGINE_TEST_CHILD_DATABASE";
const FUNCTIONS: &str = "ENGINE_TEST_CHILD_FUNCTIONS";
const ADDRESS: &str = "ENGINE_TEST_CHILD_ADDRESS";

/// Calls functions by URL.
struct UrlDispatch {
    functions: String,
    http: reqwest::Client,
}

impl Dispatch for UrlDispatch {
    fn lane(&self, call: &TaskCall) -> String {
        name_of(call)
    }

    fn invoke(
        &self,
        call: Arc<TaskCall>,
        _context: TaskContext,
    ) -> BoxFuture<'static, Result<Reply, TaskError>> {
        let path = if call.token.is_some() { "token" } else { "echo" };
        let request = self
            .http
            .post(format!("{}/{path}", self.functions))
            .body(call.parameters.text().to_string())
            .send();
        async move {
            let failed = |error: reqwest::Error| TaskError {
                error: Some("Unreachable".into()),
                cause: Some(error.to_string().into()),
                kind: FailureKind::Failed,
            };
            let answer = request.await.map_err(failed)?.text().await.map_err(failed)?;
            Ok(Reply::Done(Payload::from_text(answer).unwrap()))
        }
        .boxed()
    }

    fn child_closed(&self, _call: &TaskCall, _child: &Closed) -> Result<Payload, TaskError> {
        panic!("the tests have no children")
    }
}

#[expect(clippy::disallowed_methods, reason = "this is how the parent tells its child")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is the child process of the tests in this file"]
async fn child() {
    let (Some(database), Some(functions), Some(address)) = (told(DATABASE), told(FUNCTIONS), told(ADDRESS))
    else {
        return;
    };
    let pool = PgPool::connect(&database).await.unwrap();
    let dispatch = Arc::new(UrlDispatch {
        functions,
        http: reqwest::Client::new(),
    });
    let config = EngineConfig {
        dispatch,
        ..EngineConfig::default()
    };
    let engine = Engine::open(pool, config).await.unwrap();
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    engine.driving().await;
    println!("\nready");
    axum::serve(listener, signalbox_engine::wire::router(engine, Trust::Nobody))
        .await
        .unwrap();
}

async fn spawn(database: &str, functions: &str, address: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--ignored", "--nocapture"])
        .env(DATABASE, database)
        .env(FUNCTIONS, functions)
        .env(ADDRESS, address)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The end of its output without that line is the end of the child.
    while lines.next_line().await.unwrap().unwrap() != "ready" {}
    child
}

/// What the functions saw.
struct Outside {
    calls: Mutex<HashMap<u64, usize>>,
    answered: AtomicUsize,
    client: Client,
}

async fn outside(State(outside): State<Arc<Outside>>, Path(path): Path<String>, body: String) -> String {
    let request: Value = serde_json::from_str(&body).unwrap();
    let request = request.get("MessageBody").unwrap_or(&request);
    let number = request["number"].as_u64().unwrap();
    *outside.calls.lock().unwrap().entry(number).or_default() += 1;
    let pause = rand::rng().random_range(0..30);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    if path == "token" {
        let answering = Arc::clone(&outside);
        let token = request["token"].clone();
        #[expect(clippy::disallowed_methods, reason = "the test waits for what it does")]
        tokio::spawn(async move {
            let output = json!({"number": number}).to_string();
            let request = json!({"taskToken": token, "output": output});
            answering
                .client
                .insist("SendTaskSuccess", request, "TaskTimedOut")
                .await;
            answering.answered.fetch_add(1, Ordering::SeqCst);
        });
    }
    json!({"number": number}).to_string()
}

fn definitions() -> Vec<(&'static str, Value)> {
    let call = |next: Value| {
        let mut state = function("echo");
        state
            .as_object_mut()
            .unwrap()
            .extend(next.as_object().unwrap().clone());
        state
    };
    let item = json!({"StartAt": "F", "States": {"F": call(json!({"End": true}))}});
    vec![
        ("pass", one(json!({"Type": "Pass"}))),
        ("wait", one(json!({"Type": "Wait", "Seconds": 1}))),
        (
            "twice",
            json!({"StartAt": "A", "States": {"A": call(json!({"Next": "B"})), "B": call(json!({"End": true}))}}),
        ),
        (
            "token",
            one(
                json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": {"QueueUrl": "q", "MessageBody": {"number.$": "$.number", "token.$": "$$.Task.Token"}}}),
            ),
        ),
        (
            "map",
            json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": item,
                "ResultPath": "$.results", "End": true}}}),
        ),
    ]
}

const EXECUTIONS: u64 = 1_000;
const KILLS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_ends_once_and_right_however_often_the_process_is_killed() {
    let database = database().await;
    let address = free_address().await;
    let client = Client::new(&format!("http://{address}"));
    let outside = Arc::new(Outside {
        calls: Mutex::default(),
        answered: AtomicUsize::new(0),
        client: client.clone(),
    });
    let functions = serve_functions(Arc::clone(&outside)).await;
    let mut child = spawn(&database.url, &functions, &address).await;

    let mut machines = Vec::new();
    for (name, definition) in definitions() {
        machines.push((name, client.machine(name, definition).await));
    }
    let starting = start_all(&client, &machines);
    let killing = async {
        for _ in 0..KILLS {
            let pause = rand::rng().random_range(100..900);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            child.kill().await.unwrap();
            child = spawn(&database.url, &functions, &address).await;
        }
    };
    let (executions, ()) = tokio::join!(starting, killing);

    for (number, kind, execution) in &executions {
        let found = client.closed(execution).await;
        assert_eq!(found["status"], "SUCCEEDED", "{kind} {number}: {found}");
        let output: Value = serde_json::from_str(found["output"].as_str().unwrap()).unwrap();
        assert_eq!(output["number"], json!(number), "{kind}: {output}");
        well_formed(kind, &client.history(execution).await);
    }
    let calls = outside.calls.lock().unwrap();
    for (number, kind, _) in &executions {
        let (least, tasks) = match *kind {
            "pass" | "wait" => (0, 0),
            "token" => (1, 1),
            "twice" => (2, 2),
            _ => (3, 3),
        };
        let called = calls.get(number).copied().unwrap_or(0);
        // Each kill may have hit each task at most once while it was in flight.
        assert!(
            called >= least && called <= tasks * (1 + KILLS),
            "{kind} {number}: {called} calls"
        );
    }
}

/// Every execution is asked for until it is acknowledged.
async fn start_all(client: &Client, machines: &[(&'static str, String)]) -> Vec<(u64, &'static str, String)> {
    let numbers: Vec<u64> = (0..EXECUTIONS).collect();
    let chunks = numbers.chunks(50).map(|chunk| async move {
        let mut started = Vec::new();
        for number in chunk {
            let (kind, machine) = &machines[usize::try_from(*number).unwrap() % machines.len()];
            let input = json!({"number": number, "items": [{"number": number}, {"number": number}, {"number": number}]});
            let name = format!("n{number}");
            let request = json!({"stateMachineArn": machine, "name": name, "input": input.to_string()});
            client.insist("StartExecution", request, "ExecutionAlreadyExists").await;
            started.push((*number, *kind, format!("{}:{name}", machine.replace(":stateMachine:", ":execution:"))));
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        started
    });
    futures::future::join_all(chunks)
        .await
        .into_iter()
        .flatten()
        .collect()
}

/// It begins and ends once, and every task's result is in it once.
fn well_formed(kind: &str, events: &[Value]) {
    let count = |wanted: &str| events.iter().filter(|event| event["type"] == wanted).count();
    assert_eq!(events[0]["type"], "ExecutionStarted");
    assert_eq!(events.last().unwrap()["type"], "ExecutionSucceeded");
    assert_eq!((count("ExecutionStarted"), count("ExecutionSucceeded")), (1, 1));
    let results = match kind {
        "twice" => 2,
        "map" => 3,
        _ => 0,
    };
    assert_eq!(count("LambdaFunctionSucceeded"), results, "{kind}: {events:?}");
    assert_eq!(
        count("TaskSucceeded"),
        usize::from(kind == "token"),
        "{kind}: {events:?}"
    );
    for event in events {
        assert!(event["previousEventId"].as_u64().unwrap() < event["id"].as_u64().unwrap());
    }
}

async fn serve_functions(outside_world: Arc<Outside>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/{path}", post(outside))
        .with_state(outside_world);
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// An address that was free a moment ago, for a child that comes back to it.
async fn free_address() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    text(&json!(listener.local_addr().unwrap().to_string()))
}
