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
use crate::maps;
use crate::outside::Outside;

const TERMINAL: &[&str] = &[
    "ExecutionSucceeded",
    "ExecutionFailed",
    "ExecutionTimedOut",
    "ExecutionAborted",
];

/// An execution as the table has it.
#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    status: String,
    stopped_at: Option<i64>,
    output: Option<Vec<u8>>,
    /// The execution that began it, if it is a Map Run's child.
    parent: Option<String>,
    /// Of an Express child.
    express_input: Option<Vec<u8>>,
}

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
        maps::judge_the_dead(&self.pool).await;
        let rows: Vec<Row> = sqlx::query_as(
            "select e.name, e.status, e.stopped_at, e.output, parent.name as parent,
                case when e.arn like '%:express:%' then e.input end as express_input
             from engine.executions e left join engine.map_runs r on r.arn = e.map_run_arn
             left join engine.executions parent on parent.id = r.execution_id",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names.len(), rows.len(), "no execution is there twice");
        for name in promises.keys() {
            assert!(
                names.contains(name.as_str()),
                "{name} was acknowledged and is lost"
            );
        }
        let mut unjudged: HashSet<String> = HashSet::new();
        let mut redriven: HashSet<String> = HashSet::new();
        for row in rows {
            let may_go_on = maps::kind(row.parent.as_ref().unwrap_or(&row.name)) == "redriven";
            let Row {
                name,
                status,
                stopped_at,
                output,
                express_input,
                ..
            } = row;
            if may_go_on {
                redriven.insert(name.clone());
            }
            if let Some(input) = express_input.filter(|_| status == "SUCCEEDED") {
                let key = maps::express_key(&input);
                let calls = self.outside.calls_for(&key);
                self.recorded.lock().unwrap().entry(key).or_insert(calls);
            }
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
                (Some(before), end) if may_go_on && before.status != "SUCCEEDED" => {
                    match end {
                        Some(end) => self.ends.insert(name.clone(), end),
                        None => self.ends.remove(&name),
                    };
                    unjudged.insert(name);
                }
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
                redriven.contains(&name),
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
        // Of name, ARN, when it stopped, and whether it is a child.
        let rows: Vec<(String, String, Option<i64>, bool)> =
            sqlx::query_as("select name, arn, stopped_at, map_run_arn is not null from engine.executions")
                .fetch_all(&self.pool)
                .await
                .unwrap();
        let judged = rows.len();
        let promises = self.promises.lock().unwrap().clone();
        let (ends, promises, outside, pool) = (&self.ends, &promises, &self.outside, &self.pool);
        let judging = stream::iter(rows).map(|(name, arn, stopped_at, is_child)| async move {
            let found = client.ok("DescribeExecution", json!({"executionArn": arn})).await;
            if is_child {
                // How many of them came to which end is judged with their Map Run.
                let status = found["status"].as_str().unwrap();
                assert!(stopped_at.is_some() && status != "RUNNING", "{name}: {found}");
                return if arn.contains(":express:") {
                    0
                } else {
                    let events = client.history(&arn).await;
                    well_formed(&name, &events, Some(status), false);
                    events.len()
                };
            }
            let kind = maps::kind(&name);
            let wanted = if matches!(kind, "stopped" | "halted") {
                "ABORTED"
            } else {
                "SUCCEEDED"
            };
            assert_eq!(found["status"], wanted, "{name}: {found}");
            if maps::is_distributed(&name) {
                let output = found
                    .get("output")
                    .map(|output| serde_json::from_str(output.as_str().unwrap()).unwrap());
                maps::judge_the_end(client, pool, outside, &arn, output.as_ref()).await;
            }
            if let Some(before) = ends.get(&name).filter(|before| before.status == wanted) {
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
            well_formed(&name, &events, Some(wanted), false);
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
fn well_formed(name: &str, events: &[Value], closed: Option<&str>, may_go_on: bool) {
    for (at, event) in events.iter().enumerate() {
        let id = event["id"].as_u64().unwrap();
        assert_eq!(id, at as u64 + 1, "{name}: a gap before {event}");
        assert!(event["previousEventId"].as_u64().unwrap() < id, "{name}: {event}");
    }
    let ends: Vec<usize> = (0..events.len())
        .filter(|at| TERMINAL.contains(&events[*at]["type"].as_str().unwrap()))
        .collect();
    // Who is redriven had closed before; and is about to go on when nothing is recorded of that yet.
    let redriven = (1..events.len()).filter(|at| events[*at]["type"] == "ExecutionRedriven");
    let mut wanted: Vec<usize> = redriven.map(|at| at - 1).collect();
    let waits = closed.is_none() && ends.last() == Some(&(events.len() - 1));
    if closed.is_some() || waits && may_go_on {
        wanted.push(events.len() - 1);
    }
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
