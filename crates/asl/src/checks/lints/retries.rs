//! Retriers and catchers that do less, or other, than they seem to.

use std::collections::BTreeSet;

use super::whole;
use crate::checks::context::{Context, Finding};
use crate::checks::fields::near_miss;
use crate::checks::mends::Mend;
use crate::diagnostic::Code;
use crate::json::spanned::Node;
use crate::syntax::StateType;
use crate::syntax::definition::State;
use crate::syntax::place::Place;

/// The error names Step Functions raises itself.
/// Source: Developer Guide, "Error names"; `States.ReferencePathConflict` is what AWS raises where the guide has `States.ResultPathMatchFailure`.
const ERROR_NAMES: &[&str] = &[
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ReferencePathConflict",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];

/// Errors that end the execution whatever is written.
const TERMINAL_ERRORS: [&str; 2] = ["States.Runtime", "States.DataLimitExceeded"];

/// A catcher's `Output` that has the state's input and the error.
const KEEP_INPUT: &str = "{% $merge([$states.input, {'error': $states.errorOutput}]) %}";

/// Attempts at a steady pace that are still no burst.
const STEADY_ATTEMPTS_MAX: i64 = 3;

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context.state(index) else { return };
    if !matches!(
        state.kind,
        Some(StateType::Task | StateType::Parallel | StateType::Map)
    ) {
        return;
    }
    let place = state.place();
    for key in ["Retry", "Catch"] {
        let Some(list) = state.node().member(key) else {
            continue;
        };
        let list_place = place.member(list);
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let entries = list.value.as_array().unwrap_or_default();
        for (number, entry) in entries.iter().enumerate() {
            let at = list_place.element(number, entry);
            names(context, &at, entry, &mut seen);
            if key == "Retry" {
                pace(context, &at, entry, number + 1 == entries.len());
            } else {
                overwrites(context, state, &at, entry);
            }
        }
    }
}

fn names<'n>(context: &mut Context<'_>, place: &Place<'_>, entry: &'n Node, seen: &mut BTreeSet<&'n str>) {
    let Some(member) = entry.member("ErrorEquals") else {
        return;
    };
    let at = place.member(member);
    let mut taken: Vec<(&str, &Node)> = Vec::new();
    for node in member.value.as_array().unwrap_or_default() {
        let Some(name) = node.as_str() else { continue };
        let wide = seen.contains("States.TaskFailed") && is_task_failure(name);
        if wide || seen.contains(name) {
            taken.push((name, node));
        }
        seen.insert(name);
        if TERMINAL_ERRORS.contains(&name) {
            let message =
                format!("'{name}' ends the execution; it is neither retried nor caught by States.ALL");
            let help = "Guard against what raises it: paths that lead nowhere, or payloads over 256 KiB.";
            context.add(
                Finding::new(Code::UncatchableError, &at, message)
                    .at_span(node.span)
                    .help(help),
            );
        } else if name.starts_with("States.") && !ERROR_NAMES.contains(&name) && !is_raised(context, name) {
            let message = format!("Unknown error name '{name}'");
            let finding = Finding::new(Code::UnknownErrorName, &at, message).at_span(node.span);
            context.add(near_miss(finding, node, ERROR_NAMES.iter().copied()));
        }
    }
    if !taken.is_empty() {
        let names: Vec<&str> = taken.iter().map(|(name, _)| *name).collect();
        let message = format!("Earlier entries already take {}", names.join(", "));
        let help = "Entries are asked in order; remove the names here, or move this entry up.";
        // Names that never match may go: the rest means the same.
        let mend = if taken.len() == member.value.as_array().map_or(0, <[Node]>::len) {
            Mend::certain("Remove the entry, which never matches").remove(entry)
        } else {
            taken.iter().rev().fold(
                Mend::certain(format!("Remove {}, which never match here", names.join(", "))),
                |mend, (_, node)| mend.remove(node),
            )
        };
        context.add(
            Finding::new(Code::UnreachableRetrier, &at, message)
                .help(help)
                .mend(mend),
        );
    }
}

