//! Inline Maps: order, concurrency, what events follow, item selectors, variables.

use asl::eval::Command;

use crate::harness::{Answer, Driver, LAMBDA, one, problem, run};

fn map(members: &str, processor: &str) -> String {
    one(&format!(
        r#""Type":"Map",{members}"ItemProcessor":{{"ProcessorConfig":{{"Mode":"INLINE"}},{processor}}}"#
    ))
}

const PASS: &str = r#""StartAt":"I","States":{"I":{"Type":"Pass","End":true}}"#;

#[test]
fn iterations_follow_each_other_as_on_aws() {
    let run = run(&map(r#""MaxConcurrency":1,"#, PASS), "[ 1, [2, 3] ]", &[]);
    assert_eq!(run.output(), "[1,[2,3]]");
    assert_eq!(
        run.lines(),
        [
            "1 <- 0 ExecutionStarted",
            "2 <- 0 MapStateEntered",
            "3 <- 2 MapStateStarted",
            "4 <- 3 MapIterationStarted",
            "5 <- 4 PassStateEntered",
            "6 <- 5 PassStateExited",
            "7 <- 6 MapIterationSucceeded",
            "8 <- 6 MapIterationStarted",
            "9 <- 8 PassStateEntered",
            "10 <- 9 PassStateExited",
            "11 <- 10 MapIterationSucceeded",
            "12 <- 11 MapStateSucceeded",
            "13 <- 11 MapStateExited",
            "14 <- 13 ExecutionSucceeded"
        ]
    );
}

#[test]
fn a_map_over_nothing_succeeds() {
    let run = run(&map("", PASS), "[]", &[]);
    assert_eq!(run.output(), "[]");
    assert_eq!(
        run.lines().split_off(2),
        [
            "3 <- 2 MapStateStarted",
            "4 <- 3 MapStateSucceeded",
            "5 <- 3 MapStateExited",
            "6 <- 5 ExecutionSucceeded"
        ]
    );
}

#[test]
fn only_as_many_run_at_a_time_as_allowed() {
    let processor =
        format!(r#""StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{LAMBDA}","End":true}}}}"#);
    for (limit, first) in [("2", 2), ("0", 5), ("7", 5)] {
        let mut driver = Driver::new(&map(&format!(r#""MaxConcurrency":{limit},"#), &processor), &[]);
        driver.start("[1,2,3,4,5]");
        let scheduled = driver.steps.first().unwrap().commands.iter();
        let scheduled = scheduled
            .filter(|command| matches!(command, Command::Schedule(_)))
            .count();
        assert_eq!(scheduled, first, "MaxConcurrency {limit}");
        driver.run();
        assert_eq!(driver.output(), "[1,2,3,4,5]");
    }
}

#[test]
fn outputs_keep_the_order_of_items() {
    let run = run(
        &map(
            "",
            r#""StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$","End":true}}"#,
        ),
        "[3,1,2]",
        &[],
    );
    assert_eq!(run.output(), "[3,1,2]");
}

#[test]
fn an_item_selector_sees_input_and_item() {
    let run = run(
        &map(
            r#""ItemsPath":"$.items","ItemSelector":{"v.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index","all.$":"$.name"},"#,
            PASS,
        ),
        r#"{"items":["a","b"],"name":"n"}"#,
        &[],
    );
    assert_eq!(
        run.output(),
        r#"[{"all":"n","v":"a","i":0},{"all":"n","v":"b","i":1}]"#
    );
}

#[test]
fn the_old_spelling_still_works() {
    let run = run(
        &one(&format!(
            r#""Type":"Map","Parameters":{{"v.$":"$$.Map.Item.Value"}},"Iterator":{{{PASS}}}"#
        )),
        "[1]",
        &[],
    );
    assert_eq!(run.output(), r#"[{"v":1}]"#);
}

#[test]
fn inner_scopes_read_outer_variables_and_keep_their_own() {
    let run = run(
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"outer":1,"same":"out"},"Next":"M"},
            "M":{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{
                "I":{"Type":"Pass","Assign":{"same.$":"$"},"Next":"J"},
                "J":{"Type":"Pass","Parameters":{"o.$":"$outer","s.$":"$same"},"End":true}}},"Next":"Z"},
            "Z":{"Type":"Pass","Parameters":{"items.$":"$","s.$":"$same"},"End":true}}}"#,
        "[7,8]",
        &[],
    );
    assert_eq!(
        run.output(),
        r#"{"s":"out","items":[{"s":7,"o":1},{"s":8,"o":1}]}"#
    );
}

#[test]
fn a_failing_iteration_fails_the_map_with_its_error() {
    let run = run(
        &map(
            r#""MaxConcurrency":1,"#,
            r#""StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"C"}}"#,
        ),
        "[1,2]",
        &[],
    );
    assert_eq!(run.failure(), ("E".to_owned(), "C".to_owned()));
    assert_eq!(
        run.lines().split_off(3),
        [
            "4 <- 3 MapIterationStarted",
            "5 <- 4 FailStateEntered",
            "6 <- 5 MapIterationFailed",
            "7 <- 5 MapStateFailed",
            "8 <- 7 ExecutionFailed"
        ]
    );
}

#[test]
fn a_retried_map_starts_over() {
    let processor =
        format!(r#""StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{LAMBDA}","End":true}}}}"#);
    let run = run(
        &map(
            r#""MaxConcurrency":1,"Retry":[{"ErrorEquals":["E"]}],"#,
            &processor,
        ),
        "[1,2]",
        &[
            Answer::Output("\"first\""),
            Answer::Error("E", ""),
            Answer::Output("\"again\""),
            Answer::Output("\"second\""),
        ],
    );
    assert_eq!(run.output(), r#"["again","second"]"#);
}

#[test]
fn items_must_be_an_array() {
    let run = run(&map(r#""ItemsPath":"$.x","#, PASS), r#"{"x":1}"#, &[]);
    assert_eq!(problem(&run), "Reference path \"$.x\" must point to array.");
}

#[test]
fn concurrency_by_path_takes_numbers_written_as_text() {
    let definition = map(r#""ItemsPath":"$.v","MaxConcurrencyPath":"$.c","#, PASS);
    assert_eq!(run(&definition, r#"{"v":[1],"c":"1"}"#, &[]).output(), "[1]");
    let wrong = run(&definition, r#"{"v":[1],"c":{}}"#, &[]);
    assert_eq!(
        problem(&wrong),
        "The MaxConcurrencyPath field refers to value \"{}\" which is not a valid integer: $.c"
    );
}

#[test]
fn a_thousand_pure_iterations_are_one_flow() {
    let items: Vec<String> = (0..1_000).map(|item| item.to_string()).collect();
    let run = run(&map("", PASS), &format!("[{}]", items.join(",")), &[]);
    assert_eq!(run.output(), format!("[{}]", items.join(",")));
    assert_eq!(run.history.len(), 4_006);
}
