//! Distributed Maps: their map run in the history, items read and batched, failures tolerated, iterations that are executions.

use asl::eval::{Event, Resource};

use crate::harness::{Answer, Driver, LAMBDA, one, problem, run};

const PASS: &str = r#""StartAt":"I","States":{"I":{"Type":"Pass","End":true}}"#;

fn map(members: &str, processor: &str) -> String {
    one(&format!(
        r#""Type":"Map",{members}"ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},{processor}}}"#
    ))
}

fn task() -> String {
    format!(r#""StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{LAMBDA}","End":true}}}}"#)
}

#[test]
fn the_history_shows_the_run_and_not_its_iterations() {
    let run = run(&map(r#""Label":"All","#, PASS), "[1, 2]", &[]);
    assert_eq!(run.output(), "[1,2]");
    assert_eq!(
        run.lines().split_off(1),
        [
            "2 <- 0 MapStateEntered",
            "3 <- 2 MapStateStarted",
            "4 <- 3 MapRunStarted",
            "5 <- 4 MapRunSucceeded",
            "6 <- 5 MapStateSucceeded",
            "7 <- 4 MapStateExited",
            "8 <- 7 ExecutionSucceeded"
        ]
    );
    assert_eq!(
        run.wire(4)["mapRunStartedEventDetails"]["mapRunArn"],
        "arn:aws:states:eu-central-1:123456789012:mapRun:Machine/All:6f1c1a52-3c5e-4d0e-9d4e-0123456789ab"
    );
}

#[test]
fn an_iteration_is_an_execution_of_its_own() {
    let run = run(
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v":1},"Next":"M"},
            "M":{"Type":"Map","Label":"All","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"},"StartAt":"I","States":{
                "I":{"Type":"Pass","Parameters":{"in.$":"$$.Execution.Input","machine.$":"$$.StateMachine.Name"},"End":true}}}}}}"#,
        r#"["x"]"#,
        &[],
    );
    let output: serde_json::Value = serde_json::from_str(&run.output()).unwrap();
    assert_eq!(output, serde_json::json!([{"in": "x", "machine": "Machine/All"}]));
}

#[test]
fn no_failure_is_tolerated_where_none_is_allowed() {
    let run = run(
        &map("", &task()),
        "[1,2,3]",
        &[Answer::Echo, Answer::Error("E", "C")],
    );
    assert_eq!(
        run.failure(),
        (
            "States.ExceedToleratedFailureThreshold".to_owned(),
            "The specified tolerated failure threshold was exceeded".to_owned()
        )
    );
    assert_eq!(
        run.lines().split_off(4),
        [
            "5 <- 4 MapRunFailed",
            "6 <- 5 MapStateFailed",
            "7 <- 6 ExecutionFailed"
        ]
    );
}

