//! Evaluation of a compiled path.

use std::fmt::Write as _;

use super::{Path, PathNotFound, Segment};
use crate::json::{Json, Object};

impl Path {
    /// The value at this path: the value itself for a definite path, a list for any other.
    pub fn find(&self, root: &Json) -> Result<Json, PathNotFound> {
        self.find_from(root, root)
    }

    /// The same, starting at `current` (the `@` of a filter); `root` is what `$` means in there.
    pub(super) fn find_from(&self, root: &Json, current: &Json) -> Result<Json, PathNotFound> {
        if let Some(value) = self.find_keys(current) {
            return Ok(value.clone());
        }
        if self.definite
            && self
                .segments
                .iter()
                .any(|segment| matches!(segment, Segment::Descend))
            && let Some((Segment::Function(function), before)) = self.segments.split_last()
        {
            return function.over_scan(root, current, before);
        }
        let mut found = Vec::new();
        let walk = Walk {
            root,
            segments: &self.segments,
        };
        match walk.visit(current, 0, true, &mut found) {
            Ok(()) if self.definite => found
                .pop()
                .ok_or_else(|| PathNotFound(format!("No results for path: {}", place(&self.segments)))),
            Err(missing) if self.definite => Err(missing),
            // AWS answers an empty list where any part of an indefinite path is missing.
            Ok(()) | Err(_) => Ok(Json::array(found)),
        }
    }

    /// The key or index, as text, at which a path of keys and indexes leads nowhere.
    pub(crate) fn failing_step(&self, root: &Json) -> Option<String> {
        match self.stop(root)? {
            (Segment::Key(key), _) => Some(key.to_string()),
            (Segment::Index(index), _) => Some(index.to_string()),
            _ => None,
        }
    }

    /// Whether it leads nowhere only because an array is too short.
    pub(crate) fn ends_past_an_array(&self, root: &Json) -> bool {
        matches!(self.stop(root), Some((Segment::Index(_), Json::Array(_))))
    }

    /// The first segment that leads nowhere (or is neither key nor index), and the value it is applied to.
    fn stop<'a>(&'a self, root: &'a Json) -> Option<(&'a Segment, &'a Json)> {
        let mut value = root;
        for segment in &self.segments {
            let next = match (segment, value) {
                (Segment::Key(key), _) => value.get(key),
                (Segment::Index(index), Json::Array(items)) => at(items, *index),
                _ => None,
            };
            match next {
                Some(next) => value = next,
                None => return Some((segment, value)),
            }
        }
        None
    }

    /// The common case, keys only, without building anything.
    fn find_keys<'a>(&self, current: &'a Json) -> Option<&'a Json> {
        let mut value = current;
        for segment in &self.segments {
            match segment {
                Segment::Key(key) => value = value.get(key)?,
                _ => return None,
            }
        }
        Some(value)
    }
}

/// All values `segments` lead to from `current`; nothing where nothing is.
pub(super) fn find_all(root: &Json, current: &Json, segments: &[Segment]) -> Vec<Json> {
    let mut found = Vec::new();
    let walk = Walk { root, segments };
    // A missing part only means that there are no values.
    let _ = walk.visit(current, 0, false, &mut found);
    found
}

struct Walk<'a> {
    root: &'a Json,
    segments: &'a [Segment],
}

