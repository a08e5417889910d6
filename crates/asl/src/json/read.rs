//! JSON text → [`Json`]. Ours rather than serde's because depth is ours to bound (a value the engine printed must always read
//! back), and because the tree has shared strings.

use std::sync::Arc;

use serde_json::Number;

use super::value::{Json, Object};
use crate::limits::JSON_DEPTH_MAX;

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {offset}: {problem}")]
pub struct ReadError {
    /// Where, in bytes from the start.
    pub offset: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

/// Reads one value; blanks around it are allowed, nothing else.
pub fn read(text: &str) -> Result<Json, ReadError> {
    let mut reader = Reader::<true>::new(text);
    reader.document()
}

/// Whether `text` is one JSON value. Builds nothing.
pub fn validate(text: &str) -> Result<(), ReadError> {
    let mut reader = Reader::<false>::new(text);
    reader.document().map(|_| ())
}

/// `BUILD` false reads without building: every value comes out as null.
struct Reader<'a, const BUILD: bool> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a, const BUILD: bool> Reader<'a, BUILD> {
    fn new(text: &'a str) -> Self {
        Reader {
            text,
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    fn document(&mut self) -> Result<Json, ReadError> {
        self.blanks();
        let value = self.value(JSON_DEPTH_MAX)?;
        self.blanks();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.error("text after the end of the value")),
        }
    }

    fn value(&mut self, depth_left: usize) -> Result<Json, ReadError> {
        match self.peek() {
            None => Err(self.error("a value is missing")),
            Some(b'{') => self.object(depth_left),
            Some(b'[') => self.array(depth_left),
            Some(b'"') => Ok(match self.string()? {
                Some(text) => Json::String(text),
                None => Json::Null,
            }),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.error("no value starts like this")),
        }
    }

    fn object(&mut self, depth_left: usize) -> Result<Json, ReadError> {
        let rest = depth_left
            .checked_sub(1)
            .ok_or_else(|| self.error("nested too deeply"))?;
        self.at += 1;
        let mut object = Object::new();
        self.blanks();
        if self.take(b'}') {
            return Ok(Self::built_object(object));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in double quotes is missing"));
            }
            let key = self.string()?;
            self.blanks();
            if !self.take(b':') {
                return Err(self.error("a colon is missing"));
            }
            self.blanks();
            let value = self.value(rest)?;
            if let Some(key) = key {
                object.insert(key, value);
            }
            self.blanks();
            if self.take(b'}') {
                return Ok(Self::built_object(object));
            }
            if !self.take(b',') {
                return Err(self.error("a comma or `}` is missing"));
            }
        }
    }

    fn array(&mut self, depth_left: usize) -> Result<Json, ReadError> {
        let rest = depth_left
            .checked_sub(1)
            .ok_or_else(|| self.error("nested too deeply"))?;
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.take(b']') {
            return Ok(if BUILD { Json::array(items) } else { Json::Null });
        }
        loop {
            self.blanks();
            let value = self.value(rest)?;
            if BUILD {
                items.push(value);
            }
            self.blanks();
            if self.take(b']') {
                return Ok(if BUILD { Json::array(items) } else { Json::Null });
            }
            if !self.take(b',') {
                return Err(self.error("a comma or `]` is missing"));
            }
        }
    }

    fn built_object(object: Object) -> Json {
        if BUILD { Json::object(object) } else { Json::Null }
    }

    /// The string at the quote we stand on; `None` when nothing is to be built.
    fn string(&mut self) -> Result<Option<Arc<str>>, ReadError> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err(self.error("a string has no end")),
                Some(b'"') => {
                    let text = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(BUILD.then(|| text.into()));
                }
                Some(b'\\') => break,
                Some(0x00..=0x1f) => return Err(self.error("a control character in a string")),
                Some(_) => self.at += 1,
            }
        }
        let mut text = String::from(self.text.get(start..self.at).unwrap_or_default());
        loop {
            let from = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0x00..=0x1f)) {
                self.at += 1;
            }
            text.push_str(self.text.get(from..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(BUILD.then(|| text.into()));
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                None => return Err(self.error("a string has no end")),
                Some(_) => return Err(self.error("a control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ReadError> {
        let byte = self.peek().ok_or_else(|| self.error("a string has no end"))?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.error("an escape that JSON does not have")),
        })
    }

    /// A lone surrogate, which no UTF-8 text can hold, becomes U+FFFD.
    fn unicode(&mut self) -> Result<char, ReadError> {
        let first = self.hex4()?;
        if (0xD800..0xDC00).contains(&first) {
            let back = self.at;
            if self.take(b'\\') && self.take(b'u') {
                let second = self.hex4()?;
                if (0xDC00..0xE000).contains(&second) {
                    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                    return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
            self.at = back;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Result<u32, ReadError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self
                .peek()
                .and_then(|byte| char::from(byte).to_digit(16))
                .ok_or_else(|| self.error("four hexadecimal digits are missing"))?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Json, ReadError> {
        let start = self.at;
        let negative = self.take(b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.error("a digit is missing")),
        }
        let mut whole = true;
        if self.take(b'.') {
            whole = false;
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.error("a digit is missing"));
            }
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if !self.take(b'+') {
                self.take(b'-');
            }
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.error("a digit is missing"));
            }
            self.digits();
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        number_of(text, whole, negative)
            .map(Json::Number)
            .ok_or(ReadError {
                offset: start,
                problem: "a number out of range",
            })
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, ReadError> {
        if self
            .bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word.as_bytes()))
        {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("a word that is neither true, false nor null"))
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.at += 1;
        }
        there
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn error(&self, problem: &'static str) -> ReadError {
        ReadError {
            offset: self.at,
            problem,
        }
    }
}

fn number_of(text: &str, whole: bool, negative: bool) -> Option<Number> {
    if whole {
        if negative {
            if let Ok(number) = text.parse::<i64>() {
                return Some(number.into());
            }
        } else if let Ok(number) = text.parse::<u64>() {
            return Some(number.into());
        }
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        for text in [
            "null",
            "[1,1.0,-0,-1.5e300,18446744073709551615]",
            r#"{"a":{"b":["\u0001\"\\\n","é",true,false]}}"#,
            r#""\ud83d\ude00""#,
        ] {
            let value = read(text).unwrap();
            assert_eq!(read(&value.to_string()).unwrap(), value, "{text}");
            validate(text).unwrap();
        }
    }

    #[test]
    fn what_is_not_json_is_refused_in_both_ways() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "01",
            "1.",
            "-",
            "tru",
            "\"\\x\"",
            "\"",
            "1 2",
            "{a:1}",
            "\"\u{1}\"",
            "1e999",
        ] {
            assert!(read(text).is_err(), "{text}");
            assert!(validate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&deep(JSON_DEPTH_MAX)).is_ok());
        assert!(read(&deep(JSON_DEPTH_MAX + 1)).is_err());
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        assert_eq!(
            read(r#"{"a":1,"b":2,"a":3}"#).unwrap().to_string(),
            r#"{"a":3,"b":2}"#
        );
    }
}
