//! What a check has to say: AWS's part (severity, code, message, location), which machines read, and ours
//! (span, line, column, help), which people read.

mod fix;
mod pages;

use std::fmt;

pub use fix::{Confidence, Fix, PatchOperation};
pub use pages::{Example, Page, Rule, page, pages, rules};

use crate::json::spanned::{LineIndex, Span};

/// How bad it is. Only an `Error` keeps a definition from being created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// AWS refuses the definition.
    Error,
    /// It can be created, and will likely disappoint.
    Warning,
    /// Advice.
    Info,
}

impl Severity {
    /// `ERROR`, `WARNING` or `INFO`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Info => "INFO",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who would say it: `ValidateStateMachineDefinition` must answer only with what AWS itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// AWS has this code.
    Aws,
    /// Ours alone.
    Ours,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $text:literal, $severity:ident, $origin:ident;)*) => {
        /// The kind of a finding; fixes its severity and whose it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it is written on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The code of a text such as `NO_DOLLAR`.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }

            /// What it means, in a sentence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_ascii(),)* }
            }

            /// How bad a finding of this code is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// Who says it.
            pub fn origin(self) -> Origin {
                match self { $(Self::$variant => Origin::$origin,)* }
            }
        }
    };
}

codes! {
    /// The text is not JSON.
    InvalidJsonDescription = "INVALID_JSON_DESCRIPTION", Error, Aws;
    /// There is no text.
    MissingDescription = "MISSING_DESCRIPTION", Error, Aws;
    /// Everything structural: fields, types, ranges, paths, intrinsics, resources, Express limits.
    SchemaValidationFailed = "SCHEMA_VALIDATION_FAILED", Error, Aws;
    /// The top scope cannot end.
    MissingEndState = "MISSING_END_STATE", Error, Aws;
    /// A transition leads nowhere, or no transition leads to a state.
    MissingTransitionTarget = "MISSING_TRANSITION_TARGET", Error, Aws;
    /// Two states of one name.
    DuplicateStateName = "DUPLICATE_STATE_NAME", Error, Aws;
    /// A state's name is too long.
    InvalidStateName = "INVALID_STATE_NAME", Error, Aws;
    /// Two Maps of one label.
    DuplicateLabelName = "DUPLICATE_LABEL_NAME", Error, Aws;
    /// A Map's label is too long or has characters it may not have.
    InvalidLabelName = "INVALID_LABEL_NAME", Error, Aws;
    /// Nested deeper than is read.
    TooDeeplyNested = "TOO_DEEPLY_NESTED", Error, Aws;
    /// A JSONata expression does not parse.
    InvalidJsonataExpression = "INVALID_JSONATA_EXPRESSION", Error, Aws;
    /// A JSONata expression reads what does not exist in Step Functions.
    UnsupportedJsonataExpression = "UNSUPPORTED_JSONATA_EXPRESSION", Error, Aws;
    /// `states` is not a name for a variable.
    ReservedVariableName = "RESERVED_VARIABLE_NAME", Error, Aws;
    /// A variable's name has characters it may not have.
    InvalidVariableName = "INVALID_VARIABLE_NAME", Error, Aws;
    /// An inner scope assigns a variable of an outer one.
    DuplicateVariableName = "DUPLICATE_VARIABLE_NAME", Error, Aws;
    /// The API takes at most 1 MiB.
    DefinitionTooLarge = "DEFINITION_TOO_LARGE", Error, Ours;
    /// A value that looks like a path under a key without `.$`.
    NoDollar = "NO_DOLLAR", Warning, Aws;
    /// A value that looks like a path in a field that takes none.
    NoPath = "NO_PATH", Warning, Aws;
    /// A path in `Result` of a Pass state stays text.
    PassResultIsStatic = "PASS_RESULT_IS_STATIC", Warning, Aws;
    /// From a state no end can be reached.
    NoPathToTerminal = "NO_PATH_TO_TERMINAL", Warning, Ours;
    /// States that lead only to each other without any decision.
    CycleWithoutExit = "CYCLE_WITHOUT_EXIT", Warning, Ours;
    /// A branch or an item processor without a terminal state.
    NestedNoEnd = "NESTED_NO_END", Warning, Ours;
    /// A Choice rule behind an equal one.
    ChoiceUnreachableRule = "CHOICE_UNREACHABLE_RULE", Warning, Ours;
    /// A Choice state without `Default`.
    ChoiceNoDefault = "CHOICE_NO_DEFAULT", Warning, Ours;
    /// A comparison with what another rule takes for possibly missing.
    ChoiceMissingVariable = "CHOICE_MISSING_VARIABLE", Warning, Ours;
    /// A field of the Context object that does not exist.
    ContextFieldUnknown = "CONTEXT_FIELD_UNKNOWN", Warning, Ours;
    /// `States.Format` with more or fewer values than places.
    IntrinsicFormatArgs = "INTRINSIC_FORMAT_ARGS", Warning, Ours;
    /// Intrinsic functions within one another, deeper than AWS allows.
    IntrinsicNesting = "INTRINSIC_NESTING", Warning, Ours;
    /// A JSONata function called with more or fewer arguments than it takes.
    JsonataArguments = "JSONATA_ARGUMENTS", Warning, Ours;
    /// A JSONata function nobody defines.
    UnknownFunction = "UNKNOWN_FUNCTION", Warning, Ours;
    /// `{% %}` where nothing is evaluated.
    JsonataInPlainField = "JSONATA_IN_PLAIN_FIELD", Warning, Ours;
    /// A variable that nothing assigns.
    UndefinedVariable = "UNDEFINED_VARIABLE", Warning, Ours;
    /// A variable that some way to the reader does not assign.
    VariableMaybeUnassigned = "VARIABLE_MAYBE_UNASSIGNED", Warning, Ours;
    /// A variable that nothing reads.
    UnusedVariable = "UNUSED_VARIABLE", Info, Ours;
    /// A retrier or catcher behind one that takes its errors.
    UnreachableRetrier = "UNREACHABLE_RETRIER", Warning, Ours;
    /// A `States.` name that does not exist.
    UnknownErrorName = "UNKNOWN_ERROR_NAME", Warning, Ours;
    /// An error no retrier or catcher is ever asked about.
    UncatchableError = "UNCATCHABLE_ERROR", Warning, Ours;
    /// A catcher that replaces the state's input by the error.
    CatchOverwritesInput = "CATCH_OVERWRITES_INPUT", Warning, Ours;
    /// Many attempts at a steady pace.
    RetryNoBackoff = "RETRY_NO_BACKOFF", Info, Ours;
    /// `MaxAttempts` 0.
    RetryNeverRetries = "RETRY_NEVER_RETRIES", Warning, Ours;
    /// A field of the distributed mode on an inline Map.
    DistributedOnlyField = "DISTRIBUTED_ONLY_FIELD", Warning, Ours;
    /// `Iterator` is the old spelling.
    DeprecatedIterator = "DEPRECATED_ITERATOR", Info, Ours;
    /// `Parameters` of a Map is the old spelling.
    DeprecatedMapParameters = "DEPRECATED_MAP_PARAMETERS", Info, Ours;
    /// A Map that calls a function as often as it likes at once.
    MapUnboundedConcurrency = "MAP_UNBOUNDED_CONCURRENCY", Warning, Ours;
    /// One failed item fails the whole run.
    DistributedNoToleratedFailure = "DISTRIBUTED_NO_TOLERATED_FAILURE", Warning, Ours;
    /// Results of a distributed Map that go back into the execution.
    DistributedNoResultWriter = "DISTRIBUTED_NO_RESULT_WRITER", Warning, Ours;
    /// A time that has passed.
    WaitInPast = "WAIT_IN_PAST", Warning, Ours;
    /// A wait no execution lives to see the end of.
    WaitExceedsOneYear = "WAIT_EXCEEDS_1_YEAR", Warning, Ours;
    /// Express executions end after five minutes.
    ExpressExceedsFiveMinutes = "EXPRESS_EXCEEDS_5_MIN", Warning, Ours;
    /// A call is given a member its service does not have.
    UnknownParameter = "UNKNOWN_PARAMETER", Warning, Ours;
    /// A callback whose token nobody receives.
    CallbackTokenNotPassed = "CALLBACK_TOKEN_NOT_PASSED", Warning, Ours;
    /// A callback that may be waited for until the execution's end.
    CallbackNoTimeout = "CALLBACK_NO_TIMEOUT", Warning, Ours;
    /// A Task without a timeout.
    TaskNoTimeout = "TASK_NO_TIMEOUT", Warning, Ours;
    /// A Task or Parallel without `Retry`.
    TaskNoRetry = "TASK_NO_RETRY", Warning, Ours;
    /// A Lambda task that does not retry Lambda's passing faults.
    LambdaNoTransientRetry = "LAMBDA_NO_TRANSIENT_RETRY", Warning, Ours;
    /// A Task whose failure nothing catches.
    TaskNoCatch = "TASK_NO_CATCH", Warning, Ours;
    /// An account or a region written in the definition.
    HardcodedArn = "HARDCODED_ARN", Info, Ours;
    /// There is an integration that does it better.
    PreferOptimizedIntegration = "PREFER_OPTIMIZED_INTEGRATION", Info, Ours;
    /// `.sync` gives the child's output as text.
    PreferSync2 = "PREFER_SYNC_2", Info, Ours;
    /// A child execution that does not know its parent.
    NestedExecutionNotLinked = "NESTED_EXECUTION_NOT_LINKED", Info, Ours;
    /// Asking again and again without a pause.
    PollLoopWithoutWait = "POLL_LOOP_WITHOUT_WAIT", Warning, Ours;
    /// Start, wait, get, choose where `.sync` exists.
    UseSyncIntegration = "USE_SYNC_INTEGRATION", Info, Ours;
    /// More events than an execution's history holds.
    HistoryLimitRisk = "HISTORY_LIMIT_RISK", Warning, Ours;
    /// The whole input copied many times over.
    PayloadSizeRisk = "PAYLOAD_SIZE_RISK", Warning, Ours;
    /// A function that only makes a call a Task can make itself.
    LambdaWrapsSdk = "LAMBDA_WRAPS_SDK", Info, Ours;
    /// A credential in the text.
    SecretInDefinition = "SECRET_IN_DEFINITION", Warning, Ours;
    /// Little room is left below the API's 1 MiB.
    DefinitionNearLimit = "DEFINITION_NEAR_LIMIT", Warning, Ours;
    /// A Pass state that does nothing.
    NoopPass = "NOOP_PASS", Info, Ours;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One fault or piece of advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of finding it is.
    pub code: Code,
    /// What is wrong, in AWS's words where AWS has words for it.
    pub message: String,
    /// Where, as AWS writes places: `/States/A/Choices[0]/Next`. `None` for the definition as a whole.
    pub location: Option<String>,
    /// Where in the text that place is; without a place the text it is about.
    pub anchor: Span,
    /// Line of the anchor's start, from 1.
    pub line: u32,
    /// Column of the anchor's start in characters, from 1.
    pub column: u32,
    /// The text it is about. AWS names the object around a field that may not stand there; this is the field.
    pub span: Span,
    /// Lines and columns of that text.
    pub region: Region,
    /// What to do about it.
    pub help: Option<String>,
    /// The mend, where a machine can make it.
    pub fix: Option<Fix>,
}

