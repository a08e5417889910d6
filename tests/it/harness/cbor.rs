//! CBOR as the AWS SDK writes and reads it (smithy rpc-v2-cbor), for stand-ins of services that speak it.

use std::io::Read as _;

use minicbor::data::Type;
use minicbor::decode::Decoder;
use serde_json::{Map, Value, json};

use super::receiver::{Received, Reply};

/// An answer. Numbers below a member `Timestamps` are sent as times.
pub fn reply(body: &Value) -> Reply {
    let mut bytes = Vec::new();
    write(&mut minicbor::Encoder::new(&mut bytes), body, false);
    Reply {
        status: 200,
        headers: vec![
            ("smithy-protocol", "rpc-v2-cbor".to_owned()),
            ("content-type", "application/cbor".to_owned()),
        ],
        body: bytes,
    }
}

fn write(encoder: &mut minicbor::Encoder<&mut Vec<u8>>, value: &Value, times: bool) {
    match value {
        Value::Null => {
            encoder.null().unwrap();
        }
        Value::Bool(value) => {
            encoder.bool(*value).unwrap();
        }
        Value::Number(number) => {
            if times {
                encoder.tag(minicbor::data::IanaTag::Timestamp).unwrap();
            }
            encoder.f64(number.as_f64().unwrap()).unwrap();
        }
        Value::String(text) => {
            encoder.str(text).unwrap();
        }
        Value::Array(items) => {
            encoder.array(u64::try_from(items.len()).unwrap()).unwrap();
            for item in items {
                write(encoder, item, times);
            }
        }
        Value::Object(members) => {
            encoder.map(u64::try_from(members.len()).unwrap()).unwrap();
            for (name, value) in members {
                encoder.str(name).unwrap();
                write(encoder, value, name == "Timestamps");
            }
        }
    }
}

/// The body of a request as JSON, unpacked if it was compressed. A timestamp becomes its seconds.
pub fn body(received: &Received) -> Value {
    let mut bytes = received.body.to_vec();
    if received.header("content-encoding") == "gzip" {
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice())
            .read_to_end(&mut unpacked)
            .unwrap();
        bytes = unpacked;
    }
    value(&mut Decoder::new(&bytes))
}

fn value(decoder: &mut Decoder<'_>) -> Value {
    match decoder.datatype().unwrap() {
        Type::Map | Type::MapIndef => {
            let mut length = decoder.map().unwrap();
            let mut members = Map::new();
            while more(decoder, &mut length) {
                let name = decoder.str().unwrap().to_owned();
                members.insert(name, value(decoder));
            }
            Value::Object(members)
        }
        Type::Array | Type::ArrayIndef => {
            let mut length = decoder.array().unwrap();
            let mut items = Vec::new();
            while more(decoder, &mut length) {
                items.push(value(decoder));
            }
            Value::Array(items)
        }
        Type::String => json!(decoder.str().unwrap()),
        Type::Bool => json!(decoder.bool().unwrap()),
        Type::F16 | Type::F32 | Type::F64 => json!(decoder.f64().unwrap()),
        Type::Tag => {
            decoder.tag().unwrap();
            value(decoder)
        }
        Type::Null => {
            decoder.null().unwrap();
            Value::Null
        }
        _ => json!(decoder.i64().unwrap()),
    }
}

/// Whether another element follows; steps over the end of one of unknown length.
fn more(decoder: &mut Decoder<'_>, length: &mut Option<u64>) -> bool {
    match length {
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
        None if decoder.datatype().unwrap() == Type::Break => {
            decoder.skip().unwrap();
            false
        }
        None => true,
    }
}
