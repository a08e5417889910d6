//! Jayway's path functions, as version 2.9 answers them.

use serde_json::Number;

use super::find::{at, find_all};
use super::{Path, PathNotFound, Segment};
use crate::json::Json;

#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: FunctionName,
    pub(super) arguments: Vec<Argument>,
}

#[derive(Clone, Debug)]
pub(super) enum Argument {
    Literal(Json),
    Path { path: Path, from_current: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FunctionName {
    Length,
    Size,
    Min,
    Max,
    Avg,
    Sum,
    StdDev,
    First,
    Last,
    Index,
    Keys,
    Concat,
    Append,
}

impl FunctionName {
    pub(super) fn parse(text: &str) -> Option<FunctionName> {
        Some(match text {
            "length" => FunctionName::Length,
            "size" => FunctionName::Size,
            "min" => FunctionName::Min,
            "max" => FunctionName::Max,
            "avg" => FunctionName::Avg,
            "sum" => FunctionName::Sum,
            "stddev" => FunctionName::StdDev,
            "first" => FunctionName::First,
            "last" => FunctionName::Last,
            "index" => FunctionName::Index,
            "keys" => FunctionName::Keys,
            "concat" => FunctionName::Concat,
            "append" => FunctionName::Append,
            _ => return None,
        })
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            FunctionName::Length => "length",
            FunctionName::Size => "size",
            FunctionName::Min => "min",
            FunctionName::Max => "max",
            FunctionName::Avg => "avg",
            FunctionName::Sum => "sum",
            FunctionName::StdDev => "stddev",
            FunctionName::First => "first",
            FunctionName::Last => "last",
            FunctionName::Index => "index",
            FunctionName::Keys => "keys",
            FunctionName::Concat => "concat",
            FunctionName::Append => "append",
        }
    }
}

impl Function {
    /// The function's value on `value`.
    pub(super) fn apply(&self, root: &Json, value: &Json) -> Result<Json, PathNotFound> {
        let arguments = self.evaluated(root, value);
        Ok(match self.name {
            FunctionName::Length | FunctionName::Size => match arguments.first() {
                Some(Json::Array(items)) => count(items.len()),
                _ => match value {
                    Json::Array(items) => count(items.len()),
                    Json::Object(object) => count(object.len()),
                    _ => Json::Null,
                },
            },
            FunctionName::Min
            | FunctionName::Max
            | FunctionName::Avg
            | FunctionName::Sum
            | FunctionName::StdDev => self.aggregate(numbers(value, &arguments))?,
            FunctionName::First => index_of(value, 0)?,
            FunctionName::Last => index_of(value, -1)?,
            FunctionName::Index => {
                let index = arguments
                    .first()
                    .and_then(Json::as_number)
                    .and_then(Number::as_i64);
                index_of(value, index.unwrap_or(0))?
            }
            FunctionName::Keys => match value {
                Json::Object(object) => {
                    Json::array(object.iter().map(|(key, _)| Json::String(key.clone())).collect())
                }
                _ => Json::Null,
            },
            FunctionName::Concat => {
                let own = value.as_array().unwrap_or_default();
                let texts = own.iter().chain(&arguments).filter_map(Json::as_str);
                Json::string(texts.collect::<String>())
            }
            FunctionName::Append => match value {
                Json::Array(items) => Json::array(items.iter().cloned().chain(arguments).collect()),
                other => other.clone(),
            },
        })
    }

    /// `$..x.f()`: the function over everything the scan finds.
    pub(super) fn over_scan(
        &self,
        root: &Json,
        current: &Json,
        before: &[Segment],
    ) -> Result<Json, PathNotFound> {
        let found = find_all(root, current, before);
        if self.name == FunctionName::Length {
            let items = found.iter().map(|value| match value {
                Json::Array(items) => items.len(),
                Json::Object(object) => object.len(),
                _ => 0,
            });
            return Ok(count(items.sum()));
        }
        self.apply(root, &Json::array(found))
    }

    fn evaluated(&self, root: &Json, value: &Json) -> Vec<Json> {
        self.arguments
            .iter()
            .filter_map(|argument| match argument {
                Argument::Literal(literal) => Some(literal.clone()),
                Argument::Path { path, from_current } => path
                    .find_from(root, if *from_current { value } else { root })
                    .ok(),
            })
            .collect()
    }

    fn aggregate(&self, numbers: Vec<f64>) -> Result<Json, PathNotFound> {
        if numbers.is_empty() {
            return Err(PathNotFound(
                "Aggregation function attempted to calculate value using empty array".to_owned(),
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "an array has fewer than 2^52 items")]
        let n = numbers.len() as f64;
        let sum: f64 = numbers.iter().sum();
        let result = match self.name {
            FunctionName::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            FunctionName::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            FunctionName::Avg => sum / n,
            FunctionName::StdDev => {
                let squares: f64 = numbers.iter().map(|number| number * number).sum();
                (squares / n - sum * sum / n / n).sqrt()
            }
            _ => sum,
        };
        Ok(Number::from_f64(result).map_or(Json::Null, Json::Number))
    }
}

fn numbers(value: &Json, arguments: &[Json]) -> Vec<f64> {
    let own = value.as_array().unwrap_or_default();
    let given = arguments.iter().flat_map(|argument| match argument {
        Json::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    });
    own.iter()
        .chain(given)
        .filter_map(Json::as_number)
        .filter_map(Number::as_f64)
        .collect()
}

fn index_of(value: &Json, index: i64) -> Result<Json, PathNotFound> {
    value
        .as_array()
        .and_then(|items| at(items, index))
        .cloned()
        .ok_or_else(|| PathNotFound(format!("Array index {index} out of bounds")))
}

fn count(length: usize) -> Json {
    Json::Number(length.into())
}
