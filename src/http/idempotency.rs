//! `Idempotency-Key` (IETF draft httpapi-idempotency-key-header): a POST repeated with the same key is answered with the first answer.
//!
//! A layer around every route, so that handlers need no code for it. The key is scoped to the caller, the method and the path; the
//! body's SHA-256 tells a repetition from a mistake. Only successes are kept (for 24 h): a request that was refused changed nothing, so its
//! key is free again. While the first request runs, a second one is answered 409; if the process dies in between, the lease of the first runs
//! out and a repetition runs the handler again **with the same token**, from which handlers derive names ([`IdempotencyToken`]), so that
//! AWS itself sees the same request twice.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Caller, Problem, ProblemKind};
use crate::app::App;
use crate::clock::Clock;
use crate::db::{Db, DbError};
use crate::ids::RequestId;
use crate::limits;

/// The request's header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Set on an answer that is a repetition.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Characters of a key; a UUID has 36.
const KEY_LENGTH_MAX: usize = 255;

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// Longer than any request may take: the request timeout, the longest `Prefer: wait`, and some air.
const LEASE: Duration = Duration::from_mins(2);

/// Between two attempts to settle a key while the database is away.
const SETTLE_PAUSE: Duration = Duration::from_millis(500);

/// An answer that is kept, bytes: an execution with its input and output, escaped.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Headers that are kept with an answer.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// What a request with a key derives its names from: the same for every repetition within the 24 hours. Absent without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyToken(Option<String>);

impl IdempotencyToken {
    /// The token, a ULID as text, if the request has a key.
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyToken {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self(None)))
    }
}

/// The layer. Must stand inside of the layer that finds the caller.
pub async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(&IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    match keyed(&app, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

/// Where a key is good.
struct Scope {
    principal: String,
    route: String,
    key: String,
}

async fn keyed(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let scope = Scope {
        principal: request
            .extensions()
            .get::<Caller>()
            .map_or_else(String::new, |caller| caller.name.clone()),
        route: format!("{} {}", request.method(), request.uri()),
        key: read_key(request.headers())?,
    };
    let (mut parts, body) = request.into_parts();
    let body = Limited::new(body, limits::REQUEST_BODY_BYTES_MAX)
        .collect()
        .await
        .map_err(|_| {
            Problem::new(
                ProblemKind::PayloadTooLarge,
                "the body is larger than this endpoint takes",
            )
        })?
        .to_bytes();
    let fingerprint = Sha256::digest(&body).to_vec();
    let lease = RequestId::generate().to_string();
    let token = match claim(&app.db, &scope, &fingerprint, &lease, app.clock.now()).await? {
        Claim::Mine { token } => token,
        Claim::Answered(response) => return Ok(response),
        Claim::Running => {
            return Err(Problem::new(
                ProblemKind::RequestInProgress,
                "a request with this idempotency key is still running; its answer will be given to a repetition",
            )
            .with_retry_after(limits::RETRY_AFTER_SECONDS));
        }
        Claim::Reused => {
            return Err(Problem::new(
                ProblemKind::IdempotencyKeyReused,
                "this idempotency key came with another body before; use a new key for a new request",
            ));
        }
    };
    parts.extensions.insert(IdempotencyToken(Some(token)));
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (response, settlement) = judge(response).await?;
    if let Err(error) = settle(&app.db, &scope, &lease, &settlement, app.clock.now()).await {
        tracing::warn!(%error, "an idempotency key could not be settled; trying again");
        let (db, clock) = (app.db.clone(), Arc::clone(&app.clock));
        app.lifecycle.spawn("idempotency", async move {
            settle_later(&db, clock.as_ref(), &scope, &lease, &settlement).await;
        });
    }
    Ok(response)
}

fn read_key(headers: &HeaderMap) -> Result<String, Problem> {
    let text = headers
        .get(&IDEMPOTENCY_KEY)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .trim();
    // The draft writes a quoted string, most clients a bare one.
    let key = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    if key.is_empty() || key.len() > KEY_LENGTH_MAX || !key.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("`Idempotency-Key` must have 1 to {KEY_LENGTH_MAX} printable ASCII characters"),
        ));
    }
    Ok(key.to_owned())
}

