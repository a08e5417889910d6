//! A JSON Patch applied to a JSON text: what the patch does not name keeps its order and its layout, to the byte.

use super::layout::{self, Layout};
use crate::diagnostic::PatchOperation;
use crate::json::spanned::{self, Node, NodeValue, Span, SyntaxError};

/// Why a patch can't be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is not JSON.
    #[error("the text is not JSON")]
    Syntax(#[from] SyntaxError),
    /// A pointer leads nowhere.
    #[error("there is nothing at `{pointer}`")]
    NoSuchPlace {
        /// The pointer.
        pointer: String,
    },
    /// The whole text can't be taken away or moved.
    #[error("the whole text can't be taken away or moved")]
    Root,
}

/// Applies a patch (RFC 6902) to a JSON text. Reading the answer gives what applying the patch to the read text gives.
pub fn edit(text: &str, patch: &[PatchOperation]) -> Result<String, EditError> {
    let mut text = text.to_owned();
    for operation in patch {
        text = apply(&text, operation)?;
    }
    Ok(text)
}

fn apply(text: &str, operation: &PatchOperation) -> Result<String, EditError> {
    let root = spanned::parse(text)?;
    let layout = Layout::of(text, &root);
    match operation {
        PatchOperation::Add { path, .. } | PatchOperation::Remove { path } if path.is_empty() => {
            match operation {
                PatchOperation::Add { value, .. } => {
                    Ok(splice(text, root.span, &layout.replacement(text, &root, value)))
                }
                _ => Err(EditError::Root),
            }
        }
        PatchOperation::Add { path, value } => {
            let (parent, key) = holder(&root, path)?;
            let raw = layout.value(text, parent, value);
            add(text, &layout, parent, &key, &raw, path)
        }
        PatchOperation::Remove { path } => remove(text, &root, path),
        PatchOperation::Replace { path, value } => {
            let node = find(&root, path)?;
            Ok(splice(text, node.span, &layout.replacement(text, node, value)))
        }
        PatchOperation::Move { from, path } => move_to(text, &root, from, path),
    }
}

fn move_to(text: &str, root: &Node, from: &str, path: &str) -> Result<String, EditError> {
    if from.is_empty() || path.is_empty() {
        return Err(EditError::Root);
    }
    let node = find(root, from)?;
    if from == path {
        return Ok(text.to_owned());
    }
    let (holder_from, key_from) = holder(root, from)?;
    let (parent_pointer, _) = path.rsplit_once('/').unwrap_or_default();
    let stays = from
        .rsplit_once('/')
        .is_some_and(|(parent, _)| parent == parent_pointer);
    if stays && holder_from.as_object().is_some() {
        let (_, key) = holder(root, path)?;
        if let Some(member) = holder_from.member(&key_from)
            && holder_from.member(&key).is_none()
        {
            return Ok(splice(text, member.key_span, &layout::quoted(&key)));
        }
    }
    let raw = text
        .get(node.span.start..node.span.end)
        .unwrap_or_default()
        .to_owned();
    let without = remove(text, root, from)?;
    let root = spanned::parse(&without)?;
    let (parent, key) = holder(&root, path)?;
    add(&without, &Layout::of(&without, &root), parent, &key, &raw, path)
}

fn add(
    text: &str,
    layout: &Layout,
    parent: &Node,
    key: &str,
    raw: &str,
    pointer: &str,
) -> Result<String, EditError> {
    let children = layout::children(text, parent);
    let spans = layout::child_spans(parent);
    let child = match &parent.value {
        NodeValue::Object(_) => {
            if let Some(member) = parent.member(key) {
                return Ok(splice(text, member.value.span, raw));
            }
            format!("{}{raw}", layout.key(key))
        }
        NodeValue::Array(nodes) => {
            let index = if key == "-" {
                nodes.len()
            } else {
                index(key).ok_or_else(|| nowhere(pointer))?
            };
            if let Some(next) = spans.get(index) {
                let inserted = format!("{raw}{}", layout.separator(children));
                let at = Span {
                    start: next.start,
                    end: next.start,
                };
                return Ok(splice(text, at, &inserted));
            }
            if index > nodes.len() {
                return Err(nowhere(pointer));
            }
            raw.to_owned()
        }
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => {
            return Err(nowhere(pointer));
        }
    };
    Ok(match spans.last() {
        None => splice(text, parent.span, &layout.first_child(text, parent, &child)),
        Some(last) => {
            let at = Span {
                start: last.end,
                end: last.end,
            };
            splice(text, at, &format!("{}{child}", layout.separator(children)))
        }
    })
}

