//! Choice: the first rule that holds says where to go.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Number;

use super::compute::Seen;
use super::frame::ScopeIx;
use super::problem::Problem;
use super::run::Run;
use super::time;
use super::view::View;
use crate::json::{Json, Payload};
use crate::machine::{Comparison, Io, Operand, Operator, Rule, State, StateIx, Test};
use crate::paths::Query;

impl<'m> Run<'m, '_, '_> {
    pub(crate) fn choose(
        &mut self,
        at: ScopeIx,
        state: &'m State,
        rules: &'m [Rule],
        default: Option<StateIx>,
    ) -> Result<(), Problem> {
        let effective = self.effective_input(at, state)?;
        let mut chosen = None;
        for (place, rule) in rules.iter().enumerate() {
            let mut view = self.view(at, effective.json().clone());
            if holds(&rule.test, &mut view, place)? {
                chosen = Some((place, rule));
                break;
            }
        }
        let (next, assign, output) = match (chosen, default) {
            (Some((_, rule)), _) => (rule.next, &rule.assign, rule.output.as_ref()),
            (None, Some(default)) => (default, &state.assign, None),
            (None, None) => {
                // The guide has States.NoChoiceMatched for it; AWS raises this.
                return Err(Problem::runtime(
                    "Failed to transition out of the state. The state does not point to a next state."
                        .to_owned(),
                ));
            }
        };
        match &state.io {
            Io::JsonPath(io) => {
                let assigned = self.assign_json_path(at, assign, &effective)?;
                let json = effective.json().clone();
                let output = self.view(at, json).select(&io.output_path, &effective)?;
                self.leave(at, state, output, assigned, Some(next))
            }
            Io::Jsonata(io) => {
                let seen = Seen::default();
                let (within, template) = match chosen {
                    Some((place, _)) => (format!("Choices[{place}]/"), output),
                    None => (String::new(), io.output.as_ref()),
                };
                let assigned = self.assign_jsonata(at, assign, &within, &seen)?;
                let output = match template {
                    Some(template) => {
                        let location = format!("{within}Output");
                        Payload::from_json(self.fill_jsonata(at, template, &location, &seen)?)
                    }
                    None => effective,
                };
                self.leave(at, state, output, assigned, Some(next))
            }
        }
    }
}

/// `place` is the rule's, for messages.
fn holds(test: &Test, view: &mut View<'_, '_>, place: usize) -> Result<bool, Problem> {
    match test {
        Test::All(parts) => {
            for part in parts {
                if !holds(part, view, place)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Test::Any(parts) => {
            for part in parts {
                if holds(part, view, place)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Test::Not(inner) => Ok(!holds(inner, view, place)?),
        Test::Compare(comparison) => compare(comparison, view),
        Test::Condition(expression) => view.condition(expression, &format!("Choices[{place}]/Condition")),
    }
}

fn compare(comparison: &Comparison, view: &View<'_, '_>) -> Result<bool, Problem> {
    if let Operator::IsPresent(wanted) = comparison.operator {
        let there = match view.look(&comparison.variable) {
            Ok(Json::Array(items)) if !comparison.variable.path.is_definite() => !items.is_empty(),
            found => found.is_ok(),
        };
        return Ok(there == wanted);
    }
    let left = operand_at(&comparison.variable, view)?;
    Ok(match &comparison.operator {
        Operator::IsPresent(_) => false,
        Operator::IsNull(wanted) => matches!(left, Json::Null) == *wanted,
        Operator::IsNumeric(wanted) => matches!(left, Json::Number(_)) == *wanted,
        Operator::IsString(wanted) => matches!(left, Json::String(_)) == *wanted,
        Operator::IsBoolean(wanted) => matches!(left, Json::Bool(_)) == *wanted,
        Operator::IsTimestamp(wanted) => left.as_str().and_then(time::parse).is_some() == *wanted,
        Operator::StringMatches(pattern) => left.as_str().is_some_and(|text| matches_pattern(pattern, text)),
        Operator::BooleanEquals(right) => match right {
            Operand::Fixed(right) => left == Json::Bool(*right),
            Operand::At(query) => matches!(left, Json::Bool(_)) && left == operand_at(query, view)?,
        },
        Operator::String(order, right) => match right {
            Operand::Fixed(right) => string_order(&left, right).is_some_and(|found| order.holds(found)),
            Operand::At(query) => {
                let right = operand_at(query, view)?;
                right
                    .as_str()
                    .and_then(|right| string_order(&left, right))
                    .is_some_and(|found| order.holds(found))
            }
        },
        Operator::Numeric(order, right) => match right {
            Operand::Fixed(right) => numeric_order(&left, right).is_some_and(|found| order.holds(found)),
            Operand::At(query) => {
                let right = operand_at(query, view)?;
                right
                    .as_number()
                    .and_then(|right| numeric_order(&left, right))
                    .is_some_and(|found| order.holds(found))
            }
        },
        Operator::Timestamp(order, right) => {
            let right: Option<Arc<str>> = match right {
                Operand::Fixed(text) => Some(text.0.clone()),
                Operand::At(query) => match operand_at(query, view)? {
                    Json::String(text) => Some(text),
                    _ => None,
                },
            };
            let moments = left
                .as_str()
                .and_then(time::parse)
                .zip(right.as_deref().and_then(time::parse));
            moments.is_some_and(|(left, right)| order.holds(left.cmp(&right)))
        }
    })
}

fn operand_at(query: &Query, view: &View<'_, '_>) -> Result<Json, Problem> {
    view.look(query).map_err(|_| {
        Problem::runtime(format!(
            "Invalid path '{}': The choice state's condition path references an invalid value.",
            query.text
        ))
    })
}

/// Java compares UTF-16 units.
fn string_order(left: &Json, right: &str) -> Option<Ordering> {
    let left = left.as_str()?;
    Some(left.encode_utf16().cmp(right.encode_utf16()))
}

fn numeric_order(left: &Json, right: &Number) -> Option<Ordering> {
    let left = left.as_number()?;
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// `*` stands for any text; `\*` for itself, `\\` for a backslash.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts: Vec<String> = vec![String::new()];
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let literal = match letter {
            '*' => {
                parts.push(String::new());
                continue;
            }
            '\\' => letters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(last) = parts.last_mut() {
            last.push(literal);
        }
    }
    let Some((first, rest)) = parts.split_first() else {
        return false;
    };
    let Some(mut left) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    let Some((last, middle)) = rest.split_last() else {
        return left.is_empty();
    };
    // Each part at its first occurrence leaves the most for those after it.
    for part in middle {
        match left.find(part.as_str()) {
            Some(found) => left = left.get(found + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    left.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::matches_pattern;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, matches) in [
            ("a*c", "abbc", true),
            ("a*c", "ac", true),
            ("*a*", "xay", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("\\*x", "*x", true),
            ("\\*x", "yx", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), matches, "{pattern} on {text}");
        }
    }
}
