//! Mocks: what the tasks of a rehearsed execution answer, by the state's name, so that nothing outside is touched.
//!
//! A state has one mock or a list of them. Its calls take them in turn, and the last one goes on answering. Calls whose parameters
//! contain the `when` of some mocks (the matchers of expectations hold here too) take only those; other calls take those without.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::matcher;

/// Most mocks of one state.
const PER_STATE_MAX: usize = 1_000;

/// Longest `after_seconds`: a day.
const AFTER_SECONDS_MAX: u32 = 24 * 3600;

/// The error that a mocked task ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MockedError {
    /// Its name, which Retry and Catch compare. `States.Timeout` is a task that ran out of time.
    pub error: String,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// One answer of a task: either `result` or `errorOutput`, as `TestState` names them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mock {
    /// Only for calls whose parameters contain this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub when: Option<Value>,
    /// What the task gives, before `ResultSelector` and `ResultPath`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// What it fails with.
    #[serde(
        default,
        rename = "errorOutput",
        alias = "error_output",
        skip_serializing_if = "Option::is_none"
    )]
    pub error_output: Option<MockedError>,
    /// How long it takes, seconds of the rehearsal's own clock: timeouts of the definition hold. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seconds: Option<u32>,
}

/// `null` is a result too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The answers of one state: written as one mock or as a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct MockSequence(pub Vec<Mock>);

impl<'de> Deserialize<'de> for MockSequence {
    /// By hand, so that a wrong field is named with its place.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = MockSequence;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a mock, `{\"result\": …}` or `{\"errorOutput\": {\"error\": …}}`, or a list of them",
                )
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MockSequence, A::Error> {
                let one = Mock::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(MockSequence(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<MockSequence, A::Error> {
                Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(MockSequence)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// Mocks by the state's name.
pub type Mocks = BTreeMap<String, MockSequence>;

/// Everything wrong with mocks: (state, what).
pub fn problems(mocks: &Mocks) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (state, MockSequence(mocks)) in mocks {
        let mut wrong = |what: String| found.push((state.clone(), what));
        if mocks.is_empty() || mocks.len() > PER_STATE_MAX {
            wrong(format!("needs 1 to {PER_STATE_MAX} mocks"));
        }
        for mock in mocks {
            if mock.result.is_some() == mock.error_output.is_some() {
                wrong("a mock has either `result` or `errorOutput`".to_owned());
            }
            if mock
                .after_seconds
                .is_some_and(|seconds| seconds > AFTER_SECONDS_MAX)
            {
                wrong(format!("`after_seconds` is more than {AFTER_SECONDS_MAX}"));
            }
            if let Some(problem) = mock.when.as_ref().and_then(matcher::problem) {
                wrong(format!("`when`: {problem}"));
            }
        }
    }
    found
}

/// Mocks with how often each has answered.
#[derive(Debug)]
pub struct MockBook<'a> {
    states: BTreeMap<&'a str, Vec<(&'a Mock, bool)>>,
}

impl<'a> MockBook<'a> {
    /// Nothing has been called yet.
    pub fn new(mocks: &'a Mocks) -> Self {
        let states = mocks
            .iter()
            .map(|(state, MockSequence(list))| {
                (state.as_str(), list.iter().map(|mock| (mock, false)).collect())
            })
            .collect();
        Self { states }
    }

    /// What a call of `state` with these parameters is answered; none without a mock for it.
    pub fn answer(&mut self, state: &str, parameters: &Value) -> Option<&'a Mock> {
        let list = self.states.get_mut(state)?;
        let fits = |mock: &Mock| {
            let when = mock.when.as_ref();
            when.is_some_and(|when| matcher::compare(parameters, when).is_empty())
        };
        // Those made for such a call are a list of their own; only without any do the general ones answer.
        let special = list.iter().any(|(mock, _)| fits(mock));
        let answers = |mock: &Mock| if special { fits(mock) } else { mock.when.is_none() };
        let fresh = list.iter().position(|(mock, used)| !used && answers(mock));
        let place = fresh.or_else(|| list.iter().rposition(|(mock, _)| answers(mock)))?;
        let (mock, used) = list.get_mut(place)?;
        *used = true;
        Some(mock)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Mocks {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn calls_take_mocks_in_turn_and_the_last_one_goes_on() {
        let mocks = read(json!({"A": [{"errorOutput": {"error": "Busy"}}, {"result": null}]}));
        assert_eq!(problems(&mocks), []);
        let mut book = MockBook::new(&mocks);
        assert!(book.answer("A", &json!({})).unwrap().error_output.is_some());
        for _ in 0..2 {
            assert_eq!(book.answer("A", &json!({})).unwrap().result, Some(Value::Null));
        }
        assert!(book.answer("B", &json!({})).is_none());
    }

    #[test]
    fn a_mock_with_a_condition_answers_only_calls_that_fit() {
        let mocks = read(json!({"A": [{"when": {"id": {"$gt": 5}}, "result": "big"}, {"result": "small"}]}));
        let mut book = MockBook::new(&mocks);
        let mut call = |id: i32| {
            book.answer("A", &json!({"id": id}))
                .unwrap()
                .result
                .clone()
                .unwrap()
        };
        assert_eq!(
            [call(1), call(9), call(2), call(8)],
            ["small", "big", "small", "big"]
        );
    }

    #[test]
    fn a_mock_that_says_nothing_or_both_is_refused_with_its_state() {
        let mocks = read(json!({"A": {}, "B": {"result": 1, "error_output": {"error": "E"}}, "C": []}));
        let states: Vec<_> = problems(&mocks).into_iter().map(|problem| problem.0).collect();
        assert_eq!(states, ["A", "B", "C"]);
        let unknown = serde_json::from_value::<Mocks>(json!({"A": [{"returns": 1}]})).unwrap_err();
        assert!(unknown.to_string().contains("`returns`"), "{unknown}");
    }
}
