//! Reference Paths: those that name one place (`$.a['b'][0]`). `ResultPath` writes there.

use std::sync::Arc;

use super::{Path, Segment};
use crate::json::{Json, Object};

/// A path of keys and indexes only.
#[derive(Clone, Debug)]
pub struct ReferencePath {
    text: Arc<str>,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Key(Arc<str>),
    Index(usize),
}

/// Why a text is not a reference path, or a value could not be put at one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferencePathError {
    /// The text is no path at all, or one that can name several places.
    #[error("`{0}` is not a reference path")]
    NotAReference(String),
    /// The input has something else than an object (or array) on the way.
    #[error("unable to apply step \"{step}\" to input")]
    Unreachable {
        /// The key or index that could not be applied.
        step: String,
    },
}

impl ReferencePath {
    /// Compiles `text`.
    pub fn parse(text: &str) -> Result<ReferencePath, ReferencePathError> {
        let refused = || ReferencePathError::NotAReference(text.to_owned());
        if !text.starts_with('$') {
            return Err(refused());
        }
        let path = Path::parse(text).map_err(|_| refused())?;
        let steps = path
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => Ok(Step::Key(key.clone())),
                Segment::Index(index) => usize::try_from(*index).map(Step::Index).map_err(|_| refused()),
                _ => Err(refused()),
            })
            .collect::<Result<_, _>>()?;
        Ok(ReferencePath {
            text: text.into(),
            steps,
        })
    }

    /// The path as written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether it is `$`.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// `base` with `value` at this place; missing objects on the way are made. Shares everything off the way.
    pub fn put(&self, base: &Json, value: Json) -> Result<Json, ReferencePathError> {
        put(base, &self.steps, value)
    }
}

fn put(base: &Json, steps: &[Step], value: Json) -> Result<Json, ReferencePathError> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(value);
    };
    match (step, base) {
        (Step::Key(key), Json::Object(object)) => {
            let member = put(object.get(key).unwrap_or(&Json::Null), rest, value)?;
            let mut object = Object::clone(object);
            object.insert(key.clone(), member);
            Ok(Json::object(object))
        }
        (Step::Key(key), Json::Null) => {
            let mut object = Object::with_capacity(1);
            object.insert(key.clone(), put(&Json::Null, rest, value)?);
            Ok(Json::object(object))
        }
        (Step::Index(index), Json::Array(items)) => match items.get(*index) {
            Some(item) => {
                let item = put(item, rest, value)?;
                let items = items.iter().enumerate();
                Ok(Json::array(
                    items
                        .map(|(at, old)| if at == *index { item.clone() } else { old.clone() })
                        .collect(),
                ))
            }
            None => Err(unreachable_step(step)),
        },
        (Step::Key(_) | Step::Index(_), _) => Err(unreachable_step(step)),
    }
}

fn unreachable_step(step: &Step) -> ReferencePathError {
    let step = match step {
        Step::Key(key) => key.to_string(),
        Step::Index(index) => index.to_string(),
    };
    ReferencePathError::Unreachable { step }
}
