//! JSONata: every text in `{% %}` parses, and reads only what Step Functions has.

use super::context::{Context, Finding};
use super::mends::Mend;
use super::repairs;
use crate::diagnostic::Code;
use crate::json::spanned::{Node, NodeValue};
use crate::jsonata::references::{self, References};
use crate::jsonata::syntax;
use crate::suggest;
use crate::syntax::place::Place;
use crate::syntax::{StateType, has_substitution};

/// Where an expression stands: decides which fields `$states` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Before the state's work: `input` and `context`.
    Input,
    /// `Output` and `Assign` of a state that has a result: `result` too.
    Result,
    /// `Output` and `Assign` of a catcher: `errorOutput` too.
    Catch,
}

impl Slot {
    pub(super) fn of_state_field(kind: StateType, field: &str) -> Self {
        let has_result = matches!(kind, StateType::Task | StateType::Parallel | StateType::Map);
        if has_result && matches!(field, "Output" | "Assign") {
            Self::Result
        } else {
            Self::Input
        }
    }

    pub(super) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Input => &["context", "input"],
            Self::Result => &["context", "input", "result"],
            Self::Catch => &["context", "errorOutput", "input"],
        }
    }
}

/// Every expression in a value.
pub(super) fn value(context: &mut Context<'_>, state: usize, place: &Place<'_>, node: &Node, slot: Slot) {
    match &node.value {
        NodeValue::String(string) => text(context, state, place, string, slot),
        NodeValue::Array(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                value(context, state, &place.element(index, node), node, slot);
            }
        }
        NodeValue::Object(members) => {
            for member in members {
                value(context, state, &place.member(member), &member.value, slot);
            }
        }
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) => {}
    }
}

/// One text, which may be an expression.
pub(super) fn text(context: &mut Context<'_>, state: usize, place: &Place<'_>, text: &str, slot: Slot) {
    let Some(rest) = text.strip_prefix("{%") else {
        return;
    };
    let Some(expression) = rest.strip_suffix("%}") else {
        let finding = Finding::schema(place, "JSONata string must start with {% and end with %}");
        let mend = closed(rest)
            .map(|text| Mend::likely("Close the expression with %}").replace_at(place.span, text));
        context.add(
            finding
                .help("Close the expression with %}, with nothing behind it.")
                .maybe_mend(mend),
        );
        return;
    };
    let tree = match syntax::parse(expression) {
        Ok(tree) => tree,
        Err(_) if has_substitution(expression) => return,
        Err(error) => {
            let finding = Finding::new(Code::InvalidJsonataExpression, place, error.0);
            context.add(match repairs::repair(expression) {
                Some((help, expression)) => finding
                    .mend(Mend::likely(help.clone()).replace_at(place.span, format!("{{%{expression}%}}")))
                    .help(format!("{help}.")),
                None => finding,
            });
            return;
        }
    };
    let found = references::references(&tree);
    if let Some(finding) = unsupported(place, &found, slot)
        && !has_substitution(expression)
    {
        let meant = repairs::supported(expression, &found, slot);
        let mend = meant.map(|meant| {
            Mend::likely(format!("Write {}", meant.trim())).replace_at(place.span, format!("{{%{meant}%}}"))
        });
        context.add(finding.maybe_mend(mend));
    }
    context.read_references(state, place, &found, text);
}

/// `{% x`, `{% x %`, `{% x }` → `{% x %}`, if that is an expression.
fn closed(rest: &str) -> Option<String> {
    let rest = rest.trim_end();
    let candidates = [
        rest,
        rest.trim_end_matches('}')
            .trim_end()
            .trim_end_matches('%')
            .trim_end(),
    ];
    let expression = candidates.into_iter().find(|text| syntax::parse(text).is_ok())?;
    Some(format!("{{%{expression} %}}"))
}

