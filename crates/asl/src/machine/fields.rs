//! Reading fields of a state: present or absent, of the right form, compiled.

use std::sync::Arc;

use super::BuildError;
use super::state::{Amount, Placement, Selection};
use crate::json::spanned::{Node, NodeValue};
use crate::jsonata::Expression;
use crate::paths::{Query, ReferencePath};

pub(super) fn text(node: &Node) -> Result<Arc<str>, BuildError> {
    match &node.value {
        NodeValue::String(text) => Ok(text.clone()),
        _ => Err(BuildError::new(node, "a string is wanted here".to_owned())),
    }
}

pub(super) fn query(node: &Node) -> Result<Query, BuildError> {
    let text = text(node)?;
    Query::parse(&text).map_err(|error| BuildError::new(node, format!("`{text}` is not a path: {error}")))
}

pub(super) fn expression(node: &Node) -> Result<Option<Expression>, BuildError> {
    match node.as_str().and_then(Expression::of_field) {
        None => Ok(None),
        Some(Ok(expression)) => Ok(Some(expression)),
        Some(Err(error)) => Err(BuildError::new(node, error.to_string())),
    }
}

/// `InputPath`, `OutputPath`.
pub(super) fn selection(state: &Node, key: &str) -> Result<Selection, BuildError> {
    match state.get(key) {
        None => Ok(Selection::Whole),
        Some(node) if matches!(node.value, NodeValue::Null) => Ok(Selection::Nothing),
        Some(node) => {
            let query = query(node)?;
            if query.path.is_root() && query.root == crate::paths::Root::Input {
                Ok(Selection::Whole)
            } else {
                Ok(Selection::At(query))
            }
        }
    }
}

/// `ResultPath`.
pub(super) fn placement(state: &Node) -> Result<Placement, BuildError> {
    match state.get("ResultPath") {
        None => Ok(Placement::Replace),
        Some(node) if matches!(node.value, NodeValue::Null) => Ok(Placement::Discard),
        Some(node) => {
            let path = ReferencePath::parse(&text(node)?)
                .map_err(|error| BuildError::new(node, error.to_string()))?;
            Ok(if path.is_root() {
                Placement::Replace
            } else {
                Placement::At(path)
            })
        }
    }
}

/// `TimeoutSeconds` or `TimeoutSecondsPath` and the like; in JSONata the plain name may hold an expression.
pub(super) fn amount(state: &Node, key: &str) -> Result<Option<Amount>, BuildError> {
    if let Some(node) = state.get(key) {
        if let Some(expression) = expression(node)? {
            return Ok(Some(Amount::Computed(expression)));
        }
        let whole = whole(node)?;
        let fraction = node
            .as_number()
            .and_then(serde_json::Number::as_f64)
            .filter(|number| number.fract() != 0.0);
        return Ok(Some(fraction.map_or(Amount::Fixed(whole), Amount::Fraction)));
    }
    match state.get(&format!("{key}Path")) {
        Some(node) => Ok(Some(Amount::At(query(node)?))),
        None => Ok(None),
    }
}

/// A number that is not negative; a fraction is cut off.
pub(super) fn whole(node: &Node) -> Result<u64, BuildError> {
    let number = node.as_number().and_then(|number| match number.as_u64() {
        Some(whole) => Some(whole),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction is cut off; negatives were refused"
        )]
        None => number
            .as_f64()
            .filter(|float| *float >= 0.0)
            .map(|float| float as u64),
    });
    number.ok_or_else(|| BuildError::new(node, "a number that is not negative is wanted here".to_owned()))
}

pub(super) fn texts(node: Option<&Node>) -> Result<Vec<Arc<str>>, BuildError> {
    node.and_then(Node::as_array)
        .unwrap_or_default()
        .iter()
        .map(text)
        .collect()
}
