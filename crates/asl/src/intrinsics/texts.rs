//! `Format`, `StringToJson`, `StringSplit`, `JsonMerge`.

use crate::json::{Json, Object, read};

/// Each `{}` of the template is replaced by the next argument; `\{` and `\}` stand for the braces.
pub(super) fn format(values: &[Json]) -> Result<Json, String> {
    let Some((Json::String(template), rest)) = values.split_first() else {
        return Err("The first argument must be a string.".to_owned());
    };
    let mut out = String::with_capacity(template.len());
    let mut rest = rest.iter();
    let mut letters = template.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('{' | '}' | '\\' | '\'')) => out.push(escaped),
                other => {
                    out.push('\\');
                    out.extend(other);
                }
            },
            '{' if letters.peek() == Some(&'}') => {
                letters.next();
                let value = rest
                    .next()
                    .ok_or("The number of arguments does not match the occurrences of {} in the template.")?;
                java_text(value, &mut out);
            }
            '{' | '}' => return Err("Matching '}' not found for '{' in the template.".to_owned()),
            other => out.push(other),
        }
    }
    if rest.next().is_some() {
        return Err(
            "The number of arguments does not match the occurrences of {} in the template.".to_owned(),
        );
    }
    Ok(Json::string(out))
}

/// As Java prints lists and maps: `{a=1, b=[x, y]}`; that is what AWS shows.
fn java_text(value: &Json, out: &mut String) {
    match value {
        Json::String(text) => out.push_str(text),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                java_text(item, out);
            }
            out.push(']');
        }
        Json::Object(object) => {
            out.push('{');
            for (at, (key, member)) in object.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                out.push_str(key);
                out.push('=');
                java_text(member, out);
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

pub(super) fn string_to_json(value: &Json) -> Result<Json, String> {
    match value {
        Json::String(text) if text.trim().is_empty() => Ok(Json::Null),
        Json::String(text) => {
            read::read(text).map_err(|error| format!("The argument is not a valid JSON text: {error}"))
        }
        _ => Err("The argument must be a string.".to_owned()),
    }
}

/// Splits at any of the splitter's characters; empty parts are dropped.
pub(super) fn string_split(text: &Json, splitter: &Json) -> Result<Json, String> {
    let (Json::String(text), Json::String(splitter)) = (text, splitter) else {
        return Err("Both arguments must be strings.".to_owned());
    };
    if splitter.is_empty() {
        return Ok(Json::array(vec![Json::String(text.clone())]));
    }
    let parts = text
        .split(|c| splitter.contains(c))
        .filter(|part| !part.is_empty());
    Ok(Json::array(parts.map(Json::from).collect()))
}

/// Only the shallow form exists; the second object wins.
pub(super) fn json_merge(first: &Json, second: &Json, deep: &Json) -> Result<Json, String> {
    let (Json::Object(first), Json::Object(second)) = (first, second) else {
        return Err("The first two arguments must be objects.".to_owned());
    };
    if *deep != Json::Bool(false) {
        return Err("The third argument must be false: only shallow merging is supported.".to_owned());
    }
    let mut merged = Object::clone(first);
    for (key, value) in second.iter() {
        merged.insert(key.clone(), value.clone());
    }
    Ok(Json::object(merged))
}
