//! Distributed Maps: what their Map Run is asked for, and what the history shows of it; items selected and batched.

use asl::eval::{Event, ItemSource, MachineKind, OutputType, Resource, Tolerance, Transformation};
use asl::items::{CsvHeader, ItemFormat};

use crate::harness::{Answer, Driver, LAMBDA, one, problem, run};

const PASS: &str = r#""StartAt":"I","States":{"I":{"Type":"Pass","End":true}}"#;

fn map(members: &str, processor: &str) -> String {
    one(&format!(
        r#""Type":"Map",{members}"ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},{processor}}}"#
    ))
}

const EXCEEDED: Answer = Answer::Error(
    "States.ExceedToleratedFailureThreshold",
    "The specified tolerated failure threshold was exceeded",
);

#[test]
fn the_history_shows_the_run_and_not_its_children() {
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
    assert_eq!(run.wire(3)["mapStateStartedEventDetails"]["length"], 2);
    assert_eq!(
        run.wire(4)["mapRunStartedEventDetails"]["mapRunArn"],
        "arn:aws:states:eu-central-1:123456789012:mapRun:Machine/All:6f1c1a52-3c5e-4d0e-9d4e-0123456789ab"
    );
}

#[test]
fn a_map_run_that_fails_fails_its_state() {
    let run = run(&map("", PASS), "[1,2,3]", &[EXCEEDED]);
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
fn a_child_runs_the_processor_with_a_context_of_its_own() {
    let definition = r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{
        "ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"I","States":{
            "I":{"Type":"Pass","Parameters":{"in.$":"$$.Execution.Input","name.$":"$$.StateMachine.Name"},"End":true}}}}}}"#;
    let parent = run(definition, r#"["x"]"#, &[]);
    let call = parent.map_runs.first().unwrap();
    assert_eq!(call.kind, MachineKind::Express);
    let mut child = Driver::new(definition, &[]);
    child.graph = call.graph;
    child.start(r#""x""#);
    assert_eq!(child.output(), r#"{"in":"x","name":"Machine"}"#);
    assert_eq!(child.lines()[1], "2 <- 0 PassStateEntered");
}

#[test]
fn failures_are_tolerated_up_to_a_count_or_a_share() {
    let count = |count| Tolerance {
        count: Some(count),
        percentage: None,
    };
    let share = |percentage| Tolerance {
        count: None,
        percentage: Some(percentage),
    };
    assert!(Tolerance::default().is_exceeded(1, Some(100)));
    assert!(!Tolerance::default().is_exceeded(0, Some(100)));
    assert!(!count(1).is_exceeded(1, Some(3)));
    assert!(count(1).is_exceeded(2, Some(3)));
    assert!(count(1).is_exceeded(2, None));
    assert!(!share(33.3).is_exceeded(1, None), "of what, is not known yet");
    assert!(share(33.3).is_exceeded(1, Some(3)));
    assert!(!share(33.4).is_exceeded(1, Some(3)));
    let both = Tolerance {
        count: Some(10),
        percentage: Some(10.0),
    };
    assert!(both.is_exceeded(2, Some(10)));
    assert!(both.is_exceeded(11, Some(1_000)));
    assert!(!both.is_exceeded(10, Some(1_000)));
}

#[test]
fn a_tolerance_may_be_written_down_found_or_computed() {
    let tolerance = |definition: &str, input: &str| {
        let run = run(definition, input, &[]);
        run.map_runs.first().unwrap().tolerance
    };
    let share = |percentage| Tolerance {
        count: None,
        percentage: Some(percentage),
    };
    let fixed = map(r#""ToleratedFailurePercentage":33.4,"#, PASS);
    assert_eq!(tolerance(&fixed, "[1]"), share(33.4));
    let by_path = map(
        r#""ItemsPath":"$.i","ToleratedFailurePercentagePath":"$.t","#,
        PASS,
    );
    assert_eq!(tolerance(&by_path, r#"{"i":[1],"t":"12.5"}"#), share(12.5));
    let computed = map(
        r#""QueryLanguage":"JSONata","Items":"{% $states.input %}","ToleratedFailurePercentage":"{% 33 + 0.4 %}","#,
        PASS,
    );
    assert_eq!(tolerance(&computed, "[1]"), share(33.4));
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

#[test]
fn a_reader_is_asked_for_with_what_it_evaluates_to() {
    const READER: &str = r#""ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW","CSVDelimiter":"PIPE","MaxItemsPath":"$.most"},"Parameters":{"Bucket.$":"$.b","Key":"k"}},"#;
    let run = run(
        &map(READER, PASS),
        r#"{"b":"bucket","most":2}"#,
        &[Answer::Output("[]")],
    );
    let ItemSource::Reader(reading) = &run.map_runs.first().unwrap().source else {
        panic!("there is a reader");
    };
    assert!(
        matches!(&reading.resource, Resource::Service { service, action, .. } if &**service == "s3" && &**action == "getObject")
    );
    let parameters: serde_json::Value = serde_json::from_str(reading.parameters.text()).unwrap();
    assert_eq!(parameters, serde_json::json!({"Bucket": "bucket", "Key": "k"}));
    assert_eq!(reading.items_max, Some(2));
    assert_eq!(
        reading.format,
        ItemFormat::Csv {
            header: CsvHeader::FirstRow,
            delimiter: '|'
        }
    );
    assert_eq!(run.wire(3)["mapStateStartedEventDetails"]["length"], 0);
}

#[test]
fn a_writer_is_asked_for_with_what_it_evaluates_to() {
    let writer = r#""ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSONL"},"Parameters":{"Bucket.$":"$$.Execution.Name"}},"#;
    let run = run(&map(writer, PASS), "[]", &[]);
    let writing = run.map_runs.first().unwrap().writing.clone().unwrap();
    assert_eq!(&**writing.target.unwrap().text(), r#"{"Bucket":"Run"}"#);
    assert_eq!(
        (writing.transformation, writing.output_type),
        (Transformation::Flatten, OutputType::JsonLines)
    );
}

#[test]
fn a_selector_sees_the_maps_surroundings_and_the_item() {
    let run = run(
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v":1},"Next":"M"},
            "M":{"Type":"Map","ItemsPath":"$.i","InputPath":"$.in","ItemSelector":{"at.$":"$$.Map.Item.Index","x.$":"$$.Map.Item.Value.x","v.$":"$v","n.$":"$.n","e.$":"$$.Execution.Name","s.$":"$$.State.Name"},
                "End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"},"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}}}}"#,
        r#"{"in":{"i":[{"x":1},{"x":2}],"n":"N"}}"#,
        &[],
    );
    let output: serde_json::Value = serde_json::from_str(&run.output()).unwrap();
    let item = |at, x| serde_json::json!({"at": at, "x": x, "v": 1, "n": "N", "e": "Run", "s": "M"});
    assert_eq!(output, serde_json::json!([item(0, 1), item(1, 2)]));
}

#[test]
fn a_selector_that_finds_nothing_fails_the_run_and_the_execution() {
    let run = run(
        &map(r#""ItemSelector":{"x.$":"$$.Map.Item.Value.x"},"#, PASS),
        r#"[{"x":1},{}]"#,
        &[],
    );
    assert_eq!(run.failure().0, "States.Runtime");
    assert!(
        run.failure()
            .1
            .starts_with("An error occurred while executing the state 'S'")
    );
    assert_eq!(run.lines()[4], "5 <- 4 MapRunFailed");
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
    let items: Vec<u32> = run
        .inputs_of(run.map_runs.first().unwrap())
        .unwrap()
        .into_iter()
        .map(|(_, items)| items)
        .collect();
    assert_eq!(items, [2, 1]);
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
fn a_redrive_lets_the_same_run_go_on() {
    let mut driver = Driver::new(&map("", PASS), &[EXCEEDED]);
    driver.start("[10,20,30]");
    driver.run();
    assert_eq!(driver.failure().0, "States.ExceedToleratedFailureThreshold");
    driver.reopen(&[Answer::Output("[1,2,3]")]);
    driver.step(Event::Redriven);
    driver.run();
    assert_eq!(driver.output(), "[1,2,3]");
    assert_eq!(
        driver.lines().split_off(7),
        [
            "8 <- 7 ExecutionRedriven",
            "9 <- 8 MapRunRedriven",
            "10 <- 9 MapRunSucceeded",
            "11 <- 10 MapStateSucceeded",
            "12 <- 9 MapStateExited",
            "13 <- 12 ExecutionSucceeded"
        ]
    );
    assert_eq!(driver.wire(9)["mapRunRedrivenEventDetails"]["redriveCount"], 1);
    assert_eq!(driver.map_runs.len(), 1);
}

#[test]
fn a_retry_begins_another_run() {
    let definition = map(
        r#""Retry":[{"ErrorEquals":["States.ExceedToleratedFailureThreshold"],"IntervalSeconds":1}],"#,
        PASS,
    );
    let run = run(&definition, "[1]", &[EXCEEDED]);
    assert_eq!(run.output(), "[1]");
    assert_eq!(run.map_runs.len(), 2);
}

#[test]
fn a_stopped_execution_takes_its_map_run_with_it() {
    let mut driver = Driver::new(&map("", PASS), &[Answer::Silence]);
    driver.start("[1]");
    driver.step(Event::Stopped {
        error: None,
        cause: None,
    });
    let id = driver.map_runs.first().unwrap().id;
    assert_eq!(driver.cancelled, [id]);
    assert_eq!(
        driver.lines().split_off(4),
        ["5 <- 4 MapRunAborted", "6 <- 0 ExecutionAborted"]
    );
}

#[test]
fn a_map_run_is_cut_off_with_its_branch() {
    let definition = format!(
        r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","End":true,"Branches":[
            {{"StartAt":"M","States":{{"M":{{"Type":"Map","End":true,"ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED"}},{PASS}}}}}}}}},
            {{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{LAMBDA}","End":true}}}}}}]}}}}}}"#
    );
    let run = run(&definition, "[1]", &[Answer::Silence, Answer::Error("E", "C")]);
    assert_eq!(run.failure().0, "E");
    let id = run.map_runs.first().unwrap().id;
    assert!(run.cancelled.contains(&id));
    let aborted: Vec<String> = run
        .lines()
        .into_iter()
        .filter(|line| line.contains("Aborted"))
        .collect();
    assert!(
        aborted.iter().any(|line| line.contains("MapRunAborted")),
        "{aborted:?}"
    );
    assert!(
        aborted.iter().any(|line| line.contains("MapStateAborted")),
        "{aborted:?}"
    );
}

#[test]
fn what_a_map_run_needs_is_computed_before_it_starts() {
    const READER: &str = r#""ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON","MaxItemsPath":"$.most"},"Parameters":{"Bucket":"b","Key":"k"}},"#;
    let failed = run(&map(READER, PASS), r#"{"most":"many"}"#, &[]);
    assert!(
        failed.failure().1.ends_with(
            r#"The MaxItemsPath field refers to value "many" which is not a valid integer: $.most"#
        )
    );
    assert_eq!(
        failed.lines().split_off(2),
        ["3 <- 2 MapStateStarted", "4 <- 3 ExecutionFailed"]
    );
    let negative = run(&map(READER, PASS), r#"{"most":-1}"#, &[Answer::Output("[]")]);
    let ItemSource::Reader(reading) = &negative.map_runs.first().unwrap().source else {
        panic!("there is a reader");
    };
    assert_eq!(reading.items_max, Some(-1));
}
