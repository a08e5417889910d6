//! Functions whose name says that they only make one call that a Task can make itself.

use crate::checks::context::{Context, Finding};
use crate::diagnostic::Code;
use crate::syntax::StateType;
use crate::syntax::definition::State;
use crate::syntax::resource::ResourceText;

/// Words for a service in a function's name, words for what it does there, and the call.
type Wrapped = (&'static [&'static str], &'static [&'static str], &'static str);

/// Both words must be there; the first that fits counts.
const WRAPPED: &[Wrapped] = &[
    (
        &["crawler"],
        &["start", "run"],
        "arn:aws:states:::aws-sdk:glue:startCrawler",
    ),
    (
        &["dynamodb", "dynamo", "ddb"],
        &["put", "write", "insert"],
        "arn:aws:states:::dynamodb:putItem",
    ),
    (
        &["dynamodb", "dynamo", "ddb"],
        &["get", "read"],
        "arn:aws:states:::dynamodb:getItem",
    ),
    (
        &["dynamodb", "dynamo", "ddb"],
        &["update"],
        "arn:aws:states:::dynamodb:updateItem",
    ),
    (
        &["dynamodb", "dynamo", "ddb"],
        &["delete"],
        "arn:aws:states:::dynamodb:deleteItem",
    ),
    (
        &["dynamodb", "dynamo", "ddb"],
        &["query"],
        "arn:aws:states:::aws-sdk:dynamodb:query",
    ),
    (
        &["s3"],
        &["put", "upload"],
        "arn:aws:states:::aws-sdk:s3:putObject",
    ),
    (&["s3"], &["copy"], "arn:aws:states:::aws-sdk:s3:copyObject"),
    (&["s3"], &["delete"], "arn:aws:states:::aws-sdk:s3:deleteObject"),
    (&["s3"], &["list"], "arn:aws:states:::aws-sdk:s3:listObjectsV2"),
    (
        &["sqs"],
        &["send", "put", "enqueue"],
        "arn:aws:states:::sqs:sendMessage",
    ),
    (
        &["sns"],
        &["publish", "send", "notify"],
        "arn:aws:states:::sns:publish",
    ),
    (
        &["eventbridge"],
        &["put", "send", "publish"],
        "arn:aws:states:::events:putEvents",
    ),
    (
        &["glue"],
        &["start", "run"],
        "arn:aws:states:::glue:startJobRun.sync",
    ),
    (
        &["athena"],
        &["start", "run", "query"],
        "arn:aws:states:::athena:startQueryExecution.sync",
    ),
    (
        &["ecs", "fargate"],
        &["start", "run"],
        "arn:aws:states:::ecs:runTask.sync",
    ),
    (&["ses"], &["send"], "arn:aws:states:::aws-sdk:sesv2:sendEmail"),
];

/// Words such a name has at most; a longer one says that more is done.
const WORDS_MAX: usize = 5;

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context
        .state(index)
        .filter(|state| state.kind == Some(StateType::Task))
    else {
        return;
    };
    let Some(name) = function_name(state) else { return };
    let words = words(name);
    if words.len() > WORDS_MAX {
        return;
    }
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let Some((_, _, resource)) = WRAPPED
        .iter()
        .find(|(service, verb, _)| has(service) && has(verb))
    else {
        return;
    };
    let Some(member) = state.node().member("Resource") else {
        return;
    };
    let place = state.place();
    let message = format!("Function '{name}' seems to make one call only");
    let help = format!("A Task can make it itself: {resource}. There is no function to pay for and keep.");
    context.add(Finding::new(Code::LambdaWrapsSdk, &place.member(member), message).help(help));
}

/// The function's name, where it is written.
fn function_name<'t>(state: &State<'t>) -> Option<&'t str> {
    let resource = state.node().get("Resource")?.as_str()?;
    let written = match ResourceText::of(resource) {
        ResourceText::Lambda => resource,
        ResourceText::Integration {
            service: "lambda", ..
        } => {
            let field = state
                .node()
                .get("Parameters")
                .or_else(|| state.node().get("Arguments"))?;
            field.get("FunctionName")?.as_str()?
        }
        _ => return None,
    };
    // `${PutItemToDynamo.Arn}` names the resource of the template; `…:function:name:version` the function.
    if let Some(inner) = written.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        return inner.split('.').next();
    }
    let name = written.split(":function:").last()?.split(':').next()?;
    (!name.contains(['$', '{'])).then_some(name)
}

/// `PutItemToDynamoDB`, `put-item-to-dynamodb` → put, item, to, dynamodb.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        let starts = !before.is_alphanumeric() || (c.is_uppercase() && !before.is_uppercase());
        match words.last_mut() {
            _ if !c.is_alphanumeric() => {}
            Some(word) if !starts => word.extend(c.to_lowercase()),
            _ => words.push(c.to_lowercase().collect()),
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::checks::tests::{advises, does_not_advise, state};

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("PutItemToDynamoDB"), ["put", "item", "to", "dynamo", "db"]);
        assert_eq!(words("send-sqs_message"), ["send", "sqs", "message"]);
    }

    #[test]
    fn a_function_that_wraps_one_call_is_remarked_on() {
        let invoke = |name: &str| {
            state(&format!(
                r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {{"FunctionName": "{name}"}}, "End": true"#
            ))
        };
        for name in [
            "put-item-dynamodb",
            "SendSqsMessage",
            "${PublishSns.Arn}",
            "s3Upload",
        ] {
            advises(&invoke(name), "LAMBDA_WRAPS_SDK");
        }
        for name in [
            "ProcessOrder",
            "NotifyCustomer",
            "${Function}",
            "SendInvoiceThenStoreItInDynamo",
        ] {
            does_not_advise(&invoke(name), "LAMBDA_WRAPS_SDK");
        }
    }
}
