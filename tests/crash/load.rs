//! The load: executions of every kind, started one after another by many starters, each until it is acknowledged.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::client::Client;
use crate::maps::{self, Watch};
use crate::outside::Outside;
use crate::pause;

/// What the engine has said of executions, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Promise {
    /// It was acknowledged.
    Started,
    /// That it stopped was acknowledged.
    Stopped,
    /// It was described as closed.
    Closed(String),
}

/// By name. Shared by the load, which hears them, and the judge.
pub(crate) type Promises = Arc<Mutex<HashMap<String, Promise>>>;

/// Runs until it is told to finish.
pub(crate) struct Load {
    promises: Promises,
    over: Arc<AtomicBool>,
    starters: JoinSet<()>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    client: Client,
    outside: Arc<Outside>,
    machines: Vec<(&'static str, String)>,
    next: AtomicU64,
    promises: Promises,
    over: Arc<AtomicBool>,
}

impl Load {
    pub(crate) async fn begin(client: &Client, outside: &Arc<Outside>, starters: usize) -> Self {
        let activity = client.ok("CreateActivity", json!({"name": "work"})).await;
        let activity = activity["activityArn"].as_str().unwrap();
        let mut machines = Vec::new();
        let mut child = String::new();
        for (kind, definition) in definitions(activity) {
            child = client.machine(kind, &definition).await;
            machines.push((kind, child.clone()));
        }
        for (kind, definition) in maps::definitions() {
            machines.push((kind, client.machine(kind, &definition).await));
        }
        machines.push(("nested", client.machine("nested", &nested(&child)).await));
        let promises = Promises::default();
        let over = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            client: client.clone(),
            outside: Arc::clone(outside),
            machines,
            next: AtomicU64::new(0),
            promises: Arc::clone(&promises),
            over: Arc::clone(&over),
        });
        let workers = (0..4)
            .map(|_| tokio::spawn(Arc::clone(outside).work(activity.to_owned())))
            .collect();
        let starters = (0..starters).map(|_| Arc::clone(&shared).run()).collect();
        Self {
            promises,
            over,
            starters,
            workers,
        }
    }

    pub(crate) fn promises(&self) -> Promises {
        Arc::clone(&self.promises)
    }

    /// Begins nothing more, and waits until all has ended.
    pub(crate) async fn finish(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.starters.join_next().await {
            ended.unwrap();
        }
        for worker in &self.workers {
            assert!(!worker.is_finished(), "a worker panicked");
            worker.abort();
        }
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        while !self.over.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let (kind, machine) = &self.machines[usize::try_from(number).unwrap() % self.machines.len()];
            self.drive(number, kind, machine).await;
        }
    }

    async fn drive(&self, number: u64, kind: &str, machine: &str) {
        let name = format!("{kind}-{number}");
        let promise = |promise| self.promises.lock().unwrap().insert(name.clone(), promise);
        // A large Map now and then: its frame is not written whole at each record.
        let items = if number.is_multiple_of(70) { 150 } else { 6 };
        let items = if maps::is_distributed(&name) {
            maps::items(kind, number)
        } else {
            items
        };
        let file = format!("{number}-{items}.csv");
        let items: Vec<u64> = (0..items).collect();
        let input = json!({"number": number, "items": items, "file": file}).to_string();
        let request = json!({"stateMachineArn": machine, "name": name, "input": input});
        let (status, answer) = self.client.insist("StartExecution", request).await;
        assert!(
            status == 200 || answer["__type"] == "ExecutionAlreadyExists",
            "{name}: {answer}"
        );
        promise(Promise::Started);
        let execution = format!("{}:{name}", machine.replace(":stateMachine:", ":execution:"));
        if kind == "stopped" {
            let request = json!({"executionArn": execution, "error": "Enough"});
            self.client.ok("StopExecution", request).await;
            promise(Promise::Stopped);
        }
        let mut watch = Watch::default();
        if kind == "halted" {
            pause(600).await;
            self.client
                .ok("StopExecution", json!({"executionArn": execution}))
                .await;
            promise(Promise::Stopped);
            watch.until_ended(&self.client, &execution).await;
        }
        let describe = json!({"executionArn": execution});
        for looks in 0_usize.. {
            let found = self.client.ok("DescribeExecution", describe.clone()).await;
            if kind == "redriven" && found["status"] == "FAILED" {
                self.outside.amend(number);
                let request = json!({"executionArn": execution, "clientToken": name});
                self.client.ok("RedriveExecution", request).await;
                continue;
            }
            if maps::is_distributed(&name) && looks.is_multiple_of(20) {
                watch.look(&self.client, &execution).await;
            }
            if found["status"] != "RUNNING" {
                promise(Promise::Closed(found["status"].as_str().unwrap().to_owned()));
                return;
            }
            sleep(Duration::from_millis(40)).await;
        }
    }
}

