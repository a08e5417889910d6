//! A mocked result against what the service's own model says of its answers.

use asl::eval::{Pattern, Resource};
use asl::json::Json;
use catalogue::{Bound, Operation, Scalar, Service, Shape, ShapeId, Structure, Trait};
use thiserror::Error;

use super::model::ValidationMode;

/// Why a mock can't be what the service answers, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// The answer of a service is an object.
    #[error("Mocked result must be a JSON object.")]
    NotAnObject,
    /// A member of the wrong form.
    #[error("Mock result schema validation error: Field '{field}' {fault}")]
    Field {
        /// Its own name, however deep it stands.
        field: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// STRICT alone.
    #[error("Mock result schema validation error: Required field '{0}' is missing")]
    Missing(String),
}

/// Compares a result with the model of what the task calls. What no model describes passes.
pub(super) fn check(resource: &Resource, mode: ValidationMode, result: &Json) -> Result<(), SchemaError> {
    if mode == ValidationMode::None {
        return Ok(());
    }
    let Some(answer) = Answer::of(resource) else {
        return Ok(());
    };
    let Some(structure) = answer.service.output(answer.operation) else {
        return Ok(());
    };
    let Some(shape) = answer.operation.output else {
        return Ok(());
    };
    if result.as_object().is_none() {
        return Err(SchemaError::NotAnObject);
    }
    Check {
        service: answer.service,
        strict: mode == ValidationMode::Strict,
        parsed: answer.parsed,
    }
    .structure(shape, structure, result, "")
}

/// The answer a task's result is.
struct Answer {
    service: &'static Service,
    operation: &'static Operation,
    /// A member that Step Functions reads as JSON and gives as what it holds.
    parsed: Option<&'static str>,
}

impl Answer {
    fn of(resource: &Resource) -> Option<Self> {
        match resource {
            Resource::AwsSdk {
                service,
                action,
                pattern: Pattern::RequestResponse,
                ..
            } => {
                let service = catalogue::service(service)?;
                Some(Self {
                    service,
                    operation: service.action(action)?,
                    parsed: None,
                })
            }
            // Functions and workers answer what they like, and so does whoever has a token.
            Resource::LambdaFunction { .. } | Resource::Activity { .. } | Resource::AwsSdk { .. } => None,
            Resource::Service {
                service,
                action,
                pattern,
                ..
            } => {
                let integration = catalogue::integration(service)?;
                let (model, operation) = integration.model(integration.action(action)?)?;
                let (operation, parsed) = match (pattern, &**service) {
                    (Pattern::RequestResponse, "lambda") => (operation, Some("Payload")),
                    (Pattern::RequestResponse, _) => (operation, None),
                    (Pattern::Sync, "states") => (model.action("describeExecution")?, None),
                    (Pattern::Sync2, "states") => (model.action("describeExecution")?, Some("Output")),
                    // What a job's end looks like is the integration's own; a token's answer is anybody's.
                    (Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken, _) => return None,
                };
                Some(Self {
                    service: model,
                    operation,
                    parsed,
                })
            }
        }
    }
}

struct Check {
    service: &'static Service,
    strict: bool,
    parsed: Option<&'static str>,
}

impl Check {
    fn structure(
        &self,
        id: ShapeId,
        structure: &Structure,
        value: &Json,
        field: &str,
    ) -> Result<(), SchemaError> {
        let Some(object) = value.as_object() else {
            return Err(fault(field, "must be an object"));
        };
        if self.strict {
            let mut required = structure
                .members
                .iter()
                .filter(|member| member.is(Trait::Required));
            if let Some(missing) = required.find(|member| object.get(member.name).is_none()) {
                return Err(SchemaError::Missing(missing.name.to_owned()));
            }
        }
        for (name, value) in object.iter() {
            // Members nobody knows may be newer than the model.
            let Some(member) = structure.member(name) else {
                continue;
            };
            let is_parsed = field.is_empty() && self.parsed == Some(member.name);
            if !is_parsed && *value != Json::Null {
                self.value(member.shape, value, name, self.bound(id, member.name))?;
            }
        }
        Ok(())
    }

