//! Is this a definition AWS takes, and will it do what its author wants?
//!
//! One file per rule or tight family. A rule reads the [`Definition`] and says what it finds through the
//! `Context`; it never sees what another rule said. One fault gets one message: where a fault has
//! consequences, the rule about the consequence stays silent (see each file).
//!
//! The order of findings is AWS's: the document, each state with what is in it, then the graph; advice last.

mod branches;
mod calls;
mod choices;
mod context;
mod conversions;
mod document;
mod duplicates;
mod errors;
mod expressions;
mod fields;
mod graph;
mod lints;
mod maps;
mod mends;
mod misdirected;
mod names;
mod path_fields;
mod repairs;
mod resources;
mod scopes;
mod shapes;
mod templates;
mod timestamps;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic, Origin, Severity};
use crate::eval::MachineKind;
use crate::json::spanned::{self, LineIndex, Node, Span, SyntaxErrorKind};
use crate::limits::{DEFINITION_BYTES_MAX, DIAGNOSTICS_MAX};
use crate::machine::{self, BuildError, Machine};
use crate::syntax::definition::Definition;

use context::{Context, Finding};

/// What a check has to know besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckOptions {
    /// Standard or Express: Express takes less.
    pub kind: MachineKind,
    /// Diagnostics to give at most, from 1 to [`DIAGNOSTICS_MAX`]; 0 means all of these.
    pub max_results: usize,
    /// Milliseconds since 1970, to tell times that have passed; `None` leaves that out.
    pub now_ms: Option<i64>,
    /// Only what this side says: [`Origin::Aws`] for answers in AWS's name. `None` means both.
    pub only: Option<Origin>,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            kind: MachineKind::Standard,
            max_results: 0,
            now_ms: None,
            only: None,
        }
    }
}

impl From<MachineKind> for CheckOptions {
    fn from(kind: MachineKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }
}

/// What there is to say about a definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// Errors first, then warnings, then advice; within each in the order of the rules.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether there was more than `max_results`.
    pub truncated: bool,
}

impl Diagnosis {
    /// Whether nothing keeps the definition from being created.
    pub fn is_valid(&self) -> bool {
        self.diagnostics
            .iter()
            .all(|diagnostic| diagnostic.severity() != Severity::Error)
    }
}

/// A definition that has been checked, and the machine it describes.
#[derive(Debug)]
pub struct Checked {
    /// Errors first, then warnings, then advice; within each in the order of the rules.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether there was more than `max_results`.
    pub truncated: bool,
    /// The machine; `None` with an error, or where `unrunnable` says why.
    pub machine: Option<Machine>,
    /// Why a definition without errors can't run as it stands: a substitution (`${…}`) nobody has filled in.
    pub unrunnable: Option<BuildError>,
    /// State by state, the variables it reads: DescribeStateMachine's `variableReferences`.
    pub variables_read: VariablesRead,
}

/// State -> variables it reads, both in the order of their names.
pub type VariablesRead = BTreeMap<String, BTreeSet<String>>;

