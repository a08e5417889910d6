//! Headers of a guard whose values are secrets of the configuration. A deployment keeps the secret's name and never its value: that
//! is read when the guard is asked, goes into the request, and is struck out of what the receiver says.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::super::judge::SecretHeader;
use super::answer::Said;
use crate::app::App;
use crate::config::{Config, Secret};
use crate::outbound::Answer;

/// What goes with one request.
pub(super) struct Credentials {
    headers: HeaderMap,
    secrets: Vec<Secret>,
}

impl Credentials {
    /// Reads what the headers name. A secret that is gone, can't be read, or may not be sent there says nothing of the version.
    pub(super) async fn of(app: &App, url: &str, headers: &[SecretHeader]) -> Result<Self, Said> {
        let mut found = Self {
            headers: HeaderMap::with_capacity(headers.len()),
            secrets: Vec::with_capacity(headers.len()),
        };
        for header in headers {
            if let Some(fault) = fault(&app.config, url, header) {
                return Err(Said::unknown(fault));
            }
            let name = &header.secret;
            let Some(secret) = app.config.secrets.get(name) else {
                continue;
            };
            let value = secret.value().await.map_err(|error| {
                tracing::warn!(
                    secret = name,
                    error = super::super::converge::chain(&error),
                    "a guard's secret could not be read"
                );
                Said::unknown(format!("the secret `{name}` can't be used: {error}"))
            })?;
            let written = format!(
                "{}{}",
                header.prefix.as_deref().unwrap_or_default(),
                value.expose()
            );
            let (Ok(name), Ok(mut written)) =
                (header.name.parse::<HeaderName>(), HeaderValue::try_from(written))
            else {
                return Err(Said::unknown(format!(
                    "the header `{}` can't be written",
                    header.name
                )));
            };
            written.set_sensitive(true);
            found.headers.append(name, written);
            found.secrets.push(value);
        }
        Ok(found)
    }

    pub(super) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// An answer without what the receiver repeats of the secrets.
    pub(super) fn hide(&self, answer: Answer) -> Answer {
        let hidden = |text: String, secret: &Secret| text.replace(secret.expose(), "***");
        Answer {
            body: self.secrets.iter().fold(answer.body, hidden),
            ..answer
        }
    }
}

/// What is wrong with the headers of a guard, in the configuration's eyes: (place, what).
pub(in super::super) fn faults(config: &Config, url: &str, headers: &[SecretHeader]) -> Vec<(usize, String)> {
    let faults = headers.iter().map(|header| fault(config, url, header));
    faults
        .enumerate()
        .filter_map(|(place, fault)| Some((place, fault?)))
        .collect()
}

fn fault(config: &Config, url: &str, header: &SecretHeader) -> Option<String> {
    let name = &header.secret;
    match config.secrets.get(name) {
        None => Some(format!("there is no secret `{name}` in the configuration")),
        Some(secret) if !secret.may_go_to(url) => Some(format!(
            "the secret `{name}` may not be sent to this URL (its `send_to`)"
        )),
        Some(_) => None,
    }
}
