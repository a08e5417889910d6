//! The 18 intrinsic functions of JSONPath states (`States.Format('{}', $.name)`), parsed once and evaluated without side effects
//! but for what [`World`] hands in.

mod arrays;
mod encodings;
mod literals;
mod parse;
mod texts;

use std::sync::Arc;

use serde_json::Number;

use crate::json::Json;
use crate::limits::Limits;
use crate::paths::{Query, Root};
use crate::random::JavaRandom;

pub(crate) use encodings::hex;
pub use parse::IntrinsicSyntaxError;

/// What expressions look into.
pub trait World {
    /// The value a query starts from; `None` for a variable nobody assigned.
    fn root(&self, root: &Root) -> Option<Json>;
    /// Uniform 64 bits.
    fn random(&mut self) -> u64;
    /// A random UUID.
    fn uuid(&mut self) -> Arc<str>;
    /// The bounds in force.
    fn limits(&self) -> &Limits;
}

/// A call as written.
#[derive(Clone, Debug)]
pub struct Call {
    text: Arc<str>,
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Clone, Debug)]
enum Argument {
    Literal(Json),
    Query(Box<Query>),
    Call(Box<Call>),
}

/// Why a call has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntrinsicError {
    /// A path among the arguments leads nowhere.
    #[error("the path `{path}` leads nowhere")]
    Missing {
        /// The path as written.
        path: Arc<str>,
    },
    /// The arguments don't fit the function.
    #[error("The function '{function}' had the following error: {problem}")]
    Invalid {
        /// The call as written.
        function: Arc<str>,
        /// What does not fit.
        problem: String,
    },
}

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal $most:expr;)*) => {
        /// The functions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Function { $($variant,)* }

        impl Function {
            fn parse(name: &str) -> Option<Function> {
                match name { $($name => Some(Function::$variant),)* _ => None }
            }

            fn name(self) -> &'static str {
                match self { $(Function::$variant => $name,)* }
            }

            /// The fewest and the most arguments it takes.
            fn arity(self) -> (usize, usize) {
                match self { $(Function::$variant => ($least, $most),)* }
            }
        }
    };
}

functions! {
    Format "States.Format" 1 usize::MAX;
    StringToJson "States.StringToJson" 1 1;
    JsonToString "States.JsonToString" 1 1;
    Array "States.Array" 0 usize::MAX;
    ArrayPartition "States.ArrayPartition" 2 2;
    ArrayContains "States.ArrayContains" 2 2;
    ArrayRange "States.ArrayRange" 3 3;
    ArrayGetItem "States.ArrayGetItem" 2 2;
    ArrayLength "States.ArrayLength" 1 1;
    ArrayUnique "States.ArrayUnique" 1 1;
    Base64Encode "States.Base64Encode" 1 1;
    Base64Decode "States.Base64Decode" 1 1;
    Hash "States.Hash" 2 2;
    JsonMerge "States.JsonMerge" 3 3;
    MathRandom "States.MathRandom" 2 3;
    MathAdd "States.MathAdd" 2 2;
    StringSplit "States.StringSplit" 2 2;
    Uuid "States.UUID" 0 0;
}

impl Call {
    /// The call as written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The paths among the arguments, those of inner calls included.
    pub fn queries(&self) -> Vec<&Query> {
        let mut found = Vec::new();
        for argument in &self.arguments {
            match argument {
                Argument::Query(query) => found.push(&**query),
                Argument::Call(call) => found.extend(call.queries()),
                Argument::Literal(_) => {}
            }
        }
        found
    }

    /// The call's value.
    pub fn evaluate(&self, world: &mut dyn World) -> Result<Json, IntrinsicError> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            values.push(match argument {
                Argument::Literal(value) => value.clone(),
                Argument::Call(call) => call.evaluate(world)?,
                Argument::Query(query) => {
                    let found = world
                        .root(&query.root)
                        .and_then(|root| query.path.find(&root).ok());
                    found.ok_or_else(|| IntrinsicError::Missing {
                        path: query.text.clone(),
                    })?
                }
            });
        }
        self.apply(&values, world)
            .map_err(|problem| IntrinsicError::Invalid {
                function: self.text.clone(),
                problem,
            })
    }

    /// Arity was checked when the call was parsed, so a missing argument reads as null.
    fn apply(&self, values: &[Json], world: &mut dyn World) -> Result<Json, String> {
        let null = Json::Null;
        let argument = |at: usize| values.get(at).unwrap_or(&null);
        match self.function {
            Function::Format => texts::format(values),
            Function::StringToJson => texts::string_to_json(argument(0)),
            Function::JsonToString => Ok(Json::string(argument(0).to_string())),
            Function::StringSplit => texts::string_split(argument(0), argument(1)),
            Function::JsonMerge => texts::json_merge(argument(0), argument(1), argument(2)),
            Function::Array => Ok(Json::array(values.to_vec())),
            Function::ArrayPartition => arrays::partition(argument(0), argument(1)),
            Function::ArrayContains => arrays::contains(argument(0), argument(1)),
            Function::ArrayRange => arrays::range(
                argument(0),
                argument(1),
                argument(2),
                world.limits().array_range_max,
            ),
            Function::ArrayGetItem => arrays::get_item(argument(0), argument(1)),
            Function::ArrayLength => arrays::length(argument(0)),
            Function::ArrayUnique => arrays::unique(argument(0)),
            Function::Base64Encode => encodings::base64_encode(argument(0)),
            Function::Base64Decode => encodings::base64_decode(argument(0)),
            Function::Hash => encodings::hash(argument(0), argument(1)),
            Function::MathAdd => {
                let sum = whole(argument(0))?.checked_add(whole(argument(1))?);
                sum.map(Json::from)
                    .ok_or_else(|| "The sum is out of range.".to_owned())
            }
            Function::MathRandom => math_random(argument(0), argument(1), values.get(2), world),
            Function::Uuid => Ok(Json::String(world.uuid())),
        }
    }
}

/// A number rounded half up (towards positive infinity), as AWS rounds every numeric argument.
fn whole(value: &Json) -> Result<i64, String> {
    let number = value.as_number().ok_or("The argument is not a number.")?;
    round_half_up(number).ok_or_else(|| "The number is out of range.".to_owned())
}

fn round_half_up(number: &Number) -> Option<i64> {
    if let Some(whole) = number.as_i64() {
        return Some(whole);
    }
    let rounded = (number.as_f64()? + 0.5).floor();
    #[expect(clippy::cast_precision_loss, reason = "the bounds only need to be near")]
    let fits = rounded >= i64::MIN as f64 && rounded < i64::MAX as f64;
    #[expect(clippy::cast_possible_truncation, reason = "the bounds were checked")]
    fits.then_some(rounded as i64)
}

/// From `start` to below `end`. A seed gives what Java's `Random` does with it.
fn math_random(start: &Json, end: &Json, seed: Option<&Json>, world: &mut dyn World) -> Result<Json, String> {
    let (start, end) = (whole(start)?, whole(end)?);
    let width = end.checked_sub(start).and_then(|width| u64::try_from(width).ok());
    let Some(width) = width.filter(|width| *width > 0) else {
        return Err("The start number must be less than the end number.".to_owned());
    };
    if let Some(seed) = seed {
        return Ok(Json::from(JavaRandom::new(whole(seed)?).next_between(start, end)));
    }
    let bits = world.random();
    let offset = i64::try_from(bits % width).unwrap_or_default();
    Ok(Json::from(start + offset))
}
