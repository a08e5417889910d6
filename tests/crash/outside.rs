//! What the engine calls and who calls it back: Lambda's Invoke API, activities' workers, bringers of task tokens. They count.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::objects::Objects;
use crate::{maps, pause};

/// How often `flaky` fails for each key before it succeeds.
const FLAKY_FAILURES: usize = 2;

/// Everything outside of the engine.
pub(crate) struct Outside {
    url: String,
    client: Client,
    calls: Mutex<HashMap<String, usize>>,
    tokens: Mutex<HashSet<String>>,
    /// Executions for whose items `later` does not fail any more.
    amended: Mutex<HashSet<u64>>,
    objects: Arc<Objects>,
}

impl Outside {
    pub(crate) async fn open(client: Client) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let outside = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            client,
            calls: Mutex::default(),
            tokens: Mutex::default(),
            amended: Mutex::default(),
            objects: Arc::default(),
        });
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .with_state(Arc::clone(&outside))
            .merge(outside.objects.router());
        tokio::spawn(async move { axum::serve(listener, router).await });
        outside
    }

    /// S3.
    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// What failed for this execution does not any more.
    pub(crate) fn amend(&self, number: u64) {
        self.amended.lock().unwrap().insert(number);
    }

    /// Of Lambda and S3.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How often functions were called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.lock().unwrap().values().sum()
    }

    /// How often they were called for this piece of work.
    pub(crate) fn calls_for(&self, key: &str) -> usize {
        self.calls.lock().unwrap().get(key).copied().unwrap_or(0)
    }

    fn count(&self, key: &str) -> usize {
        let mut calls = self.calls.lock().unwrap();
        let count = calls.entry(key.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Works on an activity's tasks for ever.
    pub(crate) async fn work(self: Arc<Self>, activity: String) {
        loop {
            let request = json!({"activityArn": activity});
            let task = self.client.ok("GetActivityTask", request).await;
            let Some(token) = task["taskToken"].as_str() else {
                continue;
            };
            let is_new = self.tokens.lock().unwrap().insert(token.to_owned());
            assert!(is_new, "a task was handed out twice: {task}");
            pause(30).await;
            // AWS and the engine both say so of a task that ended meanwhile: the worker was too slow.
            self.bring(token, task["input"].clone()).await;
        }
    }

    async fn bring(&self, token: &str, output: Value) {
        let request = json!({"taskToken": token, "output": output});
        let (status, answer) = self.client.insist("SendTaskSuccess", request).await;
        assert!(status == 200 || answer["__type"] == "TaskTimedOut", "{answer}");
    }
}

async fn invoke(State(outside): State<Arc<Outside>>, Path(name): Path<String>, body: String) -> Response {
    let event: Value = serde_json::from_str(&body).unwrap();
    let key = event["key"].as_str().unwrap();
    let count = outside.count(key);
    pause(30).await;
    let index = event["index"].as_u64().unwrap_or(0);
    let is_amended = || {
        let number = event["number"].as_u64().unwrap();
        outside.amended.lock().unwrap().contains(&number)
    };
    if name == "fails" && maps::fails(index) || name == "later" && index % 2 == 1 && !is_amended() {
        let failure = json!({"errorType": "Fails", "errorMessage": "it does"}).to_string();
        return (StatusCode::OK, [("x-amz-function-error", "Unhandled")], failure).into_response();
    }
    if matches!(&*name, "item" | "fails" | "later") {
        return json!({"key": key}).to_string().into_response();
    }
    if name == "flaky" && count <= FLAKY_FAILURES {
        let failure = json!({"errorType": "Flaky", "errorMessage": "not yet"}).to_string();
        return (StatusCode::OK, [("x-amz-function-error", "Unhandled")], failure).into_response();
    }
    if let Some(token) = event["token"].as_str().map(str::to_owned) {
        let outside = Arc::clone(&outside);
        let output = json!({"number": event["number"]}).to_string();
        tokio::spawn(async move {
            pause(60).await;
            outside.bring(&token, json!(output)).await;
        });
    }
    json!({"number": event["number"]}).to_string().into_response()
}
