//! A new text for a definition that stands in strings of a template: what differs is written into the string that it is in, the way that
//! string is written. Gives `None` where it is not in one string, or touches what the template puts there; who calls compares what comes out.

use asl::json::spanned::Span;
use serde_json::Value;

use super::document::Found;
use super::origin::{Letter, Origin, Quoting};

/// The file's text with `wanted` in the place of the definition's text.
pub(super) fn edit(text: &str, found: &Found, wanted: &str) -> Option<String> {
    let Origin::Letters(embedded) = &found.origin else {
        return None;
    };
    let (gone, new) = difference(&found.text, wanted);
    let number = |at: usize| embedded.letters.partition_point(|letter| letter.at < at);
    let (first, after) = (number(gone.start), number(gone.end));
    let letters = embedded.letters.get(first..after)?;
    // What is only inserted goes into the string of the character before it, else of the one behind.
    let before = first
        .checked_sub(1)
        .and_then(|before| embedded.letters.get(before));
    let (piece, written) = match (letters.first(), before) {
        (Some(start), _) => (start.piece?, around(letters)?),
        (
            None,
            Some(Letter {
                piece: Some(piece),
                written,
                ..
            }),
        ) => (*piece, at(written.end)),
        (None, _) => {
            let behind = embedded.letters.get(first)?;
            (behind.piece?, at(behind.written.start))
        }
    };
    let piece = embedded.pieces.get(piece)?;
    // In the text of an Fn::Sub `${` has two readings.
    if piece.is_template && (new.contains("${") || found.text.get(gone.start..gone.end)?.contains("${")) {
        return None;
    }
    let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let new = match piece.quoting {
        Quoting::Double => {
            let quoted = Value::from(new).to_string();
            quoted.get(1..quoted.len() - 1)?.to_owned()
        }
        Quoting::Single if !new.contains('\n') => new.replace('\'', "''"),
        Quoting::Literal(indent) => new.replace('\n', &format!("{line_break}{}", " ".repeat(indent))),
        Quoting::Plain if !new.contains('\n') => new.to_owned(),
        Quoting::Single | Quoting::Plain => return None,
    };
    Some(format!(
        "{}{new}{}",
        text.get(..written.start)?,
        text.get(written.end..)?
    ))
}

fn at(place: usize) -> Span {
    Span {
        start: place,
        end: place,
    }
}

/// Where letters are written, if that is one piece of one string.
fn around(letters: &[Letter]) -> Option<Span> {
    let (first, last) = (letters.first()?, letters.last()?);
    let is_one = letters.iter().all(|letter| letter.piece == first.piece);
    is_one.then_some(Span {
        start: first.written.start,
        end: last.written.end,
    })
}

/// What of one text another has otherwise, and how.
fn difference<'w>(before: &str, after: &'w str) -> (Span, &'w str) {
    let same = |(left, right): &(char, char)| left == right;
    let common: usize = before
        .chars()
        .zip(after.chars())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let rests = (
        before.get(common..).unwrap_or_default(),
        after.get(common..).unwrap_or_default(),
    );
    let tail: usize = rests
        .0
        .chars()
        .rev()
        .zip(rests.1.chars().rev())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let gone = Span {
        start: common,
        end: before.len() - tail,
    };
    (gone, after.get(common..after.len() - tail).unwrap_or_default())
}
