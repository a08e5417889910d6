//! `.sync` of services that run jobs: the job is submitted, then looked after until it is over. AWS hears of the end by
//! EventBridge and asks besides; here it is only asked, so the end is seen a little later than on AWS.

use std::time::Duration;

use asl::json::Payload;
use asl::json::value::{Json, Object};

use super::aws::Caller;
use super::errors;
use super::optimised::Optimised;
use super::sdk::{Action, Circumstances, within_limit};
use super::{TaskContext, TaskError};
use crate::limits::{JOB_POLL_MS_FIRST, JOB_POLL_MS_MAX};

/// How a kind of job is followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Following {
    service: &'static str,
    action: &'static str,
    /// The action that describes a job.
    describe: &'static str,
    /// Its parameters: their names, and where their values stand in the response to the submission.
    by: &'static [(&'static str, Origin)],
    /// Where the job stands in the description; empty for the description itself.
    job: &'static [Step],
    /// Where its state stands in the job.
    state: &'static [&'static str],
    /// The states it ends well in.
    done: &'static [&'static str],
    /// The states it ends badly in.
    failed: &'static [&'static str],
    /// The member that the result wraps the job in; none where the result is the job.
    wrapped: Option<&'static str>,
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// The response to the submission.
    Response(&'static [Step]),
    /// The same, as the only element of a list.
    ListOfResponse(&'static [Step]),
    /// The parameters of the submission; left out when they lack it.
    Parameters(&'static str),
}

/// A step into JSON.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A member.
    To(&'static str),
    /// The first element.
    First,
}

use Origin::{ListOfResponse, Parameters, Response};
use Step::{First, To};

const JOBS: &[Following] = &[
    Following {
        service: "athena",
        action: "startQueryExecution",
        describe: "getQueryExecution",
        by: &[("QueryExecutionId", Response(&[To("QueryExecutionId")]))],
        job: &[To("QueryExecution")],
        state: &["Status", "State"],
        done: &["SUCCEEDED"],
        failed: &["FAILED", "CANCELLED"],
        wrapped: Some("QueryExecution"),
    },
    Following {
        service: "batch",
        action: "submitJob",
        describe: "describeJobs",
        by: &[("Jobs", ListOfResponse(&[To("JobId")]))],
        job: &[To("Jobs"), First],
        state: &["Status"],
        done: &["SUCCEEDED"],
        failed: &["FAILED"],
        wrapped: None,
    },
    Following {
        service: "bedrock",
        action: "createModelCustomizationJob",
        describe: "getModelCustomizationJob",
        by: &[("JobIdentifier", Response(&[To("JobArn")]))],
        job: &[],
        state: &["Status"],
        done: &["Completed"],
        failed: &["Failed", "Stopped"],
        wrapped: None,
    },
    Following {
        service: "codebuild",
        action: "startBuild",
        describe: "batchGetBuilds",
        by: &[("Ids", ListOfResponse(&[To("Build"), To("Id")]))],
        job: &[To("Builds"), First],
        state: &["BuildStatus"],
        done: &["SUCCEEDED"],
        failed: &["FAILED", "FAULT", "TIMED_OUT", "STOPPED"],
        wrapped: Some("Build"),
    },
    Following {
        service: "codebuild",
        action: "startBuildBatch",
        describe: "batchGetBuildBatches",
        by: &[("Ids", ListOfResponse(&[To("BuildBatch"), To("Id")]))],
        job: &[To("BuildBatches"), First],
        state: &["BuildBatchStatus"],
        done: &["SUCCEEDED"],
        failed: &["FAILED", "FAULT", "TIMED_OUT", "STOPPED"],
        wrapped: Some("BuildBatch"),
    },
    Following {
        service: "codebuild",
        action: "retryBuildBatch",
        describe: "batchGetBuildBatches",
        by: &[("Ids", ListOfResponse(&[To("BuildBatch"), To("Id")]))],
        job: &[To("BuildBatches"), First],
        state: &["BuildBatchStatus"],
        done: &["SUCCEEDED"],
        failed: &["FAILED", "FAULT", "TIMED_OUT", "STOPPED"],
        wrapped: Some("BuildBatch"),
    },
    Following {
        service: "databrew",
        action: "startJobRun",
        describe: "describeJobRun",
        by: &[("Name", Parameters("Name")), ("RunId", Response(&[To("RunId")]))],
        job: &[],
        state: &["State"],
        done: &["SUCCEEDED"],
        failed: &["FAILED", "STOPPED", "TIMEOUT"],
        wrapped: None,
    },
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
        failed: &[],
        wrapped: None,
    },
    Following {
        service: "eks",
        action: "createCluster",
        describe: "describeCluster",
        by: &[("Name", Parameters("Name"))],
        job: &[To("Cluster")],
        state: &["Status"],
        done: &["ACTIVE"],
        failed: &["FAILED"],
        wrapped: Some("Cluster"),
    },
    Following {
        service: "eks",
        action: "createNodegroup",
        describe: "describeNodegroup",
        by: &[
            ("ClusterName", Parameters("ClusterName")),
            ("NodegroupName", Parameters("NodegroupName")),
        ],
        job: &[To("Nodegroup")],
        state: &["Status"],
        done: &["ACTIVE"],
        failed: &["CREATE_FAILED", "DEGRADED"],
        wrapped: Some("Nodegroup"),
    },
    Following {
        service: "elasticmapreduce",
        action: "createCluster",
        describe: "describeCluster",
        by: &[("ClusterId", Response(&[To("JobFlowId")]))],
        job: &[To("Cluster")],
        state: &["Status", "State"],
        done: &["WAITING", "TERMINATED"],
        failed: &["TERMINATED_WITH_ERRORS"],
        wrapped: Some("Cluster"),
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
        wrapped: None,
    },
    Following {
        service: "emr-serverless",
        action: "startJobRun",
        describe: "getJobRun",
        by: &[
            ("ApplicationId", Response(&[To("ApplicationId")])),
            ("JobRunId", Response(&[To("JobRunId")])),
        ],
        job: &[To("JobRun")],
        state: &["State"],
        done: &["SUCCESS"],
        failed: &["FAILED", "CANCELLED"],
        wrapped: None,
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
        wrapped: None,
    },
    Following {
        service: "mediaconvert",
        action: "createJob",
        describe: "getJob",
        by: &[("Id", Response(&[To("Job"), To("Id")]))],
        job: &[To("Job")],
        state: &["Status"],
        done: &["COMPLETE"],
        failed: &["ERROR", "CANCELED"],
        wrapped: Some("Job"),
    },
    sagemaker(
        "createHyperParameterTuningJob",
        "describeHyperParameterTuningJob",
        &[(
            "HyperParameterTuningJobName",
            Parameters("HyperParameterTuningJobName"),
        )],
        &["HyperParameterTuningJobStatus"],
    ),
    sagemaker(
        "createLabelingJob",
        "describeLabelingJob",
        &[("LabelingJobName", Parameters("LabelingJobName"))],
        &["LabelingJobStatus"],
    ),
    sagemaker(
        "createProcessingJob",
        "describeProcessingJob",
        &[("ProcessingJobName", Parameters("ProcessingJobName"))],
        &["ProcessingJobStatus"],
    ),
    sagemaker(
        "createTrainingJob",
        "describeTrainingJob",
        &[("TrainingJobName", Parameters("TrainingJobName"))],
        &["TrainingJobStatus"],
    ),
    sagemaker(
        "createTransformJob",
        "describeTransformJob",
        &[("TransformJobName", Parameters("TransformJobName"))],
        &["TransformJobStatus"],
    ),
];

const fn sagemaker(
    action: &'static str,
    describe: &'static str,
    by: &'static [(&'static str, Origin)],
    state: &'static [&'static str],
) -> Following {
    Following {
        service: "sagemaker",
        action,
        describe,
        by,
        job: &[],
        state,
        done: &["Completed"],
        failed: &["Failed", "Stopped"],
        wrapped: None,
    }
}

