//! JSON: the elements of an array, each as soon as it is complete. With a pointer the document is read whole before.

use std::sync::Arc;

use super::{ItemError, text};
use crate::json::{Json, Payload, read};
use crate::limits::{ITEM_BYTES_MAX, POINTED_DOCUMENT_BYTES_MAX};

#[derive(Debug)]
pub(super) struct Array {
    pointer: Option<Arc<str>>,
    place: Place,
    /// The element that is not complete; with a pointer the document.
    held: Vec<u8>,
    depth: usize,
    string: InString,
    /// No element has come yet.
    is_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InString {
    No,
    Yes,
    /// Behind a backslash.
    Escaped,
}

impl Array {
    pub(super) fn new(pointer: Option<Arc<str>>) -> Array {
        Array {
            pointer: pointer.filter(|pointer| !pointer.is_empty()),
            place: Place::Before,
            held: Vec::new(),
            depth: 0,
            string: InString::No,
            is_first: true,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], found: &mut Vec<Payload>) -> Result<(), ItemError> {
        if self.pointer.is_some() {
            if self.held.len() + bytes.len() > POINTED_DOCUMENT_BYTES_MAX {
                return Err(ItemError(format!(
                    "A document with an ItemsPointer is read up to {POINTED_DOCUMENT_BYTES_MAX} bytes, and this one is larger."
                )));
            }
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        for byte in bytes {
            self.take(*byte, found)?;
        }
        Ok(())
    }

    pub(super) fn finish(self, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        if let Some(pointer) = &self.pointer {
            found.extend(pointed(text(&self.held)?, pointer)?);
            return Ok(());
        }
        match self.place {
            Place::After => Ok(()),
            Place::Before | Place::Inside => Err(ItemError("The JSON document ends too early.".to_owned())),
        }
    }

    fn take(&mut self, byte: u8, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        let blank = byte.is_ascii_whitespace();
        match self.place {
            // A byte order mark may be before it.
            Place::Before if blank || matches!(byte, 0xef | 0xbb | 0xbf) => Ok(()),
            Place::Before if byte == b'[' => {
                self.place = Place::Inside;
                Ok(())
            }
            Place::Before => Err(not_iterable()),
            Place::Inside => self.inside(byte, found),
            Place::After if blank => Ok(()),
            Place::After => Err(ItemError(
                "Something follows the end of the JSON document.".to_owned(),
            )),
        }
    }

    fn inside(&mut self, byte: u8, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        if self.string != InString::No {
            self.string = match (self.string, byte) {
                (InString::Yes, b'\\') => InString::Escaped,
                (InString::Yes, b'"') => InString::No,
                _ => InString::Yes,
            };
            return self.hold(byte);
        }
        match byte {
            b'"' => self.string = InString::Yes,
            b'[' | b'{' => self.depth += 1,
            b',' if self.depth == 0 => return self.element(found),
            b']' if self.depth == 0 => {
                self.place = Place::After;
                if self.is_first && self.held.iter().all(u8::is_ascii_whitespace) {
                    return Ok(());
                }
                return self.element(found);
            }
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.hold(byte)
    }

    fn hold(&mut self, byte: u8) -> Result<(), ItemError> {
        self.held.push(byte);
        if self.held.len() > ITEM_BYTES_MAX {
            return Err(ItemError::too_large());
        }
        Ok(())
    }

    fn element(&mut self, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        let item = read::read(text(&self.held)?.trim()).map_err(|error| ItemError(error.to_string()))?;
        self.held.clear();
        self.is_first = false;
        found.push(Payload::from_json(item));
        Ok(())
    }
}

fn pointed(document: &str, pointer: &str) -> Result<Vec<Payload>, ItemError> {
    let document = document.trim_start_matches('\u{feff}');
    let document = read::read(document).map_err(|error| ItemError(error.to_string()))?;
    let mut place = &document;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let found = match place {
            Json::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            other => other.get(&step),
        };
        place = found.ok_or_else(|| ItemError(format!("The ItemsPointer `{pointer}` leads nowhere.")))?;
    }
    match place {
        Json::Array(items) => Ok(items
            .iter()
            .map(|item| Payload::from_json(item.clone()))
            .collect()),
        _ => Err(not_iterable()),
    }
}

fn not_iterable() -> ItemError {
    ItemError("Attempting to map over non-iterable node.".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::items::ItemFormat;
    use crate::items::tests::read;

    const JSON: ItemFormat = ItemFormat::Json { pointer: None };

    #[test]
    fn elements_are_items_whatever_is_in_them() {
        assert_eq!(
            read(&JSON, " [ {\"a\": \"]\\\"[,\"} , [1, [2]],\"x\",3]\n").unwrap(),
            r#"[{"a":"]\"[,"},[1,[2]],"x",3]"#
        );
        assert_eq!(read(&JSON, "[ ]").unwrap(), "[]");
    }

    #[test]
    fn what_is_no_array_has_no_items() {
        for body in ["{\"a\": []}", "7", "\"x\""] {
            assert_eq!(
                read(&JSON, body).unwrap_err(),
                "Attempting to map over non-iterable node."
            );
        }
        for broken in ["", "[1", "[1,]", "[1]]", "[1 2]", "[,1]"] {
            assert!(read(&JSON, broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_pointer_leads_to_the_array() {
        let found = |pointer: &str| {
            let format = ItemFormat::Json {
                pointer: Some(pointer.into()),
            };
            read(&format, r#"{"a":{"b/c":[1,2]}}"#)
        };
        assert_eq!(found("/a/b~1c").unwrap(), "[1,2]");
        assert_eq!(
            found("/a").unwrap_err(),
            "Attempting to map over non-iterable node."
        );
        assert!(found("/x").is_err());
    }
}