#[test]
fn failures_within_the_tolerance_are_left_out() {
    let answers = [Answer::Output("1"), Answer::Error("E", "C"), Answer::Output("3")];
    for tolerance in [
        r#""ToleratedFailureCount":1,"#,
        r#""ToleratedFailurePercentage":34,"#,
    ] {
        let run = run(
            &map(&format!(r#""MaxConcurrency":1,{tolerance}"#), &task()),
            "[1,2,3]",
            &answers,
        );
        assert_eq!(run.output(), "[1,3]", "{tolerance}");
    }
    let run = run(
        &map(r#""MaxConcurrency":1,"ToleratedFailurePercentage":33,"#, &task()),
        "[1,2,3]",
        &answers,
    );
    assert_eq!(run.failure().0, "States.ExceedToleratedFailureThreshold");
}

#[test]
fn a_percentage_may_be_a_fraction_wherever_it_comes_from() {
    let answers = [Answer::Output("1"), Answer::Error("E", "C"), Answer::Output("3")];
    let fixed = map(
        r#""MaxConcurrency":1,"ToleratedFailurePercentage":33.4,"#,
        &task(),
    );
    assert_eq!(run(&fixed, "[1,2,3]", &answers).output(), "[1,3]");
    let by_path = map(
        r#""MaxConcurrency":1,"ItemsPath":"$.i","ToleratedFailurePercentagePath":"$.t","#,
        &task(),
    );
    assert_eq!(
        run(&by_path, r#"{"i":[1,2,3],"t":33.4}"#, &answers).output(),
        "[1,3]"
    );
    assert_eq!(
        run(&by_path, r#"{"i":[1,2,3],"t":33.3}"#, &answers).failure().0,
        "States.ExceedToleratedFailureThreshold"
    );
    let computed = map(
        r#""QueryLanguage":"JSONata","MaxConcurrency":1,"Items":"{% $states.input %}","ToleratedFailurePercentage":"{% 33 + 0.4 %}","#,
        &task(),
    );
    assert_eq!(run(&computed, "[1,2,3]", &answers).output(), "[1,3]");
}

#[test]
fn a_runtime_error_fails_its_iteration_only() {
    let run = run(
        &map(
            r#""ToleratedFailureCount":1,"#,
            r#""StartAt":"I","States":{"I":{"Type":"Pass","InputPath":"$.x","End":true}}"#,
        ),
        r#"[{"x":1},{}]"#,
        &[],
    );
    assert_eq!(run.output(), "[1]");
}

#[test]
fn bad_tolerances_fail_after_the_start() {
    let run = run(
        &map(r#""ItemsPath":"$.i","ToleratedFailureCountPath":"$.t","#, PASS),
        r#"{"i":[1],"t":-1}"#,
        &[],
    );
    assert_eq!(problem(&run), "ToleratedFailureCount cannot be negative.");
    assert_eq!(run.lines().pop().unwrap(), "4 <- 3 ExecutionFailed");
}

const READER: &str = r#""ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW","MaxItemsPath":"$.most"},"Parameters":{"Bucket.$":"$.b","Key":"k"}},"#;

#[test]
fn a_reader_is_a_task_that_leaves_no_event() {
    let run = run(
        &map(READER, PASS),
        r#"{"b":"bucket","most":2}"#,
        &[Answer::Output(r#"{"Body":"a,b\n1,2\n3,4\n5,6\n"}"#)],
    );
    assert_eq!(run.output(), r#"[{"a":"1","b":"2"},{"a":"3","b":"4"}]"#);
    let call = run.calls.first().unwrap();
    assert!(
        matches!(&call.resource, Resource::AwsSdk { service, action, .. } if &**service == "s3" && &**action == "getObject")
    );
    let parameters: serde_json::Value = serde_json::from_str(call.parameters.text()).unwrap();
    assert_eq!(parameters, serde_json::json!({"Bucket": "bucket", "Key": "k"}));
    assert_eq!(run.wire(3)["mapStateStartedEventDetails"]["length"], 0);
}

#[test]
fn a_reader_that_fails_fails_the_run() {
    let run = run(
        &map(READER, PASS),
        r#"{"b":"bucket","most":2}"#,
        &[Answer::Error("S3.NoSuchKeyException", "gone")],
    );
    assert_eq!(
        run.failure(),
        ("States.ItemReaderFailed".to_owned(), "gone".to_owned())
    );
    assert_eq!(
        run.lines().split_off(4),
        [
            "5 <- 4 MapRunFailed",
            "6 <- 5 MapStateFailed",
            "7 <- 6 ExecutionFailed"
        ]
    );
}

#[test]
fn a_listing_is_read_to_its_last_page() {
    let run = run(
        &map(
            r#""ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","Parameters":{"Bucket":"b"}},"ItemSelector":{"k.$":"$$.Map.Item.Value.Key"},"#,
            PASS,
        ),
        "{}",
        &[
            Answer::Output(r#"{"Contents":[{"Key":"1"}],"NextContinuationToken":"more"}"#),
            Answer::Output(r#"{"Contents":[{"Key":"2"}]}"#),
        ],
    );
    assert_eq!(run.output(), r#"[{"k":"1"},{"k":"2"}]"#);
    assert_eq!(
        &**run.calls.last().unwrap().parameters.text(),
        r#"{"Bucket":"b","ContinuationToken":"more"}"#
    );
}

#[test]
fn batches_hold_so_many_items() {
    let run = run(
        &map(
            r#""ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"x":1}},"ItemSelector":{"v.$":"$$.Map.Item.Value"},"#,
            PASS,
        ),
        "[1,2,3]",
        &[],
    );
    assert_eq!(
        run.output(),
        r#"[{"BatchInput":{"x":1},"Items":[{"v":1},{"v":2}]},{"BatchInput":{"x":1},"Items":[{"v":3}]}]"#
    );
}

#[test]
fn batches_stay_within_so_many_bytes() {
    let run = run(
        &map(r#""ItemBatcher":{"MaxInputBytesPerBatch":30},"#, PASS),
        r#"["aaaa","bbbb","cccc"]"#,
        &[],
    );
    assert_eq!(run.output(), r#"[{"Items":["aaaa","bbbb"]},{"Items":["cccc"]}]"#);
}

#[test]
fn a_redrive_runs_the_failed_iterations_again() {
    let mut driver = Driver::new(
        &map(r#""MaxConcurrency":1,"#, &task()),
        &[Answer::Output("1"), Answer::Error("E", "C")],
    );
    driver.start("[10,20,30]");
    driver.run();
    assert_eq!(driver.failure().0, "States.ExceedToleratedFailureThreshold");
    driver.reopen(&[Answer::Output("2"), Answer::Output("3")]);
    driver.step(Event::Redriven);
    driver.run();
    assert_eq!(driver.output(), "[1,2,3]");
    assert!(driver.lines().iter().any(|line| line.contains("MapRunRedriven")));
}

#[test]
fn an_endless_iteration_comes_to_the_end_of_its_history() {
    let limits = asl::limits::Limits {
        history_events_max: 50,
        ..asl::limits::Limits::AWS
    };
    let run = crate::harness::run_within(
        limits,
        &map(
            r#""ToleratedFailureCount":1,"#,
            r#""StartAt":"I","States":{"I":{"Type":"Pass","Next":"I"}}"#,
        ),
        "[1]",
        &[],
    );
    assert_eq!(run.output(), "[]");
}
