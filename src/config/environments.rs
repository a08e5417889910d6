//! `[environments.NAME]`

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::{ChangeWindow, Environments, Secret};

/// The environment that is always there: the embedded engine.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// The embedded engine's account.
pub const EMBEDDED_ACCOUNT: &str = "000000000000";

/// The embedded engine's region.
pub const EMBEDDED_REGION: &str = "us-east-1";

/// Versions that are kept of each state machine, by default: a tenth of what AWS allows one to have (Step Functions quotas,
/// "versions per state machine": 1,000).
const VERSIONS_KEPT: u32 = 100;

/// Longest name of an environment, characters. Names stand in URLs, metrics' labels and lists.
const NAME_CHARACTERS_MAX: usize = 40;

/// The name of an environment: lower case letters, digits and dashes, a letter first, at most 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct EnvironmentName(String);

/// Not a name of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of an environment has lower case letters, digits and dashes, a letter first, at most 40 characters"
)]
pub struct InvalidEnvironmentName;

impl EnvironmentName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for EnvironmentName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Default for EnvironmentName {
    /// `default`.
    fn default() -> Self {
        Self(DEFAULT_ENVIRONMENT.to_owned())
    }
}

impl FromStr for EnvironmentName {
    type Err = InvalidEnvironmentName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = text.len() <= NAME_CHARACTERS_MAX
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(allowed);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEnvironmentName)
        }
    }
}

impl TryFrom<String> for EnvironmentName {
    type Error = InvalidEnvironmentName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EnvironmentName> for String {
    fn from(name: EnvironmentName) -> Self {
        name.0
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl utoipa::PartialSchema for EnvironmentName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[a-z][a-z0-9-]{0,39}$"))
            .description(Some("The name of an environment"))
            .into()
    }
}

impl utoipa::ToSchema for EnvironmentName {
    fn name() -> std::borrow::Cow<'static, str> {
        "EnvironmentName".into()
    }
}

/// Where templates are deployed, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// How its Step Functions API is reached.
    pub connection: Connection,
    /// What goes for deployments and executions in it.
    pub policies: Policies,
    /// Token buckets that differ from AWS's published quotas, by operation (`StartExecution`).
    pub quotas: BTreeMap<String, Quota>,
}

/// How an environment's Step Functions API is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// The embedded engine, inside this process: `default` only.
    Embedded,
    /// AWS, or anything that speaks its API.
    Remote(Remote),
}

/// An account and a region of AWS, or of something like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Such as `eu-west-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// Where the API is; none is AWS itself.
    pub endpoint_url: Option<String>,
    /// Who calls it.
    pub credentials: Credentials,
}

/// Who calls an environment's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The process's own credentials: environment variables, profile, web identity, container. The instance metadata
    /// service is asked only where the flag says so.
    Own {
        /// Whether EC2's instance metadata may be asked.
        instance_metadata: bool,
    },
    /// The process's own credentials assume a role.
    AssumeRole {
        /// The role.
        role_arn: String,
        /// The external id that its trust policy asks for.
        external_id: Option<Secret>,
        /// Whether EC2's instance metadata may be asked for the credentials that assume it.
        instance_metadata: bool,
    },
    /// A fixed key: for endpoints that are not AWS.
    Fixed {
        /// The key's id.
        access_key_id: String,
        /// The key.
        secret_access_key: Secret,
    },
}

/// What goes for deployments and executions in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Policies {
    /// Name of the alias that callers start.
    pub alias: String,
    /// Whether a deployment waits for somebody to approve it, unless it says otherwise itself.
    pub approval_required: bool,
    /// Whether a deployment is taken back by itself when its version is worse.
    pub rollback_enabled: bool,
    /// Whether executions are watched.
    pub monitoring_enabled: bool,
    /// SNS topics that hear of deployments.
    pub notification_topics: Vec<String>,
    /// CloudWatch namespace of the metrics that are sent; none: none are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_namespace: Option<String>,
    /// Role of state machines whose template names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_role_arn: Option<String>,
    /// Log group of state machines whose template asks for logging; ends with `:*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_group_arn: Option<String>,
    /// The rule set that whatever is registered or deployed here must keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<String>,
    /// Versions of each state machine that are kept at least; older ones that nothing needs are deleted.
    pub versions_kept: u32,
    /// Times in which no traffic is moved to a new version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<Freeze>,
    /// Times of the week in which traffic may be moved to a new version; none: at all times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub change_windows: Vec<ChangeWindow>,
}

