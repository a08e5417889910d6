//! States tested by themselves, and what AWS says about a definition.

/// One state, tested by itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestState {
    /// A state, or with `state_name` a whole definition.
    pub definition: String,
    /// Which state of the definition.
    pub state_name: Option<String>,
    /// The role it runs as; not needed with a mock.
    pub role_arn: Option<String>,
    /// JSON.
    pub input: Option<String>,
    /// The context object, JSON.
    pub context: Option<String>,
    /// Variables, JSON.
    pub variables: Option<String>,
    /// What the state's integration answers instead of being called.
    pub mock: Option<MockedAnswer>,
    /// How many retries went before.
    pub retrier_retry_count: Option<i32>,
}

/// What an integration answers in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MockedAnswer {
    /// This result, JSON.
    Result(String),
    /// This error.
    Error {
        /// Its name.
        error: String,
        /// More about it.
        cause: Option<String>,
    },
}

/// What a tested state did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestedState {
    /// `SUCCEEDED`, `FAILED`, `RETRIABLE` or `CAUGHT_ERROR`.
    pub status: Option<String>,
    /// JSON.
    pub output: Option<String>,
    /// The error's name.
    pub error: Option<String>,
    /// More about it.
    pub cause: Option<String>,
    /// Where it would go next.
    pub next_state: Option<String>,
}

/// What AWS says about a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedDefinition {
    /// Whether AWS would take it.
    pub ok: bool,
    /// What it finds, at most 100.
    pub diagnostics: Vec<RemoteDiagnostic>,
}

/// What AWS finds in a definition. Its codes and texts may change at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteDiagnostic {
    /// `ERROR` or `WARNING`.
    pub severity: String,
    /// Its code.
    pub code: String,
    /// Its text.
    pub message: String,
    /// `/States/X/Field`.
    pub location: Option<String>,
}
