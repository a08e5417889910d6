//! Every optimised integration of AWS's list: that it reaches its service, and that its job is followed to its end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use catalogue::{Action, Integration, Pattern, Scalar, Service, Shape, ShapeId};
use serde_json::{Map, Value, json};
use signalbox_engine::integrations::config::{Endpoints, HttpTasks, IntegrationsConfig};

use crate::harness::{Api, Scripted, Sent, failure, output};

fn at(url: &str) -> IntegrationsConfig {
    IntegrationsConfig {
        endpoints: Endpoints {
            general: Some(url.to_owned()),
            ..Endpoints::default()
        },
        http_tasks: HttpTasks {
            private_addresses: true,
        },
        ..IntegrationsConfig::default()
    }
}

/// Something that a shape takes.
fn sample(service: &Service, shape: ShapeId, depth: usize) -> Value {
    match service.shape(shape) {
        Shape::Scalar(Scalar::Boolean) => json!(true),
        Shape::Scalar(Scalar::Integer | Scalar::Long | Scalar::Float | Scalar::Double) => json!(1),
        Shape::Scalar(scalar) if scalar.is_timestamp() => json!("2026-01-15T10:00:00Z"),
        Shape::Scalar(_) => json!("http://x/y"),
        Shape::List(list) => json!([sample(service, list.element, depth + 1)]),
        Shape::Map(map) => json!({"k": sample(service, map.value, depth + 1)}),
        Shape::Structure(_) if depth > 6 => json!({}),
        Shape::Structure(structure) => {
            let required = structure
                .members
                .iter()
                .filter(|member| member.is(catalogue::Trait::Required));
            required
                .map(|member| (member.name.to_owned(), sample(service, member.shape, depth + 1)))
                .collect::<Map<_, _>>()
                .into()
        }
    }
}

/// Parameters with all that an action wants.
fn parameters(integration: &Integration, action: &Action) -> Value {
    let model = integration.model(action);
    let required = integration.required(action).into_iter().map(|name| {
        let known = model.and_then(|(service, operation)| {
            let member = service.input(operation)?.member(name)?;
            Some(sample(service, member.shape, 0))
        });
        (name.to_owned(), known.unwrap_or_else(|| own(name)))
    });
    required.collect::<Map<_, _>>().into()
}

/// A parameter of Step Functions' own.
fn own(name: &str) -> Value {
    match name {
        "TerminationProtected" => json!(true),
        "Step" => json!({"Name": "s", "HadoopJarStep": {"Jar": "j"}}),
        "InstanceFleet" => json!({"TargetOnDemandCapacity": 2}),
        "InstanceGroup" => json!({"InstanceCount": 2}),
        _ => json!("x"),
    }
}

#[tokio::test]
async fn every_action_reaches_its_service() {
    let service = Scripted::start(|sent: &Sent| {
        if sent.is("ListInstanceFleets") {
            (
                200,
                json!({"InstanceFleets": [{"Id": "if-1", "Name": "x"}]}).to_string(),
            )
        } else if sent.is("ListInstanceGroups") {
            (
                200,
                json!({"InstanceGroups": [{"Id": "ig-1", "Name": "x"}]}).to_string(),
            )
        } else if sent.body.contains("Action=") {
            (200, "<R><Result></Result></R>".to_owned())
        } else {
            (200, "{}".to_owned())
        }
    })
    .await;
    let api = Api::start(at(&service.url)).await;
    let elsewhere = ["apigateway", "http", "lambda", "states", "bedrock-agentcore"];
    let mut called = 0;
    for integration in catalogue::integrations() {
        if elsewhere.contains(&integration.service) {
            continue;
        }
        for action in integration.actions {
            let name = format!("{}:{}", integration.service, action.name);
            if matches!(name.as_str(), "eks:call" | "eks:runJob" | "bedrock:invokeModel") {
                continue;
            }
            let task = json!({
                "Resource": format!("arn:aws:states:::{name}"),
                "Parameters": parameters(integration, action),
            });
            let before = service.sent().len();
            let described = api.run_task(&name.replace(':', "-"), task, json!({})).await;
            assert_eq!(described["status"], "SUCCEEDED", "{name}: {described}");
            assert!(service.sent().len() > before, "{name}");
            called += 1;
        }
    }
    assert!(called > 45, "{called}");
}

/// A `.sync` task: what is submitted, the service's answer, what it says of the job then, and where that is in the result.
type Row = (&'static str, Value, Value, Value, &'static str);

