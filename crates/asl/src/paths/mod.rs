//! JSONPath as AWS has it, which is Jayway's (RFC 9535 differs in many answers): compiled once, evaluated on shared trees.
//!
//! - A *definite* path (keys, indexes, functions) gives the bare value, and fails where nothing is there.
//! - Any other gives a list, empty where nothing is there.
//! - `['a','b']` gives an object of these keys; a slice's step is ignored; `==` compares a number with a string's number.
//!
//! [`Query`] is a path as states write it: on the input (`$`), the context object (`$$`) or a variable (`$name`).
//! [`ReferencePath`] is the narrower form that names one place (`ResultPath`).

mod filter;
mod find;
mod function;
mod parse;
mod query;
mod reference;

use std::sync::Arc;

pub use parse::PathSyntaxError;
pub use query::{Query, Root};
pub use reference::{ReferencePath, ReferencePathError};

use filter::Filter;
use function::Function;

/// A compiled path.
#[derive(Clone, Debug)]
pub struct Path {
    text: Arc<str>,
    segments: Vec<Segment>,
    definite: bool,
}

/// Why a definite path has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathNotFound(pub String);

#[derive(Clone, Debug)]
enum Segment {
    Key(Arc<str>),
    Keys(Vec<Arc<str>>),
    Index(i64),
    Indexes(Vec<i64>),
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    /// `..`: the value and everything below it; what follows is applied to each.
    Descend,
    Filter(Box<Filter>),
    Function(Box<Function>),
}

impl Path {
    /// The path as written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether it names at most one value.
    pub fn is_definite(&self) -> bool {
        self.definite
    }

    /// Whether it is `$`.
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }
}
