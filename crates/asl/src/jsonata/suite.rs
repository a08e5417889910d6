//! The reference implementation's own suite, on the library with our functions.
//!
//! The suite is no part of the project: `SIGNALBOX_SUITES=<folder> cargo test -p asl suite` reads `<folder>/jsonata/suite.json`, a list
//! of `{id, expr, data, bindings?, expect: {result} | {undefined} | {code}}`; without the variable the test says so and passes. It
//! is here and not among the tests of the crate's face because its expressions have a context item, and those of Step Functions
//! have none.

use std::path::PathBuf;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::Value;
use serde_json::value::RawValue;

use super::convert::{Budget, Refused, from_jsonata, to_jsonata};
use super::evaluate::Surroundings;
use super::{functions, syntax, wording};
use crate::json::read;
use crate::limits::Limits;

/// Cases with a lone surrogate.
const UNREADABLE_MAX: usize = 4;

/// Cases we answer otherwise, and why.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "tail-recursion/",
        "the limits have codes of their own (D1011, D1012)",
    ),
    ("function-eval/", "Step Functions does not offer `$eval`"),
    (
        "function-tomillis/parseDateTime.json#28",
        "it compares two clocks, and ours stands still",
    ),
];

fn value(json: &Value) -> JValue {
    to_jsonata(&read::read(&json.to_string()).unwrap())
}

/// The value, nothing, or the code of the error.
fn answer(case: &Value) -> Result<Option<Value>, String> {
    let text = case["expr"].as_str().unwrap();
    let tree = match syntax::parse(text) {
        Ok(tree) => tree,
        Err(ours) => {
            // AWS shows syntax errors without their codes; the library's own text has most of them.
            let theirs = jsonata_core::parser::parse(text).map_err(|error| error.to_string());
            return Err(
                code_in(&theirs.err().unwrap_or_default()).unwrap_or_else(|| format!("S????: {ours}"))
            );
        }
    };
    let mut context = Context::new();
    for (name, bound) in case["bindings"].as_object().into_iter().flatten() {
        context.bind(name.clone(), value(bound));
    }
    let options = EvaluatorOptions {
        timeout_ms: Some(5_000),
        cancel: None,
        max_stack_depth: Some(1_000),
        max_sequence_length: Some(10_000_000),
    };
    let input = case.get("data").map_or(JValue::Undefined, value);
    let surroundings = Surroundings {
        states: Vec::new(),
        variables: Vec::new(),
        seed: 7,
        now_ms: 1_790_000_000_000,
        limits: &Limits::AWS,
    };
    let mut evaluator = Evaluator::with_options(context, options);
    functions::register(&mut evaluator, &surroundings).unwrap();
    let result = evaluator.evaluate(&tree, &input).map_err(|error| {
        let worded = wording::of_reference(error.message(), &tree, &mut |_| Err(String::new()));
        code_in(&worded).unwrap_or(worded)
    })?;
    let mut budget = Budget {
        bytes: 1 << 30,
        depth: 1_000,
    };
    match from_jsonata(&result, &mut budget) {
        Ok(json) => Ok(Some(serde_json::from_str(&json.to_string()).unwrap())),
        Err(Refused::Undefined) => Ok(None),
        // A function prints as an empty text in the suite.
        Err(Refused::Function) => Ok(Some(Value::from(""))),
        Err(refused) => Err(format!("{refused:?}")),
    }
}

/// The first code in a message.
fn code_in(message: &str) -> Option<String> {
    let is_code = |word: &&str| {
        word.len() == 5
            && word.starts_with(['S', 'T', 'D', 'U'])
            && word.chars().skip(1).all(|c| c.is_ascii_digit())
    };
    let mut words = message.split(|c: char| !c.is_ascii_alphanumeric());
    words.find(is_code).map(str::to_owned)
}

/// Numbers by their value: `1` and `1.0` are one number there.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (left, right) => left == right,
    }
}

#[test]
fn expressions_answer_as_the_reference_does() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test is told where the suites are by its caller"
    )]
    let Some(folder) = std::env::var_os("SIGNALBOX_SUITES") else {
        eprintln!("left out: SIGNALBOX_SUITES names no folder");
        return;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join("jsonata/suite.json")).unwrap();
    let written: Vec<Box<RawValue>> = serde_json::from_str(&text).unwrap();
    // A lone surrogate can't be held in text: its cases can't even be read.
    let cases: Vec<Value> = written
        .iter()
        .filter_map(|case| serde_json::from_str(case.get()).ok())
        .collect();
    assert!(written.len() - cases.len() <= UNREADABLE_MAX);
    let mut wrong = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let expect = &case["expect"];
        let ours = answer(case);
        let agrees = match &ours {
            Ok(Some(value)) => expect.get("result").is_some_and(|theirs| same(value, theirs)),
            Ok(None) => expect.get("undefined").is_some(),
            Err(ours) => expect
                .get("code")
                .and_then(Value::as_str)
                .is_some_and(|code| code == ours || (code.starts_with('S') && ours.starts_with("S????"))),
        };
        if !agrees && !OTHERWISE.iter().any(|(prefix, _)| id.starts_with(prefix)) {
            wrong.push(format!(
                "{id}: {}\n  ours {ours:?}\n  theirs {expect}",
                case["expr"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