/// Whether a Fail state raises an error of this name.
fn is_raised(context: &Context<'_>, name: &str) -> bool {
    let fails = context
        .definition
        .states
        .iter()
        .filter(|state| state.kind == Some(StateType::Fail));
    fails
        .filter_map(|state| state.node().get("Error")?.as_str())
        .any(|error| error == name)
}

/// `States.TaskFailed` takes every error of a task but these.
fn is_task_failure(name: &str) -> bool {
    !name.starts_with("States.")
}

fn pace(context: &mut Context<'_>, place: &Place<'_>, entry: &Node, is_last: bool) {
    let attempts = whole(entry, "MaxAttempts");
    if let (Some(0), Some(member), true) = (attempts, entry.member("MaxAttempts"), is_last) {
        let message = "MaxAttempts 0 never retries";
        let help =
            "Remove the entry, or allow an attempt. An entry that excludes errors stands before the others.";
        let mend = Mend::certain("Remove the entry, which never retries").remove(entry);
        context.add(
            Finding::new(Code::RetryNeverRetries, &place.member(member), message)
                .help(help)
                .mend(mend),
        );
    }
    let steady = entry
        .get("BackoffRate")
        .and_then(Node::as_number)
        .and_then(serde_json::Number::as_f64);
    let jitter = entry.get("JitterStrategy").and_then(Node::as_str) == Some("FULL");
    if attempts.is_some_and(|attempts| attempts > STEADY_ATTEMPTS_MAX) && steady == Some(1.0) && !jitter {
        let message = "Many attempts at a steady pace";
        let help = "Use \"BackoffRate\": 2 and \"JitterStrategy\": \"FULL\", so that what is overloaded can recover.";
        let mend = entry.get("BackoffRate").map(|rate| {
            let mend = Mend::likely("Wait longer each time, and not all at once").replace(rate, 2);
            match entry.get("JitterStrategy") {
                Some(jitter) => mend.replace(jitter, "FULL"),
                None => mend.add(entry, "JitterStrategy", "FULL"),
            }
        });
        context.add(
            Finding::new(Code::RetryNoBackoff, place, message)
                .help(help)
                .maybe_mend(mend),
        );
    }
}

