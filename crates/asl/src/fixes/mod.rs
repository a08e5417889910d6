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
use crate::diagnostic::{Code, Confidence, Diagnostic};
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
        let diagnosis = diagnose(&fixed.text, options);
        let before = fixed.applied.len();
        for diagnostic in select(&diagnosis.diagnostics, least) {
            let Some(fix) = &diagnostic.fix else { continue };
            // A fix whose place has gone is offered again, or not, by the next check.
            if let Ok(text) = edit(&fixed.text, &fix.patch) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
