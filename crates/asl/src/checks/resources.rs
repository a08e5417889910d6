//! What a Task calls: an ARN Step Functions knows, by a pattern the service offers, with what the call needs.

use super::context::{Context, Finding};
use crate::eval::MachineKind;
use crate::json::spanned::{Member, Node};
use crate::suggest;
use crate::syntax::definition::State;
use crate::syntax::integrations::{self, Action, INTEGRATIONS, RESOURCES_OF_OTHER_SERVICES, ResourceText};
use crate::syntax::place::Place;
use crate::syntax::{StateType, has_substitution};

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context
        .state(index)
        .filter(|state| state.kind == Some(StateType::Task))
    else {
        return;
    };
    let place = state.place();
    let resource = state.node().member("Resource");
    let text = resource.and_then(|member| member.value.as_str());
    if let Some(member) = resource
        && let Some(text) = text
        && let Some(finding) = check_resource(context.options.kind, state, &place.member(member), text)
    {
        context.add(finding);
    } else if let Some(text) = text
        && !context.has_error_within(state)
    {
        parameters(context, state, &place, text);
    }
    if let Some(member) = state.node().member("Credentials") {
        credentials(context, &place, member, text);
    }
    heartbeat(context, state, &place);
}

/// The first thing wrong with a `Resource`.
fn check_resource(kind: MachineKind, state: &State<'_>, place: &Place<'_>, text: &str) -> Option<Finding> {
    let express = kind == MachineKind::Express;
    match ResourceText::of(text) {
        ResourceText::NotAnArn => {
            let help = "Write an ARN, such as arn:aws:states:::lambda:invoke.";
            Some(Finding::schema(place, "Value is not a valid resource ARN").help(help))
        }
        ResourceText::Activity if express => {
            let finding = Finding::schema(place, "Express state machine does not support Activity ARN");
            Some(finding.help("Use a STANDARD state machine."))
        }
        ResourceText::Unknown | ResourceText::Lambda | ResourceText::Activity => None,
        ResourceText::Integration {
            service,
            action,
            pattern,
        } => integration(place, text, service, action, pattern)
            .or_else(|| express_pattern(place, pattern, express)),
        ResourceText::AwsSdk {
            service,
            action,
            pattern,
        } => sdk(place, text, service, action, pattern).or_else(|| express_pattern(place, pattern, express)),
        ResourceText::OtherArn { service } => other_service(state, place, text, service),
    }
}

fn not_recognized(place: &Place<'_>, text: &str, help: impl Into<String>) -> Finding {
    let message = format!(
        "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is not \
         available in this region."
    );
    Finding::schema(place, message).help(help)
}

fn express_pattern(place: &Place<'_>, pattern: &str, express: bool) -> Option<Finding> {
    let message = match pattern {
        "sync" | "sync:2" if express => "Express state machine does not support '.sync' service integration",
        // The blank at the end is AWS's.
        "waitForTaskToken" if express => {
            "Express state machine does not support '.waitForTaskToken' service integration "
        }
        _ => return None,
    };
    let help = format!("Leave \".{pattern}\" off, or use a STANDARD state machine.");
    Some(Finding::schema(place, message).help(help))
}

fn integration(place: &Place<'_>, text: &str, service: &str, action: &str, pattern: &str) -> Option<Finding> {
    let Some(known) = integrations::integration(service) else {
        let near = suggest::nearest(service, INTEGRATIONS.iter().map(|known| known.service));
        let help = match near {
            Some(near) => format!("Did you mean arn:aws:states:::{near}:{action}?"),
            None => format!("For other services use arn:aws:states:::aws-sdk:{service}:{action}."),
        };
        return Some(not_recognized(place, text, help));
    };
    if known.actions.is_empty() {
        return None;
    }
    let Some(found) = known.actions.iter().find(|known| known.name == action) else {
        let names: Vec<&str> = known.actions.iter().map(|action| action.name).collect();
        let help = match suggest::nearest(action, names.iter().copied()) {
            Some(near) => format!("Did you mean {near}?"),
            None => format!(
                "{service} offers: {}. For other calls use arn:aws:states:::aws-sdk:{service}:{action}.",
                names.join(", ")
            ),
        };
        return Some(not_recognized(place, text, help));
    };
    wrong_pattern(place, text, service, found, pattern)
}

