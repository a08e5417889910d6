//! Tasks: timeouts, retries, catchers, tokens, and how the call is written.

use serde_json::{Value, json};

use super::{any_text, find_text, has_any};
use crate::checks::context::{Context, Finding};
use crate::checks::mends::Mend;
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node, NodeValue};
use crate::syntax::StateType;
use crate::syntax::definition::State;
use crate::syntax::place::Place;
use crate::syntax::resource::ResourceText;

/// Faults of Lambda that pass by themselves.
/// Source: Developer Guide, "Handle transient Lambda service exceptions".
const TRANSIENT_ERRORS: [&str; 4] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
];

/// Names that take every failure of a task.
const WIDE_ERRORS: [&str; 2] = ["States.ALL", "States.TaskFailed"];

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context.state(index) else { return };
    match state.kind {
        Some(StateType::Task) => task(context, state),
        Some(StateType::Parallel) if state.node().member("Retry").is_none() => {
            let message = format!("Parallel state '{}' has no Retry", state.name());
            let help = "One failed branch fails the whole state; add a Retry, or retry inside the branches.";
            context.add(Finding::new(Code::TaskNoRetry, &state.place(), message).help(help));
        }
        _ => {}
    }
}

fn task(context: &mut Context<'_>, state: &State<'_>) {
    let place = state.place();
    let node = state.node();
    let Some(resource) = node.member("Resource") else {
        return;
    };
    let Some(text) = resource.value.as_str() else {
        return;
    };
    let call = ResourceText::of(text);
    timeouts(context, state, &place, call);
    retry(context, state, &place, call);
    if node.member("Catch").is_none() && !is_caught_around(context, state) {
        let message = format!("Nothing catches a failure of Task '{}'", state.name());
        let help = "Add a Catch here or on the Parallel or Map around it, or the execution fails.";
        context.add(Finding::new(Code::TaskNoCatch, &place, message).help(help));
    }
    let at = place.member(resource);
    hardcoded(context, &at, &resource.value);
    for key in ["Parameters", "Arguments"] {
        if let Some(member) = node.member(key) {
            hardcoded(context, &place.member(member), &member.value);
        }
    }
    spelling(context, state, &at, call);
    if call.pattern() == "waitForTaskToken" {
        token(context, state, &at);
    }
}

fn timeouts(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>, call: ResourceText<'_>) {
    const TIMEOUT: [&str; 2] = ["TimeoutSeconds", "TimeoutSecondsPath"];
    const HEARTBEAT: [&str; 2] = ["HeartbeatSeconds", "HeartbeatSecondsPath"];
    if has_any(state.node(), &TIMEOUT) {
        return;
    }
    let waits_for_others = call == ResourceText::Activity || call.pattern() == "waitForTaskToken";
    let finding = if !waits_for_others {
        let message = format!("Task '{}' has no TimeoutSeconds", state.name());
        let help = "The default is 99,999,999 seconds: a call that hangs holds the execution. Add \"TimeoutSeconds\".";
        Finding::new(Code::TaskNoTimeout, place, message).help(help)
    } else if !has_any(state.node(), &HEARTBEAT) {
        let message = format!(
            "Task '{}' waits for an answer without TimeoutSeconds or HeartbeatSeconds",
            state.name()
        );
        let help = "A lost answer holds the execution for up to a year. Add \"TimeoutSeconds\" or \"HeartbeatSeconds\".";
        Finding::new(Code::CallbackNoTimeout, place, message).help(help)
    } else {
        return;
    };
    context.add(finding);
}

