//! AWS JSON 1.0 and 1.1, and the JSON bodies of REST services.

use asl::json::value::{Json, Object};
use bytes::Bytes;
use catalogue::{Location, Operation, Service, Shape, ShapeId, Structure, Trait};

use super::super::aws::Request;
use super::{Unfit, Unreadable, View, array, by_name, in_body, members, object, post, scalars};

pub(super) fn request(service: &Service, operation: &Operation, given: &Object) -> Result<Request, Unfit> {
    let body = match service.input(operation) {
        Some(input) => written_structure(service, input, given)?,
        None => Object::new(),
    };
    let mut request = post(
        "/".to_owned(),
        format!("application/x-amz-json-{}", service.json_version),
        Bytes::from(Json::from(body).to_string()),
    );
    request.headers.push((
        "x-amz-target".into(),
        format!("{}.{}", service.target_prefix, operation.name),
    ));
    Ok(request)
}

pub(super) fn response(view: View<'_>, operation: &Operation, body: &[u8]) -> Result<Object, Unreadable> {
    let Some(output) = view.service.output(operation) else {
        return Ok(Object::new());
    };
    Ok(shown_structure(view, output, &read(body)?))
}

/// The JSON of a body; an empty one is an empty object.
pub(super) fn read(body: &[u8]) -> Result<Json, Unreadable> {
    if body.is_empty() {
        return Ok(Object::new().into());
    }
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| asl::json::read::read(text).ok())
        .ok_or(Unreadable("JSON"))
}

/// The members of a structure that stand in the body, by their names on the wire.
pub(super) fn written_structure(
    service: &Service,
    structure: &Structure,
    given: &Object,
) -> Result<Object, Unfit> {
    members(structure, given)?
        .into_iter()
        .filter(|(member, _)| member.location == Location::Body)
        .map(|(member, value)| {
            let written = if member.is(Trait::JsonValue) {
                Json::from(value.to_string().as_str())
            } else {
                written(service, member.shape, member.name, value)?
            };
            Ok((member.wire.into(), written))
        })
        .collect()
}

/// A value for the wire.
pub(super) fn written(service: &Service, shape: ShapeId, name: &str, value: &Json) -> Result<Json, Unfit> {
    match service.shape(shape) {
        Shape::Scalar(scalar) => scalars::to_json(*scalar, name, value),
        Shape::Structure(structure) => {
            let given = object(service, shape, name, value)?;
            Ok(written_structure(service, structure, given)?.into())
        }
        Shape::List(list) => {
            let elements = array(name, value)?.iter();
            let written = elements.map(|element| match element {
                Json::Null => Ok(Json::Null),
                element => written(service, list.element, name, element),
            });
            Ok(Json::array(written.collect::<Result<_, _>>()?))
        }
        Shape::Map(map) => {
            let entries = object(service, shape, name, value)?.iter();
            let written = entries.map(|(key, value)| match value {
                Json::Null => Ok((key.clone(), Json::Null)),
                value => Ok((key.clone(), written(service, map.value, key, value)?)),
            });
            Ok(Json::from(written.collect::<Result<Object, Unfit>>()?))
        }
    }
}

/// A structure of an answer as the SDK shows it.
pub(super) fn shown_structure(view: View<'_>, structure: &Structure, json: &Json) -> Object {
    let shown = in_body(structure).filter_map(|member| {
        let value = json.get(member.wire).filter(|value| **value != Json::Null)?;
        Some((view.name(member), shown(view, member.shape, value)))
    });
    by_name(shown.collect())
}

/// A value of an answer as the SDK shows it.
pub(super) fn shown(view: View<'_>, shape: ShapeId, value: &Json) -> Json {
    match (view.service.shape(shape), value) {
        (_, Json::Null) => Json::Null,
        (Shape::Scalar(scalar), value) => scalars::from_json(*scalar, value),
        (Shape::Structure(structure), value) => shown_structure(view, structure, value).into(),
        (Shape::List(list), Json::Array(elements)) => Json::array(
            elements
                .iter()
                .map(|element| shown(view, list.element, element))
                .collect(),
        ),
        (Shape::Map(map), Json::Object(entries)) => entries
            .iter()
            .map(|(key, value)| (key.clone(), shown(view, map.value, value)))
            .collect::<Object>()
            .into(),
        (Shape::List(_) | Shape::Map(_), value) => value.clone(),
    }
}
