//! A path as a state writes it: on its input, on the context object, or on a variable.

use std::sync::Arc;

use super::{Path, PathSyntaxError};

/// A compiled path and what it starts from.
#[derive(Clone, Debug)]
pub struct Query {
    /// What it looks into.
    pub root: Root,
    /// Where it looks.
    pub path: Path,
    /// As written, with `$$` or `$name`.
    pub text: Arc<str>,
}

/// What a query looks into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// `$`: the input (or the result, where the field says so).
    Input,
    /// `$$`: the context object.
    Context,
    /// `$name`: a variable.
    Variable(Arc<str>),
}

impl Query {
    /// Compiles `text`, which starts with `$`.
    pub fn parse(text: &str) -> Result<Query, PathSyntaxError> {
        let Some(rest) = text.strip_prefix('$') else {
            return Err(PathSyntaxError(format!("`{text}` does not start with `$`")));
        };
        let (root, rest) = if let Some(rest) = rest.strip_prefix('$') {
            (Root::Context, rest)
        } else {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            match rest.split_at_checked(end) {
                Some(("", rest)) => (Root::Input, rest),
                Some((name, rest)) => (Root::Variable(name.into()), rest),
                None => (Root::Input, rest),
            }
        };
        Ok(Query {
            root,
            path: Path::parse(&format!("${rest}"))?,
            text: text.into(),
        })
    }
}