/// The first thing read that does not exist: AWS reports one for each expression.
fn unsupported(place: &Place<'_>, found: &References, slot: Slot) -> Option<Finding> {
    let finding = |message: String| Finding::new(Code::UnsupportedJsonataExpression, place, message);
    if found.root_context {
        let help = "There is no root document; write $states.input.";
        return Some(finding("Reference to '$$' is not supported.".to_owned()).help(help));
    }
    if let Some(name) = &found.top_level {
        let help = match name.as_str() {
            "$" | "*" | "**" => "There is no context item; write $states.input.".to_owned(),
            name => format!("Write $states.input.{name} for the input, or ${name} for a variable."),
        };
        return Some(
            finding(format!(
                "Reference to '{name}' at the top level is not supported."
            ))
            .help(help),
        );
    }
    if let Some(field) = found
        .states
        .iter()
        .filter_map(|way| way.first())
        .find(|field| !slot.fields().contains(&field.as_str()))
    {
        let help = match (
            field.as_str(),
            suggest::nearest(field, slot.fields().iter().copied()),
        ) {
            ("result", _) => {
                "$states.result exists in Output and Assign of Task, Parallel and Map.".to_owned()
            }
            ("errorOutput", _) => "$states.errorOutput exists in Output and Assign of a catcher.".to_owned(),
            (_, Some(near)) => format!("Did you mean $states.{near}?"),
            (_, None) => format!("$states has here: {}.", slot.fields().join(", ")),
        };
        return Some(finding(format!("Field '$states.{field}' does not exist.")).help(help));
    }
    if found.functions.iter().any(|name| name == "eval") {
        let help = "Step Functions does not evaluate text as code; $parse reads JSON.";
        return Some(finding("Function '$eval' is not supported.".to_owned()).help(help));
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, finds, machine, mended, passes};

    fn output(expression: &str) -> String {
        let text = serde_json::to_string(expression).unwrap();
        machine(
            r#""QueryLanguage": "JSONata","#,
            &format!(r#""S": {{"Type": "Pass", "Output": {{"a": [{text}]}}, "End": true}}"#),
        )
    }

    #[test]
    fn expressions_are_closed_and_parse() {
        passes(&output("{% $states.input.a %}"));
        passes(&output("text with %} in it"));
        passes(&output("{% $states.input.${Field} %}"));
        finds(
            &output("{% 1"),
            "SCHEMA_VALIDATION_FAILED: JSONata string must start with {% and end with %} at /States/S/Output/a[0]",
        );
        finds(
            &output("{% 1 + %}"),
            "INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/S/Output/a[0]",
        );
    }

    #[test]
    fn what_was_meant_is_mended() {
        let after = |expression: &str, code: &str| {
            let value = mended(&output(expression), code);
            value["States"]["S"]["Output"]["a"][0]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let unsupported = "UNSUPPORTED_JSONATA_EXPRESSION";
        assert_eq!(after("{% 1", "SCHEMA_VALIDATION_FAILED"), "{% 1 %}");
        assert_eq!(after("{% 1 }", "SCHEMA_VALIDATION_FAILED"), "{% 1 %}");
        assert_eq!(
            after("{% order.id %}", unsupported),
            "{% $states.input.order.id %}"
        );
        assert_eq!(after("{% $$.id %}", unsupported), "{% $states.input.id %}");
        assert_eq!(
            after("{% $states.inptu.id %}", unsupported),
            "{% $states.input.id %}"
        );
        let invalid = "INVALID_JSONATA_EXPRESSION";
        assert_eq!(
            after("{% $states.input.a == 1 && true %}", invalid),
            "{% $states.input.a = 1 and true %}"
        );
        assert_eq!(after("{% $sum([1, 2) %}", invalid), "{% $sum([1, 2]) %}");
        assert_eq!(after("{% $sum([1, 2] %}", invalid), "{% $sum([1, 2]) %}");
        assert_eq!(
            after("{% $upperCase('a') %}", "UNKNOWN_FUNCTION"),
            "{% $uppercase('a') %}"
        );
        assert_eq!(
            after("{% $states.context.Exection.Id %}", "CONTEXT_FIELD_UNKNOWN"),
            "{% $states.context.Execution.Id %}"
        );
    }

    #[test]
    fn arguments_are_counted() {
        advises(&output("{% $uppercase('a', 'b') %}"), "JSONATA_ARGUMENTS");
        does_not_advise(&output("{% $uppercase('a') %}"), "JSONATA_ARGUMENTS");
    }

    #[test]
    fn functions_nobody_defines_are_doubted() {
        advises(&output("{% $uppercas($states.input.a) %}"), "UNKNOWN_FUNCTION");
        advises(
            &output("{% $states.context.Exection.Id %}"),
            "CONTEXT_FIELD_UNKNOWN",
        );
        does_not_advise(
            &output("{% ($f := function($x) { $x }; $f(1)) %}"),
            "UNKNOWN_FUNCTION",
        );
    }

    #[test]
    fn expressions_read_only_what_exists() {
        for (expression, message) in [
            (
                "{% phone %}",
                "Reference to 'phone' at the top level is not supported.",
            ),
            ("{% $$ %}", "Reference to '$$' is not supported."),
            (
                "{% $states.errorOutput %}",
                "Field '$states.errorOutput' does not exist.",
            ),
            ("{% $states.result %}", "Field '$states.result' does not exist."),
            ("{% $states.inptu %}", "Field '$states.inptu' does not exist."),
            ("{% $eval('1') %}", "Function '$eval' is not supported."),
        ] {
            finds(
                &output(expression),
                &format!("UNSUPPORTED_JSONATA_EXPRESSION: {message} at /States/S/Output/a[0]"),
            );
        }
    }
}
