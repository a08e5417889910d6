//! Rules: Fields of states and their values.

use super::Example::State;
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A state has one of the eight types",
        text: "Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map, spelled like this.",
        wrong: State(r#"{"Type": "pass", "End": true}"#),
        right: State(r#"{"Type": "Pass", "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A state has only the fields of its type",
        text: "Each type takes some forty fields or fewer; the help says which types a stray field belongs to, or which name was meant.",
        wrong: State(r#"{"Type": "Wait", "Seconds": 1, "Retry": [], "End": true}"#),
        right: State(r#"{"Type": "Wait", "Seconds": 1, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A state goes on or ends",
        text: r#"Exactly one of `Next` and `"End": true`, but for Choice, Succeed and Fail, which have neither."#,
        wrong: State(r#"{"Type": "Pass", "Next": "S", "End": true}"#),
        right: State(r#"{"Type": "Pass", "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "Values have the types of their fields",
        text: "`End` is true or false, `Comment` a text, `Branches` an array, and so on.",
        wrong: State(r#"{"Type": "Pass", "End": "true"}"#),
        right: State(r#"{"Type": "Pass", "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A field and its Path twin exclude each other",
        text: "`TimeoutSeconds` or `TimeoutSecondsPath`, `Seconds` or `SecondsPath`, `Error` or `ErrorPath`.",
        wrong: State(r#"{"Type": "Fail", "Error": "E", "ErrorPath": "$.error"}"#),
        right: State(r#"{"Type": "Fail", "ErrorPath": "$.error"}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "Numbers are whole and within bounds",
        text: "Timeouts and heartbeats from 1, waits from 0, all up to 99999999; percentages from 0 to 100.",
        wrong: State(r#"{"Type": "Wait", "Seconds": 1.5, "End": true}"#),
        right: State(r#"{"Type": "Wait", "Seconds": 2, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "What a type needs is there",
        text: "A Task has a `Resource`, a Choice `Choices`, a Parallel `Branches`, a Map an `ItemProcessor`.",
        wrong: State(r#"{"Type": "Task", "End": true}"#),
        right: State(r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A Wait waits for one thing",
        text: "Exactly one of `Seconds`, `SecondsPath`, `Timestamp`, `TimestampPath`.",
        wrong: State(r#"{"Type": "Wait", "End": true}"#),
        right: State(r#"{"Type": "Wait", "Seconds": 5, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A timestamp is RFC 3339",
        text: "With `T` and `Z` (or an offset) in upper case, on a day that exists.",
        wrong: State(r#"{"Type": "Wait", "Timestamp": "2031-02-30 08:00:00", "End": true}"#),
        right: State(r#"{"Type": "Wait", "Timestamp": "2031-02-28T08:00:00Z", "End": true}"#),
    },
];
