//! Rules: The text and the top level.

use super::Example::{Definition, State, Words};
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::InvalidJsonDescription,
        title: "A definition is JSON",
        text: "Nothing else is checked until it is. The message is the one AWS's parser gives, with line and column of the character it stopped at.",
        wrong: Definition(r#"{"StartAt": "A",, "States": {}}"#),
        right: Definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::MissingDescription,
        title: "There is a definition",
        text: "An empty text is refused before anything else is looked at.",
        wrong: Words("an empty text."),
        right: Definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A definition is an object",
        text: "An array, a text or white space alone is JSON, but describes nothing.",
        wrong: Definition(r#"["StartAt", "A"]"#),
        right: Definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "StartAt and States are there",
        text: "Every scope has both: the definition, each branch of a Parallel, each item processor of a Map.",
        wrong: Definition(r#"{"Comment": "nothing yet"}"#),
        right: Definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A key is written once",
        text: "Most parsers keep the last of two and lose the first without a word.",
        wrong: State(r#"{"Type": "Pass", "Result": {"a": 1, "a": 2}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Result": {"a": 1, "b": 2}, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "The top level has its six fields only",
        text: "`Comment`, `QueryLanguage`, `StartAt`, `States`, `TimeoutSeconds`, `Version`. Names are case-sensitive.",
        wrong: Definition(r#"{"comment": "c", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
        right: Definition(r#"{"Comment": "c", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "Version is the language's",
        text: r#"It is `"1.0"` or left away; it does not count the versions of your definition."#,
        wrong: Definition(r#"{"Version": "2.0", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
        right: Definition(r#"{"Version": "1.0", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "TimeoutSeconds of the machine is a whole number",
        text: "From 0 to 99999999.",
        wrong: Definition(r#"{"TimeoutSeconds": -1, "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
        right: Definition(r#"{"TimeoutSeconds": 600, "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "States has a state, and each is an object",
        text: "",
        wrong: Definition(r#"{"StartAt": "A", "States": {}}"#),
        right: Definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::DefinitionTooLarge,
        title: "A definition has at most 1 MiB",
        text: "CreateStateMachine takes 1,048,576 characters. Move parts into state machines of their own, started by `states:startExecution`.",
        wrong: Words("a text of 1,048,577 bytes."),
        right: Definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::DefinitionNearLimit,
        title: "A definition leaves room to grow",
        text: "From three quarters of the limit on there is a warning, so that the change that crosses it does not come as a surprise.",
        wrong: Words("a text of 800,000 bytes."),
        right: Definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::TooDeeplyNested,
        title: "Nesting has an end",
        text: "Arrays and objects are read 256 levels deep. AWS has a limit of its own, which is not published.",
        wrong: Words("a thousand opening brackets."),
        right: Definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
];