enum Claim {
    /// The handler is to run, with this token.
    Mine {
        token: String,
    },
    Answered(Response),
    Running,
    Reused,
}

#[derive(sqlx::FromRow)]
struct Kept {
    fingerprint: Vec<u8>,
    token: String,
    lease_token: Option<String>,
    lease_until: Option<DateTime<Utc>>,
    status: Option<i16>,
    headers: Option<Value>,
    body: Option<Vec<u8>>,
    expires_at: DateTime<Utc>,
}

async fn claim(
    db: &Db,
    scope: &Scope,
    fingerprint: &[u8],
    lease: &str,
    now: DateTime<Utc>,
) -> Result<Claim, DbError> {
    let lease_until = now + TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::MAX);
    let mut tx = db.begin().await?;
    let inserted = sqlx::query(
        "insert into idempotency_keys (principal, route, key, fingerprint, token, lease_token, lease_until, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
    )
    .bind(&scope.principal)
    .bind(&scope.route)
    .bind(&scope.key)
    .bind(fingerprint)
    .bind(token_of(lease))
    .bind(lease)
    .bind(lease_until)
    .bind(now)
    .bind(now + KEPT)
    .execute(tx.conn())
    .await?
    .rows_affected();
    if inserted == 1 {
        tx.commit().await?;
        return Ok(Claim::Mine {
            token: token_of(lease).to_owned(),
        });
    }
    let kept: Option<Kept> = sqlx::query_as(
        "select fingerprint, token, lease_token, lease_until, status, headers, body, expires_at
         from idempotency_keys where principal = $1 and route = $2 and key = $3 for update",
    )
    .bind(&scope.principal)
    .bind(&scope.route)
    .bind(&scope.key)
    .fetch_optional(tx.conn())
    .await?;
    // Given back between the two statements: whoever comes next finds it free.
    let Some(kept) = kept else {
        return Ok(Claim::Running);
    };
    let expired = kept.expires_at <= now;
    if !expired && kept.fingerprint != fingerprint {
        return Ok(Claim::Reused);
    }
    if !expired && let (Some(status), Some(headers), Some(body)) = (kept.status, kept.headers, kept.body) {
        return Ok(Claim::Answered(replay(status, &headers, body)));
    }
    if kept.lease_token.is_some() && kept.lease_until.is_some_and(|until| until > now) {
        return Ok(Claim::Running);
    }
    // The answer ran out (a new request under an old key), or whoever worked on it is gone (the same request again).
    let token = if expired {
        token_of(lease).to_owned()
    } else {
        kept.token
    };
    sqlx::query(
        "update idempotency_keys set fingerprint = $4, token = $5, lease_token = $6, lease_until = $7, status = null, headers = null,
             body = null, expires_at = $8
         where principal = $1 and route = $2 and key = $3",
    )
    .bind(&scope.principal)
    .bind(&scope.route)
    .bind(&scope.key)
    .bind(fingerprint)
    .bind(&token)
    .bind(lease)
    .bind(lease_until)
    .bind(now + KEPT)
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(Claim::Mine { token })
}

/// The lease is a fresh id; the token is the ULID in it.
fn token_of(lease: &str) -> &str {
    lease.split_once('_').map_or(lease, |(_, ulid)| ulid)
}

fn replay(status: i16, headers: &Value, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::OK);
    for name in KEPT_HEADERS {
        if let Some(value) = headers
            .get(name.as_str())
            .and_then(Value::as_str)
            .and_then(|value| HeaderValue::from_str(value).ok())
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
        .headers_mut()
        .insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    response
}

/// What becomes of a key after its handler ran.
enum Settlement {
    /// It was done: a repetition gets this answer.
    Keep {
        status: i16,
        headers: Value,
        body: Bytes,
    },
    /// It was refused, and nothing was done: the key is free.
    Forget,
    /// It failed, and the outcome may be unknown: the same request may be repeated at once, under the same token.
    GiveBack,
}

