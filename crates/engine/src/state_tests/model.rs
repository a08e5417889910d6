//! What is asked of a state test and what it answers.

use asl::eval::probe::{Inspection, Verdict};
use asl::json::Payload;
use serde::Deserialize;

use crate::arn::Place;
use crate::integrations::Exchange;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct StateTest {
    /// Where the execution seems to be.
    pub place: Place,
    /// A state, or a whole definition when `state_name` is given.
    pub definition: String,
    /// The state to test in a whole definition, at any depth.
    pub state_name: Option<String>,
    /// The role tasks are performed with; not needed with a mock.
    pub role_arn: Option<String>,
    /// A JSON text; `{}` when absent.
    pub input: Option<String>,
    /// A JSON object of variables that are set before.
    pub variables: Option<String>,
    /// A context object, in place of one that is made up.
    pub context: Option<String>,
    /// What the state's work gives.
    pub mock: Option<MockInput>,
    /// Where retries and iterations stand.
    pub configuration: Configuration,
    /// Whether secrets of an HTTP task may be answered.
    pub reveals_secrets: bool,
}

/// A mock as it is asked for: a result or an error, which nothing has checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MockInput {
    /// A JSON text.
    pub result: Option<String>,
    /// A failure.
    pub error_output: Option<ErrorOutput>,
    /// How closely a result is compared with what the service answers.
    #[serde(default)]
    pub field_validation_mode: ValidationMode,
}

/// A mocked failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ErrorOutput {
    /// The error's name.
    pub error: Option<String>,
    /// What happened.
    pub cause: Option<String>,
}

/// How closely a mocked result is compared with the API's model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ValidationMode {
    /// What is required is there, and what is there is of the right form.
    #[default]
    Strict,
    /// What is there is of the right form.
    Present,
    /// Not at all.
    None,
}

/// Where retries and iterations stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// How often the `Retry` that applies has tried already.
    pub retrier_retry_count: Option<u64>,
    /// The state inside of a Parallel or a Map that a mocked error is from.
    pub error_caused_by_state: Option<String>,
    /// How many iterations of a Map failed.
    pub map_iteration_failure_count: Option<u64>,
    /// What a distributed Map's reader read, as it is at its source.
    pub map_item_reader_data: Option<String>,
}

/// What became of a state test.
#[derive(Debug, Clone)]
pub struct Tested {
    /// How the state ended.
    pub verdict: Verdict,
    /// Its input.
    pub input: Payload,
    /// What it computed on the way.
    pub inspection: Inspection,
    /// What an HTTP task sent and got.
    pub exchange: Option<Exchange>,
}
