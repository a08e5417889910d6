//! Path text → segments, with Jayway's leniences (a missing `$`, blanks inside brackets) and refusals.

use std::sync::Arc;

use super::filter;
use super::function::{Argument, Function, FunctionName};
use super::{Path, Segment};

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathSyntaxError(pub String);

impl Path {
    /// Compiles `text`.
    pub fn parse(text: &str) -> Result<Path, PathSyntaxError> {
        let trimmed = text.trim_end();
        let mut cursor = Cursor::new(trimmed);
        let segments = cursor.path()?;
        if cursor.at < cursor.chars.len() {
            return Err(cursor.error());
        }
        let definite = is_definite(&segments);
        Ok(Path {
            text: trimmed.into(),
            segments,
            definite,
        })
    }
}

pub(super) fn is_definite(segments: &[Segment]) -> bool {
    let scans = segments.iter().any(|segment| matches!(segment, Segment::Descend));
    if scans && matches!(segments.last(), Some(Segment::Function(_))) {
        // `$..price.sum()` is read as `$.sum($..price)`.
        return true;
    }
    segments.iter().all(|segment| {
        matches!(
            segment,
            Segment::Key(_) | Segment::Keys(_) | Segment::Index(_) | Segment::Function(_)
        )
    })
}

/// Characters rather than bytes: positions in messages count characters, and names may be any letters.
pub(super) struct Cursor {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Cursor {
        Cursor {
            chars: text.chars().collect(),
            at: 0,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn peek_next(&self) -> Option<char> {
        self.chars.get(self.at + 1).copied()
    }

    pub(super) fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += 1;
        }
        there
    }

    pub(super) fn take_word(&mut self, wanted: &str) -> bool {
        let there = wanted
            .chars()
            .enumerate()
            .all(|(offset, letter)| self.chars.get(self.at + offset) == Some(&letter));
        if there {
            self.at += wanted.chars().count();
        }
        there
    }

    pub(super) fn blanks(&mut self) {
        while self.peek() == Some(' ') {
            self.at += 1;
        }
    }

    pub(super) fn error(&self) -> PathSyntaxError {
        PathSyntaxError(format!("Could not parse token starting at position {}", self.at))
    }

    /// A whole path. Inside filters and arguments it ends at the first character that can't belong to it.
    pub(super) fn path(&mut self) -> Result<Vec<Segment>, PathSyntaxError> {
        let mut segments = Vec::new();
        match self.peek() {
            Some('$' | '@') => {
                self.at += 1;
                match self.peek() {
                    None | Some('.' | '[') => {}
                    Some(c) if c.is_alphanumeric() || c == '_' || c == '$' => {
                        return Err(PathSyntaxError(format!(
                            "Illegal character at position {} expected '.' or '['",
                            self.at
                        )));
                    }
                    Some(_) => return Ok(segments),
                }
            }
            Some(' ') | None => return Err(self.error()),
            Some(_) => self.property_or_function(&mut segments)?,
        }
        loop {
            match self.peek() {
                Some('.') => self.dotted(&mut segments)?,
                Some('[') if self.at + 1 == self.chars.len() && !segments.is_empty() => {
                    // Jayway overlooks a lone bracket at the end.
                    self.at += 1;
                }
                Some('[') => self.bracket(&mut segments)?,
                _ => return Ok(segments),
            }
        }
    }

    fn dotted(&mut self, segments: &mut Vec<Segment>) -> Result<(), PathSyntaxError> {
        self.at += 1;
        if self.take('.') {
            segments.push(Segment::Descend);
        }
        match self.peek() {
            None => Err(PathSyntaxError("Path must not end with a '.' or '..'".to_owned())),
            Some('*') => {
                self.at += 1;
                segments.push(Segment::Wildcard);
                Ok(())
            }
            Some('[') => self.bracket(segments),
            Some('.') => Err(PathSyntaxError(format!(
                "Character '.' on position {} is not valid.",
                self.at
            ))),
            Some(_) => self.property_or_function(segments),
        }
    }

