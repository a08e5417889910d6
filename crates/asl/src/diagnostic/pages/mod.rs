//! What there is to read about each code: made from the table of rules, whose examples the tests run through the checks.
//!
//! Served at `/docs/diagnostics/<CODE>` and linked from reports. One code may stand for many rules
//! (`SCHEMA_VALIDATION_FAILED` does); each has its own section.

mod render;

use super::{Code, Severity};

/// One rule: what is asked, why, and an example of it broken and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The code of its findings.
    pub code: Code,
    /// The rule as a sentence: `A label is short and plain`.
    pub title: &'static str,
    /// What happens otherwise, and what to do: one paragraph of Markdown.
    pub text: &'static str,
    /// Breaks the rule.
    pub wrong: Example,
    /// Keeps it.
    pub right: Example,
}

/// A definition, or the part of one that matters, as JSON on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Example {
    /// A whole definition, JSON or not.
    Definition(&'static str),
    /// The states of one that starts at the first.
    States(&'static str),
    /// The only state of one.
    State(&'static str),
    /// As [`Example::States`], of an Express machine.
    ExpressStates(&'static str),
    /// Something that can't be printed here (a megabyte of text), in words.
    Words(&'static str),
}

/// Everything about one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The code.
    pub code: Code,
    /// How bad its findings are.
    pub severity: Severity,
    /// The code in a sentence.
    pub title: &'static str,
    /// The page: a heading, what the code means, its rules with examples.
    pub markdown: String,
}

/// The page of every code, in the order of [`Code::ALL`].
pub fn pages() -> Vec<Page> {
    Code::ALL.iter().map(|code| page(*code)).collect()
}

/// The page of one code.
pub fn page(code: Code) -> Page {
    Page {
        code,
        severity: code.severity(),
        title: code.title(),
        markdown: render::markdown(code),
    }
}

/// The rules whose findings have a code.
pub fn rules(code: Code) -> impl Iterator<Item = &'static Rule> {
    RULES
        .iter()
        .copied()
        .flatten()
        .filter(move |rule| rule.code == code)
}

/// Every rule, by what it is about.
const RULES: &[&[Rule]] = &[];
