//! Guards that ask outside: what a deployment may name in `analysis.guards`, and what one said at a look. Pure; asking is
//! `deployments/guards.rs`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Most guards of one deployment.
pub const GUARDS_MAX: usize = 20;

/// Bounds of how often a guard is asked, seconds.
const INTERVAL_SECONDS: std::ops::RangeInclusive<u32> = 1..=3_600;

/// How often a guard is asked unless it says otherwise, seconds.
const INTERVAL_SECONDS_DEFAULT: u32 = 30;

/// What a guard that says no does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBreach {
    /// The version is taken back.
    #[default]
    Rollback,
    /// The deployment pauses and a person looks.
    Hold,
}

/// How a webhook is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AskMethod {
    /// Without a body.
    Get,
    /// With the deployment, its versions and its step as JSON.
    #[default]
    Post,
}

/// Most headers of one guard.
const HEADERS_MAX: usize = 10;

/// Headers that the request itself sets.
const HEADERS_TAKEN: [&str; 6] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "upgrade",
];

/// A header whose value is a secret of the configuration: the deployment keeps its name, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretHeader {
    /// The header's name, such as `Authorization`.
    pub name: String,
    /// The name of `[secrets.NAME]` in the configuration. It says where the secret may be sent.
    pub secret: String,
    /// What stands before the value, such as `Bearer ` with its space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// A receiver that is asked for a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookGuard {
    /// Names it in findings; no other guard of the deployment has it.
    pub name: String,
    /// Where. Private addresses are refused unless the configuration allows them.
    pub url: String,
    /// How. Default `POST`.
    #[serde(default)]
    pub method: AskMethod,
    /// Headers with secrets, for receivers that want to know who asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<SecretHeader>,
    /// What a good answer contains, with the matchers of expected outputs. Without it the answer says
    /// `{"verdict": "pass" | "fail" | "hold" | "unknown", "reason"?: "…"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub expected: Option<Value>,
    /// When it says no. Default `rollback`.
    #[serde(default)]
    pub on_breach: OnBreach,
    /// How often it is asked. Default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u32>,
}

/// A Prometheus query whose value must stay within bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrometheusGuard {
    /// Names it in findings; no other guard of the deployment has it.
    pub name: String,
    /// Base URL of the server: `/api/v1/query` is asked below it.
    pub url: String,
    /// PromQL. `$version_arn`, `$version`, `$alias_arn`, `$template`, `$environment` and `$deployment` are filled in.
    pub query: String,
    /// Headers with secrets, for servers behind a login.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<SecretHeader>,
    /// A value above this is a no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// A value below this is a no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// When it says no. Default `rollback`.
    #[serde(default)]
    pub on_breach: OnBreach,
    /// How often it is asked. Default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u32>,
}

/// Executions that Step Functions throttled (CloudWatch, `AWS/States`, `ExecutionThrottled`), since traffic moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThrottledGuard {
    /// Names it in findings; no other guard of the deployment has it.
    pub name: String,
    /// More throttled starts and retries than this are a no. Default 0.
    #[serde(default)]
    pub max: u64,
    /// When it says no. Default `rollback`.
    #[serde(default)]
    pub on_breach: OnBreach,
    /// How often it is asked. Default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u32>,
}

/// A guard that asks outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Guard {
    /// A receiver's verdict.
    Webhook(WebhookGuard),
    /// A metric in Prometheus.
    Prometheus(PrometheusGuard),
    /// CloudWatch's `ExecutionThrottled`.
    Throttled(ThrottledGuard),
}

