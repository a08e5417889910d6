//! Waits and timeouts that no execution lives to see the end of, and times that have passed.

use super::whole;
use crate::checks::context::{Context, Finding};
use crate::checks::timestamps;
use crate::diagnostic::Code;
use crate::eval::MachineKind;
use crate::json::spanned::Node;
use crate::limits::{EXPRESS_SECONDS_MAX, STANDARD_SECONDS_MAX};
use crate::syntax::StateType;
use crate::syntax::place::Place;

pub(super) fn check_machine(context: &mut Context<'_>) {
    let root = context.definition.root;
    if context.options.kind == MachineKind::Express
        && whole(root, "TimeoutSeconds").is_some_and(|seconds| seconds > EXPRESS_SECONDS_MAX)
        && let Some(member) = root.member("TimeoutSeconds")
    {
        let place = Place::written("", root.span);
        context.add(express(
            &place.member(member),
            "The timeout is longer than an Express execution may take",
        ));
    }
}

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context.state(index) else { return };
    let place = state.place();
    let is_express = context.options.kind == MachineKind::Express;
    let key = match state.kind {
        Some(StateType::Wait) => "Seconds",
        Some(StateType::Task) if is_express => "TimeoutSeconds",
        _ => return,
    };
    if let (Some(seconds), Some(member)) = (whole(state.node(), key), state.node().member(key)) {
        let at = place.member(member);
        if is_express && seconds > EXPRESS_SECONDS_MAX {
            context.add(express(&at, "This is longer than an Express execution may take"));
        } else if seconds > STANDARD_SECONDS_MAX {
            context.add(too_long(&at));
        }
    }
    if state.kind == Some(StateType::Wait) {
        until(context, &place, state.node());
    }
}

fn until(context: &mut Context<'_>, place: &Place<'_>, node: &Node) {
    let Some(member) = node.member("Timestamp") else {
        return;
    };
    let (Some(text), Some(now_ms)) = (member.value.as_str(), context.options.now_ms) else {
        return;
    };
    let Ok(time) = timestamps::parse(text) else { return };
    let at = place.member(member);
    let seconds = (time.timestamp_millis() - now_ms) / 1000;
    if seconds < 0 {
        let help = "A time that has passed is not waited for. Use TimestampPath for a time of the input.";
        context.add(Finding::new(Code::WaitInPast, &at, "This time has passed").help(help));
    } else if seconds > STANDARD_SECONDS_MAX {
        context.add(too_long(&at));
    }
}

fn express(place: &Place<'_>, message: &str) -> Finding {
    let help =
        format!("Express executions end after {EXPRESS_SECONDS_MAX} seconds. Use a STANDARD state machine.");
    Finding::new(Code::ExpressExceedsFiveMinutes, place, message).help(help)
}

fn too_long(place: &Place<'_>) -> Finding {
    Finding::new(
        Code::WaitExceedsOneYear,
        place,
        "This is longer than an execution may take",
    )
    .help("Executions end after one year. Start a new one from a schedule instead.")
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advice, advises, does_not_advise, state};
    use crate::eval::MachineKind;

    #[test]
    fn waits_past_the_end_of_the_execution_are_doubted() {
        let wait = |field: &str| state(&format!(r#""Type": "Wait", {field}, "End": true"#));
        advises(&wait(r#""Seconds": 40000000"#), "WAIT_EXCEEDS_1_YEAR");
        advises(&wait(r#""Timestamp": "2001-01-01T00:00:00Z""#), "WAIT_IN_PAST");
        advises(
            &wait(r#""Timestamp": "2099-01-01T00:00:00Z""#),
            "WAIT_EXCEEDS_1_YEAR",
        );
        does_not_advise(&wait(r#""Seconds": 600"#), "WAIT_EXCEEDS_1_YEAR");
        assert_eq!(
            advice(&wait(r#""Seconds": 600"#), MachineKind::Express),
            ["EXPRESS_EXCEEDS_5_MIN"]
        );
    }
}
