//! JSONata states: fields, `$states`, AWS's functions, errors and their places.

use asl::limits::Limits;

use crate::harness::{Answer, LAMBDA, problem, run, run_within};

fn jsonata(members: &str) -> String {
    format!(r#"{{"QueryLanguage":"JSONata","StartAt":"S","States":{{"S":{{{members},"End":true}}}}}}"#)
}

fn output(expression: &str, input: &str) -> String {
    let definition = jsonata(&format!(r#""Type":"Pass","Output":"{{% {expression} %}}""#));
    let run = run(&definition, input, &[]);
    match run.outcome {
        Some(asl::eval::Outcome::Succeeded { .. }) => run.output(),
        _ => problem(&run),
    }
}

#[test]
fn expressions_see_input_context_and_variables() {
    let run = run(
        r#"{"QueryLanguage":"JSONata","StartAt":"A","States":{
            "A":{"Type":"Pass","Assign":{"n":"{% $states.input.n * 2 %}","k":"plain"},"Next":"B"},
            "B":{"Type":"Pass","Output":{"n":"{% $n %}","k":"{% $k %}","at":"{% $states.context.State.Name %}","in":"{% $states.input %}"},"End":true}}}"#,
        r#"{"n": 4}"#,
        &[],
    );
    assert_eq!(run.output(), r#"{"n":8,"k":"plain","at":"B","in":{"n":4}}"#);
}

#[test]
fn a_task_has_arguments_and_puts_its_result_out() {
    let run = run(
        &jsonata(&format!(
            r#""Type":"Task","Resource":"{LAMBDA}","Arguments":{{"x":"{{% $states.input.a %}}"}},
               "TimeoutSeconds":"{{% $states.input.t %}}","Output":"{{% $states.result.y + 1 %}}""#
        )),
        r#"{"a":1,"t":30}"#,
        &[Answer::Output(r#"{"y":41}"#)],
    );
    assert_eq!(&**run.calls.first().unwrap().parameters.text(), r#"{"x":1}"#);
    assert_eq!(run.calls.first().unwrap().timeout_seconds, Some(30));
    assert_eq!(run.output(), "42");
}

#[test]
fn without_an_output_the_result_goes_on_as_text() {
    let run = run(
        &jsonata(&format!(r#""Type":"Task","Resource":"{LAMBDA}""#)),
        "{}",
        &[Answer::Output(r#"{ "y" : 41 }"#)],
    );
    assert_eq!(run.output(), r#"{ "y" : 41 }"#);
}

#[test]
fn a_catch_sees_the_error_output() {
    let run = run(
        &format!(
            r#"{{"QueryLanguage":"JSONata","StartAt":"S","States":{{
            "S":{{"Type":"Task","Resource":"{LAMBDA}","Catch":[{{"ErrorEquals":["E"],"Output":{{"e":"{{% $states.errorOutput.Cause %}}","i":"{{% $states.input %}}"}},"Next":"C"}}],"End":true}},
            "C":{{"Type":"Succeed"}}}}}}"#
        ),
        "7",
        &[Answer::Error("E", "why")],
    );
    assert_eq!(run.output(), r#"{"e":"why","i":7}"#);
}

#[test]
fn a_choice_takes_conditions() {
    let definition = r#"{"QueryLanguage":"JSONata","StartAt":"C","States":{"C":{"Type":"Choice","Choices":[
            {"Condition":"{% $states.input.n > 5 %}","Output":"{% 'big' %}","Next":"Z"}],"Default":"Z","Output":"{% 'small' %}"},
        "Z":{"Type":"Succeed"}}}"#;
    assert_eq!(run(definition, r#"{"n":6}"#, &[]).output(), "\"big\"");
    assert_eq!(run(definition, r#"{"n":5}"#, &[]).output(), "\"small\"");
    let run = run(
        &definition.replace("$states.input.n > 5", "$states.input.n"),
        r#"{"n":6}"#,
        &[],
    );
    assert_eq!(run.failure().0, "States.QueryEvaluationError");
}

#[test]
fn a_map_takes_items_and_a_selector() {
    let run = run(
        &jsonata(
            r#""Type":"Map","Items":"{% $states.input.list %}","ItemSelector":{"v":"{% $states.context.Map.Item.Value %}","f":"{% $states.input.f %}"},
               "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}"#,
        ),
        r#"{"list":[1,2],"f":"x"}"#,
        &[],
    );
    assert_eq!(run.output(), r#"[{"v":1,"f":"x"},{"v":2,"f":"x"}]"#);
}

#[test]
fn aws_functions_are_there_and_eval_is_not() {
    assert_eq!(output("$partition([1,2,3,4,5], 2)", "{}"), "[[1,2],[3,4],[5]]");
    assert_eq!(output("$range(0, 1, 0.5)", "{}"), "[0,0.5,1]");
    assert_eq!(output("$range(3, 1, -1)", "{}"), "[3,2,1]");
    assert_eq!(
        output("$hash('abc', 'SHA-1')", "{}"),
        "\"a9993e364706816aba3e25717850c26c9cd0d89d\""
    );
    assert_eq!(output("$parse('[1, 2.5]')", "{}"), "[1,2.5]");
    assert_eq!(output("$length($uuid())", "{}"), "36");
    assert_eq!(
        output("[$pad('a', 3, '*-'), $pad('a', -3, '')]", "{}"),
        r#"["a*-","  a"]"#
    );
    assert_eq!(output("$random() < 1 and $random(7) = $random(7)", "{}"), "true");
    assert_eq!(output("$millis()", "{}"), "1790000000000");
    assert_eq!(output("$now('[Y0001]-[M01]-[D01]')", "{}"), "\"2026-09-21\"");
    assert!(
        output("$eval('1')", "{}").contains("T1006"),
        "eval is switched off"
    );
}

#[test]
fn errors_name_the_expression_and_its_field() {
    assert_eq!(
        output("$nope", "{}"),
        "The JSONata expression '$nope' specified for the field 'Output' returned nothing (undefined)."
    );
    assert_eq!(
        output("$nope()", "{}"),
        "The JSONata expression '$nope()' specified for the field 'Output' threw an error during evaluation. T1006: Attempted to invoke a non-function"
    );
    let run = run(
        &jsonata(r#""Type":"Pass","Output":{"a":{"b":"{% $nope %}"}}"#),
        "{}",
        &[],
    );
    assert_eq!(
        run.wire(3)["evaluationFailedEventDetails"],
        serde_json::json!({"error": "States.QueryEvaluationError", "location": "Output/a/b", "state": "S",
            "cause": "An error occurred while executing the state 'S' (entered at the event id #2). The JSONata expression '$nope' specified for the field 'Output/a/b' returned nothing (undefined)."})
    );
    assert_eq!(
        run.lines().split_off(2),
        ["3 <- 0 EvaluationFailed", "4 <- 3 ExecutionFailed"]
    );
}

#[test]
fn an_evaluation_error_is_caught_like_any_other() {
    let run = run(
        &format!(
            r#"{{"QueryLanguage":"JSONata","StartAt":"S","States":{{
            "S":{{"Type":"Task","Resource":"{LAMBDA}","Arguments":"{{% $nope %}}","Catch":[{{"ErrorEquals":["States.QueryEvaluationError"],"Output":"{{% $states.errorOutput.Error %}}","Next":"C"}}],"End":true}},
            "C":{{"Type":"Succeed"}}}}}}"#
        ),
        "{}",
        &[],
    );
    assert_eq!(run.output(), "\"States.QueryEvaluationError\"");
}

#[test]
fn runaway_expressions_are_stopped() {
    let limits = Limits {
        jsonata_ms_max: 200,
        jsonata_sequence_max: 1_000,
        ..Limits::AWS
    };
    for expression in [
        "($f := function($n){ $f($n + 1) }; $f(0))",
        "($f := function($n){ 1 + $f($n + 1) }; $f(0))",
        "[1..100000]",
        "1/0",
        "$pad('x', 200000000)",
    ] {
        let definition = jsonata(&format!(r#""Type":"Pass","Output":"{{% {expression} %}}""#));
        let run = run_within(limits, &definition, "{}", &[]);
        assert_eq!(run.failure().0, "States.QueryEvaluationError", "{expression}");
    }
}

#[test]
fn the_two_languages_share_variables() {
    let run = run(
        r#"{"StartAt":"A","States":{
            "A":{"Type":"Pass","Assign":{"n.$":"$.n"},"Next":"B"},
            "B":{"Type":"Pass","QueryLanguage":"JSONata","Assign":{"m":"{% $n + 1 %}"},"Next":"C"},
            "C":{"Type":"Pass","Parameters":{"sum.$":"States.MathAdd($n, $m)"},"End":true}}}"#,
        r#"{"n":1}"#,
        &[],
    );
    assert_eq!(run.output(), r#"{"sum":3}"#);
}
