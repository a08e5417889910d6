//! Distributed Maps of every kind, and what must be true of their Map Runs whatever happens to the engine.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::sleep;

use crate::client::Client;
use crate::load::call;
use crate::outside::Outside;

/// Bytes beside what matters in each row of a long file, so that its inputs take several rows of the table.
pub(crate) const PAD_BYTES: usize = 8 * 1024;

/// Whether executions of this name are of a distributed Map.
pub(crate) fn is_distributed(name: &str) -> bool {
    matches!(
        kind(name),
        "inline" | "brief" | "written" | "tolerated" | "redriven" | "halted"
    )
}

pub(crate) fn kind(name: &str) -> &str {
    name.split('-').next().unwrap()
}

fn number(name: &str) -> u64 {
    name.split_once('-').unwrap().1.parse().unwrap()
}

/// How many items the Map of this execution has.
pub(crate) fn items(kind: &str, number: u64) -> u64 {
    let is_long = number.is_multiple_of(5);
    match kind {
        "inline" if is_long => 60,
        "brief" => 12,
        "written" if is_long => 100,
        "redriven" => 4,
        _ => 6,
    }
}

/// Of every kind.
pub(crate) fn definitions() -> Vec<(&'static str, Value)> {
    let function = |name: &str, letter: &str, next: Value| {
        let mut state = call(name, "", &next);
        state["Parameters"] = json!({"number.$": "$.number", "index.$": "$.index",
            "key.$": format!("States.Format('{{}}/{letter}{{}}', $.number, $.index)")});
        state.as_object_mut().unwrap().remove("ResultPath");
        state
    };
    let first = |name: &str, letter: &str| {
        let mut state = function(name, letter, json!({"End": true}));
        for (_, value) in state["Parameters"].as_object_mut().unwrap() {
            *value = json!(value.as_str().unwrap().replace("$.", "$.Items[0]."));
        }
        state
    };
    let end = || json!({"End": true});
    let one = |state: Value| json!({"StartAt": "I", "States": {"I": state}});
    let reader = json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
        "Parameters": {"Bucket": "items", "Key.$": "$.file"}}});
    let selector = json!({"ItemsPath": "$.items",
        "ItemSelector": {"number.$": "$.number", "index.$": "$$.Map.Item.Value"}});
    let halted = json!({"StartAt": "I", "States": {"I": function("item", "h", json!({"Next": "W"})),
        "W": {"Type": "Wait", "Seconds": 86_400, "End": true}}});
    vec![
        (
            "inline",
            map(
                "STANDARD",
                one(function("item", "i", end())),
                &[&selector, &json!({"MaxConcurrency": 5})],
            ),
        ),
        (
            "brief",
            map(
                "EXPRESS",
                one(first("item", "x")),
                &[
                    &reader,
                    &json!({"MaxConcurrency": 2, "ItemBatcher": {"MaxItemsPerBatch": 3}}),
                ],
            ),
        ),
        (
            "written",
            map(
                "STANDARD",
                one(first("item", "w")),
                &[
                    &reader,
                    &json!({"ItemBatcher": {"MaxItemsPerBatch": 2},
                "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
                    "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"},
                    "Parameters": {"Bucket": "results", "Prefix": "crash"}}}),
                ],
            ),
        ),
        (
            "tolerated",
            map(
                "STANDARD",
                one(function("fails", "t", end())),
                &[&selector, &json!({"ToleratedFailureCount": 2})],
            ),
        ),
        (
            "redriven",
            map(
                "STANDARD",
                one(function("later", "r", end())),
                &[&selector, &json!({"MaxConcurrency": 2})],
            ),
        ),
        (
            "halted",
            map("STANDARD", halted, &[&selector, &json!({"MaxConcurrency": 4})]),
        ),
    ]
}

fn map(children: &str, mut processor: Value, members: &[&Value]) -> Value {
    processor["ProcessorConfig"] = json!({"Mode": "DISTRIBUTED", "ExecutionType": children});
    let mut state = json!({"Type": "Map", "Label": "All", "ResultPath": "$.results", "End": true, "ItemProcessor": processor});
    for members in members {
        state
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
    }
    json!({"StartAt": "M", "States": {"M": state}})
}

/// What becomes of an execution's children, in the order of their inputs, when nothing disturbs it.
fn results(name: &str) -> Vec<Value> {
    let (kind, number) = (kind(name), number(name));
    let (letter, step) = match kind {
        "inline" => ('i', 1),
        "brief" => ('x', 3),
        "written" => ('w', 2),
        "tolerated" => ('t', 1),
        "redriven" => ('r', 1),
        other => panic!("{other} has no results"),
    };
    (0..items(kind, number))
        .step_by(step)
        .filter(|index| kind != "tolerated" || !fails(*index))
        .map(|index| json!({"key": format!("{number}/{letter}{index}")}))
        .collect()
}

/// Whether `fails` fails for this item.
pub(crate) fn fails(index: u64) -> bool {
    index.is_multiple_of(3)
}

/// The work an Express child that has succeeded did, by its input.
pub(crate) fn express_key(input: &[u8]) -> String {
    let input: Value = serde_json::from_slice(input).unwrap();
    let first = &input["Items"][0];
    format!(
        "{}/x{}",
        first["number"].as_str().unwrap(),
        first["index"].as_str().unwrap()
    )
}

