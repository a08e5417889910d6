//! The protocols of AWS's services, driven by the catalogue: parameters as Step Functions spells them become a request, and
//! an answer becomes what the AWS SDK for Java shows. No I/O: `super::aws` sends.
//!
//! One file per protocol: what they share of values stands in `scalars.rs`, of XML in `xml.rs`.

mod cbor;
mod forms;
mod json;
mod rest;
mod scalars;
mod xml;

use asl::json::value::{Json, Object};
use bytes::Bytes;
use catalogue::{Location, Operation, Protocol, Service, Shape, ShapeId, Structure, Trait};
use thiserror::Error;

use super::aws::{Answer, Request};
use super::errors::{self, Refusal};

/// A value that has to be text: texts as they are, everything else as JSON.
pub(super) fn as_text(value: &Json) -> String {
    scalars::plain(value)
}

/// Parameters that can't be sent, in the words AWS has for them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Unfit {
    /// The model has no such member.
    #[error("The field \"{0}\" is not supported by Step Functions")]
    Unknown(String),
    /// A member is missing without which the request has no path.
    #[error("The field \"{0}\" is required but was missing")]
    Unset(String),
    /// A value is of another kind than the model's.
    #[error("The value for the field \"{name}\" must be {wanted}")]
    Kind {
        /// As the parameters have it.
        name: String,
        /// `a STRING`, `an INTEGER`, …
        wanted: &'static str,
    },
}

/// An answer that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the service's answer is not {0}")]
pub(super) struct Unreadable(&'static str);

/// How members of answers are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As the getters of the SDK for Java 2: `Md5OfMessageBody`. SDK integrations.
    Getters,
    /// As the model has them: `MD5OfMessageBody`. Optimised integrations.
    Model,
}

/// A service whose answers are shown in one of the spellings.
#[derive(Debug, Clone, Copy)]
struct View<'s> {
    service: &'s Service,
    spelling: Spelling,
}

impl View<'_> {
    fn name(self, member: &catalogue::Member) -> &'static str {
        match self.spelling {
            Spelling::Getters => member.name,
            Spelling::Model => member.original,
        }
    }
}

/// The request that calls an action. `token` is the idempotency token where the model wants one and the parameters have none.
pub(super) fn request(
    service: &Service,
    operation: &Operation,
    parameters: &Json,
    token: &str,
) -> Result<Request, Unfit> {
    let empty = Object::new();
    let given = match parameters {
        Json::Null => &empty,
        Json::Object(given) => given,
        _ => {
            return Err(Unfit::Kind {
                name: "Parameters".to_owned(),
                wanted: "an OBJECT",
            });
        }
    };
    let completed = with_token(service, operation, given, token);
    let given = completed.as_ref().unwrap_or(given);
    let mut request = match service.protocol {
        Protocol::Json => json::request(service, operation, given)?,
        Protocol::Query => forms::query(service, operation, given)?,
        Protocol::Ec2 => forms::ec2(service, operation, given)?,
        Protocol::RestJson | Protocol::RestXml => rest::request(service, operation, given)?,
        Protocol::Cbor => cbor::request(service, operation, given)?,
    };
    request.host_prefix = rest::host_prefix(service, operation, given)?;
    Ok(request)
}

/// What the SDK shows of a good answer.
pub(super) fn response(
    service: &Service,
    operation: &Operation,
    answer: &Answer,
    spelling: Spelling,
) -> Result<Object, Unreadable> {
    let view = View { service, spelling };
    match service.protocol {
        Protocol::Json => json::response(view, operation, &answer.body),
        Protocol::Query | Protocol::Ec2 => forms::response(view, operation, &answer.body),
        Protocol::RestJson | Protocol::RestXml => rest::response(view, operation, answer),
        Protocol::Cbor => cbor::response(view, operation, &answer.body),
    }
}

/// What a refusal says.
pub(super) fn refusal(service: &Service, operation: &Operation, answer: &Answer) -> Refusal {
    match service.protocol {
        Protocol::Json | Protocol::RestJson => errors::json_refusal(answer),
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => xml::refusal(operation, answer),
        Protocol::Cbor => cbor::refusal(answer),
    }
}

/// The parameters with the token the SDK would have made, if they need one.
fn with_token(service: &Service, operation: &Operation, given: &Object, token: &str) -> Option<Object> {
    let member = service
        .input(operation)?
        .members
        .iter()
        .find(|member| member.is(Trait::IdempotencyToken))?;
    if given.get(member.name).is_some_and(|value| *value != Json::Null) {
        return None;
    }
    let mut completed = given.clone();
    completed.insert(member.name.into(), Json::from(token));
    Some(completed)
}

/// The members that are given, each with what the model says of it; `null` is as good as absent. A name that only its
/// spelling parts from the getter's is taken for it.
fn members<'g, 's>(
    structure: &'s Structure,
    given: &'g Object,
) -> Result<Vec<(&'s catalogue::Member, &'g Json)>, Unfit> {
    given
        .iter()
        .filter(|(_, value)| **value != Json::Null)
        .map(|(name, value)| {
            structure
                .member(name)
                .or_else(|| {
                    structure.members.iter().find(|member| {
                        member.original == &**name
                            || member.wire == &**name
                            || member.name.eq_ignore_ascii_case(name)
                    })
                })
                .map(|member| (member, value))
                .ok_or_else(|| Unfit::Unknown(name.to_string()))
        })
        .collect()
}

/// A structure's members as the SDK shows them: by name.
fn by_name(mut members: Vec<(&'static str, Json)>) -> Object {
    members.sort_by_key(|(name, _)| *name);
    members
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect()
}

/// The members of an answer that stand in its body.
fn in_body(structure: &Structure) -> impl Iterator<Item = &catalogue::Member> {
    structure
        .members
        .iter()
        .filter(|member| member.location == Location::Body)
}

/// The kind of a shape, for a value that is of another.
fn wanted(service: &Service, shape: ShapeId) -> &'static str {
    match service.shape(shape) {
        Shape::Structure(_) | Shape::Map(_) => "an OBJECT",
        Shape::List(_) => "an ARRAY",
        Shape::Scalar(scalar) => scalars::wanted(*scalar),
    }
}

/// The object a structure or a map is given as.
fn object<'g>(service: &Service, shape: ShapeId, name: &str, value: &'g Json) -> Result<&'g Object, Unfit> {
    value.as_object().ok_or_else(|| Unfit::Kind {
        name: name.to_owned(),
        wanted: wanted(service, shape),
    })
}

/// The elements a list is given as.
fn array<'g>(name: &str, value: &'g Json) -> Result<&'g [Json], Unfit> {
    value.as_array().ok_or_else(|| Unfit::Kind {
        name: name.to_owned(),
        wanted: "an ARRAY",
    })
}

/// A request of one POST.
fn post(path: String, content_type: String, body: Bytes) -> Request {
    Request {
        method: http::Method::POST,
        path,
        host_prefix: String::new(),
        headers: vec![("content-type".into(), content_type)],
        body,
    }
}
