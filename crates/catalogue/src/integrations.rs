//! The optimised integrations, `arn:aws:states:::<service>:<action>[.<pattern>]`, which no model describes.
//!
//! Source: AWS Step Functions Developer Guide, "Integrating optimized services" and the page of each service; what a service
//! never offers was confirmed with ValidateStateMachineDefinition (public measurements).

use std::fmt;

/// How a task waits for what it called. Express state machines offer none of these (developer guide, "Choosing workflow
/// type").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// `.sync`: until the job is over.
    Sync,
    /// `.sync:2`: the same, with the job's output as JSON.
    Sync2,
    /// `.waitForTaskToken`: until somebody sends the token back.
    WaitForTaskToken,
}

impl Pattern {
    /// As it stands behind the dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Sync2 => "sync:2",
            Self::WaitForTaskToken => "waitForTaskToken",
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.suffix())
    }
}

/// An optimised integration.
#[derive(Debug, Clone, Copy)]
pub struct Integration {
    /// In the resource: `elasticmapreduce`.
    pub service: &'static str,
    /// The same service among [`crate::services`]; empty for one that is none, such as `http`.
    pub sdk: &'static str,
    /// What it can do; empty for a service whose actions are not listed here.
    pub actions: &'static [Action],
}

impl Integration {
    /// The action of this name.
    pub fn action(&self, name: &str) -> Option<&'static Action> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// The members an action can't be called without.
    pub fn required(&self, action: &Action) -> Vec<&'static str> {
        match action.takes {
            Takes::Model(name) => self
                .operation(name)
                .map(|(service, operation)| service.required(operation).collect())
                .unwrap_or_default(),
            Takes::Members(required) => required.to_vec(),
        }
    }

    /// The action of the service's model that an action is, with its members; none where Step Functions has members of its
    /// own.
    pub fn model(&self, action: &Action) -> Option<(&'static crate::Service, &'static crate::Operation)> {
        match action.takes {
            Takes::Model(name) => self.operation(name),
            Takes::Members(_) => None,
        }
    }

    fn operation(&self, name: &str) -> Option<(&'static crate::Service, &'static crate::Operation)> {
        let service = crate::service(self.sdk)?;
        Some((service, service.action(name)?))
    }
}

/// An action of an optimised integration.
#[derive(Debug, Clone, Copy)]
pub struct Action {
    /// In the resource: `runTask`.
    pub name: &'static str,
    /// The patterns it offers besides request and response.
    pub patterns: &'static [Pattern],
    takes: Takes,
}

/// What an action takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    /// What this action of the model takes.
    Model(&'static str),
    /// Members of Step Functions' own, of which these are required.
    Members(&'static [&'static str]),
}

const SYNC: &[Pattern] = &[Pattern::Sync];
const TOKEN: &[Pattern] = &[Pattern::WaitForTaskToken];
const SYNC_OR_TOKEN: &[Pattern] = &[Pattern::Sync, Pattern::WaitForTaskToken];

/// An action as the model has it.
const fn of(name: &'static str, patterns: &'static [Pattern]) -> Action {
    Action {
        name,
        patterns,
        takes: Takes::Model(name),
    }
}

/// An action that Step Functions made.
const fn own(name: &'static str, patterns: &'static [Pattern], required: &'static [&'static str]) -> Action {
    Action {
        name,
        patterns,
        takes: Takes::Members(required),
    }
}

