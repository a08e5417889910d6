//! The query protocol and EC2's dialect of it: a form goes, XML comes.

use asl::json::value::{Json, Object};
use bytes::Bytes;
use catalogue::{List, Member, Operation, Protocol, Service, Shape, ShapeId, Structure, Trait};
use url::form_urlencoded::Serializer;

use super::super::aws::Request;
use super::scalars::{self, Moment};
use super::{Unfit, Unreadable, View, array, members, object, post, xml};

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

pub(super) fn query(service: &Service, operation: &Operation, given: &Object) -> Result<Request, Unfit> {
    form(service, operation, given)
}

pub(super) fn ec2(service: &Service, operation: &Operation, given: &Object) -> Result<Request, Unfit> {
    form(service, operation, given)
}

fn form(service: &Service, operation: &Operation, given: &Object) -> Result<Request, Unfit> {
    let mut form = Form {
        service,
        pairs: vec![
            ("Action".to_owned(), operation.name.to_owned()),
            ("Version".to_owned(), service.api_version.to_owned()),
        ],
    };
    if let Some(input) = service.input(operation) {
        form.structure("", input, given)?;
    }
    let mut text = Serializer::new(String::new());
    text.extend_pairs(&form.pairs);
    Ok(post("/".to_owned(), FORM.to_owned(), Bytes::from(text.finish())))
}

/// What is inside `<XResponse><XResult>`; EC2 has no second element.
pub(super) fn response(view: View<'_>, operation: &Operation, body: &[u8]) -> Result<Object, Unreadable> {
    let Some(output) = view.service.output(operation) else {
        return Ok(Object::new());
    };
    let root = xml::read(body)?;
    let result = match operation.result_wrapper {
        "" => Some(&root),
        wrapper => root.child(wrapper),
    };
    Ok(result.map_or_else(Object::new, |result| xml::shown_structure(view, output, result)))
}

struct Form<'s> {
    service: &'s Service,
    pairs: Vec<(String, String)>,
}

impl Form<'_> {
    fn structure(&mut self, prefix: &str, structure: &Structure, given: &Object) -> Result<(), Unfit> {
        for (member, value) in members(structure, given)? {
            let flattened = member.is(Trait::Flattened);
            let name = self.name(member);
            self.value(
                &joined(prefix, &name),
                member.shape,
                flattened,
                member.name,
                value,
            )?;
        }
        Ok(())
    }

    fn is_ec2(&self) -> bool {
        self.service.protocol == Protocol::Ec2
    }

    /// EC2 writes its names with a capital.
    fn name(&self, member: &Member) -> String {
        if !self.is_ec2() {
            return member.wire.to_owned();
        }
        if !member.query_name.is_empty() {
            return member.query_name.to_owned();
        }
        let mut letters = member.wire.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    fn value(
        &mut self,
        prefix: &str,
        shape: ShapeId,
        flattened: bool,
        name: &str,
        value: &Json,
    ) -> Result<(), Unfit> {
        match self.service.shape(shape) {
            Shape::Scalar(scalar) => {
                let text = scalars::to_text(*scalar, name, value, Moment::Iso)?;
                self.pairs.push((prefix.to_owned(), text));
            }
            Shape::Structure(structure) => {
                let given = object(self.service, shape, name, value)?;
                self.structure(prefix, structure, given)?;
            }
            Shape::List(list) => {
                let elements = array(name, value)?;
                if elements.is_empty() && !self.is_ec2() {
                    self.pairs.push((prefix.to_owned(), String::new()));
                }
                let prefix = self.list_prefix(prefix, list, flattened || list.flattened);
                for (index, element) in elements.iter().enumerate() {
                    self.value(
                        &format!("{prefix}.{}", index + 1),
                        list.element,
                        false,
                        name,
                        element,
                    )?;
                }
            }
            Shape::Map(map) => {
                let prefix = if flattened || map.flattened {
                    prefix.to_owned()
                } else {
                    format!("{prefix}.entry")
                };
                let entries = object(self.service, shape, name, value)?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    let entry = format!("{prefix}.{}", index + 1);
                    self.pairs
                        .push((format!("{entry}.{}", map.key_name), key.to_string()));
                    self.value(
                        &format!("{entry}.{}", map.value_name),
                        map.value,
                        false,
                        key,
                        value,
                    )?;
                }
            }
        }
        Ok(())
    }

    /// What stands before an element's number. A flattened list that names its elements goes by that name.
    fn list_prefix(&self, prefix: &str, list: &List, flattened: bool) -> String {
        if self.is_ec2() {
            return prefix.to_owned();
        }
        if !flattened {
            return format!("{prefix}.{}", list.element_name());
        }
        match (list.name, prefix.rsplit_once('.')) {
            ("", _) => prefix.to_owned(),
            (name, Some((before, _))) => format!("{before}.{name}"),
            (name, None) => name.to_owned(),
        }
    }
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}