impl Guard {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Webhook(guard) => &guard.name,
            Self::Prometheus(guard) => &guard.name,
            Self::Throttled(guard) => &guard.name,
        }
    }

    /// Where it asks, if it was told where.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Webhook(guard) => Some(&guard.url),
            Self::Prometheus(guard) => Some(&guard.url),
            Self::Throttled(_) => None,
        }
    }

    /// The headers it sends.
    pub fn headers(&self) -> &[SecretHeader] {
        match self {
            Self::Webhook(guard) => &guard.headers,
            Self::Prometheus(guard) => &guard.headers,
            Self::Throttled(_) => &[],
        }
    }

    /// What its no does.
    pub fn on_breach(&self) -> OnBreach {
        match self {
            Self::Webhook(guard) => guard.on_breach,
            Self::Prometheus(guard) => guard.on_breach,
            Self::Throttled(guard) => guard.on_breach,
        }
    }

    /// Seconds between two askings.
    pub fn interval_seconds(&self) -> u32 {
        match self {
            Self::Webhook(guard) => guard.interval_seconds,
            Self::Prometheus(guard) => guard.interval_seconds,
            Self::Throttled(guard) => guard.interval_seconds,
        }
        .unwrap_or(INTERVAL_SECONDS_DEFAULT)
    }

    /// What is wrong with it: (field, what).
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.name().trim().is_empty() || self.name().len() > 100 {
            found.push(("name", "needs 1 to 100 characters".to_owned()));
        }
        if !INTERVAL_SECONDS.contains(&self.interval_seconds()) {
            found.push(("interval_seconds", "is not within 1 to 3600".to_owned()));
        }
        found.extend(header_problem(self.headers()).map(|what| ("headers", what)));
        match self {
            Self::Webhook(guard) => {
                let problem = guard
                    .expected
                    .as_ref()
                    .and_then(super::super::tests::matcher::problem);
                found.extend(problem.map(|problem| ("expected", problem)));
            }
            Self::Prometheus(guard) => {
                if guard.query.trim().is_empty() || guard.query.len() > 4_000 {
                    found.push(("query", "needs 1 to 4000 characters".to_owned()));
                }
                if guard.above.is_none() && guard.below.is_none() {
                    found.push(("above", "or `below` must say what a no is".to_owned()));
                }
            }
            Self::Throttled(_) => {}
        }
        found
    }
}

/// What is wrong with the headers themselves; whether there are such secrets, the configuration knows.
fn header_problem(headers: &[SecretHeader]) -> Option<String> {
    if headers.len() > HEADERS_MAX {
        return Some(format!("has more than {HEADERS_MAX}"));
    }
    let mut names = std::collections::BTreeSet::new();
    for header in headers {
        let name = header.name.to_ascii_lowercase();
        // RFC 9110, section 5.6.2: a token.
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || name.len() > 100 || !name.chars().all(is_token) {
            return Some(format!("has `{name}`, which is no name of a header"));
        }
        if HEADERS_TAKEN.contains(&name.as_str()) {
            return Some(format!("has `{name}`, which the request sets itself"));
        }
        let prefix = header.prefix.as_deref().unwrap_or_default();
        if prefix.len() > 100 || !prefix.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            return Some(format!("has a prefix of `{name}` that is no visible ASCII text"));
        }
        if !names.insert(name) {
            return Some(format!("has `{}` twice", header.name));
        }
    }
    None
}

/// What a guard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardState {
    /// Nothing speaks against the version.
    Quiet,
    /// Something does.
    Breached,
    /// It did not answer, or not so that it could be understood: neither passes nor fails anything.
    Unknown,
}

/// What a guard said when it was asked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GuardReading {
    /// Which.
    pub name: String,
    /// What it says.
    pub state: GuardState,
    /// What its no does.
    pub on_breach: OnBreach,
    /// What it said, as a sentence.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_are_read_by_their_type_and_a_wrong_field_is_named() {
        let read = |json: &str| serde_json::from_str::<Guard>(json);
        let guard =
            read(r#"{"type": "prometheus", "name": "p", "url": "http://x", "query": "up", "below": 1}"#)
                .unwrap();
        assert_eq!((guard.name(), guard.interval_seconds()), ("p", 30));
        assert_eq!(guard.problems(), []);
        let without =
            read(r#"{"type": "prometheus", "name": "p", "url": "http://x", "query": "up"}"#).unwrap();
        assert_eq!(without.problems()[0].0, "above");
        let wrong = read(r#"{"type": "webhook", "name": "w", "url": "http://x", "retries": 3}"#).unwrap_err();
        assert!(wrong.to_string().contains("`retries`"), "{wrong}");
        let of = |headers: &str| {
            let json =
                format!(r#"{{"type": "webhook", "name": "w", "url": "http://x", "headers": {headers}}}"#);
            read(&json).unwrap().problems()
        };
        assert_eq!(
            of(r#"[{"name": "Authorization", "secret": "s", "prefix": "Bearer "}]"#),
            []
        );
        assert_eq!(of(r#"[{"name": "Host", "secret": "s"}]"#)[0].0, "headers");
        assert_eq!(of(r#"[{"name": "a b", "secret": "s"}]"#)[0].0, "headers");
        assert_eq!(
            of(r#"[{"name": "X", "secret": "s"}, {"name": "x", "secret": "s"}]"#)[0].0,
            "headers"
        );
    }
}