    fn bound(&self, shape: ShapeId, part: &str) -> Option<&'static Bound> {
        self.service.bounds()?.of(shape, part)
    }

    fn value(
        &self,
        id: ShapeId,
        value: &Json,
        field: &str,
        bound: Option<&Bound>,
    ) -> Result<(), SchemaError> {
        match self.service.shape(id) {
            Shape::Scalar(scalar) => check_scalar(*scalar, value, bound).map_err(|why| fault(field, why)),
            Shape::Structure(structure) => self.structure(id, structure, value, field),
            Shape::List(list) => {
                let items = value.as_array().ok_or_else(|| fault(field, "must be an array"))?;
                let bound = self.bound(id, "");
                items
                    .iter()
                    .try_for_each(|item| self.value(list.element, item, field, bound))
            }
            Shape::Map(map) => {
                let object = value
                    .as_object()
                    .ok_or_else(|| fault(field, "must be an object"))?;
                let bound = self.bound(id, "");
                object
                    .iter()
                    .try_for_each(|(_, value)| self.value(map.value, value, field, bound))
            }
        }
    }
}

fn fault(field: &str, fault: &'static str) -> SchemaError {
    SchemaError::Field {
        field: field.to_owned(),
        fault,
    }
}

fn check_scalar(scalar: Scalar, value: &Json, bound: Option<&Bound>) -> Result<(), &'static str> {
    match scalar {
        Scalar::Document => Ok(()),
        Scalar::String | Scalar::Blob => {
            let text = value.as_str().ok_or("must be a string")?;
            bound.map_or(Ok(()), |bound| check_text(text, bound))
        }
        Scalar::Timestamp | Scalar::TimestampIso | Scalar::TimestampUnix | Scalar::TimestampHttp => {
            value.as_str().map(|_| ()).ok_or("must be a string")
        }
        Scalar::Boolean => matches!(value, Json::Bool(_))
            .then_some(())
            .ok_or("must be a boolean"),
        Scalar::Integer | Scalar::Long | Scalar::Float | Scalar::Double => {
            let number = value.as_number().and_then(serde_json::Number::as_f64);
            let number = number.ok_or("must be a number")?;
            match bound {
                Some(bound) if bound.least.is_some_and(|least| number < least) => {
                    Err("is less than the minimum value")
                }
                Some(bound) if bound.most.is_some_and(|most| number > most) => {
                    Err("exceeds the maximum value")
                }
                _ => Ok(()),
            }
        }
    }
}

