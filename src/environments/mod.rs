//! Environments: where templates are deployed. `default` is the embedded engine; the others are an account and a region of AWS,
//! or of something that speaks its API. They come from the configuration and don't change while the process runs.

pub mod http;
mod target;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::config::{
    Config, Connection, Credentials, EMBEDDED_ACCOUNT, EMBEDDED_REGION, Environment, Secret,
};
use crate::step_functions::{self, Limits, Operation, Throttle, Transport};
use crate::telemetry::Metrics;

pub use crate::config::{EnvironmentName, Policies};
pub use target::{EnvironmentView, Target};

/// Every environment, connected to its door.
#[derive(Debug, Clone, Default)]
pub struct Environments {
    targets: Arc<BTreeMap<EnvironmentName, Arc<Target>>>,
}

/// There is no such environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no environment `{name}`; there are {known}")]
pub struct UnknownEnvironment {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: String,
}

/// An environment can't be made from its configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment `{environment}`: `quotas.{operation}` is no operation that is used; these are: {known}")]
pub struct UnknownOperation {
    /// Where.
    pub environment: EnvironmentName,
    /// What was written.
    pub operation: String,
    /// What there is.
    pub known: String,
}

impl Environments {
    /// Every environment of the configuration. `embedded` leads to the embedded engine. Nothing is called yet.
    pub async fn connect(
        config: &Config,
        embedded: &Transport,
        metrics: &Metrics,
    ) -> Result<Self, UnknownOperation> {
        let mut targets = BTreeMap::new();
        let mut throttles: HashMap<(String, String), Arc<Throttle>> = HashMap::new();
        for (name, environment) in config.environments.iter() {
            let limits = limits_of(name, environment)?;
            let calls = metrics.step_functions_calls_total.clone();
            let target = match &environment.connection {
                Connection::Embedded => {
                    let throttle = Arc::new(Throttle::new(limits));
                    let credentials = Credentials::Fixed {
                        access_key_id: "signalbox".to_owned(),
                        secret_access_key: Secret::new("signalbox"),
                    };
                    let destination = step_functions::Destination {
                        region: EMBEDDED_REGION,
                        endpoint_url: Some(EMBEDDED_URL),
                        credentials: &credentials,
                        transport: embedded,
                        endpoints: &config.aws_endpoints,
                    };
                    let (step_functions, _) = step_functions::connect(destination, throttle, calls).await;
                    // Its other services (SNS, CloudWatch) are AWS, or stand-ins by the SDKs' variables.
                    let aws = step_functions::shared_config(EMBEDDED_REGION, &config.aws_endpoints);
                    Target {
                        name: name.clone(),
                        region: EMBEDDED_REGION.to_owned(),
                        account: EMBEDDED_ACCOUNT.to_owned(),
                        policies: environment.policies.clone(),
                        embedded: true,
                        endpoint_url: None,
                        step_functions,
                        aws,
                    }
                }
                Connection::Remote(remote) => {
                    // Environments in the same account and region draw on the same quotas.
                    let throttle = throttles
                        .entry((remote.account.clone(), remote.region.clone()))
                        .or_insert_with(|| Arc::new(Throttle::new(limits)));
                    let endpoint_url = remote.endpoint_url.as_deref().or(config.aws_endpoints.of("SFN"));
                    let destination = step_functions::Destination {
                        region: &remote.region,
                        endpoint_url,
                        credentials: &remote.credentials,
                        transport: &Transport::Http,
                        endpoints: &config.aws_endpoints,
                    };
                    let (step_functions, aws) =
                        step_functions::connect(destination, Arc::clone(throttle), calls).await;
                    Target {
                        name: name.clone(),
                        region: remote.region.clone(),
                        account: remote.account.clone(),
                        policies: environment.policies.clone(),
                        embedded: false,
                        endpoint_url: endpoint_url.map(ToOwned::to_owned),
                        step_functions,
                        aws,
                    }
                }
            };
            targets.insert(name.clone(), Arc::new(target));
        }
        Ok(Self {
            targets: Arc::new(targets),
        })
    }

    /// The environment of this name.
    pub fn target(&self, name: &EnvironmentName) -> Result<&Arc<Target>, UnknownEnvironment> {
        self.named(name.as_str())
    }

    /// The environment with this name, as somebody wrote it.
    pub fn named(&self, name: &str) -> Result<&Arc<Target>, UnknownEnvironment> {
        self.targets.get(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> UnknownEnvironment {
        UnknownEnvironment {
            name: name.to_owned(),
            known: list(self.targets.keys().map(EnvironmentName::as_str)),
        }
    }

    /// Every environment, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.values()
    }
}

/// Only for the SDK, which wants one; requests to it never leave the process.
const EMBEDDED_URL: &str = "http://engine.invalid";

fn limits_of(name: &EnvironmentName, environment: &Environment) -> Result<Limits, UnknownOperation> {
    let differing = environment
        .quotas
        .iter()
        .map(|(operation, quota)| match Operation::from_name(operation) {
            Some(operation) => Ok((operation, *quota)),
            None => Err(UnknownOperation {
                environment: name.clone(),
                operation: operation.clone(),
                known: list(Operation::ALL.iter().map(|operation| operation.name())),
            }),
        })
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(match &environment.connection {
        Connection::Embedded if differing.is_empty() => Limits::None,
        Connection::Embedded => Limits::Published {
            region: EMBEDDED_REGION.to_owned(),
            differing,
        },
        Connection::Remote(remote) => Limits::Published {
            region: remote.region.clone(),
            differing,
        },
    })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
