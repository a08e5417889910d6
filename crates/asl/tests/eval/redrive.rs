//! Redrive: what failed is done again, what succeeded is not.

use asl::eval::Event;

use crate::harness::{Answer, Driver, LAMBDA};

fn task(name: &str, next: &str) -> String {
    format!(r#""{name}":{{"Type":"Task","Resource":"{LAMBDA}",{next}}}"#)
}

#[test]
fn a_redrive_goes_on_at_the_task_that_failed() {
    let definition = format!(
        r#"{{"StartAt":"A","States":{{{},{}}}}}"#,
        task("A", r#""Next":"B""#),
        task("B", r#""End":true"#)
    );
    let mut driver = Driver::new(&definition, &[Answer::Output("1"), Answer::Error("E", "C")]);
    driver.start("{}");
    driver.run();
    assert_eq!(driver.failure(), ("E".to_owned(), "C".to_owned()));
    assert!(driver.steps.last().unwrap().frame.is_redrivable());

    driver.reopen(&[Answer::Output("2")]);
    driver.step(Event::Redriven);
    driver.run();
    assert_eq!(driver.output(), "2");
    let names: Vec<_> = driver
        .calls
        .iter()
        .map(|call| call.state_name.to_string())
        .collect();
    assert_eq!(names, ["A", "B", "B"]);
    assert_eq!(
        &**driver.calls.last().unwrap().parameters.text(),
        "1",
        "with the same input"
    );
    let lines = driver.lines();
    let redriven = lines
        .iter()
        .position(|line| line.contains("ExecutionRedriven"))
        .unwrap();
    assert_eq!(
        lines
            .split_at(redriven)
            .1
            .iter()
            .map(|line| line.rsplit(' ').next().unwrap())
            .collect::<Vec<_>>(),
        [
            "ExecutionRedriven",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[test]
fn branches_that_succeeded_keep_their_results() {
    let definition = format!(
        r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","End":true,"Branches":[
            {{"StartAt":"A","States":{{{}}}}},{{"StartAt":"B","States":{{{}}}}}]}}}}}}"#,
        task("A", r#""End":true"#),
        task("B", r#""End":true"#)
    );
    let mut driver = Driver::new(&definition, &[Answer::Output("1"), Answer::Error("E", "C")]);
    driver.start("{}");
    driver.run();
    assert_eq!(driver.failure().0, "E");
    driver.reopen(&[Answer::Output("2")]);
    driver.step(Event::Redriven);
    driver.run();
    assert_eq!(driver.output(), "[1,2]");
    assert_eq!(driver.calls.len(), 3);
}

#[test]
fn iterations_that_succeeded_keep_their_results() {
    let definition = format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","MaxConcurrency":1,"End":true,"ItemProcessor":{{"StartAt":"A","States":{{{}}}}}}}}}}}"#,
        task("A", r#""End":true"#)
    );
    let mut driver = Driver::new(&definition, &[Answer::Output("1"), Answer::Error("E", "C")]);
    driver.start("[10,20,30]");
    driver.run();
    assert_eq!(driver.failure().0, "E");
    driver.reopen(&[Answer::Output("2"), Answer::Output("3")]);
    driver.step(Event::Redriven);
    driver.run();
    assert_eq!(driver.output(), "[1,2,3]");
    let inputs: Vec<_> = driver
        .calls
        .iter()
        .map(|call| call.parameters.text().to_string())
        .collect();
    assert_eq!(inputs, ["10", "20", "20", "30"]);
}

#[test]
fn a_stopped_execution_can_be_redriven_and_counts_it() {
    let definition = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"Next":"P"},
        "P":{"Type":"Pass","Parameters":{"count.$":"$$.Execution.RedriveCount"},"End":true}}}"#;
    let mut driver = Driver::new(definition, &[]);
    driver.start("{}");
    driver.step(Event::Stopped {
        error: None,
        cause: None,
    });
    driver.reopen(&[]);
    driver.step(Event::Redriven);
    driver.run();
    assert_eq!(driver.output(), r#"{"count":1}"#);
}

#[test]
fn what_succeeded_can_not_be_redriven() {
    let mut driver = Driver::new(&crate::harness::one(r#""Type":"Pass""#), &[]);
    driver.start("{}");
    let frame = driver.steps.last().unwrap().frame.clone();
    assert!(!frame.is_redrivable());
    driver.step(Event::Redriven);
    assert_eq!(driver.steps.last().unwrap().frame, frame);
}
