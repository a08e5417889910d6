//! Evaluation of a compiled expression.

use indexmap::IndexMap;
use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;

use super::Expression;
use super::convert::{Budget, Refused, from_jsonata, to_jsonata};
use super::{functions, wording};
use crate::json::Json;
use crate::limits::{JSON_DEPTH_MAX, Limits};

/// Levels an evaluation may nest. Ours: far beyond what people write, far within what the stack holds.
const STACK_DEPTH_MAX: usize = 1_000;

/// Milliseconds a part of a failed expression may run to find out what failed. Ours: it only serves the message.
const PART_MS_MAX: u64 = 20;

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
    /// It gave what JSON has no form for.
    #[error("returned an unsupported result type.")]
    Unsupported,
    /// It failed; the text begins with JSONata's code where it has one.
    #[error("threw an error during evaluation. {0}")]
    Threw(String),
}

impl Expression {
    /// The expression's value.
    pub fn evaluate(&self, surroundings: &Surroundings<'_>) -> Result<Json, ExpressionError> {
        let value = run(&self.ast, surroundings, surroundings.limits.jsonata_ms_max).map_err(|message| {
            let mut again = |part: &AstNode| run(part, surroundings, PART_MS_MAX);
            ExpressionError::Threw(wording::of_reference(&message, &self.ast, &mut again))
        })?;
        let mut budget = Budget {
            // Well above what a payload may have: that one has an error of its own.
            bytes: surroundings.limits.payload_bytes_max.saturating_mul(4),
            depth: JSON_DEPTH_MAX,
        };
        from_jsonata(&value, &mut budget).map_err(|refused| match refused {
            Refused::Undefined => ExpressionError::Undefined,
            Refused::Function => ExpressionError::Unsupported,
            Refused::TooLarge => ExpressionError::Threw("The result is too large.".to_owned()),
        })
    }
}

/// The value of a part of an expression, or the library's message.
fn run(part: &AstNode, surroundings: &Surroundings<'_>, ms_max: u64) -> Result<JValue, String> {
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
        timeout_ms: Some(ms_max),
        cancel: None,
        max_stack_depth: Some(STACK_DEPTH_MAX),
        max_sequence_length: Some(surroundings.limits.jsonata_sequence_max),
    };
    let mut evaluator = Evaluator::with_options(context, options);
    functions::register(&mut evaluator, surroundings)
        .and_then(|()| evaluator.evaluate(part, &JValue::Undefined))
        .map_err(|error| error.message().to_owned())
}