fn check_text(text: &str, bound: &Bound) -> Result<(), &'static str> {
    if !bound.values.is_empty() && !bound.values.contains(&text) {
        return Err("is not an expected value");
    }
    #[expect(clippy::cast_precision_loss, reason = "a mock has 256 KiB at most")]
    let length = text.chars().count() as f64;
    if bound.least.is_some_and(|least| length < least) {
        return Err("is smaller than the minimum length");
    }
    if bound.most.is_some_and(|most| length > most) {
        return Err("exceeds the maximum length");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use asl::json::read;

    use super::*;

    fn sdk(service: &str, action: &str) -> Resource {
        Resource::AwsSdk {
            text: "".into(),
            service: service.into(),
            action: action.into(),
            pattern: Pattern::RequestResponse,
        }
    }

    fn service(service: &str, action: &str, pattern: Pattern) -> Resource {
        Resource::Service {
            text: "".into(),
            service: service.into(),
            action: action.into(),
            pattern,
        }
    }

    fn strict(resource: &Resource, result: &str) -> String {
        match check(resource, ValidationMode::Strict, &read::read(result).unwrap()) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form_has_its_fault() {
        let function = sdk("lambda", "getFunction");
        for (resource, result, fault) in [
            (
                &function,
                r#"{"Configuration":{"MemorySize":127}}"#,
                "Field 'MemorySize' is less than the minimum value",
            ),
            (
                &function,
                r#"{"Configuration":{"MemorySize":10241}}"#,
                "Field 'MemorySize' exceeds the maximum value",
            ),
            (
                &function,
                r#"{"Configuration":{"MemorySize":"128"}}"#,
                "Field 'MemorySize' must be a number",
            ),
            (
                &function,
                r#"{"Configuration":[]}"#,
                "Field 'Configuration' must be an object",
            ),
            (
                &function,
                r#"{"Configuration":{"Runtime":"cobol"}}"#,
                "Field 'Runtime' is not an expected value",
            ),
            (&function, r#"{"Tags":[]}"#, "Field 'Tags' must be an object"),
            (&function, r#"{"Tags":{"a":1}}"#, "Field 'Tags' must be a string"),
            (
                &function,
                r#"{"Configuration":{"Layers":{}}}"#,
                "Field 'Layers' must be an array",
            ),
            (
                &function,
                r#"{"Configuration":{"Layers":[{"CodeSize":true}]}}"#,
                "Field 'CodeSize' must be a number",
            ),
            (
                &function,
                r#"{"Configuration":{"Description":7}}"#,
                "Field 'Description' must be a string",
            ),
            (
                &sdk("kms", "encrypt"),
                r#"{"CiphertextBlob":""}"#,
                "Field 'CiphertextBlob' is smaller than the minimum length",
            ),
            (
                &sdk("kms", "encrypt"),
                r#"{"CiphertextBlob":1}"#,
                "Field 'CiphertextBlob' must be a string",
            ),
            (
                &sdk("s3", "getObject"),
                r#"{"DeleteMarker":"no"}"#,
                "Field 'DeleteMarker' must be a boolean",
            ),
            (
                &sdk("s3", "getObject"),
                r#"{"LastModified":5}"#,
                "Field 'LastModified' must be a string",
            ),
            (
                &sdk("sfn", "startExecution"),
                "{}",
                "Required field 'ExecutionArn' is missing",
            ),
        ] {
            assert_eq!(
                strict(resource, result),
                format!("Mock result schema validation error: {fault}"),
                "{result}"
            );
        }
        let cipher = format!(r#"{{"CiphertextBlob":"{}"}}"#, "a".repeat(6145));
        assert_eq!(
            strict(&sdk("kms", "encrypt"), &cipher),
            "Mock result schema validation error: Field 'CiphertextBlob' exceeds the maximum length"
        );
        assert_eq!(
            strict(&sdk("kms", "encrypt"), "[]"),
            "Mocked result must be a JSON object."
        );
    }

    #[test]
    fn present_wants_nothing_that_is_not_there_and_none_wants_nothing() {
        let start = sdk("sfn", "startExecution");
        let empty = read::read("{}").unwrap();
        assert!(check(&start, ValidationMode::Present, &empty).is_ok());
        let wrong = read::read(r#"{"StartDate":true}"#).unwrap();
        assert!(check(&start, ValidationMode::Present, &wrong).is_err());
        assert!(check(&start, ValidationMode::None, &wrong).is_ok());
    }

    #[test]
    fn what_no_model_knows_passes() {
        assert_eq!(strict(&sdk("sfn", "noSuchAction"), "[]"), "");
        assert_eq!(strict(&sdk("kms", "encrypt"), r#"{"Colour":1}"#), "");
        assert_eq!(
            strict(
                &service("apigateway", "invoke", Pattern::RequestResponse),
                r#"{"approval":true}"#
            ),
            ""
        );
        assert_eq!(
            strict(
                &service("sqs", "sendMessage", Pattern::WaitForTaskToken),
                r#"{"MessageId":1}"#
            ),
            ""
        );
    }

    #[test]
    fn what_step_functions_reads_for_the_state_may_be_any_json() {
        let invoke = service("lambda", "invoke", Pattern::RequestResponse);
        assert_eq!(strict(&invoke, r#"{"Payload":{"a":1},"StatusCode":200}"#), "");
        assert_ne!(strict(&invoke, r#"{"StatusCode":"200"}"#), "");
        let child = r#"{"ExecutionArn":"a","StateMachineArn":"b","Status":"SUCCEEDED","StartDate":"c","Output":{"d":1}}"#;
        assert_eq!(
            strict(&service("states", "startExecution", Pattern::Sync2), child),
            ""
        );
        assert_ne!(
            strict(&service("states", "startExecution", Pattern::Sync), child),
            ""
        );
    }
}
