//! The connections of `http:invoke`: what they add to a request, and the tokens of those with OAuth.

use std::sync::PoisonError;

use asl::json::value::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use url::Url;

use super::Http;
use super::exchange::Outgoing;
use crate::integrations::TaskError;
use crate::integrations::config::{Authorization, HttpConnection};
use crate::integrations::errors;
use crate::limits::OAUTH_TOKEN_MS_DEFAULT;

/// A token until it is stale.
#[derive(Clone)]
pub(super) struct Token {
    value: String,
    stale_at_ms: i64,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("stale_at_ms", &self.stale_at_ms)
            .finish_non_exhaustive()
    }
}

impl Http {
    /// The connection of this ARN: `arn:aws:events:REGION:ACCOUNT:connection/NAME/ID`, by its name.
    pub(super) fn connection(&self, arn: &str) -> Result<(&str, &HttpConnection), TaskError> {
        let name = arn
            .split_once(":connection/")
            .map_or(arn, |(_, rest)| rest)
            .split('/')
            .next()
            .unwrap_or_default();
        self.connections
            .get_key_value(name)
            .map(|(name, connection)| (name.as_str(), connection))
            .ok_or_else(|| {
                errors::fail(
                    "Events.ConnectionResource.InvalidConnectionState",
                    format!("Connection '{arn}' is not configured here: `[connections.{name}]`"),
                )
            })
    }

    /// Adds what a connection adds: its credentials, headers and query parameters. Where the definition has the same, the
    /// connection's stand (EventBridge user guide, "Additional parameters").
    pub(super) async fn authorize(
        &self,
        outgoing: &mut Outgoing,
        name: &str,
        connection: &HttpConnection,
        now_ms: i64,
    ) -> Result<(), TaskError> {
        for (name, value) in &connection.headers {
            outgoing.set_header(name, value.clone());
        }
        set_query(&mut outgoing.url, &connection.query);
        match &connection.authorization {
            Authorization::Basic { username, password } => {
                let credentials = STANDARD.encode(format!("{username}:{password}"));
                outgoing.set_header("Authorization", format!("Basic {credentials}"));
            }
            Authorization::ApiKey { name, value } => outgoing.set_header(name, value.clone()),
            Authorization::OauthClientCredentials { .. } => {
                let token = self.token(name, connection, now_ms).await?;
                outgoing.set_header("Authorization", format!("Bearer {token}"));
            }
        }
        Ok(())
    }

    /// A token that is not forgotten but refused is asked for anew.
    pub(super) fn forget_token(&self, name: &str) {
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
    }

    async fn token(&self, name: &str, connection: &HttpConnection, now_ms: i64) -> Result<String, TaskError> {
        let known = self
            .tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .filter(|token| token.stale_at_ms > now_ms)
            .map(|token| token.value.clone());
        if let Some(value) = known {
            return Ok(value);
        }
        let token = self.fetch_token(name, connection, now_ms).await?;
        let value = token.value.clone();
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), token);
        Ok(value)
    }

    /// Client credentials (RFC 6749, 4.4), with id and secret in the body.
    async fn fetch_token(
        &self,
        name: &str,
        connection: &HttpConnection,
        now_ms: i64,
    ) -> Result<Token, TaskError> {
        let failed = |why: String| {
            errors::fail(
                "Events.ConnectionResource.InvalidConnectionState",
                format!("Connection '{name}' could not be authorized: {why}"),
            )
        };
        let Authorization::OauthClientCredentials {
            client_id,
            client_secret,
            authorization_endpoint,
            scope,
        } = &connection.authorization
        else {
            return Err(failed("it has no OAuth".to_owned()));
        };
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", client_secret),
        ];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let outgoing = Outgoing {
            method: Method::POST,
            url: Url::parse(authorization_endpoint).map_err(|error| failed(error.to_string()))?,
            headers: vec![
                (
                    "content-type".to_owned(),
                    "application/x-www-form-urlencoded".to_owned(),
                ),
                ("accept".to_owned(), "application/json".to_owned()),
            ],
            body: Bytes::from(form),
        };
        let answer = self
            .exchange(outgoing)
            .await
            .map_err(|error| failed(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(failed(format!("its token endpoint answered {}", answer.status)));
        }
        let json = std::str::from_utf8(&answer.body)
            .ok()
            .and_then(|text| asl::json::read::read(text).ok())
            .unwrap_or_default();
        let value = json
            .get("access_token")
            .and_then(Json::as_str)
            .ok_or_else(|| failed("the answer has no `access_token`".to_owned()))?;
        let life_ms = json
            .get("expires_in")
            .and_then(Json::as_number)
            .and_then(serde_json::Number::as_i64)
            .map_or(OAUTH_TOKEN_MS_DEFAULT, |seconds| seconds.saturating_mul(1_000));
        Ok(Token {
            value: value.to_owned(),
            // Stale a little before its time, which runs from when it was made.
            stale_at_ms: now_ms.saturating_add(life_ms - life_ms / 10),
        })
    }
}

fn set_query<'p>(url: &mut Url, parameters: impl IntoIterator<Item = (&'p String, &'p String)> + Clone) {
    let added: Vec<_> = parameters.clone().into_iter().collect();
    if added.is_empty() {
        return;
    }
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !added.iter().any(|(known, _)| *known == name))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(added);
}
