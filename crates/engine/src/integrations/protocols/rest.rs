//! REST: members that are labels of the path, query parameters, headers, the status, or the whole body.

use std::fmt::Write as _;

use asl::json::value::{Json, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use catalogue::{Location, Member, Operation, Protocol, Scalar, Service, Shape, Structure, Trait};
use http::HeaderMap;

use super::super::aws::{Answer, Request};
use super::scalars::{self, Moment};
use super::{Unfit, Unreadable, View, array, by_name, json, members, object, xml};

pub(super) fn request(service: &Service, operation: &Operation, given: &Object) -> Result<Request, Unfit> {
    let mut request = Request {
        method: operation.method.parse().unwrap_or(http::Method::POST),
        path: String::new(),
        host_prefix: String::new(),
        headers: Vec::new(),
        body: Bytes::new(),
    };
    let Some(input) = service.input(operation) else {
        request.path = path(operation.uri, &[], &[])?;
        return Ok(request);
    };
    let bound = members(input, given)?;
    let (mut labels, mut query) = (Vec::new(), Vec::new());
    for (member, value) in &bound {
        match member.location {
            Location::Uri => labels.push((member.wire, text(service, member, value, Moment::Iso)?)),
            Location::Query => add_query(service, member, value, &mut query)?,
            Location::Header => {
                let value = header(service, member, value)?;
                request.headers.push((member.wire.to_lowercase().into(), value));
            }
            Location::Headers => {
                for (name, value) in object(service, member.shape, member.name, value)?.iter() {
                    let name = format!("{}{name}", member.wire).to_lowercase();
                    request.headers.push((name.into(), scalars::plain(value)));
                }
            }
            Location::Body | Location::Status => {}
        }
    }
    request.path = path(operation.uri, &labels, &query)?;
    add_body(service, operation, input, given, &bound, &mut request)?;
    Ok(request)
}

/// The path of an action, with its labels and its query.
fn path(uri: &str, labels: &[(&'static str, String)], query: &[(String, String)]) -> Result<String, Unfit> {
    let (template, fixed) = uri.split_once('?').unwrap_or((uri, ""));
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        path.push_str(before);
        let (label, after) = after.split_once('}').unwrap_or((after, ""));
        let (name, greedy) = match label.strip_suffix('+') {
            Some(name) => (name, true),
            None => (label, false),
        };
        let value = labels
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Unfit::Unset(name.to_owned()))?;
        push_encoded(&mut path, value, greedy);
        rest = after;
    }
    path.push_str(rest);
    let mut separator = '?';
    for pair in fixed.split('&').filter(|pair| !pair.is_empty()) {
        // A parameter without a value is signed and sent with an empty one.
        let equals = if pair.contains('=') { "" } else { "=" };
        let _ = write!(path, "{separator}{pair}{equals}");
        separator = '&';
    }
    for (name, value) in query {
        path.push(separator);
        push_encoded(&mut path, name, false);
        path.push('=');
        push_encoded(&mut path, value, false);
        separator = '&';
    }
    Ok(path)
}

/// Percent-encodes all but the unreserved characters of RFC 3986, and slashes where they part a path.
fn push_encoded(text: &mut String, value: &str, slashes: bool) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            b'/' if slashes => text.push('/'),
            byte => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
}

/// The beginning of the host's name on AWS, with its labels.
pub(super) fn host_prefix(service: &Service, operation: &Operation, given: &Object) -> Result<String, Unfit> {
    if operation.host_prefix.is_empty() {
        return Ok(String::new());
    }
    let mut labels = Vec::new();
    if let Some(input) = service.input(operation) {
        for (member, value) in members(input, given)? {
            if member.is(Trait::HostLabel) {
                labels.push((member.name, scalars::plain(value)));
            }
        }
    }
    path(operation.host_prefix, &labels, &[])
}

