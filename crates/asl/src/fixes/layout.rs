//! How a JSON text is laid out, so that what is written into it looks like the rest.

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::json::spanned::{Node, NodeValue, Span};

/// The habits of a text.
#[derive(Debug)]
pub(super) struct Layout {
    newline: &'static str,
    /// One level of indentation.
    unit: String,
    /// Between a key and its value, with the colon.
    colon: &'static str,
    /// Whether the text has more than one line.
    lines: bool,
}

/// Where the children of a container stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Children<'t> {
    /// There are none.
    None,
    /// Each on a line of its own, behind this much white space.
    Lines(&'t str),
    /// On the line of the container, this much after a comma; unknown where there is none.
    Inline(Option<&'t str>),
}

impl Layout {
    pub(super) fn of(text: &str, root: &Node) -> Self {
        let unit = match children(text, root) {
            Children::Lines(indent) => {
                let base = indent_of(text, root.span.start);
                indent.strip_prefix(base).filter(|unit| !unit.is_empty())
            }
            Children::None | Children::Inline(_) => None,
        };
        Self {
            newline: if text.contains("\r\n") { "\r\n" } else { "\n" },
            unit: unit.unwrap_or("  ").to_owned(),
            colon: colon(text, root),
            lines: text.trim_end().contains('\n'),
        }
    }

    /// The text of a container that was empty and now has this child.
    pub(super) fn first_child(&self, text: &str, container: &Node, child: &str) -> String {
        let (open, close) = match container.value {
            NodeValue::Array(_) => ('[', ']'),
            _ => ('{', '}'),
        };
        if !self.lines {
            return format!("{open}{child}{close}");
        }
        let base = indent_of(text, container.span.start);
        format!(
            "{open}{newline}{base}{unit}{child}{newline}{base}{close}",
            newline = self.newline,
            unit = self.unit
        )
    }

    /// What stands between one child and the next.
    pub(super) fn separator(&self, children: Children<'_>) -> String {
        match children {
            Children::None => String::new(),
            Children::Lines(indent) => format!(",{}{indent}", self.newline),
            Children::Inline(Some(blank)) => format!(",{blank}"),
            Children::Inline(None) => self.comma().to_owned(),
        }
    }

    /// A value as it is written for a child of `container`.
    pub(super) fn value(&self, text: &str, container: &Node, value: &Value) -> String {
        let indent = match children(text, container) {
            Children::Lines(indent) => indent.to_owned(),
            Children::None if self.lines => format!("{}{}", indent_of(text, container.span.start), self.unit),
            Children::None | Children::Inline(_) => return self.inline(value),
        };
        self.pretty(value, &indent)
    }

    /// A value in the place of another one.
    pub(super) fn replacement(&self, text: &str, old: &Node, value: &Value) -> String {
        if self.lines && has_children(old) && !matches!(children(text, old), Children::Inline(_)) {
            self.pretty(value, indent_of(text, old.span.start))
        } else {
            self.inline(value)
        }
    }

    /// A key with its colon.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}{}", quoted(key), self.colon)
    }

    fn pretty(&self, value: &Value, indent: &str) -> String {
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(self.unit.as_bytes());
        // Writing a `Value` into memory can't fail; its compact text stands in all the same.
        if value
            .serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
            .is_err()
        {
            return value.to_string();
        }
        String::from_utf8_lossy(&bytes).replace('\n', &format!("{}{indent}", self.newline))
    }

    fn comma(&self) -> &'static str {
        if self.colon.ends_with(' ') { ", " } else { "," }
    }

    fn inline(&self, value: &Value) -> String {
        let comma = self.comma();
        match value {
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| self.inline(item)).collect();
                format!("[{}]", items.join(comma))
            }
            Value::Object(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| format!("{}{}", self.key(key), self.inline(value)))
                    .collect();
                format!("{{{}}}", members.join(comma))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        }
    }
}

/// A string in JSON.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// From its first byte to its last: of a member the key, too.
pub(super) fn child_spans(container: &Node) -> Vec<Span> {
    match &container.value {
        NodeValue::Object(members) => members
            .iter()
            .map(|member| Span {
                start: member.key_span.start,
                end: member.value.span.end,
            })
            .collect(),
        NodeValue::Array(nodes) => nodes.iter().map(|node| node.span).collect(),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => Vec::new(),
    }
}

fn has_children(node: &Node) -> bool {
    !child_spans(node).is_empty()
}

/// Where the children of `container` stand.
pub(super) fn children<'t>(text: &'t str, container: &Node) -> Children<'t> {
    let spans = child_spans(container);
    let Some(first) = spans.first() else {
        return Children::None;
    };
    let before = text
        .get(container.span.start + 1..first.start)
        .unwrap_or_default();
    if let Some((_, indent)) = before.rsplit_once('\n') {
        return Children::Lines(indent);
    }
    let between = spans
        .get(1)
        .and_then(|second| text.get(first.end..second.start))
        .and_then(|between| between.split_once(','))
        .map(|(_, blank)| blank)
        .filter(|blank| !blank.contains('\n'));
    Children::Inline(between)
}

/// The white space that the line with this byte begins with.
fn indent_of(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let length = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(..length).unwrap_or_default()
}

/// How the first member of the root writes its colon.
fn colon(text: &str, root: &Node) -> &'static str {
    let written = root
        .as_object()
        .and_then(<[_]>::first)
        .and_then(|member| text.get(member.key_span.end..member.value.span.start));
    match written {
        Some(":") => ":",
        Some(" : ") => " : ",
        _ => ": ",
    }
}