const INTEGRATIONS: &[Integration] = &[
    Integration {
        service: "apigateway",
        sdk: "",
        actions: &[own("invoke", TOKEN, &["ApiEndpoint", "Method"])],
    },
    Integration {
        service: "athena",
        sdk: "athena",
        actions: &[
            of("startQueryExecution", SYNC),
            of("stopQueryExecution", &[]),
            of("getQueryExecution", &[]),
            of("getQueryResults", &[]),
        ],
    },
    Integration {
        service: "batch",
        sdk: "batch",
        actions: &[of("submitJob", SYNC)],
    },
    Integration {
        service: "bedrock",
        sdk: "bedrock",
        actions: &[
            own("invokeModel", TOKEN, &["ModelId"]),
            of("createModelCustomizationJob", SYNC_OR_TOKEN),
        ],
    },
    Integration {
        service: "bedrock-agentcore",
        sdk: "bedrockagentcore",
        actions: &[],
    },
    Integration {
        service: "codebuild",
        sdk: "codebuild",
        actions: &[
            of("startBuild", SYNC),
            of("stopBuild", &[]),
            of("batchDeleteBuilds", &[]),
            of("batchGetReports", &[]),
            of("startBuildBatch", SYNC),
            of("stopBuildBatch", &[]),
            of("retryBuildBatch", SYNC),
            of("deleteBuildBatch", &[]),
        ],
    },
    Integration {
        service: "databrew",
        sdk: "databrew",
        actions: &[of("startJobRun", SYNC)],
    },
    Integration {
        service: "dynamodb",
        sdk: "dynamodb",
        actions: &[
            of("getItem", &[]),
            of("putItem", &[]),
            of("deleteItem", &[]),
            of("updateItem", &[]),
        ],
    },
    Integration {
        service: "ecs",
        sdk: "ecs",
        actions: &[of("runTask", SYNC_OR_TOKEN)],
    },
    Integration {
        service: "eks",
        sdk: "eks",
        actions: &[
            of("createCluster", SYNC),
            of("deleteCluster", SYNC),
            of("createFargateProfile", SYNC),
            of("deleteFargateProfile", SYNC),
            of("createNodegroup", SYNC),
            of("deleteNodegroup", SYNC),
            own(
                "runJob",
                SYNC_OR_TOKEN,
                &["ClusterName", "CertificateAuthority", "Endpoint", "Job"],
            ),
            own(
                "call",
                TOKEN,
                &[
                    "ClusterName",
                    "CertificateAuthority",
                    "Endpoint",
                    "Method",
                    "Path",
                ],
            ),
        ],
    },
    Integration {
        service: "elasticmapreduce",
        sdk: "emr",
        actions: &[
            Action {
                name: "createCluster",
                patterns: SYNC,
                takes: Takes::Model("runJobFlow"),
            },
            own(
                "setClusterTerminationProtection",
                &[],
                &["ClusterId", "TerminationProtected"],
            ),
            own("terminateCluster", SYNC, &["ClusterId"]),
            own("addStep", SYNC, &["ClusterId", "Step"]),
            own("cancelStep", &[], &["ClusterId", "StepId"]),
            own(
                "modifyInstanceFleetByName",
                &[],
                &["ClusterId", "InstanceFleetName", "InstanceFleet"],
            ),
            own(
                "modifyInstanceGroupByName",
                &[],
                &["ClusterId", "InstanceGroupName", "InstanceGroup"],
            ),
        ],
    },
    Integration {
        service: "emr-containers",
        sdk: "emrcontainers",
        actions: &[
            of("createVirtualCluster", &[]),
            own("deleteVirtualCluster", SYNC, &["Id"]),
            of("startJobRun", SYNC),
        ],
    },
    Integration {
        service: "emr-serverless",
        sdk: "emrserverless",
        actions: &[
            of("createApplication", SYNC),
            of("startApplication", SYNC),
            of("stopApplication", SYNC),
            of("deleteApplication", SYNC),
            of("startJobRun", SYNC),
            of("cancelJobRun", SYNC),
        ],
    },
    Integration {
        service: "events",
        sdk: "eventbridge",
        actions: &[of("putEvents", TOKEN)],
    },
    Integration {
        service: "glue",
        sdk: "glue",
        actions: &[of("startJobRun", SYNC)],
    },
    Integration {
        service: "http",
        sdk: "",
        actions: &[own("invoke", &[], &["ApiEndpoint", "Method"])],
    },
    Integration {
        service: "lambda",
        sdk: "lambda",
        actions: &[of("invoke", TOKEN)],
    },
    Integration {
        service: "mediaconvert",
        sdk: "mediaconvert",
        actions: &[of("createJob", SYNC)],
    },
    Integration {
        service: "sagemaker",
        sdk: "sagemaker",
        actions: &[
            of("createEndpoint", &[]),
            of("createEndpointConfig", &[]),
            of("createHyperParameterTuningJob", SYNC),
            of("createLabelingJob", SYNC),
            of("createModel", &[]),
            of("createProcessingJob", SYNC),
            of("createTrainingJob", SYNC),
            of("createTransformJob", SYNC),
            of("updateEndpoint", &[]),
        ],
    },
    Integration {
        service: "sns",
        sdk: "sns",
        actions: &[of("publish", TOKEN)],
    },
    Integration {
        service: "sqs",
        sdk: "sqs",
        actions: &[of("sendMessage", TOKEN)],
    },
    Integration {
        service: "states",
        sdk: "sfn",
        actions: &[of(
            "startExecution",
            &[Pattern::Sync, Pattern::Sync2, Pattern::WaitForTaskToken],
        )],
    },
];

