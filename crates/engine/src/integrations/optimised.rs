//! The optimised integrations that are an action of a service with words, and sometimes ways, of their own: SNS, SQS, DynamoDB,
//! EventBridge, and those that start a job.

use asl::json::Payload;
use asl::json::value::{Json, Object};

use super::aws::Caller;
use super::errors::{self, Generation, Wording};
use super::metadata::{self, Connection};
use super::own::{self, Own};
use super::sdk::{Action, Called, Circumstances, within_limit};
use super::{TaskContext, TaskError};
use crate::arn::{Arn, Resource};
use crate::limits::LOOK_UP_PAGES_MAX;

/// How an integration's errors begin, and the SDK for Java 1 names its service and its own exception.
const WORDS: &[(&str, &str, &str, &str)] = &[
    ("athena", "Athena", "AmazonAthena", "AmazonAthenaException"),
    ("batch", "Batch", "AWSBatch", "AWSBatchException"),
    ("bedrock", "Bedrock", "Bedrock", "BedrockException"),
    ("codebuild", "CodeBuild", "AWSCodeBuild", "AWSCodeBuildException"),
    (
        "databrew",
        "GlueDataBrew",
        "AWSGlueDataBrew",
        "AWSGlueDataBrewException",
    ),
    (
        "dynamodb",
        "DynamoDB",
        "AmazonDynamoDBv2",
        "AmazonDynamoDBException",
    ),
    ("ecs", "ECS", "AmazonECS", "AmazonECSException"),
    ("eks", "EKS", "AmazonEKS", "AmazonEKSException"),
    (
        "elasticmapreduce",
        "EMR",
        "AmazonElasticMapReduce",
        "AmazonElasticMapReduceException",
    ),
    (
        "emr-containers",
        "EMRContainers",
        "AmazonEMRContainers",
        "AmazonEMRContainersException",
    ),
    (
        "emr-serverless",
        "EMRServerless",
        "EMRServerless",
        "EMRServerlessException",
    ),
    (
        "events",
        "EventBridge",
        "AmazonCloudWatchEvents",
        "AmazonCloudWatchEventsException",
    ),
    ("glue", "Glue", "AWSGlue", "AWSGlueException"),
    (
        "mediaconvert",
        "MediaConvert",
        "AWSMediaConvert",
        "AWSMediaConvertException",
    ),
    (
        "sagemaker",
        "SageMaker",
        "AmazonSageMaker",
        "AmazonSageMakerException",
    ),
    ("sns", "SNS", "AmazonSNS", "AmazonSNSException"),
    ("sqs", "SQS", "AmazonSQS", "AmazonSQSException"),
];

/// An action of an optimised integration that is an action of its service.
#[derive(Debug, Clone)]
pub(super) struct Optimised {
    /// `sqs`
    pub(super) service: &'static str,
    pub(super) action: Action,
    pub(super) wording: Wording,
    /// What Step Functions changed about it.
    own: Option<&'static Own>,
}

impl Optimised {
    /// By the names in the resource.
    pub(super) fn find(service: &str, action: &str) -> Option<Self> {
        let integration = catalogue::integration(service)?;
        let offered = integration.action(action)?;
        let own = own::find(integration.service, action);
        let (service, operation) = match own {
            Some(own) => {
                let service = catalogue::service(integration.sdk)?;
                (service, service.action(own.operation)?)
            }
            None => integration.model(offered)?,
        };
        let (name, prefix, java, unmodelled) = WORDS
            .iter()
            .find(|(name, ..)| *name == integration.service)
            .copied()?;
        Some(Self {
            service: name,
            action: Action { service, operation },
            wording: Wording {
                prefix,
                service: java,
                unmodelled: unmodelled.into(),
                model: service.name,
                generation: Generation::First,
            },
            own,
        })
    }

    /// Calls it; the result is the response with what the SDK says of the exchange.
    pub(super) async fn call(
        &self,
        caller: &Caller,
        given: &Json,
        context: &TaskContext,
        circumstances: Circumstances<'_>,
    ) -> Result<Payload, TaskError> {
        if self.service == "sqs" {
            queue_has_a_host(given, &self.wording)?;
        }
        let prepared;
        let parameters = match self.service {
            "events" => {
                prepared = with_origin(given, context);
                &prepared
            }
            _ => match self.own {
                Some(own) => {
                    prepared = self.as_service_has_it(own, caller, given, circumstances).await?;
                    &prepared
                }
                None => given,
            },
        };
        let Called { answer, mut response } = self
            .action
            .call(caller, parameters, circumstances, &self.wording)
            .await?;
        if self.service == "events" {
            return all_taken(response);
        }
        if let Some(own) = self.own {
            response = own.result(given, response);
        }
        let connection = match self.service {
            "dynamodb" => Connection::Capital,
            _ => Connection::Small,
        };
        metadata::add(&mut response, &answer, connection);
        within_limit(response, self.service)
    }

