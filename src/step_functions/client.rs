//! The client of one environment, and how it is made.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials as Key;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sfn::config::http::HttpResponse;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use prometheus::IntCounterVec;

use super::error::StepFunctionsError;
use super::operation::{Operation, Priority};
use super::throttle::Throttle;
use super::transport::{NoHostPrefix, Transport};
use crate::config::{AwsEndpoints, Credentials};
use crate::limits;

/// The Step Functions API of one environment. Clones are cheap and share everything.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    pub(super) sdk: aws_sdk_sfn::Client,
    throttle: Arc<Throttle>,
    calls: IntCounterVec,
    /// Overrides each operation's own.
    priority: Option<Priority>,
}

impl StepFunctions {
    /// The same door for calls that go before or after others.
    #[must_use]
    pub fn at(&self, priority: Priority) -> Self {
        Self {
            priority: Some(priority),
            ..self.clone()
        }
    }

    /// Makes a call: a token first, then the SDK, then the count.
    pub(super) async fn call<T, E>(
        &self,
        operation: Operation,
        send: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    ) -> Result<T, StepFunctionsError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let priority = self.priority.unwrap_or_else(|| operation.priority());
        let answer = match self
            .throttle
            .take(operation, priority, limits::AWS_TOKEN_WAIT_MAX)
            .await
        {
            // The future holds the whole request: boxed, or every caller's future would be kilobytes larger.
            Ok(()) => Box::pin(send)
                .await
                .map_err(|error| StepFunctionsError::of_sdk(operation, error)),
            Err(exhausted) => Err(StepFunctionsError::exhausted(operation, exhausted)),
        };
        let outcome = match &answer {
            Ok(_) => "ok",
            Err(error) => error.kind().name(),
        };
        self.calls.with_label_values(&[operation.name(), outcome]).inc();
        if answer
            .as_ref()
            .is_err_and(|error| error.kind() == super::ErrorKind::Throttled && error.code().is_some())
        {
            self.throttle.drain(operation);
        }
        answer
    }
}

/// Whom to call, and how.
pub(crate) struct Destination<'a> {
    pub(crate) region: &'a str,
    /// None: AWS itself.
    pub(crate) endpoint_url: Option<&'a str>,
    pub(crate) credentials: &'a Credentials,
    pub(crate) transport: &'a Transport,
    /// Where STS is.
    pub(crate) endpoints: &'a AwsEndpoints,
}

/// A client for the destination, and the configuration that other services' clients of the same account are made of. Nothing
/// is called: credentials are asked for at the first use.
pub(crate) async fn connect(
    destination: Destination<'_>,
    throttle: Arc<Throttle>,
    calls: IntCounterVec,
) -> (StepFunctions, SdkConfig) {
    let base = base(destination.region);
    let credentials = credentials(&destination, &base).await;
    let shared = base.to_builder().credentials_provider(credentials).build();

    let mut config = aws_sdk_sfn::config::Builder::from(&shared);
    config.set_endpoint_url(destination.endpoint_url.map(ToOwned::to_owned));
    if destination.endpoint_url.is_some() {
        config = config.interceptor(NoHostPrefix);
    }
    if let Some(client) = destination.transport.client() {
        config = config.http_client(client);
    }
    let sdk = aws_sdk_sfn::Client::from_conf(config.build());
    (
        StepFunctions {
            sdk,
            throttle,
            calls,
            priority: None,
        },
        shared,
    )
}

/// What clients of other services of the embedded environment are made of: the process's own credentials; where the SDKs'
/// variables lead away from AWS, any key will do when there is none.
pub(crate) fn shared_config(region: &str, endpoints: &AwsEndpoints) -> SdkConfig {
    let own = own(region, false);
    let chain = if endpoints.lead_away_from_aws() {
        own.or_else("Any", Key::new("signalbox", "signalbox", None, None, "signalbox"))
    } else {
        own
    };
    base(region)
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(chain))
        .build()
}

/// Timeouts and retries of every client.
fn base(region: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .retry_config(RetryConfig::standard().with_max_attempts(limits::AWS_ATTEMPTS_MAX))
        .timeout_config(timeouts(
            limits::AWS_ATTEMPT_TIMEOUT,
            limits::AWS_OPERATION_TIMEOUT,
        ))
        .build()
}

/// Timeouts of one call.
pub(super) fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(limits::AWS_CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

async fn credentials(destination: &Destination<'_>, base: &SdkConfig) -> SharedCredentialsProvider {
    match destination.credentials {
        Credentials::Fixed {
            access_key_id,
            secret_access_key,
        } => SharedCredentialsProvider::new(Key::new(
            access_key_id,
            secret_access_key.expose(),
            None,
            None,
            "signalbox",
        )),
        Credentials::Own { instance_metadata } => {
            SharedCredentialsProvider::new(own(destination.region, *instance_metadata))
        }
        Credentials::AssumeRole {
            role_arn,
            external_id,
            instance_metadata,
        } => {
            let mut sts = base.to_builder();
            sts.set_endpoint_url(destination.endpoints.of("STS").map(ToOwned::to_owned));
            let mut role = AssumeRoleProvider::builder(role_arn)
                .session_name("signalbox")
                .region(Region::new(destination.region.to_owned()))
                .configure(&sts.build());
            if let Some(external_id) = external_id {
                role = role.external_id(external_id.expose());
            }
            let own = own(destination.region, *instance_metadata);
            SharedCredentialsProvider::new(role.build_from_provider(own).await)
        }
    }
}

/// The SDK's default chain, but for the instance metadata service: outside of EC2 asking it costs a timeout of seconds.
fn own(region: &str, instance_metadata: bool) -> CredentialsProviderChain {
    let config = ProviderConfig::without_region().with_region(Some(Region::new(region.to_owned())));
    let chain =
        CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
            .or_else(
                "Profile",
                ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .build(),
            )
            .or_else(
                "WebIdentityToken",
                WebIdentityTokenCredentialsProvider::builder()
                    .configure(&config)
                    .build(),
            )
            .or_else(
                "EcsContainer",
                EcsCredentialsProvider::builder().configure(&config).build(),
            );
    if instance_metadata {
        chain.or_else(
            "Ec2InstanceMetadata",
            ImdsCredentialsProvider::builder().configure(&config).build(),
        )
    } else {
        chain
    }
}
