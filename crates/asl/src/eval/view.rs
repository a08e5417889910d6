//! What expressions see from inside a state, and the evaluation of paths and templates on it.

use std::cell::OnceCell;
use std::sync::Arc;

use super::compute::Seen;
use super::env::{Env, MachineKind};
use super::frame::{Frame, Scope, ScopeIx};
use super::probe::Probe;
use super::problem::{Problem, names};
use super::time;
use crate::intrinsics::{Call, IntrinsicError, World};
use crate::json::{Json, Object, Payload};
use crate::limits::Limits;
use crate::machine::{Machine, Selection, State, Template};
use crate::paths::{Query, Root};

/// A state's surroundings during one evaluation.
pub(crate) struct View<'v, 'e> {
    pub(crate) machine: &'v Machine,
    pub(crate) frame: &'v Frame,
    pub(crate) env: &'v mut Env<'e>,
    pub(crate) scope: ScopeIx,
    /// What `$` is.
    pub(crate) input: Json,
    pub(crate) token: Option<Arc<str>>,
    /// What of `$states` is there besides input and context.
    pub(crate) seen: Seen,
    /// The iteration about to begin, while its input is made.
    pub(crate) iteration: Option<(u32, Payload)>,
    /// The test the state is in.
    pub(crate) probe: Option<&'v Probe>,
    context: OnceCell<Json>,
}

impl<'v, 'e> View<'v, 'e> {
    pub(crate) fn new(
        machine: &'v Machine,
        frame: &'v Frame,
        env: &'v mut Env<'e>,
        scope: ScopeIx,
        input: Json,
    ) -> Self {
        View {
            machine,
            frame,
            env,
            scope,
            input,
            token: None,
            seen: Seen::default(),
            iteration: None,
            probe: None,
            context: OnceCell::new(),
        }
    }

    /// The context object (`$$`, `$states.context`).
    pub(crate) fn context(&self) -> &Json {
        match self.probe.and_then(Probe::context) {
            Some(given) => given,
            None => self.context.get_or_init(|| self.build_context()),
        }
    }

    fn build_context(&self) -> Json {
        let facts = &*self.frame.facts;
        let text = |text: &Arc<str>| Json::String(text.clone());
        let mut execution = Object::with_capacity(7);
        let mut machine = Object::with_capacity(2);
        execution.insert(key("Id"), text(&facts.execution_arn));
        execution.insert(key("Input"), facts.input.json().clone());
        execution.insert(key("StartTime"), Json::string(time::format_ms(facts.start_ms)));
        execution.insert(key("Name"), text(&facts.name));
        machine.insert(key("Id"), text(&facts.machine_arn));
        machine.insert(key("Name"), text(&facts.machine_name));
        let has_role = self.probe.is_none_or(Probe::has_role);
        let role = has_role.then(|| text(&facts.role_arn));
        execution.insert(key("RoleArn"), role.unwrap_or_default());
        if facts.kind == MachineKind::Standard {
            // Express executions can't be redriven.
            let redrive_count = Json::from(u64::from(self.frame.redrive_count));
            execution.insert(key("RedriveCount"), redrive_count);
        }
        if let Some(redriven_ms) = self.frame.redriven_ms {
            execution.insert(key("RedriveTime"), Json::string(time::format_ms(redriven_ms)));
        }
        let mut context = Object::with_capacity(5);
        context.insert(key("Execution"), Json::object(execution));
        context.insert(key("StateMachine"), Json::object(machine));
        if let Some(scope) = self.frame.scopes.get(self.scope) {
            let mut state = Object::with_capacity(3);
            let definition = self.machine.state(scope.state);
            if let Some(definition) = definition {
                let name = self.probe.map_or(&definition.name, Probe::shown_name);
                state.insert(key("Name"), text(name));
            }
            state.insert(
                key("EnteredTime"),
                Json::string(time::format_ms(scope.entered_ms)),
            );
            if definition.is_some_and(State::can_retry) {
                state.insert(key("RetryCount"), Json::from(scope.retry_count));
            }
            context.insert(key("State"), Json::object(state));
        }
        if let Some(token) = &self.token {
            let mut task = Object::with_capacity(1);
            task.insert(key("Token"), text(token));
            context.insert(key("Task"), Json::object(task));
        }
        if let Some((index, value)) = self.item() {
            let mut item = Object::with_capacity(2);
            item.insert(key("Index"), Json::from(u64::from(index)));
            item.insert(key("Value"), value.json().clone());
            let mut map = Object::with_capacity(1);
            map.insert(key("Item"), Json::object(item));
            context.insert(key("Map"), Json::object(map));
        }
        Json::object(context)
    }

