//! `signalbox validate FILE…`: checks definitions before anybody deploys them. For people an excerpt with the place, the
//! fault and what to do; for machines the diagnostics of the API, one object for each file.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use asl::{CheckOptions, Diagnosis, Diagnostic, MachineKind, Severity};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::clock::Clock;

/// Lines shown before and after the one a diagnostic is about.
const CONTEXT_LINES: usize = 1;

/// Checks definitions written in the Amazon States Language.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Files to check; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The type of the state machines: Express takes less than Standard.
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t = Kind::Standard)]
    pub kind: Kind,
    /// Leave colours out.
    #[arg(long, env = "NO_COLOR", value_parser = clap::builder::FalseyValueParser::new(), hide_env = true)]
    pub no_color: bool,
}

/// How to print what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Excerpts for people.
    Text,
    /// An array with one object for each file.
    Json,
}

/// The type of a state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Durable, up to a year.
    Standard,
    /// Up to five minutes.
    Express,
}

/// How a run ended, and with it the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No errors: 0.
    Valid,
    /// Errors in at least one definition: 1.
    Invalid,
    /// At least one file could not be read: 2.
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
    /// Where files that can't be read are named.
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
    let options = CheckOptions {
        kind: match arguments.kind {
            Kind::Standard => MachineKind::Standard,
            Kind::Express => MachineKind::Express,
        },
        max_results: 0,
        now_ms: Some(clock.now().timestamp_millis()),
    };
    let renderer = if streams.is_terminal && !arguments.no_color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut verdict = Verdict::Valid;
    let mut answers = Vec::with_capacity(arguments.files.len());
    for file in &arguments.files {
        let name = name_of(file);
        let text = match read(file, streams.input) {
            Ok(text) => text,
            Err(error) => {
                writeln!(streams.errors, "signalbox: {name} can't be read: {error}")?;
                verdict = Verdict::Unreadable;
                continue;
            }
        };
        let diagnosis = asl::diagnose(&text, &options);
        if !diagnosis.is_valid() {
            verdict = verdict.max(Verdict::Invalid);
        }
        match arguments.format {
            Format::Json => answers.push(as_json(&name, &diagnosis)),
            Format::Text => heard(print(streams.output, &renderer, &name, &text, diagnosis))?,
        }
    }
    if arguments.format == Format::Json {
        heard(writeln!(streams.output, "{:#}", Value::Array(answers)))?;
    }
    heard(streams.output.flush())?;
    Ok(verdict)
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

fn read(file: &Path, input: &mut dyn Read) -> io::Result<String> {
    if file != Path::new("-") {
        return std::fs::read_to_string(file);
    }
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    Ok(text)
}

fn as_json(name: &str, diagnosis: &Diagnosis) -> Value {
    let diagnostics: Vec<Value> = diagnosis
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let mut object = json!({
                "severity": diagnostic.severity().as_str(),
                "code": diagnostic.code.as_str(),
                "message": diagnostic.message,
                "line": diagnostic.line,
                "column": diagnostic.column,
            });
            if let Value::Object(members) = &mut object {
                let optional = [("location", &diagnostic.location), ("help", &diagnostic.help)];
                for (key, value) in optional {
                    if let Some(value) = value {
                        members.insert(key.to_owned(), value.as_str().into());
                    }
                }
            }
            object
        })
        .collect();
    json!({
        "file": name,
        "result": if diagnosis.is_valid() { "OK" } else { "FAIL" },
        "diagnostics": diagnostics,
        "truncated": diagnosis.truncated,
    })
}

fn print(
    output: &mut dyn Write,
    renderer: &Renderer,
    name: &str,
    text: &str,
    mut diagnosis: Diagnosis,
) -> io::Result<()> {
    diagnosis
        .diagnostics
        .sort_by_key(|diagnostic| (diagnostic.severity(), diagnostic.line, diagnostic.column));
    for diagnostic in &diagnosis.diagnostics {
        writeln!(
            output,
            "{}\n",
            renderer.render(&[excerpt(name, text, diagnostic)])
        )?;
    }
    let more = if diagnosis.truncated { ", and more" } else { "" };
    writeln!(output, "{name}: {}{more}", summary(&diagnosis.diagnostics))
}

