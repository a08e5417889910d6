//! Numbers that fields hold, point to or compute: timeouts, concurrency, tolerated failures.

use super::frame::ScopeIx;
use super::problem::Problem;
use super::run::Run;
use crate::json::Json;
use crate::machine::Amount;

/// A whole number, also one written as text (`"5"`).
pub(crate) fn whole(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => number.as_i64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A value without the quotes of a string.
pub(crate) fn bare(value: &Json) -> String {
    match value {
        Json::String(text) => text.to_string(),
        other => other.to_string(),
    }
}

impl Run<'_, '_, '_> {
    /// The number of `field`; `input` is what paths look into.
    pub(crate) fn amount(
        &mut self,
        at: ScopeIx,
        amount: &Amount,
        input: &Json,
        field: &str,
        least: i64,
    ) -> Result<i64, Problem> {
        match amount {
            Amount::Fixed(number) => Ok(i64::try_from(*number).unwrap_or(i64::MAX)),
            #[expect(clippy::cast_possible_truncation, reason = "a fraction is cut off")]
            Amount::Fraction(number) => Ok(*number as i64),
            Amount::At(query) => {
                let value = self.view(at, input.clone()).path(query)?;
                whole(&value).ok_or_else(|| {
                    Problem::runtime(format!(
                        "The {field}Path field refers to value \"{}\" which is not a valid integer: {}",
                        bare(&value),
                        query.text
                    ))
                })
            }
            Amount::Computed(expression) => self.compute_whole(at, expression, field, least),
        }
    }
}
