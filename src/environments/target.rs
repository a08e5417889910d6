//! An environment, with its door and its names.

use aws_config::SdkConfig;
use serde::Serialize;

use crate::config::{EnvironmentName, Policies};
use crate::step_functions::StepFunctions;

/// An environment that can be called.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: EnvironmentName,
    /// Its region.
    pub region: String,
    /// Its account, twelve digits.
    pub account: String,
    /// What goes in it.
    pub policies: Policies,
    /// Whether it is the embedded engine.
    pub embedded: bool,
    /// Where its API is, when that is neither AWS itself nor this process.
    pub endpoint_url: Option<String>,
    /// Its Step Functions API.
    pub step_functions: StepFunctions,
    /// Region, credentials, timeouts and retries for clients of its other services. No endpoint: each service has its own.
    pub aws: SdkConfig,
}

impl Target {
    /// `arn:aws:states:REGION:ACCOUNT:stateMachine:NAME`.
    pub fn state_machine_arn(&self, name: &str) -> String {
        format!("{}:stateMachine:{name}", self.states())
    }

    /// The ARN of a version: `…:stateMachine:NAME:7`.
    pub fn version_arn(&self, name: &str, version: u32) -> String {
        format!("{}:{version}", self.state_machine_arn(name))
    }

    /// The ARN of the alias that callers start: `…:stateMachine:NAME:live`.
    pub fn alias_arn(&self, name: &str) -> String {
        format!("{}:{}", self.state_machine_arn(name), self.policies.alias)
    }

    /// The ARN of a Standard execution: `…:execution:MACHINE:NAME`.
    pub fn execution_arn(&self, machine: &str, name: &str) -> String {
        format!("{}:execution:{machine}:{name}", self.states())
    }

    /// The role of state machines whose template names none: the environment's, else one of this name, which the embedded engine
    /// takes without looking.
    pub fn execution_role_arn(&self) -> String {
        self.policies.execution_role_arn.clone().unwrap_or_else(|| {
            format!(
                "arn:{}:iam::{}:role/signalbox-workflows",
                self.partition(),
                self.account
            )
        })
    }

    /// The log group of a state machine: the environment's, else `/aws/stepfunctions/NAME`. Ends with `:*`, as the API wants it.
    pub fn log_group_arn(&self, name: &str) -> String {
        self.policies.log_group_arn.clone().unwrap_or_else(|| {
            format!(
                "arn:{}:logs:{}:{}:log-group:/aws/stepfunctions/{name}:*",
                self.partition(),
                self.region,
                self.account
            )
        })
    }

    fn states(&self) -> String {
        format!("arn:{}:states:{}:{}", self.partition(), self.region, self.account)
    }

    /// The partition that a region belongs to (AWS General Reference, "Partitions").
    fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}

/// An environment as the API shows it: no credentials.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct EnvironmentView {
    /// Its name.
    pub name: EnvironmentName,
    /// Whether it is the embedded engine.
    pub embedded: bool,
    /// Its region.
    pub region: String,
    /// Its account.
    pub account: String,
    /// Where its API is, when that is not AWS itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// What goes in it.
    #[serde(flatten)]
    pub policies: Policies,
}

impl From<&Target> for EnvironmentView {
    fn from(target: &Target) -> Self {
        Self {
            name: target.name.clone(),
            embedded: target.embedded,
            region: target.region.clone(),
            account: target.account.clone(),
            endpoint_url: target.endpoint_url.clone(),
            policies: target.policies.clone(),
        }
    }
}
