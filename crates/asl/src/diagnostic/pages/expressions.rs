//! Rules: JSONata.

use super::Example::State;
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::SchemaValidationFailed,
        title: "{% is closed by %}",
        text: "A text that begins with `{%` is an expression to its end.",
        wrong: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.a", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.a %}", "End": true}"#,
        ),
    },
    Rule {
        code: Code::InvalidJsonataExpression,
        title: "An expression parses",
        text: "The message is the one the reference implementation gives. The help knows the operators of other languages: JSONata writes `=`, `and`, `or`.",
        wrong: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.a == 1 %}", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.a = 1 %}", "End": true}"#,
        ),
    },
    Rule {
        code: Code::UnsupportedJsonataExpression,
        title: "An expression reads from $states or from variables",
        text: "There is no context item: a bare name, `$` and `$$` at the top level read from nothing. Inside a path, a predicate or a function names are fine.",
        wrong: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% order.id %}", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.order.id %}", "End": true}"#,
        ),
    },
    Rule {
        code: Code::UnsupportedJsonataExpression,
        title: "$states has four fields",
        text: "`input`, `context`, and where they exist `result` and `errorOutput`.",
        wrong: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.inptu %}", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input %}", "End": true}"#,
        ),
    },
    Rule {
        code: Code::UnsupportedJsonataExpression,
        title: "$states.result exists behind the work",
        text: "In `Output` and `Assign` of Task, Parallel and Map; `$states.errorOutput` in those of a catcher.",
        wrong: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.result %}", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f"}, "Output": "{% $states.result %}", "End": true}"#,
        ),
    },
    Rule {
        code: Code::UnsupportedJsonataExpression,
        title: "$eval is not offered",
        text: "Step Functions does not evaluate text as code; `$parse` reads JSON.",
        wrong: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $eval('1') %}", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $parse('1') %}", "End": true}"#,
        ),
    },
    Rule {
        code: Code::UnknownFunction,
        title: "A function is JSONata's, Step Functions', or the expression's own",
        text: "Another fails with States.QueryEvaluationError when it is called.",
        wrong: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $upperCase('a') %}", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $uppercase('a') %}", "End": true}"#,
        ),
    },
    Rule {
        code: Code::JsonataArguments,
        title: "A function gets as many arguments as it takes",
        text: "Another number fails with States.QueryEvaluationError when it is called.",
        wrong: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $uppercase('a', 'b') %}", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $uppercase('a') %}", "End": true}"#,
        ),
    },
    Rule {
        code: Code::JsonataInPlainField,
        title: "{% %} stands where it is evaluated",
        text: "In JSONPath states, and in `Comment`, `ErrorEquals` and `CSVHeaders` of all states, it is text.",
        wrong: State(r#"{"Type": "Pass", "Parameters": {"a": "{% 1 + 1 %}"}, "End": true}"#),
        right: State(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"a": "{% 1 + 1 %}"}, "End": true}"#,
        ),
    },
];
