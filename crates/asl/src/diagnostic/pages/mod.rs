//! What there is to read about each code: made from the table of rules, whose examples the tests run through the checks.
//!
//! Served at `/docs/diagnostics/<CODE>` and linked from reports. One code may stand for many rules
//! (`SCHEMA_VALIDATION_FAILED` does); each has its own section.

mod choices;
mod document;
mod errors;
mod expressions;
mod fields;
mod graph;
mod languages;
mod maps;
mod names;
mod paths;
mod render;
mod runs;
mod tasks;
mod variables;

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
const RULES: &[&[Rule]] = &[
    document::RULES,
    names::RULES,
    fields::RULES,
    languages::RULES,
    graph::RULES,
    paths::RULES,
    expressions::RULES,
    variables::RULES,
    errors::RULES,
    maps::RULES,
    choices::RULES,
    tasks::RULES,
    runs::RULES,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{CheckOptions, MachineKind, diagnose};

    /// A time after which the times in the examples lie, or before.
    const NOW_MS: i64 = 1_900_000_000_000;

    fn every_rule() -> impl Iterator<Item = &'static Rule> {
        RULES.iter().copied().flatten()
    }

    /// The definition an example stands for.
    fn definition(example: Example) -> Option<(String, MachineKind)> {
        let start = |states: &str| states.split('"').nth(1).unwrap().to_owned();
        let around = |states: &str| format!(r#"{{"StartAt": "{}", "States": {states}}}"#, start(states));
        match example {
            Example::Definition(text) => Some((text.to_owned(), MachineKind::Standard)),
            Example::States(text) => Some((around(text), MachineKind::Standard)),
            Example::State(text) => Some((around(&format!(r#"{{"S": {text}}}"#)), MachineKind::Standard)),
            Example::ExpressStates(text) => Some((around(text), MachineKind::Express)),
            Example::Words(_) => None,
        }
    }

    fn codes(example: Example) -> Option<Vec<Code>> {
        let (text, kind) = definition(example)?;
        let options = CheckOptions {
            kind,
            now_ms: Some(NOW_MS),
            ..CheckOptions::default()
        };
        Some(
            diagnose(&text, &options)
                .diagnostics
                .iter()
                .map(|d| d.code)
                .collect(),
        )
    }

    #[test]
    fn every_code_has_a_page_with_a_rule() {
        for page in pages() {
            assert!(rules(page.code).next().is_some(), "{} has no rule", page.code);
            assert!(page.markdown.contains(page.title));
            assert!(page.markdown.contains("\nWrong") && page.markdown.contains("\nRight"));
        }
    }

    #[test]
    fn every_wrong_example_breaks_its_rule_and_every_right_one_keeps_it() {
        for rule in every_rule() {
            if let Some(found) = codes(rule.wrong) {
                assert!(
                    found.contains(&rule.code),
                    "{}: {found:?} in {:?}",
                    rule.title,
                    rule.wrong
                );
                // The example shows one fault: no error besides.
                let errors = found
                    .iter()
                    .filter(|code| code.severity() == Severity::Error)
                    .count();
                let own = usize::from(rule.code.severity() == Severity::Error);
                assert_eq!(errors, own, "{}: {found:?}", rule.title);
            }
            if let Some(found) = codes(rule.right) {
                assert!(
                    !found.contains(&rule.code),
                    "{}: {found:?} in {:?}",
                    rule.title,
                    rule.right
                );
                let errors: Vec<&Code> = found
                    .iter()
                    .filter(|code| code.severity() == Severity::Error)
                    .collect();
                assert!(errors.is_empty(), "{}: {errors:?}", rule.title);
            }
        }
    }

    #[test]
    fn examples_in_words_are_only_of_texts_that_cannot_be_shown() {
        let in_words = |rule: &&Rule| matches!(rule.wrong, Example::Words(_));
        let codes: Vec<Code> = every_rule().filter(in_words).map(|rule| rule.code).collect();
        assert_eq!(
            codes,
            [
                Code::MissingDescription,
                Code::DefinitionTooLarge,
                Code::DefinitionNearLimit,
                Code::TooDeeplyNested
            ]
        );
    }

    #[test]
    fn titles_are_sentences_of_their_own() {
        let mut seen = BTreeSet::new();
        for rule in every_rule() {
            assert!(seen.insert(rule.title), "{} is there twice", rule.title);
            assert!(!rule.title.ends_with('.'), "{}", rule.title);
        }
    }

    #[test]
    fn a_page_shows_its_rules_with_long_examples_broken_up() {
        let page = page(Code::NoDollar);
        assert_eq!(
            page.markdown,
            "# NO_DOLLAR\n\nA value that looks like a path under a key without `.$`.\n\n\
             Warning: the definition can be created, and will likely disappoint. AWS Step Functions has this code.\n\n\
             ## A path stands under a key that ends in .$\n\nOtherwise it is passed on as text.\n\n\
             Wrong:\n\n```json\n{\n  \"Type\": \"Pass\",\n  \"Parameters\": {\"id\": \"$.order.id\"},\n  \"End\": true\n}\n```\n\n\
             Right:\n\n```json\n{\n  \"Type\": \"Pass\",\n  \"Parameters\": {\"id.$\": \"$.order.id\"},\n  \"End\": true\n}\n```\n"
        );
    }
}
