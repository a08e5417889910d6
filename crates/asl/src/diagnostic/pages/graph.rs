//! Rules: Transitions.

use super::Example::{Definition, State, States};
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::MissingTransitionTarget,
        title: "StartAt names a state of its scope",
        text: "",
        wrong: Definition(r#"{"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}"#),
        right: Definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#),
    },
    Rule {
        code: Code::MissingTransitionTarget,
        title: "A transition leads to a state of its scope",
        text: "`Next`, `Default`, and `Next` of rules and catchers. No transition leads into a branch or out of one.",
        wrong: States(r#"{"A": {"Type": "Pass", "Next": "Dnoe"}, "Done": {"Type": "Succeed"}}"#),
        right: States(r#"{"A": {"Type": "Pass", "Next": "Done"}, "Done": {"Type": "Succeed"}}"#),
    },
    Rule {
        code: Code::MissingTransitionTarget,
        title: "Every state can be reached",
        text: "By a walk from `StartAt`: states that only lead to each other, or to themselves, are not reached.",
        wrong: States(
            r#"{"A": {"Type": "Succeed"}, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Pass", "Next": "B"}}"#,
        ),
        right: States(
            r#"{"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::MissingEndState,
        title: "The machine can end",
        text: r#"A state with `"End": true`, or one of type Succeed or Fail. AWS asks this of the top scope only."#,
        wrong: States(r#"{"A": {"Type": "Wait", "Seconds": 1, "Next": "A"}}"#),
        right: States(r#"{"A": {"Type": "Wait", "Seconds": 1, "End": true}}"#),
    },
    Rule {
        code: Code::NoPathToTerminal,
        title: "From every state an end can be reached",
        text: "A cycle without a way out runs until the execution times out, after a year or 25,000 events.",
        wrong: States(
            r#"{"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "B"}], "Default": "Z"}, "B": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "B"}], "Default": "Z"}, "B": {"Type": "Wait", "Seconds": 1, "Next": "A"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::CycleWithoutExit,
        title: "A cycle decides",
        text: "States that lead only to each other, without a Choice or a catcher among them, go round for ever.",
        wrong: States(
            r#"{"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "B"}], "Default": "Z"}, "B": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "B"}], "Default": "Z"}, "B": {"Type": "Wait", "Seconds": 1, "Next": "A"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::NestedNoEnd,
        title: "A branch or an item processor can end",
        text: "AWS accepts one that cannot; its Parallel or Map then never finishes.",
        wrong: State(
            r#"{"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
    },
];