fn wrong_pattern(
    place: &Place<'_>,
    text: &str,
    service: &str,
    action: &Action,
    pattern: &str,
) -> Option<Finding> {
    if pattern.is_empty() || action.patterns.contains(&pattern) {
        return None;
    }
    let offered: Vec<String> = action
        .patterns
        .iter()
        .map(|pattern| format!(".{pattern}"))
        .collect();
    let help = match (offered.is_empty(), pattern) {
        (true, _) => format!(
            "{service}:{} answers at once; leave \".{pattern}\" off.",
            action.name
        ),
        (false, _) => format!("{service}:{} offers {}.", action.name, offered.join(", ")),
    };
    Some(not_recognized(place, text, help))
}

fn sdk(place: &Place<'_>, text: &str, service: &str, action: &str, pattern: &str) -> Option<Finding> {
    match pattern {
        "" | "waitForTaskToken" => None,
        pattern => {
            let has_job = integrations::integration(service)
                .and_then(|known| known.actions.iter().find(|known| known.name == action))
                .is_some_and(|action| action.patterns.contains(&pattern));
            let help = if has_job {
                format!("Use the optimised integration: arn:aws:states:::{service}:{action}.{pattern}.")
            } else {
                format!("AWS SDK integrations answer at once; leave \".{pattern}\" off.")
            };
            Some(not_recognized(place, text, help))
        }
    }
}

/// An ARN of a topic, a queue, a table: what the call is about, not the call.
fn other_service(state: &State<'_>, place: &Place<'_>, text: &str, service: &str) -> Option<Finding> {
    let (_, resource, parameter) = RESOURCES_OF_OTHER_SERVICES
        .iter()
        .find(|(name, _, _)| *name == service)?;
    let field = parameters_field(state);
    let help =
        format!("Write \"Resource\": \"{resource}\" and name this one in \"{field}\" as \"{parameter}\".");
    Some(not_recognized(place, text, help))
}

