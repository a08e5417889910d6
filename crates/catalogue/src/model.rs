//! A service and its actions.

use std::sync::OnceLock;

use crate::bounds::{self, Bounds};
use crate::format::{self, Block};
use crate::shape::{Member, Shape, ShapeId, Structure, Trait};

/// How requests and answers of a service are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0 and 1.1: one POST, the operation in `X-Amz-Target`.
    Json,
    /// A form, answered in XML.
    Query,
    /// The same in EC2's dialect.
    Ec2,
    /// Paths and JSON.
    RestJson,
    /// Paths and XML.
    RestXml,
    /// Smithy RPC v2 with CBOR.
    Cbor,
}

/// Where a service is that is in one place for all regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// `iam.amazonaws.com`
    pub host: &'static str,
    /// The region that requests are signed for.
    pub region: &'static str,
}

/// A service.
#[derive(Debug)]
pub struct Service {
    /// In `aws-sdk:<name>:…`: `dynamodb`.
    pub name: &'static str,
    /// Before the dot of its errors' names, and in their texts: `DynamoDb`.
    pub prefix: &'static str,
    /// The model's `serviceId`: `DynamoDB`. In capitals and with `_` for blanks it ends `AWS_ENDPOINT_URL_…`.
    pub id: &'static str,
    /// How it speaks.
    pub protocol: Protocol,
    /// Its host is `<endpoint_prefix>.<region>.amazonaws.com`.
    pub endpoint_prefix: &'static str,
    /// In the signature's scope.
    pub signing_name: &'static str,
    /// Before the dot of `X-Amz-Target`; empty where the protocol has none.
    pub target_prefix: &'static str,
    /// `1.0` or `1.1` in the content type of AWS JSON; empty elsewhere.
    pub json_version: &'static str,
    /// `Version` of the query protocols: `2010-03-31`.
    pub api_version: &'static str,
    /// Of the XML it takes; empty where it has none.
    pub xml_namespace: &'static str,
    /// For a service that is in one place.
    pub place: Option<Place>,
    pub(crate) block: Block,
    pub(crate) model: OnceLock<Model>,
}

/// What is unpacked with the first question.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// By action.
    pub(crate) operations: Vec<Operation>,
    /// Code and exception, by code.
    pub(crate) exceptions: Vec<(&'static str, &'static str)>,
    /// By number; the scalars first.
    pub(crate) shapes: Vec<Shape>,
}

/// A checksum that the SDK sends along with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// None.
    None,
    /// CRC-32, in `x-amz-checksum-crc32`.
    Crc32,
    /// MD5, in `Content-MD5`.
    Md5,
}

/// An action of a service.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// As Step Functions names it: `putItem`.
    pub action: &'static str,
    /// As the wire has it: `PutItem`.
    pub name: &'static str,
    /// `POST`
    pub method: &'static str,
    /// With its labels and query: `/{Bucket}/{Key+}?tagging`.
    pub uri: &'static str,
    /// Its parameters, a structure.
    pub input: Option<ShapeId>,
    /// Its answer, a structure.
    pub output: Option<ShapeId>,
    /// The element around the answer of a query service; empty where there is none.
    pub result_wrapper: &'static str,
    /// Before the host on AWS itself, with labels: `{AccountId}.`.
    pub host_prefix: &'static str,
    /// The element that a REST-XML request is, where the model gives one.
    pub root_element: &'static str,
    /// Its namespace.
    pub root_namespace: &'static str,
    /// What the SDK says of the body besides.
    pub checksum: Checksum,
}

impl Service {
    fn model(&self) -> &Model {
        self.model.get_or_init(|| format::read_model(self.block))
    }

    /// Every action, by name.
    pub fn operations(&self) -> &[Operation] {
        &self.model().operations
    }

    /// The action of this name: `putItem`.
    pub fn action(&self, name: &str) -> Option<&Operation> {
        let operations = self.operations();
        let at = operations
            .binary_search_by(|operation| operation.action.cmp(name))
            .ok()?;
        operations.get(at)
    }

    /// A shape by its number.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        self.model().shapes.get(id.index()).unwrap_or(&Shape::UNKNOWN)
    }

    /// A structure by its number; none for another kind of shape.
    pub fn structure(&self, id: ShapeId) -> Option<&Structure> {
        match self.shape(id) {
            Shape::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    /// The parameters of an action.
    pub fn input(&self, operation: &Operation) -> Option<&Structure> {
        self.structure(operation.input?)
    }

    /// The answer of an action.
    pub fn output(&self, operation: &Operation) -> Option<&Structure> {
        self.structure(operation.output?)
    }

    /// The members an action can't be called without. Tokens for idempotency are not among them: the SDK makes those.
    pub fn required(&self, operation: &Operation) -> impl Iterator<Item = &'static str> {
        self.input(operation)
            .map(|input| input.members.as_slice())
            .unwrap_or_default()
            .iter()
            .filter(|member| is_required(member))
            .map(|member| member.name)
    }

    /// The exception of Java's SDK for an error code of this service: `NoSuchBucket` → `NoSuchBucketException`.
    pub fn exception(&self, code: &str) -> Option<&'static str> {
        let exceptions = &self.model().exceptions;
        let at = exceptions
            .binary_search_by(|(known, _)| (*known).cmp(code))
            .ok()?;
        exceptions.get(at).map(|(_, name)| *name)
    }

    /// What the values in its answers are bounded by; none where nothing is.
    pub fn bounds(&self) -> Option<&'static Bounds> {
        bounds::of_service(self.name)
    }

    /// The ending of `AWS_ENDPOINT_URL_…` for this service: `SECRETS_MANAGER`.
    pub fn variable(&self) -> String {
        self.id.to_uppercase().replace([' ', '-'], "_")
    }

    /// Whether every number of a shape has its shape.
    #[cfg(test)]
    pub(crate) fn is_whole(&self) -> bool {
        let shapes = &self.model().shapes;
        shapes.iter().all(|shape| {
            let named: Vec<ShapeId> = match shape {
                Shape::Scalar(_) => Vec::new(),
                Shape::Structure(structure) => structure.members.iter().map(|member| member.shape).collect(),
                Shape::List(list) => vec![list.element],
                Shape::Map(map) => vec![map.key, map.value],
            };
            named.iter().all(|id| id.index() < shapes.len())
        })
    }
}

fn is_required(member: &Member) -> bool {
    member.is(Trait::Required) && !member.is(Trait::IdempotencyToken)
}
