//! What an expression can call besides the library's functions: those AWS adds, the one it takes away (`$eval`), the clock, and
//! the few the library answers otherwise than the reference. A library's function can hold nothing borrowed, so what is random
//! comes from one seed and the time is copied in.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;

use super::added;
use super::evaluate::Surroundings;
use crate::random::Stream;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError};
use jsonata_core::parser;
use jsonata_core::value::JValue;

/// What `encodeURIComponent` leaves as it is, beside letters and digits.
const COMPONENT: &str = "-_.!~*'()";

/// What `encodeURI` leaves as it is, beside letters and digits.
const URL: &str = "-_.!~*'();,/?:@&=+$#";

pub(super) fn refused(text: &str) -> EvaluatorError {
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
    evaluator.register_fn("partition", added::partition)?;
    evaluator.register_fn("range", move |args: &[JValue]| added::range(args, items_max))?;
    evaluator.register_fn("hash", added::hash)?;
    evaluator.register_fn("parse", added::parse)?;
    let bits = Rc::clone(&stream);
    evaluator.register_fn("uuid", move |args: &[JValue]| added::uuid(args, &bits))?;
    evaluator.register_fn_override("random", move |args: &[JValue]| added::random(args, &stream))?;
    evaluator.register_fn_override("encodeUrl", |args: &[JValue]| encode(args, "encodeUrl", URL))?;
    evaluator.register_fn_override("encodeUrlComponent", |args: &[JValue]| {
        encode(args, "encodeUrlComponent", COMPONENT)
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

/// `$encodeUrl(text)` and `$encodeUrlComponent(text)` as JavaScript has them; the library keeps too much, and too little.
fn encode(args: &[JValue], function: &str, kept: &str) -> Result<JValue, EvaluatorError> {
    match args.first() {
        Some(JValue::String(text)) => {
            let mut out = String::with_capacity(text.len());
            for byte in text.bytes() {
                if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    // Writing to a String can't fail.
                    let _ = write!(out, "%{byte:02X}");
                }
            }
            Ok(JValue::string(out))
        }
        Some(JValue::Undefined) | None => Ok(JValue::Undefined),
        Some(_) => Err(refused(&format!(
            "T0410: Argument 1 of function \"{function}\" does not match function signature"
        ))),
    }
}
