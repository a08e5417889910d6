//! Between our values and the library's. Its numbers are doubles, as JavaScript's are.

use std::rc::Rc;

use indexmap::IndexMap;
use jsonata_core::value::JValue;
use serde_json::Number;

use crate::json::{Json, Object};

pub(super) fn to_jsonata(value: &Json) -> JValue {
    match value {
        Json::Null => JValue::Null,
        Json::Bool(value) => JValue::Bool(*value),
        Json::Number(number) => JValue::Number(number.as_f64().unwrap_or_default()),
        Json::String(text) => JValue::String(Rc::from(&**text)),
        Json::Array(items) => JValue::array(items.iter().map(to_jsonata).collect()),
        Json::Object(object) => {
            let members = object
                .iter()
                .map(|(key, member)| (key.to_string(), to_jsonata(member)));
            JValue::object(members.collect::<IndexMap<_, _>>())
        }
    }
}

/// What is left when a value goes out: bytes of text and levels of nesting.
pub(super) struct Budget {
    pub(super) bytes: usize,
    pub(super) depth: usize,
}

/// Why a result can't go out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Undefined,
    Function,
    TooLarge,
}

/// The value as JSON. Undefined members are left away, as JavaScript's `JSON.stringify` does.
pub(super) fn from_jsonata(value: &JValue, budget: &mut Budget) -> Result<Json, Refused> {
    match value {
        JValue::Null => Ok(Json::Null),
        JValue::Bool(value) => Ok(Json::Bool(*value)),
        JValue::Number(number) => Ok(from_number(*number)),
        JValue::String(text) => {
            spend(budget, text.len())?;
            Ok(Json::from(&**text))
        }
        JValue::Array(items) => nested(budget, |budget| {
            let mut out = Vec::with_capacity(items.len());
            for item in items.as_slice() {
                spend(budget, 1)?;
                match from_jsonata(item, budget) {
                    Ok(item) => out.push(item),
                    Err(Refused::Undefined) => {}
                    Err(refused) => return Err(refused),
                }
            }
            Ok(Json::array(out))
        }),
        JValue::Object(members) => nested(budget, |budget| {
            let mut out = Object::with_capacity(members.len());
            for (key, member) in members.iter() {
                spend(budget, key.len())?;
                match from_jsonata(member, budget) {
                    Ok(member) => out.insert(key.as_str().into(), member),
                    Err(Refused::Undefined) => {}
                    Err(refused) => return Err(refused),
                }
            }
            Ok(Json::object(out))
        }),
        JValue::Undefined => Err(Refused::Undefined),
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => Err(Refused::Function),
    }
}

fn nested(
    budget: &mut Budget,
    inner: impl FnOnce(&mut Budget) -> Result<Json, Refused>,
) -> Result<Json, Refused> {
    budget.depth = budget.depth.checked_sub(1).ok_or(Refused::TooLarge)?;
    let value = inner(budget)?;
    budget.depth += 1;
    Ok(value)
}

fn spend(budget: &mut Budget, bytes: usize) -> Result<(), Refused> {
    budget.bytes = budget.bytes.checked_sub(bytes).ok_or(Refused::TooLarge)?;
    Ok(())
}

/// Whole numbers come out without a fraction (`3`, not `3.0`). What is no number to JSON comes out as its name.
fn from_number(number: f64) -> Json {
    // Beyond this a whole number is not one of Java's longs any more.
    const WHOLE_MAX: f64 = 9.223_372_036_854_776e18;
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "the bound was checked")]
        return Json::from(number as i64);
    }
    match Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None if number.is_nan() => Json::from("NaN"),
        None if number > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    }
}
