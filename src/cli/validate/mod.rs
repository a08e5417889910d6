//! `signalbox validate FILE…`: checks definitions before anybody deploys them, in JSON, in YAML and inside CloudFormation and SAM
//! templates. For people an excerpt with the place, the fault and what to do; for machines JSON, GitHub's annotations and SARIF.
//! `--fix` applies what can be mended to the files.

mod arguments;
mod check;
mod cloudformation;
mod document;
mod edit_letters;
mod edit_yaml;
mod files;
mod machine;
mod mend;
mod origin;
mod text;
mod yaml;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use annotate_snippets::Renderer;
use asl::json::spanned::LineIndex;
use asl::{Confidence, MachineKind};

use self::check::{Look, Report};
use self::document::{Language, Reference};
use self::files::Candidate;
use self::machine::Checked;
use crate::clock::Clock;
use crate::policies::{self, RuleSet, Severity};

pub use self::arguments::{Fix, Format, Kind, Level, ValidateArguments};

/// How a run ended, and with it the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No errors: 0.
    Valid,
    /// Errors in at least one definition: 1.
    Invalid,
    /// At least one file could not be read or written, or there was nothing to check: 2.
    Unreadable,
}

impl Verdict {
    /// The exit status.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Unreadable => 2,
        }
    }
}

/// The streams a run reads and writes.
pub struct Streams<'s> {
    /// What `-` reads.
    pub input: &'s mut dyn Read,
    /// Where findings go.
    pub output: &'s mut dyn Write,
    /// Where files that can't be read are named, and what was mended.
    pub errors: &'s mut dyn Write,
    /// Whether `output` shows colours.
    pub is_terminal: bool,
}

/// Checks every file and prints what it finds. The worst file decides. Fails only if the output can't be written.
pub fn validate(
    arguments: &ValidateArguments,
    clock: &dyn Clock,
    streams: &mut Streams<'_>,
) -> io::Result<Verdict> {
    let set = match arguments.rules.as_deref().map(rule_set).transpose() {
        Ok(set) => set.unwrap_or_default(),
        Err(why) => {
            writeln!(streams.errors, "signalbox: {why}")?;
            return Ok(Verdict::Unreadable);
        }
    };
    let look = Look {
        kind: match arguments.kind {
            Kind::Standard => MachineKind::Standard,
            Kind::Express => MachineKind::Express,
        },
        now: clock.now(),
        set,
    };
    let renderer = if streams.is_terminal && !arguments.no_color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut run = Run {
        arguments,
        look,
        renderer,
        streams,
        verdict: Verdict::Valid,
        done: BTreeSet::new(),
        checked: Vec::new(),
    };
    let named_by_templates = run.look_into_all()?;
    run.follow(named_by_templates)?;
    run.end()
}

/// Reads a rule set and says what is wrong with it.
fn rule_set(path: &Path) -> Result<RuleSet, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name} can't be read: {error}"))?;
    let value = match document::language(path, &text) {
        Language::Json => serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?,
        Language::Yaml => yaml::to_value(&yaml::parse(&text).map_err(|error| format!("{name}: {error}"))?),
    };
    let set: RuleSet = serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))?;
    match policies::faults(&set).first() {
        None => Ok(set),
        Some(fault) => Err(format!("{name}: `{}` {}", fault.pointer, fault.message)),
    }
}

/// A definition's file that a template names.
struct Named {
    template: PathBuf,
    text: String,
    reference: Reference,
}

struct Run<'r, 's> {
    arguments: &'r ValidateArguments,
    look: Look,
    renderer: Renderer,
    streams: &'r mut Streams<'s>,
    verdict: Verdict,
    /// Files that were checked, however they are written.
    done: BTreeSet<PathBuf>,
    /// For the formats that are written as a whole.
    checked: Vec<Checked>,
}

impl Run<'_, '_> {
    /// Looks into everything that was asked for; templates first say what the files that they name run as.
    fn look_into_all(&mut self) -> io::Result<Vec<Named>> {
        let mut named = Vec::new();
        let mut waiting = Vec::new();
        for argument in &self.arguments.files {
            let found = match files::find(argument) {
                Ok(found) => found,
                Err(error) => {
                    self.unreadable(&argument.display().to_string(), &chain(&error))?;
                    continue;
                }
            };
            let mut any = false;
            for candidate in found {
                let name = name_of(&candidate.path);
                let text = match files::read(&candidate.path, self.streams.input) {
                    Ok(text) => text,
                    // What nobody named need not be text.
                    Err(error) if !candidate.is_named && error.kind() == io::ErrorKind::InvalidData => {
                        continue;
                    }
                    Err(error) => {
                        any = true;
                        self.unreadable(&name, &error.to_string())?;
                        continue;
                    }
                };
                if !candidate.is_named && !document::is_of_interest(&candidate.path, &text) {
                    continue;
                }
                any = true;
                let read = document::read(&text, document::language(&candidate.path, &text));
                named.extend(read.references.into_iter().map(|reference| Named {
                    template: candidate.path.clone(),
                    text: text.clone(),
                    reference,
                }));
                self.note_elsewhere(&name, &read.elsewhere)?;
                waiting.push((candidate, text));
            }
            if !any {
                self.unreadable(&argument.display().to_string(), "there are no definitions here")?;
            }
        }
        let by_template: BTreeSet<PathBuf> = named.iter().filter_map(|named| real(&named.path())).collect();
        for (candidate, text) in waiting {
            // A file that a template names is checked as what the template runs it as.
            if candidate.is_named || real(&candidate.path).is_none_or(|path| !by_template.contains(&path)) {
                self.look_into(&candidate, text, None)?;
            }
        }
        Ok(named)
    }

