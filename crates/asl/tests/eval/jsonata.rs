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
    assert_eq!(output("$range(3, 1, -1)", "{}"), "[3,2,1]");
    assert_eq!(output("$range(1.7, 5.9, 2)", "{}"), "[1,3,5]");
    assert_eq!(output("$range(4, 4, 1)", "{}"), "4");
    assert_eq!(output("[1, 2, 3] ~> $partition()", "{}"), "[[1,2,3]]");
    assert_eq!(
        output(
            "[$range(1, 5, 0), $range(5, 1, 1), $range(1, 5), $partition([], 2), $partition([1], 0), $hash('a')]",
            "{}"
        ),
        "[]"
    );
    assert_eq!(output("$random(42)", "{}"), "0.7275636800328681");
    assert_eq!(
        output(
            "$encodeUrl('a b/é?x=1') & ' ' & $encodeUrlComponent('a-b/c')",
            "{}"
        ),
        "\"a%20b/%C3%A9?x=1 a-b%2Fc\""
    );
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

/// What stands behind "… specified for the field 'Output' ".
fn failing(expression: &str) -> String {
    let text = output(expression, "{}");
    text.split_once("specified for the field 'Output' ")
        .map_or(text.clone(), |(_, why)| why.to_owned())
}

#[test]
fn errors_have_the_words_of_the_reference() {
    for (expression, text) in [
        (
            "'a' + 1",
            r#"T2001: The left side of the "+" operator must evaluate to a number"#,
        ),
        (
            "1 * 'a'",
            r#"T2002: The right side of the "*" operator must evaluate to a number"#,
        ),
        ("-'a'", r#"D1002: Cannot negate a non-numeric value: "a""#),
        (
            "1 + (2 < 'a' ? 1 : 2)",
            r#"T2009: The values 2 and "a" either side of operator "<" must be of the same data type"#,
        ),
        (
            "true >= 1",
            r#"T2010: The expressions either side of operator ">=" must evaluate to numeric or string values"#,
        ),
        (
            "$sum(['a'])",
            r#"T0412: Argument 1 of function "sum" must be an array of "numbers""#,
        ),
        (
            "$uppercase($string(1) & $length(1))",
            r#"T0410: Argument 1 of function "length" does not match function signature"#,
        ),
        (
            "$sum(1, 2)",
            r#"T0410: Argument 2 of function "sum" does not match function signature"#,
        ),
        (
            "1 ~> $uppercase",
            r#"T0410: Argument 1 of function "uppercase" does not match function signature"#,
        ),
        (
            "$join([1])",
            r#"T0412: Argument 1 of function "join" must be an array of "strings""#,
        ),
        ("$number('x')", r#"D3030: Unable to cast value to a number: "x""#),
        (
            "$formatBase(10, 99)",
            "D3100: The radix of the formatBase function must be between 2 and 36.  It was given 99",
        ),
        (
            "[1..'a']",
            "T2004: The right side of the range operator (..) must evaluate to an integer",
        ),
        (
            "$single([1, 2])",
            "D3138: The $single() function expected exactly 1 matching result.  Instead it matched more.",
        ),
        ("$parse('{bad')", "D3137: Invalid JSON"),
        (
            "$hash('a', 'X')",
            "D3137: Hash algorithm 'X' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5",
        ),
        (
            "$hash(1, 'MD5')",
            r#"T0410: Argument 1 of function "hash" does not match function signature"#,
        ),
        (
            "$partition([1], -1)",
            "D3137: Second argument must be zero or greater",
        ),
        (
            "$partition(5, 2)",
            r#"T0412: Argument 1 of function "partition" must be an array of undefined"#,
        ),
        (
            "$uuid(1)",
            r#"T0410: Argument 1 of function "uuid" does not match function signature"#,
        ),
    ] {
        assert_eq!(
            failing(expression),
            format!("threw an error during evaluation. {text}"),
            "{expression}"
        );
    }
    assert_eq!(
        failing("function($x){ $x }"),
        "returned an unsupported result type."
    );
}

#[test]
fn numbers_that_json_has_not_come_out_as_their_names() {
    assert_eq!(
        output("[1/0, -1/0, 9000000000000 * 1000]", "{}"),
        r#"["Infinity","-Infinity",9000000000000000]"#
    );
}

#[test]
fn a_failing_field_of_a_rule_or_catcher_is_named_with_its_place() {
    let choice = r#"{"QueryLanguage":"JSONata","StartAt":"C","States":{"C":{"Type":"Choice","Choices":[
            {"Condition":"{% false %}","Next":"Z"},{"Condition":"{% true %}",FIELD,"Next":"Z"}]},"Z":{"Type":"Succeed"}}}"#;
    for (field, location) in [
        (r#""Output":{"v":"{% $nope %}"}"#, "Choices[1]/Output/v"),
        (r#""Assign":{"v":"{% $nope %}"}"#, "Choices[1]/Assign/v"),
    ] {
        let run = run(&choice.replace("FIELD", field), "{}", &[]);
        assert_eq!(run.wire(3)["evaluationFailedEventDetails"]["location"], location);
    }
}

#[test]
fn a_catcher_that_fails_fails_the_state_once_more() {
    let run = run(
        r#"{"QueryLanguage":"JSONata","StartAt":"P","States":{
            "P":{"Type":"Parallel","Branches":[{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}],
                "Catch":[{"ErrorEquals":["E"],"Output":"{% $nope %}","Next":"Z"},{"ErrorEquals":["States.ALL"],"Next":"Z"}],"Next":"Z"},
            "Z":{"Type":"Succeed"}}}"#,
        "{}",
        &[],
    );
    assert_eq!(
        run.wire(6)["evaluationFailedEventDetails"]["location"],
        "Catch[0]/Output"
    );
    assert_eq!(
        run.lines().split_off(4),
        [
            "5 <- 4 ParallelStateFailed",
            "6 <- 4 EvaluationFailed",
            "7 <- 6 ParallelStateFailed",
            "8 <- 7 ExecutionFailed"
        ]
    );
}

#[test]
fn an_item_selector_that_fails_leaves_no_event_of_its_iteration() {
    let run = run(
        &jsonata(
            r#""Type":"Map","Items":[1],"ItemSelector":"{% $nope %}",
               "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}"#,
        ),
        "{}",
        &[],
    );
    assert_eq!(
        run.lines().split_off(2),
        [
            "3 <- 2 MapStateStarted",
            "4 <- 2 EvaluationFailed",
            "5 <- 4 MapStateFailed",
            "6 <- 5 ExecutionFailed"
        ]
    );
}

#[test]
fn seconds_that_are_computed_must_be_whole_and_in_range() {
    for (seconds, text) in [
        ("1.5", "The Seconds field cannot be parsed as an integer: 1.5"),
        ("-1", "Seconds must be between 0 and 99999999 but was: -1"),
        (
            "100000000",
            "Seconds must be between 0 and 99999999 but was: 100000000",
        ),
    ] {
        let run = run(
            &jsonata(&format!(r#""Type":"Wait","Seconds":"{{% {seconds} %}}""#)),
            "{}",
            &[],
        );
        let (error, cause) = run.failure();
        assert_eq!(error, "States.QueryEvaluationError");
        assert!(cause.ends_with(text), "{cause}");
    }
}
