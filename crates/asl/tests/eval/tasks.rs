//! Tasks: what is scheduled, what answers leave in the history, timeouts and heartbeats, tokens.

use asl::eval::{Event, Pattern, Resource, TaskId, TimerId};
use asl::json::Payload;
use asl::limits::Limits;

use crate::harness::{ACTIVITY, Answer, Driver, LAMBDA, START_MS, one, run, run_within};

fn task(resource: &str, members: &str) -> String {
    one(&format!(r#""Type":"Task","Resource":"{resource}",{members}"#))
}

#[test]
fn a_function_by_its_arn_has_events_of_its_own() {
    let run = run(&task(LAMBDA, ""), r#"{"a": 1}"#, &[Answer::Output(r#"{"b": 2}"#)]);
    assert_eq!(run.output(), r#"{"b": 2}"#, "the answer's text stays");
    assert_eq!(
        run.lines().split_off(1),
        [
            "2 <- 0 TaskStateEntered",
            "3 <- 2 LambdaFunctionScheduled",
            "4 <- 3 LambdaFunctionStarted",
            "5 <- 4 LambdaFunctionSucceeded",
            "6 <- 5 TaskStateExited",
            "7 <- 6 ExecutionSucceeded"
        ]
    );
    assert_eq!(
        run.wire(3)["lambdaFunctionScheduledEventDetails"],
        serde_json::json!({"resource": LAMBDA, "input": "{\"a\": 1}", "inputDetails": {"truncated": false}})
    );
}

#[test]
fn a_service_shows_its_resource_region_and_parameters() {
    let run = run(
        &task(
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            r#""TimeoutSeconds":60,"HeartbeatSeconds":10,"Parameters":{"Token.$":"$$.Task.Token"}"#,
        ),
        "{}",
        &[Answer::Submitted(r#"{"MessageId":"1"}"#, r#""done""#)],
    );
    assert_eq!(run.output(), r#""done""#);
    assert_eq!(
        run.lines().split_off(2),
        [
            "3 <- 2 TaskScheduled",
            "4 <- 3 TaskStarted",
            "5 <- 4 TaskSubmitted",
            "6 <- 5 TaskSucceeded",
            "7 <- 6 TaskStateExited",
            "8 <- 7 ExecutionSucceeded"
        ]
    );
    assert_eq!(
        run.wire(3)["taskScheduledEventDetails"],
        serde_json::json!({"resourceType": "sqs", "resource": "sendMessage.waitForTaskToken", "region": "eu-central-1",
            "parameters": "{\"Token\":\"token-1\"}", "timeoutInSeconds": 60, "heartbeatInSeconds": 10})
    );
    let call = run.calls.first().unwrap();
    assert_eq!(call.token.as_deref(), Some("token-1"));
    assert_eq!(call.scheduled_event_id, 3);
}

#[test]
fn resources_are_read_apart() {
    let read = |text: &str| Resource::parse(text).unwrap();
    assert_eq!(
        read("arn:aws:states:::states:startExecution.sync:2"),
        Resource::Service {
            text: "arn:aws:states:::states:startExecution.sync:2".into(),
            service: "states".into(),
            action: "startExecution".into(),
            pattern: Pattern::Sync2
        }
    );
    assert_eq!(
        read("arn:aws:states:::aws-sdk:s3:listObjectsV2"),
        Resource::AwsSdk {
            text: "arn:aws:states:::aws-sdk:s3:listObjectsV2".into(),
            service: "s3".into(),
            action: "listObjectsV2".into(),
            pattern: Pattern::RequestResponse
        }
    );
    assert!(matches!(
        read(&format!("{LAMBDA}:1")),
        Resource::LambdaFunction { .. }
    ));
    assert!(matches!(read(ACTIVITY), Resource::Activity { .. }));
    for wrong in [
        "",
        "arn:aws:sns:eu-central-1:123456789012:topic",
        "arn:aws:states:::lambda:invoke.later",
    ] {
        assert!(Resource::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_task_that_is_silent_times_out() {
    let run = run(&task(LAMBDA, r#""TimeoutSeconds":7"#), "{}", &[Answer::Silence]);
    assert_eq!(run.failure(), ("States.Timeout".to_owned(), "-".to_owned()));
    assert_eq!(run.now_ms, START_MS + 7_000);
    assert_eq!(
        run.lines().split_off(3),
        [
            "4 <- 3 LambdaFunctionStarted",
            "5 <- 4 LambdaFunctionTimedOut",
            "6 <- 5 ExecutionFailed"
        ]
    );
    assert_eq!(run.cancelled.len(), 1);
}

#[test]
fn heartbeats_move_the_end_of_patience() {
    let run = run(
        &task(ACTIVITY, r#""HeartbeatSeconds":7"#),
        "{}",
        &[Answer::Beats(3)],
    );
    assert_eq!(run.now_ms, START_MS + 3 * 5_000 + 7_000);
    assert_eq!(
        run.failure().0,
        "States.Timeout",
        "AWS shows a missed heartbeat under this name"
    );
}

#[test]
fn a_missed_heartbeat_can_be_caught_by_its_own_name() {
    let definition = format!(
        r#"{{"StartAt":"S","States":{{"S":{{"Type":"Task","Resource":"{ACTIVITY}","HeartbeatSecondsPath":"$.h","TimeoutSeconds":60,
            "Catch":[{{"ErrorEquals":["States.HeartbeatTimeout"],"ResultPath":"$.e","Next":"C"}}],"End":true}},
            "C":{{"Type":"Pass","End":true}}}}}}"#
    );
    let run = run(&definition, r#"{"h":3}"#, &[Answer::Silence]);
    assert_eq!(
        run.output(),
        r#"{"h":3,"e":{"Error":"States.Timeout","Cause":""}}"#
    );
}

#[test]
fn an_activity_that_does_not_exist_is_never_scheduled() {
    let run = run(&task(&format!("{ACTIVITY}er"), ""), "{}", &[]);
    assert_eq!(
        crate::harness::problem(&run),
        format!("The activity {ACTIVITY}er does not exist.")
    );
    assert!(run.calls.is_empty());
    assert_eq!(run.lines().pop().unwrap(), "3 <- 2 ExecutionFailed");
}

#[test]
fn an_activity_shows_its_worker() {
    let mut driver = Driver::new(&task(ACTIVITY, ""), &[Answer::Silence]);
    driver.start("{}");
    let id = driver.calls.first().unwrap().id;
    driver.step(Event::ActivityStarted {
        id,
        worker: Some("brush".into()),
    });
    driver.step(Event::TaskSucceeded {
        id,
        output: Payload::from_text("1").unwrap(),
    });
    assert_eq!(driver.output(), "1");
    assert_eq!(
        driver.wire(4)["activityStartedEventDetails"],
        serde_json::json!({"workerName": "brush"})
    );
}

#[test]
fn late_and_foreign_answers_change_nothing() {
    let mut driver = Driver::new(&task(LAMBDA, ""), &[Answer::Silence]);
    driver.start("{}");
    let id = driver.calls.first().unwrap().id;
    let before = driver.steps.last().unwrap().frame.clone();
    for event in [
        Event::TaskSucceeded {
            id: TaskId(99),
            output: Payload::null(),
        },
        Event::Heartbeat { id: TaskId(99) },
        Event::TimerFired { id: TimerId(99) },
        Event::Redriven,
        Event::Continue,
    ] {
        driver.step(event);
        let last = driver.steps.last().unwrap();
        assert_eq!(last.frame, before);
        assert!(last.commands.is_empty() && last.history.is_empty());
    }
    driver.step(Event::TaskSucceeded {
        id,
        output: Payload::null(),
    });
    let closed = driver.steps.last().unwrap().frame.clone();
    driver.step(Event::TaskSucceeded {
        id,
        output: Payload::null(),
    });
    assert_eq!(driver.steps.last().unwrap().frame, closed);
}

#[test]
fn a_result_over_the_limit_is_the_tasks_failure() {
    let limits = Limits {
        payload_bytes_max: 10,
        ..Limits::AWS
    };
    let run = run_within(
        limits,
        &task("arn:aws:states:::lambda:invoke", r#""Parameters":{}"#),
        "{}",
        &[Answer::Output(r#""0123456789""#)],
    );
    assert_eq!(
        run.failure().1,
        "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    assert_eq!(
        run.lines().split_off(4),
        ["5 <- 4 TaskFailed", "6 <- 5 ExecutionFailed"]
    );
}

#[test]
fn credentials_show_their_role() {
    let run = run(
        &task(LAMBDA, r#""Credentials":{"RoleArn.$":"$.role"}"#),
        r#"{"role":"arn:aws:iam::1:role/x"}"#,
        &[],
    );
    assert_eq!(
        run.wire(3)["lambdaFunctionScheduledEventDetails"]["taskCredentials"],
        serde_json::json!({"roleArn": "arn:aws:iam::1:role/x"})
    );
    let credentials = run.calls.first().unwrap().credentials.clone().unwrap();
    assert_eq!(&**credentials.text(), r#"{"RoleArn":"arn:aws:iam::1:role/x"}"#);
}

#[test]
fn a_result_goes_through_selector_path_and_output_path() {
    let run = run(
        &task(
            LAMBDA,
            r#""InputPath":"$.in","Parameters":{"n.$":"$.n"},"ResultSelector":{"picked.$":"$.r"},"ResultPath":"$.out.here","OutputPath":"$.out""#,
        ),
        r#"{"in":{"n":5}}"#,
        &[Answer::Output(r#"{"r":[1]}"#)],
    );
    assert_eq!(&**run.calls.first().unwrap().parameters.text(), r#"{"n":5}"#);
    assert_eq!(run.output(), r#"{"here":{"picked":[1]}}"#);
}

#[test]
fn a_timeout_by_path_must_be_positive() {
    let run = run(&task(LAMBDA, r#""TimeoutSecondsPath":"$.t""#), r#"{"t":0}"#, &[]);
    assert_eq!(
        crate::harness::problem(&run),
        "The TimeoutSeconds must be a positive number, but was: 0"
    );
}
