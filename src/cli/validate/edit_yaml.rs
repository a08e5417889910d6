//! A JSON Patch applied to a YAML text, for the ways of writing YAML that definitions use: block and flow collections, scalars of
//! every kind. Gives `None` for anything else (what an anchor names, a key that is no plain word); who calls compares what comes out.

use asl::PatchOperation;
use asl::json::spanned::{Node, NodeValue, Span};
use serde_json::{Map, Value};

use super::yaml;

/// Applies a patch.
pub(super) fn edit(text: &str, patch: &[PatchOperation]) -> Option<String> {
    let mut text = text.to_owned();
    for operation in patch {
        let root = yaml::parse(&text).ok()?;
        text = Editor {
            text: &text,
            root: &root,
        }
        .apply(operation)?;
    }
    Some(text)
}

struct Editor<'e> {
    text: &'e str,
    root: &'e Node,
}

impl<'e> Editor<'e> {
    fn apply(&self, operation: &PatchOperation) -> Option<String> {
        match operation {
            PatchOperation::Replace { path, value } => {
                let node = self.find(path)?;
                let is_collection = matches!(node.value, NodeValue::Object(_) | NodeValue::Array(_));
                if self.is_flow(node) {
                    return Some(self.splice(node.span, &in_flow(value)));
                }
                if !is_collection {
                    let written = self.text.get(node.span.start..node.span.end)?;
                    // What is written in lines ends with one.
                    let line_break = if written.ends_with('\n') { "\n" } else { "" };
                    let in_flow_around = split(path).and_then(|(parent, _)| self.find(&parent));
                    let with = match in_flow_around {
                        Some(parent) if self.is_flow(parent) => in_flow(value),
                        _ => flow(value),
                    };
                    return Some(self.splice(node.span, &format!("{with}{line_break}")));
                }
                let (parent, key) = split(path)?;
                let child = self.child(path)?;
                let with = match self.find(&parent)?.value {
                    NodeValue::Array(_) => element(value, child.column),
                    _ => block(&scalar(&key), value, child.column),
                };
                // Its first line begins behind what stands before it.
                let with = with.get(child.column..)?;
                Some(self.splice(child.span, with))
            }
            PatchOperation::Move { from, path } => self.move_to(from, path),
            PatchOperation::Add { path, value } => self.add(path, value),
            PatchOperation::Remove { path } => {
                let (parent_pointer, key) = split(path)?;
                let parent = self.find(&parent_pointer)?;
                match &parent.value {
                    NodeValue::Object(members) if members.len() > 1 => self.remove(parent, path, &key),
                    NodeValue::Array(nodes) if nodes.len() > 1 => self.remove(parent, path, &key),
                    // The last child of a block would leave null behind.
                    NodeValue::Object(_) => self.replace(&parent_pointer, Value::Object(Map::new())),
                    _ => self.replace(&parent_pointer, Value::Array(Vec::new())),
                }
            }
        }
    }

    fn replace(&self, path: &str, value: Value) -> Option<String> {
        self.apply(&PatchOperation::Replace {
            path: path.to_owned(),
            value,
        })
    }

    /// Takes one of several children away.
    fn remove(&self, parent: &Node, path: &str, key: &str) -> Option<String> {
        if !self.is_flow(parent) {
            let child = self.child(path)?;
            if child.begins_line {
                let start = self.line_start(child.span.start);
                return Some(self.splice(Span { start, ..child.span }, ""));
            }
        }
        let spans = child_spans(parent);
        let at = match &parent.value {
            NodeValue::Object(members) => members.iter().position(|member| *member.key == *key)?,
            _ => key.parse().ok()?,
        };
        let gone = match (
            spans.get(at + 1),
            at.checked_sub(1).and_then(|before| spans.get(before)),
        ) {
            // The next takes its place, also behind a dash.
            (Some(next), _) => Span {
                start: spans.get(at)?.start,
                end: next.start,
            },
            (None, Some(before)) => Span {
                start: before.end,
                end: spans.get(at)?.end,
            },
            (None, None) => return None,
        };
        Some(self.splice(gone, ""))
    }

