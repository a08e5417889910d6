//! GetExecutionHistory: pages over the chunks the journal wrote. Events are stored as they are answered, so they are
//! cut apart and not read.

use futures::TryStreamExt;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::Row as _;

use super::Executions;
use super::find::FindError;

/// In which order events are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From the first.
    OldestFirst,
    /// From the last.
    NewestFirst,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct HistoryRequest {
    /// The execution's ARN.
    pub arn: String,
    /// Which end to begin with.
    pub order: Order,
    /// The event the page before ended with.
    pub after: Option<u64>,
    /// At most this many events.
    pub limit: u32,
    /// Without it inputs, outputs and causes are left out.
    pub include_data: bool,
}

/// A page of events.
#[derive(Debug)]
pub struct HistoryPage {
    /// AWS's `HistoryEvent`s.
    pub events: Vec<Box<RawValue>>,
    /// The last event's id, when there are more.
    pub more_after: Option<u64>,
}

// The first chunk that has events beyond `after`, and those that follow it.
const FORWARD: &str = "select first_event_id, events from engine.history
    where execution_id = $1 and last_event_id > $2 order by first_event_id";
const BACKWARD: &str = "select first_event_id, events from engine.history
    where execution_id = $1 and first_event_id < $2 order by first_event_id desc";

impl Executions {
    /// A page of an execution's history.
    pub async fn history(&self, request: HistoryRequest) -> Result<HistoryPage, FindError> {
        super::find::check_arn(&request.arn)?;
        let id: Option<uuid::Uuid> = sqlx::query_scalar("select id from engine.executions where arn = $1")
            .bind(&request.arn)
            .fetch_optional(&self.pool)
            .await?;
        let id = id.ok_or_else(|| FindError::Missing(request.arn.clone()))?;
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let (statement, after) = match request.order {
            Order::OldestFirst => (FORWARD, request.after.unwrap_or(0)),
            Order::NewestFirst => (BACKWARD, request.after.unwrap_or(u64::MAX)),
        };
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let mut rows = sqlx::query(statement).bind(id).bind(after).fetch(&self.pool);
        let mut taken: Vec<(i64, Box<RawValue>)> = Vec::new();
        while taken.len() <= limit {
            let Some(row) = rows.try_next().await? else { break };
            let first: i64 = row.try_get(0)?;
            let events: &[u8] = row.try_get(1)?;
            let events: Vec<Box<RawValue>> =
                serde_json::from_slice(events).map_err(|error| sqlx::Error::Decode(error.into()))?;
            let events = (first..).zip(events);
            match request.order {
                Order::OldestFirst => taken.extend(events.filter(|(id, _)| *id > after)),
                Order::NewestFirst => {
                    let mut events: Vec<_> = events.filter(|(id, _)| *id < after).collect();
                    events.reverse();
                    taken.append(&mut events);
                }
            }
        }
        let more = taken.len() > limit;
        taken.truncate(limit);
        let more_after = taken.last().filter(|_| more).map(|(id, _)| id.unsigned_abs());
        let mut events: Vec<_> = taken.into_iter().map(|(_, event)| event).collect();
        if !request.include_data {
            events = events
                .into_iter()
                .map(|event| without_data(&event))
                .collect::<Result<_, _>>()
                .map_err(decode)?;
        }
        Ok(HistoryPage { events, more_after })
    }
}

fn decode(error: serde_json::Error) -> FindError {
    FindError::Database(sqlx::Error::Decode(error.into()))
}

/// The event without what `includeExecutionData: false` leaves out.
fn without_data(event: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
    let mut event: Map<String, Value> = serde_json::from_str(event.get())?;
    for (name, details) in &mut event {
        if let (true, Value::Object(details)) = (name.ends_with("EventDetails"), details) {
            details.retain(|name, _| !DATA.contains(&name.as_str()));
        }
    }
    serde_json::value::to_raw_value(&event)
}

const DATA: &[&str] = &[
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "assignedVariables",
    "assignedVariablesDetails",
    "error",
    "cause",
];
