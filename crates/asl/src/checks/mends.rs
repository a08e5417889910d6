//! A fix while the rules are at work: rules know spans, not pointers. It is written out as JSON Patch only for findings that
//! are told.

use serde_json::Value;

use crate::diagnostic::{Confidence, Fix, PatchOperation};
use crate::json::spanned::{Node, NodeValue, Span};

/// What to change, in spans of the tree. Spans stay those of the text as it is, so edits of inner values come before edits of
/// what they are in, and later elements of an array before earlier ones.
#[derive(Debug)]
pub(super) struct Mend {
    title: String,
    confidence: Confidence,
    edits: Vec<Edit>,
}

#[derive(Debug)]
enum Edit {
    Rename { value: Span, key: String },
    Replace { at: Span, value: Value },
    Add { object: Span, key: String, value: Value },
    Append { array: Span, value: Value },
    Remove { at: Span },
    MoveLast { at: Span },
}

impl Mend {
    /// A mend without another reading.
    pub(super) fn certain(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            confidence: Confidence::Certain,
            edits: Vec::new(),
        }
    }

    /// A good guess.
    pub(super) fn likely(title: impl Into<String>) -> Self {
        Self {
            confidence: Confidence::Likely,
            ..Self::certain(title)
        }
    }

    /// A near miss: certain where only the case differs.
    pub(super) fn slip(title: impl Into<String>, written: &str, meant: &str) -> Self {
        if written.eq_ignore_ascii_case(meant) {
            Self::certain(title)
        } else {
            Self::likely(title)
        }
    }

    /// Another key for the member whose value this is.
    pub(super) fn rename(mut self, value: &Node, key: impl Into<String>) -> Self {
        self.edits.push(Edit::Rename {
            value: value.span,
            key: key.into(),
        });
        self
    }

    /// Another value in the place of this one.
    pub(super) fn replace(self, node: &Node, value: impl Into<Value>) -> Self {
        self.replace_at(node.span, value)
    }

    /// As [`Mend::replace`], by the value's span.
    pub(super) fn replace_at(mut self, at: Span, value: impl Into<Value>) -> Self {
        self.edits.push(Edit::Replace {
            at,
            value: value.into(),
        });
        self
    }

    /// A new member of this object.
    pub(super) fn add(mut self, object: &Node, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.edits.push(Edit::Add {
            object: object.span,
            key: key.into(),
            value: value.into(),
        });
        self
    }

    /// A new last element of this array.
    pub(super) fn append(mut self, array: &Node, value: impl Into<Value>) -> Self {
        self.edits.push(Edit::Append {
            array: array.span,
            value: value.into(),
        });
        self
    }

    /// Takes away the member or element whose value this is.
    pub(super) fn remove(mut self, node: &Node) -> Self {
        self.edits.push(Edit::Remove { at: node.span });
        self
    }

    /// Puts an element of an array behind the others.
    pub(super) fn move_last(mut self, element: &Node) -> Self {
        self.edits.push(Edit::MoveLast { at: element.span });
        self
    }

    /// As JSON Patch; `None` where it would overwrite what is there.
    pub(super) fn resolve(self, root: &Node) -> Option<Fix> {
        let patch: Option<Vec<_>> = self.edits.into_iter().map(|edit| operation(root, edit)).collect();
        let patch = patch.filter(|patch| !patch.is_empty())?;
        Some(Fix {
            title: self.title,
            confidence: self.confidence,
            patch,
        })
    }
}

fn operation(root: &Node, edit: Edit) -> Option<PatchOperation> {
    Some(match edit {
        Edit::Rename { value, key } => {
            let found = find(root, value)?;
            PatchOperation::Move {
                path: new_member(found.holder?, &found.holder_pointer, &key)?,
                from: found.pointer,
            }
        }
        Edit::Replace { at, value } => PatchOperation::Replace {
            path: find(root, at)?.pointer,
            value,
        },
        Edit::Add { object, key, value } => {
            let found = find(root, object)?;
            PatchOperation::Add {
                path: new_member(found.node, &found.pointer, &key)?,
                value,
            }
        }
        Edit::Append { array, value } => PatchOperation::Add {
            path: format!("{}/-", find(root, array)?.pointer),
            value,
        },
        Edit::Remove { at } => PatchOperation::Remove {
            path: find(root, at)?.pointer,
        },
        Edit::MoveLast { at } => {
            let found = find(root, at)?;
            let last = found.holder?.as_array()?.len().checked_sub(1)?;
            PatchOperation::Move {
                from: found.pointer,
                path: format!("{}/{last}", found.holder_pointer),
            }
        }
    })
}

