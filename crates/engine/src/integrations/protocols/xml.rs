//! XML: answers of query and REST-XML services, and bodies of the latter.

use std::fmt::Write as _;

use asl::json::value::{Json, Object};
use catalogue::{List, Map, Member, Operation, Scalar, Service, Shape, ShapeId, Structure, Trait};
use xmlparser::{ElementEnd, Token, Tokenizer};

use super::super::aws::Answer;
use super::super::errors::Refusal;
use super::scalars::{self, Moment};
use super::{Unfit, Unreadable, View, array, by_name, in_body, members, object};
use crate::limits::XML_DEPTH_MAX;

/// An element without its namespaces.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    /// The first element of this name inside.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element of this name at any depth.
    fn anywhere(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.anywhere(name))
    }
}

/// The root element of a text.
pub(super) fn read(body: &[u8]) -> Result<Element, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable("XML"))?;
    let mut open: Vec<Element> = Vec::new();
    for token in Tokenizer::from(text) {
        match token.map_err(|_| Unreadable("XML"))? {
            Token::ElementStart { local, .. } => {
                if open.len() >= XML_DEPTH_MAX {
                    return Err(Unreadable("XML of a sensible depth"));
                }
                open.push(Element {
                    name: local.to_string(),
                    ..Element::default()
                });
            }
            Token::Attribute {
                prefix, local, value, ..
            } => {
                let name = match prefix.as_str() {
                    "" => local.to_string(),
                    prefix => format!("{prefix}:{local}"),
                };
                if let Some(element) = open.last_mut() {
                    element.attributes.push((name, unescaped(&value)));
                }
            }
            Token::ElementEnd {
                end: ElementEnd::Close(..) | ElementEnd::Empty,
                ..
            } => {
                let Some(closed) = open.pop() else {
                    return Err(Unreadable("XML"));
                };
                match open.last_mut() {
                    Some(parent) => parent.children.push(closed),
                    None => return Ok(closed),
                }
            }
            Token::Text { text } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&unescaped(&text));
                }
            }
            Token::Cdata { text, .. } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            _ => {}
        }
    }
    Err(Unreadable("XML"))
}

/// Text with its entities replaced: the five of XML and numbers.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let replaced = after
            .split_once(';')
            .and_then(|(entity, after)| Some((character(entity)?, after)));
        let (character, after) = replaced.unwrap_or(('&', after));
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// What a refusal says: `Code` and `Message` wherever they stand. HEAD requests are answered without a body, which leaves the
/// status.
pub(super) fn refusal(operation: &Operation, answer: &Answer) -> Refusal {
    let Ok(root) = read(&answer.body) else {
        let code = match (operation.name, answer.status.as_u16()) {
            ("HeadObject", 404) => "NoSuchKey",
            ("HeadBucket", 404) => "NoSuchBucket",
            _ => "",
        };
        return Refusal {
            code: code.to_owned(),
            message: "null".to_owned(),
            request_id: None,
        };
    };
    let text = |name: &str| root.anywhere(name).map(|element| element.text.clone());
    Refusal {
        code: text("Code").unwrap_or_default(),
        message: text("Message")
            .or_else(|| text("message"))
            .unwrap_or_else(|| "null".to_owned()),
        request_id: text("RequestId").or_else(|| text("RequestID")),
    }
}

/// A structure of an answer as the SDK shows it.
pub(super) fn shown_structure(view: View<'_>, structure: &Structure, element: &Element) -> Object {
    let shown = in_body(structure)
        .filter_map(|member| Some((view.name(member), shown_member(view, member, element)?)));
    by_name(shown.collect())
}

fn shown_member(view: View<'_>, member: &Member, element: &Element) -> Option<Json> {
    if member.is(Trait::XmlAttribute) {
        let (_, value) = element.attributes.iter().find(|(name, _)| name == member.wire)?;
        return Some(Json::from(value.as_str()));
    }
    let flattened = member.is(Trait::Flattened);
    match view.service.shape(member.shape) {
        Shape::List(list) if flattened || list.flattened => {
            let name = if list.name.is_empty() {
                member.wire
            } else {
                list.name
            };
            let elements: Vec<Json> = element
                .all(name)
                .map(|element| shown(view, list.element, element))
                .collect();
            (!elements.is_empty()).then(|| Json::array(elements))
        }
        Shape::Map(map) if flattened || map.flattened => {
            let entries = shown_entries(view, map, element.all(member.wire));
            (!entries.is_empty()).then(|| entries.into())
        }
        _ => match element.child(member.wire) {
            Some(child) => Some(shown(view, member.shape, child)),
            // S3's GetBucketLocation answers with the member itself.
            None if element.name == member.wire && element.children.is_empty() => {
                Some(Json::from(element.text.as_str()))
            }
            None => None,
        },
    }
}

/// A value of an answer as the SDK shows it.
pub(super) fn shown(view: View<'_>, shape: ShapeId, element: &Element) -> Json {
    match view.service.shape(shape) {
        Shape::Scalar(scalar) => scalars::from_text_of(*scalar, &element.text),
        Shape::Structure(structure) => shown_structure(view, structure, element).into(),
        Shape::List(list) => shown_list(view, list, element),
        Shape::Map(map) => shown_entries(view, map, element.all("entry")).into(),
    }
}

