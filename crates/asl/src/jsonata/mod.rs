//! JSONata, behind this one module: nothing else names the library.
//!
//! An [`Expression`] is compiled once. Evaluating it converts only what it mentions: of `$states` the members named, of the
//! variables those that occur. Depth, time, sequences and output are bounded.

mod added;
mod convert;
mod evaluate;
mod functions;
mod mentions;
pub mod references;
#[cfg(test)]
mod suite;
pub mod syntax;
mod wording;

use std::fmt;
use std::sync::Arc;

use jsonata_core::ast::AstNode;

pub use evaluate::{ExpressionError, Surroundings};
pub use mentions::Mentions;
pub use syntax::ExpressionSyntaxError;

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    ast: Arc<AstNode>,
    mentions: Arc<Mentions>,
}

impl Expression {
    /// Compiles `text` (without `{%` and `%}`).
    pub fn parse(text: &str) -> Result<Expression, ExpressionSyntaxError> {
        let text = text.trim();
        let ast = syntax::parse(text)?;
        Ok(Expression {
            text: text.into(),
            ast: Arc::new(ast),
            mentions: Arc::new(Mentions::of(text)),
        })
    }

    /// The expression in a field's string; `None` for a string that is not `{% … %}`.
    pub fn of_field(text: &str) -> Option<Result<Expression, ExpressionSyntaxError>> {
        let inner = text.strip_prefix("{%")?.strip_suffix("%}")?;
        Some(Expression::parse(inner))
    }

    /// The expression as written, without blanks around it.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// What it looks into.
    pub fn mentions(&self) -> &Mentions {
        &self.mentions
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{% {} %}}", self.text)
    }
}
