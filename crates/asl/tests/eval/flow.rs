//! Pass, Wait, Succeed, Fail, Parallel: order of events, what they follow, texts that stay as they were sent.

use asl::eval::{Command, Event, Outcome};
use asl::limits::Limits;

use crate::harness::{Driver, START_MS, one, run, run_within};

#[test]
fn a_text_nobody_touches_stays_as_it_was_sent() {
    let run = run(
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"P"},
            "P":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}}],"Next":"S"},
            "S":{"Type":"Succeed"}}}"#,
        r#"["Hello",   "World"]"#,
        &[],
    );
    assert_eq!(run.output(), r#"[["Hello",   "World"]]"#);
}

#[test]
fn what_is_computed_is_compact() {
    let run = run(
        &one(r#""Type":"Pass","Parameters":{ "a.$" : "$.a" }"#),
        r#"{ "a" : [ 1 , 2 ] }"#,
        &[],
    );
    assert_eq!(run.output(), r#"{"a":[1,2]}"#);
}

#[test]
fn the_first_state_follows_no_event() {
    let run = run(&one(r#""Type":"Pass""#), "{}", &[]);
    assert_eq!(
        run.lines(),
        [
            "1 <- 0 ExecutionStarted",
            "2 <- 0 PassStateEntered",
            "3 <- 2 PassStateExited",
            "4 <- 3 ExecutionSucceeded"
        ]
    );
}

#[test]
fn events_have_the_members_of_the_api() {
    let run = run(&one(r#""Type":"Pass","Assign":{"x":1}"#), r#"{"a":1}"#, &[]);
    assert_eq!(
        run.wire(1),
        serde_json::json!({"timestamp": 1_790_000_000.0, "type": "ExecutionStarted", "id": 1, "previousEventId": 0,
            "executionStartedEventDetails": {"input": "{\"a\":1}", "inputDetails": {"truncated": false},
                "roleArn": "arn:aws:iam::123456789012:role/role"}})
    );
    assert_eq!(
        run.wire(3),
        serde_json::json!({"timestamp": 1_790_000_000.0, "type": "PassStateExited", "id": 3, "previousEventId": 2,
            "stateExitedEventDetails": {"name": "S", "output": "{\"a\":1}", "outputDetails": {"truncated": false},
                "assignedVariables": {"x": "1"}, "assignedVariablesDetails": {"truncated": false}}})
    );
}

#[test]
fn a_wait_is_a_timer() {
    let mut driver = Driver::new(&one(r#""Type":"Wait","Seconds":90"#), &[]);
    driver.start("{}");
    let first = driver.steps.first().unwrap();
    let timers: Vec<_> = first.commands.iter().collect();
    assert!(
        matches!(timers.as_slice(), [Command::StartTimer { due_ms, .. }] if *due_ms == START_MS + 90_000),
        "{timers:?}"
    );
    driver.run();
    assert_eq!(driver.output(), "{}");
    assert_eq!(driver.now_ms, START_MS + 90_000);
}

#[test]
fn a_wait_until_the_past_ends_at_once() {
    let run = run(
        &one(r#""Type":"Wait","Timestamp":"2016-03-14T01:59:00Z""#),
        "{}",
        &[],
    );
    assert_eq!(run.output(), "{}");
    assert_eq!(run.steps.len(), 1);
}

#[test]
fn a_wait_by_path_says_what_is_wrong() {
    let wait = |input: &str| {
        let run = run(&one(r#""Type":"Wait","SecondsPath":"$.s""#), input, &[]);
        crate::harness::problem(&run)
    };
    assert_eq!(
        wait("{}"),
        "The SecondsPath parameter does not reference an input value: $.s"
    );
    assert_eq!(
        wait(r#"{"s":1.5}"#),
        "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5"
    );
    assert_eq!(
        wait(r#"{"s":-1}"#),
        "The SecondsPath parameter references a negative value: $.s == -1"
    );
}

#[test]
fn a_timestamp_needs_an_offset() {
    let until = |at: &str| {
        let run = run(
            &one(r#""Type":"Wait","TimestampPath":"$.t""#),
            &format!(r#"{{"t":"{at}"}}"#),
            &[],
        );
        matches!(run.outcome, Some(Outcome::Succeeded { .. }))
    };
    assert!(until("2016-12-05T21:29:29Z"));
    assert!(until("2016-12-05T21:29:29.123456+01:00"));
    assert!(!until("2016-12-05T21:29:29"));
    assert!(!until("2016-12-05 21:29:29Z"));
    assert!(!until("2016-13-05T21:29:29Z"));
}

#[test]
fn a_fail_has_no_exit_and_leaves_absent_what_is_absent() {
    let run = run(
        r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}"#,
        "{}",
        &[],
    );
    assert_eq!(
        run.lines(),
        [
            "1 <- 0 ExecutionStarted",
            "2 <- 0 FailStateEntered",
            "3 <- 2 ExecutionFailed"
        ]
    );
    assert_eq!(
        run.wire(3)["executionFailedEventDetails"],
        serde_json::json!({"error": "E"})
    );
}

#[test]
fn a_fail_takes_its_texts_from_paths_and_functions() {
    let run = run(
        r#"{"StartAt":"F","States":{"F":{"Type":"Fail","ErrorPath":"$.e","CausePath":"States.Format('{} in {}', $.e, $$.State.Name)"}}}"#,
        r#"{"e":"Bad"}"#,
        &[],
    );
    assert_eq!(run.failure(), ("Bad".to_owned(), "Bad in F".to_owned()));
}

#[test]
fn a_parallel_gives_the_outputs_in_the_order_of_its_branches() {
    let run = run(
        r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
            {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"A"},"A":{"Type":"Pass","Result":"slow","End":true}}},
            {"StartAt":"B","States":{"B":{"Type":"Pass","Result":"fast","End":true}}}]}}}"#,
        "{}",
        &[],
    );
    assert_eq!(run.output(), r#"["slow","fast"]"#);
    assert_eq!(
        run.lines(),
        [
            "1 <- 0 ExecutionStarted",
            "2 <- 0 ParallelStateEntered",
            "3 <- 2 ParallelStateStarted",
            "4 <- 3 WaitStateEntered",
            "5 <- 3 PassStateEntered",
            "6 <- 5 PassStateExited",
            "7 <- 4 WaitStateExited",
            "8 <- 7 PassStateEntered",
            "9 <- 8 PassStateExited",
            "10 <- 9 ParallelStateSucceeded",
            "11 <- 9 ParallelStateExited",
            "12 <- 11 ExecutionSucceeded"
        ]
    );
}

#[test]
fn a_failing_branch_cuts_off_its_siblings() {
    let run = run(
        &format!(
            r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","End":true,"Branches":[
            {{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{lambda}","End":true}}}}}},
            {{"StartAt":"F","States":{{"F":{{"Type":"Fail","Error":"E","Cause":"C"}}}}}}]}}}}}}"#,
            lambda = crate::harness::LAMBDA
        ),
        "{}",
        &[crate::harness::Answer::Silence],
    );
    assert_eq!(run.failure(), ("E".to_owned(), "C".to_owned()));
    assert_eq!(
        run.lines().split_off(3),
        [
            "4 <- 3 TaskStateEntered",
            "5 <- 4 LambdaFunctionScheduled",
            "6 <- 3 FailStateEntered",
            "7 <- 5 TaskStateAborted",
            "8 <- 6 ParallelStateFailed",
            "9 <- 8 ExecutionFailed"
        ]
    );
    assert_eq!(run.cancelled, [run.calls.first().unwrap().id]);
}

#[test]
fn a_stopped_execution_cancels_what_it_waits_for() {
    let mut driver = Driver::new(&one(r#""Type":"Wait","Seconds":90"#), &[]);
    driver.start("{}");
    driver.step(Event::Stopped {
        error: Some("Mine".into()),
        cause: None,
    });
    assert_eq!(driver.failure(), ("Mine".to_owned(), "-".to_owned()));
    assert_eq!(driver.lines().pop().unwrap(), "3 <- 0 ExecutionAborted");
    let last = driver.steps.last().unwrap();
    assert!(matches!(
        last.commands.as_slice(),
        [Command::CancelTimer { .. }, Command::Close(Outcome::Aborted(_))]
    ));
}

#[test]
fn the_machines_own_time_runs_out_without_a_cause() {
    let run = run(
        r#"{"TimeoutSeconds":30,"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":90,"End":true}}}"#,
        "{}",
        &[],
    );
    assert!(matches!(run.outcome, Some(Outcome::TimedOut(_))));
    assert_eq!(run.failure(), ("States.Timeout".to_owned(), "-".to_owned()));
    assert_eq!(run.now_ms, START_MS + 30_000);
}

#[test]
fn a_long_run_is_handed_back_in_pieces() {
    let definition = r#"{"StartAt":"Init","States":{
        "Init":{"Type":"Pass","Result":{"i":0},"Next":"More"},
        "More":{"Type":"Choice","Choices":[{"Variable":"$.i","NumericLessThan":50,"Next":"Add"}],"Default":"Done"},
        "Add":{"Type":"Pass","Parameters":{"i.$":"States.MathAdd($.i, 1)"},"Next":"More"},
        "Done":{"Type":"Succeed"}}}"#;
    let limits = Limits {
        transitions_per_call_max: 10,
        ..Limits::AWS
    };
    let pieces = run_within(limits, definition, "{}", &[]);
    assert_eq!(pieces.output(), r#"{"i":50}"#);
    assert!(pieces.steps.len() > 10);
    let whole = run(definition, "{}", &[]);
    assert_eq!(
        pieces.history, whole.history,
        "the budget does not show in the history"
    );
}

#[test]
fn a_full_history_ends_the_execution() {
    let limits = Limits {
        history_events_max: 20,
        ..Limits::AWS
    };
    let run = run_within(
        limits,
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}"#,
        "{}",
        &[],
    );
    assert_eq!(run.history.len(), 20);
    assert_eq!(
        run.failure(),
        (
            "States.Runtime".to_owned(),
            "The execution reached the maximum number of history events (20).".to_owned()
        )
    );
}

#[test]
fn a_state_may_not_put_out_more_than_the_limit() {
    let limits = Limits {
        payload_bytes_max: 20,
        ..Limits::AWS
    };
    let large = run_within(limits, &one(r#""Type":"Pass","Result":"äääääääääää""#), "{}", &[]);
    assert_eq!(
        large.failure(),
        (
            "States.DataLimitExceeded".to_owned(),
            "The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit.".to_owned()
        )
    );
    assert_eq!(large.lines().pop().unwrap(), "3 <- 2 ExecutionFailed");
    let fits = run_within(limits, &one(r#""Type":"Pass","Result":"äääääääää""#), "{}", &[]);
    assert_eq!(
        fits.output(),
        r#""äääääääää""#,
        "20 bytes of UTF-8 with the quotes"
    );
}

#[test]
fn an_express_execution_has_five_minutes() {
    let mut driver = Driver::new(&one(r#""Type":"Wait","Seconds":301"#), &[]);
    driver.kind = asl::eval::MachineKind::Express;
    driver.start("{}");
    driver.run();
    assert!(matches!(driver.outcome, Some(Outcome::TimedOut(_))));
    assert_eq!(driver.now_ms, START_MS + 300_000);
    assert!(!driver.steps.last().unwrap().frame.is_redrivable());
}

#[test]
fn variables_have_bounds_of_their_own() {
    let limits = Limits {
        payload_bytes_max: 20,
        variables_bytes_max: 40,
        ..Limits::AWS
    };
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    let assigning = |first: &str, second: &str| {
        format!(
            r#"{{"StartAt":"A","States":{{"A":{{"Type":"Pass","Assign":{{{first}}},"Next":"B"}},
                "B":{{"Type":"Pass","Assign":{{{second}}},"Next":"C"}},
                "C":{{"Type":"Pass","Assign":{{"d":1}},"End":true}}}}}}"#
        )
    };
    let (eight, sixteen) = (text(6), text(14));
    let fits = assigning(
        &format!(r#""a":{eight},"b":{eight}"#),
        &format!(r#""a":{sixteen}"#),
    );
    assert_eq!(run_within(limits, &fits, "{}", &[]).output(), "{}");
    for (too_much, words) in [
        (
            assigning(&format!(r#""a":{eight},"b":{sixteen}"#), r#""c":1"#),
            "The variables assigned by the state are larger than 20 bytes.",
        ),
        (
            assigning(&format!(r#""a":{}"#, text(18)), &format!(r#""b":{}"#, text(18))),
            "The variables of the execution are larger than 40 bytes.",
        ),
    ] {
        let (error, cause) = run_within(limits, &too_much, "{}", &[]).failure();
        assert_eq!(error, "States.DataLimitExceeded");
        assert!(cause.ends_with(words), "{cause}");
    }
}
