//! What a Task calls: an ARN Step Functions knows, by a pattern the service offers, with what the call needs.

use catalogue::Action;

use super::context::{Context, Finding};
use super::mends::Mend;
use super::{calls, misdirected};
use crate::eval::MachineKind;
use crate::json::spanned::{Member, Node};
use crate::suggest;
use crate::syntax::definition::State;
use crate::syntax::place::Place;
use crate::syntax::resource::ResourceText;
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
        calls::check(context, state, &place, text);
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
        } => integration(state, place, text, service, action, pattern)
            .or_else(|| express_pattern(place, pattern, express)),
        ResourceText::AwsSdk {
            service,
            action,
            pattern,
        } => sdk(place, text, service, action, pattern).or_else(|| express_pattern(place, pattern, express)),
        ResourceText::OtherArn { service } => misdirected::other_service(state, place, text, service),
    }
}

pub(super) fn not_recognized(place: &Place<'_>, text: &str) -> Finding {
    let message = format!(
        "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is not \
         available in this region."
    );
    Finding::schema(place, message)
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

fn integration(
    state: &State<'_>,
    place: &Place<'_>,
    text: &str,
    service: &str,
    action: &str,
    pattern: &str,
) -> Option<Finding> {
    if service == "stateMachine" {
        return Some(misdirected::machine_arn(state, place, text));
    }
    let Some(known) = catalogue::integration(service) else {
        let names = catalogue::integrations().iter().map(|known| known.service);
        let finding = not_recognized(place, text);
        return Some(match suggest::nearest(service, names) {
            Some(near) => respelled(finding, place, text, service, near),
            None if catalogue::service(service).is_some_and(|service| service.action(action).is_some()) => {
                respelled(finding, place, text, service, &format!("aws-sdk:{service}"))
            }
            None => finding.help(format!(
                "For other services use arn:aws:states:::aws-sdk:{service}:{action}."
            )),
        });
    };
    if known.actions.is_empty() {
        return None;
    }
    let Some(found) = known.action(action) else {
        let names: Vec<&str> = known.actions.iter().map(|action| action.name).collect();
        let finding = not_recognized(place, text);
        let sdk = catalogue::service(known.sdk).filter(|service| service.action(action).is_some());
        return Some(match (suggest::nearest(action, names.iter().copied()), sdk) {
            (_, Some(sdk)) => {
                let meant = format!("aws-sdk:{}", sdk.name);
                respelled(finding, place, text, service, &meant).help(format!(
                    "{service} offers: {}. For other calls use arn:aws:states:::{meant}:{action}.",
                    names.join(", ")
                ))
            }
            (Some(near), None) => respelled(finding, place, text, action, near),
            (None, None) => finding.help(format!("{service} offers: {}.", names.join(", "))),
        });
    };
    wrong_pattern(place, text, service, found, pattern)
}

/// A call with one part of its name written another way.
fn respelled(finding: Finding, place: &Place<'_>, text: &str, part: &str, meant: &str) -> Finding {
    let resource = text.replacen(&format!(":{part}"), &format!(":{meant}"), 1);
    let mend = Mend::slip(format!("Write {resource}"), part, meant).replace_at(place.span, &*resource);
    finding.help(format!("Did you mean {resource}?")).mend(mend)
}

fn wrong_pattern(
    place: &Place<'_>,
    text: &str,
    service: &str,
    action: &Action,
    pattern: &str,
) -> Option<Finding> {
    if pattern.is_empty() || action.patterns.iter().any(|offered| offered.suffix() == pattern) {
        return None;
    }
    let finding = not_recognized(place, text);
    let offered: Vec<&str> = action.patterns.iter().map(|pattern| pattern.suffix()).collect();
    let near = suggest::nearest(pattern, offered.iter().copied()).or_else(|| {
        offered
            .iter()
            .copied()
            .find(|offered| pattern.starts_with("sync") && *offered == "sync")
    });
    Some(match near {
        Some(near) => respelled_pattern(finding, place, text, pattern, near),
        None if offered.is_empty() => without_pattern(finding, place, text, pattern).help(format!(
            "{service}:{} answers at once; leave \".{pattern}\" off.",
            action.name
        )),
        None => {
            let offered: Vec<String> = offered.iter().map(|pattern| format!(".{pattern}")).collect();
            without_pattern(finding, place, text, pattern).help(format!(
                "{service}:{} offers {}.",
                action.name,
                offered.join(", ")
            ))
        }
    })
}

fn respelled_pattern(finding: Finding, place: &Place<'_>, text: &str, pattern: &str, near: &str) -> Finding {
    let resource = format!("{}{near}", text.trim_end_matches(pattern));
    let mend = Mend::slip(format!("Write {resource}"), pattern, near).replace_at(place.span, &*resource);
    finding.help(format!("Did you mean {resource}?")).mend(mend)
}

fn without_pattern(finding: Finding, place: &Place<'_>, text: &str, pattern: &str) -> Finding {
    let resource = text.trim_end_matches(pattern).trim_end_matches('.');
    finding.mend(Mend::likely(format!("Leave \".{pattern}\" off")).replace_at(place.span, resource))
}

fn sdk(place: &Place<'_>, text: &str, service: &str, action: &str, pattern: &str) -> Option<Finding> {
    let finding = not_recognized(place, text);
    let Some(known) = catalogue::service(service) else {
        if catalogue::is_retired(service) {
            return None;
        }
        let names = catalogue::services().map(|known| known.name);
        let optimised = catalogue::integration(service).and_then(|known| catalogue::service(known.sdk));
        let near = optimised
            .map(|known| known.name)
            .or_else(|| suggest::nearest(service, names));
        return Some(match near {
            Some(near) => respelled(finding, place, text, service, near),
            None => finding
                .help("Services are named as the AWS SDK for Java names its clients, in small letters."),
        });
    };
    if known.action(action).is_none() {
        let names = known.operations().iter().map(|operation| operation.action);
        let near = suggest::nearest(action, names);
        return Some(match near {
            Some(near) => respelled(finding, place, text, action, near),
            None => finding.help(format!(
                "{service} has no such action; actions begin with a small letter."
            )),
        });
    }
    match pattern {
        "" | "waitForTaskToken" => None,
        pattern => {
            let optimised = catalogue::integrations().iter().find(|known| {
                let offers =
                    |action: &Action| action.patterns.iter().any(|offered| offered.suffix() == pattern);
                known.sdk == service && known.action(action).is_some_and(offers)
            });
            Some(match optimised {
                Some(known) => respelled(finding, place, text, &format!("aws-sdk:{service}"), known.service),
                None => without_pattern(finding, place, text, pattern).help(format!(
                    "AWS SDK integrations answer at once; leave \".{pattern}\" off."
                )),
            })
        }
    }
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
    use serde_json::json;

    use crate::checks::tests::{finds, finds_express, help_of, mended, passes, state};

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
    fn what_was_meant_is_mended() {
        let after = |resource: &str, fields: &str| {
            mended(&task(resource, fields), "SCHEMA_VALIDATION_FAILED")["States"]["S"].clone()
        };
        for (wrong, right) in [
            ("arn:aws:states:::lamda:invoke", "arn:aws:states:::lambda:invoke"),
            (
                "arn:aws:states:::lambda:invoke.sync",
                "arn:aws:states:::lambda:invoke",
            ),
            (
                "arn:aws:states:::ecs:runTask.sync:2",
                "arn:aws:states:::ecs:runTask.sync",
            ),
            (
                "arn:aws:states:::dynamodb:query",
                "arn:aws:states:::aws-sdk:dynamodb:query",
            ),
            (
                "arn:aws:states:::s3:listBuckets",
                "arn:aws:states:::aws-sdk:s3:listBuckets",
            ),
            (
                "arn:aws:states:::aws-sdk:s3:ListBuckets",
                "arn:aws:states:::aws-sdk:s3:listBuckets",
            ),
            (
                "arn:aws:states:::aws-sdk:DynamoDB:query",
                "arn:aws:states:::aws-sdk:dynamodb:query",
            ),
            (
                "arn:aws:states:::aws-sdk:ecs:runTask.sync",
                "arn:aws:states:::ecs:runTask.sync",
            ),
        ] {
            assert_eq!(after(wrong, "")["Resource"], right);
        }
        let topic = "arn:aws:sns:eu-west-1:123456789012:topic";
        let told = after(topic, "");
        assert_eq!(told["Resource"], "arn:aws:states:::sns:publish");
        assert_eq!(told["Parameters"], json!({"TopicArn": topic, "Message.$": "$"}));
        let told = after(topic, r#""Parameters": {"Message": "hello"},"#);
        assert_eq!(told["Parameters"], json!({"Message": "hello", "TopicArn": topic}));
        let sent = after("arn:aws:sqs:eu-west-1:123456789012:q", "");
        assert_eq!(
            sent["Parameters"]["QueueUrl"],
            "https://sqs.eu-west-1.amazonaws.com/123456789012/q"
        );
        let started = after("arn:aws:states:eu-west-1:123456789012:stateMachine:m", "");
        assert_eq!(started["Resource"], "arn:aws:states:::states:startExecution");
    }

    #[test]
    fn services_and_actions_the_catalogue_lacks_are_not_recognized() {
        for resource in [
            "arn:aws:states:::aws-sdk:nosuch:getThing",
            "arn:aws:states:::aws-sdk:s3:getThing",
        ] {
            finds(
                &task(resource, ""),
                &format!("SCHEMA_VALIDATION_FAILED: The resource provided {resource} is not recognized."),
            );
        }
        passes(&task("arn:aws:states:::aws-sdk:qldb:describeLedger", ""));
        passes(&task(
            "arn:aws:states:::aws-sdk:s3:listBuckets.waitForTaskToken",
            "",
        ));
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