/// The rules about single states, in the order their findings are given.
const STATE_RULES: &[fn(&mut Context<'_>, usize)] = &[
    names::check_state,
    fields::check_state,
    branches::check_state,
    choices::check_state,
    errors::check_state,
    maps::check_state,
    resources::check_state,
];

/// The rules about the definition as a whole, in the order their findings are given.
const DEFINITION_RULES: &[fn(&mut Context<'_>)] = &[
    names::check_names,
    variables::check_names,
    graph::check,
    document::check_size,
    lints::check,
];

/// Checks a definition and builds its machine. Pure: the same text and options give the same answer.
pub fn check(text: &str, options: &CheckOptions) -> Checked {
    let (
        Diagnosis {
            diagnostics,
            truncated,
        },
        root,
        variables_read,
    ) = diagnose_tree(text, options);
    let valid = diagnostics
        .iter()
        .all(|diagnostic| diagnostic.severity() != Severity::Error);
    let (machine, unrunnable) = match root.filter(|_| valid).map(|root| machine::build(&root)) {
        Some(Ok(machine)) => (Some(machine), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    Checked {
        diagnostics,
        truncated,
        machine,
        unrunnable,
        variables_read,
    }
}

/// One step of a check.
enum Step {
    Scope(usize),
    Rule(fn(&mut Context<'_>)),
}

/// A scope and each state in it.
fn check_scope(context: &mut Context<'_>, index: usize) {
    scopes::check_scope(context, index);
    let states = context
        .definition
        .scopes
        .get(index)
        .map(|scope| &*scope.states)
        .unwrap_or_default();
    for state in states {
        for rule in STATE_RULES {
            rule(context, *state);
        }
        if context.is_full() {
            return;
        }
    }
}

/// Checks a definition only: for those who ask what is wrong with it, not for the machine.
pub fn diagnose(text: &str, options: &CheckOptions) -> Diagnosis {
    diagnose_tree(text, options).0
}

/// The tree comes along where there is one, and what its states read.
fn diagnose_tree(text: &str, options: &CheckOptions) -> (Diagnosis, Option<Node>, VariablesRead) {
    let only = |finding| {
        (
            finish(text, None, options, vec![finding]),
            None,
            VariablesRead::new(),
        )
    };
    if text.len() > DEFINITION_BYTES_MAX {
        let message = format!(
            "The definition has {} bytes; the limit is {DEFINITION_BYTES_MAX}.",
            text.len()
        );
        return only(Finding::whole(Code::DefinitionTooLarge, message));
    }
    let root = match spanned::parse(text) {
        Ok(root) => root,
        Err(error) => return only(syntax_finding(text, error)),
    };
    if root.as_object().is_none() {
        let finding = Finding::whole(Code::SchemaValidationFailed, document::NOT_AN_OBJECT)
            .at_span(root.span)
            .help(format!(
                "A definition is a JSON object; this is {}.",
                with_article(root.kind())
            ));
        return only(finding);
    }
    let definition = Definition::of(&root);
    let mut context = Context::new(&definition, options, text.len());
    duplicates::check(&mut context);
    document::check(&mut context);
    let in_text_order = (0..definition.scopes.len()).map(Step::Scope);
    for step in in_text_order.chain(DEFINITION_RULES.iter().copied().map(Step::Rule)) {
        if context.is_full() {
            break;
        }
        match step {
            Step::Scope(scope) => check_scope(&mut context, scope),
            Step::Rule(rule) => rule(&mut context),
        }
    }
    let variables_read = variables_read(&context);
    let findings = context.into_findings();
    let diagnosis = finish(text, Some(&root), options, findings);
    (diagnosis, Some(root), variables_read)
}

fn variables_read(context: &Context<'_>) -> VariablesRead {
    let mut read = VariablesRead::new();
    for item in &context.reads {
        if let Some(state) = context.definition.states.get(item.state) {
            read.entry(state.name().to_owned())
                .or_default()
                .insert(item.variable.clone());
        }
    }
    read
}

fn syntax_finding(text: &str, error: spanned::SyntaxError) -> Finding {
    let end = text
        .get(error.offset..)
        .and_then(|rest| rest.chars().next())
        .map_or(0, char::len_utf8);
    let span = Span {
        start: error.offset,
        end: error.offset + end,
    };
    match error.kind {
        SyntaxErrorKind::Empty if text.is_empty() => {
            Finding::whole(Code::MissingDescription, "The definition is empty").at_span(span)
        }
        SyntaxErrorKind::Empty => {
            Finding::whole(Code::SchemaValidationFailed, document::NOT_AN_OBJECT).at_span(span)
        }
        SyntaxErrorKind::TooDeep => Finding::whole(Code::TooDeeplyNested, error.message).at_span(span),
        SyntaxErrorKind::Malformed => Finding::whole(Code::InvalidJsonDescription, error.message)
            .at_span(span)
            .at_location(error.location),
    }
}

fn finish(text: &str, root: Option<&Node>, options: &CheckOptions, mut findings: Vec<Finding>) -> Diagnosis {
    let max = match options.max_results {
        0 => DIAGNOSTICS_MAX,
        some => some.min(DIAGNOSTICS_MAX),
    };
    findings.retain(|finding| options.only.is_none_or(|only| only == finding.code.origin()));
    findings.sort_by_key(|finding| finding.code.severity());
    let truncated = findings.len() > max;
    findings.truncate(max);
    if findings.is_empty() {
        return Diagnosis {
            diagnostics: Vec::new(),
            truncated,
        };
    }
    let lines = LineIndex::new(text);
    let diagnostics = findings
        .into_iter()
        .map(|finding| finding.into_diagnostic(&lines, root))
        .collect();
    Diagnosis {
        diagnostics,
        truncated,
    }
}

/// "a string", "an object".
fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    if noun == "null" {
        noun.to_owned()
    } else {
        format!("{article} {noun}")
    }
}

#[cfg(test)]
mod tests;
