//! POST to a receiver that somebody named, or GET from it: guarded, pinned, bounded in time and in what is read.

use http::HeaderMap;

use super::guard::UrlRefused;
use super::{Outbound, check_url};

/// Bytes of a receiver's answer that are read; the rest is dropped with the connection.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Seconds of `Retry-After`, where it was a number.
    pub retry_after_seconds: Option<u64>,
    /// The beginning of the body, as text.
    pub body: String,
}

/// Nothing was answered.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The URL, or what it resolved to, may not be reached.
    #[error("the URL was refused")]
    Refused(#[source] UrlRefused),
    /// The connection failed, broke, or took too long.
    #[error("the receiver did not answer")]
    Failed(#[source] reqwest::Error),
}

impl Outbound {
    /// Sends `body` as JSON. Redirects are not followed: a receiver could point them anywhere.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: String) -> Result<Answer, PostError> {
        let url = check_url(url, self.reach).map_err(PostError::Refused)?;
        let request = self
            .webhooks
            .post(url)
            .header(http::header::CONTENT_TYPE, "application/json")
            .headers(headers)
            .body(body);
        answered(request).await
    }

    /// Asks for JSON, guarded and bounded in the same way.
    pub async fn get(&self, url: &str, headers: HeaderMap) -> Result<Answer, PostError> {
        let url = check_url(url, self.reach).map_err(PostError::Refused)?;
        let request = self
            .webhooks
            .get(url)
            .header(http::header::ACCEPT, "application/json")
            .headers(headers);
        answered(request).await
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Result<Answer, PostError> {
    let mut response = request.send().await.map_err(refused_or_failed)?;
    let status = response.status().as_u16();
    let retry_after_seconds = response
        .headers()
        .get(http::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok());
    let mut read = Vec::new();
    while read.len() < ANSWER_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = ANSWER_BYTES_MAX - read.len();
                read.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
            }
            // The status is what counts; a body that breaks off changes nothing.
            Ok(None) | Err(_) => break,
        }
    }
    Ok(Answer {
        status,
        retry_after_seconds,
        body: String::from_utf8_lossy(&read).into_owned(),
    })
}

/// Finds the guard's refusal below the client's error.
fn refused_or_failed(error: reqwest::Error) -> PostError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<UrlRefused>() {
            return PostError::Refused(refused.clone());
        }
        cause = inner.source();
    }
    PostError::Failed(error.without_url())
}
