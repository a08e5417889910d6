//! Which of the offered fixes may be applied to the same text.

use crate::diagnostic::{Confidence, Diagnostic, PatchOperation};

/// The diagnostics whose fixes are at least this sure and touch places of their own, in the order given.
pub fn select(diagnostics: &[Diagnostic], least: Confidence) -> Vec<&Diagnostic> {
    let mut taken: Vec<String> = Vec::new();
    let mut selected = Vec::new();
    for diagnostic in diagnostics {
        let Some(fix) = &diagnostic.fix else { continue };
        if least == Confidence::Certain && fix.confidence != Confidence::Certain {
            continue;
        }
        let places: Vec<String> = fix.patch.iter().flat_map(places).collect();
        let apart = places
            .iter()
            .all(|place| taken.iter().all(|other| !within(place, other)));
        if apart {
            taken.extend(places);
            selected.push(diagnostic);
        }
    }
    selected
}

/// What an operation touches. Elements of an array shift each other, so that there it is the array.
fn places(operation: &PatchOperation) -> Vec<String> {
    let whole = |pointer: &str| {
        let (parent, last) = pointer.rsplit_once('/').unwrap_or(("", ""));
        let is_element = last == "-" || last.bytes().all(|byte| byte.is_ascii_digit());
        if is_element { parent } else { pointer }.to_owned()
    };
    match operation {
        PatchOperation::Add { path, .. } | PatchOperation::Remove { path } => vec![whole(path)],
        PatchOperation::Replace { path, .. } => vec![path.clone()],
        PatchOperation::Move { from, path } => vec![whole(from), whole(path)],
    }
}

/// Whether one of the two lies in the other.
fn within(one: &str, other: &str) -> bool {
    let below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below(one, other) || below(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_apart_and_what_lies_inside_is_not() {
        assert!(!within("/States/A/Retry", "/States/A/Next"));
        assert!(!within("/States/AB", "/States/A"));
        assert!(within("/States/A/Retry", "/States/A"));
        assert!(within("/States/A", "/States/A"));
    }

    #[test]
    fn whoever_moves_an_element_touches_its_array() {
        let remove = |path: &str| PatchOperation::Remove {
            path: path.to_owned(),
        };
        assert_eq!(places(&remove("/Retry/1")), ["/Retry"]);
        assert_eq!(places(&remove("/Retry")), ["/Retry"]);
    }
}