/// Looks at the one Map Run of an execution again and again; it must add up, and not go back.
#[derive(Default)]
pub(crate) struct Watch {
    arn: Option<Value>,
    succeeded: u64,
}

impl Watch {
    pub(crate) async fn look(&mut self, client: &Client, execution: &str) -> Option<Value> {
        if self.arn.is_none() {
            let found = client.ok("ListMapRuns", json!({"executionArn": execution})).await;
            self.arn = found["mapRuns"].get(0).map(|run| run["mapRunArn"].clone());
        }
        let found = client
            .ok("DescribeMapRun", json!({"mapRunArn": self.arn.as_ref()?}))
            .await;
        for counts in [&found["itemCounts"], &found["executionCounts"]] {
            let sum: u64 = ["pending", "running", "succeeded", "failed", "timedOut", "aborted"]
                .iter()
                .map(|part| counts[part].as_u64().unwrap())
                .sum();
            let redriven = counts["pendingRedrive"].as_u64().unwrap_or(0);
            assert_eq!(counts["total"], sum + redriven, "{execution}: {found}");
        }
        let succeeded = found["itemCounts"]["succeeded"].as_u64().unwrap();
        assert!(
            succeeded >= self.succeeded,
            "{execution} had {} done: {found}",
            self.succeeded
        );
        self.succeeded = succeeded;
        Some(found)
    }

    /// Until the Map Run, if it came to one, has ended.
    pub(crate) async fn until_ended(&mut self, client: &Client, execution: &str) {
        while let Some(found) = self.look(client, execution).await
            && found["status"] == "RUNNING"
        {
            sleep(Duration::from_millis(40)).await;
        }
    }
}

/// What the tables of an engine that was killed must be like.
pub(crate) async fn judge_the_dead(pool: &PgPool) {
    let twice: Vec<(String, i32)> = sqlx::query_as(
        "select map_run_arn, map_run_index from engine.executions where map_run_arn is not null group by 1, 2
         having count(*) filter (where arn not like '%:express:%' or status = 'SUCCEEDED') > 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert_eq!(twice, [], "no input has two children");
    let gaps: Vec<(String, i32)> = sqlx::query_as(
        "select map_run_arn, first_index from (
            select map_run_arn, first_index, coalesce(sum(cardinality(items)) over (partition by map_run_arn order by first_index
                rows between unbounded preceding and 1 preceding), 0) as before from engine.map_run_inputs
         ) rows where first_index <> before",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert_eq!(gaps, [], "inputs follow each other");
}

/// What an execution with a distributed Map must have come to, seen from outside. `output` is its own.
pub(crate) async fn judge_the_end(
    client: &Client,
    pool: &PgPool,
    outside: &Arc<Outside>,
    execution: &str,
    output: Option<&Value>,
) {
    let name = execution.rsplit(':').next().unwrap();
    let listed = client.ok("ListMapRuns", json!({"executionArn": execution})).await;
    let runs = listed["mapRuns"].as_array().unwrap();
    let is_halted = kind(name) == "halted";
    if runs.is_empty() && is_halted {
        return;
    }
    assert_eq!(runs.len(), 1, "{name}: {listed}");
    let found = Watch::default().look(client, execution).await.unwrap();
    let total = items(kind(name), number(name));
    let (items, children) = (&found["itemCounts"], &found["executionCounts"]);
    let running = json!({"mapRunArn": found["mapRunArn"], "statusFilter": "RUNNING"});
    assert_eq!(
        client.ok("ListExecutions", running).await["executions"],
        json!([]),
        "{name}: {found}"
    );
    if is_halted {
        assert_eq!(
            (&found["status"], &items["running"]),
            (&json!("ABORTED"), &json!(0)),
            "{name}: {found}"
        );
        return;
    }
    assert_eq!(
        (&found["status"], &items["total"]),
        (&json!("SUCCEEDED"), &json!(total)),
        "{name}: {found}"
    );
    assert_eq!(
        items["failed"],
        if kind(name) == "tolerated" { 2 } else { 0 },
        "{name}: {found}"
    );
    let redrives = u64::from(kind(name) == "redriven");
    assert_eq!(found["redriveCount"], redrives, "{name}: {found}");

    let inputs = inputs(pool, found["mapRunArn"].as_str().unwrap()).await;
    assert_eq!(children["total"], inputs.len(), "{name}: {found}");
    let indices = inputs.iter().flat_map(|input| match input.get("Items") {
        Some(items) => items.as_array().unwrap().clone(),
        None => vec![input.clone()],
    });
    let indices: Vec<u64> = indices
        .map(|item| item["index"].to_string().trim_matches('"').parse().unwrap())
        .collect();
    assert_eq!(
        indices,
        (0..total).collect::<Vec<_>>(),
        "{name}: each item is in one input"
    );

    let output = &output.unwrap()["results"];
    let written = match output.get("ResultWriterDetails") {
        Some(at) => outside.objects().results(at),
        None => output.as_array().unwrap().clone(),
    };
    assert_eq!(written, results(name), "{name}");
}

async fn inputs(pool: &PgPool, map_run: &str) -> Vec<Value> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(
        "select inputs from engine.map_run_inputs where map_run_arn = $1 order by first_index",
    )
    .bind(map_run)
    .fetch_all(pool)
    .await
    .unwrap();
    rows.iter()
        .flat_map(|row| serde_json::from_slice::<Vec<Value>>(row).unwrap())
        .collect()
}
