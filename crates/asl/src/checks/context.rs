//! What a rule works with: the definition, the options, and the list of findings it adds to.

use super::CheckOptions;
use super::mends::Mend;
use crate::diagnostic::{Code, Diagnostic, Region, Severity};
use crate::intrinsics::Call;
use crate::json::spanned::{LineIndex, Node, Span};
use crate::jsonata::references::{References, arity, function_names, is_function};
use crate::limits::{DIAGNOSTICS_MAX, INTRINSIC_NESTING_MAX};
use crate::paths::{Query, Root};
use crate::suggest;
use crate::syntax::definition::{Definition, State};
use crate::syntax::place::Place;

/// Handed from rule to rule.
pub(super) struct Context<'c> {
    pub(super) definition: &'c Definition<'c>,
    pub(super) options: &'c CheckOptions,
    /// How long the text is.
    pub(super) text_bytes: usize,
    findings: Vec<Finding>,
    /// How many of them are errors.
    errors: usize,
    /// Every variable read, in the order of the text.
    pub(super) reads: Vec<Read>,
}

/// A place that reads a variable.
pub(super) struct Read {
    /// The state that reads.
    pub(super) state: usize,
    /// The variable, without `$`.
    pub(super) variable: String,
    pub(super) location: String,
    pub(super) span: Span,
}

impl<'c> Context<'c> {
    pub(super) fn new(definition: &'c Definition<'c>, options: &'c CheckOptions, text_bytes: usize) -> Self {
        Self {
            definition,
            options,
            text_bytes,
            findings: Vec::new(),
            errors: 0,
            reads: Vec::new(),
        }
    }

    /// The state of an index.
    pub(super) fn state(&self, index: usize) -> Option<&'c State<'c>> {
        self.definition.states.get(index)
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.errors += usize::from(finding.code.severity() == Severity::Error);
        self.findings.push(finding);
    }

    /// Whether there are more errors than anybody is told: then nothing else needs to be found.
    pub(super) fn is_full(&self) -> bool {
        self.errors > DIAGNOSTICS_MAX
    }

    /// Adds the commonest kind: `SCHEMA_VALIDATION_FAILED` at a place.
    pub(super) fn schema(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.add(Finding::schema(place, message));
    }

    /// Notes what a path reads, and doubts fields the context object does not have. `text` is all that is written here.
    pub(super) fn read_query(&mut self, state: usize, place: &Place<'_>, query: &Query, text: &str) {
        match &query.root {
            Root::Variable(name) => self.read(state, place, name),
            Root::Context => {
                let fields: Vec<&str> = query
                    .text
                    .trim_start_matches("$$")
                    .split('.')
                    .skip(1)
                    .take(2)
                    .collect();
                self.read_context(place, &fields, text);
            }
            Root::Input => {}
        }
    }

    /// Notes what the arguments of an intrinsic call read.
    pub(super) fn read_call(&mut self, state: usize, place: &Place<'_>, call: &Call, text: &str) {
        for query in call.queries() {
            self.read_query(state, place, query, text);
        }
        if call.depth() > INTRINSIC_NESTING_MAX {
            let message = format!(
                "Functions are nested {} deep; the limit is {INTRINSIC_NESTING_MAX}",
                call.depth()
            );
            let help = "Compute a part of it in a Pass state before.";
            self.add(Finding::new(Code::IntrinsicNesting, place, message).help(help));
        }
        if let Some((places, values)) = call.format_gap() {
            let message = format!("States.Format has {places} places for {values} values");
            let help = "Write {} once for each value.";
            self.add(Finding::new(Code::IntrinsicFormatArgs, place, message).help(help));
        }
    }

    /// Notes what a JSONata expression reads. `text` is all that is written here.
    pub(super) fn read_references(
        &mut self,
        state: usize,
        place: &Place<'_>,
        found: &References,
        text: &str,
    ) {
        for name in &found.variables {
            self.read(state, place, name);
        }
        for way in found
            .states
            .iter()
            .filter(|way| way.first().is_some_and(|field| field == "context"))
        {
            let fields: Vec<&str> = way.iter().skip(1).take(2).map(String::as_str).collect();
            self.read_context(place, &fields, text);
        }
        for (name, given) in &found.miscounted {
            let (least, most) = arity(name).unwrap_or_default();
            let message = format!("${name} takes {} arguments, not {given}", counted(least, most));
            let help = "The expression fails with States.QueryEvaluationError when it is evaluated.";
            self.add(Finding::new(Code::JsonataArguments, place, message).help(help));
        }
        for name in found
            .functions
            .iter()
            .filter(|name| *name != "eval" && !is_function(name))
        {
            let message = format!("There is no function '${name}'");
            let finding = Finding::new(Code::UnknownFunction, place, message);
            self.add(match suggest::nearest(name, function_names()) {
                Some(near) => {
                    let meant = text.replace(&format!("${name}("), &format!("${near}("));
                    let mend = Mend::slip(format!("Write ${near} instead of ${name}"), name, near);
                    finding
                        .help(format!("Did you mean ${near}?"))
                        .maybe_mend((meant != text).then(|| mend.replace_at(place.span, meant)))
                }
                None => {
                    finding.help("An expression may call JSONata's functions and those Step Functions adds.")
                }
            });
        }
    }

