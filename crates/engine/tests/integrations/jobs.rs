//! `.sync` jobs: followed over a crash, stopped when nobody waits for them, told of as AWS tells of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use signalbox_engine::integrations::config::{Endpoints, IntegrationsConfig};

use crate::harness::{Api, NEVER, Scripted, Sent, failure, output};

/// Everything at one stand-in.
fn at(service: &Scripted) -> IntegrationsConfig {
    IntegrationsConfig {
        endpoints: Endpoints {
            general: Some(service.url.clone()),
            ..Endpoints::default()
        },
        ..IntegrationsConfig::default()
    }
}

/// Glue, whose runs go on until they are let go; then they are in the state given.
async fn glue(state: &'static str) -> (Scripted, Arc<AtomicBool>) {
    let over = Arc::<AtomicBool>::default();
    let is_over = Arc::clone(&over);
    let glue = Scripted::start(move |sent: &Sent| {
        let body = if sent.is("StartJobRun") {
            json!({"JobRunId": "jr_1"})
        } else if sent.is("GetJobRun") {
            let state = if is_over.load(Ordering::SeqCst) {
                state
            } else {
                "RUNNING"
            };
            json!({"JobRun": {"Id": "jr_1", "JobName": "etl", "JobRunState": state, "ExecutionTime": 3}})
        } else {
            json!({"SuccessfulSubmissions": [{"JobName": "etl", "JobRunId": "jr_1"}]})
        };
        (200, body.to_string())
    })
    .await;
    (glue, over)
}

fn glue_task() -> Value {
    json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Parameters": {"JobName": "etl", "Arguments": {"--day": "monday"}},
        "End": true,
    })
}

#[tokio::test]
async fn a_job_s_events_are_aws_s() {
    let (glue, over) = glue("SUCCEEDED").await;
    over.store(true, Ordering::SeqCst);
    let api = Api::start(at(&glue)).await;
    let machine = api.machine("m", "T", json!({"T": glue_task()})).await;
    let execution = api.begin(&machine, json!({})).await;
    let run = output(&api.closed(&execution).await);
    assert_eq!(run["JobRunState"], "SUCCEEDED");
    let history = api.history(&execution).await;
    let types: Vec<_> = history
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let submitted = &history[4]["taskSubmittedEventDetails"];
    assert_eq!(
        (&submitted["resourceType"], &submitted["resource"]),
        (&json!("glue"), &json!("startJobRun.sync"))
    );
    let response: Value = serde_json::from_str(submitted["output"].as_str().unwrap()).unwrap();
    assert_eq!(response["JobRunId"], "jr_1");
    assert_eq!(response["SdkHttpMetadata"]["HttpStatusCode"], 200);
}

#[tokio::test]
async fn a_job_that_failed_fails_the_task_with_its_description() {
    let (glue, over) = glue("TIMEOUT").await;
    over.store(true, Ordering::SeqCst);
    let api = Api::start(at(&glue)).await;
    let (error, cause) = failure(&api.run_task("m", glue_task(), json!({})).await);
    assert_eq!(error, "States.TaskFailed");
    let run: Value = serde_json::from_str(&cause).unwrap();
    assert_eq!(
        (&run["Id"], &run["JobRunState"]),
        (&json!("jr_1"), &json!("TIMEOUT"))
    );
}

#[tokio::test]
async fn a_job_that_was_submitted_is_followed_after_a_crash_and_not_submitted_again() {
    let (glue, over) = glue("SUCCEEDED").await;
    let api = Api::start(at(&glue)).await;
    let machine = api.machine("m", "T", json!({"T": glue_task()})).await;
    let execution = api.begin(&machine, json!({})).await;
    api.event(&execution, "TaskSubmitted").await;
    let api = api.kill_and_restart().await;
    let looks = glue.of("GetJobRun").len();
    glue.until("GetJobRun", looks + 1).await;
    over.store(true, Ordering::SeqCst);
    output(&api.closed(&execution).await);
    assert_eq!(glue.of("StartJobRun").len(), 1);
    assert!(glue.of("BatchStopJobRun").is_empty());
    let submitted = api.history(&execution).await;
    let submitted = submitted.iter().filter(|event| event["type"] == "TaskSubmitted");
    assert_eq!(submitted.count(), 1);
}