    /// The parameters of an action of Step Functions' own; what it names is looked up first.
    async fn as_service_has_it(
        &self,
        own: &Own,
        caller: &Caller,
        given: &Json,
        circumstances: Circumstances<'_>,
    ) -> Result<Json, TaskError> {
        let Some(look_up) = &own.look_up else {
            return Ok(own.parameters(given, None));
        };
        let text = |name: &str| given.get(name).and_then(Json::as_str).unwrap_or_default();
        let name = text(look_up.by);
        let list = Action::find(self.action.service.name, look_up.list)
            .ok_or_else(|| errors::fail("States.Runtime", format!("no action `{}`", look_up.list)))?;
        let mut asked = Object::from_iter([("ClusterId".into(), Json::from(text("ClusterId")))]);
        for _ in 0..LOOK_UP_PAGES_MAX {
            let page = Json::from(asked.clone());
            let page = list
                .call(caller, &page, circumstances, &self.wording)
                .await?
                .response;
            if let Some(id) = look_up.found(&page, name) {
                return Ok(own.parameters(given, Some(id)));
            }
            match page.get("Marker") {
                Some(marker) => asked.insert("Marker".into(), marker.clone()),
                None => break,
            }
        }
        Err(errors::fail(
            "States.Runtime",
            format!("The cluster has no {} '{name}'", look_up.by),
        ))
    }
}

/// The SDK for Java 1 goes to the queue's URL, whatever that is: a name alone is taken for a host.
fn queue_has_a_host(parameters: &Json, wording: &Wording) -> Result<(), TaskError> {
    let url = parameters
        .get("QueueUrl")
        .and_then(Json::as_str)
        .unwrap_or_default();
    if url.contains("://") || url.starts_with('/') {
        return Ok(());
    }
    let host = url.split('/').next().unwrap_or_default();
    Err(errors::fail(
        format!("{}.SdkClientException", wording.prefix),
        format!("Unable to execute HTTP request: {host}: Name or service not known"),
    ))
}

/// The response of `putEvents`, unless EventBridge did not take an entry: that fails the task with the whole response as the
/// cause.
fn all_taken(response: Object) -> Result<Payload, TaskError> {
    let failed = response
        .get("FailedEntryCount")
        .and_then(Json::as_number)
        .and_then(serde_json::Number::as_u64);
    if failed.is_some_and(|count| count > 0) {
        return Err(errors::fail(
            "EventBridge.FailedEntry",
            Json::from(response).to_string(),
        ));
    }
    Ok(Payload::from_json(response.into()))
}

/// Entries as EventBridge wants them: where they come from is among their resources (developer guide, "EventBridge": the
/// execution's and the state machine's ARN are added).
fn with_origin(parameters: &Json, context: &TaskContext) -> Json {
    let Some(given) = parameters.as_object() else {
        return parameters.clone();
    };
    let origin = origin(context);
    let entries = given
        .get("Entries")
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .map(|entry| {
            let Some(entry) = entry.as_object() else {
                return entry.clone();
            };
            let mut entry = entry.clone();
            let mut resources = entry
                .get("Resources")
                .and_then(Json::as_array)
                .unwrap_or_default()
                .to_vec();
            resources.extend_from_slice(&origin);
            entry.insert("Resources".into(), Json::array(resources));
            Json::from(entry)
        });
    let entries = Json::array(entries.collect());
    let mut prepared = given.clone();
    prepared.insert("Entries".into(), entries);
    prepared.into()
}

fn origin(context: &TaskContext) -> Vec<Json> {
    let mut origin = vec![Json::from(context.execution_arn.clone())];
    if let Ok(Arn {
        place,
        resource: Resource::Execution { machine, .. } | Resource::Express { machine, .. },
    }) = Arn::parse(&context.execution_arn)
    {
        origin.push(Json::from(place.machine(&machine).as_str()));
    }
    origin
}
