//! JSON text to a tree that remembers where every value stood.
//!
//! Other than a general parser this one keeps what a checker needs: byte spans of keys and values, and keys
//! written twice. Its syntax errors are worded as Jackson words them, because that is what AWS Step Functions
//! shows to people (`INVALID_JSON_DESCRIPTION`).

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Number;

use crate::limits::DEFINITION_DEPTH_MAX as DEPTH_MAX;

/// Characters of the text that Jackson repeats in a location before it cuts.
const JACKSON_SOURCE_CHARS_MAX: usize = 500;

/// A range of bytes in the text, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

/// A JSON value and where it stood.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// From the value's first byte (a string's quote included) to its last.
    pub span: Span,
    /// The value.
    pub value: NodeValue,
}

/// The six kinds of JSON values.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number; `1` and `1.0` stay different.
    Number(Number),
    /// A string, its escapes resolved.
    String(Arc<str>),
    /// An array.
    Array(Vec<Node>),
    /// An object: members as written, keys written twice included.
    Object(Vec<Member>),
}

/// One `"key": value` of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The key, its escapes resolved.
    pub key: Arc<str>,
    /// Where the key stood, its quotes included.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            NodeValue::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<&Number> {
        match &self.value {
            NodeValue::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::Array(nodes) => Some(nodes),
            _ => None,
        }
    }

    /// The members, if it is an object.
    pub fn as_object(&self) -> Option<&[Member]> {
        match &self.value {
            NodeValue::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member `key` of an object. When the key is written twice the last one counts, as it does in AWS.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.as_object()?.iter().rev().find(|member| &*member.key == key)
    }

    /// The value of member `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.member(key).map(|member| &member.value)
    }

    /// "string", "object", …: the kind of the value in JSON's words.
    pub fn kind(&self) -> &'static str {
        match self.value {
            NodeValue::Null => "null",
            NodeValue::Bool(_) => "boolean",
            NodeValue::Number(_) => "number",
            NodeValue::String(_) => "string",
            NodeValue::Array(_) => "array",
            NodeValue::Object(_) => "object",
        }
    }
}

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong, in Jackson's words.
    pub message: String,
    /// Byte offset of the offending character (the text's length at its end).
    pub offset: usize,
    /// What Jackson names as the place: `[Source: (String)"{not json"; line: 1, column: 3]`.
    pub location: String,
    /// What sort of fault it is.
    pub kind: SyntaxErrorKind,
}

/// The faults callers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    /// Nothing but white space.
    Empty,
    /// Not JSON.
    Malformed,
    /// Nested deeper than [`crate::limits::DEFINITION_DEPTH_MAX`].
    TooDeep,
}

/// Reads one JSON value that fills the whole text.
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        at: 0,
    };
    parser.skip_blanks();
    if parser.peek().is_none() {
        return Err(parser.error(
            SyntaxErrorKind::Empty,
            "No content to map due to end-of-input",
            text.len(),
            0,
        ));
    }
    let node = parser.value(0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.odd_value()),
    }
}

/// Byte offsets to lines and columns.
#[derive(Debug)]
pub struct LineIndex<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    /// Notes where the lines of `text` begin.
    pub fn new(text: &'t str) -> Self {
        let after_breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            text,
            line_starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    /// Line and column of a byte offset, both from 1; columns count characters.
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self
            .text
            .get(start..offset)
            .map_or(0, |before| before.chars().count())
            + 1;
        (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
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
    fn odd_value(&self) -> SyntaxError {
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
    fn error(&self, kind: SyntaxErrorKind, message: &str, offset: usize, consumed: usize) -> SyntaxError {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_the_text_of_each_value() {
        let text = r#" {"a": [1, "é\n"], "b": true} "#;
        let node = parse(text).unwrap();
        let cut = |span: Span| &text[span.start..span.end];
        assert_eq!(cut(node.span), text.trim());
        let a = node.member("a").unwrap();
        assert_eq!(cut(a.key_span), r#""a""#);
        assert_eq!(cut(a.value.as_array().unwrap()[1].span), r#""é\n""#);
        assert_eq!(a.value.as_array().unwrap()[1].as_str(), Some("é\n"));
        assert_eq!(cut(node.get("b").unwrap().span), "true");
    }

    #[test]
    fn a_key_written_twice_is_kept_twice_and_the_last_counts() {
        let node = parse(r#"{"a": 1, "a": 2}"#).unwrap();
        assert_eq!(node.as_object().unwrap().len(), 2);
        assert_eq!(node.get("a").unwrap().as_number().unwrap().as_u64(), Some(2));
    }

    #[test]
    fn it_agrees_with_serde_json_on_values() {
        for text in [
            "1.0",
            "1",
            "-0",
            "-5",
            "1e3",
            "18446744073709551615",
            "1234567890123456789012",
            r#""\u00e9\ud83d\ude00\/\\""#,
        ] {
            let expected: serde_json::Value = serde_json::from_str(text).unwrap();
            match parse(text).unwrap().value {
                NodeValue::Number(number) => assert_eq!(
                    number.to_string(),
                    expected.to_string().replace("-0.0", "0"),
                    "{text}"
                ),
                NodeValue::String(string) => assert_eq!(Some(&*string), expected.as_str(), "{text}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn syntax_errors_read_as_jackson_writes_them() {
        let message = |text: &str| parse(text).unwrap_err().message;
        assert_eq!(
            message("{not json"),
            "Unexpected character ('n' (code 110)): was expecting double-quote to start field name"
        );
        assert_eq!(
            message(r#"{"a":1,}"#),
            "Unexpected character ('}' (code 125)): was expecting double-quote to start field name"
        );
        assert_eq!(
            message(r#"{"a" 1}"#),
            "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value"
        );
        assert_eq!(
            message("[1 2]"),
            "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries"
        );
        assert!(message("not").starts_with("Unrecognized token 'not': was expecting (JSON String,"));
        assert!(message("[01]").starts_with("Invalid numeric value"));
        assert_eq!(message(" "), "No content to map due to end-of-input");
        assert_eq!(
            parse("{not json").unwrap_err().location,
            r#"[Source: (String)"{not json"; line: 1, column: 3]"#
        );
    }

    #[test]
    fn nesting_without_end_is_refused_and_does_not_overflow_the_stack() {
        assert_eq!(
            parse(&"[".repeat(1_000_000)).unwrap_err().kind,
            SyntaxErrorKind::TooDeep
        );
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert!(parse(&deep).is_ok());
    }

    #[test]
    fn every_cut_of_a_text_is_an_error_and_no_panic() {
        let text = r#"{"a": [1.5e+3, -0.1, "x\u00e9", null], "b": {"c": false}}"#;
        for end in 0..text.len() {
            assert!(parse(&text[..end]).is_err(), "{}", &text[..end]);
        }
        assert!(parse(text).is_ok());
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let index = LineIndex::new("é1\nab\n");
        assert_eq!(index.line_column(0), (1, 1));
        assert_eq!(index.line_column(2), (1, 2));
        assert_eq!(index.line_column(4), (2, 1));
        assert_eq!(index.line_column(5), (2, 2));
        assert_eq!(index.line_column(7), (3, 1));
    }
}
