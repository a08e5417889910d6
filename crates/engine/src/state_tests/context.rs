//! A context object that is given: what may be in it.

use asl::eval::{Pattern, Resource};
use asl::json::{Json, read};
use thiserror::Error;

/// Why a context object is refused, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ContextError {
    /// It is no JSON text, or no object.
    #[error("Context object must be a valid JSON object")]
    NotAnObject,
    /// An iteration can't be pretended.
    #[error("'Map' field is not supported when mocking a Context object")]
    Map,
    /// There is no such member.
    #[error("Field '{0}' is not allowed")]
    Unknown(String),
    /// A member has the wrong type.
    #[error("{path} must be a {wanted}")]
    Type {
        /// `Execution.Id`
        path: String,
        /// `string`. (AWS is known to say so of strings; the other types follow it.)
        wanted: &'static str,
    },
    /// Only a task that waits for a token has one.
    #[error(
        "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern"
    )]
    Task,
}

/// What a member is.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Whole,
    Any,
}

/// The members of the context object (developer guide, "Context object").
const PARTS: [(&str, &[(&str, Form)]); 4] = [
    (
        "Execution",
        &[
            ("Id", Form::Text),
            ("Input", Form::Any),
            ("Name", Form::Text),
            ("RoleArn", Form::Text),
            ("StartTime", Form::Text),
            ("RedriveCount", Form::Whole),
            ("RedriveTime", Form::Text),
        ],
    ),
    (
        "State",
        &[
            ("EnteredTime", Form::Text),
            ("Name", Form::Text),
            ("RetryCount", Form::Whole),
        ],
    ),
    ("StateMachine", &[("Id", Form::Text), ("Name", Form::Text)]),
    ("Task", &[("Token", Form::Text)]),
];

/// Reads a given context object. `resource` is what the state calls, if it is a Task.
pub(super) fn read(text: &str, resource: Option<&Resource>) -> Result<Json, ContextError> {
    let context = read::read(text).map_err(|_| ContextError::NotAnObject)?;
    let object = context.as_object().ok_or(ContextError::NotAnObject)?;
    for (name, part) in object.iter() {
        let Some((_, members)) = PARTS.iter().find(|(known, _)| **known == **name) else {
            return Err(match &**name {
                "Map" => ContextError::Map,
                other => ContextError::Unknown(other.to_owned()),
            });
        };
        check_part(name, part, members)?;
    }
    let has_token = resource.is_some_and(|resource| resource.pattern() != Pattern::RequestResponse);
    if context.get("Task").is_some() && !has_token {
        return Err(ContextError::Task);
    }
    Ok(context)
}

fn check_part(name: &str, part: &Json, members: &[(&str, Form)]) -> Result<(), ContextError> {
    let object = part.as_object().ok_or_else(|| ContextError::Type {
        path: name.to_owned(),
        wanted: "object",
    })?;
    for (member, value) in object.iter() {
        let Some((_, form)) = members.iter().find(|(known, _)| **known == **member) else {
            return Err(ContextError::Unknown(member.to_string()));
        };
        let wanted = match (form, value) {
            (Form::Any, _) | (Form::Text, Json::String(_)) => continue,
            (Form::Whole, Json::Number(number)) if number.is_i64() || number.is_u64() => continue,
            (Form::Text, _) => "string",
            (Form::Whole, _) => "integer",
        };
        return Err(ContextError::Type {
            path: format!("{name}.{member}"),
            wanted,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read(text, None).unwrap_err().to_string()
    }

    #[test]
    fn what_the_context_object_has_may_be_given_and_nothing_else() {
        for text in [
            "{}",
            r#"{"Execution":{},"State":{},"StateMachine":{}}"#,
            r#"{"Execution":{"Id":"a","Input":[1],"Name":"b","RoleArn":"c","StartTime":"d"},"State":{"RetryCount":3}}"#,
        ] {
            assert!(read(text, None).is_ok(), "{text}");
        }
        for (text, why) in [
            (r#"{"Execution":{"Id":1}}"#, "Execution.Id must be a string"),
            (
                r#"{"StateMachine":{"Name":null}}"#,
                "StateMachine.Name must be a string",
            ),
            (
                r#"{"State":{"RetryCount":"1"}}"#,
                "State.RetryCount must be a integer",
            ),
            (r#"{"State":[]}"#, "State must be a object"),
            (
                r#"{"Execution":{"colour":"red"}}"#,
                "Field 'colour' is not allowed",
            ),
            (r#"{"Colour":{}}"#, "Field 'Colour' is not allowed"),
            (
                r#"{"Map":{}}"#,
                "'Map' field is not supported when mocking a Context object",
            ),
        ] {
            assert_eq!(refused(text), why);
        }
        assert_eq!(read("[]", None), Err(ContextError::NotAnObject));
        assert_eq!(read("{", None), Err(ContextError::NotAnObject));
    }

    #[test]
    fn only_a_task_that_waits_has_a_token() {
        let context = r#"{"Task":{"Token":"t"}}"#;
        assert_eq!(read(context, None), Err(ContextError::Task));
        let task = |pattern| Resource::Service {
            text: "".into(),
            service: "sqs".into(),
            action: "sendMessage".into(),
            pattern,
        };
        assert_eq!(
            read(context, Some(&task(Pattern::RequestResponse))),
            Err(ContextError::Task)
        );
        assert!(read(context, Some(&task(Pattern::WaitForTaskToken))).is_ok());
        assert!(read(context, Some(&task(Pattern::Sync))).is_ok());
    }
}
