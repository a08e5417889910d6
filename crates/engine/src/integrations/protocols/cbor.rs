//! Smithy RPC v2 with CBOR, for the few services that speak nothing else.

use std::convert::Infallible;

use asl::json::value::{Json, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use catalogue::{Operation, Scalar, Service, Shape, ShapeId, Structure};
use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};

use super::super::aws::{Answer, Request};
use super::super::errors::{self, Refusal};
use super::scalars;
use super::{Unfit, Unreadable, View, array, json, members, object, post};
use crate::limits::CBOR_DEPTH_MAX;

const CBOR: &str = "application/cbor";
/// CBOR's tag of seconds since 1970 (RFC 8949, 3.4.2).
const SECONDS: Tag = Tag::new(1);

pub(super) fn request(service: &Service, operation: &Operation, given: &Object) -> Result<Request, Unfit> {
    let mut body = Encoder::new(Vec::new());
    if let Some(input) = service.input(operation) {
        write_structure(&mut body, service, input, given)?;
    }
    let path = format!("/service/{}/operation/{}", service.target_prefix, operation.name);
    let mut request = post(path, CBOR.to_owned(), Bytes::from(body.into_writer()));
    request
        .headers
        .push(("smithy-protocol".into(), "rpc-v2-cbor".to_owned()));
    request.headers.push(("accept".into(), CBOR.to_owned()));
    Ok(request)
}

pub(super) fn response(view: View<'_>, operation: &Operation, body: &[u8]) -> Result<Object, Unreadable> {
    let Some(output) = view.service.output(operation) else {
        return Ok(Object::new());
    };
    Ok(json::shown_structure(view, output, &read(body)?))
}

pub(super) fn refusal(answer: &Answer) -> Refusal {
    read(&answer.body).map_or_else(
        |_| errors::json_refusal(answer),
        |body| errors::described_refusal(answer, &body),
    )
}

/// Writing into memory can't fail.
type Written = Result<(), minicbor::encode::Error<Infallible>>;

fn sure(_: Written) {}

fn write_structure(
    to: &mut Encoder<Vec<u8>>,
    service: &Service,
    structure: &Structure,
    given: &Object,
) -> Result<(), Unfit> {
    let given = members(structure, given)?;
    sure(to.map(given.len() as u64).map(|_| ()));
    for (member, value) in given {
        sure(to.str(member.wire).map(|_| ()));
        write(to, service, member.shape, member.name, value)?;
    }
    Ok(())
}

fn write(
    to: &mut Encoder<Vec<u8>>,
    service: &Service,
    shape: ShapeId,
    name: &str,
    value: &Json,
) -> Result<(), Unfit> {
    if *value == Json::Null {
        sure(to.null().map(|_| ()));
        return Ok(());
    }
    match service.shape(shape) {
        Shape::Scalar(scalar) => write_scalar(to, *scalar, name, value),
        Shape::Structure(structure) => {
            write_structure(to, service, structure, object(service, shape, name, value)?)
        }
        Shape::List(list) => {
            let elements = array(name, value)?;
            sure(to.array(elements.len() as u64).map(|_| ()));
            elements
                .iter()
                .try_for_each(|element| write(to, service, list.element, name, element))
        }
        Shape::Map(map) => {
            let entries = object(service, shape, name, value)?;
            sure(to.map(entries.len() as u64).map(|_| ()));
            entries.iter().try_for_each(|(key, value)| {
                sure(to.str(key).map(|_| ()));
                write(to, service, map.value, key, value)
            })
        }
    }
}

