//! YAML as the spanned tree that the checks know from JSON: every key and value remembers where in the text it stands.
//!
//! Scalars follow YAML 1.2's core schema. CloudFormation's short tags become what they are short for (`!Sub x` is `{"Fn::Sub": x}`),
//! anchors and merge keys are resolved. One document, scalar keys.

use std::collections::HashMap;
use std::sync::Arc;

use asl::json::spanned::{Member, Node, NodeValue, Span};
use asl::limits::DEFINITION_DEPTH_MAX;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};
use serde_json::Number;

/// Values in a document once every alias stands for what it names: far above any template, and an end to documents made to explode.
const VALUES_MAX: usize = 1_000_000;

/// Why a text is no YAML, or none that can be a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct YamlError {
    /// What is wrong.
    pub(super) message: String,
    /// Where, in bytes.
    pub(super) offset: usize,
}

/// Reads one YAML document.
pub(super) fn parse(text: &str) -> Result<Node, YamlError> {
    let mut reader = Reader {
        offsets: Offsets::of(text),
        text,
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        values: 0,
    };
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                reader.read(event, span.start, span.end)?;
            }
            Err(error) => {
                return Err(YamlError {
                    message: format!("This is not YAML: {}", error.info()),
                    offset: reader.offsets.byte(error.marker().index()).min(text.len()),
                });
            }
        }
    }
    reader.root.ok_or_else(|| YamlError {
        message: "There is nothing in this document".to_owned(),
        offset: 0,
    })
}

/// Characters, as the parser counts, to bytes.
struct Offsets(Option<Vec<usize>>);

impl Offsets {
    fn of(text: &str) -> Self {
        let starts = || {
            let ends = std::iter::once(text.len());
            text.char_indices().map(|(at, _)| at).chain(ends).collect()
        };
        Self((!text.is_ascii()).then(starts))
    }

    fn byte(&self, character: usize) -> usize {
        match &self.0 {
            None => character,
            Some(starts) => starts
                .get(character)
                .or(starts.last())
                .copied()
                .unwrap_or_default(),
        }
    }
}

/// A container that has not ended yet.
struct Open {
    start: usize,
    anchor: usize,
    tag: Option<String>,
    children: Children,
}

enum Children {
    Elements(Vec<Node>),
    Members {
        members: Vec<Member>,
        key: Option<(Arc<str>, Span)>,
    },
}

struct Reader<'t> {
    text: &'t str,
    offsets: Offsets,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    values: usize,
}

impl Reader<'_> {
    fn read(&mut self, event: Event<'_>, start: Marker, end: Marker) -> Result<(), YamlError> {
        let span = Span {
            start: self.offsets.byte(start.index()).min(self.text.len()),
            end: self.offsets.byte(end.index()).min(self.text.len()),
        };
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(YamlError {
                message: "There is a second document; one file holds one".to_owned(),
                offset: span.start,
            }),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(YamlError {
                        message: "An alias stands within what it names".to_owned(),
                        offset: span.start,
                    });
                };
                let (values, depth) = measure(&node);
                self.count(values, depth, span.start)?;
                self.put(node, span.start)
            }
            Event::Scalar(value, style, anchor, tag) => {
                self.count(1, 0, span.start)?;
                self.scalar(&value, style, anchor, tag.as_deref(), span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.count(1, 1, span.start)?;
                self.open(span.start, anchor, tag.as_deref(), Children::Elements(Vec::new()));
                Ok(())
            }
            Event::MappingStart(anchor, tag) => {
                self.count(1, 1, span.start)?;
                let members = Children::Members {
                    members: Vec::new(),
                    key: None,
                };
                self.open(span.start, anchor, tag.as_deref(), members);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
        }
    }

    /// Bounds what aliases and nesting can make of a small text.
    fn count(&mut self, values: usize, depth: usize, offset: usize) -> Result<(), YamlError> {
        self.values = self.values.saturating_add(values);
        if self.values > VALUES_MAX || self.open.len() + depth > DEFINITION_DEPTH_MAX {
            return Err(YamlError {
                message: format!(
                    "There are more than {VALUES_MAX} values here, or more than {DEFINITION_DEPTH_MAX} within one another"
                ),
                offset,
            });
        }
        Ok(())
    }

    fn open(&mut self, start: usize, anchor: usize, tag: Option<&Tag>, children: Children) {
        let has_properties = anchor > 0 || tag.is_some();
        self.open.push(Open {
            start: if has_properties {
                after_properties(self.text, start)
            } else {
                start
            },
            anchor,
            tag: tag.and_then(short_for),
            children,
        });
    }

    fn close(&mut self, at: Span) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let is_flow = self
            .text
            .get(open.start..)
            .is_some_and(|rest| rest.starts_with(['{', '[']));
        let (value, last) = match open.children {
            Children::Elements(nodes) => {
                let last = nodes.last().map(|node| node.span.end);
                (NodeValue::Array(nodes), last)
            }
            Children::Members { members, .. } => {
                let last = members.last().map(|member| member.value.span.end);
                (NodeValue::Object(merged(members)), last)
            }
        };
        let end = if is_flow {
            at.end
        } else {
            last.unwrap_or(open.start)
        };
        let span = Span {
            start: open.start,
            end: end.max(open.start),
        };
        self.finish(Node { span, value }, open.anchor, open.tag)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), YamlError> {
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        let value = if style == ScalarStyle::Plain && !is_text {
            plain(text)
        } else {
            NodeValue::String(text.into())
        };
        let written = self.text.get(span.start..span.end).unwrap_or_default();
        let end = span.start + written.trim_end().len();
        let start = match style {
            // With a tag or an anchor the parser begins there.
            _ if anchor > 0 || tag.is_some() => after_properties(self.text, span.start),
            ScalarStyle::Literal => header(self.text, span.start, '|'),
            ScalarStyle::Folded => header(self.text, span.start, '>'),
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => span.start,
        };
        let node = Node {
            span: Span { start, end },
            value,
        };
        // A key that looks like a number or like true is a text all the same.
        if let Some(Open {
            children: Children::Members { key, .. },
            ..
        }) = self.open.last_mut()
            && key.is_none()
        {
            *key = Some((text.into(), node.span));
            return Ok(());
        }
        self.finish(node, anchor, tag.and_then(short_for))
    }

    fn finish(&mut self, node: Node, anchor: usize, tag: Option<String>) -> Result<(), YamlError> {
        let node = match tag {
            Some(function) => Node {
                span: node.span,
                value: NodeValue::Object(vec![Member {
                    key: function.into(),
                    key_span: node.span,
                    value: node,
                }]),
            },
            None => node,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let start = node.span.start;
        self.put(node, start)
    }

    fn put(&mut self, node: Node, at: usize) -> Result<(), YamlError> {
        match self.open.last_mut().map(|open| &mut open.children) {
            None => self.root = Some(node),
            Some(Children::Elements(nodes)) => nodes.push(node),
            Some(Children::Members { members, key }) => {
                let Some((key, key_span)) = key.take() else {
                    return Err(YamlError {
                        message: "A key must be a scalar".to_owned(),
                        offset: at,
                    });
                };
                members.push(Member {
                    key,
                    key_span,
                    value: node,
                });
            }
        }
        Ok(())
    }
}