fn retry(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>, call: ResourceText<'_>) {
    let is_lambda = matches!(call, ResourceText::Lambda)
        || matches!(
            call,
            ResourceText::Integration {
                service: "lambda",
                ..
            }
        );
    let Some(retry) = state.node().get("Retry") else {
        let message = format!("Task '{}' has no Retry", state.name());
        context.add(if is_lambda {
            let help = format!("Retry Lambda's passing faults: {}.", TRANSIENT_ERRORS.join(", "));
            let mend = Mend::certain("Retry Lambda's passing faults").add(
                state.node(),
                "Retry",
                json!([transient_retrier(&TRANSIENT_ERRORS)]),
            );
            Finding::new(Code::LambdaNoTransientRetry, place, message)
                .help(help)
                .mend(mend)
        } else {
            let help = "Add a Retry with IntervalSeconds, BackoffRate and MaxAttempts.";
            Finding::new(Code::TaskNoRetry, place, message).help(help)
        });
        return;
    };
    // A Retry that is no list has been reported as that.
    if !is_lambda || retry.as_array().is_none() {
        return;
    }
    let retried = |name: &str| any_text(retry, &|text| text == name);
    let is_wide = WIDE_ERRORS.iter().any(|name| retried(name));
    let missing: Vec<&str> = TRANSIENT_ERRORS
        .into_iter()
        .filter(|name| !retried(name))
        .collect();
    if !is_wide && !missing.is_empty() {
        let message = format!(
            "The Retry of Task '{}' leaves out passing faults of Lambda",
            state.name()
        );
        let help = format!("Retry {}, too.", missing.join(", "));
        let mend = Mend::certain(format!("Retry {}, too", missing.join(", ")))
            .append(retry, transient_retrier(&missing));
        context.add(
            Finding::new(Code::LambdaNoTransientRetry, place, message)
                .help(help)
                .mend(mend),
        );
    }
}

/// The entry AWS recommends ("Handle transient Lambda service exceptions"), with jitter.
fn transient_retrier(errors: &[&str]) -> Value {
    json!({
        "ErrorEquals": errors,
        "IntervalSeconds": 1,
        "MaxAttempts": 3,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    })
}

fn is_caught_around(context: &Context<'_>, state: &State<'_>) -> bool {
    let definition = context.definition;
    let mut scope = definition.scopes.get(state.scope);
    while let Some(owner) = scope
        .and_then(|scope| scope.owner)
        .and_then(|owner| definition.states.get(owner.state))
    {
        if owner.node().member("Catch").is_some() {
            return true;
        }
        scope = definition.scopes.get(owner.scope);
    }
    false
}

/// An account in an ARN: the definition fits one account only. One remark for each field.
fn hardcoded(context: &mut Context<'_>, place: &Place<'_>, node: &Node) {
    if let Some(text) = find_text(node, &names_an_account) {
        let message = "An account is written in the definition";
        let help = "Use a substitution, such as ${FunctionArn}, so that it fits every account and region.";
        context.add(
            Finding::new(Code::HardcodedArn, place, message)
                .at_span(text.span)
                .help(help),
        );
    }
}