impl Walk<'_> {
    /// `strict` as long as every segment so far was definite: then a missing part is an error.
    fn visit(
        &self,
        value: &Json,
        depth: usize,
        strict: bool,
        found: &mut Vec<Json>,
    ) -> Result<(), PathNotFound> {
        let Some(segment) = self.segments.get(depth) else {
            found.push(value.clone());
            return Ok(());
        };
        let next = depth + 1;
        match segment {
            Segment::Key(key) => match value {
                Json::Object(object) => match object.get(key) {
                    Some(member) => self.visit(member, next, strict, found),
                    None if !strict => Ok(()),
                    None => Err(self.missing_property(depth)),
                },
                _ if !strict => Ok(()),
                other => Err(self.not_an_object(depth, &format!("['{key}']"), other)),
            },
            Segment::Keys(keys) => match value {
                Json::Object(object) => {
                    let picked: Object = keys
                        .iter()
                        .filter_map(|key| object.get(key).map(|member| (key.clone(), member.clone())))
                        .collect();
                    self.visit(&Json::object(picked), next, strict, found)
                }
                _ if !strict => Ok(()),
                other => Err(self.not_an_object(depth, &keys_text(keys), other)),
            },
            Segment::Index(index) => self.index(value, *index, depth, strict, found),
            Segment::Indexes(indexes) => {
                for index in indexes {
                    if let Some(item) = value.as_array().and_then(|items| at(items, *index)) {
                        self.visit(item, next, false, found)?;
                    }
                }
                Ok(())
            }
            Segment::Slice(from, to) => {
                for item in value
                    .as_array()
                    .map(|items| slice(items, *from, *to))
                    .unwrap_or_default()
                {
                    self.visit(item, next, false, found)?;
                }
                Ok(())
            }
            Segment::Wildcard => each_child(value, &mut |child| self.visit(child, next, false, found)),
            Segment::Descend => self.descend(value, next, found),
            Segment::Filter(filter) => match value {
                Json::Array(items) => {
                    for item in items.iter() {
                        if filter.matches(self.root, item) {
                            self.visit(item, next, false, found)?;
                        }
                    }
                    Ok(())
                }
                Json::Object(_) if filter.matches(self.root, value) => self.visit(value, next, false, found),
                _ => Ok(()),
            },
            Segment::Function(function) => {
                let result = function.apply(self.root, value)?;
                self.visit(&result, next, strict, found)
            }
        }
    }

    fn index(
        &self,
        value: &Json,
        index: i64,
        depth: usize,
        strict: bool,
        found: &mut Vec<Json>,
    ) -> Result<(), PathNotFound> {
        match value {
            Json::Array(items) => match at(items, index) {
                Some(item) => self.visit(item, depth + 1, strict, found),
                None if !strict => Ok(()),
                None => Err(PathNotFound(format!(
                    "No results for path: {}",
                    place(self.segments.get(..=depth).unwrap_or_default())
                ))),
            },
            _ if !strict => Ok(()),
            other => Err(PathNotFound(format!(
                "Filter: [{index}] can only be applied to arrays. Current context is: {}",
                java_text(other)
            ))),
        }
    }

    /// Breadth as Jayway has it: the next segment on the value itself, then on each child, parents before children.
    fn descend(&self, value: &Json, next: usize, found: &mut Vec<Json>) -> Result<(), PathNotFound> {
        let applies = match self.segments.get(next) {
            Some(Segment::Index(_) | Segment::Indexes(_) | Segment::Slice(..)) => {
                matches!(value, Json::Array(_))
            }
            Some(Segment::Key(_) | Segment::Keys(_)) => matches!(value, Json::Object(_)),
            _ => true,
        };
        if applies {
            self.visit(value, next, false, found)?;
        }
        each_child(value, &mut |child| self.descend(child, next, found))
    }

    fn missing_property(&self, depth: usize) -> PathNotFound {
        let to_here = place(self.segments.get(..=depth).unwrap_or_default());
        if depth + 1 == self.segments.len() {
            PathNotFound(format!("No results for path: {to_here}"))
        } else {
            PathNotFound(format!("Missing property in path {to_here}"))
        }
    }

    fn not_an_object(&self, depth: usize, property: &str, found: &Json) -> PathNotFound {
        let to_here = place(self.segments.get(..depth).unwrap_or_default());
        PathNotFound(format!(
            "Expected to find an object with property {property} in path {to_here} but found '{}'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JsonSmartJsonProvider'.",
            java_class(found)
        ))
    }
}

fn each_child(
    value: &Json,
    visit: &mut dyn FnMut(&Json) -> Result<(), PathNotFound>,
) -> Result<(), PathNotFound> {
    match value {
        Json::Array(items) => items.iter().try_for_each(visit),
        Json::Object(object) => object.iter().try_for_each(|(_, member)| visit(member)),
        _ => Ok(()),
    }
}

/// The item at `index`, counted from the end where negative.
pub(super) fn at(items: &[Json], index: i64) -> Option<&Json> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index + length } else { index };
    usize::try_from(index).ok().and_then(|index| items.get(index))
}

fn slice(items: &[Json], from: Option<i64>, to: Option<i64>) -> &[Json] {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let bound = |bound: i64| {
        if bound < 0 {
            bound.saturating_add(length)
        } else {
            bound
        }
        .clamp(0, length)
    };
    let from = from.map_or(0, bound);
    let to = to.map_or(length, bound);
    match (usize::try_from(from), usize::try_from(to)) {
        (Ok(from), Ok(to)) => items.get(from..to).unwrap_or_default(),
        _ => &[],
    }
}

/// The normalised form in messages: `$['a'][0]`.
fn place(segments: &[Segment]) -> String {
    let mut text = String::from("$");
    for segment in segments {
        // Writing to a String can't fail.
        let _ = match segment {
            Segment::Key(key) => write!(text, "['{key}']"),
            Segment::Keys(keys) => write!(text, "{}", keys_text(keys)),
            Segment::Index(index) => write!(text, "[{index}]"),
            Segment::Indexes(_) | Segment::Slice(..) | Segment::Wildcard => write!(text, "[*]"),
            Segment::Descend => write!(text, ".."),
            Segment::Filter(_) => write!(text, "[?]"),
            Segment::Function(function) => write!(text, ".{}()", function.name.text()),
        };
    }
    text
}

fn keys_text(keys: &[std::sync::Arc<str>]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("'{key}'")).collect();
    format!("[{}]", quoted.join(","))
}

fn java_class(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "java.lang.Boolean",
        Json::Number(number) if number.is_f64() => "java.lang.Double",
        Json::Number(_) => "java.lang.Integer",
        Json::String(_) => "java.lang.String",
        Json::Array(_) => "net.minidev.json.JSONArray",
        Json::Object(_) => "java.util.LinkedHashMap",
    }
}

fn java_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.to_string(),
        other => other.to_string(),
    }
}
