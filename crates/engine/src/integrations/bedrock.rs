//! `bedrock:invokeModel` (developer guide, "Amazon Bedrock"): the input stands in the task or in S3, and so does the output.

use asl::json::Payload;
use asl::json::value::{Json, Object};
use futures::TryStreamExt as _;

use super::TaskError;
use super::errors::{self, Generation, Wording};
use super::objects::{ObjectAt, ObjectFailure, Objects as _};
use super::s3::S3;
use super::sdk::{Action, Circumstances, within_limit};
use crate::limits::RESPONSE_BYTES_MAX;

/// The words of its failures.
fn wording() -> Wording {
    Wording {
        prefix: "Bedrock",
        service: "BedrockRuntime",
        unmodelled: "BedrockException".into(),
        model: "bedrockruntime",
        generation: Generation::Counting,
    }
}

pub(super) async fn invoke_model(
    s3: &S3,
    parameters: &Json,
    circumstances: Circumstances<'_>,
) -> Result<Payload, TaskError> {
    let request = Request::read(parameters)?;
    let body = match request.input {
        Input::Body(body) => body.clone(),
        Input::Object(location) => read(s3, location, circumstances).await?,
    };
    let mut sent = request.others;
    sent.insert("Body".into(), body);
    let action = Action::find("bedrockruntime", "invokeModel")
        .ok_or_else(|| errors::fail("States.Runtime", "no action `invokeModel`"))?;
    let called = action
        .call(&s3.caller, &sent.into(), circumstances, &wording())
        .await?;
    let mut result = called.response;
    let answered = result.get("Body").and_then(Json::as_str).unwrap_or_default();
    let body = match request.output {
        Some((uri, location)) => {
            let object = ObjectAt {
                bucket: location.bucket.to_owned(),
                key: location.key.to_owned(),
            };
            s3.put(circumstances.here, &object, answered.to_owned())
                .await
                .map_err(|failure| failed("S3", failure))?;
            Json::from(uri)
        }
        None => asl::json::read::read(answered).unwrap_or_else(|_| Json::from(answered)),
    };
    result.insert("Body".into(), body);
    within_limit(result, "bedrock")
}

/// What a task asks for.
#[derive(Debug)]
struct Request<'p> {
    input: Input<'p>,
    output: Option<(&'p str, Location<'p>)>,
    /// What goes to the model's API as it is.
    others: Object,
}

#[derive(Debug)]
enum Input<'p> {
    Body(&'p Json),
    Object(Location<'p>),
}

/// An object in S3.
#[derive(Debug, PartialEq, Eq)]
struct Location<'p> {
    bucket: &'p str,
    key: &'p str,
}

impl<'p> Request<'p> {
    fn read(parameters: &'p Json) -> Result<Self, TaskError> {
        let unfit = |what: &str| {
            errors::fail(
                "States.Runtime",
                format!("The Parameters '{parameters}' could not be used to start the Task: [{what}]"),
            )
        };
        let uri = |name: &str| {
            parameters
                .get(name)
                .and_then(|object| object.get("S3Uri"))
                .and_then(Json::as_str)
        };
        let location = |uri| {
            Location::of(uri).ok_or_else(|| unfit("The value for the field \"S3Uri\" must be an S3 URI"))
        };
        let input = match (parameters.get("Body"), uri("Input")) {
            (Some(body), None) => Input::Body(body),
            (None, Some(uri)) => Input::Object(location(uri)?),
            (Some(_), Some(_)) => return Err(unfit("The fields \"Body\" and \"Input\" exclude each other")),
            (None, None) => return Err(unfit("The field \"Body\" is required but was missing")),
        };
        let output = match uri("Output") {
            Some(uri) => Some((uri, location(uri)?)),
            None => None,
        };
        let given = parameters.as_object().into_iter().flat_map(Object::iter);
        let others = given
            .filter(|(name, _)| !matches!(&***name, "Body" | "Input" | "Output"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Ok(Self {
            input,
            output,
            others,
        })
    }
}

impl<'p> Location<'p> {
    /// `s3://bucket/key`
    fn of(uri: &'p str) -> Option<Self> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        (!bucket.is_empty() && !key.is_empty()).then_some(Self { bucket, key })
    }
}

/// An object as text, up to the size of an answer.
async fn read(s3: &S3, location: Location<'_>, circumstances: Circumstances<'_>) -> Result<Json, TaskError> {
    let members = [("Bucket", location.bucket), ("Key", location.key)];
    let parameters: Object = members
        .into_iter()
        .map(|(name, value)| (name.into(), Json::from(value)))
        .collect();
    let read = async {
        let pieces = s3
            .open(circumstances.here, &Payload::from_json(parameters.into()))
            .await?;
        pieces
            .try_fold(Vec::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                if all.len() > RESPONSE_BYTES_MAX {
                    return Err(ObjectFailure {
                        cause: format!("the object is longer than {RESPONSE_BYTES_MAX} bytes"),
                    });
                }
                Ok(all)
            })
            .await
    };
    let bytes = read.await.map_err(|failure| failed("S3", failure))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| errors::fail("States.Runtime", "The object of the field \"Input\" is not text"))?;
    Ok(Json::from(text.as_str()))
}

fn failed(service: &str, failure: ObjectFailure) -> TaskError {
    errors::fail(format!("{service}.S3Exception"), failure.cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_a_bucket_and_a_key() {
        let found = Location::of("s3://b/a/c.json").unwrap();
        assert_eq!((found.bucket, found.key), ("b", "a/c.json"));
        for wrong in ["s3://b", "s3://b/", "https://b/k", "s3:///k"] {
            assert_eq!(Location::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_input_stands_in_one_place() {
        for (parameters, fits) in [
            (r#"{"ModelId": "m", "Body": {}}"#, true),
            (r#"{"ModelId": "m", "Input": {"S3Uri": "s3://b/k"}}"#, true),
            (
                r#"{"ModelId": "m", "Body": {}, "Input": {"S3Uri": "s3://b/k"}}"#,
                false,
            ),
            (r#"{"ModelId": "m"}"#, false),
        ] {
            let json = asl::json::read::read(parameters).unwrap();
            assert_eq!(Request::read(&json).is_ok(), fits, "{parameters}");
        }
    }
}