fn add_query(
    service: &Service,
    member: &Member,
    value: &Json,
    query: &mut Vec<(String, String)>,
) -> Result<(), Unfit> {
    match service.shape(member.shape) {
        Shape::List(list) => {
            for element in array(member.name, value)? {
                let value = scalar_text(service, list.element, member.name, element, Moment::Iso)?;
                query.push((member.wire.to_owned(), value));
            }
        }
        Shape::Map(map) => {
            for (key, value) in object(service, member.shape, member.name, value)?.iter() {
                let values = match (service.shape(map.value), value) {
                    (Shape::List(_), Json::Array(values)) => values.iter().map(scalars::plain).collect(),
                    _ => vec![scalars::plain(value)],
                };
                query.extend(values.into_iter().map(|value| (key.to_string(), value)));
            }
        }
        _ => query.push((member.wire.to_owned(), text(service, member, value, Moment::Iso)?)),
    }
    Ok(())
}

fn header(service: &Service, member: &Member, value: &Json) -> Result<String, Unfit> {
    if member.is(Trait::JsonValue) {
        return Ok(STANDARD.encode(value.to_string()));
    }
    match service.shape(member.shape) {
        Shape::List(list) => {
            let elements = array(member.name, value)?
                .iter()
                .map(|element| scalar_text(service, list.element, member.name, element, Moment::Http));
            Ok(elements.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        _ => text(service, member, value, Moment::Http),
    }
}

fn text(service: &Service, member: &Member, value: &Json, default: Moment) -> Result<String, Unfit> {
    scalar_text(service, member.shape, member.name, value, default)
}

fn scalar_text(
    service: &Service,
    shape: catalogue::ShapeId,
    name: &str,
    value: &Json,
    default: Moment,
) -> Result<String, Unfit> {
    match service.shape(shape) {
        Shape::Scalar(scalar) => scalars::to_text(*scalar, name, value, default),
        _ => Ok(scalars::plain(value)),
    }
}

fn add_body(
    service: &Service,
    operation: &Operation,
    input: &Structure,
    given: &Object,
    bound: &[(&Member, &Json)],
    request: &mut Request,
) -> Result<(), Unfit> {
    if let Some(payload) = input.payload {
        let Some((member, value)) = bound.iter().find(|(member, _)| member.name == payload) else {
            return Ok(());
        };
        return add_payload(service, member, value, request);
    }
    if !input
        .members
        .iter()
        .any(|member| member.location == Location::Body)
    {
        return Ok(());
    }
    if service.protocol == Protocol::RestJson {
        let body = json::written_structure(service, input, given)?;
        set_body(request, "application/json", Json::from(body).to_string());
    } else {
        let name = match operation.root_element {
            "" => operation.name,
            name => name,
        };
        let namespace = match operation.root_namespace {
            "" => service.xml_namespace,
            namespace => namespace,
        };
        let body = xml::written_root(service, name, namespace, input, given)?;
        set_body(request, "application/xml", body);
    }
    Ok(())
}

/// A member that is the whole body: as it is when it is text or bytes, else in the service's language.
fn add_payload(service: &Service, member: &Member, value: &Json, request: &mut Request) -> Result<(), Unfit> {
    match service.shape(member.shape) {
        Shape::Structure(structure) if service.protocol == Protocol::RestXml => {
            let namespace = match member.namespace {
                "" => service.xml_namespace,
                namespace => namespace,
            };
            let given = object(service, member.shape, member.name, value)?;
            let body = xml::written_root(service, member.wire, namespace, structure, given)?;
            set_body(request, "application/xml", body);
        }
        Shape::Scalar(Scalar::Document) => {
            set_body(request, "application/json", value.to_string());
        }
        Shape::Scalar(Scalar::Blob) => set_body(request, "application/octet-stream", scalars::plain(value)),
        Shape::Scalar(_) => set_body(request, "text/plain", scalars::plain(value)),
        Shape::Structure(_) | Shape::List(_) | Shape::Map(_) => {
            let body = json::written(service, member.shape, member.name, value)?;
            set_body(request, "application/json", body.to_string());
        }
    }
    Ok(())
}

/// The parameters may have said what the body is.
fn set_body(request: &mut Request, content_type: &'static str, body: String) {
    if !request.headers.iter().any(|(name, _)| name == "content-type") {
        request
            .headers
            .push(("content-type".into(), content_type.to_owned()));
    }
    request.body = Bytes::from(body);
}

pub(super) fn response(view: View<'_>, operation: &Operation, answer: &Answer) -> Result<Object, Unreadable> {
    let Some(output) = view.service.output(operation) else {
        return Ok(Object::new());
    };
    let mut shown: Vec<(&'static str, Json)> = output
        .members
        .iter()
        .filter_map(|member| Some((view.name(member), outside_body(view.service, member, answer)?)))
        .collect();
    let mut last = None;
    if let Some(member) = output.payload.and_then(|name| output.member(name)) {
        let value = payload(view, member, answer)?.map(|value| (view.name(member), value));
        if member.is(Trait::Streaming) {
            // The SDK has the stream in its hands only after everything else.
            last = value;
        } else {
            shown.extend(value);
        }
    } else {
        let body = body(view, output, &answer.body)?;
        shown.extend(output.members.iter().filter_map(|member| {
            let name = view.name(member);
            Some((name, body.get(name)?.clone()))
        }));
    }
    let mut shown = by_name(shown);
    if let Some((name, value)) = last {
        shown.insert(name.into(), value);
    }
    Ok(shown)
}

fn body(view: View<'_>, output: &Structure, body: &[u8]) -> Result<Object, Unreadable> {
    let has_body = output
        .members
        .iter()
        .any(|member| member.location == Location::Body);
    if !has_body || body.is_empty() {
        return Ok(Object::new());
    }
    if view.service.protocol == Protocol::RestJson {
        return Ok(json::shown_structure(view, output, &json::read(body)?));
    }
    Ok(xml::shown_structure(view, output, &xml::read(body)?))
}

fn payload(view: View<'_>, member: &Member, answer: &Answer) -> Result<Option<Json>, Unreadable> {
    let shape = view.service.shape(member.shape);
    if let Shape::Scalar(Scalar::Blob | Scalar::String) = shape {
        return Ok(Some(scalars::shown_bytes(&answer.body)));
    }
    if answer.body.is_empty() {
        return Ok(None);
    }
    Ok(Some(match view.service.protocol {
        Protocol::RestXml => xml::shown(view, member.shape, &xml::read(&answer.body)?),
        _ => json::shown(view, member.shape, &json::read(&answer.body)?),
    }))
}

/// A member of an answer that is a header, all headers of a beginning, or the status.
fn outside_body(service: &Service, member: &Member, answer: &Answer) -> Option<Json> {
    match member.location {
        Location::Header => {
            let text = answer.header(member.wire)?;
            Some(from_header(service, member, text))
        }
        // The SDK shows the map even when it is empty.
        Location::Headers => Some(beginning_with(&answer.headers, member.wire).into()),
        Location::Status => Some(Json::from(u64::from(answer.status.as_u16()))),
        Location::Body | Location::Uri | Location::Query => None,
    }
}

fn from_header(service: &Service, member: &Member, text: &str) -> Json {
    if member.is(Trait::JsonValue) {
        return STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| asl::json::read::read(std::str::from_utf8(&bytes).ok()?).ok())
            .unwrap_or_else(|| Json::from(text));
    }
    match service.shape(member.shape) {
        Shape::Scalar(scalar) => scalars::from_text_of(*scalar, text),
        Shape::List(_) => Json::array(
            text.split(',')
                .map(|element| Json::from(element.trim()))
                .collect(),
        ),
        Shape::Structure(_) | Shape::Map(_) => Json::from(text),
    }
}

fn beginning_with(headers: &HeaderMap, beginning: &str) -> Object {
    let beginning = beginning.to_lowercase();
    let found = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(&beginning)?;
        Some((name.into(), Json::from(value.to_str().ok()?)))
    });
    found.collect()
}
