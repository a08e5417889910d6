//! What an expression was meant to be, where one small change makes it one.

use super::expressions::Slot;
use crate::jsonata::references::{References, references};
use crate::jsonata::syntax;
use crate::suggest;

/// Bytes an expression may have to be worth guessing at; each guess parses it again.
const EXPRESSION_BYTES_MAX: usize = 4_096;

/// Operators of other languages, and JSONata's.
const OPERATORS: &[(&str, &str)] = &[
    ("===", "="),
    ("!==", "!="),
    ("==", "="),
    ("&&", "and"),
    ("||", "or"),
];

/// An expression that does not parse → what it needs, and how it would.
pub(super) fn repair(expression: &str) -> Option<(String, String)> {
    if expression.len() > EXPRESSION_BYTES_MAX {
        return None;
    }
    let parses = |text: &String| syntax::parse(text).is_ok();
    let mut meant = expression.to_owned();
    let mut used = Vec::new();
    for (foreign, own) in OPERATORS {
        if meant.contains(foreign) {
            meant = meant.replace(foreign, own);
            used.push(format!("{own} instead of {foreign}"));
        }
    }
    if !used.is_empty() && parses(&meant) {
        return Some((format!("Write {}", used.join(", ")), meant));
    }
    let balanced = balance(expression)?;
    parses(&balanced).then(|| ("Close each bracket by its own kind".to_owned(), balanced))
}

/// The text with the brackets closed that are left open, each before one of another kind or at the end; `None` where nothing
/// is left open.
fn balance(expression: &str) -> Option<String> {
    let mut out = String::with_capacity(expression.len() + 4);
    let (mut open, mut quote, mut changed) = (Vec::new(), None, false);
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            (Some(end), c) if c == end => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(') => open.push(')'),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ')' | ']' | '}') => {
                if !open.contains(&c) {
                    return None;
                }
                while let Some(closing) = open.pop().filter(|closing| *closing != c) {
                    out.push(closing);
                    changed = true;
                }
            }
            (Some(_) | None, _) => {}
        }
        out.push(c);
    }
    if quote.is_some() {
        return None;
    }
    let end = out.trim_end().len();
    let blanks = out.split_off(end);
    changed |= !open.is_empty();
    out.extend(open.iter().rev());
    out.push_str(&blanks);
    changed.then_some(out)
}

/// An expression that reads what does not exist → the one that reads what was meant, if there is nothing else wrong with it.
pub(super) fn supported(expression: &str, found: &References, slot: Slot) -> Option<String> {
    if expression.len() > EXPRESSION_BYTES_MAX {
        return None;
    }
    let wrong_field = found
        .states
        .iter()
        .filter_map(|way| way.first())
        .find(|field| !slot.fields().contains(&field.as_str()));
    let meant = if found.root_context {
        expression.replace("$$", "$states.input")
    } else if let Some(name) = &found.top_level {
        let (blanks, rest) = expression.split_at_checked(expression.len() - expression.trim_start().len())?;
        let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !is_name || !rest.starts_with(name.as_str()) {
            return None;
        }
        format!("{blanks}$states.input.{rest}")
    } else {
        let field = wrong_field?;
        let near = suggest::nearest(field, slot.fields().iter().copied())?;
        expression.replace(&format!("$states.{field}"), &format!("$states.{near}"))
    };
    let found = references(&syntax::parse(&meant).ok()?);
    let is_sound = !found.root_context
        && found.top_level.is_none()
        && found
            .states
            .iter()
            .filter_map(|way| way.first())
            .all(|field| slot.fields().contains(&field.as_str()));
    is_sound.then_some(meant)
}
