//! For machines: the API's diagnostics as JSON, GitHub's workflow commands, SARIF.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::check::{Finding, Report};
use crate::policies::{DOCUMENTATION_PATH, Severity};

/// A file and what was found in it.
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) report: Report,
}

/// An array with one object for each file.
pub(super) fn json(output: &mut dyn Write, files: &[Checked]) -> io::Result<()> {
    let files: Vec<Value> = files.iter().map(file).collect();
    writeln!(output, "{:#}", Value::Array(files))
}

fn file(checked: &Checked) -> Value {
    let findings = &checked.report.findings;
    let failed = findings
        .iter()
        .any(|finding| finding.diagnostic.severity == Severity::Error);
    let diagnostics: Vec<Value> = findings.iter().map(diagnostic).collect();
    json!({
        "file": checked.name,
        "result": if failed { "FAIL" } else { "OK" },
        "definitions": checked.report.definitions,
        "diagnostics": diagnostics,
        "truncated": checked.report.truncated,
    })
}

/// As the API gives it, with the resource it belongs to.
fn diagnostic(finding: &Finding) -> Value {
    let mut object = serde_json::to_value(&finding.diagnostic).unwrap_or_default();
    if let Value::Object(members) = &mut object
        && let Some(machine) = &finding.machine
    {
        members.insert("resource".to_owned(), machine.as_str().into());
    }
    object
}

/// Annotations of a pull request: `::error file=…,line=…::…` (GitHub Actions, "Workflow commands").
pub(super) fn github(output: &mut dyn Write, files: &[Checked]) -> io::Result<()> {
    for checked in files {
        for finding in &checked.report.findings {
            let diagnostic = &finding.diagnostic;
            let command = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "notice",
            };
            let mut message = diagnostic.message.clone();
            if let Some(location) = &diagnostic.location {
                message = format!("{message} ({location})");
            }
            if let Some(help) = &diagnostic.help {
                message = format!("{message}\n{help}");
            }
            let ((line, column), (end_line, end_column)) = (finding.region.start, finding.region.end);
            let title = diagnostic.rule.as_deref().unwrap_or(&diagnostic.code);
            write!(
                output,
                "::{command} file={},line={line},endLine={},col={column}",
                property(&checked.name),
                end_line,
            )?;
            // Columns count only where there is one line.
            if end_line == line {
                write!(output, ",endColumn={end_column}")?;
            }
            writeln!(output, ",title={}::{}", property(title), data(&message))?;
        }
    }
    Ok(())
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// SARIF 2.1.0 (OASIS), as code scanning takes it. `documentation` is where this service's pages can be read, if anywhere.
pub(super) fn sarif(
    output: &mut dyn Write,
    files: &[Checked],
    documentation: Option<&str>,
) -> io::Result<()> {
    let mut rules: BTreeMap<String, ReportingDescriptor> = BTreeMap::new();
    for finding in files.iter().flat_map(|file| &file.report.findings) {
        let id = rule_id(finding);
        rules
            .entry(id.clone())
            .or_insert_with(|| descriptor(id, finding, documentation));
    }
    let index: BTreeMap<&String, usize> = rules.keys().enumerate().map(|(at, id)| (id, at)).collect();
    let results = files
        .iter()
        .flat_map(|file| file.report.findings.iter().map(move |finding| (file, finding)))
        .map(|(file, finding)| result(file, finding, &index))
        .collect();
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "signalbox",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: rules.values().collect(),
                },
            },
            column_kind: "unicodeCodePoints",
            results,
        }],
    };
    serde_json::to_writer_pretty(&mut *output, &log)?;
    writeln!(output)
}

fn rule_id(finding: &Finding) -> String {
    let diagnostic = &finding.diagnostic;
    diagnostic.rule.clone().unwrap_or_else(|| diagnostic.code.clone())
}

fn descriptor(id: String, finding: &Finding, documentation: Option<&str>) -> ReportingDescriptor {
    let page = asl::Code::ALL
        .iter()
        .find(|code| code.as_str() == id)
        .map(|code| asl::diagnostic::page(*code));
    let title = page.as_ref().map_or_else(
        || finding.diagnostic.message.clone(),
        |page| page.title.to_owned(),
    );
    ReportingDescriptor {
        short_description: Text { text: title.clone() },
        help: Help {
            text: title,
            markdown: page.as_ref().map(|page| page.markdown.clone()),
        },
        help_uri: documentation
            .filter(|_| page.is_some())
            .map(|base| format!("{}{DOCUMENTATION_PATH}/{id}", base.trim_end_matches('/'))),
        id,
    }
}

fn result(file: &Checked, finding: &Finding, index: &BTreeMap<&String, usize>) -> SarifResult {
    let diagnostic = &finding.diagnostic;
    let id = rule_id(finding);
    let ((start_line, start_column), (end_line, end_column)) = (finding.region.start, finding.region.end);
    let mut text = diagnostic.message.clone();
    if let Some(help) = &diagnostic.help {
        text = format!("{text}\n{help}");
    }
    let mut place_of = Map::new();
    if let Some(location) = &diagnostic.location {
        let machine = finding.machine.as_deref().unwrap_or_default();
        place_of.insert(
            "fullyQualifiedName".to_owned(),
            format!("{machine}{location}").into(),
        );
    }
    SarifResult {
        rule_index: index.get(&id).copied().unwrap_or_default(),
        rule_id: id,
        level: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "note",
        },
        message: Text { text },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation { uri: uri(&file.name) },
                region: Region {
                    start_line,
                    start_column,
                    end_line,
                    end_column,
                },
            },
            logical_locations: if place_of.is_empty() {
                Vec::new()
            } else {
                vec![Value::Object(place_of)]
            },
        }],
    }
}

/// A relative reference: what is no path character is escaped (RFC 3986).
fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    let mut uri = String::new();
    for byte in path.replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing into a string can't fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[derive(Serialize)]
struct Log<'r> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'r>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'r> {
    tool: Tool<'r>,
    column_kind: &'static str,
    results: Vec<SarifResult>,
}

#[derive(Serialize)]
struct Tool<'r> {
    driver: Driver<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'r> {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<&'r ReportingDescriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportingDescriptor {
    id: String,
    short_description: Text,
    help: Help,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}
