//! A Choice's rules.

use std::sync::Arc;

use serde_json::Number;

use super::state::Assign;
use super::template::Template;
use super::{BuildError, StateIx};
use crate::json::spanned::{Node, NodeValue};
use crate::jsonata::Expression;
use crate::paths::Query;

/// One of `Choices`.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) test: Test,
    pub(crate) next: StateIx,
    pub(crate) assign: Assign,
    pub(crate) output: Option<Template>,
}

#[derive(Debug)]
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Compare(Box<Comparison>),
    Condition(Box<Expression>),
}

#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) variable: Query,
    pub(crate) operator: Operator,
}

#[derive(Debug)]
pub(crate) enum Operator {
    IsNull(bool),
    IsPresent(bool),
    IsNumeric(bool),
    IsString(bool),
    IsBoolean(bool),
    IsTimestamp(bool),
    StringMatches(Arc<str>),
    BooleanEquals(Operand<bool>),
    String(Order, Operand<Arc<str>>),
    Numeric(Order, Operand<Number>),
    Timestamp(Order, Operand<TimestampText>),
}

/// How the two sides must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

impl Order {
    pub(crate) fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Order::Equals => ordering.is_eq(),
            Order::LessThan => ordering.is_lt(),
            Order::LessThanEquals => ordering.is_le(),
            Order::GreaterThan => ordering.is_gt(),
            Order::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

/// A timestamp as written; compared as a moment.
#[derive(Clone, Debug)]
pub(crate) struct TimestampText(pub(crate) Arc<str>);

/// The right side: written down, or at a path (`…Path`).
#[derive(Debug)]
pub(crate) enum Operand<T> {
    Fixed(T),
    At(Query),
}

/// The test of a rule, at its top or inside `And`, `Or`, `Not`.
pub(super) fn test(node: &Node) -> Result<Test, BuildError> {
    if let Some(parts) = node.get("And").and_then(Node::as_array) {
        return Ok(Test::All(parts.iter().map(test).collect::<Result<_, _>>()?));
    }
    if let Some(parts) = node.get("Or").and_then(Node::as_array) {
        return Ok(Test::Any(parts.iter().map(test).collect::<Result<_, _>>()?));
    }
    if let Some(inner) = node.get("Not") {
        return Ok(Test::Not(Box::new(test(inner)?)));
    }
    if let Some(condition) = node.get("Condition") {
        return condition_test(condition);
    }
    let variable = node
        .get("Variable")
        .ok_or_else(|| BuildError::new(node, "a choice rule needs `Variable` or `Condition`".to_owned()))?;
    let variable = query(variable)?;
    for member in node.as_object().unwrap_or_default() {
        if let Some(operator) = operator(&member.key, &member.value)? {
            return Ok(Test::Compare(Box::new(Comparison { variable, operator })));
        }
    }
    Err(BuildError::new(
        node,
        "a choice rule needs a comparison".to_owned(),
    ))
}

fn condition_test(node: &Node) -> Result<Test, BuildError> {
    let text = match &node.value {
        NodeValue::Bool(value) => format!("{{% {value} %}}"),
        NodeValue::String(text) => text.to_string(),
        _ => {
            return Err(BuildError::new(
                node,
                "`Condition` must be a JSONata expression".to_owned(),
            ));
        }
    };
    match Expression::of_field(&text) {
        Some(Ok(expression)) => Ok(Test::Condition(Box::new(expression))),
        Some(Err(error)) => Err(BuildError::new(node, error.to_string())),
        None => Err(BuildError::new(
            node,
            "`Condition` must be a JSONata expression".to_owned(),
        )),
    }
}

fn query(node: &Node) -> Result<Query, BuildError> {
    let text = node.as_str().unwrap_or_default();
    Query::parse(text).map_err(|error| BuildError::new(node, format!("`{text}` is not a path: {error}")))
}

/// `None` for members that are no comparison (`Next`, `Comment`, …).
fn operator(key: &str, node: &Node) -> Result<Option<Operator>, BuildError> {
    let wrong = || BuildError::new(node, format!("`{key}` has a value of the wrong type"));
    let flag = || node.as_bool().ok_or_else(wrong);
    let text = || match &node.value {
        NodeValue::String(text) => Ok(text.clone()),
        _ => Err(wrong()),
    };
    Ok(Some(match key {
        "IsNull" => Operator::IsNull(flag()?),
        "IsPresent" => Operator::IsPresent(flag()?),
        "IsNumeric" => Operator::IsNumeric(flag()?),
        "IsString" => Operator::IsString(flag()?),
        "IsBoolean" => Operator::IsBoolean(flag()?),
        "IsTimestamp" => Operator::IsTimestamp(flag()?),
        "StringMatches" => Operator::StringMatches(text()?),
        "BooleanEquals" => Operator::BooleanEquals(Operand::Fixed(flag()?)),
        "BooleanEqualsPath" => Operator::BooleanEquals(Operand::At(query(node)?)),
        _ => {
            let (name, from_path) = match key.strip_suffix("Path") {
                Some(name) => (name, true),
                None => (key, false),
            };
            let Some((kind, order)) = ["String", "Numeric", "Timestamp"]
                .iter()
                .find_map(|kind| Some((*kind, order(name.strip_prefix(kind)?)?)))
            else {
                return Ok(None);
            };
            match (kind, from_path) {
                ("String", true) => Operator::String(order, Operand::At(query(node)?)),
                ("String", false) => Operator::String(order, Operand::Fixed(text()?)),
                ("Numeric", true) => Operator::Numeric(order, Operand::At(query(node)?)),
                ("Numeric", false) => {
                    Operator::Numeric(order, Operand::Fixed(node.as_number().ok_or_else(wrong)?.clone()))
                }
                (_, true) => Operator::Timestamp(order, Operand::At(query(node)?)),
                (_, false) => Operator::Timestamp(order, Operand::Fixed(TimestampText(text()?))),
            }
        }
    }))
}

fn order(name: &str) -> Option<Order> {
    Some(match name {
        "Equals" => Order::Equals,
        "LessThan" => Order::LessThan,
        "LessThanEquals" => Order::LessThanEquals,
        "GreaterThan" => Order::GreaterThan,
        "GreaterThanEquals" => Order::GreaterThanEquals,
        _ => return None,
    })
}
