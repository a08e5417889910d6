//! The functions AWS adds (`$partition $range $hash $random $uuid $parse`), those it takes away (`$eval`), and the clock.
//! A library's function can hold nothing borrowed, so what is random comes from one seed and the time is copied in.

use std::cell::Cell;
use std::rc::Rc;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::convert::to_jsonata;
use super::evaluate::Surroundings;
use crate::intrinsics::hex;
use crate::json::read;
use crate::random::Stream;

fn refused(text: &str) -> EvaluatorError {
    EvaluatorError::EvaluationError(text.to_owned())
}

/// Registers what the expression can reach.
pub(super) fn register(
    evaluator: &mut Evaluator,
    surroundings: &Surroundings<'_>,
) -> Result<(), EvaluatorError> {
    let items_max = surroundings.limits.jsonata_sequence_max;
    let now_ms = surroundings.now_ms;
    let stream = Rc::new(Cell::new(Stream::new(surroundings.seed)));
    evaluator.register_fn("partition", partition)?;
    evaluator.register_fn("range", move |args: &[JValue]| range(args, items_max))?;
    evaluator.register_fn("hash", hash)?;
    evaluator.register_fn("parse", parse)?;
    let bits = Rc::clone(&stream);
    evaluator.register_fn("uuid", move |_: &[JValue]| Ok(JValue::string(uuid(&bits))))?;
    evaluator.register_fn_override("random", move |args: &[JValue]| {
        Ok(JValue::from_f64(random(args, &stream)))
    })?;
    evaluator.register_fn_override("eval", |_: &[JValue]| {
        Err(refused("T1006: Attempted to invoke a non-function"))
    })?;
    let characters_max = surroundings.limits.payload_bytes_max;
    evaluator.register_fn_override("pad", move |args: &[JValue]| pad(args, characters_max))?;
    #[expect(clippy::cast_precision_loss, reason = "epoch milliseconds are far below 2^52")]
    let millis = now_ms as f64;
    evaluator.register_fn_override("millis", move |_: &[JValue]| Ok(JValue::from_f64(millis)))?;
    evaluator.register_fn_override("now", move |args: &[JValue]| now(args, now_ms))?;
    Ok(())
}

fn next(stream: &Cell<Stream>) -> u64 {
    let mut numbers = stream.get();
    let number = numbers.next();
    stream.set(numbers);
    number
}

/// From 0 to below 1; the same seed gives the same number.
fn random(args: &[JValue], stream: &Cell<Stream>) -> f64 {
    let bits = match args.first().and_then(JValue::as_f64) {
        Some(seed) => Stream::new(seed.to_bits()).next(),
        None => next(stream),
    };
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    let numerator = (bits >> 11) as f64;
    numerator / 9_007_199_254_740_992.0
}

/// A version 4 UUID.
fn uuid(stream: &Cell<Stream>) -> String {
    let (high, low) = (next(stream), next(stream));
    let high = (high & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
    let low = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// `$now(picture?, timezone?)`, through the library's `$fromMillis`.
fn now(args: &[JValue], now_ms: i64) -> Result<JValue, EvaluatorError> {
    let Some(picture @ JValue::String(_)) = args.first() else {
        return Ok(JValue::string(crate::eval::time::format_ms(now_ms)));
    };
    let mut context = Context::new();
    #[expect(clippy::cast_precision_loss, reason = "epoch milliseconds are far below 2^52")]
    context.bind("ms".to_owned(), JValue::from_f64(now_ms as f64));
    context.bind("picture".to_owned(), picture.clone());
    let call = match args.get(1) {
        Some(zone @ JValue::String(_)) => {
            context.bind("zone".to_owned(), zone.clone());
            "$fromMillis($ms, $picture, $zone)"
        }
        _ => "$fromMillis($ms, $picture)",
    };
    let ast = parser::parse(call).map_err(|error| refused(&error.to_string()))?;
    Evaluator::with_context(context).evaluate(&ast, &JValue::Undefined)
}

/// `$pad(text, width, char?)` as the library has it, but bounded: it could ask for any amount of memory.
fn pad(args: &[JValue], characters_max: usize) -> Result<JValue, EvaluatorError> {
    let text = match args.first() {
        Some(JValue::String(text)) => text,
        Some(JValue::Undefined) | None => return Ok(JValue::Undefined),
        Some(_) => {
            return Err(refused(
                "T0410: Argument 1 of function \"pad\" does not match function signature",
            ));
        }
    };
    let Some(width) = args.get(1).and_then(JValue::as_f64) else {
        return Err(refused(
            "T0410: Argument 2 of function \"pad\" does not match function signature",
        ));
    };
    let filling = args
        .get(2)
        .and_then(JValue::as_str)
        .filter(|filling| !filling.is_empty())
        .unwrap_or(" ");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "too large saturates, and is refused"
    )]
    let wanted = width.abs() as usize;
    if wanted > characters_max {
        return Err(refused("D2014: The text made by \"pad\" is too long"));
    }
    let missing = wanted.saturating_sub(text.chars().count());
    let filling: String = filling.chars().cycle().take(missing).collect();
    Ok(JValue::string(if width < 0.0 {
        format!("{filling}{text}")
    } else {
        format!("{text}{filling}")
    }))
}