/// Every optimised integration, by name.
pub fn integrations() -> &'static [Integration] {
    INTEGRATIONS
}

/// The optimised integration of this name.
pub fn integration(service: &str) -> Option<&'static Integration> {
    INTEGRATIONS
        .iter()
        .find(|integration| integration.service == service)
}

/// Services whose SDK integrations AWS has or had, and whose models are no longer published: what they can do is not known
/// here, and a definition that calls them is not wrong for that.
const RETIRED: &[&str] = &[
    "alexaforbusiness",
    "codestar",
    "elasticinference",
    "elastictranscoder",
    "evidently",
    "honeycode",
    "iot1clickdevices",
    "iot1clickprojects",
    "iotanalytics",
    "iotevents",
    "ioteventsdata",
    "iotfleethub",
    "lookoutmetrics",
    "lookoutvision",
    "macie",
    "migrationhubrefactor",
    "mobile",
    "nimble",
    "opsworks",
    "opsworkscm",
    "panorama",
    "privatenetworks",
    "qldb",
    "qldbsession",
    "robomaker",
    "simspaceweaver",
    "sms",
    "worklink",
];

/// Whether AWS knows, or knew, a service of this name that has no model here.
pub fn is_retired(service: &str) -> bool {
    RETIRED.contains(&service) && crate::service(service).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_a_model_is_in_that_model() {
        for integration in INTEGRATIONS {
            for action in integration.actions {
                if let Takes::Model(name) = action.takes {
                    assert!(
                        integration.operation(name).is_some(),
                        "{}:{}: `{}` has no {name}",
                        integration.service,
                        action.name,
                        integration.sdk
                    );
                }
            }
        }
    }

    #[test]
    fn required_members_come_from_the_model_or_from_the_guide() {
        let required = |service: &str, action: &str| {
            let integration = integration(service).unwrap();
            integration.required(integration.action(action).unwrap())
        };
        assert_eq!(required("sqs", "sendMessage"), ["QueueUrl", "MessageBody"]);
        assert_eq!(required("ecs", "runTask"), ["TaskDefinition"]);
        assert_eq!(
            required("batch", "submitJob"),
            ["JobName", "JobQueue", "JobDefinition"]
        );
        assert_eq!(required("apigateway", "invoke"), ["ApiEndpoint", "Method"]);
        assert_eq!(required("states", "startExecution"), ["StateMachineArn"]);
    }

    #[test]
    fn a_retired_service_is_not_in_the_catalogue() {
        assert!(is_retired("qldb"));
        assert!(!is_retired("s3"));
        assert!(!is_retired("no-such-service"));
    }
}
