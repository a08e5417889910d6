//! What a test case says, and what came of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::matcher::{Mismatch, compare};
use super::mocks::{self, Mocks};
use super::replay::{Replay, ReplayOutcome};

/// Most cases of one deployment: they run at the same time.
pub const CASES_MAX: usize = 200;

/// Longest time a case may take, seconds: a day.
pub const TIMEOUT_SECONDS_MAX: u64 = 24 * 3600;

/// What is expected of one execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestExpectation {
    /// How it is to end. Default `SUCCEEDED`.
    #[serde(default = "succeeded")]
    pub expected_status: String,
    /// What its output is to contain: objects may have more members than this; see the matchers in the documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub expected_output: Option<Value>,
    /// The error it is to end with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_error: Option<String>,
}

/// One test of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// Its name; no other case of the deployment has it.
    pub name: String,
    /// The execution's input. Default `{}`.
    #[serde(default = "empty")]
    #[schema(value_type = Object)]
    pub input: Value,
    /// How it is to end. Default `SUCCEEDED`.
    #[serde(default = "succeeded")]
    pub expected_status: String,
    /// What its output is to contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub expected_output: Option<Value>,
    /// The error it is to end with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_error: Option<String>,
    /// After this the execution is stopped and the test has failed. Default 300. A rehearsal has a clock of its own and never
    /// waits.
    #[serde(default = "five_minutes", alias = "timeout")]
    pub timeout_seconds: u64,
    /// What the tasks answer, by the state's name. Given, even when empty, the definition is rehearsed without touching anything
    /// outside; a task without a mock fails the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Vec<super::mocks::Mock>>>)]
    pub mocks: Option<Mocks>,
}

/// The tests of a deployment: cases, and a replay of past executions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tests {
    /// The cases.
    pub cases: Vec<TestCase>,
    /// What is replayed.
    pub replay: Option<Replay>,
}

/// How tests are written: a list of cases, or both.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TestsWritten {
    /// Cases.
    Cases(Vec<TestCase>),
    /// Cases and a replay.
    Both(TestsObject),
}

/// Cases and a replay.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestsObject {
    /// The cases.
    pub cases: Vec<TestCase>,
    /// Replay of past executions of the version that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

impl Tests {
    /// Whether nothing is tested.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.replay.is_none()
    }
}

impl From<Vec<TestCase>> for Tests {
    fn from(cases: Vec<TestCase>) -> Self {
        Self { cases, replay: None }
    }
}

impl Serialize for Tests {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.replay.is_none() {
            return self.cases.serialize(serializer);
        }
        let both = TestsObject {
            cases: self.cases.clone(),
            replay: self.replay.clone(),
        };
        both.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tests {
    /// By hand, so that a wrong field is named with its place.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CasesOrBoth;
        impl<'de> serde::de::Visitor<'de> for CasesOrBoth {
            type Value = Tests;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of test cases, or an object with `cases` and `replay`")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Tests, A::Error> {
                Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Tests::from)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Tests, A::Error> {
                let both = TestsObject::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Tests {
                    cases: both.cases,
                    replay: both.replay,
                })
            }
        }
        deserializer.deserialize_any(CasesOrBoth)
    }
}

/// How a test was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestMode {
    /// As an execution in the environment, with its side effects.
    #[default]
    Live,
    /// Rehearsed with mocks.
    Mocked,
    /// Rehearsed with the answers of a past execution.
    Replay,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

fn succeeded() -> String {
    "SUCCEEDED".to_owned()
}

fn five_minutes() -> u64 {
    300
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestResult {
    /// Its place among the cases, from 0.
    pub test_case: u32,
    /// Its name.
    pub name: String,
    /// Absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
    /// Its execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<String>,
    /// How the execution ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_status: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long the execution took, milliseconds; of a rehearsal by its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// How it was run.
    #[serde(default)]
    pub mode: TestMode,
    /// A replay: the past execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<String>,
    /// A replay: how it compared with what was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ReplayOutcome>,
    /// A replay: what differs, or why it could not be compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
}

/// All tests of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestReport {
    /// Whether every test ended and passed. True without tests.
    pub all_passed: bool,
    /// Cases.
    pub test_count: usize,
    /// Passed.
    pub passed_count: usize,
    /// Failed.
    pub failed_count: usize,
    /// One by one.
    pub test_results: Vec<TestResult>,
    /// A sentence for each that failed.
    pub failures: Vec<String>,
}

impl TestReport {
    /// Counts the results.
    pub fn of(test_results: Vec<TestResult>) -> Self {
        let count = |wanted| {
            test_results
                .iter()
                .filter(|result| result.passed == Some(wanted))
                .count()
        };
        let (passed_count, failed_count) = (count(true), count(false));
        let failures = test_results
            .iter()
            .filter(|result| result.passed == Some(false))
            .map(|result| format!("{}: {}", result.name, result.error.as_deref().unwrap_or("failed")))
            .collect();
        Self {
            all_passed: passed_count == test_results.len(),
            test_count: test_results.len(),
            passed_count,
            failed_count,
            test_results,
            failures,
        }
    }
}

