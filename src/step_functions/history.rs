//! The history of an execution, exactly as AWS sends it.
//!
//! The API has 62 types of events with a structure each, and new ones come with the service. Clients get them "as AWS gives them",
//! so the answer's own text is kept rather than read into the SDK's structures and written again, which would drop what this
//! version of the SDK does not know.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde::Deserialize;
use serde_json::Value;

use super::client::StepFunctions;
use super::error::StepFunctionsError;
use super::model::{GetExecutionHistory, Listing};
use super::operation::Operation;

impl StepFunctions {
    /// A page of a Standard execution's history. Each event is the API's JSON: `id`, `previousEventId`, `type`, `timestamp` (epoch
    /// seconds), `…EventDetails`.
    pub async fn get_execution_history(
        &self,
        get: GetExecutionHistory,
    ) -> Result<Listing<Value>, StepFunctionsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            events: Vec<Value>,
            next_token: Option<String>,
        }
        let operation = Operation::GetExecutionHistory;
        let kept = KeepAnswer::default();
        let request = self
            .sdk
            .get_execution_history()
            .execution_arn(get.execution_arn)
            .set_max_results(get.max_results.map(i32::from))
            .reverse_order(get.reverse_order)
            .include_execution_data(true)
            .set_next_token(get.next_token)
            .customize()
            .interceptor(kept.clone());
        self.call(operation, request.send()).await?;
        let answer: Answer = serde_json::from_slice(&kept.take())
            .map_err(|error| StepFunctionsError::unreadable(operation, &error.to_string()))?;
        Ok(Listing {
            items: answer.events,
            next_token: answer.next_token,
        })
    }
}

/// Keeps the body of the last answer.
#[derive(Debug, Clone, Default)]
struct KeepAnswer(Arc<Mutex<Vec<u8>>>);

impl KeepAnswer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[dyn_dispatch_hint]
impl Intercept for KeepAnswer {
    fn name(&self) -> &'static str {
        "KeepAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        let body = context.response().body().bytes().unwrap_or_default().to_vec();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
        Ok(())
    }
}
