//! Rules: JSONPath, payload templates and intrinsic functions.

use super::Example::State;
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A path is a JSONPath",
        text: "It begins with `$`, and quotes and brackets are closed. `$$` is the Context object, `$name` a variable.",
        wrong: State(r#"{"Type": "Pass", "InputPath": "order.id", "End": true}"#),
        right: State(r#"{"Type": "Pass", "InputPath": "$.order.id", "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A reference path names one place",
        text: "`ResultPath` writes there; numbers and times are read from there: no `*`, `..`, filter or slice.",
        wrong: State(r#"{"Type": "Pass", "ResultPath": "$.items[*]", "End": true}"#),
        right: State(r#"{"Type": "Pass", "ResultPath": "$.items[0]", "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A key that ends in .$ holds a path or a call",
        text: "Its value is a text that begins with `$` or calls an intrinsic function. For a literal leave `.$` off the key.",
        wrong: State(r#"{"Type": "Pass", "Parameters": {"id.$": "order"}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Parameters": {"id.$": "$.order"}, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A key is set once, with or without .$",
        text: r#"`"id"` and `"id.$"` both set `id`."#,
        wrong: State(r#"{"Type": "Pass", "Parameters": {"id": 1, "id.$": "$.id"}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Parameters": {"id.$": "$.id"}, "End": true}"#),
    },
    Rule {
        code: Code::NoDollar,
        title: "A path stands under a key that ends in .$",
        text: "Otherwise it is passed on as text.",
        wrong: State(r#"{"Type": "Pass", "Parameters": {"id": "$.order.id"}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Parameters": {"id.$": "$.order.id"}, "End": true}"#),
    },
    Rule {
        code: Code::NoPath,
        title: "A path stands in a field that ends in Path",
        text: "`Error` and `Cause` of a Fail state and the operands of comparisons are taken as text.",
        wrong: State(r#"{"Type": "Fail", "Error": "$.error"}"#),
        right: State(r#"{"Type": "Fail", "ErrorPath": "$.error"}"#),
    },
    Rule {
        code: Code::PassResultIsStatic,
        title: "Result is a literal",
        text: "Paths in it stay text. `Parameters` evaluates.",
        wrong: State(r#"{"Type": "Pass", "Result": {"id": "$.order.id"}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Parameters": {"id.$": "$.order.id"}, "End": true}"#),
    },
    Rule {
        code: Code::ContextFieldUnknown,
        title: "The Context object has the field",
        text: "`Execution`, `State`, `StateMachine`, `Task` and `Map`, each with its own. A path to another leads nowhere and fails the execution.",
        wrong: State(r#"{"Type": "Pass", "Parameters": {"id.$": "$$.Exection.Id"}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Parameters": {"id.$": "$$.Execution.Id"}, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "An intrinsic function exists",
        text: "There are eighteen, case-sensitive.",
        wrong: State(r#"{"Type": "Pass", "Parameters": {"t.$": "States.format('{}', $.a)"}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Parameters": {"t.$": "States.Format('{}', $.a)"}, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "An intrinsic function gets as many arguments as it takes",
        text: "",
        wrong: State(r#"{"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.a)"}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.a, 1)"}, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "An intrinsic call is written soundly",
        text: r"Texts in single quotes, with backslashes before `'`, `{`, `}` and `\` only; parentheses closed; nothing behind the last.",
        wrong: State(r#"{"Type": "Pass", "Parameters": {"t.$": "States.Format('{}, $.a)"}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Parameters": {"t.$": "States.Format('{}', $.a)"}, "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "Literal arguments are of the right kind",
        text: "Numbers where numbers are taken, and the algorithms `States.Hash` knows.",
        wrong: State(r#"{"Type": "Pass", "Parameters": {"h.$": "States.Hash($.a, 'SHA-2')"}, "End": true}"#),
        right: State(
            r#"{"Type": "Pass", "Parameters": {"h.$": "States.Hash($.a, 'SHA-256')"}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::IntrinsicFormatArgs,
        title: "States.Format has a place for each value",
        text: "With fewer or more `{}` than values the call fails when it runs.",
        wrong: State(
            r#"{"Type": "Pass", "Parameters": {"t.$": "States.Format('{} {}', $.a)"}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Pass", "Parameters": {"t.$": "States.Format('{} {}', $.a, $.b)"}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::IntrinsicNesting,
        title: "Calls are nested at most ten deep",
        text: "Compute a part in a Pass state before.",
        wrong: State(
            r#"{"Type": "Pass", "Parameters": {"a.$": "States.Array(States.Array(States.Array(States.Array(States.Array(States.Array(States.Array(States.Array(States.Array(States.Array(States.Array(1)))))))))))"}, "End": true}"#,
        ),
        right: State(r#"{"Type": "Pass", "Parameters": {"a.$": "States.Array(1)"}, "End": true}"#),
    },
];