#[expect(clippy::too_many_lines, reason = "a table")]
fn rows() -> Vec<Row> {
    let cluster = json!({"Name": "c", "RoleArn": "r", "ResourcesVpcConfig": {}});
    let application = |state: &str| json!({"application": {"applicationId": "a", "state": state}});
    let named = |name: &str, state: &str| json!({name: state});
    vec![
        (
            "athena:startQueryExecution",
            json!({"QueryString": "q"}),
            json!({"QueryExecutionId": "q"}),
            json!({"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}),
            "/QueryExecution/Status/State",
        ),
        (
            "batch:submitJob",
            json!({"JobName": "n", "JobQueue": "q", "JobDefinition": "d"}),
            json!({"jobId": "j"}),
            json!({"jobs": [{"jobId": "j", "status": "SUCCEEDED"}]}),
            "/Status",
        ),
        (
            "bedrock:createModelCustomizationJob",
            json!({"JobName": "j", "CustomModelName": "m", "RoleArn": "r",
            "BaseModelIdentifier": "b", "TrainingDataConfig": {"S3Uri": "s"}, "OutputDataConfig": {"S3Uri": "s"}}),
            json!({"jobArn": "a"}),
            json!({"jobArn": "a", "status": "Completed"}),
            "/Status",
        ),
        (
            "codebuild:startBuild",
            json!({"ProjectName": "p"}),
            json!({"build": {"id": "b"}}),
            json!({"builds": [{"id": "b", "buildStatus": "SUCCEEDED"}]}),
            "/Build/BuildStatus",
        ),
        (
            "codebuild:startBuildBatch",
            json!({"ProjectName": "p"}),
            json!({"buildBatch": {"id": "b"}}),
            json!({"buildBatches": [{"id": "b", "buildBatchStatus": "SUCCEEDED"}]}),
            "/BuildBatch/BuildBatchStatus",
        ),
        (
            "codebuild:retryBuildBatch",
            json!({"Id": "b"}),
            json!({"buildBatch": {"id": "b"}}),
            json!({"buildBatches": [{"id": "b", "buildBatchStatus": "SUCCEEDED"}]}),
            "/BuildBatch/BuildBatchStatus",
        ),
        (
            "databrew:startJobRun",
            json!({"Name": "n"}),
            json!({"RunId": "r"}),
            json!({"RunId": "r", "State": "SUCCEEDED"}),
            "/State",
        ),
        (
            "ecs:runTask",
            json!({"TaskDefinition": "d"}),
            json!({"tasks": [{"taskArn": "t"}]}),
            json!({"tasks": [{"taskArn": "t", "lastStatus": "STOPPED", "containers": [{"exitCode": 0}]}]}),
            "/LastStatus",
        ),
        (
            "eks:createCluster",
            cluster,
            json!({"cluster": {"name": "c"}}),
            json!({"cluster": {"name": "c", "status": "ACTIVE"}}),
            "/Cluster/Status",
        ),
        (
            "eks:createNodegroup",
            json!({"ClusterName": "c", "NodegroupName": "n", "Subnets": [], "NodeRole": "r"}),
            json!({}),
            json!({"nodegroup": {"status": "ACTIVE"}}),
            "/Nodegroup/Status",
        ),
        (
            "eks:createFargateProfile",
            json!({"ClusterName": "c", "FargateProfileName": "f", "PodExecutionRoleArn": "r"}),
            json!({}),
            json!({"fargateProfile": {"status": "ACTIVE"}}),
            "/FargateProfile/Status",
        ),
        (
            "elasticmapreduce:createCluster",
            json!({"Name": "c", "Instances": {}}),
            json!({"JobFlowId": "j"}),
            json!({"Cluster": {"Status": {"State": "WAITING"}}}),
            "/ClusterId",
        ),
        (
            "elasticmapreduce:terminateCluster",
            json!({"ClusterId": "j"}),
            json!({}),
            json!({"Cluster": {"Status": {"State": "TERMINATED"}}}),
            "/Cluster/Status/State",
        ),
        (
            "elasticmapreduce:addStep",
            json!({"ClusterId": "j", "Step": {"Name": "s", "HadoopJarStep": {"Jar": "j"}}}),
            json!({"StepIds": ["s"]}),
            json!({"Step": {"Id": "s", "Status": {"State": "COMPLETED"}}}),
            "/Step/Status/State",
        ),
        (
            "emr-containers:startJobRun",
            json!({"VirtualClusterId": "v"}),
            json!({"id": "j", "virtualClusterId": "v"}),
            json!({"jobRun": {"id": "j", "state": "COMPLETED"}}),
            "/State",
        ),
        (
            "emr-containers:deleteVirtualCluster",
            json!({"Id": "v"}),
            json!({"id": "v"}),
            json!({"virtualCluster": {"id": "v", "state": "TERMINATED"}}),
            "/State",
        ),
        (
            "emr-serverless:createApplication",
            json!({"ReleaseLabel": "r", "Type": "SPARK"}),
            json!({"applicationId": "a"}),
            application("CREATED"),
            "/Application/State",
        ),
        (
            "emr-serverless:startApplication",
            json!({"ApplicationId": "a"}),
            json!({}),
            application("STARTED"),
            "/Application/State",
        ),
        (
            "emr-serverless:stopApplication",
            json!({"ApplicationId": "a"}),
            json!({}),
            application("STOPPED"),
            "/Application/State",
        ),
        (
            "emr-serverless:deleteApplication",
            json!({"ApplicationId": "a"}),
            json!({}),
            application("TERMINATED"),
            "/Application/State",
        ),
        (
            "emr-serverless:startJobRun",
            json!({"ApplicationId": "a", "ExecutionRoleArn": "r"}),
            json!({"applicationId": "a", "jobRunId": "j"}),
            json!({"jobRun": {"jobRunId": "j", "state": "SUCCESS"}}),
            "/State",
        ),
        (
            "emr-serverless:cancelJobRun",
            json!({"ApplicationId": "a", "JobRunId": "j"}),
            json!({"applicationId": "a", "jobRunId": "j"}),
            json!({"jobRun": {"jobRunId": "j", "state": "CANCELLED"}}),
            "/State",
        ),
        (
            "glue:startJobRun",
            json!({"JobName": "n"}),
            json!({"JobRunId": "j"}),
            json!({"JobRun": {"JobRunState": "SUCCEEDED"}}),
            "/JobRunState",
        ),
        (
            "mediaconvert:createJob",
            json!({"Role": "r", "Settings": {}}),
            json!({"job": {"id": "j"}}),
            json!({"job": {"id": "j", "status": "COMPLETE"}}),
            "/Job/Status",
        ),
        (
            "sagemaker:createHyperParameterTuningJob",
            json!({"HyperParameterTuningJobName": "n", "HyperParameterTuningJobConfig": {}}),
            json!({}),
            named("HyperParameterTuningJobStatus", "Completed"),
            "/HyperParameterTuningJobStatus",
        ),
        (
            "sagemaker:createLabelingJob",
            json!({"LabelingJobName": "n", "LabelAttributeName": "l", "InputConfig": {},
            "OutputConfig": {}, "RoleArn": "r", "HumanTaskConfig": {}}),
            json!({}),
            named("LabelingJobStatus", "Completed"),
            "/LabelingJobStatus",
        ),
        (
            "sagemaker:createProcessingJob",
            json!({"ProcessingJobName": "n", "ProcessingResources": {}, "AppSpecification": {},
            "RoleArn": "r"}),
            json!({}),
            named("ProcessingJobStatus", "Completed"),
            "/ProcessingJobStatus",
        ),
        (
            "sagemaker:createTrainingJob",
            json!({"TrainingJobName": "n", "RoleArn": "r", "OutputDataConfig": {}, "ResourceConfig": {},
            "StoppingCondition": {}, "AlgorithmSpecification": {}}),
            json!({}),
            named("TrainingJobStatus", "Completed"),
            "/TrainingJobStatus",
        ),
        (
            "sagemaker:createTransformJob",
            json!({"TransformJobName": "n", "ModelName": "m", "TransformInput": {},
            "TransformOutput": {}, "TransformResources": {}}),
            json!({}),
            named("TransformJobStatus", "Completed"),
            "/TransformJobStatus",
        ),
    ]
}

#[tokio::test]
async fn every_job_is_followed_to_its_end() {
    let answers = Arc::<Mutex<VecDeque<Value>>>::default();
    let next = Arc::clone(&answers);
    let service = Scripted::start(move |_: &Sent| {
        let mut answers = next.lock().unwrap();
        // The first is for the submission, the last for every look.
        let answer = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        (200, answer.unwrap().to_string())
    })
    .await;
    let api = Api::start(at(&service.url)).await;
    let rows = rows();
    for integration in catalogue::integrations() {
        for action in integration
            .actions
            .iter()
            .filter(|action| action.patterns.contains(&Pattern::Sync))
        {
            let name = format!("{}:{}", integration.service, action.name);
            let elsewhere = ["states:startExecution", "eks:runJob"].contains(&name.as_str())
                || name.starts_with("eks:delete");
            assert!(
                elsewhere || rows.iter().any(|row| row.0 == name),
                "{name} has no row"
            );
        }
    }
    for (name, parameters, submitted, described, at) in rows {
        *answers.lock().unwrap() = [submitted, described].into();
        let task = json!({"Resource": format!("arn:aws:states:::{name}.sync"), "Parameters": parameters});
        let result = output(&api.run_task(&name.replace(':', "-"), task, json!({})).await);
        assert!(
            result.pointer(at).is_some_and(Value::is_string),
            "{name}: {result}"
        );
    }
}

#[tokio::test]
async fn a_group_of_instances_is_found_by_its_name() {
    let emr = Scripted::start(|sent: &Sent| match sent.is("ListInstanceGroups") {
        true if sent.json()["Marker"] == "more" => (
            200,
            json!({"InstanceGroups": [{"Id": "ig-2", "Name": "core"}]}).to_string(),
        ),
        true => (
            200,
            json!({"InstanceGroups": [{"Id": "ig-1", "Name": "main"}], "Marker": "more"}).to_string(),
        ),
        false => (200, "{}".to_owned()),
    })
    .await;
    let api = Api::start(at(&emr.url)).await;
    let task = json!({
        "Resource": "arn:aws:states:::elasticmapreduce:modifyInstanceGroupByName",
        "Parameters": {"ClusterId": "j-1", "InstanceGroupName": "core", "InstanceGroup": {"InstanceCount": 8}},
    });
    output(&api.run_task("m", task, json!({})).await);
    assert_eq!(
        emr.of("ModifyInstanceGroups").remove(0).json(),
        json!({"ClusterId": "j-1", "InstanceGroups": [{"InstanceGroupId": "ig-2", "InstanceCount": 8}]})
    );
}

#[tokio::test]
async fn a_model_is_invoked_with_a_body() {
    let bedrock =
        Scripted::start(|_: &Sent| (200, r#"{"results": [{"outputText": "hello"}]}"#.to_owned())).await;
    let api = Api::start(at(&bedrock.url)).await;
    let task = json!({
        "Resource": "arn:aws:states:::bedrock:invokeModel",
        "Parameters": {"ModelId": "amazon.titan", "Body": {"inputText": "say it"}, "ContentType": "application/json"},
    });
    let result = output(&api.run_task("m", task, json!({})).await);
    assert_eq!(result["Body"]["results"][0]["outputText"], "hello");
    let sent = bedrock.sent().remove(0);
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str()),
        ("POST", "/model/amazon.titan/invoke")
    );
    assert_eq!(sent.json(), json!({"inputText": "say it"}));
}

#[tokio::test]
async fn a_model_s_input_and_output_are_objects() {
    let services = Scripted::start(|sent: &Sent| match (sent.method.as_str(), sent.path.as_str()) {
        ("GET", _) => (200, r#"{"inputText": "from S3"}"#.to_owned()),
        ("PUT", _) => (200, String::new()),
        _ => (200, r#"{"answer": 42}"#.to_owned()),
    })
    .await;
    let api = Api::start(at(&services.url)).await;
    let task = json!({
        "Resource": "arn:aws:states:::bedrock:invokeModel",
        "Parameters": {
            "ModelId": "m",
            "Input": {"S3Uri": "s3://in/a/b.json"},
            "Output": {"S3Uri": "s3://out/c.json"},
        },
    });
    let result = output(&api.run_task("m", task, json!({})).await);
    assert_eq!(result["Body"], "s3://out/c.json");
    let of = |method: &str| {
        services
            .sent()
            .into_iter()
            .find(|sent| sent.method == method)
            .unwrap()
    };
    assert!(of("GET").path.starts_with("/in/a/b.json"), "{}", of("GET").path);
    assert_eq!(of("POST").json(), json!({"inputText": "from S3"}));
    let put = of("PUT");
    assert!(put.path.starts_with("/out/c.json"), "{}", put.path);
    assert_eq!(put.json(), json!({"answer": 42}));
}

/// A cluster whose job ends well, with a pod of one container.
async fn cluster(conditions: Value) -> Scripted {
    Scripted::start(move |sent: &Sent| {
        let path = sent.path.split('?').next().unwrap();
        let body = match (sent.method.as_str(), path) {
            ("POST", "/apis/batch/v1/namespaces/etl/jobs") => {
                return (201, json!({"kind": "Job", "metadata": {"name": "load"}}).to_string());
            }
            ("GET", "/apis/batch/v1/namespaces/etl/jobs/load") => {
                json!({"kind": "Job", "metadata": {"name": "load"}, "status": {"conditions": conditions}})
            }
            ("GET", "/api/v1/namespaces/etl/pods") => {
                json!({"items": [{"metadata": {"name": "load-x"}, "spec": {"containers": [{"name": "main"}]}}]})
            }
            ("GET", "/api/v1/namespaces/etl/pods/load-x/log") => json!({"rows": 3}),
            ("DELETE", "/apis/batch/v1/namespaces/etl/jobs/load") => json!({}),
            _ => {
                let message = json!({"kind": "Status", "status": "Failure", "message": "Unauthorized", "code": 401});
                return (401, message.to_string());
            }
        };
        (200, body.to_string())
    })
    .await
}

fn run_job(cluster: &Scripted) -> Value {
    json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::eks:runJob.sync",
        "Parameters": {
            "ClusterName": "c", "CertificateAuthority": "", "Endpoint": cluster.url, "Namespace": "etl",
            "LogOptions": {"RetrieveLogs": true, "LogParameters": {"tailLines": ["6"]}},
            "Job": {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "load"}},
        },
        "End": true,
    })
}

#[tokio::test]
async fn a_job_of_kubernetes_is_run_and_its_logs_are_read() {
    let cluster = cluster(json!([{"type": "Complete", "status": "True"}])).await;
    let api = Api::start(at(&cluster.url)).await;
    let job = output(&api.run_task("m", run_job(&cluster), json!({})).await);
    assert_eq!(job["metadata"]["name"], "load");
    let log = &job["logs"]["pods"]["load-x"]["containers"]["main"]["log"];
    assert_eq!(*log, json!({"rows": 3}), "{job}");
    let sent = cluster.sent();
    let token = sent[0].headers["authorization"].to_str().unwrap();
    let token = token.strip_prefix("Bearer k8s-aws-v1.").unwrap();
    assert!(!token.contains('='));
    let asked = sent.iter().find(|sent| sent.path.contains("/log?")).unwrap();
    assert!(
        asked.path.ends_with("?container=main&tailLines=6"),
        "{}",
        asked.path
    );
}

#[tokio::test]
async fn a_job_of_kubernetes_that_failed_fails_the_task_and_one_that_is_cut_off_is_deleted() {
    let failed = cluster(json!([{"type": "Failed", "status": "True"}])).await;
    let api = Api::start(at(&failed.url)).await;
    let (error, cause) = failure(&api.run_task("m", run_job(&failed), json!({})).await);
    assert_eq!(error, "States.TaskFailed");
    assert!(cause.contains(r#""name":"load""#), "{cause}");
    let runs = cluster(json!([])).await;
    let mut task = run_job(&runs);
    task["TimeoutSeconds"] = json!(1);
    assert_eq!(
        failure(&api.run_task("n", task, json!({})).await).0,
        "States.Timeout"
    );
    let path = "DELETE /apis/batch/v1/namespaces/etl/jobs/load?propagationPolicy=Background";
    runs.until(path, 1).await;
}

#[tokio::test]
async fn a_refusal_of_kubernetes_is_told_as_the_guide_has_it() {
    let cluster = cluster(json!([])).await;
    let api = Api::start(at(&cluster.url)).await;
    let task = json!({
        "Resource": "arn:aws:states:::eks:call",
        "Parameters": {
            "ClusterName": "c", "CertificateAuthority": "", "Endpoint": cluster.url, "Method": "GET", "Path": "/api/v1/nodes",
            "QueryParameters": {"labelSelector": ["a=b"]},
        },
    });
    let (error, cause) = failure(&api.run_task("m", task, json!({})).await);
    assert_eq!(error, "EKS.401");
    let cause: Value = serde_json::from_str(&cause).unwrap();
    assert_eq!(
        (&cause["StatusCode"], &cause["StatusText"]),
        (&json!(401), &json!("Unauthorized"))
    );
    assert_eq!(cluster.sent()[0].path, "/api/v1/nodes?labelSelector=a%3Db");
}