/// Where a value begins whose tag and anchor are written before it.
fn after_properties(text: &str, start: usize) -> usize {
    let mut rest = text.get(start..).unwrap_or_default();
    while rest.starts_with(['!', '&']) {
        let property = rest.find(char::is_whitespace).unwrap_or(rest.len());
        rest = rest.get(property..).unwrap_or_default().trim_start();
    }
    text.len() - rest.len()
}

/// Where a block scalar begins: at its indicator, before its first line, which is where the parser says.
fn header(text: &str, first_line: usize, indicator: char) -> usize {
    let before = text.get(..first_line).unwrap_or_default();
    let Some(at) = before.rfind(indicator) else {
        return first_line;
    };
    let between = before.get(at + 1..).unwrap_or_default();
    let (header, blank) = between.split_once('\n').unwrap_or((between, ""));
    let modifiers = header.split('#').next().unwrap_or_default().trim();
    let is_header = modifiers
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-".contains(&byte));
    if is_header && blank.trim().is_empty() {
        at
    } else {
        first_line
    }
}

/// Values in a tree, and how deep it is.
fn measure(node: &Node) -> (usize, usize) {
    let mut children: Box<dyn Iterator<Item = &Node>> = match &node.value {
        NodeValue::Array(nodes) => Box::new(nodes.iter()),
        NodeValue::Object(members) => Box::new(members.iter().map(|member| &member.value)),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => {
            return (1, 0);
        }
    };
    children.by_ref().fold((1, 1), |(values, depth), child| {
        let (inner, below) = measure(child);
        (values + inner, depth.max(below + 1))
    })
}

/// `<<`: the members of what it names, except those that are written out.
fn merged(members: Vec<Member>) -> Vec<Member> {
    if members.iter().all(|member| &*member.key != "<<") {
        return members;
    }
    let written: Vec<Arc<str>> = members.iter().map(|member| Arc::clone(&member.key)).collect();
    let mut merged: Vec<Member> = Vec::new();
    for member in members {
        if &*member.key != "<<" {
            merged.push(member);
            continue;
        }
        let sources = match member.value.value {
            NodeValue::Array(nodes) => nodes,
            _ => vec![member.value],
        };
        for source in sources {
            if let NodeValue::Object(inherited) = source.value {
                for inherited in inherited {
                    let known = written.contains(&inherited.key)
                        || merged.iter().any(|other| other.key == inherited.key);
                    if !known {
                        merged.push(inherited);
                    }
                }
            }
        }
    }
    merged
}

