//! What a call is given: the members its service demands are there, and each is one the service has.
//!
//! AWS refuses a call of an integration without a member it demands (`The field 'QueueUrl' is required but was missing`). A
//! member the service does not have passes when the machine is created and fails the task when it runs (`The field "X" is not
//! supported by Step Functions`), so that is a warning.

use catalogue::{Operation, Service, Shape, ShapeId, Structure};

use super::context::{Context, Finding};
use super::mends::Mend;
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node, NodeValue};
use crate::suggest;
use crate::syntax::definition::State;
use crate::syntax::place::Place;
use crate::syntax::resource::ResourceText;

/// Objects within objects that are looked into; models are recursive.
const DEPTH_MAX: usize = 12;

/// Members listed in a hint.
const NAMES_SHOWN: usize = 12;

/// The field a call's parameters stand in.
pub(super) fn parameters_field(state: &State<'_>) -> &'static str {
    if state.is_jsonata() {
        "Arguments"
    } else {
        "Parameters"
    }
}

/// `text` is the state's `Resource`, which has been found sound.
pub(super) fn check(context: &mut Context<'_>, state: &State<'_>, place: &Place<'_>, text: &str) {
    let Some(given) = state.node().member(parameters_field(state)) else {
        return;
    };
    let Some(members) = given.value.as_object() else {
        return;
    };
    let Some(call) = Call::of(text) else { return };
    let at = place.member(given);
    let jsonpath = !state.is_jsonata();
    let slip = missing(context, &call, &at, members, jsonpath);
    if let Some((service, operation)) = call.model
        && let Some(input) = service.input(operation)
    {
        let walk = Walk {
            service,
            jsonpath,
            deep: call.is_sdk,
        };
        walk.structure(context, input, &at, members, slip, 0);
    }
}

/// What is called, and what it takes.
struct Call {
    name: String,
    required: Vec<&'static str>,
    model: Option<(&'static Service, &'static Operation)>,
    is_sdk: bool,
}

impl Call {
    fn of(text: &str) -> Option<Self> {
        match ResourceText::of(text) {
            ResourceText::Integration { service, action, .. } => {
                let integration = catalogue::integration(service)?;
                let found = integration.action(action)?;
                Some(Self {
                    name: format!("{service}:{action}"),
                    required: integration.required(found),
                    model: integration.model(found),
                    is_sdk: false,
                })
            }
            ResourceText::AwsSdk { service, action, .. } => {
                let known = catalogue::service(service)?;
                let operation = known.action(action)?;
                Some(Self {
                    name: format!("{service}:{action}"),
                    required: known.required(operation).collect(),
                    model: Some((known, operation)),
                    is_sdk: true,
                })
            }
            _ => None,
        }
    }
}

/// A member's name as the service sees it.
fn plain(member: &Member, jsonpath: bool) -> &str {
    let plain = member.key.strip_suffix(".$").filter(|_| jsonpath);
    plain.unwrap_or(&member.key)
}

/// Reports the first member that is demanded and not there; gives the one that was meant to be it.
fn missing<'m>(
    context: &mut Context<'_>,
    call: &Call,
    place: &Place<'_>,
    members: &'m [Member],
    jsonpath: bool,
) -> Option<&'m Member> {
    let has = |name: &str| members.iter().any(|member| plain(member, jsonpath) == name);
    let first = *call.required.iter().find(|name| !has(name))?;
    let is_other = |member: &&Member| !call.required.contains(&plain(member, jsonpath));
    let names = members
        .iter()
        .filter(is_other)
        .map(|member| plain(member, jsonpath));
    let slip = suggest::nearest(first, names)
        .and_then(|near| members.iter().find(|member| plain(member, jsonpath) == near));
    let finding = Finding::schema(
        &place.shown_by_key(),
        format!("The field '{first}' is required but was missing"),
    );
    context.add(match slip {
        Some(slip) => finding
            .help(format!(
                "You have \"{}\"; names are case-sensitive.",
                plain(slip, jsonpath)
            ))
            .mend(renamed(slip, first, jsonpath)),
        None => finding.help(format!("{} needs {}.", call.name, call.required.join(" and "))),
    });
    slip
}

/// Another name for a member, with its `.$`.
fn renamed(member: &Member, name: &str, jsonpath: bool) -> Mend {
    let written = plain(member, jsonpath);
    let key = member.key.replacen(written, name, 1);
    Mend::slip(format!("Rename \"{}\" to \"{key}\"", member.key), written, name).rename(&member.value, key)
}

/// A walk over parameters along the service's shapes.
struct Walk {
    service: &'static Service,
    jsonpath: bool,
    /// Whether inner objects are looked into: optimised integrations take some of theirs in other spellings, too.
    deep: bool,
}

