//! For people: the lines a diagnostic is about, with carets, what is wrong and what to do.

use std::io::{self, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::check::{Finding, Report};
use crate::policies::Severity;

/// Lines shown before and after the one a diagnostic is about.
const CONTEXT_LINES: usize = 1;

/// Writes what was found in one file, the gravest first.
pub(super) fn print(
    output: &mut dyn Write,
    renderer: &Renderer,
    name: &str,
    text: &str,
    report: &Report,
) -> io::Result<()> {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|finding| (finding.diagnostic.severity, finding.span.start));
    for finding in &findings {
        writeln!(output, "{}\n", renderer.render(&[excerpt(name, text, finding)]))?;
    }
    let more = if report.truncated { ", and more" } else { "" };
    if report.definitions == 0 && findings.is_empty() {
        writeln!(output, "{name}: no definitions")
    } else {
        writeln!(output, "{name}: {}{more}", summary(&findings))
    }
}

/// `1 error, 2 warnings`, or `valid`.
fn summary(findings: &[&Finding]) -> String {
    let count = |severity, noun: &str| {
        let count = findings
            .iter()
            .filter(|finding| finding.diagnostic.severity == severity)
            .count();
        match count {
            0 => None,
            1 => Some(format!("1 {noun}")),
            count => Some(format!("{count} {noun}s")),
        }
    };
    let counts = [
        Some(count(Severity::Error, "error").unwrap_or_else(|| "valid".to_owned())),
        count(Severity::Warning, "warning"),
        count(Severity::Info, "remark"),
    ];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn excerpt<'t>(name: &'t str, text: &'t str, finding: &'t Finding) -> Group<'t> {
    let diagnostic = &finding.diagnostic;
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let window = Window::around(text, finding);
    let place = diagnostic
        .location
        .as_deref()
        .filter(|location| location.starts_with('/'));
    let label = match (&finding.machine, place) {
        (Some(machine), Some(place)) => format!("{machine}: {place}"),
        (Some(machine), None) => machine.clone(),
        (None, place) => place.unwrap_or_default().to_owned(),
    };
    let annotation = AnnotationKind::Primary.span(window.from..window.to).label(label);
    let snippet = Snippet::source(window.text)
        .path(name)
        .line_start(window.first_line)
        .annotation(annotation);
    let id = diagnostic.rule.as_deref().unwrap_or(&diagnostic.code);
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .id(id)
        .element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    if let Some(fix) = &diagnostic.fix {
        let option = if fix.confidence == "certain" {
            "--fix"
        } else {
            "--fix=likely"
        };
        group = group.element(Level::NOTE.message(format!("`{option}` does this: {}", fix.title)));
    }
    group
}

/// The lines around a diagnostic. A definition can be a megabyte, of which nobody wants to see more.
struct Window<'t> {
    text: &'t str,
    /// Number of its first line, from 1.
    first_line: usize,
    /// What to mark, in bytes of `text`; one line of it.
    from: usize,
    to: usize,
}

impl<'t> Window<'t> {
    fn around(text: &'t str, finding: &Finding) -> Self {
        let at = finding.span.start.min(text.len());
        let mut start = line_start(text, at);
        let mut first_line = usize::try_from(finding.region.start.0).unwrap_or(1);
        for _ in 0..CONTEXT_LINES {
            if start > 0 {
                start = line_start(text, start - 1);
                first_line -= 1;
            }
        }
        let line_end = line_end(text, at);
        let mut end = line_end;
        for _ in 0..CONTEXT_LINES {
            if end < text.len() {
                end = self::line_end(text, end + 1);
            }
        }
        let to = finding.span.end.clamp(at, line_end);
        Self {
            text: text.get(start..end).unwrap_or_default(),
            first_line,
            from: at - start,
            to: to - start,
        }
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|after| after.find('\n'))
        .map_or(text.len(), |newline| at + newline)
}
