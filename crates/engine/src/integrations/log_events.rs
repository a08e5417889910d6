//! Records of executions go to CloudWatch Logs: `DescribeLogGroups`, `CreateLogStream`, `PutLogEvents`.

use asl::json::value::{Json, Object};

use super::TaskError;
use super::aws::Caller;
use super::errors::{self, Wording};
use super::sdk::{Action, Circumstances};
use crate::arn::Place;
use crate::limits::LOG_GROUP_PAGES_MAX;
use crate::logs::{LogRecord, LogStream};

/// Writes records, in order of time, to a stream; makes it first when it is new.
pub(super) async fn put(
    caller: &Caller,
    stream: &LogStream,
    is_new: bool,
    records: &[LogRecord],
    now_ms: i64,
) -> Result<(), TaskError> {
    if is_new {
        call(caller, stream, "createLogStream", Object::new(), now_ms).await?;
    }
    let events = records.iter().map(|record| {
        Json::from(Object::from_iter([
            ("Timestamp".into(), Json::from(record.timestamp_ms)),
            ("Message".into(), Json::from(record.text.as_str())),
        ]))
    });
    let events = Object::from_iter([("LogEvents".into(), Json::array(events.collect()))]);
    call(caller, stream, "putLogEvents", events, now_ms).await
}

/// Whether there is a group of this name; none when CloudWatch Logs does not say.
pub(super) async fn exists(caller: &Caller, place: &Place, group: &str, now_ms: i64) -> Option<bool> {
    let action = Action::find("cloudwatchlogs", "describeLogGroups")?;
    let circumstances = Circumstances {
        here: place,
        token: "",
        now_ms,
    };
    let wording = Wording::of_sdk(action.service);
    let mut asked = Object::from_iter([("LogGroupNamePrefix".into(), Json::from(group))]);
    for _ in 0..LOG_GROUP_PAGES_MAX {
        let page = Json::from(asked.clone());
        let page = action
            .call(caller, &page, circumstances, &wording)
            .await
            .ok()?
            .response;
        let name = |found: &Json| found.get("LogGroupName").and_then(Json::as_str) == Some(group);
        if page.get("LogGroups")?.as_array()?.iter().any(name) {
            return Some(true);
        }
        let Some(token) = page.get("NextToken") else {
            return Some(false);
        };
        asked.insert("NextToken".into(), token.clone());
    }
    None
}

async fn call(
    caller: &Caller,
    stream: &LogStream,
    action: &str,
    mut parameters: Object,
    now_ms: i64,
) -> Result<(), TaskError> {
    let action = Action::find("cloudwatchlogs", action)
        .ok_or_else(|| errors::fail("States.Runtime", "CloudWatch Logs is not in the catalogue"))?;
    parameters.insert("LogGroupName".into(), Json::from(stream.group.clone()));
    parameters.insert("LogStreamName".into(), Json::from(stream.name.clone()));
    let circumstances = Circumstances {
        here: &stream.place,
        token: "",
        now_ms,
    };
    let wording = Wording::of_sdk(action.service);
    action
        .call(caller, &parameters.into(), circumstances, &wording)
        .await?;
    Ok(())
}