    /// Doubts a field the context object does not have. What lies below `Execution.Input` or `Map.Item` is the user's.
    fn read_context(&mut self, place: &Place<'_>, fields: &[&str], text: &str) {
        let plain =
            |field: &str| !field.is_empty() && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let Some(first) = fields.first().filter(|field| plain(field)) else {
            return;
        };
        let known = CONTEXT_FIELDS.iter().find(|(name, _)| name == first);
        let (wrong, names): (&str, Vec<&str>) = match (known, fields.get(1).filter(|field| plain(field))) {
            (None, _) => (first, CONTEXT_FIELDS.iter().map(|(name, _)| *name).collect()),
            (Some((_, inner)), Some(second)) if !inner.contains(second) => (second, inner.to_vec()),
            (Some(_), _) => return,
        };
        let message = format!("The context object has no field '{wrong}' here");
        let finding = Finding::new(Code::ContextFieldUnknown, place, message);
        self.add(match suggest::nearest(wrong, names.iter().copied()) {
            Some(near) => {
                let meant = text.replace(&format!(".{wrong}"), &format!(".{near}"));
                let mend = Mend::slip(format!("Write {near} instead of {wrong}"), wrong, near);
                finding
                    .help(format!("Did you mean {near}?"))
                    .maybe_mend((meant != text).then(|| mend.replace_at(place.span, meant)))
            }
            None => finding.help(format!("It has: {}.", names.join(", "))),
        });
    }

    fn read(&mut self, state: usize, place: &Place<'_>, variable: &str) {
        let variable = variable.to_owned();
        self.reads.push(Read {
            state,
            variable,
            location: place.location(),
            span: place.span,
        });
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Whether an error was found in the text of a state.
    pub(super) fn has_error_within(&self, state: &State<'_>) -> bool {
        let span = state.node().span;
        let is_within = |finding: &Finding| finding.span.start >= span.start && finding.span.end <= span.end;
        self.findings
            .iter()
            .any(|finding| finding.code.severity() == Severity::Error && is_within(finding))
    }

    /// Whether anything so far keeps the definition from being created: then advice about the graph or the
    /// variables would be guessing.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }
}

/// `2`, `1 to 3`, `at least 1`.
fn counted(least: usize, most: usize) -> String {
    match most {
        usize::MAX => format!("at least {least}"),
        most if most == least => least.to_string(),
        most => format!("{least} to {most}"),
    }
}

/// The fields of the context object and what is in them.
/// Source: Developer Guide, "Accessing execution data from the Context object".
const CONTEXT_FIELDS: &[(&str, &[&str])] = &[
    (
        "Execution",
        &[
            "Id",
            "Input",
            "Name",
            "RoleArn",
            "StartTime",
            "RedriveCount",
            "RedriveTime",
        ],
    ),
    ("State", &["EnteredTime", "Name", "RetryCount"]),
    ("StateMachine", &["Id", "Name"]),
    ("Task", &["Token"]),
    ("Map", &["Item"]),
];

/// A diagnostic before its line and column are known.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) code: Code,
    message: String,
    location: Option<String>,
    /// Where the location is; `None` where there is none, or it is not in the text.
    anchor: Option<Span>,
    span: Span,
    help: Option<String>,
    mend: Option<Box<Mend>>,
}

impl Finding {
    /// About a place.
    pub(super) fn new(code: Code, place: &Place<'_>, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            location: Some(place.location()),
            anchor: Some(place.span),
            span: place.span,
            help: None,
            mend: None,
        }
    }

    /// `SCHEMA_VALIDATION_FAILED` about a place.
    pub(super) fn schema(place: &Place<'_>, message: impl Into<String>) -> Self {
        Self::new(Code::SchemaValidationFailed, place, message)
    }

    /// About the definition as a whole.
    pub(super) fn whole(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            location: None,
            anchor: None,
            span: Span { start: 0, end: 0 },
            help: None,
            mend: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    pub(super) fn mend(mut self, mend: Mend) -> Self {
        self.mend = Some(Box::new(mend));
        self
    }

    pub(super) fn maybe_mend(mut self, mend: Option<Mend>) -> Self {
        self.mend = mend.map(Box::new);
        self
    }

    /// Shows another text than the place's: the exact key or element, where AWS names only what is around it. Its line and
    /// column remain those of the place.
    pub(super) fn at_span(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    pub(super) fn at_location(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    /// Names another place.
    pub(super) fn at_place(mut self, place: &Place<'_>) -> Self {
        self.location = Some(place.location());
        self.anchor = Some(place.span);
        self
    }

    /// `root` is the definition's tree, where the text is JSON.
    pub(super) fn into_diagnostic(self, lines: &LineIndex<'_>, root: Option<&Node>) -> Diagnostic {
        let Self {
            code,
            message,
            location,
            anchor,
            span,
            help,
            mend,
        } = self;
        let anchor = anchor.unwrap_or(span);
        let (line, column) = lines.line_column(anchor.start);
        Diagnostic {
            code,
            message,
            location,
            anchor,
            line,
            column,
            span,
            region: Region::of(span, lines),
            help,
            fix: mend.and_then(|mend| mend.resolve(root?)),
        }
    }
}
