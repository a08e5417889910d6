//! JSONPath as Jayway answers it: paths on one document, with the answers of two versions.
//!
//! The suite is no part of the project. `SIGNALBOX_SUITES=<folder> cargo test -p asl --test suites` runs it from
//! `<folder>/jsonpath/` (`doc.json`; `oracle-2.4.0.tsv` and `oracle-2.9.0.tsv`, one path a line: path, OK or ERR, whether it is
//! definite, the value as JSON); without the variable the test says so and passes. The suite of JSONata is run by
//! `src/jsonata/suite.rs`, which needs a context item that expressions of Step Functions do not have.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test should panic; a test that is left out says so"
)]

use std::path::{Path as File, PathBuf};

use asl::json::{Json, read};
use asl::paths::Path;

/// Where the suites are, if anywhere.
fn suites() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test is told where the suites are by its caller"
    )]
    let folder = std::env::var_os("SIGNALBOX_SUITES");
    if folder.is_none() {
        eprintln!("left out: SIGNALBOX_SUITES names no folder");
    }
    folder.map(PathBuf::from)
}

/// A path and the answer of one version.
struct Case {
    path: String,
    /// The value; none for an error.
    value: Option<serde_json::Value>,
}

fn cases(file: &File) -> Vec<Case> {
    let text = std::fs::read_to_string(file).unwrap();
    let case = |line: &str| {
        let mut columns = line.splitn(4, '\t');
        let path = columns.next()?.to_owned();
        let is_value = columns.next()? == "OK";
        let value = if is_value {
            Some(serde_json::from_str(columns.nth(1)?).unwrap())
        } else {
            None
        };
        Some(Case { path, value })
    };
    text.lines().filter_map(case).collect()
}

fn answer(document: &Json, path: &str) -> Option<serde_json::Value> {
    let found = Path::parse(path).ok()?.find(document).ok()?;
    Some(serde_json::from_str(&found.to_string()).unwrap())
}

/// Numbers by their value: an average is printed as the one or the other.
fn same(left: &serde_json::Value, right: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let (left, right) = (left.as_f64().unwrap(), right.as_f64().unwrap());
            (left - right).abs() <= 1e-9 * left.abs().max(1.0)
        }
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
fn paths_answer_as_jayway_does() {
    let Some(folder) = suites().map(|folder| folder.join("jsonpath")) else {
        return;
    };
    let document = read::read(&std::fs::read_to_string(folder.join("doc.json")).unwrap()).unwrap();
    let old = cases(&folder.join("oracle-2.4.0.tsv"));
    let new = cases(&folder.join("oracle-2.9.0.tsv"));
    assert_eq!(old.len(), new.len());
    let mut wrong = Vec::new();
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(old.path, new.path);
        let ours = answer(&document, &old.path);
        let agrees = |theirs: &Option<serde_json::Value>| match (&ours, theirs) {
            (Some(ours), Some(theirs)) => same(ours, theirs),
            (None, None) => true,
            _ => false,
        };
        // Where the versions differ AWS's own answers decide, and these are elsewhere.
        if !agrees(&old.value) && !agrees(&new.value) {
            wrong.push(format!(
                "{}\n  ours {ours:?}\n  2.4  {:?}\n  2.9  {:?}",
                old.path, old.value, new.value
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        old.len(),
        wrong.join("\n")
    );
}