/// How a job that this action starts is followed; none when it is not known here.
pub(super) fn find(service: &str, action: &str) -> Option<&'static Following> {
    JOBS.iter()
        .find(|following| following.service == service && following.action == action)
}

/// What a description says of a job.
#[derive(Debug, PartialEq)]
enum Stand {
    Running,
    Over { well: bool, job: Json },
}

impl Following {
    /// Submits a job, says so, and waits for its end. A job that is handed over again after a crash is submitted again, with the
    /// same token where its service knows one.
    pub(super) async fn run(
        &self,
        optimised: &Optimised,
        caller: &Caller,
        parameters: &Payload,
        context: &TaskContext,
        circumstances: Circumstances<'_>,
    ) -> Result<Payload, TaskError> {
        let parameters = parameters.json();
        let response = optimised.call(caller, parameters, context, circumstances).await?;
        context.progress.submitted(response.clone());
        let by = self
            .parameters(parameters, response.json())
            .ok_or_else(|| errors::fail("States.TaskFailed", response.text().to_string()))?;
        let describe = Action::find(optimised.action.service.name, self.describe)
            .ok_or_else(|| errors::fail("States.Runtime", format!("no action `{}`", self.describe)))?;
        let mut wait_ms = JOB_POLL_MS_FIRST;
        loop {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            let described = describe
                .call(caller, &by, circumstances, &optimised.wording)
                .await?;
            if let Stand::Over { well, job } = self.stand(&described.response.into()) {
                let shown = match self.wrapped {
                    Some(name) => Object::from_iter([(name.into(), job)]),
                    None => job.as_object().cloned().unwrap_or_default(),
                };
                if well {
                    return within_limit(shown, self.service);
                }
                return Err(errors::fail("States.TaskFailed", Json::from(shown).to_string()));
            }
            wait_ms = (wait_ms * 3 / 2).min(JOB_POLL_MS_MAX);
        }
    }

