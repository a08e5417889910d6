//! Resources that are what a call is about, not the call: a topic, a queue, a state machine.

use super::calls;
use super::context::Finding;
use super::mends::Mend;
use super::resources::not_recognized;
use crate::syntax::definition::State;
use crate::syntax::has_substitution;
use crate::syntax::place::Place;
use crate::syntax::resource::RESOURCES_OF_OTHER_SERVICES;

/// An ARN of a topic, a queue, a table: what the call is about, not the call.
pub(super) fn other_service(
    state: &State<'_>,
    place: &Place<'_>,
    text: &str,
    service: &str,
) -> Option<Finding> {
    let (_, resource, parameter) = RESOURCES_OF_OTHER_SERVICES
        .iter()
        .find(|(name, _, _)| *name == service)?;
    let field = calls::parameters_field(state);
    let help =
        format!("Write \"Resource\": \"{resource}\" and name this one in \"{field}\" as \"{parameter}\".");
    let mend = match service {
        "sns" => calling(state, resource, "TopicArn", text, "Message"),
        "sqs" => queue_url(text).and_then(|url| calling(state, resource, "QueueUrl", &url, "MessageBody")),
        _ => None,
    };
    Some(not_recognized(place, text).help(help).maybe_mend(mend))
}

/// `arn:aws:sqs:eu-west-1:123456789012:q` → `https://sqs.eu-west-1.amazonaws.com/123456789012/q`
fn queue_url(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", "aws", "sqs", region, account, name] if !has_substitution(arn) => {
            Some(format!("https://sqs.{region}.amazonaws.com/{account}/{name}"))
        }
        _ => None,
    }
}

/// A state machine's ARN: it is started, not called.
pub(super) fn machine_arn(state: &State<'_>, place: &Place<'_>, text: &str) -> Finding {
    let resource = "arn:aws:states:::states:startExecution";
    let field = calls::parameters_field(state);
    let help = format!(
        "Write \"Resource\": \"{resource}.sync:2\" (or without \".sync:2\" to go on at once) and name this one in \"{field}\" as \"StateMachineArn\"."
    );
    let mend = calling(state, resource, "StateMachineArn", text, "Input");
    not_recognized(place, text).help(help).maybe_mend(mend)
}

/// The same thing by an integration, with the input as what is sent where nothing else is said.
fn calling(state: &State<'_>, resource: &str, about: &str, value: &str, content: &str) -> Option<Mend> {
    let (key, input) = if state.is_jsonata() {
        (content.to_owned(), "{% $states.input %}")
    } else {
        (format!("{content}.$"), "$")
    };
    let node = state.node();
    let field = calls::parameters_field(state);
    let mend = Mend::likely(format!("Call {resource}")).replace(node.get("Resource")?, resource);
    match node.get(field) {
        None => {
            let mut parameters = serde_json::Map::new();
            parameters.insert(about.to_owned(), value.into());
            parameters.insert(key, input.into());
            Some(mend.add(node, field, parameters))
        }
        Some(given) if given.member(content).or_else(|| given.member(&key)).is_some() => {
            Some(mend.add(given, about, value))
        }
        Some(_) => None,
    }
}