/// `$partition(array, size)`
fn partition(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    let (Some(JValue::Array(items)), Some(size)) = (args.first(), args.get(1).and_then(JValue::as_f64))
    else {
        return Err(refused(
            "T0410: Argument of function \"partition\" does not match function signature",
        ));
    };
    let size = size.floor();
    if size < 1.0 {
        return Err(refused(
            "D3137: The chunk size of \"partition\" must be a positive number",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is at least 1; too large saturates"
    )]
    let size = size as usize;
    let chunks = items.chunks(size).map(|chunk| JValue::array(chunk.to_vec()));
    Ok(JValue::array(chunks.collect()))
}

/// `$range(first, last, step)`, both ends included.
fn range(args: &[JValue], items_max: usize) -> Result<JValue, EvaluatorError> {
    let number = |at: usize| args.get(at).and_then(JValue::as_f64);
    let (Some(first), Some(last), Some(step)) = (number(0), number(1), number(2)) else {
        return Err(refused(
            "T0410: Argument of function \"range\" does not match function signature",
        ));
    };
    if step == 0.0 {
        return Err(refused("D3137: The step of \"range\" must not be 0"));
    }
    let count = ((last - first) / step).floor() + 1.0;
    #[expect(clippy::cast_precision_loss, reason = "the bound only needs to be near")]
    if count > items_max as f64 {
        return Err(refused(
            "D2014: The size of the sequence allocated by \"range\" is too large",
        ));
    }
    let mut numbers = Vec::new();
    let mut at = 0.0;
    while at < count {
        numbers.push(JValue::from_f64(first + at * step));
        at += 1.0;
    }
    Ok(JValue::array(numbers))
}

/// `$hash(data, algorithm)`; the algorithm is SHA-256 where none is given.
fn hash(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    let data = match args.first() {
        Some(JValue::String(text)) => text.to_string(),
        Some(JValue::Undefined) | None => return Ok(JValue::Undefined),
        Some(other) => other
            .to_json_string()
            .map_err(|error| refused(&error.to_string()))?,
    };
    let data = data.as_bytes();
    let digest = match args.get(1).and_then(JValue::as_str) {
        Some("MD5") => hex(&Md5::digest(data)),
        Some("SHA-1") => hex(&Sha1::digest(data)),
        None | Some("SHA-256") => hex(&Sha256::digest(data)),
        Some("SHA-384") => hex(&Sha384::digest(data)),
        Some("SHA-512") => hex(&Sha512::digest(data)),
        Some(_) => {
            return Err(refused(
                "D3137: The algorithm of \"hash\" must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512",
            ));
        }
    };
    Ok(JValue::string(digest))
}

/// `$parse(text)`: the JSON value of a text.
fn parse(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    match args.first() {
        Some(JValue::String(text)) => {
            let value = read::read(text).map_err(|error| {
                refused(&format!(
                    "D3137: The argument of \"parse\" is not valid JSON: {error}"
                ))
            })?;
            Ok(to_jsonata(&value))
        }
        Some(JValue::Undefined) | None => Ok(JValue::Undefined),
        Some(_) => Err(refused(
            "T0410: Argument 1 of function \"parse\" does not match function signature",
        )),
    }
}