fn shown_list(view: View<'_>, list: &List, element: &Element) -> Json {
    Json::array(
        element
            .all(list.element_name())
            .map(|element| shown(view, list.element, element))
            .collect(),
    )
}

fn shown_entries<'e>(view: View<'_>, map: &Map, entries: impl Iterator<Item = &'e Element>) -> Object {
    entries
        .filter_map(|entry| {
            let key = entry.child(map.key_name)?.text.as_str().into();
            let value = entry
                .child(map.value_name)
                .map_or(Json::Null, |value| shown(view, map.value, value));
            Some((key, value))
        })
        .collect()
}

/// The body of a REST-XML request: one element, for a structure.
pub(super) fn written_root(
    service: &Service,
    name: &str,
    namespace: &str,
    structure: &Structure,
    given: &Object,
) -> Result<String, Unfit> {
    let mut text = String::new();
    write_structure(&mut text, service, &Tag { name, namespace }, structure, given)?;
    Ok(text)
}

struct Tag<'t> {
    name: &'t str,
    namespace: &'t str,
}

impl Tag<'_> {
    fn open(&self, text: &mut String, attributes: &[(&str, String)]) {
        let _ = write!(text, "<{}", self.name);
        match self.namespace.split_once('=') {
            // `prefix=uri`; a URI of its own may have the sign, but no colon before it.
            Some((prefix, uri)) if !prefix.contains(':') => {
                let _ = write!(text, " xmlns:{prefix}=\"{}\"", escaped(uri));
            }
            _ if self.namespace.is_empty() => {}
            _ => {
                let _ = write!(text, " xmlns=\"{}\"", escaped(self.namespace));
            }
        }
        for (name, value) in attributes {
            let _ = write!(text, " {name}=\"{}\"", escaped(value));
        }
        text.push('>');
    }

    fn close(&self, text: &mut String) {
        let _ = write!(text, "</{}>", self.name);
    }
}

fn write_structure(
    text: &mut String,
    service: &Service,
    tag: &Tag<'_>,
    structure: &Structure,
    given: &Object,
) -> Result<(), Unfit> {
    let given = members(structure, given)?;
    let attributes: Vec<(&str, String)> = given
        .iter()
        .filter(|(member, _)| member.is(Trait::XmlAttribute))
        .map(|(member, value)| (member.wire, scalars::plain(value)))
        .collect();
    tag.open(text, &attributes);
    for (member, value) in given {
        if member.location != catalogue::Location::Body || member.is(Trait::XmlAttribute) {
            continue;
        }
        let tag = Tag {
            name: member.wire,
            namespace: member.namespace,
        };
        let flattened = member.is(Trait::Flattened);
        write_value(text, service, &tag, member.shape, flattened, member.name, value)?;
    }
    tag.close(text);
    Ok(())
}

fn write_value(
    text: &mut String,
    service: &Service,
    tag: &Tag<'_>,
    shape: ShapeId,
    flattened: bool,
    name: &str,
    value: &Json,
) -> Result<(), Unfit> {
    match service.shape(shape) {
        Shape::Scalar(scalar) => write_scalar(text, tag, *scalar, name, value),
        Shape::Structure(structure) => {
            let given = object(service, shape, name, value)?;
            write_structure(text, service, tag, structure, given)
        }
        Shape::List(list) => {
            let elements = array(name, value)?;
            let flattened = flattened || list.flattened;
            let inner = Tag {
                name: match (flattened, list.name) {
                    (true, "") => tag.name,
                    _ => list.element_name(),
                },
                namespace: "",
            };
            if !flattened {
                tag.open(text, &[]);
            }
            for element in elements {
                write_value(text, service, &inner, list.element, false, name, element)?;
            }
            if !flattened {
                tag.close(text);
            }
            Ok(())
        }
        Shape::Map(map) => {
            let entries = object(service, shape, name, value)?;
            let flattened = flattened || map.flattened;
            let entry = Tag {
                name: if flattened { tag.name } else { "entry" },
                namespace: "",
            };
            if !flattened {
                tag.open(text, &[]);
            }
            for (key, value) in entries.iter() {
                entry.open(text, &[]);
                let _ = write!(text, "<{0}>{1}</{0}>", map.key_name, escaped(key));
                let inner = Tag {
                    name: map.value_name,
                    namespace: "",
                };
                write_value(text, service, &inner, map.value, false, key, value)?;
                entry.close(text);
            }
            if !flattened {
                tag.close(text);
            }
            Ok(())
        }
    }
}

fn write_scalar(
    text: &mut String,
    tag: &Tag<'_>,
    scalar: Scalar,
    name: &str,
    value: &Json,
) -> Result<(), Unfit> {
    tag.open(text, &[]);
    text.push_str(&escaped(&scalars::to_text(scalar, name, value, Moment::Iso)?));
    tag.close(text);
    Ok(())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#xD;"),
            other => escaped.push(other),
        }
    }
    escaped
}
