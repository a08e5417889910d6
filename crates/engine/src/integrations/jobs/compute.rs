//! Jobs on machines: Batch, CodeBuild, ECS, EKS.

use super::model::Origin::{Always, ListOfResponse, Parameters, Response};
use super::model::Step::{First, To};
use super::model::{Following, Origin, PLAIN, Stop};

/// What Batch and ECS are told of a job that is stopped.
const REASON: Origin = Always("Stopped by AWS Step Functions: nobody waits for it any more");
const BUILD: &[&str] = &["FAILED", "FAULT", "TIMED_OUT", "STOPPED"];

pub(super) const JOBS: &[Following] = &[
    Following {
        service: "batch",
        action: "submitJob",
        describe: "describeJobs",
        by: &[("Jobs", ListOfResponse(&[To("JobId")]))],
        job: &[To("Jobs"), First],
        state: &["Status"],
        done: &["SUCCEEDED"],
        failed: &["FAILED"],
        stop: Some(Stop {
            action: "terminateJob",
            by: &[("JobId", Response(&[To("JobId")])), ("Reason", REASON)],
        }),
        ..PLAIN
    },
    Following {
        service: "codebuild",
        action: "startBuild",
        describe: "batchGetBuilds",
        by: &[("Ids", ListOfResponse(&[To("Build"), To("Id")]))],
        job: &[To("Builds"), First],
        state: &["BuildStatus"],
        done: &["SUCCEEDED"],
        failed: BUILD,
        wrapped: Some("Build"),
        stop: Some(Stop {
            action: "stopBuild",
            by: &[("Id", Response(&[To("Build"), To("Id")]))],
        }),
        token: Some("IdempotencyToken"),
        ..PLAIN
    },
    batch_of_builds("startBuildBatch"),
    batch_of_builds("retryBuildBatch"),
    Following {
        service: "ecs",
        action: "runTask",
        describe: "describeTasks",
        by: &[
            ("Cluster", Parameters("Cluster")),
            ("Tasks", ListOfResponse(&[To("Tasks"), First, To("TaskArn")])),
        ],
        job: &[To("Tasks"), First],
        state: &["LastStatus"],
        done: &["STOPPED"],
        stop: Some(Stop {
            action: "stopTask",
            by: &[
                ("Cluster", Parameters("Cluster")),
                ("Task", Response(&[To("Tasks"), First, To("TaskArn")])),
                ("Reason", REASON),
            ],
        }),
        ..PLAIN
    },
    // What is created in EKS is not deleted when the execution is stopped (developer guide, "Amazon EKS").
    Following {
        action: "createCluster",
        done: &["ACTIVE"],
        failed: &["FAILED"],
        ..CLUSTER
    },
    Following {
        action: "deleteCluster",
        failed: &["FAILED"],
        gone: GONE,
        ..CLUSTER
    },
    Following {
        action: "createNodegroup",
        done: &["ACTIVE"],
        failed: &["CREATE_FAILED", "DEGRADED"],
        ..NODES
    },
    Following {
        action: "deleteNodegroup",
        failed: &["DELETE_FAILED"],
        gone: GONE,
        ..NODES
    },
    Following {
        action: "createFargateProfile",
        done: &["ACTIVE"],
        failed: &["CREATE_FAILED"],
        ..FARGATE
    },
    Following {
        action: "deleteFargateProfile",
        failed: &["DELETE_FAILED"],
        gone: GONE,
        ..FARGATE
    },
];

/// What is deleted is over when EKS does not know it any more.
const GONE: Option<&str> = Some("EKS.ResourceNotFoundException");

const CLUSTER: Following = Following {
    service: "eks",
    describe: "describeCluster",
    by: &[("Name", Parameters("Name"))],
    job: &[To("Cluster")],
    state: &["Status"],
    wrapped: Some("Cluster"),
    ..PLAIN
};

const NODES: Following = Following {
    service: "eks",
    describe: "describeNodegroup",
    by: &[
        ("ClusterName", Parameters("ClusterName")),
        ("NodegroupName", Parameters("NodegroupName")),
    ],
    job: &[To("Nodegroup")],
    state: &["Status"],
    wrapped: Some("Nodegroup"),
    ..PLAIN
};

const FARGATE: Following = Following {
    service: "eks",
    describe: "describeFargateProfile",
    by: &[
        ("ClusterName", Parameters("ClusterName")),
        ("FargateProfileName", Parameters("FargateProfileName")),
    ],
    job: &[To("FargateProfile")],
    state: &["Status"],
    wrapped: Some("FargateProfile"),
    ..PLAIN
};

const fn batch_of_builds(action: &'static str) -> Following {
    Following {
        service: "codebuild",
        action,
        describe: "batchGetBuildBatches",
        by: &[("Ids", ListOfResponse(&[To("BuildBatch"), To("Id")]))],
        job: &[To("BuildBatches"), First],
        state: &["BuildBatchStatus"],
        done: &["SUCCEEDED"],
        failed: BUILD,
        wrapped: Some("BuildBatch"),
        stop: Some(Stop {
            action: "stopBuildBatch",
            by: &[("Id", Response(&[To("BuildBatch"), To("Id")]))],
        }),
        token: Some("IdempotencyToken"),
        ..PLAIN
    }
}
