//! What a Task's `Resource` can be. Which services, actions and patterns there are is in the catalogue.

use super::has_substitution;

/// A `Resource` taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceText<'t> {
    /// Not an ARN at all.
    NotAnArn,
    /// Nobody can know before deployment: a substitution stands where it matters.
    Unknown,
    /// A Lambda function's ARN.
    Lambda,
    /// An activity's ARN.
    Activity,
    /// `arn:aws:states:::<service>:<action>[.<pattern>]`
    Integration {
        /// For example `sqs`.
        service: &'t str,
        /// For example `sendMessage`.
        action: &'t str,
        /// `sync`, `sync:2`, `waitForTaskToken`, or empty.
        pattern: &'t str,
    },
    /// `arn:aws:states:::aws-sdk:<service>:<action>[.<pattern>]`
    AwsSdk {
        /// For example `s3`.
        service: &'t str,
        /// For example `getObject`.
        action: &'t str,
        /// As above.
        pattern: &'t str,
    },
    /// An ARN of something that is no resource of a Task.
    OtherArn {
        /// The ARN's service.
        service: &'t str,
    },
}

impl<'t> ResourceText<'t> {
    /// Takes a `Resource` apart.
    pub fn of(text: &'t str) -> Self {
        let unknown = if has_substitution(text) {
            Self::Unknown
        } else {
            Self::NotAnArn
        };
        let Some(rest) = text.strip_prefix("arn:") else {
            return unknown;
        };
        let Some((_partition, rest)) = split_segment(rest) else {
            return unknown;
        };
        let Some((service, rest)) = split_segment(rest) else {
            return unknown;
        };
        let Some((_region, rest)) = split_segment(rest) else {
            return unknown;
        };
        let Some((_account, resource)) = split_segment(rest) else {
            return unknown;
        };
        if has_substitution(service) {
            return Self::Unknown;
        }
        match service {
            "lambda" => Self::Lambda,
            "states" => Self::of_states(resource),
            _ if resource.is_empty() => Self::NotAnArn,
            _ => Self::OtherArn { service },
        }
    }

    fn of_states(resource: &'t str) -> Self {
        if resource.starts_with("activity:") {
            return Self::Activity;
        }
        if has_substitution(resource) {
            return Self::Unknown;
        }
        let (is_sdk, resource) = match resource.strip_prefix("aws-sdk:") {
            Some(rest) => (true, rest),
            None => (false, resource),
        };
        let Some((service, call)) = resource.split_once(':') else {
            return Self::OtherArn { service: "states" };
        };
        let (action, pattern) = call.split_once('.').unwrap_or((call, ""));
        if is_sdk {
            Self::AwsSdk {
                service,
                action,
                pattern,
            }
        } else {
            Self::Integration {
                service,
                action,
                pattern,
            }
        }
    }

    /// `sync`, `sync:2`, `waitForTaskToken`, or empty.
    pub fn pattern(self) -> &'t str {
        match self {
            Self::Integration { pattern, .. } | Self::AwsSdk { pattern, .. } => pattern,
            _ => "",
        }
    }
}

/// The text before the next `:` that does not stand inside a substitution, and what follows.
fn split_segment(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
        before = c;
    }
    None
}

/// Services whose ARNs people write as a `Resource` by mistake, and the integration they meant.
pub const RESOURCES_OF_OTHER_SERVICES: &[(&str, &str, &str)] = &[
    ("sns", "arn:aws:states:::sns:publish", "TopicArn"),
    ("sqs", "arn:aws:states:::sqs:sendMessage", "QueueUrl"),
    ("dynamodb", "arn:aws:states:::dynamodb:putItem", "TableName"),
    ("events", "arn:aws:states:::events:putEvents", "EventBusName"),
    ("ecs", "arn:aws:states:::ecs:runTask", "TaskDefinition"),
    ("batch", "arn:aws:states:::batch:submitJob", "JobDefinition"),
    ("glue", "arn:aws:states:::glue:startJobRun", "JobName"),
    (
        "codebuild",
        "arn:aws:states:::codebuild:startBuild",
        "ProjectName",
    ),
    (
        "sagemaker",
        "arn:aws:states:::sagemaker:createTrainingJob",
        "TrainingJobName",
    ),
    ("s3", "arn:aws:states:::aws-sdk:s3:getObject", "Bucket"),
    (
        "kinesis",
        "arn:aws:states:::aws-sdk:kinesis:putRecord",
        "StreamName",
    ),
    (
        "firehose",
        "arn:aws:states:::aws-sdk:firehose:putRecord",
        "DeliveryStreamName",
    ),
    (
        "secretsmanager",
        "arn:aws:states:::aws-sdk:secretsmanager:getSecretValue",
        "SecretId",
    ),
    ("ssm", "arn:aws:states:::aws-sdk:ssm:getParameter", "Name"),
    ("iam", "arn:aws:states:::lambda:invoke", "FunctionName"),
    (
        "logs",
        "arn:aws:states:::aws-sdk:cloudwatchlogs:putLogEvents",
        "LogGroupName",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_taken_apart() {
        use ResourceText as R;
        assert_eq!(R::of("resource"), R::NotAnArn);
        assert_eq!(R::of("${fn"), R::NotAnArn);
        assert_eq!(R::of("${Fn.Arn}"), R::Unknown);
        assert_eq!(
            R::of("arn:aws:lambda:eu-west-1:123456789012:function:f"),
            R::Lambda
        );
        assert_eq!(
            R::of("arn:aws:states:eu-west-1:123456789012:activity:a"),
            R::Activity
        );
        assert_eq!(
            R::of("arn:${AWS::Partition}:states:::sqs:sendMessage.waitForTaskToken"),
            R::Integration {
                service: "sqs",
                action: "sendMessage",
                pattern: "waitForTaskToken"
            }
        );
        assert_eq!(
            R::of("arn:aws:states:${AWS::Region}:${AWS::AccountId}:aws-sdk:s3:getObject"),
            R::AwsSdk {
                service: "s3",
                action: "getObject",
                pattern: ""
            }
        );
        assert_eq!(R::of("arn:aws:states:::${Service}:invoke"), R::Unknown);
        assert_eq!(
            R::of("arn:aws:sns:eu-west-1:123456789012:topic"),
            R::OtherArn { service: "sns" }
        );
    }
}
