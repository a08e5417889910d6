//! Text to tree, by recursive descent no deeper than a definition may be nested. Every refusal is worded and placed as Jackson
//! would.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Number;

use super::{Member, Node, NodeValue, Span, SyntaxError, SyntaxErrorKind};
use crate::limits::DEFINITION_DEPTH_MAX as DEPTH_MAX;

/// Characters of the text that Jackson repeats in a location before it cuts.
const JACKSON_SOURCE_CHARS_MAX: usize = 500;

/// A text and how far it has been read.
pub(super) struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth + 1)?,
            Some(b'[') => self.array(depth + 1)?,
            Some(b'"') => NodeValue::String(Arc::from(self.string()?)),
            Some(b'-' | b'0'..=b'9') => NodeValue::Number(self.number()?),
            Some(_) => self.literal()?,
            None => return Err(self.end_of_input("was expecting a value")),
        };
        Ok(Node {
            span: Span { start, end: self.at },
            value,
        })
    }

    fn object(&mut self, depth: usize) -> Result<NodeValue, SyntaxError> {
        let open = self.enter(depth)?;
        let mut members = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(NodeValue::Object(members));
        }
        loop {
            self.skip_blanks();
            let key_start = self.at;
            match self.peek() {
                Some(b'"') => {}
                Some(_) => return Err(self.unexpected("was expecting double-quote to start field name")),
                None => return Err(self.unclosed("Object", open)),
            }
            let key = Arc::from(self.string()?);
            let key_span = Span {
                start: key_start,
                end: self.at,
            };
            self.skip_blanks();
            match self.peek() {
                Some(b':') => self.at += 1,
                Some(_) => {
                    return Err(self.unexpected("was expecting a colon to separate field name and value"));
                }
                None => return Err(self.unclosed("Object", open)),
            }
            self.skip_blanks();
            if self.peek().is_none() {
                return Err(self.end_of_input("within/between Object entries"));
            }
            let value = self.value(depth)?;
            members.push(Member { key, key_span, value });
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(NodeValue::Object(members));
                }
                Some(_) => return Err(self.unexpected("was expecting comma to separate Object entries")),
                None => return Err(self.unclosed("Object", open)),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<NodeValue, SyntaxError> {
        let open = self.enter(depth)?;
        let mut nodes = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(NodeValue::Array(nodes));
        }
        loop {
            self.skip_blanks();
            if self.peek().is_none() {
                return Err(self.unclosed("Array", open));
            }
            nodes.push(self.value(depth)?);
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(NodeValue::Array(nodes));
                }
                Some(_) => return Err(self.unexpected("was expecting comma to separate Array entries")),
                None => return Err(self.unclosed("Array", open)),
            }
        }
    }

    fn enter(&mut self, depth: usize) -> Result<usize, SyntaxError> {
        let open = self.at;
        if depth > DEPTH_MAX {
            let message =
                format!("Document nesting depth ({depth}) exceeds the maximum allowed ({DEPTH_MAX})");
            return Err(self.error(SyntaxErrorKind::TooDeep, &message, open, 1));
        }
        self.at += 1;
        Ok(open)
    }

    /// The string at the cursor, which stands on its opening quote.
    fn string(&mut self) -> Result<Cow<'t, str>, SyntaxError> {
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    let plain = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(Cow::Borrowed(plain));
                }
                b'\\' => return self.escaped_string(start).map(Cow::Owned),
                0..=0x1f => return Err(self.control_character(byte)),
                _ => self.at += 1,
            }
        }
        Err(self.end_of_input("was expecting closing quote for a string value"))
    }

    fn escaped_string(&mut self, start: usize) -> Result<String, SyntaxError> {
        let mut out = String::new();
        let mut plain_from = start;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    out.push_str(self.text.get(plain_from..self.at).unwrap_or_default());
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => {
                    out.push_str(self.text.get(plain_from..self.at).unwrap_or_default());
                    self.at += 1;
                    out.push(self.escape()?);
                    plain_from = self.at;
                }
                0..=0x1f => return Err(self.control_character(byte)),
                _ => self.at += 1,
            }
        }
        Err(self.end_of_input("was expecting closing quote for a string value"))
    }

    /// The character written by the escape whose backslash has just been read.
    fn escape(&mut self) -> Result<char, SyntaxError> {
        let Some(byte) = self.peek() else {
            return Err(self.end_of_input("in character escape sequence"));
        };
        let plain = match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => {
                let found = self.describe_here();
                return Err(self.error(
                    SyntaxErrorKind::Malformed,
                    &format!("Unrecognized character escape {found}"),
                    self.at,
                    1,
                ));
            }
        };
        self.at += 1;
        Ok(plain)
    }

    /// `uXXXX`, and the second half if it is the first of a pair. Half a pair alone has no character: U+FFFD
    /// stands for it.
    fn unicode_escape(&mut self) -> Result<char, SyntaxError> {
        let first = self.four_hex_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let before_second = self.at;
        self.at += 1;
        let second = self.four_hex_digits()?;
        if (0xdc00..0xe000).contains(&second) {
            return Ok(
                char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
                    .unwrap_or(char::REPLACEMENT_CHARACTER),
            );
        }
        self.at = before_second;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_hex_digits(&mut self) -> Result<u32, SyntaxError> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let Some(byte) = self.peek() else {
                return Err(self.end_of_input("in character escape sequence"));
            };
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(self.unexpected("expected a hex-digit for character escape sequence"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Number, SyntaxError> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        if negative {
            self.at += 1;
        }
        if self.peek() == Some(b'0') && matches!(self.bytes.get(self.at + 1), Some(b'0'..=b'9')) {
            return Err(self.error(
                SyntaxErrorKind::Malformed,
                "Invalid numeric value: Leading zeroes not allowed",
                self.at,
                1,
            ));
        }
        self.digits("following minus sign")?;
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.digits("Decimal point not followed by a digit")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("Exponent indicator not followed by a digit")?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let exact = match (whole, negative) {
            (true, true) => text.parse::<i64>().ok().map(Number::from),
            (true, false) => text.parse::<u64>().ok().map(Number::from),
            (false, _) => None,
        };
        exact
            .or_else(|| text.parse().ok().and_then(Number::from_f64))
            .ok_or_else(|| {
                let message = format!("Numeric value ({text}) out of range");
                self.error(SyntaxErrorKind::Malformed, &message, start, 0)
            })
    }

    fn digits(&mut self, what: &str) -> Result<(), SyntaxError> {
        match self.peek() {
            Some(b'0'..=b'9') => {}
            Some(_) => {
                let found = self.describe_here();
                let message = format!("Unexpected character ({found}) in numeric value: {what}");
                return Err(self.error(SyntaxErrorKind::Malformed, &message, self.at, 1));
            }
            None => return Err(self.end_of_input("in a number value")),
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        Ok(())
    }

    fn literal(&mut self) -> Result<NodeValue, SyntaxError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        for (word, value) in [
            ("true", NodeValue::Bool(true)),
            ("false", NodeValue::Bool(false)),
            ("null", NodeValue::Null),
        ] {
            let ends = |byte: &u8| !byte.is_ascii_alphanumeric() && *byte != b'_';
            if rest.starts_with(word.as_bytes()) && rest.get(word.len()).is_none_or(ends) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.odd_value())
    }

    /// Jackson has two ways to refuse what stands where a value should: by word, or by character.
    pub(super) fn odd_value(&self) -> SyntaxError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '$')
            .collect();
        if word.is_empty() {
            return self.unexpected("expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')");
        }
        let message = format!(
            "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        );
        self.error(
            SyntaxErrorKind::Malformed,
            &message,
            self.at,
            word.chars().count(),
        )
    }

    fn control_character(&self, byte: u8) -> SyntaxError {
        let message = format!(
            "Illegal unquoted character ((CTRL-CHAR, code {byte})): has to be escaped using backslash to be included in string value"
        );
        self.error(SyntaxErrorKind::Malformed, &message, self.at, 1)
    }

    fn unexpected(&self, expectation: &str) -> SyntaxError {
        let found = self.describe_here();
        self.error(
            SyntaxErrorKind::Malformed,
            &format!("Unexpected character ({found}): {expectation}"),
            self.at,
            1,
        )
    }

    fn unclosed(&self, what: &str, open: usize) -> SyntaxError {
        let start = self.jackson_location(open, 0);
        let message =
            format!("Unexpected end-of-input: expected close marker for {what} (start marker at {start})");
        self.error(SyntaxErrorKind::Malformed, &message, self.text.len(), 0)
    }

    fn end_of_input(&self, what: &str) -> SyntaxError {
        let join = if what.starts_with("was") { ": " } else { " " };
        self.error(
            SyntaxErrorKind::Malformed,
            &format!("Unexpected end-of-input{join}{what}"),
            self.text.len(),
            0,
        )
    }

    /// `'x' (code 120)`, for the character under the cursor.
    fn describe_here(&self) -> String {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) if c.is_control() => format!("(CTRL-CHAR, code {})", u32::from(c)),
            Some(c) => format!("'{c}' (code {})", u32::from(c)),
            None => "end of input".to_owned(),
        }
    }

    /// `consumed`: characters from `offset` on that Jackson has read when it complains; its column counts them.
    pub(super) fn error(
        &self,
        kind: SyntaxErrorKind,
        message: &str,
        offset: usize,
        consumed: usize,
    ) -> SyntaxError {
        SyntaxError {
            message: message.to_owned(),
            offset,
            location: self.jackson_location(offset, consumed),
            kind,
        }
    }

    fn jackson_location(&self, offset: usize, consumed: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1 + consumed;
        let shown: String = self.text.chars().take(JACKSON_SOURCE_CHARS_MAX).collect();
        let cut = self.text.chars().count().saturating_sub(JACKSON_SOURCE_CHARS_MAX);
        let cut = if cut == 0 {
            String::new()
        } else {
            format!("[truncated {cut} chars]")
        };
        format!("[Source: (String)\"{shown}\"{cut}; line: {line}, column: {column}]")
    }
}
