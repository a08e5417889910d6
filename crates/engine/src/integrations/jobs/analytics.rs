//! Jobs over data: Athena, Glue, DataBrew, EMR in its three forms.

use super::model::Origin::{ListOfResponse, Parameters, Response};
use super::model::Step::To;
use super::model::{Following, Origin, PLAIN, Stop};

const CLUSTER: &[(&str, Origin)] = &[("ClusterId", Parameters("ClusterId"))];
const QUERY: &[(&str, Origin)] = &[("QueryExecutionId", Response(&[To("QueryExecutionId")]))];

pub(super) const JOBS: &[Following] = &[
    Following {
        service: "athena",
        action: "startQueryExecution",
        describe: "getQueryExecution",
        by: QUERY,
        job: &[To("QueryExecution")],
        state: &["Status", "State"],
        done: &["SUCCEEDED"],
        failed: &["FAILED", "CANCELLED"],
        wrapped: Some("QueryExecution"),
        stop: Some(Stop {
            action: "stopQueryExecution",
            by: QUERY,
        }),
        ..PLAIN
    },
    Following {
        service: "databrew",
        action: "startJobRun",
        describe: "describeJobRun",
        by: &[("Name", Parameters("Name")), ("RunId", Response(&[To("RunId")]))],
        state: &["State"],
        done: &["SUCCEEDED"],
        failed: &["FAILED", "STOPPED", "TIMEOUT"],
        stop: Some(Stop {
            action: "stopJobRun",
            by: &[("Name", Parameters("Name")), ("RunId", Response(&[To("RunId")]))],
        }),
        ..PLAIN
    },
    Following {
        service: "glue",
        action: "startJobRun",
        describe: "getJobRun",
        by: &[
            ("JobName", Parameters("JobName")),
            ("RunId", Response(&[To("JobRunId")])),
        ],
        job: &[To("JobRun")],
        state: &["JobRunState"],
        done: &["SUCCEEDED"],
        failed: &["FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"],
        stop: Some(Stop {
            action: "batchStopJobRun",
            by: &[
                ("JobName", Parameters("JobName")),
                ("JobRunIds", ListOfResponse(&[To("JobRunId")])),
            ],
        }),
        ..PLAIN
    },
    // A cluster is not terminated when the execution is stopped (developer guide, "Amazon EMR").
    Following {
        service: "elasticmapreduce",
        action: "createCluster",
        describe: "describeCluster",
        by: &[("ClusterId", Response(&[To("ClusterId")]))],
        job: &[To("Cluster")],
        state: &["Status", "State"],
        done: &["WAITING"],
        failed: &["TERMINATED", "TERMINATED_WITH_ERRORS"],
        wrapped: Some("Cluster"),
        besides: &[("ClusterId", Response(&[To("ClusterId")]))],
        ..PLAIN
    },
    Following {
        service: "elasticmapreduce",
        action: "terminateCluster",
        describe: "describeCluster",
        by: CLUSTER,
        job: &[To("Cluster")],
        state: &["Status", "State"],
        done: &["TERMINATED", "TERMINATED_WITH_ERRORS"],
        wrapped: Some("Cluster"),
        besides: CLUSTER,
        ..PLAIN
    },
    Following {
        service: "elasticmapreduce",
        action: "addStep",
        describe: "describeStep",
        by: &[
            ("ClusterId", Parameters("ClusterId")),
            ("StepId", Response(&[To("StepId")])),
        ],
        job: &[To("Step")],
        state: &["Status", "State"],
        done: &["COMPLETED"],
        failed: &["FAILED", "CANCELLED", "INTERRUPTED"],
        wrapped: Some("Step"),
        besides: &[("StepId", Response(&[To("StepId")]))],
        stop: Some(Stop {
            action: "cancelSteps",
            by: &[
                ("ClusterId", Parameters("ClusterId")),
                ("StepIds", ListOfResponse(&[To("StepId")])),
            ],
        }),
        ..PLAIN
    },
    Following {
        service: "emr-containers",
        action: "startJobRun",
        describe: "describeJobRun",
        by: &[
            ("Id", Response(&[To("Id")])),
            ("VirtualClusterId", Response(&[To("VirtualClusterId")])),
        ],
        job: &[To("JobRun")],
        state: &["State"],
        done: &["COMPLETED"],
        failed: &["FAILED", "CANCELLED"],
        stop: Some(Stop {
            action: "cancelJobRun",
            by: &[
                ("Id", Response(&[To("Id")])),
                ("VirtualClusterId", Response(&[To("VirtualClusterId")])),
            ],
        }),
        ..PLAIN
    },
    Following {
        service: "emr-containers",
        action: "deleteVirtualCluster",
        describe: "describeVirtualCluster",
        by: &[("Id", Parameters("Id"))],
        job: &[To("VirtualCluster")],
        state: &["State"],
        done: &["TERMINATED"],
        failed: &["ARRESTED"],
        gone: Some("EMRContainers.ResourceNotFoundException"),
        ..PLAIN
    },
    Following {
        service: "emr-serverless",
        action: "startJobRun",
        describe: "getJobRun",
        by: RUN,
        job: &[To("JobRun")],
        state: &["State"],
        done: &["SUCCESS"],
        failed: &["FAILED", "CANCELLED"],
        stop: Some(Stop {
            action: "cancelJobRun",
            by: RUN,
        }),
        ..PLAIN
    },
    Following {
        service: "emr-serverless",
        action: "cancelJobRun",
        describe: "getJobRun",
        by: &[
            ("ApplicationId", Parameters("ApplicationId")),
            ("JobRunId", Parameters("JobRunId")),
        ],
        job: &[To("JobRun")],
        state: &["State"],
        done: &["CANCELLED"],
        failed: &["SUCCESS", "FAILED"],
        ..PLAIN
    },
    application("createApplication", &["CREATED", "STARTED"], &["TERMINATED"]),
    application("startApplication", &["STARTED"], &["STOPPED", "TERMINATED"]),
    application("stopApplication", &["STOPPED", "CREATED"], &["TERMINATED"]),
    application("deleteApplication", &["TERMINATED"], &[]),
];

const RUN: &[(&str, Origin)] = &[
    ("ApplicationId", Response(&[To("ApplicationId")])),
    ("JobRunId", Response(&[To("JobRunId")])),
];

/// An EMR Serverless application on its way to a state (developer guide, "EMR Serverless": which one each action waits for). Every
/// response has its id.
const fn application(
    action: &'static str,
    done: &'static [&'static str],
    failed: &'static [&'static str],
) -> Following {
    Following {
        service: "emr-serverless",
        action,
        describe: "getApplication",
        by: &[("ApplicationId", Response(&[To("ApplicationId")]))],
        job: &[To("Application")],
        state: &["State"],
        done,
        failed,
        wrapped: Some("Application"),
        ..PLAIN
    }
}
