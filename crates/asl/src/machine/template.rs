//! Payload templates (`Parameters`, `ResultSelector`, `ItemSelector`, `Assign`) and JSONata's (`Arguments`, `Output`), compiled:
//! what is constant is one shared value.

use std::sync::Arc;

use super::BuildError;
use crate::intrinsics::Call;
use crate::json::order::java_map_order;
use crate::json::spanned::{Node, NodeValue};
use crate::json::{Json, Object};
use crate::jsonata::Expression;
use crate::paths::Query;

/// A value with holes.
#[derive(Debug)]
pub(crate) enum Template {
    Constant(Json),
    Array(Vec<Template>),
    Object(Vec<(Arc<str>, Template)>),
    /// `"name.$": "$.path"`; `field` is the key as written.
    Query {
        query: Query,
        field: Arc<str>,
    },
    /// `"name.$": "States.…(…)"`
    Call(Call),
    Computed(Expression),
}

/// A tree's plain value.
pub(crate) fn plain(node: &Node) -> Json {
    match &node.value {
        NodeValue::Null => Json::Null,
        NodeValue::Bool(value) => Json::Bool(*value),
        NodeValue::Number(number) => Json::Number(number.clone()),
        NodeValue::String(text) => Json::String(text.clone()),
        NodeValue::Array(items) => Json::array(items.iter().map(plain).collect()),
        NodeValue::Object(members) => {
            let members = members
                .iter()
                .map(|member| (member.key.clone(), plain(&member.value)));
            Json::object(members.collect::<Object>())
        }
    }
}

/// A JSONPath template: members whose key ends in `.$` are holes. As on AWS they come after the others, in the order of a
/// Java map (recordings of service calls and Map outputs show it).
pub(super) fn json_path(node: &Node) -> Result<Template, BuildError> {
    match &node.value {
        NodeValue::Object(members) => {
            let mut parts = Vec::with_capacity(members.len());
            let (mut names, mut holes) = (Vec::new(), Vec::new());
            for member in members {
                match member.key.strip_suffix(".$") {
                    Some(name) => {
                        names.push(Arc::from(name));
                        holes.push(Some(hole(&member.key, &member.value)?));
                    }
                    None => parts.push((member.key.clone(), json_path(&member.value)?)),
                }
            }
            for at in java_map_order(&names) {
                if let (Some(name), Some(hole)) = (names.get(at), holes.get_mut(at).and_then(Option::take)) {
                    parts.push((name.clone(), hole));
                }
            }
            Ok(object(parts))
        }
        NodeValue::Array(items) => Ok(array(items.iter().map(json_path).collect::<Result<_, _>>()?)),
        _ => Ok(Template::Constant(plain(node))),
    }
}

fn hole(field: &Arc<str>, node: &Node) -> Result<Template, BuildError> {
    let refused = |why: String| {
        BuildError::new(
            node,
            format!("`{field}` must be a path or an intrinsic function: {why}"),
        )
    };
    let text = node
        .as_str()
        .ok_or_else(|| refused("it is no string".to_owned()))?;
    if text.starts_with('$') {
        let query = Query::parse(text).map_err(|error| refused(error.to_string()))?;
        Ok(Template::Query {
            query,
            field: field.clone(),
        })
    } else {
        Call::parse(text)
            .map(Template::Call)
            .map_err(|error| refused(error.to_string()))
    }
}

/// A JSONata template: strings in `{% … %}` are holes.
pub(super) fn jsonata(node: &Node) -> Result<Template, BuildError> {
    match &node.value {
        NodeValue::Object(members) => {
            let mut parts = Vec::with_capacity(members.len());
            for member in members {
                parts.push((member.key.clone(), jsonata(&member.value)?));
            }
            Ok(object(parts))
        }
        NodeValue::Array(items) => Ok(array(items.iter().map(jsonata).collect::<Result<_, _>>()?)),
        NodeValue::String(text) => match Expression::of_field(text) {
            Some(expression) => expression
                .map(Template::Computed)
                .map_err(|error| BuildError::new(node, error.to_string())),
            None => Ok(Template::Constant(plain(node))),
        },
        _ => Ok(Template::Constant(plain(node))),
    }
}

fn object(parts: Vec<(Arc<str>, Template)>) -> Template {
    let mut constant = Object::with_capacity(parts.len());
    for (key, part) in &parts {
        match part {
            Template::Constant(value) => constant.insert(key.clone(), value.clone()),
            _ => return Template::Object(parts),
        }
    }
    Template::Constant(Json::object(constant))
}

fn array(parts: Vec<Template>) -> Template {
    let mut constant = Vec::with_capacity(parts.len());
    for part in &parts {
        match part {
            Template::Constant(value) => constant.push(value.clone()),
            _ => return Template::Array(parts),
        }
    }
    Template::Constant(Json::array(constant))
}