/// The field a call's parameters stand in.
fn parameters_field(state: &State<'_>) -> &'static str {
    if state.is_jsonata() {
        "Arguments"
    } else {
        "Parameters"
    }
}

/// Members a call must have, as far as they have been measured on AWS.
fn parameters(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>, text: &str) {
    let ResourceText::Integration { service, action, .. } = ResourceText::of(text) else {
        return;
    };
    let Some(action) = integrations::integration(service)
        .and_then(|known| known.actions.iter().find(|known| known.name == action))
    else {
        return;
    };
    let key = parameters_field(state);
    let Some(given) = state.node().member(key) else {
        return;
    };
    let Some(members) = given.value.as_object() else {
        return;
    };
    let has = |name: &str| {
        members
            .iter()
            .any(|member| &*member.key == name || member.key.strip_suffix(".$") == Some(name))
    };
    let missing: Vec<&str> = action
        .required
        .iter()
        .copied()
        .filter(|name| !has(name))
        .collect();
    let Some(first) = missing.first() else { return };
    let slip = suggest::nearest(first, members.iter().map(|member| &*member.key));
    let help = match slip {
        Some(slip) => format!("You have \"{slip}\"; names are case-sensitive."),
        None => format!(
            "{service}:{} needs {}.",
            action.name,
            action.required.join(" and ")
        ),
    };
    let at = place.member(given).shown_by_key();
    context.add(Finding::schema(&at, format!("The field '{first}' is required but was missing")).help(help));
}

fn credentials(context: &mut Context<'_>, place: &Place<'_>, member: &Member, resource: Option<&str>) {
    let at = place.member(member);
    if resource.is_some_and(|text| ResourceText::of(text) == ResourceText::Activity) {
        context.schema(
            &at.shown_by_key(),
            "The field 'Credentials' is not supported for activities",
        );
        return;
    }
    let Some(members) = member.value.as_object() else {
        return;
    };
    let role = members
        .iter()
        .find(|member| matches!(&*member.key, "RoleArn" | "RoleArn.$"));
    match role {
        None => {
            let finding = Finding::schema(
                &at.shown_by_key(),
                "The field 'RoleArn' is required but was missing",
            );
            context.add(finding.help("Add \"RoleArn\", or \"RoleArn.$\" with a path."));
        }
        Some(role) => {
            let fits = match role.value.as_str() {
                Some(text) if &*role.key == "RoleArn" => {
                    text.starts_with("arn:") || text.starts_with("{%") || has_substitution(text)
                }
                Some(_) => true,
                None => false,
            };
            if !fits {
                let message = "The value for the field 'RoleArn' must be a valid role ARN";
                context.schema(&at.member(role), message);
            }
        }
    }
}

fn heartbeat(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>) {
    let seconds = |key: &str| {
        state
            .node()
            .get(key)
            .and_then(Node::as_number)
            .and_then(serde_json::Number::as_i64)
    };
    if let (Some(heartbeat), Some(timeout)) = (seconds("HeartbeatSeconds"), seconds("TimeoutSeconds"))
        && heartbeat >= timeout
    {
        let message =
            format!("HeartbeatSeconds ({heartbeat}) must be smaller than TimeoutSeconds ({timeout})");
        context.schema(place, message);
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, finds_express, help_of, passes, state};

    fn task(resource: &str, fields: &str) -> String {
        state(&format!(
            r#""Type": "Task", "Resource": "{resource}", {fields} "End": true"#
        ))
    }

    #[test]
    fn resources_aws_has_pass() {
        for resource in [
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "arn:aws:states:eu-west-1:123456789012:activity:a",
            "arn:aws:states:::ecs:runTask.sync",
            "arn:aws:states:::states:startExecution.sync:2",
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "arn:aws-cn:states:::aws-sdk:s3:listBuckets",
            "${Function.Arn}",
        ] {
            passes(&task(resource, ""));
        }
    }

    #[test]
    fn a_topic_is_not_a_call_and_the_help_names_the_call() {
        let text = task("arn:aws:sns:eu-west-1:123456789012:topic", "");
        finds(
            &text,
            "SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:sns:eu-west-1:123456789012:topic is not recognized.",
        );
        assert!(help_of(&text).contains("arn:aws:states:::sns:publish"));
        assert!(help_of(&text).contains("TopicArn"));
    }

    #[test]
    fn actions_and_patterns_a_service_lacks_are_not_recognized() {
        finds(
            &task("lambda", ""),
            "SCHEMA_VALIDATION_FAILED: Value is not a valid resource ARN at /States/S/Resource",
        );
        for resource in [
            "arn:aws:states:::dynamodb:query",
            "arn:aws:states:::lambda:invoke.sync",
            "arn:aws:states:::ecs:runTask.sync:2",
            "arn:aws:states:::glue:startJobRun.waitForTaskToken",
            "arn:aws:states:::aws-sdk:ecs:runTask.sync",
            "arn:aws:states:::lamda:invoke",
        ] {
            finds(
                &task(resource, ""),
                &format!("SCHEMA_VALIDATION_FAILED: The resource provided {resource} is not recognized."),
            );
        }
    }

    #[test]
    fn express_machines_neither_wait_for_jobs_nor_for_tokens_nor_for_workers() {
        finds_express(
            &task("arn:aws:states:::ecs:runTask.sync", ""),
            "SCHEMA_VALIDATION_FAILED: Express state machine does not support '.sync' service integration at",
        );
        finds_express(
            &task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", ""),
            "SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service integration  at",
        );
        finds_express(
            &task("arn:aws:states:eu-west-1:123456789012:activity:a", ""),
            "SCHEMA_VALIDATION_FAILED: Express state machine does not support Activity ARN at /States/S/Resource",
        );
    }

    #[test]
    fn calls_name_what_they_need() {
        finds(
            &task(
                "arn:aws:states:::sqs:sendMessage",
                r#""Parameters": {"QueueURL": "q", "MessageBody.$": "$"},"#,
            ),
            "SCHEMA_VALIDATION_FAILED: The field 'QueueUrl' is required but was missing at /States/S/Parameters",
        );
        finds(
            &task(
                "arn:aws:states:::lambda:invoke",
                r#""Credentials": {"Role": "r"},"#,
            ),
            "SCHEMA_VALIDATION_FAILED: The field 'RoleArn' is required but was missing at /States/S/Credentials",
        );
        finds(
            &task(
                "arn:aws:states:::lambda:invoke",
                r#""TimeoutSeconds": 5, "HeartbeatSeconds": 5,"#,
            ),
            "SCHEMA_VALIDATION_FAILED: HeartbeatSeconds (5) must be smaller than TimeoutSeconds (5) at /States/S",
        );
    }
}
