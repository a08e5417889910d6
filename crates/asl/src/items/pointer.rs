//! The way to the array an `ItemsPointer` (RFC 6901) names, through a document as its bytes come. Nothing of what lies beside
//! the way is kept.

use super::{ItemError, not_iterable, text};
use crate::json::read;
use crate::limits::ITEM_BYTES_MAX;

/// On the way.
#[derive(Debug)]
pub(super) struct Walk {
    pointer: Box<str>,
    steps: Vec<String>,
    /// How many of the steps were made.
    made: usize,
    at: At,
    /// The member's name that is not complete.
    name: Vec<u8>,
    /// In an array: which element comes.
    index: usize,
    is_in_array: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before a value on the way.
    Value,
    /// Before a member, or the end of an object.
    Member,
    /// In a member's name.
    Name { escaped: bool },
    /// Behind a member's name; whether it is the step's.
    Colon { leads_on: bool },
    /// Before an element, or the end of an array.
    Element,
    /// In a value beside the way.
    Beside { depth: usize, string: InString },
}

/// Where a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InString {
    No,
    Yes,
    /// Behind a backslash.
    Escaped,
}

impl InString {
    /// Behind one more byte of a string.
    pub(super) fn behind(self, byte: u8) -> InString {
        match (self, byte) {
            (InString::Yes, b'\\') => InString::Escaped,
            (InString::Yes, b'"') => InString::No,
            _ => InString::Yes,
        }
    }
}

impl Walk {
    pub(super) fn new(pointer: &str) -> Walk {
        let steps = pointer.split('/').skip(1);
        Walk {
            pointer: pointer.into(),
            steps: steps
                .map(|step| step.replace("~1", "/").replace("~0", "~"))
                .collect(),
            made: 0,
            at: At::Value,
            name: Vec::new(),
            index: 0,
            is_in_array: false,
        }
    }

    /// Nothing of the document has come.
    pub(super) fn is_at_the_start(&self) -> bool {
        self.made == 0 && self.at == At::Value
    }

    /// Takes a byte; whether the array begins with it.
    pub(super) fn take(&mut self, byte: u8) -> Result<bool, ItemError> {
        let blank = byte.is_ascii_whitespace();
        match self.at {
            At::Name { escaped } => self.name(byte, escaped)?,
            At::Beside { depth, string } => self.beside(byte, depth, string)?,
            At::Value | At::Member | At::Colon { .. } | At::Element if blank => {}
            At::Value => return self.value(byte),
            At::Member => match byte {
                b',' => {}
                b'"' => self.at = At::Name { escaped: false },
                b'}' => return Err(self.nowhere()),
                _ => return Err(malformed(byte)),
            },
            At::Colon { leads_on } => match (byte, leads_on) {
                (b':', true) => self.step(),
                (b':', false) => self.pass_over(),
                _ => return Err(malformed(byte)),
            },
            At::Element => {
                if byte == b']' {
                    return Err(self.nowhere());
                }
                if self.wanted() == Some(self.index.to_string().as_str()) {
                    self.step();
                } else {
                    self.pass_over();
                }
                return self.take(byte);
            }
        }
        Ok(false)
    }

    fn wanted(&self) -> Option<&str> {
        self.steps.get(self.made).map(String::as_str)
    }

    fn step(&mut self) {
        self.made += 1;
        self.at = At::Value;
    }

    fn pass_over(&mut self) {
        self.at = At::Beside {
            depth: 0,
            string: InString::No,
        };
    }

    fn value(&mut self, byte: u8) -> Result<bool, ItemError> {
        match (byte, self.wanted().is_some()) {
            (b'[', false) => return Ok(true),
            (_, false) => return Err(not_iterable()),
            (b'{', true) => {
                self.is_in_array = false;
                self.at = At::Member;
            }
            (b'[', true) => {
                self.is_in_array = true;
                self.index = 0;
                self.at = At::Element;
            }
            (_, true) => return Err(self.nowhere()),
        }
        Ok(false)
    }

    fn name(&mut self, byte: u8, escaped: bool) -> Result<(), ItemError> {
        if byte == b'"' && !escaped {
            let name = format!("\"{}\"", text(&self.name)?);
            let name = read::read(&name).map_err(|error| ItemError(error.to_string()))?;
            self.name.clear();
            let leads_on = self.wanted() == name.as_str();
            self.at = At::Colon { leads_on };
            return Ok(());
        }
        self.name.push(byte);
        if self.name.len() > ITEM_BYTES_MAX {
            return Err(ItemError::too_large());
        }
        let escaped = byte == b'\\' && !escaped;
        self.at = At::Name { escaped };
        Ok(())
    }

    fn beside(&mut self, byte: u8, depth: usize, string: InString) -> Result<(), ItemError> {
        let (mut depth, mut string) = (depth, string);
        if string == InString::No {
            match byte {
                b'"' => string = InString::Yes,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return Err(self.nowhere()),
                b'}' | b']' => depth -= 1,
                b',' if depth == 0 => {
                    self.index += 1;
                    self.at = if self.is_in_array { At::Element } else { At::Member };
                    return Ok(());
                }
                _ => {}
            }
        } else {
            string = string.behind(byte);
        }
        self.at = At::Beside { depth, string };
        Ok(())
    }

    fn nowhere(&self) -> ItemError {
        ItemError(format!("The ItemsPointer `{}` leads nowhere.", self.pointer))
    }
}

fn malformed(byte: u8) -> ItemError {
    ItemError(format!(
        "Unexpected character ({:?}) in the JSON document.",
        char::from(byte)
    ))
}