/// Without `ResultPath` or `Output` the error takes the place of the input. That does not matter where the
/// state was to end the scope and the catcher leads to a Fail state: nobody looks at the input any more.
fn overwrites(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>, entry: &Node) {
    if entry.member("ResultPath").is_some() || entry.member("Output").is_some() {
        return;
    }
    let target = entry.get("Next").and_then(Node::as_str);
    let scope = context.definition.scopes.get(state.scope);
    let leads_to_fail = target
        .and_then(|name| context.state(scope?.find(name)?))
        .is_some_and(|state| state.kind == Some(StateType::Fail));
    if state.is_terminal() && leads_to_fail {
        return;
    }
    let message = "The error takes the place of the state's input";
    let help = if state.is_jsonata() {
        format!("Keep both: \"Output\": \"{KEEP_INPUT}\".")
    } else {
        "Keep both: \"ResultPath\": \"$.error\".".to_owned()
    };
    let mend = if state.is_jsonata() {
        Mend::likely("Keep the input beside the error").add(entry, "Output", KEEP_INPUT)
    } else {
        Mend::likely("Keep the input, with the error at $.error").add(entry, "ResultPath", "$.error")
    };
    context.add(
        Finding::new(Code::CatchOverwritesInput, place, message)
            .help(help)
            .mend(mend),
    );
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, machine, mended};

    fn task(fields: &str) -> String {
        machine(
            "",
            &format!(
                r#""S": {{"Type": "Task", "Resource": "arn:aws:states:::sns:publish", {fields}, "Next": "Z"}}, "Z": {{"Type": "Succeed"}}"#
            ),
        )
    }

    #[test]
    fn names_that_do_not_exist_or_cannot_match_are_doubted() {
        advises(
            &task(r#""Retry": [{"ErrorEquals": ["States.TimeOut"]}]"#),
            "UNKNOWN_ERROR_NAME",
        );
        advises(
            &task(r#""Retry": [{"ErrorEquals": ["States.Runtime"]}]"#),
            "UNCATCHABLE_ERROR",
        );
        advises(
            &task(r#""Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["B", "A"]}]"#),
            "UNREACHABLE_RETRIER",
        );
        let sound = task(r#""Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["States.Timeout"]}]"#);
        for code in ["UNKNOWN_ERROR_NAME", "UNCATCHABLE_ERROR", "UNREACHABLE_RETRIER"] {
            does_not_advise(&sound, code);
        }
    }

    #[test]
    fn names_that_never_match_are_removed_and_slips_respelled() {
        let retry = |list: &str, code| {
            let value = mended(&task(&format!(r#""Retry": [{list}]"#)), code);
            value["States"]["S"]["Retry"].to_string()
        };
        assert_eq!(
            retry(
                r#"{"ErrorEquals": ["A"]}, {"ErrorEquals": ["B", "A"]}"#,
                "UNREACHABLE_RETRIER"
            ),
            r#"[{"ErrorEquals":["A"]},{"ErrorEquals":["B"]}]"#
        );
        assert_eq!(
            retry(
                r#"{"ErrorEquals": ["A"]}, {"ErrorEquals": ["A"]}"#,
                "UNREACHABLE_RETRIER"
            ),
            r#"[{"ErrorEquals":["A"]}]"#
        );
        assert_eq!(
            retry(r#"{"ErrorEquals": ["States.TimeOut"]}"#, "UNKNOWN_ERROR_NAME"),
            r#"[{"ErrorEquals":["States.Timeout"]}]"#
        );
    }

    #[test]
    fn a_name_that_a_fail_state_raises_is_known() {
        let text =
            task(r#""Catch": [{"ErrorEquals": ["States.QuorumMet"], "Next": "Q", "ResultPath": "$.e"}]"#);
        advises(
            &text.replace("}}}", r#"}, "Q": {"Type": "Succeed"}}}"#),
            "UNKNOWN_ERROR_NAME",
        );
        let raised = text.replace(
            "}}}",
            r#"}, "Q": {"Type": "Fail", "Error": "States.QuorumMet"}}}"#,
        );
        does_not_advise(&raised, "UNKNOWN_ERROR_NAME");
    }

    #[test]
    fn retriers_that_rush_or_never_retry_are_doubted() {
        advises(
            &task(r#""Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 9, "BackoffRate": 1.0}]"#),
            "RETRY_NO_BACKOFF",
        );
        advises(
            &task(r#""Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 0}]"#),
            "RETRY_NEVER_RETRIES",
        );
        let excluding =
            r#""Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]"#;
        does_not_advise(&task(excluding), "RETRY_NEVER_RETRIES");
    }

    #[test]
    fn pace_and_input_are_mended() {
        let s = |fields: &str, code: &str| mended(&task(fields), code)["States"]["S"].clone();
        let rushing = r#""Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 9, "BackoffRate": 1.0}]"#;
        let retrier = s(rushing, "RETRY_NO_BACKOFF")["Retry"][0].clone();
        assert_eq!(
            (&retrier["BackoffRate"], &retrier["JitterStrategy"]),
            (&2.into(), &"FULL".into())
        );
        let never = r#""Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 0}]"#;
        assert!(
            s(never, "RETRY_NEVER_RETRIES")["Retry"]
                .as_array()
                .unwrap()
                .is_empty()
        );
        let losing = r#""Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]"#;
        assert_eq!(
            s(losing, "CATCH_OVERWRITES_INPUT")["Catch"][0]["ResultPath"],
            "$.error"
        );
    }

    #[test]
    fn a_catcher_that_loses_the_input_is_doubted() {
        advises(
            &task(r#""Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]"#),
            "CATCH_OVERWRITES_INPUT",
        );
        let keeping = r#""Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z", "ResultPath": "$.e"}]"#;
        does_not_advise(&task(keeping), "CATCH_OVERWRITES_INPUT");
    }
}
