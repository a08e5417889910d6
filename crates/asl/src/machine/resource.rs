//! A Task's `Resource`: what it calls, and how events name it.

use crate::eval::{Pattern, Resource, TaskResource};

/// Why a text is no resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a Lambda function, an activity nor a service integration")]
pub struct ResourceError(pub String);

impl Resource {
    /// Parses a `Resource` as written.
    pub fn parse(text: &str) -> Result<Resource, ResourceError> {
        let refused = || ResourceError(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["arn", _, "lambda", _, _, "function", ..] => Ok(Resource::LambdaFunction { arn: text.into() }),
            ["arn", _, "states", _, _, "activity", _] => Ok(Resource::Activity { arn: text.into() }),
            ["arn", _, "states", _, _, "aws-sdk", service, action @ ..] => {
                let (action, pattern) = action_and_pattern(&action.join(":")).ok_or_else(refused)?;
                Ok(Resource::AwsSdk {
                    text: text.into(),
                    service: (*service).into(),
                    action: action.into(),
                    pattern,
                })
            }
            ["arn", _, "states", _, _, service, action @ ..] => {
                let (action, pattern) = action_and_pattern(&action.join(":")).ok_or_else(refused)?;
                Ok(Resource::Service {
                    text: text.into(),
                    service: (*service).into(),
                    action: action.into(),
                    pattern,
                })
            }
            _ => Err(refused()),
        }
    }

    /// What `TaskScheduled` and its followers show; `None` where the events have a shape of their own.
    pub(crate) fn shown(&self) -> Option<TaskResource> {
        let (resource_type, action, pattern) = match self {
            Resource::LambdaFunction { .. } | Resource::Activity { .. } => return None,
            Resource::Service {
                service,
                action,
                pattern,
                ..
            } => (service.to_string(), action, pattern),
            Resource::AwsSdk {
                service,
                action,
                pattern,
                ..
            } => (format!("aws-sdk:{service}"), action, pattern),
        };
        Some(TaskResource {
            resource_type: resource_type.into(),
            resource: format!("{action}{}", pattern.suffix()).into(),
        })
    }
}

fn action_and_pattern(text: &str) -> Option<(String, Pattern)> {
    let (action, pattern) = match text.split_once('.') {
        None => (text, Pattern::RequestResponse),
        Some((action, "sync")) => (action, Pattern::Sync),
        Some((action, "sync:2")) => (action, Pattern::Sync2),
        Some((action, "waitForTaskToken")) => (action, Pattern::WaitForTaskToken),
        Some(_) => return None,
    };
    (!action.is_empty()).then(|| (action.to_owned(), pattern))
}
