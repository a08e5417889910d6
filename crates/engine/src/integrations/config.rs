//! Where tasks go: functions that run here, endpoints of services, the keys requests are signed with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use crate::limits::{FUNCTION_SECONDS_MAX, FUNCTION_TASKS_DEFAULT};

/// All that integrations can be told.
#[derive(Debug, Clone, Default)]
pub struct IntegrationsConfig {
    /// Lambda functions that run here, by name.
    pub functions: BTreeMap<String, Function>,
    /// SNS topics that end here, by name: what is called with each message.
    pub topics: BTreeMap<String, Function>,
    /// The EventBridge connections of `http:invoke`, by name.
    pub connections: BTreeMap<String, HttpConnection>,
    /// What HTTP tasks may do.
    pub http_tasks: HttpTasks,
    /// Where services are.
    pub endpoints: Endpoints,
    /// What requests to services are signed with. Without them a service needs an endpoint of its own, which is then sent the
    /// account's number as the access key, as LocalStack and moto understand it.
    pub credentials: Option<Credentials>,
}

/// A Lambda function that runs here: a command or a URL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FunctionFields")]
pub struct Function {
    /// What is called.
    pub target: FunctionTarget,
    /// How long a call may take, seconds. Default 900, Lambda's own limit.
    pub timeout_seconds: u64,
    /// Calls at a time; more wait. Default 64.
    pub max_concurrency: usize,
}

/// How a function is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionTarget {
    /// The event on standard input, the result on standard output; an exit status other than 0 is an error.
    Command {
        /// The program and its arguments; never empty.
        command: Vec<String>,
        /// Where it runs. Default: the directory the process was started in.
        directory: Option<PathBuf>,
        /// Variables added to its environment.
        environment: BTreeMap<String, String>,
    },
    /// POST of the event, JSON back.
    Url {
        /// Where the event is posted.
        url: String,
    },
}

/// The fields as they are written; [`Function`] has the rule that exactly one of `command` and `url` is there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionFields {
    command: Option<Vec<String>>,
    url: Option<String>,
    directory: Option<PathBuf>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    timeout_seconds: Option<u64>,
    max_concurrency: Option<usize>,
}

impl TryFrom<FunctionFields> for Function {
    type Error = &'static str;

    fn try_from(fields: FunctionFields) -> Result<Self, Self::Error> {
        let target = match (fields.command, fields.url) {
            (Some(command), None) if command.is_empty() => return Err("`command` needs a program"),
            (Some(command), None) => FunctionTarget::Command {
                command,
                directory: fields.directory,
                environment: fields.environment,
            },
            (None, Some(_)) if fields.directory.is_some() || !fields.environment.is_empty() => {
                return Err("`directory` and `environment` belong to `command`, not to `url`");
            }
            (None, Some(url)) if url::Url::parse(&url).is_ok_and(|url| url.has_host()) => {
                FunctionTarget::Url { url }
            }
            (None, Some(_)) => {
                return Err("`url` takes an absolute URL, such as `http://127.0.0.1:9000/load`");
            }
            (None, None) => return Err("a function needs a `command` or a `url`"),
            (Some(_), Some(_)) => return Err("a function has a `command` or a `url`, not both"),
        };
        let timeout_seconds = fields.timeout_seconds.unwrap_or(FUNCTION_SECONDS_MAX);
        let max_concurrency = fields.max_concurrency.unwrap_or(FUNCTION_TASKS_DEFAULT);
        if timeout_seconds == 0 || timeout_seconds > FUNCTION_SECONDS_MAX {
            return Err("`timeout_seconds` is from 1 to 900");
        }
        if max_concurrency == 0 {
            return Err("`max_concurrency` is at least 1");
        }
        Ok(Self {
            target,
            timeout_seconds,
            max_concurrency,
        })
    }
}

/// What tasks of `http:invoke` and `apigateway:invoke` may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpTasks {
    /// Whether they reach loopback and private networks, as on a developer's machine they should. Link-local addresses, where
    /// clouds hand out credentials, they never reach.
    pub private_addresses: bool,
}

impl Default for HttpTasks {
    fn default() -> Self {
        Self {
            private_addresses: true,
        }
    }
}

/// A connection of `http:invoke`: how its requests are authorized, and what else is added to them.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ConnectionFields")]
pub struct HttpConnection {
    /// How.
    pub authorization: Authorization,
    /// Headers that are added.
    pub headers: BTreeMap<String, String>,
    /// Query parameters that are added.
    pub query: BTreeMap<String, String>,
    /// Members that are added to a body that is an object.
    pub body: BTreeMap<String, String>,
}