fn remove(text: &str, root: &Node, pointer: &str) -> Result<String, EditError> {
    let (parent, key) = holder(root, pointer)?;
    let node = find(root, pointer)?;
    let spans = layout::child_spans(parent);
    // The member of a key that is written twice: the one that counts.
    let at = spans
        .iter()
        .position(|span| span.end == node.span.end)
        .ok_or_else(|| nowhere(pointer))?;
    let span = |index: usize| spans.get(index).copied();
    let gone = match (at.checked_sub(1).and_then(span), span(at), span(at + 1)) {
        (_, Some(child), Some(next)) => Span {
            start: child.start,
            end: next.start,
        },
        (Some(before), Some(child), None) => Span {
            start: before.end,
            end: child.end,
        },
        _ => Span {
            start: parent.span.start + 1,
            end: parent.span.end - 1,
        },
    };
    let text = splice(text, gone, "");
    // An earlier member of the same key would count now.
    match parent.as_object() {
        Some(members) if members.iter().filter(|member| *member.key == *key).count() > 1 => {
            let root = spanned::parse(&text)?;
            remove(&text, &root, pointer)
        }
        _ => Ok(text),
    }
}

fn splice(text: &str, span: Span, with: &str) -> String {
    let before = text.get(..span.start).unwrap_or_default();
    let after = text.get(span.end..).unwrap_or_default();
    format!("{before}{with}{after}")
}

fn nowhere(pointer: &str) -> EditError {
    EditError::NoSuchPlace {
        pointer: pointer.to_owned(),
    }
}

/// What a pointer leads to.
fn find<'n>(root: &'n Node, pointer: &str) -> Result<&'n Node, EditError> {
    let mut node = root;
    if pointer.is_empty() {
        return Ok(node);
    }
    let tokens = pointer.strip_prefix('/').ok_or_else(|| nowhere(pointer))?;
    for token in tokens.split('/') {
        let key = unescaped(token);
        let next = match &node.value {
            NodeValue::Object(_) => node.get(&key),
            NodeValue::Array(nodes) => index(&key).and_then(|index| nodes.get(index)),
            NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => None,
        };
        node = next.ok_or_else(|| nowhere(pointer))?;
    }
    Ok(node)
}

/// The container that a pointer leads into, and the last part of the pointer.
fn holder<'n>(root: &'n Node, pointer: &str) -> Result<(&'n Node, String), EditError> {
    let (parent, last) = pointer.rsplit_once('/').ok_or(EditError::Root)?;
    Ok((find(root, parent)?, unescaped(last)))
}

/// RFC 6901, section 4: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with('0');
    if plain && token.bytes().all(|byte| byte.is_ascii_digit()) {
        token.parse().ok()
    } else {
        None
    }
}

fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn one(operation: Value) -> Vec<PatchOperation> {
        let text = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
        let value = operation["value"].clone();
        vec![match operation["op"].as_str().unwrap() {
            "add" => PatchOperation::Add {
                path: text("path"),
                value,
            },
            "remove" => PatchOperation::Remove { path: text("path") },
            "replace" => PatchOperation::Replace {
                path: text("path"),
                value,
            },
            _ => PatchOperation::Move {
                from: text("from"),
                path: text("path"),
            },
        }]
    }

    fn read(text: &str, patch: &[PatchOperation]) -> Value {
        serde_json::from_str(&edit(text, patch).unwrap()).unwrap()
    }

    fn edited(text: &str, operation: Value) -> String {
        edit(text, &one(operation)).unwrap()
    }

    #[test]
    fn a_member_is_written_as_its_siblings_are() {
        let lines = "{\n    \"a\": 1,\n    \"b\": {\n        \"c\": 2\n    }\n}\n";
        assert_eq!(
            edited(lines, json!({"op": "add", "path": "/b/d", "value": [{"e": 1}]})),
            "{\n    \"a\": 1,\n    \"b\": {\n        \"c\": 2,\n        \"d\": [\n            {\n                \"e\": 1\n            }\n        ]\n    }\n}\n"
        );
        assert_eq!(
            edited(
                r#"{"a":1}"#,
                json!({"op": "add", "path": "/b", "value": {"c": [1, 2]}})
            ),
            r#"{"a":1,"b":{"c":[1,2]}}"#
        );
        assert_eq!(
            edited(
                "{\r\n\t\"a\": {}\r\n}",
                json!({"op": "add", "path": "/a/b", "value": 1})
            ),
            "{\r\n\t\"a\": {\r\n\t\t\"b\": 1\r\n\t}\r\n}"
        );
    }

    #[test]
    fn a_renamed_key_stays_where_it_is() {
        assert_eq!(
            edited(
                r#"{ "x": [1,2 ,3], "y" : 0 }"#,
                json!({"op": "move", "from": "/x", "path": "/z"})
            ),
            r#"{ "z": [1,2 ,3], "y" : 0 }"#
        );
    }

    #[test]
    fn what_goes_takes_its_comma_along() {
        let text = "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}";
        let without = |key: &str| edited(text, json!({"op": "remove", "path": key}));
        assert_eq!(without("/a"), "{\n  \"b\": 2,\n  \"c\": 3\n}");
        assert_eq!(without("/b"), "{\n  \"a\": 1,\n  \"c\": 3\n}");
        assert_eq!(without("/c"), "{\n  \"a\": 1,\n  \"b\": 2\n}");
        assert_eq!(
            edited(r#"{"a": [ 1 ]}"#, json!({"op": "remove", "path": "/a/0"})),
            r#"{"a": []}"#
        );
    }

    #[test]
    fn an_element_moves_with_its_layout() {
        assert_eq!(
            edited(
                "[\n  {\"a\":  1},\n  2,\n  3\n]",
                json!({"op": "move", "from": "/0", "path": "/2"})
            ),
            "[\n  2,\n  3,\n  {\"a\":  1}\n]"
        );
    }

    #[test]
    fn a_pointer_that_leads_nowhere_is_named() {
        for operation in [
            json!({"op": "remove", "path": "/b"}),
            json!({"op": "replace", "path": "/a/0", "value": 1}),
            json!({"op": "add", "path": "/b/c", "value": 1}),
            json!({"op": "move", "from": "/c", "path": "/a"}),
        ] {
            let error = edit(r#"{"a": 1}"#, &one(operation.clone())).unwrap_err();
            assert!(
                matches!(error, EditError::NoSuchPlace { .. }),
                "{operation}: {error:?}"
            );
        }
        assert!(matches!(
            edit("{", &one(json!({"op": "remove", "path": "/a"}))),
            Err(EditError::Syntax(_))
        ));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c/~\"\\\\é]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c/~é]{0,2}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Every pointer of a value but the root's, and those where something can be added.
    fn pointers(value: &Value) -> (Vec<String>, Vec<String>) {
        fn walk(value: &Value, at: &str, there: &mut Vec<String>, free: &mut Vec<String>) {
            if !at.is_empty() {
                there.push(at.to_owned());
            }
            match value {
                Value::Array(items) => {
                    free.push(format!("{at}/-"));
                    for (index, item) in items.iter().enumerate() {
                        free.push(format!("{at}/{index}"));
                        walk(item, &format!("{at}/{index}"), there, free);
                    }
                }
                Value::Object(members) => {
                    free.push(format!("{at}/new~0~1"));
                    for (key, member) in members {
                        let key = key.replace('~', "~0").replace('/', "~1");
                        walk(member, &format!("{at}/{key}"), there, free);
                    }
                }
                _ => {}
            }
        }
        let (mut there, mut free) = (Vec::new(), Vec::new());
        walk(value, "", &mut there, &mut free);
        (there, free)
    }

    fn printed(value: &Value, style: u8) -> String {
        let pretty = format!("{value:#}");
        match style % 5 {
            0 => value.to_string(),
            1 => pretty,
            2 => pretty.replace("  ", "\t"),
            3 => pretty.replace('\n', "\r\n"),
            _ => format!("\n {} \n", value.to_string().replace(',', " , ")),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn editing_the_text_is_patching_the_value(
            value in any_value(), new in any_value(), style in any::<u8>(), pick in any::<(prop::sample::Index, prop::sample::Index, u8)>()
        ) {
            let text = printed(&value, style);
            // The style that spreads commas spreads those in strings, too.
            let value: Value = serde_json::from_str(&text).unwrap();
            let (there, free) = pointers(&value);
            prop_assume!(!free.is_empty() && !there.is_empty());
            let (from, to) = (pick.0.get(&there), pick.1.get(&free));
            let operation = match pick.2 % 4 {
                0 => json!({"op": "add", "path": to, "value": new}),
                1 => json!({"op": "remove", "path": from}),
                2 => json!({"op": "replace", "path": from, "value": new}),
                _ => json!({"op": "move", "from": from, "path": to}),
            };
            let patch: json_patch::Patch = serde_json::from_value(json!([operation])).unwrap();
            let mut expected = value.clone();
            let moves_into_itself = operation["op"] == "move" && to.starts_with(&format!("{from}/"));
            prop_assume!(!moves_into_itself);
            match json_patch::patch(&mut expected, &patch) {
                Ok(()) => prop_assert_eq!(read(&text, &one(operation)), expected),
                Err(_) => prop_assert!(edit(&text, &one(operation)).is_err()),
            }
        }
    }
}