    fn property_or_function(&mut self, segments: &mut Vec<Segment>) -> Result<(), PathSyntaxError> {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            match c {
                '(' => {
                    let function = self.function(&name)?;
                    segments.push(Segment::Function(Box::new(function)));
                    return Ok(());
                }
                ' ' if name.is_empty() => return Err(self.error()),
                // The next segment; the end of a path inside a filter or an argument list.
                '.' | '[' | ' ' | ')' | ',' | '=' | '!' | '<' | '>' | '&' | '|' | ']' => break,
                other => name.push(other),
            }
            self.at += 1;
        }
        if name.is_empty() {
            return Err(self.error());
        }
        segments.push(Segment::Key(name.into()));
        Ok(())
    }

    fn function(&mut self, name: &str) -> Result<Function, PathSyntaxError> {
        let name = FunctionName::parse(name)
            .ok_or_else(|| PathSyntaxError(format!("Function with name: {name} does not exist.")))?;
        self.at += 1;
        let mut arguments = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None => return Err(PathSyntaxError("Arguments to function are not closed".to_owned())),
                Some(')') => {
                    self.at += 1;
                    return Ok(Function { name, arguments });
                }
                Some(',') => self.at += 1,
                Some('$' | '@') => {
                    let from_current = self.peek() == Some('@');
                    let segments = self.path()?;
                    let path = Path {
                        definite: is_definite(&segments),
                        segments,
                        text: "".into(),
                    };
                    arguments.push(Argument::Path { path, from_current });
                }
                Some(_) => arguments.push(Argument::Literal(filter::literal(self)?)),
            }
        }
    }

    fn bracket(&mut self, segments: &mut Vec<Segment>) -> Result<(), PathSyntaxError> {
        let open = self.at;
        self.at += 1;
        self.blanks();
        let segment = match self.peek() {
            Some('\'' | '"') => self.quoted_keys()?,
            Some('*') => {
                self.at += 1;
                Segment::Wildcard
            }
            Some('?') => {
                self.at += 1;
                self.blanks();
                Segment::Filter(Box::new(filter::parse(self)?))
            }
            Some('-' | ':' | '0'..='9') => self.numbers(open)?,
            _ => return Err(bracket_error(open)),
        };
        self.blanks();
        if !self.take(']') {
            return Err(bracket_error(open));
        }
        segments.push(segment);
        Ok(())
    }

    fn quoted_keys(&mut self) -> Result<Segment, PathSyntaxError> {
        let mut keys: Vec<Arc<str>> = Vec::new();
        loop {
            self.blanks();
            keys.push(self.quoted()?.into());
            self.blanks();
            if !self.take(',') {
                break;
            }
        }
        Ok(match <[Arc<str>; 1]>::try_from(keys) {
            Ok([key]) => Segment::Key(key),
            Err(keys) => Segment::Keys(keys),
        })
    }

    /// A string in single or double quotes. A backslash keeps the quote after it from ending the string; any other backslash
    /// stands for itself (as AWS has it: `$['a\\"b']` names a key with a backslash in it).
    pub(super) fn quoted(&mut self) -> Result<String, PathSyntaxError> {
        let Some(quote @ ('\'' | '"')) = self.peek() else {
            return Err(self.error());
        };
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == quote {
                return Ok(text);
            }
            if c == '\\' && self.peek() == Some(quote) {
                text.push(quote);
                self.at += 1;
            } else {
                text.push(c);
            }
        }
        Err(PathSyntaxError(
            "Property has not been closed - missing closing quote".to_owned(),
        ))
    }

    fn numbers(&mut self, open: usize) -> Result<Segment, PathSyntaxError> {
        let start = self.at;
        while matches!(self.peek(), Some('-' | ':' | ',' | ' ' | '0'..='9')) {
            self.at += 1;
        }
        let text: String = self
            .chars
            .get(start..self.at)
            .unwrap_or_default()
            .iter()
            .filter(|c| **c != ' ')
            .collect();
        if self.peek() != Some(']') {
            return Err(bracket_error(open));
        }
        let failed = || PathSyntaxError(format!("Failed to parse SliceOperation: {text}"));
        let number = |part: &str| part.parse::<i64>().map_err(|_| failed());
        if text.contains(':') {
            let mut parts = text.split(':');
            let bound = |part: Option<&str>| match part {
                None | Some("") => Ok(None),
                Some(part) => number(part).map(Some),
            };
            let from = bound(parts.next())?;
            let to = bound(parts.next())?;
            // A step is read and ignored.
            bound(parts.next())?;
            if from.is_none() && to.is_none() {
                return Err(failed());
            }
            return Ok(Segment::Slice(from, to));
        }
        let indexes = text.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
        Ok(match <[i64; 1]>::try_from(indexes) {
            Ok([index]) => Segment::Index(index),
            Err(indexes) => Segment::Indexes(indexes),
        })
    }
}

fn bracket_error(open: usize) -> PathSyntaxError {
    PathSyntaxError(format!(
        "Could not parse token starting at position {open}. Expected ?, ', 0-9, * "
    ))
}