    /// The parameters of the description; none when the response does not say which job it is about.
    fn parameters(&self, given: &Json, response: &Json) -> Option<Json> {
        let mut by = Object::new();
        for (name, from) in self.by {
            let value = match from {
                Response(steps) => Some(at(response, steps)?),
                ListOfResponse(steps) => Some(Json::array(vec![at(response, steps)?])),
                Parameters(name) => given.get(name).cloned(),
            };
            if let Some(value) = value {
                by.insert((*name).into(), value);
            }
        }
        Some(by.into())
    }

    fn stand(&self, described: &Json) -> Stand {
        let Some(job) = at(described, self.job) else {
            return Stand::Running;
        };
        let state = self
            .state
            .iter()
            .try_fold(&job, |json, name| json.get(name))
            .and_then(Json::as_str)
            .unwrap_or_default();
        let well = if self.done.contains(&state) {
            // An ECS task only stops; how it went, its containers say.
            self.service != "ecs" || containers_went_well(&job)
        } else if self.failed.contains(&state) {
            false
        } else {
            return Stand::Running;
        };
        Stand::Over { well, job }
    }
}

/// Whether every container of an ECS task ended with 0 (developer guide, "Amazon ECS": the task fails otherwise).
fn containers_went_well(task: &Json) -> bool {
    task.get("Containers")
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .all(|container| {
            container
                .get("ExitCode")
                .and_then(Json::as_number)
                .and_then(serde_json::Number::as_i64)
                == Some(0)
        })
}

fn at(json: &Json, steps: &[Step]) -> Option<Json> {
    let found = steps.iter().try_fold(json, |json, step| match step {
        To(name) => json.get(name),
        First => json.as_array()?.first(),
    })?;
    Some(found.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        asl::json::read::read(text).unwrap()
    }

    #[test]
    fn every_job_s_actions_and_parameters_are_in_the_catalogue() {
        for job in JOBS {
            let optimised = Optimised::find(job.service, job.action).unwrap();
            let service = optimised.action.service;
            let describe = service.action(job.describe).unwrap();
            let input = service.input(describe).unwrap();
            for (name, _) in job.by {
                assert!(
                    input.member(name).is_some(),
                    "{}:{} {name}",
                    job.service,
                    job.describe
                );
            }
        }
    }

    #[test]
    fn a_job_is_over_when_its_state_is_final() {
        let glue = find("glue", "startJobRun").unwrap();
        let run = |state: &str| glue.stand(&json(&format!(r#"{{"JobRun": {{"JobRunState": "{state}"}}}}"#)));
        assert_eq!(run("RUNNING"), Stand::Running);
        assert!(matches!(run("SUCCEEDED"), Stand::Over { well: true, .. }));
        assert!(matches!(run("TIMEOUT"), Stand::Over { well: false, .. }));
        assert_eq!(glue.stand(&json("{}")), Stand::Running);
    }

    #[test]
    fn an_ecs_task_went_well_when_its_containers_did() {
        let ecs = find("ecs", "runTask").unwrap();
        let stopped = |code: &str| {
            ecs.stand(&json(&format!(
                r#"{{"Tasks": [{{"LastStatus": "STOPPED", "Containers": [{{"Name": "c"{code}}}]}}]}}"#
            )))
        };
        assert!(matches!(
            stopped(r#", "ExitCode": 0"#),
            Stand::Over { well: true, .. }
        ));
        assert!(matches!(
            stopped(r#", "ExitCode": 1"#),
            Stand::Over { well: false, .. }
        ));
        // It never ran.
        assert!(matches!(stopped(""), Stand::Over { well: false, .. }));
    }

    #[test]
    fn the_description_is_asked_for_by_what_the_submission_said() {
        let ecs = find("ecs", "runTask").unwrap();
        let by = ecs.parameters(
            &json(r#"{"Cluster": "c", "TaskDefinition": "d"}"#),
            &json(r#"{"Tasks": [{"TaskArn": "t"}], "Failures": []}"#),
        );
        assert_eq!(by.unwrap().to_string(), r#"{"Cluster":"c","Tasks":["t"]}"#);
        assert_eq!(
            ecs.parameters(&json("{}"), &json(r#"{"Tasks": [], "Failures": [{}]}"#)),
            None
        );
    }
}