fn names_an_account(text: &str) -> bool {
    text.strip_prefix("arn:")
        .and_then(|rest| rest.split(':').nth(3))
        .is_some_and(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
}

fn spelling(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>, call: ResourceText<'_>) {
    match call {
        ResourceText::Lambda => {
            let message = "The function's ARN is the Resource itself";
            let help = "Use arn:aws:states:::lambda:invoke with \"FunctionName\": more control over the call and its errors.";
            context.add(Finding::new(Code::PreferOptimizedIntegration, place, message).help(help));
        }
        ResourceText::Integration {
            service: "states",
            action: "startExecution",
            pattern,
        } => {
            if pattern == "sync" {
                let message = "startExecution.sync gives the child's output as text";
                let help = "startExecution.sync:2 gives it as JSON.";
                let mend = state.node().get("Resource").and_then(|resource| {
                    let meant = format!("{}:2", resource.as_str()?);
                    Some(Mend::likely(format!("Write {meant}")).replace(resource, meant))
                });
                context.add(
                    Finding::new(Code::PreferSync2, place, message)
                        .help(help)
                        .maybe_mend(mend),
                );
            }
            linked(context, state, place);
        }
        _ => {}
    }
}

/// The console shows a child under its parent only when the input says whose child it is.
fn linked(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>) {
    const MARK: &str = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID";
    let Some(parameters) = ["Parameters", "Arguments"]
        .iter()
        .find_map(|key| state.node().get(key))
    else {
        return;
    };
    let Some(members) = parameters.as_object() else {
        return;
    };
    let input = members
        .iter()
        .find(|member| matches!(&*member.key, "Input" | "Input.$"));
    let may_be_linked = input.is_some_and(|input| match &input.value.value {
        NodeValue::Object(members) => members.iter().any(|member| is_mark(member, MARK)),
        NodeValue::String(text) => text.contains(MARK) || &*input.key == "Input.$" || text.starts_with("{%"),
        _ => false,
    });
    if !may_be_linked {
        let message = "The child execution does not know its parent";
        let help = format!(
            "Add \"{MARK}.$\": \"$$.Execution.Id\" to its Input (in JSONata: $states.context.Execution.Id)."
        );
        let object = input
            .map(|input| &input.value)
            .filter(|input| input.as_object().is_some());
        let mend = object.map(|input| {
            let mend = Mend::certain("Say in the input which execution started it");
            if state.is_jsonata() {
                mend.add(input, MARK, "{% $states.context.Execution.Id %}")
            } else {
                mend.add(input, format!("{MARK}.$"), "$$.Execution.Id")
            }
        });
        context.add(
            Finding::new(Code::NestedExecutionNotLinked, place, message)
                .help(help)
                .maybe_mend(mend),
        );
    }
}

fn is_mark(member: &Member, mark: &str) -> bool {
    member.key.strip_suffix(".$").unwrap_or(&member.key) == mark
}

fn token(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>) {
    let passes_token = |text: &str| {
        text.contains("Task.Token")
            || matches!(text, "$$" | "$$.Task")
            || (text.starts_with("{%")
                && (text.contains("$states.context.Task") || text.ends_with("$states.context %}")))
    };
    let passed = ["Parameters", "Arguments"]
        .iter()
        .filter_map(|key| state.node().get(key))
        .any(|parameters| any_text(parameters, &passes_token));
    if !passed {
        let message = "The task waits for a token that nobody receives";
        let help = "Pass it on: \"TaskToken.$\": \"$$.Task.Token\" (in JSONata: $states.context.Task.Token).";
        context.add(Finding::new(Code::CallbackTokenNotPassed, place, message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advice, advises, does_not_advise, machine, mended};
    use crate::eval::MachineKind;

    const RETRY: &str = r#""Retry": [{"ErrorEquals": ["States.TaskFailed"], "JitterStrategy": "FULL"}]"#;

    fn task(resource: &str, fields: &str) -> String {
        machine(
            "",
            &format!(r#""S": {{"Type": "Task", "Resource": "{resource}", {fields} "End": true}}"#),
        )
    }

    const INVOKE: &str = "arn:aws:states:::lambda:invoke";

    #[test]
    fn a_careful_task_gets_no_advice() {
        let fields = format!(
            r#""Parameters": {{"FunctionName": "f"}}, "TimeoutSeconds": 5, {RETRY}, "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "F"}}],"#
        );
        let text = machine(
            "",
            &format!(
                r#""S": {{"Type": "Task", "Resource": "{INVOKE}", {fields} "End": true}}, "F": {{"Type": "Fail", "Error": "E"}}"#
            ),
        );
        assert_eq!(advice(&text, MachineKind::Standard), Vec::<&str>::new());
    }

    #[test]
    fn a_careless_task_is_told_of_timeout_retry_and_catch() {
        advises(&task(INVOKE, ""), "TASK_NO_TIMEOUT");
        advises(&task(INVOKE, ""), "LAMBDA_NO_TRANSIENT_RETRY");
        advises(&task(INVOKE, ""), "TASK_NO_CATCH");
        advises(&task("arn:aws:states:::sns:publish", ""), "TASK_NO_RETRY");
        let partly = task(
            INVOKE,
            r#""Retry": [{"ErrorEquals": ["Lambda.ServiceException"]}],"#,
        );
        advises(&partly, "LAMBDA_NO_TRANSIENT_RETRY");
        does_not_advise(&task(INVOKE, &format!("{RETRY},")), "LAMBDA_NO_TRANSIENT_RETRY");
    }

    #[test]
    fn passing_faults_of_lambda_are_retried() {
        let added = mended(&task(INVOKE, ""), "LAMBDA_NO_TRANSIENT_RETRY");
        assert_eq!(
            added["States"]["S"]["Retry"][0]["ErrorEquals"],
            serde_json::json!(super::TRANSIENT_ERRORS)
        );
        let partly = task(
            INVOKE,
            r#""Retry": [{"ErrorEquals": ["Lambda.ServiceException"]}],"#,
        );
        let added = mended(&partly, "LAMBDA_NO_TRANSIENT_RETRY");
        assert_eq!(
            added["States"]["S"]["Retry"][1]["ErrorEquals"][0],
            "Lambda.AWSLambdaException"
        );
    }

    #[test]
    fn tasks_in_branches_are_looked_at_and_may_be_caught_outside() {
        let text = machine(
            "",
            &format!(
                r#""P": {{"Type": "Parallel", "Branches": [{{"StartAt": "S", "States": {{"S":
                    {{"Type": "Task", "Resource": "{INVOKE}", "End": true}}}}}}],
                    "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "Z"}}], "Next": "Z"}}, "Z": {{"Type": "Succeed"}}"#
            ),
        );
        advises(&text, "TASK_NO_TIMEOUT");
        advises(&text, "TASK_NO_RETRY");
        does_not_advise(&text, "TASK_NO_CATCH");
    }

    #[test]
    fn tokens_are_passed_on_and_waited_for_with_an_end() {
        let wait = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
        let passing = r#""Parameters": {"QueueUrl": "q", "MessageBody": {"t.$": "$$.Task.Token"}},"#;
        advises(&task(wait, ""), "CALLBACK_TOKEN_NOT_PASSED");
        does_not_advise(&task(wait, passing), "CALLBACK_TOKEN_NOT_PASSED");
        advises(&task(wait, passing), "CALLBACK_NO_TIMEOUT");
        does_not_advise(&task(wait, r#""HeartbeatSeconds": 5,"#), "CALLBACK_NO_TIMEOUT");
    }

    #[test]
    fn the_way_a_call_is_written_is_remarked_on() {
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:f";
        advises(&task(function, ""), "PREFER_OPTIMIZED_INTEGRATION");
        advises(&task(function, ""), "HARDCODED_ARN");
        advises(
            &task("arn:aws:states:::states:startExecution.sync", ""),
            "PREFER_SYNC_2",
        );
        let start = "arn:aws:states:::states:startExecution";
        let unlinked = r#""Parameters": {"StateMachineArn": "${M}", "Input": {"a": 1}},"#;
        advises(&task(start, unlinked), "NESTED_EXECUTION_NOT_LINKED");
        let after = mended(&task(start, unlinked), "NESTED_EXECUTION_NOT_LINKED");
        assert_eq!(
            after["States"]["S"]["Parameters"]["Input"]["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$"],
            "$$.Execution.Id"
        );
        let after = mended(
            &task("arn:aws:states:::states:startExecution.sync", ""),
            "PREFER_SYNC_2",
        );
        assert_eq!(
            after["States"]["S"]["Resource"],
            "arn:aws:states:::states:startExecution.sync:2"
        );
        let linked = unlinked.replace(
            r#""a": 1"#,
            r#""AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id""#,
        );
        does_not_advise(&task(start, &linked), "NESTED_EXECUTION_NOT_LINKED");
    }
}