/// A time in which no traffic is moved to a new version. Going back is always possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// When it begins, such as `"2026-12-24T00:00:00Z"`.
    pub from: DateTime<Utc>,
    /// When it ends.
    pub until: DateTime<Utc>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A token bucket of AWS: requests at once, and requests a second after that.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests at once.
    pub bucket: u32,
    /// Requests a second.
    pub refill_per_second: f64,
}

impl Environment {
    /// The embedded engine with every policy at its default.
    pub fn embedded() -> Self {
        Self {
            connection: Connection::Embedded,
            policies: EnvironmentFields::default().policies(),
            quotas: BTreeMap::new(),
        }
    }
}

/// The fields as they are written.
///
/// `region`, `account`, `role_arn` (assumed; omitted: the process's own credentials), `external_id`, `endpoint_url` (omitted:
/// AWS itself), `access_key_id` and `secret_access_key` (for endpoints that are not AWS), `instance_metadata` (default
/// false), and the fields of [`Policies`]: `alias` (default `live`), `approval_required` (default false),
/// `rollback_enabled` (default true), `monitoring_enabled` (default true), `notification_topics` (default none),
/// `metrics_namespace` (default none), `execution_role_arn`, `log_group_arn`, `versions_kept` (default 100),
/// `rule_set` (default none), `freezes` (a list of `{from, until, reason}`), `change_windows` (a list of `{days, from, until, time_zone}`); and `quotas`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EnvironmentFields {
    region: Option<String>,
    account: Option<String>,
    role_arn: Option<String>,
    external_id: Option<Secret>,
    endpoint_url: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<Secret>,
    instance_metadata: Option<bool>,
    alias: Option<String>,
    approval_required: Option<bool>,
    rollback_enabled: Option<bool>,
    monitoring_enabled: Option<bool>,
    notification_topics: Vec<String>,
    metrics_namespace: Option<String>,
    execution_role_arn: Option<String>,
    log_group_arn: Option<String>,
    rule_set: Option<String>,
    versions_kept: Option<u32>,
    freezes: Vec<Freeze>,
    change_windows: Vec<ChangeWindow>,
    quotas: BTreeMap<String, Quota>,
}

