//! `GET /v1/deployments/{id}/events`: the timeline, as it happens.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::find;
use super::super::model::State as DeploymentState;
use super::super::view::EventView;
use crate::app::App;
use crate::db::paging::Page;
use crate::http::{Json, Path, Problem, Query};
use crate::ids::DeploymentId;
use crate::limits;

/// How often the timeline is read for a stream.
const READ_INTERVAL: Duration = Duration::from_millis(300);

/// Lines read at once.
const LINES: u32 = 200;

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Only lines after this number; `Last-Event-ID` does the same.
    after: Option<i64>,
}

/// The timeline: with `Accept: text/event-stream` as it happens (resume by `Last-Event-ID`), until the deployment has ended;
/// else as JSON.
#[utoipa::path(get, path = "/v1/deployments/{id}/events", tag = "deployments",
    params(("id" = DeploymentId, Path), EventsQuery), responses(
    (status = 200, description = "The timeline", body = Page<EventView>),
    (status = 404, description = "No such deployment", body = Problem)))]
pub(super) async fn deployment_events(
    State(app): State<Arc<App>>,
    Path(id): Path<DeploymentId>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    find::find(&app, id).await?;
    let named = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let after = named("last-event-id")
        .and_then(|id| id.parse().ok())
        .or(query.after)
        .unwrap_or(0);
    let streams = named(header::ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/event-stream"));
    if !streams {
        let rows = find::events(&app, id, after, limits::PAGE_LIMIT_MAX).await?;
        let data: Vec<_> = rows.into_iter().map(EventView::from).collect();
        return Ok(Json(Page {
            data,
            next_cursor: None,
            has_more: false,
        })
        .into_response());
    }
    let feed = Feed {
        app,
        id,
        after,
        ready: VecDeque::new(),
        over: false,
    };
    let stream = futures::stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(limits::EVENT_STREAM_HEARTBEAT))
        .into_response())
}

/// A place in a timeline.
struct Feed {
    app: Arc<App>,
    id: DeploymentId,
    after: i64,
    ready: VecDeque<EventView>,
    over: bool,
}

impl Feed {
    /// The next line; none when the deployment has ended and all was told, or the service shuts down.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                self.after = line.seq;
                let event = Event::default()
                    .id(line.seq.to_string())
                    .event(line.event.clone());
                return event.json_data(&line).ok();
            }
            if self.over || self.app.lifecycle.is_shutting_down() {
                return None;
            }
            match find::events(&self.app, self.id, self.after, LINES).await {
                Ok(rows) => {
                    self.ready.extend(rows.into_iter().map(EventView::from));
                    let last = self
                        .ready
                        .back()
                        .and_then(|line| DeploymentState::parse(&line.state));
                    // A finished deployment may be taken back later; who wants that too connects again.
                    self.over = match last {
                        Some(state) => state.is_finished(),
                        None => self.has_ended().await,
                    };
                }
                Err(error) => tracing::debug!(%error, "a stream could not be read"),
            }
            if self.ready.is_empty() && !self.over {
                tokio::select! {
                    () = tokio::time::sleep(READ_INTERVAL) => {}
                    () = self.app.lifecycle.soft_shutdown() => {}
                }
            }
        }
    }

    async fn has_ended(&self) -> bool {
        find::find(&self.app, self.id)
            .await
            .is_ok_and(|record| record.state().is_finished())
    }
}
