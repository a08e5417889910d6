//! What the rules' own tests are written with, and the tests of the check as a whole.

use super::*;

fn options(kind: MachineKind) -> CheckOptions {
    CheckOptions {
        kind,
        max_results: 0,
        now_ms: Some(1_900_000_000_000),
        only: None,
    }
}

fn line(diagnostic: &Diagnostic) -> String {
    let location = diagnostic.location.as_deref().unwrap_or("null");
    format!("{}: {} at {location}", diagnostic.code, diagnostic.message)
}

fn errors(text: &str, kind: MachineKind) -> Vec<Diagnostic> {
    let mut diagnostics = diagnose(text, &options(kind)).diagnostics;
    diagnostics.retain(|diagnostic| diagnostic.severity() == Severity::Error);
    diagnostics
}

/// A machine that starts at the first of `states`.
pub(super) fn machine(top: &str, states: &str) -> String {
    let start = states.trim_start().split('"').nth(1).unwrap();
    format!(r#"{{{top} "StartAt": "{start}", "States": {{{states}}}}}"#)
}

/// A machine of one state, `S`.
pub(super) fn state(fields: &str) -> String {
    machine("", &format!(r#""S": {{{fields}}}"#))
}

/// Every error, as a line.
pub(super) fn all(text: &str) -> Vec<String> {
    errors(text, MachineKind::Standard).iter().map(line).collect()
}

/// Exactly one error, which begins like this.
pub(super) fn finds(text: &str, expected: &str) {
    one(&errors(text, MachineKind::Standard), text, expected);
}

/// As [`finds`], for an Express machine; the text is valid as a Standard one.
pub(super) fn finds_express(text: &str, expected: &str) {
    passes(text);
    one(&errors(text, MachineKind::Express), text, expected);
}

fn one(errors: &[Diagnostic], text: &str, expected: &str) {
    let lines: Vec<String> = errors.iter().map(line).collect();
    assert!(
        matches!(lines.as_slice(), [only] if only.starts_with(expected)),
        "wanted: {expected}\nfound: {lines:#?}\nin: {text}"
    );
}

/// No error.
pub(super) fn passes(text: &str) {
    assert_eq!(all(text), Vec::<String>::new(), "in: {text}");
}

/// The help of the first error.
pub(super) fn help_of(text: &str) -> String {
    errors(text, MachineKind::Standard)
        .first()
        .and_then(|error| error.help.clone())
        .unwrap_or_default()
}

/// The codes of everything that is no error.
pub(super) fn advice(text: &str, kind: MachineKind) -> Vec<&'static str> {
    let diagnostics = diagnose(text, &options(kind)).diagnostics;
    diagnostics
        .iter()
        .filter(|d| d.severity() != Severity::Error)
        .map(|d| d.code.as_str())
        .collect()
}

/// No error, and this advice among the rest.
pub(super) fn advises(text: &str, code: &str) {
    passes(text);
    let found = advice(text, MachineKind::Standard);
    assert!(found.contains(&code), "wanted {code}, found {found:?} in: {text}");
}

/// Not this advice.
pub(super) fn does_not_advise(text: &str, code: &str) {
    let found = advice(text, MachineKind::Standard);
    assert!(!found.contains(&code), "found {code} in: {text}");
}

/// The definition after the fix of the first finding of this code, which is gone then.
pub(super) fn mended(text: &str, code: &str) -> serde_json::Value {
    let has = |diagnostics: &[Diagnostic]| diagnostics.iter().filter(|d| d.code.as_str() == code).count();
    let before = diagnose(text, &options(MachineKind::Standard)).diagnostics;
    let fix = before
        .iter()
        .find(|d| d.code.as_str() == code && d.fix.is_some())
        .unwrap_or_else(|| panic!("no fix for {code} among {before:#?}\nin: {text}"))
        .fix
        .clone()
        .unwrap();
    let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
    for operation in &fix.patch {
        patch::apply(&mut value, operation);
    }
    let after = diagnose(&value.to_string(), &options(MachineKind::Standard)).diagnostics;
    assert!(
        has(&after) < has(&before),
        "{fix:#?}\nleft: {after:#?}\nin: {value}"
    );
    value
}

mod patch {
    //! RFC 6902 as far as fixes use it.

    use serde_json::Value;

    use crate::diagnostic::PatchOperation;

    pub(super) fn apply(document: &mut Value, operation: &PatchOperation) {
        match operation {
            PatchOperation::Add { path, value } => add(document, path, value.clone()),
            PatchOperation::Remove { path } => {
                take(document, path);
            }
            PatchOperation::Replace { path, value } => *document.pointer_mut(path).unwrap() = value.clone(),
            PatchOperation::Move { from, path } => {
                let value = take(document, from);
                add(document, path, value);
            }
        }
    }

    fn split(path: &str) -> (&str, String) {
        let (holder, token) = path.rsplit_once('/').unwrap();
        (holder, token.replace("~1", "/").replace("~0", "~"))
    }

    fn add(document: &mut Value, path: &str, value: Value) {
        let (holder, token) = split(path);
        match document.pointer_mut(holder).unwrap() {
            Value::Array(items) if token == "-" => items.push(value),
            Value::Array(items) => items.insert(token.parse().unwrap(), value),
            Value::Object(members) => assert!(members.insert(token, value).is_none(), "{path} was there"),
            other => panic!("{path}: {other}"),
        }
    }

    fn take(document: &mut Value, path: &str) -> Value {
        let (holder, token) = split(path);
        match document.pointer_mut(holder).unwrap() {
            Value::Array(items) => items.remove(token.parse().unwrap()),
            Value::Object(members) => members.shift_remove(&token).unwrap(),
            other => panic!("{path}: {other}"),
        }
    }
}

#[test]
fn a_fault_is_shown_at_its_line_and_column() {
    let text =
        "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Next\": \"B\"}\n  }\n}";
    let diagnostics = check(text, &CheckOptions::default()).diagnostics;
    let first = diagnostics.first().unwrap();
    assert_eq!((first.line, first.column), (4, 35));
    assert_eq!(&text[first.span.start..first.span.end], "\"B\"");
}

#[test]
fn line_and_column_are_those_of_the_place_and_the_region_is_the_very_text() {
    let text = "{\n \"StartAt\": \"A\",\n \"States\": {\n  \"A\": {\n   \"Type\": \"Succeed\",\n   \"Retry\": []\n  }\n }\n}";
    let diagnostics = check(text, &CheckOptions::default()).diagnostics;
    let first = diagnostics.first().unwrap();
    assert_eq!(first.location.as_deref(), Some("/States/A"));
    assert_eq!((first.line, first.column), (4, 3));
    assert_eq!(&text[first.span.start..first.span.end], "\"Retry\"");
    assert_eq!((first.region.start, first.region.end), ((6, 4), (6, 11)));
}

#[test]
fn a_machine_comes_only_without_errors_and_without_open_substitutions() {
    let good = state(r#""Type": "Wait", "Seconds": 1, "End": true"#);
    assert!(check(&good, &CheckOptions::default()).machine.is_some());
    let bad = state(r#""Type": "Wait", "Seconds": -1, "End": true"#);
    assert!(check(&bad, &CheckOptions::default()).machine.is_none());
    let open = state(r#""Type": "Wait", "Seconds": "${Seconds}", "End": true"#);
    let checked = check(&open, &CheckOptions::default());
    assert!(checked.diagnostics.is_empty());
    assert!(checked.machine.is_none() && checked.unrunnable.is_some());
}

#[test]
fn no_more_is_said_than_asked_for() {
    let states: Vec<String> = (0..300)
        .map(|n| format!(r#""S{n}": {{"Type": "Nope"}}"#))
        .collect();
    let text = machine("", &states.join(","));
    assert_eq!(
        check(&text, &CheckOptions::default()).diagnostics.len(),
        DIAGNOSTICS_MAX
    );
    let checked = check(
        &text,
        &CheckOptions {
            max_results: 3,
            ..CheckOptions::default()
        },
    );
    assert_eq!(checked.diagnostics.len(), 3);
    assert!(checked.truncated);
}

#[test]
fn what_aws_says_is_not_crowded_out_by_what_we_say() {
    let last = 2 * DIAGNOSTICS_MAX;
    let task = |n: usize| {
        format!(
            r#""S{n}": {{"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Next": "S{}"}}"#,
            n + 1
        )
    };
    let mut states: Vec<String> = (0..last).map(task).collect();
    states.push(format!(
        r#""S{last}": {{"Type": "Pass", "Parameters": {{"a": "$.a"}}, "End": true}}"#
    ));
    let text = machine("", &states.join(","));
    let only = CheckOptions {
        only: Some(crate::diagnostic::Origin::Aws),
        ..options(MachineKind::Standard)
    };
    let said = diagnose(&text, &only);
    let codes: Vec<Code> = said.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(
        (codes.as_slice(), said.truncated),
        ([Code::NoDollar].as_slice(), false)
    );
    assert!(diagnose(&text, &options(MachineKind::Standard)).truncated);
}

#[test]
fn a_definition_over_a_mebibyte_is_refused_unread() {
    let text = format!("{{\"Comment\": \"{}\"}}", "x".repeat(DEFINITION_BYTES_MAX));
    finds(&text, "DEFINITION_TOO_LARGE: The definition has");
}

#[test]
fn deep_nesting_is_refused_and_overflows_nothing() {
    finds(&"[".repeat(100_000), "TOO_DEEPLY_NESTED: Document nesting depth");
}

#[test]
fn a_syntax_error_names_jacksons_place() {
    let text = r#"{"StartAt": }"#;
    let diagnostics = check(text, &CheckOptions::default()).diagnostics;
    let first = diagnostics.first().unwrap();
    assert_eq!(first.code, Code::InvalidJsonDescription);
    assert_eq!(
        first.location.as_deref(),
        Some(r#"[Source: (String)"{"StartAt": }"; line: 1, column: 14]"#)
    );
    assert_eq!((first.line, first.column), (1, 13));
}

mod mutations {
    //! Nothing that is done to a text makes the check panic, and the same text gives the same answer.

    use super::*;
    use proptest::prelude::*;

    const SEED: &str = include_str!("../../benches/definitions/everything.json");

    fn check_both(text: &str) {
        let first = check(text, &options(MachineKind::Standard)).diagnostics;
        let second = check(text, &options(MachineKind::Standard)).diagnostics;
        assert_eq!(first, second);
        check(text, &options(MachineKind::Express));
    }

    #[test]
    fn the_seed_is_valid() {
        passes(SEED);
    }

    proptest! {
        #[test]
        fn of_bytes_do_not_panic(at in 0..SEED.len(), cut in 0_usize..40, insert in "[\\[\\]{}\",:.$%'()a-zA-Z0-9 \\\\é]{0,12}") {
            let end = (at + cut).min(SEED.len());
            let text = format!("{}{insert}{}", &SEED[..at], &SEED[end..]);
            check_both(&text);
        }

        #[test]
        fn of_values_do_not_panic(index in 0_usize..200, value in 0_usize..9) {
            let values = ["null", "true", "-1", "1.5", "\"\"", "\"$\"", "\"{% %}\"", "[]", "{}"];
            let mut root: serde_json::Value = serde_json::from_str(SEED).unwrap();
            let mut left = index;
            replace(&mut root, &mut left, &serde_json::from_str(values[value]).unwrap());
            check_both(&root.to_string());
        }

        #[test]
        fn of_expressions_do_not_panic(expression in "[a-z$.()\\[\\]{}\"'%&|*+:=?<>~@#^,; 0-9-]{0,40}") {
            let text = serde_json::json!({"QueryLanguage": "JSONata", "StartAt": "A",
                "States": {"A": {"Type": "Pass", "Output": format!("{{%{expression}%}}"), "End": true}}});
            check_both(&text.to_string());
            let text = serde_json::json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": expression,
                "Parameters": {"a.$": format!("${expression}"), "b.$": format!("States.Format({expression})")}, "End": true}}});
            check_both(&text.to_string());
        }
    }

    /// Puts `value` in the place of the `left`-th value of the tree.
    fn replace(node: &mut serde_json::Value, left: &mut usize, value: &serde_json::Value) {
        if *left == 0 {
            *node = value.clone();
        }
        *left = left.wrapping_sub(1);
        match node {
            serde_json::Value::Array(nodes) => nodes.iter_mut().for_each(|node| replace(node, left, value)),
            serde_json::Value::Object(members) => {
                members.values_mut().for_each(|node| replace(node, left, value));
            }
            _ => {}
        }
    }
}

mod size {
    //! Definitions of the greatest size the API takes are checked in a time that grows with the size, not with its
    //! square: each of these would take minutes otherwise, and the test's runner would say so.

    use super::*;

    /// As many of `unit` as fit.
    fn filled(unit: impl Fn(usize) -> String) -> String {
        let mut states = Vec::new();
        let mut bytes = 100;
        for number in 0.. {
            let text = unit(number);
            bytes += text.len() + 1;
            if bytes > DEFINITION_BYTES_MAX {
                break;
            }
            states.push(text);
        }
        machine("", &states.join(","))
    }

    #[test]
    fn a_chain_of_states() {
        let text = filled(|n| {
            format!(
                r#""S{n}":{{"Type":"Pass","Assign":{{"v{n}":1}},"Next":"S{}"}}"#,
                n + 1
            )
        });
        let found = errors(&text, MachineKind::Standard);
        assert_eq!(found.first().unwrap().code, Code::MissingTransitionTarget);
    }

    #[test]
    fn transitions_into_nowhere() {
        let text = filled(|n| {
            format!(r#""S{n}":{{"Type":"Pass","Next":"A rather long name that is not there {n}"}}"#)
        });
        assert_eq!(errors(&text, MachineKind::Standard).len(), DIAGNOSTICS_MAX);
    }

    #[test]
    fn states_that_all_lead_to_one() {
        let text = filled(|n| {
            format!(
                r#""S{n}":{{"Type":"Task","Resource":"${{F}}","Next":"S0","Catch":[{{"ErrorEquals":["E"],"Next":"S{}"}}]}}"#,
                n + 1
            )
        });
        assert!(!errors(&text, MachineKind::Standard).is_empty());
    }

    #[test]
    fn one_long_expression() {
        let sum = "1+".repeat(100_000);
        let text = state(&format!(
            r#""Type": "Pass", "QueryLanguage": "JSONata", "Output": "{{% {sum}1 %}}", "End": true"#
        ));
        errors(&text, MachineKind::Standard);
        let path = ".a".repeat(200_000);
        let text = state(&format!(r#""Type": "Pass", "InputPath": "${path}", "End": true"#));
        passes(&text);
    }
}
