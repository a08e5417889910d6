//! What rules find.

use serde_json::json;

use super::super::model::RuleSeverity;
use super::*;

fn rule(expression: &str) -> Rule {
    Rule {
        name: "house-rule".into(),
        expression: expression.into(),
        scope: RuleScope::Definition,
        severity: RuleSeverity::Warning,
        message: Some("do as we do here".into()),
    }
}

fn broken(expression: &str, definition: &Value) -> Vec<Diagnostic> {
    check(&[rule(expression)], &definition.to_string(), Some(definition)).unwrap()
}

fn etl() -> Value {
    json!({"Comment": "c", "TimeoutSeconds": 60, "StartAt": "A", "States": {
        "A": {"Type": "Task", "TimeoutSeconds": 5, "Next": "B"}, "B": {"Type": "Succeed"}}})
}

#[test]
fn a_rule_that_holds_says_nothing() {
    for expression in [
        "has(definition.Comment)",
        "definition.TimeoutSeconds <= 3600",
        "size(definition.States) < 50",
        "definition.States.all(name, definition.States[name].Type != 'Task' || has(definition.States[name].TimeoutSeconds))",
        "type(definition.Comment) == string",
    ] {
        assert_eq!(broken(expression, &etl()), [], "{expression}");
    }
}

#[test]
fn a_broken_rule_speaks_with_its_own_message_and_severity() {
    let diagnostics = broken("has(definition.QueryLanguage)", &etl());
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].message, "do as we do here");
    assert_eq!(diagnostics[0].severity, Severity::Warning);
    assert!(diagnostics[0].help.as_ref().unwrap().contains("house-rule"));
}

#[test]
fn a_rule_that_can_not_be_compiled_is_named_with_the_place() {
    let invalid = check(&[rule("true"), rule("has(definition.")], "", None).unwrap_err();
    assert_eq!(invalid.len(), 1);
    assert_eq!(invalid[0].index, 1);
    assert!(
        invalid[0].reason.starts_with("line 1, column"),
        "{}",
        invalid[0].reason
    );
}

#[test]
fn a_misspelt_variable_is_found_before_any_definition_is_seen() {
    let invalid = check(&[rule("defintion.States.all(s, s != '')")], "", None).unwrap_err();
    assert!(invalid[0].reason.contains("`defintion`"), "{}", invalid[0].reason);
}

#[test]
fn a_rule_that_gives_no_bool_or_fails_is_reported_and_not_taken_for_kept() {
    assert!(
        broken("size(definition.States)", &etl())[0]
            .message
            .contains("instead of a bool")
    );
    assert!(
        broken("definition.Nothing == 1", &etl())[0]
            .message
            .contains("could not be evaluated")
    );
}

#[test]
fn a_rule_that_would_run_for_ages_is_not_run() {
    let items: Vec<u32> = (0..2_000).collect();
    let wide = json!({"items": items});
    let cubic = "definition.items.all(a, definition.items.all(b, definition.items.all(c, a + b + c >= 0)))";
    assert!(broken(cubic, &wide)[0].message.contains("was not run"));
    assert_eq!(broken("definition.items.all(a, a >= 0)", &wide), []);
}

#[test]
fn the_deepest_expressions_of_the_allowed_length_do_not_exhaust_the_stack() {
    let length = limits::RULE_EXPRESSION_BYTES_MAX;
    for deep in [
        format!("{}true{}", "(".repeat(length / 2 - 2), ")".repeat(length / 2 - 2)),
        format!("{}true", "!".repeat(length - 4)),
        format!("0{} == 0", "-0".repeat(length / 2 - 3)),
        format!("true{}", "?true:true".repeat(length / 10 - 1)),
        format!("{}{}", "[".repeat(length / 2), "]".repeat(length / 2)),
        format!("definition{}", ".a".repeat(length / 2 - 5)),
    ] {
        // Refused or evaluated: either will do, as long as the process lives.
        let _ = check(&[rule(&deep)], &etl().to_string(), Some(&etl()));
    }
}

#[test]
fn a_rule_over_states_names_each_state_that_breaks_it_with_its_line() {
    let text = "{\"StartAt\": \"P\", \"States\": {\n \"P\": {\"Type\": \"Parallel\", \"End\": true, \"Branches\": [{\"StartAt\": \"T\", \"States\": {\n  \"T\": {\"Type\": \"Task\"}}}]},\n \"U\": {\"Type\": \"Task\", \"TimeoutSeconds\": 5}}}";
    let per_state = Rule {
        scope: RuleScope::State,
        ..rule("state.Type != 'Task' || has(state.TimeoutSeconds) || name == 'Other'")
    };
    let definition: Value = serde_json::from_str(text).unwrap();
    let broken = check(std::slice::from_ref(&per_state), text, Some(&definition)).unwrap();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert_eq!(
        broken[0].location.as_deref(),
        Some("/States/P/Branches[0]/States/T")
    );
    assert_eq!(broken[0].line, Some(3));
    let misplaced = Rule {
        scope: RuleScope::Definition,
        ..per_state
    };
    assert!(
        check(&[misplaced], text, None).unwrap_err()[0]
            .reason
            .contains("`state`")
    );
}