/// `1 error, 2 warnings`, or `valid`.
fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity, noun: &str| {
        let count = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity() == severity)
            .count();
        match count {
            0 => None,
            1 => Some(format!("1 {noun}")),
            count => Some(format!("{count} {noun}s")),
        }
    };
    let counts = [
        count(Severity::Error, "error")
            .unwrap_or_else(|| "valid".to_owned())
            .into(),
        count(Severity::Warning, "warning"),
        count(Severity::Info, "remark"),
    ];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn excerpt<'t>(name: &'t str, text: &'t str, diagnostic: &'t Diagnostic) -> Group<'t> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let window = Window::around(text, diagnostic);
    let label = match diagnostic.location.as_deref() {
        Some(location) if location.starts_with('/') => location,
        _ => "",
    };
    let annotation = AnnotationKind::Primary.span(window.from..window.to).label(label);
    let snippet = Snippet::source(window.text)
        .path(name)
        .line_start(window.first_line)
        .annotation(annotation);
    let group = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.as_str())
        .element(snippet);
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
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
    fn around(text: &'t str, diagnostic: &Diagnostic) -> Self {
        let at = diagnostic.span.start.min(text.len());
        let mut start = line_start(text, at);
        let mut first_line = usize::try_from(diagnostic.line).unwrap_or(1);
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
        let to = diagnostic.span.end.clamp(at, line_end);
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::clock::SystemClock;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: ValidateArguments,
    }

    /// Runs with arguments and standard input: verdict, output, errors.
    fn run(arguments: &[&str], input: &str) -> (Verdict, String, String) {
        let command = Command::parse_from(std::iter::once("validate").chain(arguments.iter().copied()));
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut streams = Streams {
            input: &mut input.as_bytes(),
            output: &mut output,
            errors: &mut errors,
            is_terminal: false,
        };
        let verdict = validate(&command.arguments, &SystemClock, &mut streams).unwrap();
        (
            verdict,
            String::from_utf8(output).unwrap(),
            String::from_utf8(errors).unwrap(),
        )
    }

    const VALID: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
    const INVALID: &str = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Next\": \"Ghost\"},\n    \"Gost\": {\"Type\": \"Succeed\"}\n  }\n}\n";

    #[test]
    fn a_valid_definition_is_called_valid() {
        let (verdict, output, errors) = run(&["-"], VALID);
        assert_eq!(
            (verdict.exit_status(), output.as_str(), errors.as_str()),
            (0, "standard input: valid\n", "")
        );
    }

    #[test]
    fn a_fault_is_shown_with_its_place_and_its_help() {
        let (verdict, output, _) = run(&["-"], INVALID);
        assert_eq!(verdict.exit_status(), 1);
        for part in [
            "error[MISSING_TRANSITION_TARGET]: Missing 'Next' target: Ghost",
            "standard input:4:35",
            "\"Next\": \"Ghost\"",
            "/States/A/Next",
            "help: Did you mean \"Gost\"?",
            "1 error",
        ] {
            assert!(output.contains(part), "{part} is missing in:\n{output}");
        }
    }

    #[test]
    fn machines_get_one_object_for_each_file() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("good.json"), folder.path().join("bad.json"));
        std::fs::write(&good, VALID).unwrap();
        std::fs::write(&bad, INVALID).unwrap();
        let files = [good.to_str().unwrap(), bad.to_str().unwrap()];
        let (verdict, output, _) = run(&["--format", "json", files[0], files[1]], "");
        assert_eq!(verdict, Verdict::Invalid);
        let answers: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(answers[0]["result"], "OK");
        assert_eq!(answers[1]["result"], "FAIL");
        assert_eq!(answers[1]["diagnostics"][0]["location"], "/States/A/Next");
        assert_eq!(answers[1]["diagnostics"][0]["line"], 4);
    }

    #[test]
    fn the_type_of_the_machine_counts() {
        let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true}}}"#;
        assert_eq!(run(&["-"], text).0, Verdict::Valid);
        assert_eq!(run(&["--type", "EXPRESS", "-"], text).0, Verdict::Invalid);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_the_others_are_checked() {
        let (verdict, output, errors) = run(&["no-such-file.json", "-"], VALID);
        assert_eq!(verdict.exit_status(), 2);
        assert!(
            errors.starts_with("signalbox: no-such-file.json can't be read: "),
            "{errors}"
        );
        assert!(output.contains("standard input: valid"), "{output}");
    }

    #[test]
    fn a_reader_that_has_gone_changes_no_verdict() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        for format in ["text", "json"] {
            let command = Command::parse_from(["validate", "--format", format, "-"]);
            let mut streams = Streams {
                input: &mut INVALID.as_bytes(),
                output: &mut Gone,
                errors: &mut Vec::new(),
                is_terminal: false,
            };
            let verdict = validate(&command.arguments, &SystemClock, &mut streams).unwrap();
            assert_eq!(verdict, Verdict::Invalid);
        }
    }

    #[test]
    fn any_text_can_be_shown() {
        for text in [
            "",
            "\n",
            "{",
            "\u{feff}{}",
            "{\"é\": ",
            "[1,\r\n2",
            "{\"StartAt\": \"A\", \"States\": {\"A\": {}\n}}",
        ] {
            let (verdict, output, _) = run(&["-"], text);
            assert_eq!(verdict, Verdict::Invalid, "{text:?}");
            assert!(output.contains("error"), "{text:?}: {output}");
        }
    }
}
