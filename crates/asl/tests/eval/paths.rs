//! JSONPath fields and intrinsic functions, as templates use them.

use crate::harness::{one, pass, problem, run};

fn value(expression: &str, input: &str) -> String {
    let definition = one(&format!(r#""Type":"Pass","Parameters":{{"v.$":"{expression}"}}"#));
    let run = run(&definition, input, &[]);
    match run.outcome {
        Some(asl::eval::Outcome::Succeeded { .. }) => {
            let output = run.output();
            output
                .strip_prefix("{\"v\":")
                .unwrap()
                .strip_suffix('}')
                .unwrap()
                .to_owned()
        }
        _ => problem(&run),
    }
}

#[test]
fn a_null_path_is_an_empty_object() {
    assert_eq!(pass(r#""InputPath":null"#, "[1]"), "{}");
    assert_eq!(pass(r#""OutputPath":null"#, "[1]"), "{}");
    assert_eq!(pass(r#""Result":1,"ResultPath":null"#, "[1]"), "[1]");
}

#[test]
fn a_result_path_makes_what_is_missing_on_its_way() {
    assert_eq!(
        pass(r#""Result":1,"ResultPath":"$.a.b""#, r#"{"x":2}"#),
        r#"{"x":2,"a":{"b":1}}"#
    );
    assert_eq!(
        pass(r#""Result":1,"ResultPath":"$.a[1]""#, r#"{"a":[5,6]}"#),
        r#"{"a":[5,1]}"#
    );
    let run = run(
        &one(r#""Type":"Pass","Result":1,"ResultPath":"$.a.b""#),
        r#"{"a": "text"}"#,
        &[],
    );
    assert_eq!(
        run.failure(),
        (
            "States.ReferencePathConflict".to_owned(),
            r#"Unable to apply ReferencePath $.a.b to input {"a":"text"}"#.to_owned()
        )
    );
}

#[test]
fn a_result_is_taken_literally() {
    assert_eq!(pass(r#""Result":{"a.$":"$.b"}"#, "{}"), r#"{"a.$":"$.b"}"#);
}

#[test]
fn what_templates_fill_in_comes_after_what_they_write_down() {
    assert_eq!(
        pass(
            r#""Parameters":{"a.$":"$.a","z":1,"m":{"k.$":"$$.Execution.Name","l":["x",{"y.$":"$.a"}]}}"#,
            r#"{"a":null}"#
        ),
        r#"{"z":1,"m":{"l":["x",{"y":null}],"k":"Run"},"a":null}"#
    );
    assert_eq!(
        pass(r#""Parameters":{"Name.$":"$","SecretString.$":"$"}"#, "1"),
        r#"{"SecretString":1,"Name":1}"#,
        "in the order of a Java map"
    );
}

#[test]
fn definite_paths_give_values_and_others_lists() {
    let input = r#"{"a":[{"n":1},{"n":2},{"m":3}],"b":{"c":"d"}}"#;
    for (path, wanted) in [
        ("$.a[0].n", "1"),
        ("$.a[-1]", r#"{"m":3}"#),
        ("$.a[*].n", "[1,2]"),
        ("$..n", "[1,2]"),
        ("$.a[0:2].n", "[1,2]"),
        ("$.a[?(@.n > 1)]", r#"[{"n":2}]"#),
        ("$.a[?(@.n > 1 || @.m == '3')].n", "[2]"),
        ("$['b']['c']", "\"d\""),
        ("$.b['c','x']", r#"{"c":"d"}"#),
        ("$.a.length()", "3"),
        ("$.no[*]", "[]"),
        ("$.no[1:].way", "[]"),
    ] {
        assert_eq!(value(path, input), wanted, "{path}");
    }
    assert_eq!(
        value("$.no", r#"{"a":1}"#),
        r#"The JSONPath '$.no' specified for the field 'v.$' could not be found in the input '{"a":1}'"#
    );
}

#[test]
fn math_add_rounds_half_up_first() {
    for (left, right, sum) in [
        ("1", "1", "2"),
        ("1.49", "1.5", "3"),
        ("-1.5", "0", "-1"),
        ("-3.5", "0", "-3"),
        ("-1.51", "0", "-2"),
        ("9007199254740993", "1", "9007199254740994"),
    ] {
        assert_eq!(
            value(&format!("States.MathAdd({left}, {right})"), "{}"),
            sum,
            "{left} + {right}"
        );
    }
}

#[test]
fn intrinsic_functions_answer_as_documented() {
    let input = r#"{"s":"a,b.c","l":[1,1.0,"x","x",null],"o":{"k":[1,"y"]},"j":"{\"q\": [true]}"}"#;
    for (call, wanted) in [
        (
            r"States.Format('{} and {}: \\{\\}', $.s, 5)",
            r#""a,b.c and 5: {}""#,
        ),
        ("States.Format('{}', $.o)", r#""{k=[1, y]}""#),
        ("States.StringToJson($.j)", r#"{"q":[true]}"#),
        ("States.JsonToString($.o)", r#""{\"k\":[1,\"y\"]}""#),
        ("States.Array($.s, 1, null, true)", r#"["a,b.c",1,null,true]"#),
        ("States.ArrayPartition($.l, 2)", r#"[[1,1.0],["x","x"],[null]]"#),
        ("States.ArrayContains($.l, 'x')", "true"),
        ("States.ArrayRange(1, 9, 3)", "[1,4,7]"),
        ("States.ArrayRange(3, 1, -1)", "[3,2,1]"),
        ("States.ArrayGetItem($.l, 2)", r#""x""#),
        ("States.ArrayLength($.l)", "5"),
        ("States.ArrayUnique($.l)", r#"[1,1.0,"x",null]"#),
        ("States.Base64Encode($.s)", r#""YSxiLmM=""#),
        ("States.Base64Decode('YSxiLmM=')", r#""a,b.c""#),
        (
            "States.Hash('abc', 'MD5')",
            r#""900150983cd24fb0d6963f7d28e17f72""#,
        ),
        (
            "States.JsonMerge($.o, States.StringToJson($.j), false)",
            r#"{"k":[1,"y"],"q":[true]}"#,
        ),
        ("States.StringSplit($.s, '.,')", r#"["a","b","c"]"#),
        ("States.UUID()", r#""6f1c1a52-3c5e-4d0e-9d4e-0123456789ab""#),
        (
            "States.Format('{}', States.ArrayLength(States.Array(1,2)))",
            r#""2""#,
        ),
    ] {
        assert_eq!(value(call, input), wanted, "{call}");
    }
}

#[test]
fn a_seed_fixes_the_random_number() {
    let call = "States.MathRandom(1, 1000000, 5)";
    assert_eq!(value(call, "{}"), value(call, "{}"));
    let number: i64 = value("States.MathRandom(10, 12)", "{}").parse().unwrap();
    assert!((10..12).contains(&number));
}

#[test]
fn a_wrong_argument_is_an_intrinsic_failure() {
    for call in [
        "States.ArrayGetItem($.l, 9)",
        "States.StringToJson('nope')",
        "States.ArrayRange(1, 5000, 1)",
        "States.JsonMerge($.l, $.l, false)",
        "States.JsonMerge($, $, true)",
        "States.MathRandom(5, 5)",
        "States.Format('{} {}', 1)",
        "States.Hash('x', 'CRC')",
    ] {
        let definition = one(&format!(r#""Type":"Pass","Parameters":{{"v.$":"{call}"}}"#));
        let run = run(&definition, r#"{"l":[1]}"#, &[]);
        assert_eq!(run.failure().0, "States.IntrinsicFailure", "{call}");
    }
}

#[test]
fn calls_that_are_not_calls_are_refused_when_the_machine_is_built() {
    for call in [
        "States.Nope()",
        "States.UUID(1)",
        "States.Array('a'",
        "States.Array('a') x",
        r"States.Format('\\x')",
        "States.MathAdd(1)",
        "nothing",
    ] {
        let definition = one(&format!(r#""Type":"Pass","Parameters":{{"v.$":"{call}"}}"#));
        let node = asl::json::spanned::parse(&definition).unwrap();
        assert!(asl::machine::build(&node).is_err(), "{call}");
    }
}

#[test]
fn items_that_are_not_there_name_the_step_that_failed() {
    let map = r#""Type":"Map","ItemsPath":"$.a.b","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}"#;
    let run = run(&one(map), r#"{"a": {"c": 1}}"#, &[]);
    assert_eq!(
        run.failure(),
        (
            "States.ReferencePathConflict".to_owned(),
            r#"Unable to apply step "b" to input {"a":{"c":1}}"#.to_owned()
        )
    );
}

#[test]
fn a_conflict_of_paths_is_caught_by_either_name() {
    for name in ["States.ReferencePathConflict", "States.ResultPathMatchFailure"] {
        let run = run(
            &format!(
                r#"{{"StartAt":"S","States":{{
                "S":{{"Type":"Parallel","ResultPath":"$.x","Branches":[{{"StartAt":"B","States":{{"B":{{"Type":"Succeed"}}}}}}],
                    "Catch":[{{"ErrorEquals":["{name}"],"Next":"C"}}],"End":true}},
                "C":{{"Type":"Pass","Parameters":{{"e.$":"$.Error"}},"End":true}}}}}}"#
            ),
            "1",
            &[],
        );
        assert_eq!(run.output(), r#"{"e":"States.ReferencePathConflict"}"#);
    }
}

#[test]
fn an_index_past_the_end_is_null_in_a_template_and_an_error_elsewhere() {
    let input = r#"{"a": [1]}"#;
    assert_eq!(
        pass(r#""Parameters":{"x.$":"$.a[5]","y.$":"$.a[5].b"}"#, input),
        r#"{"x":null,"y":null}"#
    );
    let run = run(&one(r#""Type":"Pass","InputPath":"$.a[5]""#), input, &[]);
    assert!(run.failure().1.ends_with("No results for path: $['a'][5]"));
}

#[test]
fn paths_do_not_apply_to_a_null_input() {
    for field in [
        r#""InputPath":"$.a""#,
        r#""Parameters":{"x.$":"$.a"}"#,
        r#""Parameters":{"x.$":"$"}"#,
    ] {
        let run = run(&one(&format!(r#""Type":"Pass",{field}"#)), "null", &[]);
        let (error, cause) = run.failure();
        assert_eq!(error, "States.Runtime");
        assert!(
            cause.ends_with(
                "(entered at the event id #2). Unable to apply Path transformation to null or empty input."
            ),
            "{cause}"
        );
    }
}
