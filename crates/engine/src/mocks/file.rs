//! The file: what is in it, and a test case taken out of it.
//!
//! ```json
//! {"StateMachines": {"Orders": {"TestCases": {"HappyPath": {"Charge": "Charged"}}}},
//!  "MockedResponses": {"Charged": {"0-1": {"Throw": {"Error": "Busy", "Cause": "…"}}, "2": {"Return": {"paid": true}}}}}
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits::MOCK_FILE_BYTES_MAX;

/// A mock file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MockFile {
    #[serde(default)]
    state_machines: BTreeMap<String, MockedMachine>,
    #[serde(default)]
    mocked_responses: BTreeMap<String, BTreeMap<String, MockedAnswer>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MockedMachine {
    #[serde(default)]
    test_cases: BTreeMap<String, BTreeMap<String, String>>,
}

/// One answer: a result or a failure.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum MockedAnswer {
    /// The result of the task.
    Return(Arc<RawValue>),
    /// The failure of the task.
    Throw {
        /// Its name.
        #[serde(rename = "Error")]
        error: Arc<str>,
        /// What happened.
        #[serde(rename = "Cause", default, skip_serializing_if = "Option::is_none")]
        cause: Option<Arc<str>>,
    },
}

/// A state's answers and the attempts each is for, counted from 0 over the whole execution, both ends included.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Answers(pub(super) Vec<(u32, u32, MockedAnswer)>);

/// The answers of a test case, by state.
pub(super) type MockCase = BTreeMap<String, Answers>;

/// Why an execution can't take its answers from the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MockError {
    /// The engine was given no file.
    #[error("The test case '{0}' needs a mock configuration file, and none is configured (SFN_MOCK_CONFIG)")]
    NoFile(String),
    /// It can't be read.
    #[error("The mock configuration file '{path}' cannot be read: {why}")]
    Unreadable {
        /// Where it should be.
        path: String,
        /// What the system says.
        why: String,
    },
    /// It is not JSON of the right form.
    #[error("The mock configuration file '{path}' is invalid: {why}")]
    Invalid {
        /// Where it is.
        path: String,
        /// What is wrong, with line and column.
        why: String,
    },
    /// The file says nothing of the state machine.
    #[error("No definitions for state machine '{0}' in the mock configuration file.")]
    NoMachine(String),
    /// The file says nothing of the test case.
    #[error(
        "No definitions for test case '{case}' and state machine '{machine}' in the mock configuration file."
    )]
    NoCase {
        /// The state machine's name.
        machine: String,
        /// The test case.
        case: String,
    },
    /// A test case names answers that are not there.
    #[error("No definitions for mocked response '{0}' in the mock configuration file.")]
    NoResponse(String),
    /// The key of an answer is neither a number nor two with a hyphen, the first not larger than the second.
    #[error(
        "The range '{range}' of mocked response '{response}' is invalid: it should be one number (\"0\") or two (\"1-2\")"
    )]
    Range {
        /// Which response.
        response: String,
        /// As written.
        range: String,
    },
    /// Attempts without an answer, or with two.
    #[error("The ranges of mocked response '{0}' must follow each other without gaps, from 0")]
    Gap(String),
}

impl MockFile {
    /// Reads a file.
    pub async fn read(path: &Path) -> Result<Self, MockError> {
        let shown = || path.display().to_string();
        let unreadable = |why: String| MockError::Unreadable { path: shown(), why };
        let about = tokio::fs::metadata(path)
            .await
            .map_err(|error| unreadable(error.to_string()))?;
        if about.len() > MOCK_FILE_BYTES_MAX {
            return Err(unreadable(format!(
                "it has more than {MOCK_FILE_BYTES_MAX} bytes"
            )));
        }
        let text = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| unreadable(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| MockError::Invalid {
            path: shown(),
            why: error.to_string(),
        })
    }

