//! One file: which definitions are in it, whatever it is written in.

use std::path::Path;

use asl::json::spanned::{self, LineIndex, Span};

use super::cloudformation;
use super::origin::{Origin, json_of};
use super::yaml;

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Json,
    Yaml,
}

/// A definition in a file.
#[derive(Debug)]
pub(super) struct Found {
    /// The resource of a template it belongs to.
    pub(super) machine: Option<String>,
    /// What the template says it runs as.
    pub(super) kind: Option<asl::MachineKind>,
    /// Its JSON.
    pub(super) text: String,
    /// Where that came from.
    pub(super) origin: Origin,
    /// How it is changed.
    pub(super) mend: Mendable,
}

/// How the file is changed when the definition in it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mendable {
    /// A JSON file; the definition is at this pointer.
    Json(String),
    /// A YAML file; the definition is at this pointer.
    Yaml(String),
    /// The definition stands in strings of the file, which its origin knows.
    Letters,
}

/// A definition that a template has in another file.
#[derive(Debug)]
pub(super) struct Reference {
    /// The resource.
    pub(super) machine: String,
    /// The path as it is written, from the template's folder.
    pub(super) path: String,
    /// What it runs as.
    pub(super) kind: Option<asl::MachineKind>,
    /// Where the path is written.
    pub(super) span: Span,
}

/// Something wrong with what a template says about a state machine besides its definition.
#[derive(Debug)]
pub(super) struct Fault {
    /// The resource.
    pub(super) machine: String,
    /// One of AWS's codes.
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Where it is written.
    pub(super) span: Span,
}

/// A file can't be read as what it is written in.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) message: String,
    pub(super) span: Span,
}

/// What is in a file.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) found: Vec<Found>,
    pub(super) references: Vec<Reference>,
    /// State machines whose definitions are nowhere near (in a bucket).
    pub(super) elsewhere: Vec<String>,
    pub(super) unreadable: Option<Unreadable>,
    pub(super) faults: Vec<Fault>,
}

/// What a text is written in: by the file's name, else by its first character.
pub(super) fn language(path: &Path, text: &str) -> Language {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("yaml" | "yml") => Language::Yaml,
        Some("json") => Language::Json,
        // What is no mapping is not YAML that anybody meant.
        _ => match text.trim_start_matches('\u{feff}').trim_start().chars().next() {
            Some('{' | '[' | '"') | None => Language::Json,
            Some(_) if yaml::parse(text).is_ok_and(|root| root.as_object().is_some()) => Language::Yaml,
            Some(_) => Language::Json,
        },
    }
}

/// Finds the definitions of a file.
pub(super) fn read(text: &str, language: Language) -> Read {
    match language {
        Language::Json => json(text),
        Language::Yaml => yaml(text),
    }
}

fn json(text: &str) -> Read {
    if let Ok(root) = spanned::parse(text)
        && let Some(resources) = cloudformation::resources(&root)
    {
        return cloudformation::read(text, resources, Mendable::Json);
    }
    Read {
        found: vec![Found {
            machine: None,
            kind: None,
            text: text.to_owned(),
            origin: Origin::File,
            mend: Mendable::Json(String::new()),
        }],
        ..Read::default()
    }
}

fn yaml(text: &str) -> Read {
    let root = match yaml::parse(text) {
        Ok(root) => root,
        Err(error) => {
            let end = text
                .get(error.offset..)
                .and_then(|rest| rest.chars().next())
                .filter(|c| *c != '\n')
                .map_or(0, char::len_utf8);
            return Read {
                unreadable: Some(Unreadable {
                    span: Span {
                        start: error.offset,
                        end: error.offset + end,
                    },
                    message: error.message,
                }),
                ..Read::default()
            };
        }
    };
    if let Some(resources) = cloudformation::resources(&root) {
        return cloudformation::read(text, resources, Mendable::Yaml);
    }
    let (json, origin) = json_of(&root, &LineIndex::new(text));
    Read {
        found: vec![Found {
            machine: None,
            kind: None,
            text: json,
            origin,
            mend: Mendable::Yaml(String::new()),
        }],
        ..Read::default()
    }
}

/// Whether a file that nobody named has to do with state machines: a definition, or a template with one.
pub(super) fn is_of_interest(path: &Path, text: &str) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    // Named so by convention: a broken one must not be passed over.
    if name.contains(".asl.") {
        return true;
    }
    if !text.contains("StartAt") && !text.contains("StateMachine") {
        return false;
    }
    let root = match language(path, text) {
        Language::Json => spanned::parse(text).ok(),
        Language::Yaml => yaml::parse(text).ok(),
    };
    root.is_some_and(|root| match cloudformation::resources(&root) {
        Some(resources) => {
            let read = cloudformation::read(text, resources, Mendable::Json);
            !(read.found.is_empty() && read.references.is_empty())
        }
        None => root.get("StartAt").is_some() && root.get("States").is_some(),
    })
}
