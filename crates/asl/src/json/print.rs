//! Compact text of values.

use std::fmt::Write as _;

use serde_json::Number;

use super::value::Json;

/// Appends `value` to `out` without blanks.
pub(crate) fn value(value: &Json, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(number) => self::number(number, out),
        Json::String(text) => string(text, out),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                self::value(item, out);
            }
            out.push(']');
        }
        Json::Object(object) => {
            out.push('{');
            for (at, (key, item)) in object.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                self::value(item, out);
            }
            out.push('}');
        }
    }
}

/// Appends a number, one with a fraction as Java prints it: `0.001` and `9999999.9`, but `1.0E-4` and `1.0E7`.
pub(crate) fn number(number: &Number, out: &mut String) {
    let float = if number.is_f64() { number.as_f64() } else { None };
    let Some(float) = float.filter(|float| *float != 0.0 && !(1e-3..1e7).contains(&float.abs())) else {
        // Writing to a String can't fail.
        let _ = write!(out, "{number}");
        return;
    };
    let text = format!("{float:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let fraction = if digits.contains('.') { "" } else { ".0" };
    let _ = write!(out, "{digits}{fraction}E{exponent}");
}

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn string(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some((at, byte)) = next_special(bytes, from) {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            _ => "",
        };
        // Every special byte is ASCII, so these are boundaries of characters.
        out.push_str(text.get(from..at).unwrap_or_default());
        if escape.is_empty() {
            // Writing to a String can't fail.
            let _ = write!(out, "\\u{byte:04X}");
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.push('"');
}

/// The first byte from `from` on that must be escaped, and its place. Looks at eight bytes at a time.
fn next_special(bytes: &[u8], from: usize) -> Option<(usize, u8)> {
    let mut at = from;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        if has_special(u64::from_le_bytes(*eight)) {
            break;
        }
        at += 8;
    }
    bytes
        .get(at..)?
        .iter()
        .position(|byte| is_special(*byte))
        .and_then(|offset| Some((at + offset, *bytes.get(at + offset)?)))
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether any of the eight bytes may be special ("Bit Twiddling Hacks": a byte is zero, a byte is less than n). Bytes of
/// 0x80 and above can give a false alarm, never a miss.
fn has_special(eight: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let below_blank = eight.wrapping_sub(ONES * 0x20) & !eight & HIGHS;
    let quote = zero(eight ^ (ONES * u64::from(b'"')));
    let backslash = zero(eight ^ (ONES * u64::from(b'\\')));
    below_blank | quote | backslash != 0
}

#[cfg(test)]
mod tests {
    use super::{number, string};

    #[test]
    fn numbers_are_printed_as_java_prints_them() {
        for (text, printed) in [
            ("1.0", "1.0"),
            ("-0.0", "-0.0"),
            ("1.50", "1.5"),
            ("0.001", "0.001"),
            ("0.0001", "1.0E-4"),
            ("-1.25e-7", "-1.25E-7"),
            ("9999999.5", "9999999.5"),
            ("1E7", "1.0E7"),
            ("12345678.9", "1.23456789E7"),
            ("1e21", "1.0E21"),
            ("9223372036854775807", "9223372036854775807"),
        ] {
            let mut out = String::new();
            number(&serde_json::from_str(text).unwrap(), &mut out);
            assert_eq!(out, printed);
        }
    }

    #[test]
    fn every_place_of_a_special_byte_is_found() {
        for special in ["\"", "\\", "\n", "\u{1}", "\u{1f}"] {
            for before in 0..20 {
                let text = format!("{}{special}{}", "é".repeat(before), "x".repeat(before));
                let mut out = String::new();
                string(&text, &mut out);
                assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
                assert!(out.len() > text.len() + 2, "{out}");
            }
        }
    }
}