    /// A test case of a state machine, as a text that stays with its executions.
    pub fn case(&self, machine: &str, case: &str) -> Result<String, MockError> {
        let mocked = self
            .state_machines
            .get(machine)
            .ok_or_else(|| MockError::NoMachine(machine.to_owned()))?;
        let states = mocked.test_cases.get(case).ok_or_else(|| MockError::NoCase {
            machine: machine.to_owned(),
            case: case.to_owned(),
        })?;
        let answers = states
            .iter()
            .map(|(state, response)| Ok((state.clone(), self.answers(response)?)));
        let answers: MockCase = answers.collect::<Result<_, MockError>>()?;
        serde_json::to_string(&answers).map_err(|error| MockError::Invalid {
            path: String::new(),
            why: error.to_string(),
        })
    }

    fn answers(&self, response: &str) -> Result<Answers, MockError> {
        let ranges = self
            .mocked_responses
            .get(response)
            .ok_or_else(|| MockError::NoResponse(response.to_owned()))?;
        let mut answers = Vec::with_capacity(ranges.len());
        for (range, answer) in ranges {
            let (from, to) = read_range(range).ok_or_else(|| MockError::Range {
                response: response.to_owned(),
                range: range.clone(),
            })?;
            answers.push((from, to, answer.clone()));
        }
        answers.sort_by_key(|(from, ..)| *from);
        let mut next = Some(0);
        for (from, to, _) in &answers {
            if next != Some(*from) {
                return Err(MockError::Gap(response.to_owned()));
            }
            next = to.checked_add(1);
        }
        Ok(Answers(answers))
    }
}

fn read_range(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (number(from)?, number(to)?),
        None => (number(text)?, number(text)?),
    };
    (from <= to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case_of(responses: &str) -> Result<String, MockError> {
        let text = format!(
            r#"{{"StateMachines":{{"M":{{"TestCases":{{"T":{{"S":"r"}}}}}}}},"MockedResponses":{responses}}}"#
        );
        serde_json::from_str::<MockFile>(&text).unwrap().case("M", "T")
    }

    #[test]
    fn a_case_keeps_the_texts_of_its_answers() {
        assert_eq!(
            case_of(r#"{"r":{"2":{"Return":{"a": [1, 2]}},"0-1":{"Throw":{"Error":"E","Cause":"c"}}}}"#)
                .unwrap(),
            r#"{"S":[[0,1,{"Throw":{"Error":"E","Cause":"c"}}],[2,2,{"Return":{"a": [1, 2]}}]]}"#
        );
    }

    #[test]
    fn what_is_missing_or_out_of_order_is_named() {
        let no_answers = || MockError::NoResponse("r".to_owned());
        assert_eq!(case_of("{}"), Err(no_answers()));
        for (responses, error) in [
            (r#"{"r":{"1":{"Return":1}}}"#, MockError::Gap("r".to_owned())),
            (
                r#"{"r":{"0-1":{"Return":1},"1":{"Return":1}}}"#,
                MockError::Gap("r".to_owned()),
            ),
            (
                r#"{"r":{"0-4294967295":{"Return":1},"0":{"Return":1}}}"#,
                MockError::Gap("r".to_owned()),
            ),
            (
                r#"{"r":{"first":{"Return":1}}}"#,
                MockError::Range {
                    response: "r".to_owned(),
                    range: "first".to_owned(),
                },
            ),
            (
                r#"{"r":{"2-1":{"Return":1}}}"#,
                MockError::Range {
                    response: "r".to_owned(),
                    range: "2-1".to_owned(),
                },
            ),
        ] {
            assert_eq!(case_of(responses), Err(error), "{responses}");
        }
        let file: MockFile = serde_json::from_str(r#"{"StateMachines":{"M":{"TestCases":{}}}}"#).unwrap();
        assert_eq!(file.case("N", "T"), Err(MockError::NoMachine("N".to_owned())));
        assert!(matches!(file.case("M", "T"), Err(MockError::NoCase { .. })));
    }

    #[test]
    fn an_answer_is_a_return_or_a_throw() {
        for answer in [
            r#"{"Return":1,"Throw":{"Error":"E"}}"#,
            "{}",
            r#"{"Throw":{}}"#,
            r#"{"Gives":1}"#,
        ] {
            let text = format!(r#"{{"MockedResponses":{{"r":{{"0":{answer}}}}}}}"#);
            assert!(serde_json::from_str::<MockFile>(&text).is_err(), "{answer}");
        }
    }
}
