//! The tree every expression looks into. Cloning is O(1); changing one place copies only the way to it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Number;

/// A JSON value whose parts are shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number; `1` and `1.0` differ, as they do on AWS.
    Number(Number),
    /// A string.
    String(Arc<str>),
    /// An array.
    Array(Arc<Vec<Json>>),
    /// An object, in the order it was written.
    Object(Arc<Object>),
}

impl Json {
    /// A string.
    pub fn string(text: impl Into<Arc<str>>) -> Json {
        Json::String(text.into())
    }

    /// An array.
    pub fn array(items: Vec<Json>) -> Json {
        Json::Array(Arc::new(items))
    }

    /// An object.
    pub fn object(object: Object) -> Json {
        Json::Object(Arc::new(object))
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if this is an array.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The object, if this is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The number, if this is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Json::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The member `key`, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.as_object()?.get(key)
    }

    /// Whether arrays and objects are nested more than `levels` deep (`[]` is one level).
    pub fn is_deeper_than(&self, levels: usize) -> bool {
        match self {
            Json::Array(items) => match levels.checked_sub(1) {
                None => true,
                Some(rest) => items.iter().any(|item| item.is_deeper_than(rest)),
            },
            Json::Object(object) => match levels.checked_sub(1) {
                None => true,
                Some(rest) => object.iter().any(|(_, value)| value.is_deeper_than(rest)),
            },
            _ => false,
        }
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Json {
        Json::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Json {
        Json::Number(value.into())
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Json {
        Json::Number(value.into())
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Json {
        Json::String(value.into())
    }
}

impl From<Arc<str>> for Json {
    fn from(value: Arc<str>) -> Json {
        Json::String(value)
    }
}

impl From<Object> for Json {
    fn from(value: Object) -> Json {
        Json::Object(Arc::new(value))
    }
}

impl From<Vec<Json>> for Json {
    fn from(value: Vec<Json>) -> Json {
        Json::Array(Arc::new(value))
    }
}

/// Prints compactly, as AWS prints what it computed.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        super::print::value(self, &mut text);
        f.write_str(&text)
    }
}

/// Members in the order they were written; a key occurs once. Small objects are searched, large ones have an index.
#[derive(Clone, Debug, Default)]
pub struct Object {
    members: Vec<(Arc<str>, Json)>,
    index: Option<HashMap<Arc<str>, usize>>,
}

/// Members from which an index pays.
const INDEX_FROM: usize = 24;

impl Object {
    /// No members.
    pub fn new() -> Object {
        Object::default()
    }

    /// No members, room for `members`.
    pub fn with_capacity(members: usize) -> Object {
        Object {
            members: Vec::with_capacity(members),
            index: None,
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Json)> {
        self.members.iter().map(|(key, value)| (key, value))
    }

    /// The value at `key`.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.position(key)
            .and_then(|at| self.members.get(at))
            .map(|(_, value)| value)
    }

    /// Whether `key` is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Sets `key`; an existing member keeps its place.
    pub fn insert(&mut self, key: Arc<str>, value: Json) {
        if let Some(place) = self.position(&key).and_then(|at| self.members.get_mut(at)) {
            place.1 = value;
            return;
        }
        if let Some(index) = &mut self.index {
            index.insert(key.clone(), self.members.len());
        }
        self.members.push((key, value));
        if self.index.is_none() && self.members.len() >= INDEX_FROM {
            self.index = Some(
                self.members
                    .iter()
                    .enumerate()
                    .map(|(at, (key, _))| (key.clone(), at))
                    .collect(),
            );
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.members.iter().position(|(have, _)| &**have == key),
        }
    }
}

/// Order does not count.
impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl FromIterator<(Arc<str>, Json)> for Object {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Json)>>(members: I) -> Object {
        let mut object = Object::new();
        for (key, value) in members {
            object.insert(key, value);
        }
        object
    }
}
