//! The layer that finds the caller and closes routes to who may not use them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Caller;
use super::keys::caller_of;
use super::rules::{Action, Forbidden, Need, authorize, needs};
use crate::app::App;
use crate::http::{Problem, ProblemKind};

/// Puts the [`Caller`] into the request, or answers 401 or 403. Runs after routing, so that the route's pattern is known.
pub async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    match admit(&app, &request) {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The caller, none where none is needed, or the problem to answer with.
fn admit(app: &App, request: &Request) -> Result<Option<Caller>, Problem> {
    let access = &app.config.access;
    if access.keys.is_empty() {
        return Ok(Some(Caller::anonymous()));
    }
    let pattern = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    let given = bearer(request);
    let known = given.and_then(|key| caller_of(access, key));
    let action = match needs(request.method().as_str(), pattern) {
        Need::Nothing => return Ok(known),
        Need::ReadOrLoopback if known.is_none() && from_loopback(request) => return Ok(None),
        Need::ReadOrLoopback => Action::Read,
        Need::Right(action) => action,
    };
    let Some(caller) = known else {
        let detail = if given.is_some() {
            "this key is not known"
        } else {
            "this needs a key; send it as `Authorization: Bearer KEY`"
        };
        return Err(Problem::new(ProblemKind::Unauthorized, detail));
    };
    authorize(&caller, action, request.uri().path())?;
    Ok(Some(caller))
}

fn bearer(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// Whether the connection comes from this machine, by the socket; no header is believed.
fn from_loopback(request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let forwarded = request.headers().contains_key("x-forwarded-for")
        || request.headers().contains_key(header::FORWARDED);
    peer.is_some_and(|ConnectInfo(address)| address.ip().to_canonical().is_loopback()) && !forwarded
}

impl From<Forbidden> for Problem {
    fn from(error: Forbidden) -> Self {
        Self::new(ProblemKind::Forbidden, error.to_string())
    }
}
