//! What travels between states: shared text, with a tree beside it as soon as something looked inside. AWS keeps the text of
//! what it did not compute (`[1, 2]` sent with a blank comes back with a blank), so a state that passes its input on passes
//! the same text.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::read::{self, ReadError};
use super::value::Json;

/// One JSON value: its text, its tree, or both; what is missing is made when first asked for. Cloning is O(1).
#[derive(Clone)]
pub struct Payload(Arc<Parts>);

/// At least one of them is there from the start.
#[derive(Default)]
struct Parts {
    text: OnceLock<Arc<str>>,
    json: OnceLock<Json>,
    /// The payloads an array was joined from.
    items: Option<Vec<Payload>>,
}

impl Payload {
    /// A payload of this text, which must be one JSON value.
    pub fn from_text(text: impl Into<Arc<str>>) -> Result<Payload, ReadError> {
        let text = text.into();
        read::validate(&text)?;
        Ok(Payload(Arc::new(Parts {
            text: OnceLock::from(text),
            ..Parts::default()
        })))
    }

    /// A payload of this value; its text is printed when first asked for.
    pub fn from_json(json: Json) -> Payload {
        Payload(Arc::new(Parts {
            json: OnceLock::from(json),
            ..Parts::default()
        }))
    }

    /// An array of these, each with its text as it is.
    pub fn from_items(items: Vec<Payload>) -> Payload {
        Payload(Arc::new(Parts {
            items: Some(items),
            ..Parts::default()
        }))
    }

    /// `null`
    pub fn null() -> Payload {
        Payload::from_json(Json::Null)
    }

    /// `{}`
    pub fn empty_object() -> Payload {
        Payload::from_json(Json::object(super::value::Object::new()))
    }

    /// The text as it was written, or compact where it was computed.
    pub fn text(&self) -> &Arc<str> {
        self.0.text.get_or_init(|| {
            let mut text = String::new();
            match &self.0.items {
                Some(items) => join(items, &mut text),
                None => super::print::value(self.0.json.get().unwrap_or(&Json::Null), &mut text),
            }
            text.into()
        })
    }

    /// The value.
    pub fn json(&self) -> &Json {
        self.0.json.get_or_init(|| {
            if let Some(items) = &self.0.items {
                return Json::array(items.iter().map(|item| item.json().clone()).collect());
            }
            // The text was validated by the same reader, so this can't fail.
            self.0
                .text
                .get()
                .and_then(|text| read::read(text).ok())
                .unwrap_or_default()
        })
    }

    /// Bytes of the text in UTF-8.
    pub fn len_bytes(&self) -> usize {
        self.text().len()
    }

    /// Whether it is nested more than `levels` deep. What was read from text is not deeper than the reader allows.
    pub(crate) fn is_deeper_than(&self, levels: usize) -> bool {
        if let Some(items) = &self.0.items {
            return levels == 0 || items.iter().any(|item| item.is_deeper_than(levels - 1));
        }
        match self.0.json.get() {
            Some(json) => json.is_deeper_than(levels),
            None => self
                .0
                .text
                .get()
                .is_some_and(|text| text.len() > levels && self.json().is_deeper_than(levels)),
        }
    }

    /// Whether both are the same payload in memory.
    pub fn is_same(&self, other: &Payload) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

fn join(items: &[Payload], out: &mut String) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(item.text());
    }
    out.push(']');
}

impl From<Json> for Payload {
    fn from(json: Json) -> Payload {
        Payload::from_json(json)
    }
}

/// The same text. (Equal values written differently are different payloads: AWS shows the text.)
impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        self.is_same(other) || self.text() == other.text()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
        let text = Arc::<str>::deserialize(deserializer)?;
        Payload::from_text(text).map_err(D::Error::custom)
    }
}
