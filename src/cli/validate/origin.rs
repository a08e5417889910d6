//! A definition that stands in another text (YAML, a template): its JSON, and where in the file each part of that came from.
//!
//! The JSON that is made of a tree has the tree's line numbers: what a message says about lines is true of the file.

use asl::json::spanned::{LineIndex, Node, NodeValue, Span};
use serde_json::Value;

/// Where the bytes of a definition's JSON came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is the file.
    File,
    /// Each value and key (first) from its place in the file (second).
    Tokens(Vec<(Span, Span)>),
    /// Each character from a place in the file; in order.
    Letters(Embedded),
}

/// A text that was put together from strings of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Embedded {
    pub(super) letters: Vec<Letter>,
    /// The strings that it was put together from.
    pub(super) pieces: Vec<Piece>,
}

/// A character of a text and what it is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letter {
    /// Where in the text it begins.
    pub(super) at: usize,
    /// Where in the file it is written.
    pub(super) written: Span,
    /// The string it is a character of, by its number; `None` for what stands for something else (a reference's name).
    pub(super) piece: Option<usize>,
}

/// A string of the file whose characters are known one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// How it is written.
    pub(super) quoting: Quoting,
    /// Whether it is the text of an `Fn::Sub`.
    pub(super) is_template: bool,
}

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// In `"`, with the escapes that JSON and YAML have in common.
    Double,
    /// In `'`, on one line.
    Single,
    /// After `|`, in lines indented by this much.
    Literal(usize),
    /// As it is, on one line.
    Plain,
}

impl Origin {
    /// The place in the file of a part of the JSON.
    pub(super) fn locate(&self, part: Span) -> Span {
        match self {
            Self::File => part,
            Self::Tokens(tokens) => {
                let exact = tokens.iter().find(|(inner, _)| *inner == part);
                let around = || {
                    tokens
                        .iter()
                        .filter(|(inner, _)| inner.start <= part.start && part.start < inner.end)
                        .min_by_key(|(inner, _)| inner.end - inner.start)
                };
                exact
                    .or_else(around)
                    .or(tokens.last())
                    .map_or_else(Span::default, |(_, outer)| *outer)
            }
            Self::Letters(embedded) => {
                let written = |at: usize| {
                    let next = embedded.letters.partition_point(|letter| letter.at <= at);
                    let letter = embedded.letters.get(next.saturating_sub(1));
                    letter.map(|letter| letter.written).unwrap_or_default()
                };
                let start = written(part.start).start;
                let end = if part.end > part.start {
                    written(part.end - 1).end
                } else {
                    start
                };
                Span {
                    start,
                    end: end.max(start),
                }
            }
        }
    }
}

/// The JSON of a tree, each token on the line where it stands in the file.
pub(super) fn json_of(node: &Node, lines: &LineIndex<'_>) -> (String, Origin) {
    let mut writer = Writer {
        lines,
        json: String::new(),
        line: 1,
        tokens: Vec::new(),
    };
    writer.value(node);
    (writer.json, Origin::Tokens(writer.tokens))
}

struct Writer<'w> {
    lines: &'w LineIndex<'w>,
    json: String,
    line: u32,
    tokens: Vec<(Span, Span)>,
}

impl Writer<'_> {
    fn go_to(&mut self, offset: usize) {
        let (line, _) = self.lines.line_column(offset);
        while self.line < line {
            self.json.push('\n');
            self.line += 1;
        }
    }

    fn token(&mut self, start: usize, outer: Span) {
        let inner = Span {
            start,
            end: self.json.len(),
        };
        self.tokens.push((inner, outer));
    }

    fn value(&mut self, node: &Node) {
        self.go_to(node.span.start);
        let start = self.json.len();
        match &node.value {
            NodeValue::Null => self.json.push_str("null"),
            NodeValue::Bool(value) => self.json.push_str(if *value { "true" } else { "false" }),
            NodeValue::Number(number) => self.json.push_str(&number.to_string()),
            NodeValue::String(text) => self.json.push_str(&Value::from(&**text).to_string()),
            NodeValue::Array(nodes) => {
                self.json.push('[');
                for (index, node) in nodes.iter().enumerate() {
                    self.comma(index);
                    self.value(node);
                }
                self.json.push(']');
            }
            NodeValue::Object(members) => {
                self.json.push('{');
                for (index, member) in members.iter().enumerate() {
                    self.comma(index);
                    self.go_to(member.key_span.start);
                    let start = self.json.len();
                    self.json.push_str(&Value::from(&*member.key).to_string());
                    self.token(start, member.key_span);
                    self.json.push_str(": ");
                    self.value(&member.value);
                }
                self.json.push('}');
            }
        }
        self.token(start, node.span);
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.json.push_str(", ");
        }
    }
}

