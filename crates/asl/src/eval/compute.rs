//! JSONata in states: what `$states` is in which field, and the texts of what goes wrong.

use super::flow::Assigned;
use super::frame::ScopeIx;
use super::problem::Problem;
use super::run::Run;
use super::view::View;
use crate::json::{Json, Payload};
use crate::jsonata::{Expression, Surroundings};
use crate::limits::SECONDS_MAX;
use crate::machine::{Assign, Io, State, Template};

/// The members of `$states` that only some fields see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) result: Option<Json>,
    pub(crate) error_output: Option<Json>,
}

impl Seen {
    pub(crate) fn result(result: &Payload) -> Seen {
        Seen {
            result: Some(result.json().clone()),
            error_output: None,
        }
    }

    pub(crate) fn error(error_output: &Payload) -> Seen {
        Seen {
            result: None,
            error_output: Some(error_output.json().clone()),
        }
    }
}

impl View<'_, '_> {
    /// An expression's value; `location` is the field, as `Arguments/FunctionName`.
    pub(crate) fn compute(&mut self, expression: &Expression, location: &str) -> Result<Json, Problem> {
        let mentions = expression.mentions();
        let mut states = Vec::with_capacity(4);
        if mentions.input {
            states.push(("input", self.input.clone()));
        }
        if mentions.result
            && let Some(result) = &self.seen.result
        {
            states.push(("result", result.clone()));
        }
        if mentions.error_output
            && let Some(error_output) = &self.seen.error_output
        {
            states.push(("errorOutput", error_output.clone()));
        }
        if mentions.context {
            states.push(("context", self.context().clone()));
        }
        let variables = mentions.names.iter().filter_map(|name| {
            let value = self.variable(name)?;
            Some((&**name, value.json().clone()))
        });
        let variables = variables.collect();
        let seed = (self.env.random)();
        let surroundings = Surroundings {
            states,
            variables,
            seed,
            now_ms: self.env.now_ms,
            limits: self.env.limits,
        };
        expression.evaluate(&surroundings).map_err(|error| {
            Problem::query(
                Some(location.into()),
                format!(
                    "The JSONata expression '{}' specified for the field '{location}' {error}",
                    expression.text()
                ),
            )
        })
    }

    /// The same, of a certain type.
    fn compute_as(&mut self, expression: &Expression, location: &str, wanted: &str) -> Result<Json, Problem> {
        let value = self.compute(expression, location)?;
        if type_of(&value) == wanted {
            return Ok(value);
        }
        Err(unexpected(expression, location, wanted, &value))
    }

    pub(crate) fn condition(&mut self, expression: &Expression, location: &str) -> Result<bool, Problem> {
        Ok(self.compute_as(expression, location, "boolean")? == Json::Bool(true))
    }
}

fn unexpected(expression: &Expression, location: &str, wanted: &str, value: &Json) -> Problem {
    Problem::query(
        Some(location.into()),
        format!(
            "The JSONata expression '{}' specified for the field '{location}' returned an unexpected result type. Expected '{wanted}', but was '{}' for value: {value}",
            expression.text(),
            type_of(value)
        ),
    )
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

impl Run<'_, '_, '_> {
    /// A field's template with `$states.input` and what else the field sees.
    pub(crate) fn fill_jsonata(
        &mut self,
        at: ScopeIx,
        template: &Template,
        location: &str,
        seen: &Seen,
    ) -> Result<Json, Problem> {
        let input = self.input_of(at);
        let mut view = self.view(at, input.json().clone());
        view.seen = seen.clone();
        view.fill(template, location)
    }

    /// All are evaluated before any is set. `within` is what the field stands in, for messages: nothing for the state's own,
    /// `Choices[1]/`, `Catch[0]/`.
    pub(crate) fn assign_jsonata(
        &mut self,
        at: ScopeIx,
        assign: &Assign,
        within: &str,
        seen: &Seen,
    ) -> Result<Assigned, Problem> {
        let mut assigned = Assigned::with_capacity(assign.len());
        for (name, template) in assign {
            let value = self.fill_jsonata(at, template, &format!("{within}Assign/{name}"), seen)?;
            assigned.push((name.clone(), Payload::from_json(value)));
        }
        Ok(assigned)
    }

    pub(crate) fn compute_text(
        &mut self,
        at: ScopeIx,
        expression: &Expression,
        field: &str,
    ) -> Result<Json, Problem> {
        let input = self.input_of(at);
        self.view(at, input.json().clone())
            .compute_as(expression, field, "string")
    }

    /// A whole number that is at least `least`.
    pub(crate) fn compute_whole(
        &mut self,
        at: ScopeIx,
        expression: &Expression,
        field: &str,
        least: i64,
    ) -> Result<i64, Problem> {
        let input = self.input_of(at);
        let value = self
            .view(at, input.json().clone())
            .compute_as(expression, field, "number")?;
        let number = value.as_number().and_then(serde_json::Number::as_i64);
        let number = number.ok_or_else(|| {
            Problem::query_value(
                field,
                format!("The {field} field cannot be parsed as an integer: {value}"),
            )
        })?;
        if field.ends_with("Seconds") && !(0..=SECONDS_MAX).contains(&number) {
            return Err(Problem::query_value(
                field,
                format!("{field} must be between 0 and {SECONDS_MAX} but was: {number}"),
            ));
        }
        if number < least {
            let text = match least {
                0 => format!("{field} cannot be negative."),
                _ => format!("{field} must be at least {least} but was: {number}"),
            };
            return Err(Problem::query_value(field, text));
        }
        Ok(number)
    }

    /// Any number.
    pub(crate) fn compute_number(
        &mut self,
        at: ScopeIx,
        expression: &Expression,
        field: &str,
    ) -> Result<f64, Problem> {
        let input = self.input_of(at);
        let mut view = self.view(at, input.json().clone());
        let value = view.compute_as(expression, field, "number")?;
        Ok(value
            .as_number()
            .and_then(serde_json::Number::as_f64)
            .unwrap_or_default())
    }

    /// A Map's `Items`.
    pub(crate) fn compute_items(&mut self, at: ScopeIx, template: &Template) -> Result<Json, Problem> {
        let input = self.input_of(at);
        let mut view = self.view(at, input.json().clone());
        match template {
            Template::Computed(expression) => view.compute_as(expression, "Items", "array"),
            other => view.fill(other, "Items"),
        }
    }

    pub(crate) fn fill_credentials(
        &mut self,
        at: ScopeIx,
        state: &State,
        template: &Template,
        effective: Json,
    ) -> Result<Json, Problem> {
        let input = match &state.io {
            Io::JsonPath(_) => effective,
            Io::Jsonata(_) => self.input_of(at).json().clone(),
        };
        self.view(at, input).fill(template, "Credentials")
    }
}
