//! Rules: Names of states and labels.

use super::Example::{State, States};
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::InvalidStateName,
        title: "A state has a name of at most 80 characters",
        text: "The service counts characters, not bytes.",
        wrong: States(
            r#"{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": {"Type": "Succeed"}}"#,
        ),
        right: States(r#"{"Done": {"Type": "Succeed"}}"#),
    },
    Rule {
        code: Code::DuplicateStateName,
        title: "A state has a name of its own",
        text: "Names are unique over the whole machine, nested scopes included: history and console know states by name alone.",
        wrong: States(
            r#"{"M": {"Type": "Map", "ItemProcessor": {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}, "Next": "Done"}, "Done": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"M": {"Type": "Map", "ItemProcessor": {"StartAt": "Item done", "States": {"Item done": {"Type": "Succeed"}}}, "Next": "Done"}, "Done": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::InvalidLabelName,
        title: "A label is short and plain",
        text: "It becomes part of the Map Run's ARN: at most 40 characters, no blanks, brackets, wildcards or special characters.",
        wrong: State(
            r#"{"Type": "Map", "Label": "all orders", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "Label": "all-orders", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::DuplicateLabelName,
        title: "A label is used once",
        text: "Map Runs of two Maps could not be told apart.",
        wrong: States(
            r#"{"A": {"Type": "Map", "Label": "l", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A1", "States": {"A1": {"Type": "Succeed"}}}, "Next": "B"}, "B": {"Type": "Map", "Label": "l", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "B1", "States": {"B1": {"Type": "Succeed"}}}, "End": true}}"#,
        ),
        right: States(
            r#"{"A": {"Type": "Map", "Label": "a", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A1", "States": {"A1": {"Type": "Succeed"}}}, "Next": "B"}, "B": {"Type": "Map", "Label": "b", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "B1", "States": {"B1": {"Type": "Succeed"}}}, "End": true}}"#,
        ),
    },
];
