//! Choice: every operator, on both sides.

use crate::harness::{problem, run};

/// Which way a rule sends this input.
fn goes(rule: &str, input: &str) -> String {
    let definition = format!(
        r#"{{"StartAt":"C","States":{{"C":{{"Type":"Choice","Choices":[{{{rule},"Next":"Y"}}],"Default":"N"}},
            "Y":{{"Type":"Pass","Result":"yes","End":true}},"N":{{"Type":"Pass","Result":"no","End":true}}}}}}"#
    );
    let run = run(&definition, input, &[]);
    match run.outcome {
        Some(asl::eval::Outcome::Succeeded { .. }) => run.output(),
        _ => problem(&run),
    }
}

#[test]
fn operators_compare_values_of_their_own_type() {
    for (operator, right, yes, no) in [
        ("StringEquals", r#""b""#, r#""b""#, r#""c""#),
        ("StringLessThan", r#""b""#, r#""a""#, r#""b""#),
        ("StringLessThanEquals", r#""b""#, r#""b""#, r#""c""#),
        ("StringGreaterThan", r#""b""#, r#""c""#, r#""b""#),
        ("StringGreaterThanEquals", r#""b""#, r#""b""#, r#""a""#),
        (
            "StringMatches",
            r#""log-*.txt""#,
            r#""log-1.txt""#,
            r#""log-1.txt.gz""#,
        ),
        ("NumericEquals", "1", "1.0", "2"),
        ("NumericLessThan", "1", "0.5", "1"),
        ("NumericLessThanEquals", "1", "1", "1.5"),
        ("NumericGreaterThan", "1", "1.5", "1"),
        ("NumericGreaterThanEquals", "1", "1", "0"),
        ("BooleanEquals", "true", "true", "false"),
        (
            "TimestampEquals",
            r#""2020-01-01T00:00:00Z""#,
            r#""2020-01-01T01:00:00+01:00""#,
            r#""2020-01-01T01:00:00Z""#,
        ),
        (
            "TimestampLessThan",
            r#""2020-01-01T00:00:00Z""#,
            r#""2019-12-31T23:59:59Z""#,
            r#""2020-01-01T00:00:00Z""#,
        ),
        (
            "TimestampLessThanEquals",
            r#""2020-01-01T00:00:00Z""#,
            r#""2020-01-01T00:00:00Z""#,
            r#""2021-01-01T00:00:00Z""#,
        ),
        (
            "TimestampGreaterThan",
            r#""2020-01-01T00:00:00Z""#,
            r#""2020-01-01T00:00:00.001Z""#,
            r#""2020-01-01T00:00:00Z""#,
        ),
        (
            "TimestampGreaterThanEquals",
            r#""2020-01-01T00:00:00Z""#,
            r#""2020-01-01T00:00:00Z""#,
            r#""2019-01-01T00:00:00Z""#,
        ),
    ] {
        let rule = format!(r#""Variable":"$.x","{operator}":{right}"#);
        assert_eq!(
            goes(&rule, &format!(r#"{{"x":{yes}}}"#)),
            "\"yes\"",
            "{operator} {yes}"
        );
        assert_eq!(
            goes(&rule, &format!(r#"{{"x":{no}}}"#)),
            "\"no\"",
            "{operator} {no}"
        );
        assert_eq!(goes(&rule, r#"{"x":{}}"#), "\"no\"", "{operator} of another type");
        if operator != "StringMatches" {
            let rule = format!(r#""Variable":"$.x","{operator}Path":"$.y""#);
            assert_eq!(
                goes(&rule, &format!(r#"{{"x":{yes},"y":{right}}}"#)),
                "\"yes\"",
                "{operator}Path {yes}"
            );
            assert_eq!(
                goes(&rule, &format!(r#"{{"x":{no},"y":{right}}}"#)),
                "\"no\"",
                "{operator}Path {no}"
            );
        }
    }
}

#[test]
fn types_are_told_apart() {
    for (operator, yes, no) in [
        ("IsNull", "null", "0"),
        ("IsNumeric", "1.5", "\"1\""),
        ("IsString", "\"\"", "1"),
        ("IsBoolean", "false", "null"),
        ("IsTimestamp", "\"2020-01-01T00:00:00Z\"", "\"2020-01-01\""),
    ] {
        for (wanted, input, answer) in [
            ("true", yes, "\"yes\""),
            ("true", no, "\"no\""),
            ("false", no, "\"yes\""),
        ] {
            let rule = format!(r#""Variable":"$.x","{operator}":{wanted}"#);
            assert_eq!(
                goes(&rule, &format!(r#"{{"x":{input}}}"#)),
                answer,
                "{operator} {wanted} {input}"
            );
        }
    }
}

#[test]
fn only_is_present_may_look_where_nothing_is() {
    assert_eq!(goes(r#""Variable":"$.x","IsPresent":true"#, "{}"), "\"no\"");
    assert_eq!(goes(r#""Variable":"$.x","IsPresent":false"#, "{}"), "\"yes\"");
    assert_eq!(
        goes(r#""Variable":"$.x","IsPresent":true"#, r#"{"x":null}"#),
        "\"yes\""
    );
    assert_eq!(
        goes(r#""Variable":"$.x","NumericEquals":1"#, "{}"),
        "Invalid path '$.x': The choice state's condition path references an invalid value."
    );
}

#[test]
fn and_or_not_combine() {
    let (a, b) = (
        r#"{"Variable":"$.a","BooleanEquals":true}"#,
        r#"{"Variable":"$.b","BooleanEquals":true}"#,
    );
    for (left, right) in [(true, true), (true, false), (false, true), (false, false)] {
        let input = format!(r#"{{"a":{left},"b":{right}}}"#);
        let word = |holds: bool| if holds { "\"yes\"" } else { "\"no\"" };
        assert_eq!(goes(&format!(r#""And":[{a},{b}]"#), &input), word(left && right));
        assert_eq!(goes(&format!(r#""Or":[{a},{b}]"#), &input), word(left || right));
        assert_eq!(
            goes(&format!(r#""Not":{{"Or":[{a},{b}]}}"#), &input),
            word(!(left || right))
        );
    }
}

#[test]
fn without_a_default_no_match_is_an_error() {
    let definition = r#"{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","IsPresent":true,"Next":"Y"}]},
        "Y":{"Type":"Succeed"}}}"#;
    let (error, cause) = run(definition, "{}", &[]).failure();
    assert_eq!(error, "States.Runtime");
    assert!(cause.ends_with("(entered at the event id #2). Failed to transition out of the state. The state does not point to a next state."));
}

#[test]
fn the_taken_rule_assigns_and_only_it() {
    let definition = r#"{"StartAt":"C","States":{"C":{"Type":"Choice","Assign":{"way":"default"},"Default":"Z","Choices":[
            {"Variable":"$.n","NumericEquals":1,"Assign":{"way":"one"},"Next":"Z"},
            {"Variable":"$.n","NumericEquals":2,"Assign":{"way":"two"},"Next":"Z"}]},
        "Z":{"Type":"Pass","Parameters":{"way.$":"$way"},"End":true}}}"#;
    for (n, way) in [(1, "one"), (2, "two"), (3, "default")] {
        assert_eq!(
            run(definition, &format!(r#"{{"n":{n}}}"#), &[]).output(),
            format!(r#"{{"way":"{way}"}}"#)
        );
    }
}
