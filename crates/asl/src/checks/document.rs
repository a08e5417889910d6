//! The top-level object: its fields, and what their values are.

use super::context::{Context, Finding};
use super::fields::unsupported;
use super::mends::Mend;
use super::shapes;
use crate::diagnostic::Code;
use crate::json::spanned::Node;
use crate::limits::{DEFINITION_BYTES_MAX, SECONDS_MAX};
use crate::syntax::fields::{Shape, TOP_FIELDS};
use crate::syntax::has_substitution;
use crate::syntax::place::Place;

/// AWS's words for a text that is blank or no object.
pub(super) const NOT_AN_OBJECT: &str = "Definition must be a valid JSON object";

pub(super) fn check(context: &mut Context<'_>) {
    let root = context.definition.root;
    let place = Place::written("", root.span);
    super::scopes::required(context, &place, root);
    for member in root.as_object().unwrap_or_default() {
        let at = place.member(member);
        match &*member.key {
            "Comment" => shapes::text(context, &at, &member.value),
            "TimeoutSeconds" => {
                let shape = Shape::Integer {
                    min: 0,
                    max: SECONDS_MAX,
                    evaluated: false,
                };
                shapes::integer(context, &at, &member.value, shape, false);
            }
            "Version" => version(context, &at, &member.value),
            "QueryLanguage" => super::fields::query_language(context, &at, &member.value),
            // The scope's own business.
            "StartAt" | "States" => {}
            _ => context.add(unsupported(&place, root, member, TOP_FIELDS.iter().copied())),
        }
    }
}

/// Doubts a definition that has little room left to grow.
pub(super) fn check_size(context: &mut Context<'_>) {
    let bytes = context.text_bytes;
    if bytes > DEFINITION_BYTES_MAX / 4 * 3 {
        let message = format!("The definition has {bytes} of at most {DEFINITION_BYTES_MAX} bytes");
        let help = "Move parts of it into state machines of their own, started by states:startExecution.";
        context.add(Finding::whole(Code::DefinitionNearLimit, message).help(help));
    }
}

fn version(context: &mut Context<'_>, place: &Place<'_>, node: &Node) {
    if node.as_str().is_some_and(has_substitution) {
        return;
    }
    if node.as_str() != Some("1.0") {
        let finding = Finding::schema(place, "Value should be one of the following: [1.0]");
        context.add(
            finding
                .help("Write \"1.0\": it is the language's version, not your definition's.")
                .mend(Mend::certain("Write \"1.0\"").replace(node, "1.0")),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, finds, machine, passes};

    #[test]
    fn the_top_level_needs_a_start_and_states() {
        finds(
            "{}",
            "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /",
        );
        finds(
            "[]",
            "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null",
        );
        finds(
            " ",
            "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null",
        );
        finds("", "MISSING_DESCRIPTION: The definition is empty at null");
    }

    #[test]
    fn a_definition_that_nearly_fills_the_limit_is_doubted() {
        let of = |bytes: usize| {
            let comment = format!(r#""Comment": "{}","#, "x".repeat(bytes));
            machine(&comment, r#""A": {"Type": "Succeed"}"#)
        };
        advises(&of(800_000), "DEFINITION_NEAR_LIMIT");
        does_not_advise(&of(700_000), "DEFINITION_NEAR_LIMIT");
    }

    #[test]
    fn the_values_of_top_level_fields_are_checked() {
        passes(&machine(
            r#""Comment": "c", "Version": "1.0", "TimeoutSeconds": 0,"#,
            r#""A": {"Type": "Succeed"}"#,
        ));
        for (top, message) in [
            (
                r#""Version": "2.0","#,
                "Value should be one of the following: [1.0] at /Version",
            ),
            (r#""Comment": 1,"#, "Expected value of type String at /Comment"),
            (
                r#""TimeoutSeconds": -1,"#,
                "Minimum value is 0 at /TimeoutSeconds",
            ),
            (r#""comment": "c","#, "Field 'comment' is not supported at /"),
        ] {
            finds(
                &machine(top, r#""A": {"Type": "Succeed"}"#),
                &format!("SCHEMA_VALIDATION_FAILED: {message}"),
            );
        }
    }
}
