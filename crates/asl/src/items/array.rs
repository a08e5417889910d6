//! JSON: the elements of an array, each as soon as it is complete. With a pointer what lies before the array is passed over, and
//! what lies behind it is not looked at.

use std::sync::Arc;

use super::pointer::{InString, Walk};
use super::{ItemError, not_iterable, text};
use crate::json::{Payload, read};
use crate::limits::ITEM_BYTES_MAX;

#[derive(Debug)]
pub(super) struct Array {
    place: Place,
    is_pointed: bool,
    /// The element that is not complete.
    held: Vec<u8>,
    depth: usize,
    string: InString,
    /// No element has come yet.
    is_first: bool,
}

#[derive(Debug)]
enum Place {
    Before,
    /// On the way to it.
    Walking(Walk),
    Inside,
    After,
}

impl Array {
    pub(super) fn new(pointer: Option<Arc<str>>) -> Array {
        let walk = pointer
            .filter(|pointer| !pointer.is_empty())
            .map(|pointer| Walk::new(&pointer));
        Array {
            is_pointed: walk.is_some(),
            place: walk.map_or(Place::Before, Place::Walking),
            held: Vec::new(),
            depth: 0,
            string: InString::No,
            is_first: true,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], found: &mut Vec<Payload>) -> Result<(), ItemError> {
        for byte in bytes {
            self.take(*byte, found)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), ItemError> {
        match self.place {
            Place::After => Ok(()),
            Place::Before | Place::Walking(_) | Place::Inside => {
                Err(ItemError("The JSON document ends too early.".to_owned()))
            }
        }
    }

    fn take(&mut self, byte: u8, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        let blank = byte.is_ascii_whitespace();
        match &mut self.place {
            // A byte order mark may be before it.
            Place::Before if matches!(byte, 0xef | 0xbb | 0xbf) => Ok(()),
            Place::Walking(walk) if walk.is_at_the_start() && matches!(byte, 0xef | 0xbb | 0xbf) => Ok(()),
            Place::Walking(walk) => {
                if walk.take(byte)? {
                    self.place = Place::Inside;
                }
                Ok(())
            }
            Place::Before if blank => Ok(()),
            Place::Before if byte == b'[' => {
                self.place = Place::Inside;
                Ok(())
            }
            Place::Before => Err(not_iterable()),
            Place::Inside => self.inside(byte, found),
            Place::After if blank || self.is_pointed => Ok(()),
            Place::After => Err(ItemError(
                "Something follows the end of the JSON document.".to_owned(),
            )),
        }
    }

    fn inside(&mut self, byte: u8, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        if self.string != InString::No {
            self.string = self.string.behind(byte);
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

    fn at(pointer: &str, body: &str) -> Result<String, String> {
        let format = ItemFormat::Json {
            pointer: Some(pointer.into()),
        };
        read(&format, body)
    }

    #[test]
    fn a_pointer_leads_to_the_array() {
        let found = |pointer: &str| at(pointer, r#"{"a":{"b/c":[1,2]}}"#);
        assert_eq!(found("/a/b~1c").unwrap(), "[1,2]");
        assert_eq!(
            found("/a").unwrap_err(),
            "Attempting to map over non-iterable node."
        );
        for pointer in ["/x", "/a/x", "/a/b~1c/0/0", "/a/b~1c/2"] {
            assert!(found(pointer).is_err(), "{pointer}");
        }
    }

    #[test]
    fn what_lies_beside_the_way_is_passed_over_whatever_is_in_it() {
        let document = "\u{feff}{\"x\": \"}\\\"]\", \"y\": [{\"a\": [9]}, 7], \"k\\u0065y\": [null, [0], {\"a\": [ {\"b\": 1} , 2]}], \"z\" broken";
        assert_eq!(at("/key/2/a", document).unwrap(), r#"[{"b":1},2]"#);
        assert_eq!(at("/key/1", document).unwrap(), "[0]");
        assert_eq!(at("/y/0/a", document).unwrap(), "[9]");
        assert!(at("/z", document).is_err());
        assert!(at("/x/0", document).is_err(), "a text has no elements");
        assert!(at("/key", "{\"key\"").is_err(), "the document ends on the way");
    }
}