/// A case that can't be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`tests[{index}].{field}` {reason}")]
pub struct TestCaseError {
    /// Which case, from 0.
    pub index: usize,
    /// Which field, as a path below the case.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Everything wrong with the cases.
pub fn check_cases(cases: &[TestCase]) -> Vec<TestCaseError> {
    let mut errors = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    let fault = |index, field: &str, reason: &str| TestCaseError {
        index,
        field: field.to_owned(),
        reason: reason.to_owned(),
    };
    if cases.len() > CASES_MAX {
        errors.push(fault(
            CASES_MAX,
            "name",
            &format!("is one too many: at most {CASES_MAX} run at the same time"),
        ));
    }
    for (index, case) in cases.iter().enumerate() {
        if case.name.trim().is_empty() || case.name.len() > 200 {
            errors.push(fault(index, "name", "needs 1 to 200 characters"));
        }
        if !names.insert(&case.name) {
            errors.push(fault(index, "name", "is the name of an earlier case"));
        }
        if !matches!(
            case.expected_status.as_str(),
            "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED"
        ) {
            errors.push(fault(
                index,
                "expected_status",
                "is none of SUCCEEDED, FAILED, TIMED_OUT, ABORTED",
            ));
        }
        if !(1..=TIMEOUT_SECONDS_MAX).contains(&case.timeout_seconds) {
            errors.push(fault(
                index,
                "timeout_seconds",
                &format!("is not within 1 to {TIMEOUT_SECONDS_MAX}"),
            ));
        }
        if let Some(problem) = case.expected_output.as_ref().and_then(super::matcher::problem) {
            errors.push(fault(index, "expected_output", &problem));
        }
        for (state, problem) in case.mocks.iter().flat_map(mocks::problems) {
            errors.push(fault(index, &format!("mocks/{state}"), &problem));
        }
    }
    errors
}

impl TestCase {
    /// What is expected.
    pub fn expectation(&self) -> TestExpectation {
        TestExpectation {
            expected_status: self.expected_status.clone(),
            expected_output: self.expected_output.clone(),
            expected_error: self.expected_error.clone(),
        }
    }
}

impl TestExpectation {
    /// Why an execution that ended like this is not what was expected; `None` when it is.
    pub fn failure(&self, status: &str, error: Option<&str>, output: Option<&Value>) -> Option<String> {
        if status != self.expected_status {
            let with = error.map_or_else(String::new, |error| format!(" with `{error}`"));
            return Some(format!("expected {}, got {status}{with}", self.expected_status));
        }
        if let Some(expected) = self
            .expected_error
            .as_deref()
            .filter(|expected| Some(*expected) != error)
        {
            return Some(format!(
                "expected the error `{expected}`, got `{}`",
                error.unwrap_or("none")
            ));
        }
        let expected = self.expected_output.as_ref()?;
        let mismatches = compare(output.unwrap_or(&Value::Null), expected);
        if mismatches.is_empty() {
            return None;
        }
        let told: Vec<_> = mismatches.iter().take(5).map(Mismatch::to_string).collect();
        Some(format!("the output is not as expected: {}", told.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(json: &str) -> TestCase {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_seeds_case_is_read_with_its_timeout() {
        let read = case(
            r#"{"name": "valid_customer", "input": {"customer_id": "12345"}, "expected_status": "SUCCEEDED", "timeout": 60}"#,
        );
        assert_eq!(read.timeout_seconds, 60);
        assert_eq!(check_cases(&[read]), []);
    }

    #[test]
    fn cases_are_refused_with_their_place() {
        let twice = [
            case(r#"{"name": "a"}"#),
            case(r#"{"name": "a", "timeout_seconds": 0, "expected_status": "OK"}"#),
        ];
        let fields: Vec<_> = check_cases(&twice)
            .into_iter()
            .map(|error| (error.index, error.field))
            .collect();
        assert_eq!(
            fields,
            ["name", "expected_status", "timeout_seconds"].map(|field| (1, field.to_owned()))
        );
    }

    #[test]
    fn tests_are_a_list_or_an_object_and_are_written_as_they_were_read() {
        for text in [
            r#"[{"name":"a","input":{},"expected_status":"SUCCEEDED","timeout_seconds":300}]"#,
            r#"{"cases":[],"replay":{"samples":3,"statuses":["SUCCEEDED"],"on_difference":"report"}}"#,
        ] {
            let tests: Tests = serde_json::from_str(text).unwrap();
            assert!(!tests.is_empty());
            assert_eq!(serde_json::to_string(&tests).unwrap(), text);
        }
        let wrong = serde_json::from_str::<Tests>(r#"{"replays": 1}"#).unwrap_err();
        assert!(wrong.to_string().contains("`replays`"), "{wrong}");
    }

    #[test]
    fn a_failure_says_what_was_expected_and_what_came() {
        let expectation = case(r#"{"name": "a", "expected_output": {"total": 3}}"#).expectation();
        assert_eq!(
            expectation.failure(
                "SUCCEEDED",
                None,
                Some(&serde_json::json!({"total": 3, "more": 1}))
            ),
            None
        );
        let wrong = expectation
            .failure("SUCCEEDED", None, Some(&serde_json::json!({"total": 4})))
            .unwrap();
        assert!(
            wrong.contains("/total") && wrong.contains('3') && wrong.contains('4'),
            "{wrong}"
        );
        let failed = expectation
            .failure("FAILED", Some("States.Runtime"), None)
            .unwrap();
        assert_eq!(failed, "expected SUCCEEDED, got FAILED with `States.Runtime`");
    }

    #[test]
    fn a_report_counts_and_names_failures() {
        let result = |name: &str, passed| TestResult {
            test_case: 0,
            name: name.into(),
            passed,
            execution_arn: None,
            final_status: None,
            error: (passed == Some(false)).then(|| "why".into()),
            duration_ms: None,
            mode: TestMode::Live,
            replay_of: None,
            outcome: None,
            differences: Vec::new(),
        };
        let report = TestReport::of(vec![
            result("a", Some(true)),
            result("b", Some(false)),
            result("c", None),
        ]);
        assert_eq!(
            (report.all_passed, report.passed_count, report.failed_count),
            (false, 1, 1)
        );
        assert_eq!(report.failures, ["b: why"]);
        assert!(TestReport::of(Vec::new()).all_passed);
    }
}
