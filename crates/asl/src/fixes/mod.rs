//! Applying what diagnostics offer: which fixes go together, and the text after them.
//!
//! A patch's pointers are those of the definition that was checked, so fixes that touch the same place are never applied in one round:
//! the text is checked again after each, until nothing more is offered.

mod edit;
mod layout;
mod select;

pub use edit::{EditError, edit};
pub use select::select;

use crate::checks::{CheckOptions, diagnose};
use crate::diagnostic::{Code, Confidence, Diagnostic, Severity};
use crate::limits::FIX_ROUNDS_MAX;

/// A fix that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The diagnostic it answers.
    pub code: Code,
    /// Where that was, as AWS writes places.
    pub location: Option<String>,
    /// What was done, in the imperative.
    pub title: String,
}

impl Applied {
    /// What is noted of a diagnostic whose fix was applied; `None` where it has none.
    pub fn of(diagnostic: &Diagnostic) -> Option<Self> {
        Some(Self {
            code: diagnostic.code,
            location: diagnostic.location.clone(),
            title: diagnostic.fix.as_ref()?.title.clone(),
        })
    }
}

/// A definition after its fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The text; what no fix touched is as it was, to the byte.
    pub text: String,
    /// What was done, in order.
    pub applied: Vec<Applied>,
}

/// Applies every fix of at least this confidence to a definition's text. Pure. A text that is not JSON comes back as it is.
pub fn fix(text: &str, options: &CheckOptions, least: Confidence) -> Fixed {
    let mut fixed = Fixed {
        text: text.to_owned(),
        applied: Vec::new(),
    };
    for _ in 0..FIX_ROUNDS_MAX {
        let offered = diagnose(&fixed.text, options).diagnostics;
        let mut now = offered.clone();
        let before = fixed.applied.len();
        for diagnostic in select(&offered, least) {
            let Some(fix) = &diagnostic.fix else { continue };
            // A fix whose place has gone is offered again, or not, by the next check.
            let Ok(text) = edit(&fixed.text, &fix.patch) else {
                continue;
            };
            let then = diagnose(&text, options).diagnostics;
            if helps(diagnostic, &now, &then) {
                now = then;
                fixed.text = text;
                fixed.applied.extend(Applied::of(diagnostic));
            }
        }
        if fixed.applied.len() == before {
            break;
        }
    }
    fixed
}

/// Whether a definition is better off with a fix: what was said before it and after. Only the certain fix of an error may bring other
/// errors to light (a state whose `Type` can be read at last has its fields checked).
pub fn helps(fixed: &Diagnostic, before: &[Diagnostic], after: &[Diagnostic]) -> bool {
    let errors = |diagnostics: &[Diagnostic]| {
        diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity() == Severity::Error)
            .count()
    };
    let is_certain = fixed
        .fix
        .as_ref()
        .is_some_and(|fix| fix.confidence == Confidence::Certain);
    errors(after) <= errors(before) || (is_certain && fixed.severity() == Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_that_breaks_something_else_is_left() {
        let text = r#"{"StartAt": "m", "States": {"m": {"Type": "Map", "ItemsPath": "$.a", "Parameters": "$.x", "End": true,
            "ItemProcessor": {"StartAt": "p", "States": {"p": {"Type": "Pass", "End": true}}}}}}"#;
        let before = diagnose(text, &CheckOptions::default());
        let fixed = fix(text, &CheckOptions::default(), Confidence::Likely);
        let after = diagnose(&fixed.text, &CheckOptions::default());
        assert!(!before.is_valid() || after.is_valid(), "{}", fixed.text);
    }

    #[test]
    fn what_is_fixed_is_not_found_again_and_the_rest_is_untouched() {
        let text = "{\n\t\"StartAt\": \"A\",\n\t\"States\": {\n\t\t\"A\": {\"type\": \"Pass\",   \"End\": true}\n\t}\n}\n";
        let fixed = fix(text, &CheckOptions::default(), Confidence::Certain);
        assert_eq!(fixed.text, text.replace("\"type\"", "\"Type\""));
        assert_eq!(fixed.applied.len(), 1, "{fixed:?}");
        let after = diagnose(&fixed.text, &CheckOptions::default());
        assert!(after.is_valid(), "{after:?}");
    }

    #[test]
    fn fixes_of_one_place_are_applied_one_after_the_other() {
        let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "f"}, "End": true,
            "Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["States.Timeout"]}]}}}"#;
        let fixed = fix(text, &CheckOptions::default(), Confidence::Likely);
        let left = diagnose(&fixed.text, &CheckOptions::default());
        assert!(left.is_valid(), "{left:?}\n{}", fixed.text);
        assert!(!fixed.applied.is_empty());
        assert!(
            select(&left.diagnostics, Confidence::Likely).is_empty(),
            "{left:?}"
        );
    }

    #[test]
    fn a_text_that_is_not_json_comes_back_as_it_is() {
        let fixed = fix("{\"StartAt\": ", &CheckOptions::default(), Confidence::Likely);
        assert_eq!((fixed.text.as_str(), fixed.applied.len()), ("{\"StartAt\": ", 0));
    }
}
