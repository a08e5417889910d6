//! The configuration: a TOML file, then environment variables and flags, which win. One struct for each section of the file.
//! This is the only reader of the environment; everything else takes what it needs from [`Config`].
//!
//! `deploy/signalbox.example.toml` shows every field. A wrong file is refused with its line, its key and, for a misspelt
//! name, the name that was probably meant; nothing is ever ignored.

mod access;
mod approvals;
mod aws;
mod engine;
mod environments;
mod flags;
mod functions;
mod jobs;
mod monitor;
mod notifications;
mod postgres;
mod read;
mod secret;
mod secrets;
mod server;
mod surroundings;
mod telemetry;
mod windows;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use access::{Access, AccessKey, KeyDigest, Role};
pub use approvals::{Approvals, Person};
pub use aws::AwsEndpoints;
pub use engine::{Engine, EngineKey};
pub(crate) use environments::is_alias;
pub use environments::{
    Connection, Credentials, DEFAULT_ENVIRONMENT, EMBEDDED_ACCOUNT, EMBEDDED_REGION, Environment,
    EnvironmentName, InvalidEnvironmentName, Policies, Quota, Remote,
};
pub use flags::{DatabaseFlags, Flags};
pub use functions::{Function, FunctionTarget, HttpConnection, HttpTasks};
pub use jobs::Jobs;
pub use monitor::Monitor;
pub use notifications::{
    EventFilter, Notifications, Slack, SlackChannel, TopicSubscription, WebhookEndpoint,
};
pub use postgres::Postgres;
pub use read::{ConfigError, read};
pub use secret::Secret;
pub use secrets::{NamedSecret, SecretError};
pub use server::Server;
pub use surroundings::{AwsKey, Surroundings, default_data_dir};
pub use telemetry::Telemetry;
pub use windows::{ChangeWindow, Closed};

/// Everything that can be configured. `Config::default()` is what an empty file means.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[server]`: the API's address and limits.
    pub server: Server,
    /// `[engine]`: the embedded Step Functions engine.
    pub engine: Engine,
    /// `[postgres]`: which database.
    pub postgres: Postgres,
    /// `[telemetry]`: logs.
    pub telemetry: Telemetry,
    /// `[jobs]`: background work.
    pub jobs: Jobs,
    /// `[monitor]`: how executions are watched.
    pub monitor: Monitor,
    /// `[access]`: who may call.
    pub access: Access,
    /// `[notifications]`: who is told of what, and how.
    pub notifications: Notifications,
    /// `[approvals]`: groups of people, links for deciding.
    pub approvals: Approvals,
    /// `[environments.NAME]`: where templates are deployed. `default`, the embedded engine, is always there.
    #[serde(deserialize_with = "environments::with_default")]
    pub environments: Environments,
    /// `[functions.NAME]`: Lambda functions of the embedded engine.
    pub functions: BTreeMap<String, Function>,
    /// `[topics.NAME]`: SNS topics of the embedded engine that end here, each a command or a URL as functions are.
    pub topics: BTreeMap<String, Function>,
    /// `[connections.NAME]`: the EventBridge connections that HTTP tasks of the embedded engine name.
    pub connections: BTreeMap<String, HttpConnection>,
    /// `[secrets.NAME]`: what requests name and never see, such as the credentials of a deployment's guards.
    pub secrets: BTreeMap<String, NamedSecret>,
    /// `[http_tasks]`: what HTTP tasks of the embedded engine may call.
    pub http_tasks: HttpTasks,
    /// Where AWS clients go, from the AWS SDKs' own environment variables; not in the file.
    #[serde(skip)]
    pub aws_endpoints: AwsEndpoints,
    /// What the process found around it; not in the file.
    #[serde(skip)]
    pub surroundings: Surroundings,
}

/// The environments by name, `default` among them.
#[derive(Debug, Clone)]
pub struct Environments(BTreeMap<EnvironmentName, Environment>);

impl Environments {
    /// Every environment, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&EnvironmentName, &Environment)> {
        self.0.iter()
    }
}

impl Config {
    /// The configuration of this process: the file that `flags` name, if any, overridden by `flags` (which clap fills from
    /// the command line and from environment variables), plus the AWS SDKs' endpoint variables.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let mut config = match &flags.config {
            Some(path) => read(path)?,
            None => Self::default(),
        };
        flags.apply(&mut config);
        config.aws_endpoints = AwsEndpoints::from_process();
        config.surroundings = Surroundings::from_process();
        Ok(config)
    }
}
