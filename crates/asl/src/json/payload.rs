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

struct Parts {
    text: OnceLock<Arc<str>>,
    json: OnceLock<Json>,
}

impl Payload {
    /// A payload of this text, which must be one JSON value.
    pub fn from_text(text: impl Into<Arc<str>>) -> Result<Payload, ReadError> {
        let text = text.into();
        read::validate(&text)?;
        Ok(Payload(Arc::new(Parts {
            text: OnceLock::from(text),
            json: OnceLock::new(),
        })))
    }

    /// A payload of this value; its text is printed when first asked for.
    pub fn from_json(json: Json) -> Payload {
        Payload(Arc::new(Parts {
            text: OnceLock::new(),
            json: OnceLock::from(json),
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
            super::print::value(self.0.json.get().unwrap_or(&Json::Null), &mut text);
            text.into()
        })
    }

    /// The value.
    pub fn json(&self) -> &Json {
        self.0.json.get_or_init(|| {
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

    /// Whether both are the same payload in memory.
    pub fn is_same(&self, other: &Payload) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
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
