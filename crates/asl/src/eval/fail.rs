//! Fail: ends its graph with an error.

use std::sync::Arc;

use super::frame::ScopeIx;
use super::problem::Problem;
use super::run::Run;
use crate::json::Json;
use crate::machine::{FailText, State};

impl Run<'_, '_, '_> {
    pub(crate) fn fail(
        &mut self,
        at: ScopeIx,
        state: &State,
        error: Option<&FailText>,
        cause: Option<&FailText>,
    ) -> Result<(), Problem> {
        let input = self.input_of(at);
        self.inspect_input(state, &input);
        let error = error
            .map(|error| self.fail_text(at, error, "Error"))
            .transpose()?;
        let cause = cause
            .map(|cause| self.fail_text(at, cause, "Cause"))
            .transpose()?;
        Err(Problem::failed(error, cause))
    }

    fn fail_text(&mut self, at: ScopeIx, text: &FailText, field: &str) -> Result<Arc<str>, Problem> {
        let input = self.input_of(at);
        let value = match text {
            FailText::Fixed(text) => return Ok(text.clone()),
            FailText::At(query) => self
                .view(at, input.json().clone())
                .named_path(query, &format!("{field}Path"))?,
            FailText::Call(call) => self.view(at, input.json().clone()).call(call)?,
            FailText::Computed(expression) => self.compute_text(at, expression, field)?,
        };
        match value {
            Json::String(text) => Ok(text),
            other => Err(Problem::runtime(format!(
                "The {field}Path field must refer to a string, but was: {other}"
            ))),
        }
    }
}
