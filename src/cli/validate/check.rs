//! What there is to say about the definitions of a file: the checks' diagnostics and the rule set's, with their places in the file.

use asl::json::spanned::{LineIndex, Span};
use asl::{CheckOptions, MachineKind};

use super::document::{Found, Read};
use crate::policies::{self, Diagnostic, RuleSet, Severity};

/// What to look for.
#[derive(Debug)]
pub(super) struct Look {
    /// Where no template says it.
    pub(super) kind: MachineKind,
    /// When it is, for times that have passed.
    pub(super) now: chrono::DateTime<chrono::Utc>,
    /// What is demanded besides the language.
    pub(super) set: RuleSet,
}

/// A diagnostic and its place in the file.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) diagnostic: Diagnostic,
    /// The resource of a template it is about.
    pub(super) machine: Option<String>,
    /// The text in the file that it is about.
    pub(super) span: Span,
    /// Lines and columns of that text.
    pub(super) region: asl::Region,
}

/// Everything about one file.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    /// Definitions that were checked.
    pub(super) definitions: usize,
    /// Whether there is more than is said.
    pub(super) truncated: bool,
}

/// Options for one definition.
pub(super) fn options(look: &Look, found: &Found) -> CheckOptions {
    CheckOptions {
        kind: found.kind.unwrap_or(look.kind),
        max_results: 0,
        now_ms: Some(look.now.timestamp_millis()),
        only: None,
    }
}

/// Checks what is in a file. `text` is the file's.
pub(super) fn check(text: &str, read: &Read, look: &Look) -> Report {
    let lines = LineIndex::new(text);
    let mut report = Report::default();
    if let Some(unreadable) = &read.unreadable {
        let diagnostic = plain("INVALID_YAML", unreadable.message.clone());
        report
            .findings
            .push(placed(&lines, diagnostic, None, Place::at(unreadable.span)));
        report.definitions = 1;
    }
    for fault in &read.faults {
        let diagnostic = plain(fault.code, fault.message.clone());
        let place = Place::at(fault.span);
        report
            .findings
            .push(placed(&lines, diagnostic, Some(fault.machine.clone()), place));
    }
    for found in &read.found {
        report.definitions += 1;
        let diagnosis = asl::diagnose(&found.text, &options(look, found));
        report.truncated |= diagnosis.truncated;
        let mut said: Vec<(Diagnostic, Place)> = diagnosis
            .diagnostics
            .into_iter()
            .map(|diagnostic| {
                let place = Place {
                    anchor: diagnostic.anchor,
                    span: diagnostic.span,
                };
                (Diagnostic::from(diagnostic), place)
            })
            .collect();
        // The rules were compiled when their file was read; one that fails is said by its own diagnostic.
        let broken = policies::broken(&look.set.rules, &found.text).unwrap_or_default();
        said.extend(broken.into_iter().map(|diagnostic| {
            let place = Place::at(written_at(&found.text, &diagnostic));
            (diagnostic, place)
        }));
        for (diagnostic, place) in said {
            let place = Place {
                anchor: found.origin.locate(place.anchor),
                span: found.origin.locate(place.span),
            };
            // One by one, to keep each with its place.
            let kept = policies::apply(&look.set, &[], vec![diagnostic], look.now);
            report.findings.extend(
                kept.into_iter()
                    .map(|diagnostic| placed(&lines, diagnostic, found.machine.clone(), place)),
            );
        }
    }
    report
}

/// Where a diagnostic belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// What its location names.
    anchor: Span,
    /// The text it is about.
    span: Span,
}

impl Place {
    /// What it names and what it is about are the same.
    pub(super) fn at(span: Span) -> Self {
        Self { anchor: span, span }
    }
}

/// A diagnostic of ours about a file rather than a definition.
pub(super) fn plain(code: &str, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: code.to_owned(),
        message,
        rule: None,
        location: None,
        line: None,
        column: None,
        region: None,
        help: None,
        documentation: None,
        fix: None,
        exemption: None,
    }
}

/// A diagnostic at a place of the file.
pub(super) fn placed(
    lines: &LineIndex<'_>,
    mut diagnostic: Diagnostic,
    machine: Option<String>,
    place: Place,
) -> Finding {
    let (line, column) = lines.line_column(place.anchor.start);
    let region = asl::Region::of(place.span, lines);
    diagnostic.line = Some(line);
    diagnostic.column = Some(column);
    diagnostic.region = Some(region.into());
    Finding {
        diagnostic,
        machine,
        span: place.span,
        region,
    }
}

/// The key that a rule's line and column point at.
fn written_at(text: &str, diagnostic: &Diagnostic) -> Span {
    let (Some(line), Some(column)) = (diagnostic.line, diagnostic.column) else {
        return Span::default();
    };
    let index = |number: u32| usize::try_from(number).unwrap_or(1).saturating_sub(1);
    let line_start = text
        .split_inclusive('\n')
        .take(index(line))
        .map(str::len)
        .sum::<usize>();
    let start = text
        .get(line_start..)
        .and_then(|rest| rest.char_indices().nth(index(column)))
        .map_or(line_start, |(at, _)| line_start + at);
    // A key begins there: to its closing quote.
    let length = text
        .get(start..)
        .and_then(|rest| rest.get(1..)?.find('"'))
        .map_or(0, |quote| quote + 2);
    Span {
        start,
        end: start + length,
    }
}
