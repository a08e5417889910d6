//! What Step Functions can call: the services, actions and members of `aws-sdk:<service>:<action>` from AWS's own service
//! models, and the optimised integrations. Names are spelled as Step Functions spells them. No I/O: the data is in the binary.
//!
//! ```
//! let service = catalogue::service("dynamodb").unwrap();
//! let action = service.action("putItem").unwrap();
//! assert_eq!(action.name, "PutItem");
//! assert_eq!(service.required(action).collect::<Vec<_>>(), ["TableName", "Item"]);
//! ```
//!
//! The first question about a service unpacks its model (about a millisecond, once per process); what follows is look-ups
//! in memory. All services together take some 20 MB. How the data is made: `generate.py`, docs/decisions/catalogue.md.

mod bounds;
mod format;
mod integrations;
mod model;
mod shape;

use std::sync::OnceLock;

pub use bounds::{Bound, Bounds};
pub use integrations::{Action, Integration, Pattern, integration, integrations, is_retired};
pub use model::{Checksum, Operation, Place, Protocol, Service};
pub use shape::{List, Location, Map, Member, Scalar, Shape, ShapeId, Structure, Trait};

static INDEX: OnceLock<Vec<Service>> = OnceLock::new();

fn index() -> &'static [Service] {
    INDEX.get_or_init(format::read_index)
}

/// Every service, by name.
pub fn services() -> impl Iterator<Item = &'static Service> {
    index().iter()
}

/// The service of this name in `arn:aws:states:::aws-sdk:<name>:…`, such as `cloudwatchlogs`.
pub fn service(name: &str) -> Option<&'static Service> {
    let index = index();
    let at = index.binary_search_by(|service| service.name.cmp(name)).ok()?;
    index.get(at)
}

/// Where the models are from: `botocore 1.44.5`.
pub fn source() -> &'static str {
    format::source()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_unpacks_and_every_shape_it_names_is_there() {
        let mut actions = 0;
        for service in services() {
            assert!(
                !service.operations().is_empty(),
                "{} has no actions",
                service.name
            );
            assert!(
                service
                    .operations()
                    .is_sorted_by(|one, two| one.action < two.action),
                "{}: the actions are not in order",
                service.name
            );
            actions += service.operations().len();
            for operation in service.operations() {
                for id in [operation.input, operation.output].into_iter().flatten() {
                    assert!(
                        matches!(service.shape(id), Shape::Structure(_)),
                        "{}:{}",
                        service.name,
                        operation.action
                    );
                }
            }
            assert!(
                service.is_whole(),
                "{} names a shape that is not there",
                service.name
            );
        }
        assert!(services().count() > 400, "{}", services().count());
        assert!(actions > 19_000, "{actions}");
        assert!(source().starts_with("botocore "), "{}", source());
    }

    #[test]
    fn services_are_named_as_step_functions_names_them() {
        for (name, prefix) in [
            ("dynamodb", "DynamoDb"),
            ("cloudwatchlogs", "CloudWatchLogs"),
            ("sfn", "Sfn"),
            ("cognitoidentityprovider", "CognitoIdentityProvider"),
            ("databasemigration", "DatabaseMigration"),
            ("config", "Config"),
            ("iotsitewise", "IoTSiteWise"),
            ("wafv2", "Wafv2"),
            ("sesv2", "SesV2"),
            ("fsx", "FSx"),
            ("xray", "XRay"),
            ("acmpca", "AcmPca"),
        ] {
            assert_eq!(service(name).unwrap().prefix, prefix);
        }
        assert!(service("logs").is_none());
        assert!(service("DynamoDB").is_none());
    }

    #[test]
    fn members_are_spelled_as_the_getters_of_the_sdk_for_java() {
        let member = |name: &str, action: &str, member: &str| {
            let service = service(name).unwrap();
            let operation = service.action(action).unwrap();
            service
                .input(operation)
                .and_then(|input| input.member(member))
                .map(|member| member.wire)
        };
        assert_eq!(
            member("rds", "describeDBInstances", "DbInstanceIdentifier"),
            Some("DBInstanceIdentifier")
        );
        assert_eq!(
            member("s3", "putObject", "SsekmsKeyId"),
            Some("x-amz-server-side-encryption-aws-kms-key-id")
        );
        assert_eq!(member("s3", "putObject", "ACL"), None);
        assert_eq!(member("s3", "putObject", "Acl"), Some("x-amz-acl"));
        assert_eq!(
            member("sfn", "startExecution", "StateMachineArn"),
            Some("stateMachineArn")
        );
        assert_eq!(member("ecs", "runTask", "TaskDefinition"), Some("taskDefinition"));
    }

    #[test]
    fn actions_that_step_functions_lacks_are_left_out() {
        assert!(service("kinesis").unwrap().action("subscribeToShard").is_none());
        assert!(service("s3").unwrap().action("selectObjectContent").is_none());
        assert!(service("lambda").unwrap().action("invokeAsync").is_none());
        assert!(service("lambda").unwrap().action("invoke").is_some());
    }

    #[test]
    fn a_token_that_the_sdk_makes_itself_is_not_required() {
        let service = service("emrserverless").unwrap();
        let operation = service.action("startJobRun").unwrap();
        assert_eq!(
            service.required(operation).collect::<Vec<_>>(),
            ["ApplicationId", "ExecutionRoleArn"]
        );
    }

    #[test]
    fn errors_have_the_names_of_java_exceptions() {
        let s3 = service("s3").unwrap();
        assert_eq!(s3.exception("NoSuchBucket"), Some("NoSuchBucketException"));
        assert_eq!(s3.exception("SlowDown"), None);
        let sqs = service("sqs").unwrap();
        assert_eq!(
            sqs.exception("QueueDoesNotExist"),
            Some("QueueDoesNotExistException")
        );
    }
}