/// The characters of a string and where each is written in the file, and how: of a JSON string, and of every way YAML has to write one.
/// Without a way of writing only the string's place is known.
pub(super) fn letters(text: &str, node: &Node) -> (Vec<(char, Span)>, Option<Quoting>) {
    let Some(value) = node.as_str() else {
        return (Vec::new(), None);
    };
    let raw = text.get(node.span.start..node.span.end).unwrap_or_default();
    let (found, end, quoting) = match raw.chars().next() {
        Some('"') => (double_quoted(raw), raw.len() - 1, Quoting::Double),
        Some('\'') => (single_quoted(raw), raw.len() - 1, Quoting::Single),
        Some('|') => {
            let (found, indent) = literal(raw, value);
            (found, raw.len(), Quoting::Literal(indent))
        }
        _ => {
            let found = raw.char_indices().map(|(at, c)| (c, at)).collect();
            (found, raw.len(), Quoting::Plain)
        }
    };
    let is_value = found.iter().map(|(c, _)| *c).eq(value.chars());
    if !is_value {
        // Folded over lines, or escaped in a way of its own: at least the value's place is known.
        let at = Span {
            start: node.span.start,
            end: node.span.start + 1,
        };
        return (value.chars().map(|c| (c, at)).collect(), None);
    }
    let ends = found.iter().skip(1).map(|(_, at)| *at).chain([end]);
    let letters = found.iter().zip(ends).map(|((c, at), end)| {
        let written = Span {
            start: node.span.start + at,
            end: node.span.start + end,
        };
        (*c, written)
    });
    (letters.collect(), Some(quoting))
}

fn double_quoted(raw: &str) -> Vec<(char, usize)> {
    let mut found = Vec::new();
    let mut rest = raw.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        match c {
            '"' => break,
            '\\' => {
                let Some((_, escape)) = rest.next() else { break };
                let plain = match escape {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'u' => {
                        let digits: String = rest.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let code = u32::from_str_radix(&digits, 16).unwrap_or(0xfffd);
                        // Half of a pair: the value does not agree, and only its place is told.
                        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                    }
                    other => other,
                };
                found.push((plain, at));
            }
            other => found.push((other, at)),
        }
    }
    found
}

fn single_quoted(raw: &str) -> Vec<(char, usize)> {
    let mut found = Vec::new();
    let mut rest = raw.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        if c == '\'' && rest.next_if(|(_, next)| *next == '\'').is_none() {
            break;
        }
        found.push((c, at));
    }
    found
}

/// Each line of the value is the end of a line of the file. Also by how much the lines are indented.
fn literal(raw: &str, value: &str) -> (Vec<(char, usize)>, usize) {
    let mut found = Vec::new();
    let mut indent_of_all = 0;
    let mut at = 0;
    let mut written = raw.split_inclusive('\n');
    at += written.next().map_or(0, str::len);
    for line in value.split_inclusive('\n') {
        let (content, has_break) = match line.strip_suffix('\n') {
            Some(content) => (content, true),
            None => (line, false),
        };
        let source = written.next().unwrap_or_default();
        let trimmed = source.trim_end_matches(['\n', '\r']);
        let indent = trimmed.len().saturating_sub(content.len());
        if !content.is_empty() {
            indent_of_all = indent;
        }
        let start = at + indent;
        found.extend(content.char_indices().map(|(offset, c)| (c, start + offset)));
        if has_break {
            found.push(('\n', at + trimmed.len()));
        }
        at += source.len();
    }
    (found, indent_of_all)
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn the_json_of_a_tree_has_its_lines_and_leads_back() {
        let text = "StartAt: A\n\nStates:\n  A:\n    Type: Pass # why\n    Next: \"B\"\n";
        let node = yaml::parse(text).unwrap();
        let (json, origin) = json_of(&node, &LineIndex::new(text));
        assert_eq!(
            serde_json::from_str::<Value>(&json).unwrap(),
            yaml::to_value(&node)
        );
        let at = json.find("\"B\"").unwrap();
        let line = json[..at].matches('\n').count() + 1;
        assert_eq!(line, 6);
        let outer = origin.locate(Span {
            start: at,
            end: at + 3,
        });
        assert_eq!(&text[outer.start..outer.end], "\"B\"");
        let within = origin.locate(Span {
            start: at + 1,
            end: at + 2,
        });
        assert_eq!(within, outer);
    }

    #[test]
    fn letters_of_every_kind_of_string_are_where_they_stand() {
        for (text, value) in [
            ("a: |\n    {\n      \"x\": 1\n    }\nb: 1\n", "{\n  \"x\": 1\n}\n"),
            ("a: \"t\\\"é\\n\\u0041\"\n", "t\"é\nA"),
            ("a: 'it''s'\n", "it's"),
            ("a: plain text # no\n", "plain text"),
            ("a: >\n  folded\n  text\n", "folded text\n"),
        ] {
            let root = yaml::parse(text).unwrap();
            let node = root.get("a").unwrap();
            assert_eq!(node.as_str(), Some(value));
            let (found, _) = letters(text, node);
            assert_eq!(found.iter().map(|(c, _)| *c).collect::<String>(), value);
            for (c, written) in found {
                let at = written.start;
                let there = text[at..].chars().next().unwrap();
                let escaped = there == '\\' || there == '>' || there == '\'';
                assert!(there == c || escaped, "{text:?}: {c:?} at {at}");
            }
        }
    }
}