impl EnvironmentFields {
    fn policies(&self) -> Policies {
        Policies {
            alias: self.alias.clone().unwrap_or_else(|| "live".to_owned()),
            approval_required: self.approval_required.unwrap_or(false),
            rollback_enabled: self.rollback_enabled.unwrap_or(true),
            monitoring_enabled: self.monitoring_enabled.unwrap_or(true),
            notification_topics: self.notification_topics.clone(),
            metrics_namespace: self.metrics_namespace.clone(),
            execution_role_arn: self.execution_role_arn.clone(),
            log_group_arn: self.log_group_arn.clone(),
            rule_set: self.rule_set.clone(),
            versions_kept: self.versions_kept.unwrap_or(VERSIONS_KEPT),
            freezes: self.freezes.clone(),
            change_windows: self.change_windows.clone(),
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        let alias = self.alias.as_deref().unwrap_or("live");
        if !is_alias(alias) {
            return Err("`alias` has 1 to 80 letters, digits, `-`, `_` and `.`, and is no number");
        }
        if self
            .metrics_namespace
            .as_deref()
            .is_some_and(|namespace| namespace.starts_with("AWS/"))
        {
            return Err("`metrics_namespace` must not begin with `AWS/`: CloudWatch refuses it");
        }
        if self
            .log_group_arn
            .as_deref()
            .is_some_and(|arn| !arn.ends_with(":*"))
        {
            return Err("`log_group_arn` must end with `:*`: Step Functions refuses it otherwise");
        }
        if self
            .rule_set
            .as_deref()
            .is_some_and(|name| name.parse::<EnvironmentName>().is_err())
        {
            return Err(
                "`rule_set` has lower case letters, digits and dashes, a letter first, at most 40 characters",
            );
        }
        if self.freezes.iter().any(|freeze| freeze.from >= freeze.until) {
            return Err("has a freeze that ends before it begins");
        }
        if self.quotas.values().any(|quota| {
            quota.bucket == 0 || quota.refill_per_second.is_nan() || quota.refill_per_second <= 0.0
        }) {
            return Err("a quota needs a `bucket` and a `refill_per_second` above 0");
        }
        Ok(())
    }

    fn connection(&self, name: &EnvironmentName) -> Result<Connection, &'static str> {
        if name.as_str() == DEFAULT_ENVIRONMENT {
            let named = self.account.is_some()
                || self.region.is_some()
                || self.role_arn.is_some()
                || self.external_id.is_some()
                || self.endpoint_url.is_some()
                || self.access_key_id.is_some()
                || self.secret_access_key.is_some()
                || self.instance_metadata.is_some();
            return if named {
                Err(
                    "is the embedded engine: it takes policies, but no account, region, endpoint or credentials",
                )
            } else {
                Ok(Connection::Embedded)
            };
        }
        let region = self
            .region
            .clone()
            .filter(|region| !region.is_empty())
            .ok_or("needs a `region`, such as `eu-west-1`")?;
        let account = self.account.clone().ok_or("needs an `account`, twelve digits")?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("takes twelve digits as `account`, in quotes");
        }
        if self
            .endpoint_url
            .as_deref()
            .is_some_and(|text| !url::Url::parse(text).is_ok_and(|url| url.has_host()))
        {
            return Err("takes an absolute URL as `endpoint_url`, such as `http://127.0.0.1:8083`");
        }
        Ok(Connection::Remote(Remote {
            region,
            account,
            endpoint_url: self.endpoint_url.clone(),
            credentials: self.credentials()?,
        }))
    }

    fn credentials(&self) -> Result<Credentials, &'static str> {
        let instance_metadata = self.instance_metadata.unwrap_or(false);
        match (&self.role_arn, &self.access_key_id, &self.secret_access_key) {
            (Some(role_arn), None, None) => Ok(Credentials::AssumeRole {
                role_arn: role_arn.clone(),
                external_id: self.external_id.clone(),
                instance_metadata,
            }),
            (None, _, _) if self.external_id.is_some() => {
                Err("has an `external_id` but no `role_arn` to assume with it")
            }
            (None, Some(_), Some(_)) if self.endpoint_url.is_none() => Err(
                "takes a fixed key only with an `endpoint_url`; for AWS use `role_arn` or the process's own credentials",
            ),
            (None, Some(access_key_id), Some(secret_access_key)) => Ok(Credentials::Fixed {
                access_key_id: access_key_id.clone(),
                secret_access_key: secret_access_key.clone(),
            }),
            (None, None, None) => Ok(Credentials::Own { instance_metadata }),
            (Some(_), _, _) => Err("has both a `role_arn` and a fixed key"),
            (None, _, _) => Err("needs both `access_key_id` and `secret_access_key`, or neither"),
        }
    }
}

/// `^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`, 1 to 80 characters (the API's service model, `CharacterRestrictedName`).
pub(crate) fn is_alias(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=80).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The map of the file, with `default` in it.
pub(super) fn with_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Environments, D::Error> {
    let written = BTreeMap::<EnvironmentName, EnvironmentFields>::deserialize(deserializer)?;
    let mut environments = Environments::default();
    for (name, fields) in written {
        let refuse = |fault| serde::de::Error::custom(format!("environment `{name}` {fault}"));
        fields.check().map_err(refuse)?;
        let connection = fields.connection(&name).map_err(refuse)?;
        let environment = Environment {
            connection,
            policies: fields.policies(),
            quotas: fields.quotas,
        };
        environments.0.insert(name, environment);
    }
    Ok(environments)
}

impl Default for Environments {
    fn default() -> Self {
        Self(BTreeMap::from([(
            EnvironmentName::default(),
            Environment::embedded(),
        )]))
    }
}
