//! A mend a machine can make: JSON Patch (RFC 6902) against the definition that was checked.

use serde::Serialize;
use serde_json::Value;

/// What to change so that a finding goes away.
///
/// The patch's pointers are those of the definition as it was checked. Two fixes can touch the same place: apply one and
/// check again, or apply together only fixes whose pointers do not lie within one another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What it does, in the imperative: `Rename "Iterator" to "ItemProcessor"`.
    pub title: String,
    /// Whether a machine may apply it unasked.
    pub confidence: Confidence,
    /// The operations, in order. Never empty.
    pub patch: Vec<PatchOperation>,
}

/// How sure it is that a fix is what the author wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// There is no other reading, or the definition means the same afterwards, or AWS recommends exactly this.
    Certain,
    /// A good guess: show it, and apply it when asked to.
    Likely,
}

/// One operation of a patch. Pointers are JSON Pointers (RFC 6901), `~` and `/` in keys escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum PatchOperation {
    /// A new member, a new element before the one named, or (`-`) after the last.
    Add {
        /// Where it will be.
        path: String,
        /// What it will be.
        value: Value,
    },
    /// Takes a member or an element away.
    Remove {
        /// What goes.
        path: String,
    },
    /// Another value for a member or an element.
    Replace {
        /// What is replaced.
        path: String,
        /// By what.
        value: Value,
    },
    /// A key's new name within the same object, or another position in the same array.
    Move {
        /// Where it is.
        from: String,
        /// Where it will be, once it has been taken away.
        path: String,
    },
}
