//! Rules: Retry and Catch.

use super::Example::States;
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::SchemaValidationFailed,
        title: "ErrorEquals is a list of names",
        text: "At least one, each a text.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": "States.Timeout"}], "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.Timeout"]}], "End": true}}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "States.ALL stands alone and last",
        text: "It takes every error: other names beside it and entries behind it would never be asked.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["States.Timeout"]}], "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.Timeout"]}, {"ErrorEquals": ["States.ALL"]}], "End": true}}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A retrier's numbers are within bounds",
        text: "`MaxAttempts` and `IntervalSeconds` from 0, `BackoffRate` from 1, `MaxDelaySeconds` from 1 to 31622400.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.ALL"], "BackoffRate": 0.5}], "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.ALL"], "BackoffRate": 1.5}], "End": true}}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "JitterStrategy is NONE or FULL",
        text: "",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.ALL"], "JitterStrategy": "full"}], "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.ALL"], "JitterStrategy": "FULL"}], "End": true}}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A catcher leads somewhere",
        text: "`Next` is required, and only known fields stand in retriers and catchers.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Catch": [{"ErrorEquals": ["States.ALL"]}], "Next": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "Next": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::UnreachableRetrier,
        title: "No name is taken by an entry before",
        text: "Entries are asked in order.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["B", "A"]}], "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["B"]}], "End": true}}"#,
        ),
    },
    Rule {
        code: Code::UnknownErrorName,
        title: "An error of States. exists",
        text: "Names that begin with `States.` are Step Functions' own (or a Fail state of the same definition raises them).",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.TimeOut"]}], "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.Timeout"]}], "End": true}}"#,
        ),
    },
    Rule {
        code: Code::UncatchableError,
        title: "An error that is named can be caught",
        text: "States.Runtime and States.DataLimitExceeded end the execution; States.ALL does not take them.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.Runtime"]}], "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.TaskFailed"]}], "End": true}}"#,
        ),
    },
    Rule {
        code: Code::CatchOverwritesInput,
        title: "A catcher keeps the input",
        text: "Without `ResultPath` (in JSONata: `Output`) the error takes its place, and the next state has nothing to work on.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "Next": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Z"}], "Next": "Z"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::RetryNoBackoff,
        title: "Many attempts back off",
        text: "A service that is overloaded stays so while everybody asks again at a steady pace.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9, "BackoffRate": 1}], "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9, "BackoffRate": 2, "JitterStrategy": "FULL"}], "End": true}}"#,
        ),
    },
    Rule {
        code: Code::RetryNeverRetries,
        title: "A retrier retries",
        text: r#"`"MaxAttempts": 0` in the last entry does nothing. In front of a wider entry it excludes its errors from that."#,
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}], "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}], "End": true}}"#,
        ),
    },
];
