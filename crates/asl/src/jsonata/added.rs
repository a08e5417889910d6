//! The functions Step Functions adds to JSONata: `$partition $range $hash $random $uuid $parse`. Their odd corners (nothing for a
//! step of 0, one value for a range of one) are those of AWS.

use std::cell::Cell;

use jsonata_core::evaluator::EvaluatorError;
use jsonata_core::value::JValue;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::convert::to_jsonata;
use super::functions::refused;
use crate::intrinsics::hex;
use crate::json::read;
use crate::random::{JavaRandom, Stream};

/// An argument that was given and is something.
fn given(args: &[JValue], at: usize) -> Option<&JValue> {
    args.get(at).filter(|value| !matches!(value, JValue::Undefined))
}

fn mismatch(function: &str, argument: usize) -> EvaluatorError {
    refused(&format!(
        "T0410: Argument {argument} of function \"{function}\" does not match function signature"
    ))
}

fn at_most(args: &[JValue], most: usize, function: &str) -> Result<(), EvaluatorError> {
    match given(args, most) {
        Some(_) => Err(mismatch(function, most + 1)),
        None => Ok(()),
    }
}

/// A number without its fraction.
fn whole(value: &JValue, function: &str, argument: usize) -> Result<i64, EvaluatorError> {
    let number = value.as_f64().ok_or_else(|| mismatch(function, argument))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "AWS cuts the fraction off; too large saturates"
    )]
    Ok(number as i64)
}

fn number(whole: i64) -> JValue {
    #[expect(clippy::cast_precision_loss, reason = "the library's numbers are doubles")]
    JValue::from_f64(whole as f64)
}

/// `$partition(array, size?)`: without a size one part, with one of 0 nothing.
pub(super) fn partition(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    at_most(args, 2, "partition")?;
    let items = match given(args, 0) {
        None => return Ok(JValue::Undefined),
        Some(JValue::Array(items)) => items,
        Some(_) => {
            return Err(refused(
                "T0412: Argument 1 of function \"partition\" must be an array of undefined",
            ));
        }
    };
    if items.is_empty() {
        return Ok(JValue::Undefined);
    }
    let size = match given(args, 1) {
        None => items.len(),
        Some(size) => usize::try_from(whole(size, "partition", 2)?)
            .map_err(|_| refused("D3137: Second argument must be zero or greater"))?,
    };
    if size == 0 {
        return Ok(JValue::Undefined);
    }
    let chunks = items.chunks(size).map(|chunk| JValue::array(chunk.to_vec()));
    Ok(JValue::array(chunks.collect()))
}

/// `$range(first, last, step)`, both ends included: one number where they are the same, nothing where the step leads away.
pub(super) fn range(args: &[JValue], items_max: usize) -> Result<JValue, EvaluatorError> {
    at_most(args, 3, "range")?;
    let bound = |at: usize| {
        let value = given(args, at).ok_or_else(|| mismatch("range", at + 1))?;
        whole(value, "range", at + 1)
    };
    let (first, last) = (bound(0)?, bound(1)?);
    let Some(step) = given(args, 2) else {
        return Ok(JValue::Undefined);
    };
    let step = whole(step, "range", 3)?;
    if step == 0 || (step > 0 && first > last) || (step < 0 && first < last) {
        return Ok(JValue::Undefined);
    }
    if first == last {
        return Ok(number(first));
    }
    let count = (i128::from(last) - i128::from(first)) / i128::from(step) + 1;
    let count = usize::try_from(count).ok().filter(|count| *count <= items_max);
    let Some(count) = count else {
        return Err(refused(
            "D2014: The size of the sequence allocated by \"range\" is too large",
        ));
    };
    let numbers = std::iter::successors(Some(first), |number| number.checked_add(step));
    Ok(JValue::array(numbers.take(count).map(number).collect()))
}

/// `$hash(text, algorithm)`
pub(super) fn hash(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    at_most(args, 2, "hash")?;
    let Some(JValue::String(data)) = given(args, 0) else {
        return Err(mismatch("hash", 1));
    };
    let data = data.as_bytes();
    let algorithm = match given(args, 1) {
        None => return Ok(JValue::Undefined),
        Some(JValue::String(algorithm)) => algorithm,
        Some(_) => return Err(mismatch("hash", 2)),
    };
    Ok(JValue::string(match &**algorithm {
        "MD5" => hex(&Md5::digest(data)),
        "SHA-1" => hex(&Sha1::digest(data)),
        "SHA-256" => hex(&Sha256::digest(data)),
        "SHA-384" => hex(&Sha384::digest(data)),
        "SHA-512" => hex(&Sha512::digest(data)),
        other => {
            return Err(refused(&format!(
                "D3137: Hash algorithm '{other}' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"
            )));
        }
    }))
}

/// `$parse(text)`: the JSON value of a text.
pub(super) fn parse(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    at_most(args, 1, "parse")?;
    match given(args, 0) {
        None => Ok(JValue::Undefined),
        Some(JValue::String(text)) => {
            let value = read::read(text).map_err(|_| refused("D3137: Invalid JSON"))?;
            Ok(to_jsonata(&value))
        }
        Some(_) => Err(mismatch("parse", 1)),
    }
}

/// `$random(seed?)`: from 0 to below 1; a seed gives what Java's `Random` does with it.
pub(super) fn random(args: &[JValue], stream: &Cell<Stream>) -> Result<JValue, EvaluatorError> {
    at_most(args, 1, "random")?;
    if let Some(seed) = given(args, 0) {
        let mut random = JavaRandom::new(whole(seed, "random", 1)?);
        return Ok(JValue::from_f64(random.next_double()));
    }
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    let numerator = (next(stream) >> 11) as f64;
    Ok(JValue::from_f64(numerator / 9_007_199_254_740_992.0))
}

/// `$uuid()`: of version 4.
pub(super) fn uuid(args: &[JValue], stream: &Cell<Stream>) -> Result<JValue, EvaluatorError> {
    at_most(args, 0, "uuid")?;
    let (high, low) = (next(stream), next(stream));
    let high = (high & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
    let low = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
    Ok(JValue::string(format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )))
}

fn next(stream: &Cell<Stream>) -> u64 {
    let mut numbers = stream.get();
    let number = numbers.next();
    stream.set(numbers);
    number
}