fn write_scalar(to: &mut Encoder<Vec<u8>>, scalar: Scalar, name: &str, value: &Json) -> Result<(), Unfit> {
    if scalar == Scalar::Blob {
        sure(to.bytes(scalars::plain(value).as_bytes()).map(|_| ()));
        return Ok(());
    }
    if scalar.is_timestamp() {
        let moment = scalars::moment(value).ok_or_else(|| Unfit::Kind {
            name: name.to_owned(),
            wanted: scalars::wanted(scalar),
        })?;
        #[expect(clippy::cast_precision_loss, reason = "ms since 1970 are far below 2^53")]
        let seconds = moment.timestamp_millis() as f64 / 1000.0;
        sure(to.tag(SECONDS).and_then(|to| to.f64(seconds)).map(|_| ()));
        return Ok(());
    }
    write_json(to, &scalars::to_json(scalar, name, value)?);
    Ok(())
}

fn write_json(to: &mut Encoder<Vec<u8>>, value: &Json) {
    sure(match value {
        Json::Null => to.null().map(|_| ()),
        Json::Bool(flag) => to.bool(*flag).map(|_| ()),
        Json::String(text) => to.str(text).map(|_| ()),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => to.i64(whole).map(|_| ()),
            (_, Some(whole), _) => to.u64(whole).map(|_| ()),
            (_, _, fraction) => to.f64(fraction.unwrap_or_default()).map(|_| ()),
        },
        Json::Array(elements) => {
            let begun = to.array(elements.len() as u64).map(|_| ());
            elements.iter().for_each(|element| write_json(to, element));
            begun
        }
        Json::Object(entries) => {
            let begun = to.map(entries.len() as u64).map(|_| ());
            for (key, value) in entries.iter() {
                sure(to.str(key).map(|_| ()));
                write_json(to, value);
            }
            begun
        }
    });
}

/// A body as JSON: bytes in Base64, moments as seconds since 1970.
fn read(body: &[u8]) -> Result<Json, Unreadable> {
    if body.is_empty() {
        return Ok(Object::new().into());
    }
    read_value(&mut Decoder::new(body), 0).ok_or(Unreadable("CBOR"))
}

fn read_value(from: &mut Decoder<'_>, depth: usize) -> Option<Json> {
    if depth > CBOR_DEPTH_MAX {
        return None;
    }
    Some(match from.datatype().ok()? {
        Type::Bool => Json::Bool(from.bool().ok()?),
        Type::Null | Type::Undefined => {
            from.skip().ok()?;
            Json::Null
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Json::from(from.u64().ok()?),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => Json::from(from.i64().ok()?),
        Type::F16 | Type::F32 | Type::F64 => {
            serde_json::Number::from_f64(from.f64().ok()?).map_or(Json::Null, Json::Number)
        }
        Type::Bytes | Type::BytesIndef => {
            let mut bytes = Vec::new();
            for part in from.bytes_iter().ok()? {
                bytes.extend_from_slice(part.ok()?);
            }
            Json::from(STANDARD.encode(bytes).as_str())
        }
        Type::String | Type::StringIndef => {
            let parts: Result<String, _> = from.str_iter().ok()?.collect();
            Json::from(parts.ok()?.as_str())
        }
        Type::Array | Type::ArrayIndef => Json::array(
            read_many(from, depth, false)?
                .into_iter()
                .map(|(_, v)| v)
                .collect(),
        ),
        Type::Map | Type::MapIndef => read_many(from, depth, true)?
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect::<Object>()
            .into(),
        Type::Tag => {
            from.tag().ok()?;
            read_value(from, depth + 1)?
        }
        _ => return None,
    })
}

/// The entries of a map, or the elements of an array with empty keys.
fn read_many(from: &mut Decoder<'_>, depth: usize, keyed: bool) -> Option<Vec<(String, Json)>> {
    let length = if keyed {
        from.map().ok()?
    } else {
        from.array().ok()?
    };
    let mut many = Vec::new();
    loop {
        match length {
            Some(length) if many.len() as u64 >= length => return Some(many),
            None if from.datatype().ok()? == Type::Break => {
                from.skip().ok()?;
                return Some(many);
            }
            _ => {}
        }
        let key = if keyed {
            from.str().ok()?.to_owned()
        } else {
            String::new()
        };
        many.push((key, read_value(from, depth + 1)?));
    }
}
