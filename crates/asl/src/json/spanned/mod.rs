//! JSON text to a tree that remembers where every value stood.
//!
//! Other than a general parser this one keeps what a checker needs: byte spans of keys and values, and keys
//! written twice. Its syntax errors are worded as Jackson words them, because that is what AWS Step Functions
//! shows to people (`INVALID_JSON_DESCRIPTION`).

mod lines;
mod parser;

use std::sync::Arc;

use serde_json::Number;

pub use lines::LineIndex;

use parser::Parser;

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
    let mut parser = Parser::new(text);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DEFINITION_DEPTH_MAX as DEPTH_MAX;

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
}