async fn judge(response: Response) -> Result<(Response, Settlement), Problem> {
    if response.status().is_client_error() {
        return Ok((response, Settlement::Forget));
    }
    if !response.status().is_success() {
        return Ok((response, Settlement::GiveBack));
    }
    let (parts, body) = response.into_parts();
    let body: Bytes = Limited::new(body, ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| Problem::internal(TooLong(error.to_string())))?
        .to_bytes();
    let headers: Map<String, Value> = KEPT_HEADERS
        .iter()
        .filter_map(|name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), Value::from(value)))
        })
        .collect();
    let settlement = Settlement::Keep {
        status: i16::try_from(parts.status.as_u16()).unwrap_or(200),
        headers: Value::Object(headers),
        body: body.clone(),
    };
    Ok((Response::from_parts(parts, Body::from(body)), settlement))
}

#[derive(Debug, thiserror::Error)]
#[error("an answer is too long to be kept for its idempotency key: {0}")]
struct TooLong(String);

/// Writes the settlement down, if the lease is still ours.
async fn settle(
    db: &Db,
    scope: &Scope,
    lease: &str,
    settlement: &Settlement,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let query = match settlement {
        Settlement::Keep { .. } => {
            "update idempotency_keys set status = $5, headers = $6, body = $7, lease_token = null, lease_until = null
             where principal = $1 and route = $2 and key = $3 and lease_token = $4"
        }
        Settlement::Forget => {
            "delete from idempotency_keys where principal = $1 and route = $2 and key = $3 and lease_token = $4"
        }
        Settlement::GiveBack => {
            "update idempotency_keys set lease_until = $5
             where principal = $1 and route = $2 and key = $3 and lease_token = $4"
        }
    };
    let query = sqlx::query(query)
        .bind(&scope.principal)
        .bind(&scope.route)
        .bind(&scope.key)
        .bind(lease);
    let query = match settlement {
        Settlement::Keep {
            status,
            headers,
            body,
        } => query.bind(status).bind(headers).bind(body.as_ref()),
        Settlement::Forget => query,
        Settlement::GiveBack => query.bind(now),
    };
    query.execute(db.pool()).await?;
    Ok(())
}

/// Tries again until the lease would have run out by itself: until then a repetition is told that the request is in progress,
/// which would keep a client waiting long after the database came back.
async fn settle_later(db: &Db, clock: &dyn Clock, scope: &Scope, lease: &str, settlement: &Settlement) {
    let until = clock.now() + TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::MAX);
    while clock.now() < until {
        tokio::time::sleep(SETTLE_PAUSE).await;
        if settle(db, scope, lease, settlement, clock.now()).await.is_ok() {
            return;
        }
    }
}

/// Forgets answers that ran out, at most `limit`. Says how many.
pub async fn forget(db: &Db, now: DateTime<Utc>, limit: i64) -> Result<u64, DbError> {
    let done = sqlx::query(
        "delete from idempotency_keys where ctid = any(array(select ctid from idempotency_keys where expires_at < $1 limit $2))",
    )
    .bind(now)
    .bind(limit)
    .execute(db.pool())
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<String, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(&IDEMPOTENCY_KEY, HeaderValue::from_str(text).unwrap());
        read_key(&headers)
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        assert_eq!(key("\"order-7\"").unwrap(), key("order-7").unwrap());
        assert!(key("").is_err());
        assert!(key(&"k".repeat(KEY_LENGTH_MAX + 1)).is_err());
    }

    #[test]
    fn a_replay_says_that_it_is_one_and_keeps_the_location() {
        let headers =
            serde_json::json!({"location": "/v1/executions/exe_1", "content-type": "application/json"});
        let response = replay(201, &headers, b"{}".to_vec());
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()[&header::LOCATION], "/v1/executions/exe_1");
        assert_eq!(response.headers()[&IDEMPOTENCY_REPLAYED], "true");
    }
}