/// A value as it stands in the tree.
pub(super) fn value_of(node: &Node) -> Value {
    match &node.value {
        NodeValue::Null => Value::Null,
        NodeValue::Bool(value) => Value::Bool(*value),
        NodeValue::Number(number) => Value::Number(number.clone()),
        NodeValue::String(text) => Value::from(&**text),
        NodeValue::Array(nodes) => nodes.iter().map(value_of).collect(),
        NodeValue::Object(members) => {
            let members = members
                .iter()
                .map(|member| (member.key.to_string(), value_of(&member.value)));
            Value::Object(members.collect())
        }
    }
}

/// The pointer of a member that is to be; `None` where there is one of that name.
fn new_member(object: &Node, pointer: &str, key: &str) -> Option<String> {
    if object.as_object()?.iter().any(|member| &*member.key == key) {
        return None;
    }
    let mut path = pointer.to_owned();
    push_token(&mut path, key);
    Some(path)
}

struct Found<'n> {
    node: &'n Node,
    pointer: String,
    holder: Option<&'n Node>,
    holder_pointer: String,
}

/// The value that has a span: spans of values lie within one another, so there is one way down. `None` also where a key on
/// the way is written twice: a pointer could mean either.
fn find(root: &Node, span: Span) -> Option<Found<'_>> {
    let mut found = Found {
        node: root,
        pointer: String::new(),
        holder: None,
        holder_pointer: String::new(),
    };
    while found.node.span != span {
        let before = found.pointer.len();
        let next = match &found.node.value {
            NodeValue::Object(members) => {
                let index = members.partition_point(|member| member.value.span.end < span.end);
                let member = members.get(index)?;
                if members.iter().filter(|other| other.key == member.key).count() > 1 {
                    return None;
                }
                push_token(&mut found.pointer, &member.key);
                &member.value
            }
            NodeValue::Array(nodes) => {
                let index = nodes.partition_point(|node| node.span.end < span.end);
                push_token(&mut found.pointer, &index.to_string());
                nodes.get(index)?
            }
            NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => {
                return None;
            }
        };
        if next.span.start > span.start {
            return None;
        }
        found.holder_pointer = found.pointer.get(..before)?.to_owned();
        found.holder = Some(found.node);
        found.node = next;
    }
    Some(found)
}

fn push_token(pointer: &mut String, key: &str) {
    pointer.push('/');
    for c in key.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::spanned;

    fn patch(text: &str, mend: impl Fn(&Node) -> Mend) -> Option<String> {
        let root = spanned::parse(text).unwrap();
        let fix = mend(&root).resolve(&root)?;
        Some(serde_json::to_string(&fix.patch).unwrap())
    }

    #[test]
    fn edits_become_pointers_with_their_keys_escaped() {
        let text = r#"{"a/b": {"c~": [1, {"d": 2}]}}"#;
        let list = |root: &Node| root.get("a/b").unwrap().get("c~").unwrap().clone();
        let element = |root: &Node, index: usize| list(root).as_array().unwrap()[index].clone();
        assert_eq!(
            patch(text, |root| Mend::certain("")
                .rename(element(root, 1).get("d").unwrap(), "e"))
            .unwrap(),
            r#"[{"op":"move","from":"/a~1b/c~0/1/d","path":"/a~1b/c~0/1/e"}]"#
        );
        assert_eq!(
            patch(text, |root| Mend::certain("").move_last(&element(root, 0))).unwrap(),
            r#"[{"op":"move","from":"/a~1b/c~0/0","path":"/a~1b/c~0/1"}]"#
        );
        assert_eq!(
            patch(text, |root| Mend::certain("")
                .append(&list(root), 3)
                .remove(&element(root, 0)))
            .unwrap(),
            r#"[{"op":"add","path":"/a~1b/c~0/-","value":3},{"op":"remove","path":"/a~1b/c~0/0"}]"#
        );
        assert_eq!(
            patch(text, |root| Mend::certain("")
                .add(root, "x", true)
                .replace(root.get("a/b").unwrap(), "y"))
            .unwrap(),
            r#"[{"op":"add","path":"/x","value":true},{"op":"replace","path":"/a~1b","value":"y"}]"#
        );
    }

    #[test]
    fn nothing_that_is_there_is_overwritten_and_nothing_ambiguous_is_touched() {
        let first = |root: &Node| root.as_object().unwrap()[0].value.clone();
        assert_eq!(
            patch(r#"{"a": 1, "A": 2}"#, |root| Mend::certain("")
                .rename(&first(root), "A")),
            None
        );
        assert_eq!(
            patch(r#"{"a": 1, "a": 2}"#, |root| Mend::certain("")
                .replace(&first(root), 3)),
            None
        );
    }
}