#[tokio::test]
async fn a_submission_whose_answer_was_lost_is_made_again_with_the_same_token() {
    let answers = Arc::<AtomicBool>::default();
    let may_answer = Arc::clone(&answers);
    let athena = Scripted::start(move |sent: &Sent| {
        if !sent.is("StartQueryExecution") {
            return (
                200,
                json!({"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}).to_string(),
            );
        }
        // The engine dies before it hears.
        let status = if may_answer.load(Ordering::SeqCst) {
            200
        } else {
            NEVER
        };
        (status, json!({"QueryExecutionId": "q-1"}).to_string())
    })
    .await;
    let api = Api::start(at(&athena)).await;
    let task = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
        "Parameters": {"QueryString": "select 1", "WorkGroup": "w"},
        "End": true,
    });
    let machine = api.machine("m", "T", json!({"T": task})).await;
    let execution = api.begin(&machine, json!({})).await;
    athena.until("StartQueryExecution", 1).await;
    answers.store(true, Ordering::SeqCst);
    let api = api.kill_and_restart().await;
    output(&api.closed(&execution).await);
    let sent = athena.of("StartQueryExecution");
    let tokens: std::collections::BTreeSet<String> = sent
        .iter()
        .map(|sent| sent.json()["ClientRequestToken"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((sent.len(), tokens.len()), (2, 1), "{sent:?}");
}

#[tokio::test]
async fn a_job_is_stopped_when_its_task_times_out() {
    let (glue, _) = glue("SUCCEEDED").await;
    let api = Api::start(at(&glue)).await;
    let mut task = glue_task();
    task["TimeoutSeconds"] = json!(1);
    let (error, _) = failure(&api.run_task("m", task, json!({})).await);
    assert_eq!(error, "States.Timeout");
    let stopped = glue.until("BatchStopJobRun", 1).await;
    assert_eq!(
        stopped[0].json(),
        json!({"JobName": "etl", "JobRunIds": ["jr_1"]})
    );
}

#[tokio::test]
async fn a_job_is_stopped_with_its_execution() {
    let (glue, _) = glue("SUCCEEDED").await;
    let api = Api::start(at(&glue)).await;
    let machine = api.machine("m", "T", json!({"T": glue_task()})).await;
    let execution = api.begin(&machine, json!({})).await;
    api.event(&execution, "TaskSubmitted").await;
    api.ok("StopExecution", json!({"executionArn": execution})).await;
    glue.until("BatchStopJobRun", 1).await;
}

#[tokio::test]
async fn a_job_that_was_submitted_before_a_crash_is_stopped_after_it() {
    let (glue, _) = glue("SUCCEEDED").await;
    let api = Api::start(at(&glue)).await;
    let machine = api.machine("m", "T", json!({"T": glue_task()})).await;
    let execution = api.begin(&machine, json!({})).await;
    api.event(&execution, "TaskSubmitted").await;
    let api = api.kill_and_restart().await;
    api.ok("StopExecution", json!({"executionArn": execution})).await;
    glue.until("BatchStopJobRun", 1).await;
    assert_eq!(glue.of("StartJobRun").len(), 1);
}

#[tokio::test]
async fn a_job_is_stopped_when_a_sibling_fails() {
    let (glue, _) = glue("SUCCEEDED").await;
    let api = Api::start(at(&glue)).await;
    let both = json!({"P": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "T", "States": {"T": glue_task()}},
        {"StartAt": "W", "States": {
            "W": {"Type": "Wait", "Seconds": 2, "Next": "F"},
            "F": {"Type": "Fail", "Error": "Enough"},
        }},
    ]}});
    let machine = api.machine("m", "P", both).await;
    let execution = api.begin(&machine, json!({})).await;
    api.event(&execution, "TaskSubmitted").await;
    assert_eq!(failure(&api.closed(&execution).await).0, "Enough");
    glue.until("BatchStopJobRun", 1).await;
}

