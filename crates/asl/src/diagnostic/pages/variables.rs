//! Rules: Variables.

use super::Example::{State, States};
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::InvalidVariableName,
        title: "A variable's name is a letter, then letters, digits and _",
        text: "At most 80 characters.",
        wrong: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"order-id": 1}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"orderId": 1}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::ReservedVariableName,
        title: "states is no name for a variable",
        text: "`$states` is what Step Functions itself hands to expressions.",
        wrong: State(r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"states": 1}, "End": true}"#),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"progress": 1}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::DuplicateVariableName,
        title: "An inner scope leaves the variables around it alone",
        text: "A branch or an item can read them; to assign it needs names of its own.",
        wrong: States(
            r#"{"A": {"Type": "Pass", "Assign": {"n": 1}, "Next": "M"}, "M": {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Pass", "Assign": {"n": 2}, "End": true}}}, "End": true}}"#,
        ),
        right: States(
            r#"{"A": {"Type": "Pass", "Assign": {"n": 1}, "Next": "M"}, "M": {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Pass", "Assign": {"m": 2}, "End": true}}}, "End": true}}"#,
        ),
    },
    Rule {
        code: Code::UndefinedVariable,
        title: "A variable that is read is assigned somewhere",
        text: "AWS accepts the definition; the expression fails when it is evaluated.",
        wrong: States(
            r#"{"A": {"Type": "Pass", "Assign": {"total": 1}, "Next": "B"}, "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $totla %}", "End": true}}"#,
        ),
        right: States(
            r#"{"A": {"Type": "Pass", "Assign": {"total": 1}, "Next": "B"}, "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $total %}", "End": true}}"#,
        ),
    },
    Rule {
        code: Code::VariableMaybeUnassigned,
        title: "A variable is assigned on every way to where it is read",
        text: "Assign it before the ways part, or on each of them.",
        wrong: States(
            r#"{"C": {"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": "{% $states.input.a = 1 %}", "Next": "A"}], "Default": "B"}, "A": {"Type": "Pass", "Assign": {"n": 1}, "Next": "B"}, "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $n %}", "End": true}}"#,
        ),
        right: States(
            r#"{"C": {"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": "{% $states.input.a = 1 %}", "Next": "A"}], "Default": "A"}, "A": {"Type": "Pass", "Assign": {"n": 1}, "Next": "B"}, "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $n %}", "End": true}}"#,
        ),
    },
    Rule {
        code: Code::UnusedVariable,
        title: "A variable that is assigned is read",
        text: "It is carried along until the scope's end.",
        wrong: States(
            r#"{"A": {"Type": "Pass", "Assign": {"total": 1}, "Next": "B"}, "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% 1 %}", "End": true}}"#,
        ),
        right: States(
            r#"{"A": {"Type": "Pass", "Assign": {"total": 1}, "Next": "B"}, "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $total %}", "End": true}}"#,
        ),
    },
];
