//! SNS and CloudWatch, by the SDK clients of AWS: one client per environment and region, kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::MetricDatum;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata};

use super::{ATTEMPT_TIMEOUT, CONNECT_TIMEOUT, Outbound};

/// Clients kept per service; more environment-region pairs than this and the least lucky is built anew.
const CLIENTS_MAX: usize = 64;

#[derive(Debug, Clone, Default)]
pub(super) struct Clients {
    sns: Cache<aws_sdk_sns::Client>,
    cloudwatch: Cache<aws_sdk_cloudwatch::Client>,
}

/// Clients by environment and region.
#[derive(Debug)]
struct Cache<C>(Arc<Mutex<HashMap<(String, String), C>>>);

impl<C> Default for Cache<C> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<C> Clone for Cache<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Clone> Cache<C> {
    fn get(&self, environment: &str, region: &str, build: impl FnOnce() -> C) -> C {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        clients
            .entry((environment.to_owned(), region.to_owned()))
            .or_insert_with(build)
            .clone()
    }
}

/// A message for an SNS topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsMessage {
    /// The topic.
    pub topic_arn: String,
    /// Under 100 characters of ASCII, one line.
    pub subject: String,
    /// At most 256 KiB.
    pub message: String,
    /// FIFO topics only: messages of one group arrive in order.
    pub group: String,
    /// FIFO topics only: a message with the same id within five minutes is dropped by SNS.
    pub deduplication: String,
}

/// AWS did not take it.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {message}")]
pub struct AwsSendError {
    /// `SNS Publish` or `CloudWatch PutMetricData`.
    pub operation: &'static str,
    /// AWS's error code, if AWS answered.
    pub code: Option<String>,
    /// What went wrong, with causes.
    pub message: String,
    /// HTTP status, if AWS answered.
    pub status: Option<u16>,
}

impl AwsSendError {
    /// Whether no later attempt with the same message can succeed: AWS refused the message itself. Missing permissions and
    /// topics count as repairable, because somebody can create and grant them.
    pub fn is_hopeless(&self) -> bool {
        matches!(
            self.code.as_deref(),
            Some(
                "InvalidParameter"
                    | "InvalidParameterException"
                    | "ParameterValueInvalid"
                    | "ValidationError"
                    | "InvalidParameterValue"
                    | "InvalidParameterCombination"
                    | "InvalidFormat"
            )
        )
    }
}

fn timeouts() -> aws_sdk_sns::config::timeout::TimeoutConfig {
    aws_sdk_sns::config::timeout::TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(ATTEMPT_TIMEOUT)
        .build()
}

impl Outbound {
    /// Publishes to a topic with a client of the topic's own region: SNS refuses any other. `config` brings the
    /// environment's credentials, `endpoint_url` overrides where SNS is.
    pub async fn publish(
        &self,
        environment: &str,
        config: &SdkConfig,
        endpoint_url: Option<&str>,
        message: SnsMessage,
    ) -> Result<(), AwsSendError> {
        let region = region_of(&message.topic_arn).unwrap_or_default().to_owned();
        let client = self.aws.sns.get(environment, &region, || {
            let mut builder = aws_sdk_sns::config::Builder::from(config)
                .region(aws_sdk_sns::config::Region::new(region.clone()))
                .timeout_config(timeouts());
            builder.set_endpoint_url(endpoint_url.map(ToOwned::to_owned));
            aws_sdk_sns::Client::from_conf(builder.build())
        });
        let fifo = message.topic_arn.strip_suffix(".fifo").is_some();
        client
            .publish()
            .set_message_group_id(fifo.then_some(message.group))
            .set_message_deduplication_id(fifo.then_some(message.deduplication))
            .topic_arn(message.topic_arn)
            .subject(message.subject)
            .message(message.message)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsSendError {
                operation: "SNS Publish",
                code: error.code().map(ToOwned::to_owned),
                status: error.raw_response().map(|response| response.status().as_u16()),
                message: DisplayErrorContext(&error).to_string(),
            })
    }

    /// Sends metric data: at most 1,000 of them and 1 MB (CloudWatch API reference, PutMetricData).
    pub async fn put_metric_data(
        &self,
        environment: &str,
        config: &SdkConfig,
        endpoint_url: Option<&str>,
        namespace: &str,
        data: Vec<MetricDatum>,
    ) -> Result<(), AwsSendError> {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let client = self.aws.cloudwatch.get(environment, &region, || {
            let mut builder = aws_sdk_cloudwatch::config::Builder::from(config).timeout_config(timeouts());
            builder.set_endpoint_url(endpoint_url.map(ToOwned::to_owned));
            aws_sdk_cloudwatch::Client::from_conf(builder.build())
        });
        client
            .put_metric_data()
            .namespace(namespace)
            .set_metric_data(Some(data))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsSendError {
                operation: "CloudWatch PutMetricData",
                code: error.code().map(ToOwned::to_owned),
                status: error.raw_response().map(|response| response.status().as_u16()),
                message: DisplayErrorContext(&error).to_string(),
            })
    }
}

/// The region in `arn:aws:sns:REGION:ACCOUNT:NAME`.
pub(super) fn region_of(topic_arn: &str) -> Option<&str> {
    let mut parts = topic_arn.split(':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("arn"), Some(_), Some("sns"), Some(region)) if !region.is_empty() => Some(region),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_the_topics_own() {
        assert_eq!(
            region_of("arn:aws:sns:eu-west-1:123456789012:deployments"),
            Some("eu-west-1")
        );
        assert_eq!(
            region_of("arn:aws-cn:sns:cn-north-1:123456789012:x.fifo"),
            Some("cn-north-1")
        );
        assert_eq!(region_of("arn:aws:sqs:eu-west-1:123456789012:x"), None);
        assert_eq!(region_of("deployments"), None);
    }
}