#[tokio::test]
async fn a_look_that_fails_is_not_the_job_s_end() {
    let stumbles = Arc::<AtomicBool>::default();
    let stumbled = Arc::clone(&stumbles);
    let batch = Scripted::start(move |sent: &Sent| {
        if sent.path.ends_with("/submitjob") {
            (200, json!({"jobId": "j-1", "jobName": "n"}).to_string())
        } else if !stumbled.swap(true, Ordering::SeqCst) {
            (500, json!({"message": "try later"}).to_string())
        } else {
            (
                200,
                json!({"jobs": [{"jobId": "j-1", "status": "SUCCEEDED"}]}).to_string(),
            )
        }
    })
    .await;
    let api = Api::start(at(&batch)).await;
    let task = json!({
        "Resource": "arn:aws:states:::batch:submitJob.sync",
        "Parameters": {"JobName": "n", "JobQueue": "q", "JobDefinition": "d"},
    });
    let job = output(&api.run_task("m", task, json!({})).await);
    assert_eq!(job["JobId"], "j-1");
    assert!(stumbles.load(Ordering::SeqCst));
}

#[tokio::test]
async fn what_is_deleted_is_over_when_the_service_does_not_know_it() {
    let eks = Scripted::start(|sent: &Sent| match sent.method.as_str() {
        "DELETE" => (
            200,
            json!({"cluster": {"name": "c", "status": "DELETING"}}).to_string(),
        ),
        _ => (
            404,
            json!({"__type": "ResourceNotFoundException", "message": "No cluster found for name: c."})
                .to_string(),
        ),
    })
    .await;
    let api = Api::start(at(&eks)).await;
    let task = json!({"Resource": "arn:aws:states:::eks:deleteCluster.sync", "Parameters": {"Name": "c"}});
    output(&api.run_task("m", task, json!({})).await);
}

#[tokio::test]
async fn a_step_of_emr_is_followed_and_cancelled() {
    let emr = Scripted::start(|sent: &Sent| {
        let body = if sent.is("AddJobFlowSteps") {
            json!({"StepIds": ["s-1"]})
        } else if sent.is("DescribeStep") {
            json!({"Step": {"Id": "s-1", "Status": {"State": "RUNNING"}}})
        } else {
            json!({"CancelStepsInfoList": [{"StepId": "s-1", "Status": "SUBMITTED"}]})
        };
        (200, body.to_string())
    })
    .await;
    let api = Api::start(at(&emr)).await;
    let task = json!({"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::elasticmapreduce:addStep.sync",
        "Parameters": {"ClusterId": "j-1", "Step": {"Name": "one", "HadoopJarStep": {"Jar": "command-runner.jar"}}}});
    let machine = api.machine("m", "T", json!({"T": task})).await;
    let execution = api.begin(&machine, json!({})).await;
    emr.until("DescribeStep", 1).await;
    let sent = emr.of("AddJobFlowSteps").remove(0).json();
    assert_eq!(
        sent,
        json!({"JobFlowId": "j-1", "Steps": [{"Name": "one", "HadoopJarStep": {"Jar": "command-runner.jar"}}]})
    );
    api.ok("StopExecution", json!({"executionArn": execution})).await;
    let cancelled = emr.until("CancelSteps", 1).await.remove(0).json();
    assert_eq!(cancelled, json!({"ClusterId": "j-1", "StepIds": ["s-1"]}));
}

#[tokio::test]
async fn a_job_that_its_service_refuses_was_not_submitted() {
    let glue = Scripted::start(|_: &Sent| {
        let refusal = json!({"__type": "ConcurrentRunsExceededException", "message": "Concurrent runs exceeded for etl"});
        (400, refusal.to_string())
    })
    .await;
    let api = Api::start(at(&glue)).await;
    let machine = api.machine("m", "T", json!({"T": glue_task()})).await;
    let execution = api.begin(&machine, json!({})).await;
    assert_eq!(
        failure(&api.closed(&execution).await).0,
        "Glue.ConcurrentRunsExceededException"
    );
    let event = api.event(&execution, "TaskSubmitFailed").await;
    let details = &event["taskSubmitFailedEventDetails"];
    assert_eq!(
        (&details["resourceType"], &details["resource"], &details["error"]),
        (
            &json!("glue"),
            &json!("startJobRun.sync"),
            &json!("Glue.ConcurrentRunsExceededException")
        )
    );
    let cause = details["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("Concurrent runs exceeded for etl (Service: AWSGlue; Status Code: 400; Error Code: ConcurrentRunsExceededException;"),
        "{cause}"
    );
}