/// A piece of a text as people count: lines, and columns in characters, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Region {
    /// Where it begins.
    pub start: (u32, u32),
    /// Before where it ends.
    pub end: (u32, u32),
}

impl Region {
    /// The lines and columns of a span.
    pub fn of(span: Span, lines: &LineIndex<'_>) -> Self {
        Self {
            start: lines.line_column(span.start),
            end: lines.line_column(span.end.max(span.start)),
        }
    }
}

impl Diagnostic {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Whether AWS would say it, too.
    pub fn is_aws(&self) -> bool {
        self.code.origin() == Origin::Aws
    }
}

/// The message of `InvalidDefinition` that CreateStateMachine and UpdateStateMachine answer with: every error
/// with its place, joined, `at null` where there is none. `None` without an error.
///
/// Source: recorded answers of AWS, such as
/// `Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'`.
pub fn invalid_definition_message(diagnostics: &[Diagnostic]) -> Option<String> {
    let errors: Vec<String> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity() == Severity::Error)
        .map(|diagnostic| {
            let location = diagnostic.location.as_deref().unwrap_or("null");
            format!("{}: {} at {location}", diagnostic.code, diagnostic.message)
        })
        .collect();
    (!errors.is_empty()).then(|| format!("Invalid State Machine Definition: '{}'", errors.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_written_once() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        let count = texts.len();
        texts.dedup();
        assert_eq!(texts.len(), count);
    }

    #[test]
    fn the_joined_message_prints_null_for_a_missing_place_and_leaves_advice_out() {
        let diagnostic = |code, message: &str, location: Option<&str>| Diagnostic {
            code,
            message: message.to_owned(),
            location: location.map(str::to_owned),
            anchor: Span::default(),
            line: 1,
            column: 1,
            span: Span::default(),
            region: Region::default(),
            help: None,
            fix: None,
        };
        let diagnostics = [
            diagnostic(
                Code::MissingTransitionTarget,
                "Missing 'Next' target: X",
                Some("/States/A/Next"),
            ),
            diagnostic(Code::TaskNoTimeout, "no timeout", Some("/States/A")),
            diagnostic(Code::MissingEndState, "Workflow has no terminal state", None),
        ];
        assert_eq!(
            invalid_definition_message(&diagnostics).unwrap(),
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Next, \
             MISSING_END_STATE: Workflow has no terminal state at null'"
        );
        assert_eq!(invalid_definition_message(&diagnostics[1..2]), None);
    }
}