/// A call of a function whose key is the execution's number and `step`.
pub(crate) fn call(function: &str, step: &str, more: &Value) -> Value {
    let mut state = json!({
        "Type": "Task",
        "Resource": format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"),
        "Parameters": {"number.$": "$.number", "key.$": format!("States.Format('{{}}/{step}', $.number)")},
        "ResultPath": null,
    });
    state
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    state
}

/// A chain of Pass states.
pub(crate) fn passes(count: usize) -> Value {
    let states: serde_json::Map<String, Value> = (1..=count)
        .map(|at| {
            let state = if at == count {
                json!({"Type": "Pass", "End": true})
            } else {
                json!({"Type": "Pass", "Next": format!("S{}", at + 1)})
            };
            (format!("S{at}"), state)
        })
        .collect();
    json!({"StartAt": "S1", "States": states})
}

/// Of every kind; the last one is what `nested` starts.
fn definitions(activity: &str) -> Vec<(&'static str, Value)> {
    let end = json!({"End": true});
    let mut item = call("echo", "", &end);
    item["Parameters"] =
        json!({"number.$": "$.number", "key.$": "States.Format('{}/item{}', $.number, $.index)"});
    let branch = |name: &str, state: Value| json!({"StartAt": name, "States": {name: state}});
    vec![
        ("pass", passes(10)),
        (
            "wait",
            json!({"StartAt": "W", "States": {
                "W": {"Type": "Wait", "Seconds": 1, "Next": "F"}, "F": call("echo", "F", &end)}}),
        ),
        (
            "retry",
            json!({"StartAt": "R", "States": {"R": call("flaky", "R", &json!({"End": true, "Retry": [
                {"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 20}]}))}}),
        ),
        (
            "token",
            json!({"StartAt": "T", "States": {"T": {"Type": "Task", "End": true,
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": "token", "Payload": {"number.$": "$.number", "token.$": "$$.Task.Token",
                    "key.$": "States.Format('{}/T', $.number)"}}}}}),
        ),
        (
            "map",
            json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 30,
                "ItemSelector": {"number.$": "$.number", "index.$": "$$.Map.Item.Value"}, "ResultPath": "$.results", "End": true,
                "ItemProcessor": {"StartAt": "I", "States": {"I": item}}}}}),
        ),
        (
            "parallel",
            json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "ResultPath": "$.results", "End": true, "Branches": [
                branch("A", call("echo", "A", &end)), branch("B", json!({"Type": "Wait", "Seconds": 1, "End": true})),
                branch("C", json!({"Type": "Pass", "End": true}))]}}}),
        ),
        (
            // A worker that never heard of its task, because the process died while it was told, does not answer.
            "activity",
            json!({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 4, "End": true,
                "Retry": [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 100}]}}}),
        ),
        (
            "stopped",
            json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86_400, "End": true}}}),
        ),
        (
            "chain",
            json!({"StartAt": "A", "States": {"A": call("echo", "A", &json!({"Next": "B"})),
                "B": call("echo", "B", &json!({"Next": "C"})), "C": call("echo", "C", &end)}}),
        ),
    ]
}

/// Starts an execution of `child` and waits for it.
fn nested(child: &str) -> Value {
    json!({"StartAt": "N", "States": {"N": {"Type": "Task", "End": true, "ResultPath": "$.child",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": child, "Input": {"number.$": "$.number"}}}}})
}