    fn note_elsewhere(&mut self, name: &str, machines: &[String]) -> io::Result<()> {
        for machine in machines {
            writeln!(
                self.streams.errors,
                "signalbox: {name}: the definition of {machine} is in a bucket and was not checked"
            )?;
        }
        Ok(())
    }

    /// Checks the files that templates name.
    fn follow(&mut self, named: Vec<Named>) -> io::Result<()> {
        for named in named {
            let path = named.path();
            if real(&path).is_some_and(|path| self.done.contains(&path)) {
                continue;
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let candidate = Candidate { path, is_named: true };
                    self.look_into(&candidate, text, named.reference.kind)?;
                }
                Err(error) => {
                    let message = format!("`{}` can't be read: {error}", named.reference.path);
                    let finding = check::placed(
                        &LineIndex::new(&named.text),
                        check::plain("DEFINITION_UNREADABLE", message),
                        Some(named.reference.machine),
                        check::Place::at(named.reference.span),
                    );
                    let report = Report {
                        findings: vec![finding],
                        definitions: 1,
                        truncated: false,
                    };
                    self.report(&name_of(&named.template), &named.text, report)?;
                }
            }
        }
        Ok(())
    }

    fn look_into(
        &mut self,
        candidate: &Candidate,
        text: String,
        kind: Option<MachineKind>,
    ) -> io::Result<()> {
        if let Some(path) = real(&candidate.path)
            && !self.done.insert(path)
        {
            return Ok(());
        }
        let name = name_of(&candidate.path);
        let language = document::language(&candidate.path, &text);
        let before = self.look.kind;
        self.look.kind = kind.unwrap_or(before);
        let text = self.mend(&candidate.path, &name, text, language)?;
        let read = document::read(&text, language);
        let report = check::check(&text, &read, &self.look);
        self.look.kind = before;
        if report.definitions == 0
            && report.findings.is_empty()
            && !(read.references.is_empty() && read.elsewhere.is_empty())
        {
            // A template whose definitions are in files of their own, which are reported.
            return Ok(());
        }
        self.report(&name, &text, report)
    }

    /// The text after its fixes, if some are asked for; written, or told in a dry run.
    fn mend(&mut self, path: &Path, name: &str, text: String, language: Language) -> io::Result<String> {
        let least = match self.arguments.fix {
            None => return Ok(text),
            Some(Fix::Certain) => Confidence::Certain,
            Some(Fix::Likely) => Confidence::Likely,
        };
        let mended = mend::mend(&text, language, &self.look, least);
        for left in &mended.left {
            writeln!(self.streams.errors, "signalbox: {name}: not done: {left}")?;
        }
        if mended.applied.is_empty() {
            return Ok(text);
        }
        if self.arguments.dry_run {
            let diff = mend::diff(name, &text, &mended.text);
            heard(self.streams.output.write_all(diff.as_bytes()))?;
            return Ok(text);
        }
        if path == Path::new("-") {
            self.unreadable(
                name,
                "what is read from there can't be changed; --dry-run shows the fixes",
            )?;
            return Ok(text);
        }
        if let Err(error) = std::fs::write(path, &mended.text) {
            self.unreadable(name, &format!("the fixes can't be written: {error}"))?;
            return Ok(text);
        }
        for applied in &mended.applied {
            let place = applied.location.as_deref().unwrap_or("/");
            writeln!(
                self.streams.errors,
                "signalbox: {name}: {place}: {}",
                applied.title
            )?;
        }
        Ok(mended.text)
    }

    fn report(&mut self, name: &str, text: &str, mut report: Report) -> io::Result<()> {
        let level = |severity| match severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Info => Level::Info,
        };
        if report
            .findings
            .iter()
            .any(|finding| level(finding.diagnostic.severity) <= self.arguments.deny)
        {
            self.verdict = self.verdict.max(Verdict::Invalid);
        }
        report
            .findings
            .retain(|finding| level(finding.diagnostic.severity) <= self.arguments.severity);
        if self.arguments.dry_run {
            // It prints a diff, which may be piped to patch.
            return Ok(());
        }
        match self.arguments.format {
            Format::Text => heard(text::print(
                self.streams.output,
                &self.renderer,
                name,
                text,
                &report,
            )),
            Format::Json | Format::Sarif | Format::Github => {
                self.checked.push(Checked {
                    name: name.to_owned(),
                    report,
                });
                Ok(())
            }
        }
    }

    fn unreadable(&mut self, name: &str, why: &str) -> io::Result<()> {
        self.verdict = Verdict::Unreadable;
        writeln!(self.streams.errors, "signalbox: {name} can't be checked: {why}")
    }

    fn end(self) -> io::Result<Verdict> {
        let output = &mut *self.streams.output;
        heard(match self.arguments.format {
            _ if self.arguments.dry_run => Ok(()),
            Format::Text => Ok(()),
            Format::Json => machine::json(output, &self.checked),
            Format::Github => machine::github(output, &self.checked),
            Format::Sarif => machine::sarif(output, &self.checked, self.arguments.docs_url.as_deref()),
        })?;
        heard(output.flush())?;
        Ok(self.verdict)
    }
}

impl Named {
    fn path(&self) -> PathBuf {
        self.template
            .parent()
            .unwrap_or(Path::new(""))
            .join(&self.reference.path)
    }
}

/// One name for a file, however it is written. None for standard input and for what is not there.
fn real(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

/// A reader that has gone (`validate … | head`) is nobody's fault: the verdict counts all the same.
fn heard(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn name_of(file: &Path) -> String {
    if file == Path::new("-") {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    }
}

/// The error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