    fn move_to(&self, from: &str, path: &str) -> Option<String> {
        let (parent, from_key) = split(from)?;
        let (other, key) = split(path)?;
        if parent != other {
            return None;
        }
        let holder = self.find(&parent)?;
        if let Some(member) = holder.member(&from_key) {
            return Some(self.splice(member.key_span, &scalar(&key)));
        }
        let nodes = holder.as_array()?;
        // Only to the end: there the last element says where that is.
        let last = nodes.last()?;
        if key.parse() != Ok(nodes.len().checked_sub(1)?) {
            return None;
        }
        if self.is_flow(holder) {
            let moved = nodes.get(from_key.parse::<usize>().ok()?)?;
            let raw = self.text.get(moved.span.start..moved.span.end)?;
            let at = Span {
                start: last.span.end,
                end: last.span.end,
            };
            // Behind the others first: what stands before it keeps its place.
            let with = self.splice(at, &format!(", {raw}"));
            let root = yaml::parse(&with).ok()?;
            return Editor {
                text: &with,
                root: &root,
            }
            .apply(&PatchOperation::Remove {
                path: from.to_owned(),
            });
        }
        let line_of = |child: Child| Span {
            start: self.line_start(child.span.start),
            ..child.span
        };
        let gone = line_of(self.child(from).filter(|child| child.begins_line)?);
        let last = line_of(self.child(path)?);
        let moved = self.text.get(gone.start..gone.end)?;
        let before = self.text.get(..gone.start)?;
        let between = self.text.get(gone.end..last.end)?;
        let after = self.text.get(last.end..)?;
        let line_break = if between.ends_with('\n') { "" } else { "\n" };
        Some(format!("{before}{between}{line_break}{moved}{after}"))
    }

    fn add(&self, path: &str, value: &Value) -> Option<String> {
        let (parent_pointer, key) = split(path)?;
        let parent = self.find(&parent_pointer)?;
        if self.is_flow(parent) {
            return self.add_to_flow(parent, &key, value);
        }
        match &parent.value {
            NodeValue::Object(members) => {
                let first = members.first()?;
                if parent.member(&key).is_some() {
                    return None;
                }
                let column = self.column(first.key_span.start);
                let last = members.last()?;
                let at = self.last_line_end(&last.value, last.key_span.end);
                let lines = block(&scalar(&key), value, column);
                Some(self.insert_lines(at, &lines))
            }
            NodeValue::Array(nodes) => {
                let index = if key == "-" {
                    nodes.len()
                } else {
                    key.parse().ok()?
                };
                let column = self.dash(nodes.first()?)?;
                let lines = element(value, column);
                let at = match (nodes.get(index), nodes.last()?) {
                    (Some(next), _) => self.line_start(next.span.start),
                    (None, last) => self.last_line_end(last, last.span.start),
                };
                Some(self.insert_lines(at, &lines))
            }
            NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => None,
        }
    }

    fn add_to_flow(&self, parent: &Node, key: &str, value: &Value) -> Option<String> {
        let (child, last) = match &parent.value {
            NodeValue::Object(members) => {
                let child = format!("{}: {}", scalar(key), flow(value));
                (child, members.last().map(|member| member.value.span.end))
            }
            NodeValue::Array(nodes) if key == "-" || key.parse() == Ok(nodes.len()) => {
                (flow(value), nodes.last().map(|node| node.span.end))
            }
            _ => return None,
        };
        let (at, child) = match last {
            Some(end) => (end, format!(", {child}")),
            None => (parent.span.start + 1, child),
        };
        Some(self.splice(Span { start: at, end: at }, &child))
    }

    /// A member or an element of a block, from its key or dash to the end of its last line.
    fn child(&self, path: &str) -> Option<Child> {
        let (parent_pointer, key) = split(path)?;
        let parent = self.find(&parent_pointer)?;
        if self.is_flow(parent) {
            return None;
        }
        let (start, node) = match &parent.value {
            NodeValue::Object(_) => {
                let member = parent.member(&key)?;
                (member.key_span.start, &member.value)
            }
            NodeValue::Array(nodes) => {
                let node = nodes.get(key.parse::<usize>().ok()?)?;
                let line = self.line_start(node.span.start);
                (line + self.dash(node)?, node)
            }
            NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => {
                return None;
            }
        };
        let line = self.line_start(start);
        let before = self.text.get(line..start)?;
        // Before the first member of an element there is its dash.
        let is_indent = before.chars().all(|c| matches!(c, ' ' | '-'));
        is_indent.then(|| Child {
            span: Span {
                start,
                end: self.last_line_end(node, start),
            },
            column: start - line,
            begins_line: before.trim().is_empty(),
        })
    }

