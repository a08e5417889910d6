//! Reads what is durable and says whether it keeps what was promised.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::time::sleep;

use crate::client::Client;
use crate::load::{Promise, Promises};
use crate::outside::Outside;

const TERMINAL: &[&str] = &[
    "ExecutionSucceeded",
    "ExecutionFailed",
    "ExecutionTimedOut",
    "ExecutionAborted",
];

/// An execution as the table has it: name, status, when it stopped, its output.
type Row = (String, String, Option<i64>, Option<Vec<u8>>);

/// How an execution closed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    status: String,
    stopped_at: i64,
    output: Option<Vec<u8>>,
}

/// Remembers what it has seen to be durable: that must not change.
pub(crate) struct Judge {
    pool: PgPool,
    outside: Arc<Outside>,
    promises: Promises,
    ends: HashMap<String, End>,
    /// Work whose result is recorded, and how often functions had been called for it then.
    recorded: Mutex<HashMap<String, usize>>,
}

impl Judge {
    pub(crate) fn new(database: &str, outside: Arc<Outside>, promises: Promises) -> Self {
        Self {
            pool: PgPoolOptions::new()
                .max_connections(2)
                .connect_lazy(database)
                .unwrap(),
            outside,
            promises,
            ends: HashMap::new(),
            recorded: Mutex::default(),
        }
    }

    /// What was seen until now.
    pub(crate) fn seen(&self) -> String {
        let promised = self.promises.lock().unwrap().len();
        let recorded = self.recorded.lock().unwrap().len();
        format!(
            "{promised} executions acknowledged, {} closed, {recorded} results of tasks recorded",
            self.ends.len()
        )
    }

