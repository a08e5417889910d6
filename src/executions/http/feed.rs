//! `GET /v1/executions/{id}/events`: the feed of one execution as server-sent events, or as JSON for who asks for that.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt as _};

use super::super::model::FeedEvent;
use super::super::{find, limits, merge};
use super::problems::unknown;
use crate::app::App;
use crate::http::{Caller, Json, Path, Problem, ProblemKind, Role};
use crate::ids::ExecutionId;
use crate::signals::Listener;

/// Streams what happens to an execution: `execution.started`, `execution.closed`, `execution.redriven`. Ends after it has closed. `id` of each event
/// counts from 1 without gaps; `Last-Event-ID` resumes after it. With `Accept: application/json` the feed so far is answered as JSON.
#[utoipa::path(get, path = "/v1/executions/{id}/events", tag = "executions",
    params(("id" = ExecutionId, Path, description = "Its id"), ("Last-Event-ID" = Option<i64>, Header, description = "The last event that was received")), responses(
    (status = 200, description = "The feed", content_type = "text/event-stream", body = String),
    (status = 204, description = "It has closed and there is nothing after `Last-Event-ID`: don't reconnect"),
    (status = 404, description = "No such execution", body = Problem),
    (status = 410, description = "What follows `Last-Event-ID` is no longer kept", body = Problem)))]
pub(super) async fn stream_events(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ExecutionId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Role::Viewer)?;
    let after = last_event_id(&headers)?;
    // Listen first and read then: what happens in between is not missed.
    let listener = app.signals.listen(merge::topic(id));
    let (first_kept, last) = find::feed_bounds(&app, id).await?.ok_or_else(|| unknown(id))?;
    if last > after && first_kept.is_none_or(|first| first > after + 1) {
        return Err(Problem::new(
            ProblemKind::Gone,
            format!(
                "the events after {after} are no longer kept; leave `Last-Event-ID` out and look at the execution itself"
            ),
        ));
    }
    if wants_json(&headers) {
        let events = find::feed(&app, id, after).await?;
        let data: Vec<_> = events
            .into_iter()
            .map(|event| {
                serde_json::json!({"id": event.seq, "event": event.kind, "at": event.at, "data": event.data})
            })
            .collect();
        return Ok(Json(serde_json::json!({"data": data, "has_more": false})).into_response());
    }
    if last <= after && is_over(&app, id).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let shutdown = app.lifecycle.soft_token().cancelled_owned();
    let stream = Sse::new(events(app, id, after, listener).take_until(shutdown)).keep_alive(
        KeepAlive::new()
            .interval(crate::limits::EVENT_STREAM_HEARTBEAT)
            .text("still here"),
    );
    Ok(stream.into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<i64, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(0);
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse::<i64>().ok())
        .filter(|id| *id >= 0)
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::InvalidRequest,
                "`Last-Event-ID` must be the `id` of an event of this stream",
            )
        })
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json") && !accept.contains("text/event-stream"))
}

async fn is_over(app: &App, id: ExecutionId) -> Result<bool, Problem> {
    let execution = find::find(app, id).await?.ok_or_else(|| unknown(id))?;
    Ok(execution.status.is_closed() || execution.lost_at.is_some())
}

/// Where a stream stands.
struct Position {
    app: Arc<App>,
    id: ExecutionId,
    after: i64,
    listener: Listener,
    /// Read and not sent yet.
    ahead: std::collections::VecDeque<FeedEvent>,
    over: bool,
}

fn events(
    app: Arc<App>,
    id: ExecutionId,
    after: i64,
    listener: Listener,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let position = Position {
        app,
        id,
        after,
        listener,
        ahead: std::collections::VecDeque::new(),
        over: false,
    };
    stream::unfold(position, |mut position| async move {
        loop {
            if let Some(event) = position.ahead.pop_front() {
                position.after = event.seq;
                // Nothing follows a close but a redrive, and whoever waits for that connects again.
                position.over = position.ahead.is_empty()
                    && matches!(event.kind.as_str(), "execution.closed" | "execution.lost");
                return Some((Ok(message(&event)), position));
            }
            if position.over || position.app.lifecycle.is_shutting_down() {
                return None;
            }
            match find::feed(&position.app, position.id, position.after).await {
                Ok(events) if !events.is_empty() => position.ahead = events.into(),
                Ok(_) => position.listener.wait(limits::FEED_POLL).await,
                Err(error) => {
                    // The client connects again and resumes where it was.
                    tracing::warn!(execution = %position.id, %error, "a feed could not be read");
                    return None;
                }
            }
        }
    })
}

fn message(event: &FeedEvent) -> Event {
    Event::default()
        .id(event.seq.to_string())
        .event(event.kind.as_str())
        .data(event.data.to_string())
}