    /// The end of the last line of what begins at a byte. A block's span may end only where the next line's text begins.
    fn last_line_end(&self, node: &Node, start: usize) -> usize {
        let end = node.span.end.max(start);
        let line = self.line_start(end);
        let is_past = line > start
            && self
                .text
                .get(line..end)
                .is_some_and(|before| before.trim().is_empty());
        if is_past { line } else { self.line_end(end) }
    }

    /// Column of the dash of an element whose first line has it.
    fn dash(&self, element: &Node) -> Option<usize> {
        let line = self.line_start(element.span.start);
        let before = self.text.get(line..element.span.start)?;
        let column = before.find('-')?;
        let only_dash =
            before.get(..column)?.trim().is_empty() && before.get(column + 1..)?.trim().is_empty();
        only_dash.then_some(column)
    }

    fn find(&self, pointer: &str) -> Option<&'e Node> {
        let mut node = self.root;
        for token in pointer.split('/').skip(1) {
            let key = unescaped(token);
            node = match &node.value {
                NodeValue::Object(_) => node.get(&key)?,
                NodeValue::Array(nodes) => nodes.get(key.parse::<usize>().ok()?)?,
                NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => {
                    return None;
                }
            };
        }
        Some(node)
    }

    fn is_flow(&self, node: &Node) -> bool {
        let is_container = matches!(node.value, NodeValue::Object(_) | NodeValue::Array(_));
        let written = self.text.get(node.span.start..).unwrap_or_default();
        is_container && written.starts_with(['{', '['])
    }

    fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    fn line_start(&self, at: usize) -> usize {
        self.text
            .get(..at)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |newline| newline + 1)
    }

    /// After the line break of the line with this byte.
    fn line_end(&self, at: usize) -> usize {
        self.text
            .get(at..)
            .and_then(|after| after.find('\n'))
            .map_or(self.text.len(), |newline| at + newline + 1)
    }

    fn splice(&self, span: Span, with: &str) -> String {
        let before = self.text.get(..span.start).unwrap_or_default();
        let after = self.text.get(span.end..).unwrap_or_default();
        format!("{before}{with}{after}")
    }

    fn insert_lines(&self, at: usize, lines: &str) -> String {
        let before = self.text.get(..at).unwrap_or_default();
        let line_break = if before.is_empty() || before.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        self.splice(Span { start: at, end: at }, &format!("{line_break}{lines}"))
    }
}

/// A child of a block.
struct Child {
    span: Span,
    column: usize,
    /// Whether only blanks stand before it.
    begins_line: bool,
}

/// The children of a container, each with its key.
fn child_spans(parent: &Node) -> Vec<Span> {
    match &parent.value {
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

fn split(pointer: &str) -> Option<(String, String)> {
    let (parent, last) = pointer.rsplit_once('/')?;
    Some((parent.to_owned(), unescaped(last)))
}

fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// A value on one line: JSON, which YAML reads.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(in_flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(_) => in_flow(value),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Within a flow collection commas and brackets end plain scalars: strings are quoted unless they are words.
fn in_flow(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key), in_flow(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        other => flow(other),
    }
}

/// A string as plain as it can be and still be read as this string.
fn scalar(text: &str) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'));
    let reads_back = || yaml::parse(text).is_ok_and(|node| node.as_str() == Some(text));
    if is_word && reads_back() {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

/// `key: value` in lines at a column.
fn block(key: &str, value: &Value, column: usize) -> String {
    let indent = " ".repeat(column);
    match value {
        Value::Object(members) if !members.is_empty() => {
            let lines: String = members
                .iter()
                .map(|(key, value)| block(&scalar(key), value, column + 2))
                .collect();
            format!("{indent}{key}:\n{lines}")
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            let lines: String = items.iter().map(|item| element(item, column + 2)).collect();
            format!("{indent}{key}:\n{lines}")
        }
        other => format!("{indent}{key}: {}\n", flow(other)),
    }
}

/// `- value` in lines, the dash at a column.
fn element(value: &Value, column: usize) -> String {
    let indent = " ".repeat(column);
    match value {
        Value::Object(members) if !members.is_empty() => {
            let lines: String = members
                .iter()
                .map(|(key, value)| block(&scalar(key), value, column + 2))
                .collect();
            // The dash takes the place of the first line's indentation.
            let rest = lines.get(column + 2..).unwrap_or_default();
            format!("{indent}- {rest}")
        }
        other => format!("{indent}- {}\n", flow(other)),
    }
}
