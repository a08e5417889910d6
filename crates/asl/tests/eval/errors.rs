//! Retry and Catch, and which error is what.

use crate::harness::{Answer, LAMBDA, START_MS, one, run};

fn caught(catch: &str, answers: &[Answer]) -> String {
    let definition = format!(
        r#"{{"StartAt":"S","States":{{"S":{{"Type":"Task","Resource":"{LAMBDA}","Catch":[{catch}],"End":true}},
            "C":{{"Type":"Pass","End":true}}}}}}"#
    );
    run(&definition, r#"{"in":1}"#, answers).output()
}

#[test]
fn a_catch_passes_error_and_cause_on() {
    let output = caught(
        r#"{"ErrorEquals":["E"],"Next":"C"}"#,
        &[Answer::Error("E", r#"{"x": 1}"#)],
    );
    assert_eq!(
        output, r#"{"Error":"E","Cause":"{\"x\": 1}"}"#,
        "the cause is the text as it came"
    );
}

#[test]
fn a_catch_puts_the_error_where_its_result_path_says() {
    let output = caught(
        r#"{"ErrorEquals":["States.ALL"],"ResultPath":"$.e","Next":"C"}"#,
        &[Answer::Error("E", "C")],
    );
    assert_eq!(output, r#"{"in":1,"e":{"Error":"E","Cause":"C"}}"#);
}

#[test]
fn task_failed_stands_for_every_failure_but_timeouts() {
    let catch = r#"{"ErrorEquals":["States.TaskFailed"],"Next":"C"}"#;
    assert!(caught(catch, &[Answer::Error("E", "C")]).contains("\"E\""));
    let definition = format!(
        r#"{{"StartAt":"S","States":{{"S":{{"Type":"Task","Resource":"{LAMBDA}","TimeoutSeconds":1,"Catch":[{catch}],"End":true}},
            "C":{{"Type":"Pass","End":true}}}}}}"#
    );
    let run = run(&definition, "{}", &[Answer::Silence]);
    assert_eq!(run.failure().0, "States.Timeout");
}

#[test]
fn an_error_without_a_name_is_caught_by_all() {
    let output = caught(
        r#"{"ErrorEquals":["States.ALL"],"Next":"C"}"#,
        &[Answer::Nameless],
    );
    assert_eq!(output, r#"{"Error":null,"Cause":null}"#);
}

#[test]
fn runtime_errors_can_not_be_caught() {
    let definition = format!(
        r#"{{"StartAt":"S","States":{{"S":{{"Type":"Task","Resource":"{LAMBDA}","OutputPath":"$.no.such",
            "Retry":[{{"ErrorEquals":["States.ALL"]}}],
            "Catch":[{{"ErrorEquals":["States.Runtime","States.TaskFailed"],"Next":"C"}},{{"ErrorEquals":["States.ALL"],"Next":"C"}}],"End":true}},
            "C":{{"Type":"Pass","End":true}}}}}}"#
    );
    let run = run(&definition, "{}", &[Answer::Output("{}")]);
    assert_eq!(run.failure().0, "States.Runtime");
    assert_eq!(
        crate::harness::problem(&run),
        "Invalid path '$.no.such' : Missing property in path $['no']"
    );
}

#[test]
fn retries_wait_longer_each_time_up_to_the_maximum() {
    let run = run(
        &one(&format!(
            r#""Type":"Task","Resource":"{LAMBDA}","Retry":[{{"ErrorEquals":["E"],"IntervalSeconds":2,"BackoffRate":3,"MaxAttempts":3,"MaxDelaySeconds":10}}]"#
        )),
        "{}",
        &[
            Answer::Error("E", "1"),
            Answer::Error("E", "2"),
            Answer::Error("E", "3"),
            Answer::Error("E", "4"),
        ],
    );
    assert_eq!(run.calls.len(), 4);
    assert_eq!(run.now_ms, START_MS + 2_000 + 6_000 + 10_000);
    assert_eq!(run.failure(), ("E".to_owned(), "4".to_owned()));
    let lines = run.lines();
    assert!(
        lines.contains(&"6 <- 5 LambdaFunctionScheduled".to_owned()),
        "a retry leaves no event: {lines:?}"
    );
}

#[test]
fn each_retrier_counts_for_itself_and_the_state_counts_all() {
    let run = run(
        &one(&format!(
            r#""Type":"Task","Resource":"{LAMBDA}","ResultSelector":{{"retries.$":"$$.State.RetryCount"}},
               "Retry":[{{"ErrorEquals":["A"],"MaxAttempts":1}},{{"ErrorEquals":["B"],"MaxAttempts":1}}]"#
        )),
        "{}",
        &[
            Answer::Error("A", ""),
            Answer::Error("B", ""),
            Answer::Output("{}"),
        ],
    );
    assert_eq!(run.output(), r#"{"retries":2}"#);
}

#[test]
fn no_attempts_means_none() {
    let run = run(
        &one(&format!(
            r#""Type":"Task","Resource":"{LAMBDA}","Retry":[{{"ErrorEquals":["States.ALL"],"MaxAttempts":0}}]"#
        )),
        "{}",
        &[Answer::Error("E", "")],
    );
    assert_eq!(run.calls.len(), 1);
}

#[test]
fn full_jitter_waits_no_longer_than_without() {
    let run = run(
        &one(&format!(
            r#""Type":"Task","Resource":"{LAMBDA}","Retry":[{{"ErrorEquals":["E"],"IntervalSeconds":100,"JitterStrategy":"FULL","MaxAttempts":1}}]"#
        )),
        "{}",
        &[Answer::Error("E", "")],
    );
    let waited_ms = run.now_ms - START_MS;
    assert!(
        (0..=100_000).contains(&waited_ms) && waited_ms != 100_000,
        "{waited_ms}"
    );
}

#[test]
fn each_attempt_has_a_token_of_its_own() {
    let run = run(
        &one(
            r#""Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"t.$":"$$.Task.Token"},"Retry":[{"ErrorEquals":["E"]}]"#,
        ),
        "{}",
        &[Answer::Error("E", ""), Answer::Output("1")],
    );
    let tokens: Vec<_> = run
        .calls
        .iter()
        .map(|call| call.token.clone().unwrap().to_string())
        .collect();
    assert_eq!(tokens, ["token-1", "token-2"]);
}

#[test]
fn a_parallel_is_retried_as_a_whole_without_an_event_between() {
    let definition = format!(
        r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","Retry":[{{"ErrorEquals":["E"],"MaxAttempts":1}}],"End":true,"Branches":[
            {{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{LAMBDA}","End":true}}}}}}]}}}}}}"#
    );
    let run = run(&definition, "{}", &[Answer::Error("E", "C"), Answer::Output("1")]);
    assert_eq!(run.output(), "[1]");
    let lines = run.lines();
    assert!(
        !lines.iter().any(|line| line.contains("ParallelStateFailed")),
        "{lines:?}"
    );
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("ParallelStateStarted"))
            .count(),
        2
    );
}

#[test]
fn variables_set_by_a_catch_are_there_afterwards() {
    let definition = format!(
        r#"{{"StartAt":"S","States":{{"S":{{"Type":"Task","Resource":"{LAMBDA}",
            "Catch":[{{"ErrorEquals":["States.ALL"],"Assign":{{"what.$":"$.Error"}},"Next":"C"}}],"End":true}},
            "C":{{"Type":"Pass","Parameters":{{"was.$":"$what"}},"End":true}}}}}}"#
    );
    let run = run(&definition, "{}", &[Answer::Error("E", "C")]);
    assert_eq!(run.output(), r#"{"was":"E"}"#);
}