impl Walk {
    /// `told` has been reported as a slip of a member that is demanded.
    fn structure(
        &self,
        context: &mut Context<'_>,
        structure: &Structure,
        place: &Place<'_>,
        members: &[Member],
        told: Option<&Member>,
        depth: usize,
    ) {
        for member in members {
            let name = plain(member, self.jsonpath);
            match structure.member(name) {
                Some(known) if self.deep && depth < DEPTH_MAX => {
                    self.value(
                        context,
                        known.shape,
                        &place.member(member),
                        &member.value,
                        depth + 1,
                    );
                }
                Some(_) => {}
                None if told.is_some_and(|told| std::ptr::eq(told, member)) => {}
                None => context.add(self.unknown(structure, place, member, name)),
            }
        }
    }

    fn value(&self, context: &mut Context<'_>, shape: ShapeId, place: &Place<'_>, node: &Node, depth: usize) {
        match (self.service.shape(shape), &node.value) {
            (Shape::Structure(inner), NodeValue::Object(members)) => {
                self.structure(context, inner, place, members, None, depth);
            }
            (Shape::List(list), NodeValue::Array(nodes)) if depth < DEPTH_MAX => {
                for (index, node) in nodes.iter().enumerate() {
                    self.value(
                        context,
                        list.element,
                        &place.element(index, node),
                        node,
                        depth + 1,
                    );
                }
            }
            (Shape::Map(map), NodeValue::Object(members)) if depth < DEPTH_MAX => {
                for member in members {
                    self.value(
                        context,
                        map.value,
                        &place.member(member),
                        &member.value,
                        depth + 1,
                    );
                }
            }
            _ => {}
        }
    }

    fn unknown(&self, structure: &Structure, place: &Place<'_>, member: &Member, name: &str) -> Finding {
        let at = place.member(member).shown_by_key();
        let finding = Finding::new(
            Code::UnknownParameter,
            &at,
            format!("The field \"{name}\" is not supported by Step Functions"),
        );
        let names = || structure.members.iter().map(|known| known.name);
        if let Some(near) = suggest::nearest(name, names()) {
            return finding
                .help(format!("Did you mean \"{near}\"? Names begin with a capital."))
                .mend(renamed(member, near, self.jsonpath));
        }
        let shown: Vec<&str> = names().take(NAMES_SHOWN).collect();
        let more = if structure.members.len() > NAMES_SHOWN {
            ", …"
        } else {
            ""
        };
        finding.help(format!("There is: {}{more}.", shown.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::tests::{advises, does_not_advise, finds, mended, passes, state};

    fn task(resource: &str, parameters: &str) -> String {
        state(&format!(
            r#""Type": "Task", "Resource": "arn:aws:states:::{resource}", "Parameters": {parameters}, "End": true"#
        ))
    }

    #[test]
    fn what_a_service_demands_is_there() {
        for (resource, parameters, name) in [
            (
                "sqs:sendMessage",
                r#"{"QueueURL": "q", "MessageBody.$": "$"}"#,
                "QueueUrl",
            ),
            (
                "batch:submitJob.sync",
                r#"{"JobName": "j", "JobQueue": "q"}"#,
                "JobDefinition",
            ),
            ("aws-sdk:s3:getObject", r#"{"Bucket": "b"}"#, "Key"),
            ("http:invoke", r#"{"Method": "GET"}"#, "ApiEndpoint"),
        ] {
            finds(
                &task(resource, parameters),
                &format!(
                    "SCHEMA_VALIDATION_FAILED: The field '{name}' is required but was missing at /States/S/Parameters"
                ),
            );
        }
        passes(&task(
            "aws-sdk:s3:getObject",
            r#"{"Bucket": "b", "Key.$": "$.k"}"#,
        ));
        let text = task("sqs:sendMessage", r#"{"QueueURL": "q", "MessageBody.$": "$"}"#);
        assert_eq!(
            mended(&text, "SCHEMA_VALIDATION_FAILED")["States"]["S"]["Parameters"],
            json!({"QueueUrl": "q", "MessageBody.$": "$"})
        );
        does_not_advise(&text, "UNKNOWN_PARAMETER");
    }

    #[test]
    fn what_a_service_lacks_is_doubted_also_deep_inside() {
        let text = task(
            "sns:publish",
            r#"{"Message": "m", "TopicArn": "t", "subject.$": "$.s"}"#,
        );
        advises(&text, "UNKNOWN_PARAMETER");
        let after = mended(&text, "UNKNOWN_PARAMETER");
        assert_eq!(after["States"]["S"]["Parameters"]["Subject.$"], "$.s");
        advises(
            &task(
                "aws-sdk:ecs:runTask",
                r#"{"TaskDefinition": "t", "Overrides": {"ContainerOverrides": [{"name": "c"}]}}"#,
            ),
            "UNKNOWN_PARAMETER",
        );
        does_not_advise(
            &task(
                "aws-sdk:dynamodb:putItem",
                r#"{"TableName": "t", "Item": {"anything": {"S.$": "$.x"}}}"#,
            ),
            "UNKNOWN_PARAMETER",
        );
        does_not_advise(
            &task("lambda:invoke", r#"{"FunctionName": "f", "Payload": {"any": 1}}"#),
            "UNKNOWN_PARAMETER",
        );
    }
}