/// What a CloudFormation tag is short for; nothing for tags of YAML itself.
fn short_for(tag: &Tag) -> Option<String> {
    if tag.handle != "!" || tag.suffix.is_empty() {
        return None;
    }
    Some(match tag.suffix.as_str() {
        plain @ ("Ref" | "Condition") => plain.to_owned(),
        function => format!("Fn::{function}"),
    })
}

/// A plain scalar by the core schema (YAML 1.2.2, section 10.3.2).
fn plain(text: &str) -> NodeValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return NodeValue::Null,
        "true" | "True" | "TRUE" => return NodeValue::Bool(true),
        "false" | "False" | "FALSE" => return NodeValue::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| NodeValue::String(text.into()), NodeValue::Number)
}

fn number(text: &str) -> Option<Number> {
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts_as_number = digits.starts_with(|c: char| c.is_ascii_digit())
        || digits
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let only_number = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if !starts_as_number || !only_number {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

/// The value without its spans.
pub(super) fn to_value(node: &Node) -> serde_json::Value {
    match &node.value {
        NodeValue::Null => serde_json::Value::Null,
        NodeValue::Bool(value) => (*value).into(),
        NodeValue::Number(number) => number.clone().into(),
        NodeValue::String(text) => text.as_ref().into(),
        NodeValue::Array(nodes) => nodes.iter().map(to_value).collect(),
        NodeValue::Object(members) => serde_json::Value::Object(
            members
                .iter()
                .map(|member| (member.key.to_string(), to_value(&member.value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use serde_json::{Value, json};

    use super::*;

    fn value(text: &str) -> Value {
        to_value(&parse(text).unwrap())
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        assert_eq!(
            value(
                "a: 1\nb: 1.5\nc: true\nd: ~\ne:\nf: '1'\ng: yes\nh: 0x1F\ni: 007\nj: 2024-01-01T00:00:00Z\nk: 1.2.3\nl: !!str 5\n2: x\nm: -7"
            ),
            json!({"a": 1, "b": 1.5, "c": true, "d": null, "e": null, "f": "1", "g": "yes", "h": 31, "i": 7,
                "j": "2024-01-01T00:00:00Z", "k": "1.2.3", "l": "5", "2": "x", "m": -7})
        );
    }

    #[test]
    fn spans_cover_what_is_written() {
        let text = "é: x\nb:\n  - one # comment\n  - {c: 'two'}\nd: |\n  lines\n  more\ne: last\n";
        let node = parse(text).unwrap();
        let cut = |span: Span| &text[span.start..span.end];
        assert_eq!(cut(node.member("b").unwrap().key_span), "b");
        let list = node.get("b").unwrap();
        assert_eq!(cut(list.as_array().unwrap()[0].span), "one");
        assert_eq!(cut(list.as_array().unwrap()[1].span), "{c: 'two'}");
        assert_eq!(cut(list.as_array().unwrap()[1].get("c").unwrap().span), "'two'");
        assert_eq!(cut(node.get("d").unwrap().span), "|\n  lines\n  more");
        assert_eq!(cut(node.get("e").unwrap().span), "last");
        let text = "a: !Sub |\n  x\nb: &b {c: 1}\nd: !!str word\n";
        let node = parse(text).unwrap();
        let cut = |span: Span| &text[span.start..span.end];
        assert_eq!(cut(node.get("a").unwrap().get("Fn::Sub").unwrap().span), "|\n  x");
        assert_eq!(cut(node.get("b").unwrap().span), "{c: 1}");
        assert_eq!(cut(node.get("d").unwrap().span), "word");
    }

    #[test]
    fn tags_anchors_and_merge_keys_are_resolved() {
        assert_eq!(
            value(
                "base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\nsub: !Sub '${A}-x'\nget: !GetAtt F.Arn\nref: !Ref P\njoin: !Join ['', [a, !Ref B]]"
            ),
            json!({"base": {"a": 1, "b": 2}, "use": {"a": 1, "b": 3}, "sub": {"Fn::Sub": "${A}-x"}, "get": {"Fn::GetAtt": "F.Arn"},
                "ref": {"Ref": "P"}, "join": {"Fn::Join": ["", ["a", {"Ref": "B"}]]}})
        );
    }

    #[test]
    fn what_is_no_definition_is_refused_with_its_place() {
        let offset = |text: &str| parse(text).unwrap_err().offset;
        assert_eq!(offset("a: 1\n---\nb: 2\n"), 5);
        assert!(offset("a: [1, 2\nb: 3\n") > 0);
        assert_eq!(offset(""), 0);
        assert!(parse("? [a, b]\n: c\n").is_err());
    }

    #[test]
    fn a_document_made_to_explode_is_refused() {
        let levels = (1..9).map(|level| {
            let before = format!("*a{}, ", level - 1).repeat(10);
            format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", "))
        });
        let text: Vec<String> = iter::once("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned())
            .chain(levels)
            .collect();
        let text = text.concat();
        assert!(parse(&text).unwrap_err().message.contains("more than"));
        let deep = "[".repeat(100_000);
        assert!(parse(&deep).is_err());
    }
}
