//! Rules: JSONPath and JSONata side by side.

use super::Example::{Definition, State};
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::SchemaValidationFailed,
        title: "QueryLanguage is JSONPath or JSONata",
        text: "In exactly this spelling; AWS takes every other value for JSONata and reports it besides.",
        wrong: State(r#"{"Type": "Succeed", "QueryLanguage": "jsonata"}"#),
        right: State(r#"{"Type": "Succeed", "QueryLanguage": "JSONata"}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A JSONata machine has no JSONPath states",
        text: "A state may change from JSONPath to JSONata, not back. Leave the machine in JSONPath and set JSONata on the states that use it.",
        wrong: Definition(
            r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Succeed", "QueryLanguage": "JSONPath"}}}"#,
        ),
        right: Definition(
            r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed", "QueryLanguage": "JSONPath"}}}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "JSONPath fields stand in JSONPath states",
        text: "`InputPath`, `OutputPath`, `ResultPath`, `Parameters`, `ResultSelector` and every `…Path`. In JSONata `Arguments`, `Output` and `Assign` take their place.",
        wrong: State(r#"{"Type": "Wait", "QueryLanguage": "JSONata", "SecondsPath": "$.s", "End": true}"#),
        right: State(
            r#"{"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": "{% $states.input.s %}", "End": true}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "JSONata fields stand in JSONata states",
        text: "`Arguments`, `Output`, `Items`, and `Condition` of a Choice rule.",
        wrong: State(r#"{"Type": "Pass", "Output": 1, "End": true}"#),
        right: State(r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": 1, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "Branches and item processors have no QueryLanguage",
        text: "It belongs to a state or to the machine; inner states take the machine's.",
        wrong: State(
            r#"{"Type": "Map", "ItemProcessor": {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Succeed", "QueryLanguage": "JSONata"}}}, "End": true}"#,
        ),
    },
];