    /// The innermost Map's item.
    pub(crate) fn item(&self) -> Option<(u32, &Payload)> {
        let begun = self.iteration.as_ref().map(|(index, value)| (*index, value));
        begun.or_else(|| {
            self.chain()
                .find_map(|scope| Some((scope.index, scope.item.as_ref()?)))
        })
    }

    /// This scope and those around it, from the inside out.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Scope> {
        std::iter::successors(self.frame.scopes.get(self.scope), |scope| {
            scope.parent.and_then(|parent| self.frame.scopes.get(parent))
        })
    }

    /// A variable's value, of the innermost scope that has it.
    pub(crate) fn variable(&self, name: &str) -> Option<&Payload> {
        self.chain().find_map(|scope| {
            let mut variables = scope.variables.iter();
            variables
                .find(|(have, _)| &**have == name)
                .map(|(_, value)| value)
        })
    }

    /// A field that is a path (`InputPath`, `OutputPath`, `ItemsPath`, …).
    pub(crate) fn path(&self, query: &Query) -> Result<Json, Problem> {
        self.look(query).map_err(|why| {
            if self.input == Json::Null && query.root == Root::Input {
                return null_input();
            }
            Problem::runtime(format!("Invalid path '{}' : {why}", query.text))
        })
    }

    /// A field that is a Reference Path and is applied step by step (`ItemsPath`): the message names the step.
    pub(crate) fn reference(&self, query: &Query) -> Result<Json, Problem> {
        let root = self.root(&query.root);
        match (root, self.look(query)) {
            (_, Ok(found)) => Ok(found),
            (Some(root), Err(_)) if query.path.is_definite() => {
                let step = query.path.failing_step(&root);
                Err(Problem::path_conflict(format!(
                    "Unable to apply step \"{}\" to input {root}",
                    step.unwrap_or_default()
                )))
            }
            (_, Err(why)) => Err(Problem::runtime(format!("Invalid path '{}' : {why}", query.text))),
        }
    }

    /// What is at a path; the text says why there is nothing.
    pub(crate) fn look(&self, query: &Query) -> Result<Json, String> {
        match &query.root {
            Root::Input => query.path.find(&self.input),
            Root::Context => query.path.find(self.context()),
            Root::Variable(name) => match self.variable(name) {
                Some(value) => query.path.find(value.json()),
                None => return Err(format!("the variable '{name}' is not defined")),
            },
        }
        .map_err(|missing| missing.0)
    }

    /// A member of a payload template. An index past the end of an array gives null there (and nowhere else).
    fn template_path(&self, query: &Query, field: &str) -> Result<Json, Problem> {
        self.named_path(query, field)
            .or_else(|problem| match self.root(&query.root) {
                Some(root) if query.path.ends_past_an_array(&root) => Ok(Json::Null),
                _ => Err(problem),
            })
    }

    /// A field whose message names it.
    pub(crate) fn named_path(&self, query: &Query, field: &str) -> Result<Json, Problem> {
        self.look(query).map_err(|_| {
            let looked_into = match &query.root {
                Root::Input => self.input.clone(),
                other => self.root(other).unwrap_or_default(),
            };
            Problem::runtime(format!(
                "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{looked_into}'",
                query.text
            ))
        })
    }

    pub(crate) fn call(&mut self, call: &Call) -> Result<Json, Problem> {
        call.evaluate(self).map_err(|error| match error {
            IntrinsicError::Missing { path } => Problem::runtime(format!(
                "The function '{}' had the following error: The JsonPath argument for the field '{path}' could not be found in the input '{}'",
                call.text(),
                self.input
            )),
            invalid @ IntrinsicError::Invalid { .. } => Problem::in_state(names::INTRINSIC_FAILURE, invalid.to_string()),
        })
    }

    /// `payload` itself where the whole is selected, so that its text stays.
    pub(crate) fn select(&self, selection: &Selection, payload: &Payload) -> Result<Payload, Problem> {
        match selection {
            Selection::Whole => Ok(payload.clone()),
            Selection::Nothing => Ok(Payload::empty_object()),
            Selection::At(query) if query.path.is_root() => match &query.root {
                Root::Variable(name) => match self.variable(name) {
                    Some(value) => Ok(value.clone()),
                    None => self.path(query).map(Payload::from_json),
                },
                Root::Input | Root::Context => self.path(query).map(Payload::from_json),
            },
            Selection::At(query) => self.path(query).map(Payload::from_json),
        }
    }

    /// What an `ItemSelector` makes of an item. `$` is the Map's input, the context the Map's with the item in it.
    pub(crate) fn selected(mut self, selector: &Template, item: (u32, Payload)) -> Result<Json, Problem> {
        self.iteration = Some(item);
        self.fill(selector, "ItemSelector")
    }

    /// A template's value. `location` is the field it stands in, for messages.
    pub(crate) fn fill(&mut self, template: &Template, location: &str) -> Result<Json, Problem> {
        match template {
            Template::Constant(value) => Ok(value.clone()),
            Template::Query { query, .. }
                if self.input == Json::Null
                    && query.root == Root::Input
                    && location.starts_with("Parameters") =>
            {
                Err(null_input())
            }
            Template::Query { query, field } => self.template_path(query, field),
            Template::Call(call) => self.call(call),
            Template::Array(parts) => {
                let mut items = Vec::with_capacity(parts.len());
                for (at, part) in parts.iter().enumerate() {
                    match part {
                        Template::Constant(value) => items.push(value.clone()),
                        _ => items.push(self.fill(part, &format!("{location}[{at}]"))?),
                    }
                }
                Ok(Json::array(items))
            }
            Template::Object(parts) => {
                let mut object = Object::with_capacity(parts.len());
                for (name, part) in parts {
                    let value = match part {
                        Template::Computed(_) | Template::Array(_) | Template::Object(_) => {
                            self.fill(part, &format!("{location}/{name}"))?
                        }
                        plain => self.fill(plain, location)?,
                    };
                    object.insert(name.clone(), value);
                }
                Ok(Json::object(object))
            }
            Template::Computed(expression) => self.compute(expression, location),
        }
    }
}

/// As people on AWS report it of states after one that gave null.
fn null_input() -> Problem {
    Problem::runtime("Unable to apply Path transformation to null or empty input.".to_owned())
}

fn key(text: &'static str) -> Arc<str> {
    text.into()
}

impl World for View<'_, '_> {
    fn root(&self, root: &Root) -> Option<Json> {
        match root {
            Root::Input => Some(self.input.clone()),
            Root::Context => Some(self.context().clone()),
            Root::Variable(name) => self.variable(name).map(|value| value.json().clone()),
        }
    }

    fn random(&mut self) -> u64 {
        (self.env.random)()
    }

    fn uuid(&mut self) -> Arc<str> {
        (self.env.new_uuid)()
    }

    fn limits(&self) -> &Limits {
        self.env.limits
    }
}
