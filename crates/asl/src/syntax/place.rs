//! Where in a definition something stands: kept as a chain on the stack while walking, written out as AWS
//! writes it (`/States/A/Choices[0]/Next`) only when there is something to say.

use std::fmt::Write as _;

use crate::json::spanned::{Member, Node, Span};

/// One place, and the way to it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    up: Option<&'p Place<'p>>,
    step: Step<'p>,
    /// What to show for a fault of the thing as a whole: the value of a field, the name of a state.
    pub span: Span,
    /// What to show for a fault of its being there at all: its key.
    pub key_span: Span,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    /// A way already written out: empty at the top, else `/States/M/ItemProcessor`.
    Written(&'p str),
    Key(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    /// A scope or the definition: `written` is the way to it, empty for the top.
    pub fn written(written: &'p str, span: Span) -> Self {
        Self {
            up: None,
            step: Step::Written(written),
            span,
            key_span: span,
        }
    }

    /// A member of the object here.
    #[must_use]
    pub fn member(&'p self, member: &'p Member) -> Place<'p> {
        Place {
            up: Some(self),
            step: Step::Key(&member.key),
            span: member.value.span,
            key_span: member.key_span,
        }
    }

    /// An element of the array here.
    #[must_use]
    pub fn element(&'p self, index: usize, node: &'p Node) -> Place<'p> {
        Place {
            up: Some(self),
            step: Step::Index(index),
            span: node.span,
            key_span: node.span,
        }
    }

    /// The same place, shown by its key: for objects whose value runs over many lines.
    #[must_use]
    pub fn shown_by_key(mut self) -> Self {
        self.span = self.key_span;
        self
    }

    /// The key this place hangs on; `None` for elements of arrays and whole scopes.
    pub fn key(&self) -> Option<&'p str> {
        match self.step {
            Step::Key(key) => Some(key),
            Step::Index(_) | Step::Written(_) => None,
        }
    }

    /// The way from the top, as AWS writes it; `/` for the top itself.
    pub fn location(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        if text.is_empty() { "/".to_owned() } else { text }
    }

    fn write(&self, text: &mut String) {
        if let Some(up) = self.up {
            up.write(text);
        }
        match self.step {
            Step::Written(written) => text.push_str(written),
            Step::Key(key) => {
                text.push('/');
                text.push_str(key);
            }
            Step::Index(index) => {
                // Writing to a String cannot fail.
                let _ = write!(text, "[{index}]");
            }
        }
    }
}
