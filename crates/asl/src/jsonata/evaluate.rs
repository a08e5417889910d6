//! Evaluation of a compiled expression.

use indexmap::IndexMap;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;

use super::Expression;
use super::convert::{Budget, Refused, from_jsonata, to_jsonata};
use super::functions;
use crate::json::Json;
use crate::limits::{JSON_DEPTH_MAX, Limits};

/// Levels an evaluation may nest. Ours: far beyond what people write, far within what the stack holds.
const STACK_DEPTH_MAX: usize = 1_000;

/// What an expression sees. Give only what it [mentions](super::Mentions).
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The members of `$states`.
    pub states: Vec<(&'a str, Json)>,
    /// Variables by name.
    pub variables: Vec<(&'a str, Json)>,
    /// Where `$random` and `$uuid` start.
    pub seed: u64,
    /// What `$now` and `$millis` say.
    pub now_ms: i64,
    /// The bounds in force.
    pub limits: &'a Limits,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It leads nowhere.
    #[error("returned nothing (undefined).")]
    Undefined,
    /// It failed; the text begins with JSONata's code where it has one.
    #[error("threw an error during evaluation. {0}")]
    Threw(String),
}

impl Expression {
    /// The expression's value.
    pub fn evaluate(&self, surroundings: &Surroundings<'_>) -> Result<Json, ExpressionError> {
        let mut context = Context::new();
        let states = surroundings
            .states
            .iter()
            .map(|(name, value)| ((*name).to_owned(), to_jsonata(value)));
        context.bind(
            "states".to_owned(),
            JValue::object(states.collect::<IndexMap<_, _>>()),
        );
        for (name, value) in &surroundings.variables {
            context.bind((*name).to_owned(), to_jsonata(value));
        }
        let options = EvaluatorOptions {
            timeout_ms: Some(surroundings.limits.jsonata_ms_max),
            cancel: None,
            max_stack_depth: Some(STACK_DEPTH_MAX),
            max_sequence_length: Some(surroundings.limits.jsonata_sequence_max),
        };
        let mut evaluator = Evaluator::with_options(context, options);
        functions::register(&mut evaluator, surroundings)
            .map_err(|error| ExpressionError::Threw(as_reference(error.message())))?;
        let value = evaluator
            .evaluate(&self.ast, &JValue::Undefined)
            .map_err(|error| ExpressionError::Threw(as_reference(error.message())))?;
        let mut budget = Budget {
            // Well above what a payload may have: that one has an error of its own.
            bytes: surroundings.limits.payload_bytes_max.saturating_mul(4),
            depth: JSON_DEPTH_MAX,
        };
        from_jsonata(&value, &mut budget).map_err(|refused| match refused {
            Refused::Undefined => ExpressionError::Undefined,
            Refused::Function => {
                ExpressionError::Threw("The result is a function, which is not JSON.".to_owned())
            }
            Refused::NotFinite => ExpressionError::Threw("D1001: Number out of range".to_owned()),
            Refused::TooLarge => ExpressionError::Threw("The result is too large.".to_owned()),
        })
    }
}

/// Where the library says more than the reference implementation, whose texts AWS shows: without what was called.
fn as_reference(message: &str) -> String {
    const NOT_A_FUNCTION: &str = "T1006: Attempted to invoke a non-function";
    if message.starts_with(NOT_A_FUNCTION) {
        return NOT_A_FUNCTION.to_owned();
    }
    message.to_owned()
}