    /// Judges the tables of an engine that was killed: nobody writes them now.
    pub(crate) async fn judge_the_dead(&mut self) {
        // The last write may be on its way to the disk still.
        while self.writers().await > 0 {
            sleep(Duration::from_millis(2)).await;
        }
        let promises = self.promises.lock().unwrap().clone();
        let rows: Vec<Row> = sqlx::query_as("select name, status, stopped_at, output from engine.executions")
            .fetch_all(&self.pool)
            .await
            .unwrap();
        let names: HashSet<&str> = rows.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names.len(), rows.len(), "no execution is there twice");
        for name in promises.keys() {
            assert!(
                names.contains(name.as_str()),
                "{name} was acknowledged and is lost"
            );
        }
        let mut unjudged: HashSet<String> = HashSet::new();
        for (name, status, stopped_at, output) in rows {
            if let Some(Promise::Closed(promised)) = promises.get(&name) {
                assert_eq!(promised, &status, "{name} was told to have closed");
            }
            if promises.get(&name) == Some(&Promise::Stopped) {
                assert_eq!(status, "ABORTED", "{name} was told to have stopped");
            }
            let end = stopped_at.map(|stopped_at| End {
                status,
                stopped_at,
                output,
            });
            match (self.ends.get(&name), end) {
                (Some(before), end) => assert_eq!(Some(before), end.as_ref(), "{name} had closed before"),
                (None, Some(end)) => {
                    unjudged.insert(name.clone());
                    self.ends.insert(name, end);
                }
                (None, None) => {
                    unjudged.insert(name);
                }
            }
        }
        for (name, events) in self.histories(unjudged.into_iter().collect()).await {
            well_formed(
                &name,
                &events,
                self.ends.get(&name).map(|end| end.status.as_str()),
            );
            self.record(&name, &events);
        }
        self.nothing_recorded_was_done_again();
    }

    /// Remembers what is recorded while the engine runs.
    pub(crate) async fn note_what_is_recorded(&self) {
        let names: Vec<String> = sqlx::query_scalar("select name from engine.executions")
            .fetch_all(&self.pool)
            .await
            .unwrap();
        for (name, events) in self.histories(names).await {
            self.record(&name, &events);
        }
    }

    /// Judges everything from outside, when nothing runs any more.
    pub(crate) async fn judge_the_end(&mut self, client: &Client) -> String {
        self.nothing_recorded_was_done_again();
        let rows: Vec<(String, String, Option<i64>)> =
            sqlx::query_as("select name, arn, stopped_at from engine.executions")
                .fetch_all(&self.pool)
                .await
                .unwrap();
        let judged = rows.len();
        let promises = self.promises.lock().unwrap().clone();
        let (ends, promises) = (&self.ends, &promises);
        let judging = stream::iter(rows).map(|(name, arn, stopped_at)| async move {
            let found = client.ok("DescribeExecution", json!({"executionArn": arn})).await;
            let kind = name.split('-').next().unwrap();
            let wanted = if kind == "stopped" { "ABORTED" } else { "SUCCEEDED" };
            assert_eq!(found["status"], wanted, "{name}: {found}");
            if let Some(before) = ends.get(&name) {
                assert_eq!(Some(before.stopped_at), stopped_at, "{name} closed once");
            }
            if promises.contains_key(&name) && wanted == "SUCCEEDED" {
                let output: Value = serde_json::from_str(found["output"].as_str().unwrap()).unwrap();
                assert!(
                    name.ends_with(&format!("-{}", output["number"])),
                    "{name}: {output}"
                );
            }
            let events = client.history(&arn).await;
            well_formed(&name, &events, Some(wanted));
            events.len()
        });
        let events: usize = judging
            .buffer_unordered(16)
            .fold(0, |sum, events| async move { sum + events })
            .await;
        let open: i64 = sqlx::query_scalar("select count(*) from engine.frames where open")
            .fetch_one(&self.pool)
            .await
            .unwrap();
        assert_eq!(open, 0, "nothing is left open");
        format!(
            "{judged} executions with {events} events are whole; {}",
            self.seen()
        )
    }

    async fn writers(&self) -> i64 {
        sqlx::query_scalar(
            "select count(*) from pg_stat_activity where application_name = 'signalbox-engine'",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    async fn histories(&self, names: Vec<String>) -> HashMap<String, Vec<Value>> {
        let chunks: Vec<(String, Vec<u8>)> = sqlx::query_as(
            "select e.name, h.events from engine.history h join engine.executions e on e.id = h.execution_id
             where e.name = any($1) order by e.name, h.first_event_id",
        )
        .bind(names)
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let mut histories: HashMap<String, Vec<Value>> = HashMap::new();
        for (name, events) in chunks {
            let events: Vec<Value> = serde_json::from_slice(&events).unwrap();
            histories.entry(name).or_default().extend(events);
        }
        histories
    }

    fn record(&self, name: &str, events: &[Value]) {
        let mut recorded = self.recorded.lock().unwrap();
        for key in results(name, events) {
            let calls = self.outside.calls_for(&key);
            recorded.entry(key).or_insert(calls);
        }
    }

    fn nothing_recorded_was_done_again(&self) {
        for (key, calls) in &*self.recorded.lock().unwrap() {
            assert_eq!(
                self.outside.calls_for(key),
                *calls,
                "{key}: its result was recorded, and a function was called for it again"
            );
        }
    }
}

/// One beginning, ids without gaps, causes before effects, and one end, which is the last.
fn well_formed(name: &str, events: &[Value], closed: Option<&str>) {
    for (at, event) in events.iter().enumerate() {
        let id = event["id"].as_u64().unwrap();
        assert_eq!(id, at as u64 + 1, "{name}: a gap before {event}");
        assert!(event["previousEventId"].as_u64().unwrap() < id, "{name}: {event}");
    }
    let ends: Vec<usize> = (0..events.len())
        .filter(|at| TERMINAL.contains(&events[*at]["type"].as_str().unwrap()))
        .collect();
    let wanted: Vec<usize> = closed.into_iter().map(|_| events.len() - 1).collect();
    assert_eq!(
        ends, wanted,
        "{name} ends once, and only when it has closed ({closed:?})"
    );
    let began = events
        .iter()
        .filter(|event| event["type"] == "ExecutionStarted")
        .count();
    assert_eq!(
        (began, &events[0]["type"]),
        (1, &json!("ExecutionStarted")),
        "{name}"
    );
    let results = results(name, events);
    let once: HashSet<&String> = results.iter().collect();
    assert_eq!(
        once.len(),
        results.len(),
        "{name}: each piece of work has one result: {results:?}"
    );
}

/// The work whose outcome these events record, so that nobody needs to do it again.
fn results(name: &str, events: &[Value]) -> Vec<String> {
    let is_token = name.starts_with("token");
    let mut keys = Vec::new();
    for event in events {
        let done = match event["type"].as_str().unwrap() {
            "LambdaFunctionSucceeded" => true,
            // Who brings the token back has it from here on.
            "TaskSubmitted" => is_token,
            _ => false,
        };
        if done {
            keys.push(key(scheduled(events, event)));
        }
    }
    keys
}

/// The event that scheduled the task of this one.
fn scheduled<'a>(events: &'a [Value], event: &'a Value) -> &'a Value {
    let mut at = event;
    while !at["type"].as_str().unwrap().ends_with("Scheduled") {
        let previous = usize::try_from(at["previousEventId"].as_u64().unwrap()).unwrap();
        at = &events[previous - 1];
    }
    at
}

fn key(scheduled: &Value) -> String {
    let parse = |text: &Value| -> Value { serde_json::from_str(text.as_str().unwrap()).unwrap() };
    let key = match scheduled.get("lambdaFunctionScheduledEventDetails") {
        Some(details) => parse(&details["input"])["key"].clone(),
        None => parse(&scheduled["taskScheduledEventDetails"]["parameters"])["Payload"]["key"].clone(),
    };
    key.as_str().unwrap().to_owned()
}
