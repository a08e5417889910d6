//! Rules: Choices.

use super::Example::States;
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A Choice has rules, and each leads somewhere",
        text: "`Next` stands on the rule as a whole, not on those inside `And`, `Or` and `Not`.",
        wrong: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A rule decides by one thing",
        text: "`And`, `Or`, `Not`, or a `Variable` with one comparison; in JSONata a `Condition`.",
        wrong: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "NumericEquals": 1, "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"And": [{"Variable": "$.x", "IsPresent": true}, {"Variable": "$.x", "NumericEquals": 1}], "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "An operand fits its comparison",
        text: "A number for `Numeric…`, a text for `String…`, true or false for `Is…`.",
        wrong: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEquals": "1", "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEquals": 1, "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::ChoiceNoDefault,
        title: "A Choice decides for every input",
        text: "If no rule matches and there is no `Default`, the execution fails with States.Runtime.",
        wrong: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "BooleanEquals": true, "Next": "Z"}]}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "BooleanEquals": true, "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::ChoiceUnreachableRule,
        title: "A rule is not shadowed by an earlier one",
        text: "Rules are asked in order.",
        wrong: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "BooleanEquals": true, "Next": "Z"}, {"Variable": "$.x", "BooleanEquals": true, "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "BooleanEquals": true, "Next": "Z"}, {"Variable": "$.y", "BooleanEquals": true, "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::ChoiceMissingVariable,
        title: "A comparison is guarded where its path may be missing",
        text: "A comparison with a path that leads nowhere fails the execution with States.Runtime. Told where another rule asks `IsPresent` of the same path.",
        wrong: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEquals": 1, "Next": "Z"}, {"Variable": "$.x", "IsPresent": false, "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": false, "Next": "Z"}, {"Variable": "$.x", "NumericEquals": 1, "Next": "Z"}], "Default": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
];