/// How a connection's requests are authorized.
#[derive(Clone, PartialEq, Eq)]
pub enum Authorization {
    /// `Authorization: Basic …`
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: String,
    },
    /// A header with a key.
    ApiKey {
        /// The header.
        name: String,
        /// The key.
        value: String,
    },
    /// `Authorization: Bearer …`, with a token for client credentials (RFC 6749, 4.4).
    OauthClientCredentials {
        /// Who asks.
        client_id: String,
        /// Its secret.
        client_secret: String,
        /// Where tokens are had.
        authorization_endpoint: String,
        /// What for, if the endpoint wants to know.
        scope: Option<String>,
    },
}

impl fmt::Debug for HttpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnection")
            .field(
                "authorization",
                &match self.authorization {
                    Authorization::Basic { .. } => "basic",
                    Authorization::ApiKey { .. } => "api_key",
                    Authorization::OauthClientCredentials { .. } => "oauth_client_credentials",
                },
            )
            .finish_non_exhaustive()
    }
}

/// The fields as they are written: one of the three tables, and what is added.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectionFields {
    basic: Option<BasicFields>,
    api_key: Option<ApiKeyFields>,
    oauth_client_credentials: Option<OauthFields>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    body: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicFields {
    username: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKeyFields {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OauthFields {
    client_id: String,
    client_secret: String,
    authorization_endpoint: String,
    scope: Option<String>,
}

impl TryFrom<ConnectionFields> for HttpConnection {
    type Error = &'static str;

    fn try_from(fields: ConnectionFields) -> Result<Self, Self::Error> {
        let authorization = match (fields.basic, fields.api_key, fields.oauth_client_credentials) {
            (Some(BasicFields { username, password }), None, None) => {
                Authorization::Basic { username, password }
            }
            (None, Some(ApiKeyFields { name, value }), None) => Authorization::ApiKey { name, value },
            (None, None, Some(oauth)) => {
                if !url::Url::parse(&oauth.authorization_endpoint).is_ok_and(|url| url.has_host()) {
                    return Err("`authorization_endpoint` takes an absolute URL");
                }
                Authorization::OauthClientCredentials {
                    client_id: oauth.client_id,
                    client_secret: oauth.client_secret,
                    authorization_endpoint: oauth.authorization_endpoint,
                    scope: oauth.scope,
                }
            }
            _ => return Err("a connection has one of `basic`, `api_key` and `oauth_client_credentials`"),
        };
        Ok(Self {
            authorization,
            headers: fields.headers,
            query: fields.query,
            body: fields.body,
        })
    }
}

/// Where services are, by the SDKs' own convention: `AWS_ENDPOINT_URL_<SERVICE>`, else `AWS_ENDPOINT_URL`, else AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// For every service that has none of its own.
    pub general: Option<String>,
    /// By the service's name in the variables: `LAMBDA`, `SNS`, `DYNAMODB`.
    pub by_service: BTreeMap<String, String>,
}

impl Endpoints {
    /// The endpoint of a service, if one is configured.
    pub fn of(&self, service: &str) -> Option<&str> {
        self.by_service
            .get(service)
            .or(self.general.as_ref())
            .map(String::as_str)
    }
}

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its id.
    pub access_key: String,
    /// The secret.
    pub secret: String,
    /// Of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_authorizes_in_one_way_and_keeps_its_secrets() {
        let read =
            |text: &str| serde_json::from_str::<HttpConnection>(text).map_err(|error| error.to_string());
        let basic = r#"{"basic": {"username": "u", "password": "secret"}, "headers": {"h": "secret"}}"#;
        let shown = format!("{:?}", read(basic).unwrap());
        assert!(!shown.contains("secret") && shown.contains("basic"), "{shown}");
        for bad in [
            "{}",
            r#"{"basic": {"username": "u", "password": "p"}, "api_key": {"name": "n", "value": "v"}}"#,
        ] {
            assert!(read(bad).unwrap_err().contains("one of"), "{bad}");
        }
        let oauth = r#"{"oauth_client_credentials": {"client_id": "i", "client_secret": "s", "authorization_endpoint": "token"}}"#;
        assert!(read(oauth).unwrap_err().contains("absolute URL"));
    }

    #[test]
    fn a_function_is_a_command_or_a_url() {
        let read = |text: &str| serde_json::from_str::<Function>(text).map_err(|error| error.to_string());
        assert_eq!(
            read(r#"{"command": ["cat"]}"#).unwrap().timeout_seconds,
            FUNCTION_SECONDS_MAX
        );
        for (bad, says) in [
            ("{}", "a function needs a `command` or a `url`"),
            (r#"{"command": ["cat"], "url": "http://a"}"#, "not both"),
            (r#"{"command": []}"#, "needs a program"),
            (r#"{"url": "/path"}"#, "absolute URL"),
            (r#"{"url": "http://a", "directory": "/"}"#, "belong to `command`"),
            (r#"{"command": ["cat"], "timeout_seconds": 0}"#, "from 1 to 900"),
            (r#"{"command": ["cat"], "timeout": 1}"#, "unknown field `timeout`"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }
}
