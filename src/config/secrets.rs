//! `[secrets.NAME]`: values that callers may name, to be sent where the configuration allows, and never see.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::Secret;
use super::surroundings::text;

/// Longest value, bytes: what servers commonly take in one header.
const VALUE_BYTES_MAX: usize = 8 * 1_024;

/// A value that requests name. Where it comes from is read each time it is used, so that it can be rotated in place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct NamedSecret {
    source: Source,
    /// Where it may be sent: whoever may name it could have it sent to a receiver of their own otherwise.
    send_to: Vec<Url>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// In the file of the configuration itself.
    Value(Secret),
    /// An environment variable of the process.
    Variable(String),
    /// A file, such as one that an orchestrator mounts.
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    value: Option<Secret>,
    env: Option<String>,
    file: Option<PathBuf>,
    send_to: Vec<String>,
}

impl TryFrom<Written> for NamedSecret {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let source = match (written.value, written.env, written.file) {
            (Some(value), None, None) => Source::Value(value),
            (None, Some(name), None) => Source::Variable(name),
            (None, None, Some(path)) => Source::File(path),
            _ => return Err("a secret has one of `value`, `env` and `file`".to_owned()),
        };
        if written.send_to.is_empty() {
            return Err("a secret says in `send_to` which URLs it may be sent to".to_owned());
        }
        let mut send_to = Vec::with_capacity(written.send_to.len());
        for text in written.send_to {
            match Url::parse(&text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() => {
                    send_to.push(url);
                }
                Ok(_) | Err(_) => return Err("`send_to` has http or https URLs without a query".to_owned()),
            }
        }
        Ok(Self { source, send_to })
    }
}

/// Why a secret could not be read. Tells nothing of its value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set, or no text.
    #[error("the environment variable that holds it is not set")]
    Unset,
    /// The file can't be read.
    #[error("the file that holds it can't be read")]
    Unreadable(#[source] std::io::Error),
    /// Empty, too long, or with characters that no header takes.
    #[error("it is empty, longer than {VALUE_BYTES_MAX} bytes, or no visible ASCII text")]
    Unfit,
}

impl NamedSecret {
    /// Whether it may be sent to `url`: one of the URLs of the configuration, or something below its path.
    pub fn may_go_to(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        self.send_to.iter().any(|allowed| {
            let path = allowed.path().trim_end_matches('/');
            let below = url.path().strip_prefix(path);
            allowed.origin() == url.origin()
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The value as it is now.
    pub async fn value(&self) -> Result<Secret, SecretError> {
        let value = match &self.source {
            Source::Value(secret) => secret.expose().to_owned(),
            Source::Variable(name) => text(name).ok_or(SecretError::Unset)?,
            Source::File(path) => tokio::fs::read_to_string(path)
                .await
                .map_err(SecretError::Unreadable)?,
        };
        let value = value.trim();
        let fits = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if value.is_empty() || value.len() > VALUE_BYTES_MAX || !value.bytes().all(fits) {
            return Err(SecretError::Unfit);
        }
        Ok(Secret::new(value))
    }
}

impl fmt::Display for NamedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(toml: &str) -> Result<NamedSecret, String> {
        toml::from_str(toml).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_secret_goes_only_where_it_was_allowed_to_go() {
        let secret = secret("value = 'x'\nsend_to = ['https://prometheus.internal/tenant/']").unwrap();
        assert!(secret.may_go_to("https://prometheus.internal/tenant"));
        assert!(secret.may_go_to("https://prometheus.internal:443/tenant/api/v1/query?query=up"));
        for elsewhere in [
            "https://prometheus.internal/tenants",
            "https://prometheus.internal/tenant/../other",
            "http://prometheus.internal/tenant",
            "https://prometheus.internal:8443/tenant",
            "https://evil.example/tenant",
            "https://prometheus.internal.evil.example/tenant",
            "no url",
        ] {
            assert!(!secret.may_go_to(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_secret_names_one_source_and_where_it_may_go() {
        assert!(
            secret("value = 'x'\nenv = 'X'\nsend_to = ['https://a/']")
                .unwrap_err()
                .contains("one of")
        );
        assert!(secret("send_to = ['https://a/']").unwrap_err().contains("one of"));
        assert!(
            secret("value = 'x'\nsend_to = []")
                .unwrap_err()
                .contains("send_to")
        );
        assert!(secret("value = 'x'").unwrap_err().contains("send_to"));
        assert!(
            secret("value = 'x'\nsend_to = ['ftp://a/']")
                .unwrap_err()
                .contains("http")
        );
    }

    #[tokio::test]
    async fn a_file_is_read_anew_each_time_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let secret = secret(&format!("file = '{}'\nsend_to = ['https://a/']", path.display())).unwrap();
        assert!(matches!(secret.value().await, Err(SecretError::Unreadable(_))));
        std::fs::write(&path, "first\n").unwrap();
        assert_eq!(secret.value().await.unwrap().expose(), "first");
        std::fs::write(&path, "second\n").unwrap();
        assert_eq!(secret.value().await.unwrap().expose(), "second");
        std::fs::write(&path, "two\nlines").unwrap();
        assert!(matches!(secret.value().await, Err(SecretError::Unfit)));
    }
}
