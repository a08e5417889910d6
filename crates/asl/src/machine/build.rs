//! Spanned tree → [`Machine`]. The checks have been through the tree before and speak about what is wrong in it; what is refused
//! here is what they let through and the evaluator can't run.

use std::collections::HashMap;
use std::sync::Arc;

use super::choice::{self, Rule};
use super::state::{
    Assign, Body, Catcher, FailText, Io, Items, JsonPathIo, JsonataIo, MapState, Retrier, State, Task, Wait,
};
use super::template::{self, Template};
use super::{Graph, GraphIx, Machine, StateIx, distributed, fields};
use crate::eval::{MachineKind, Resource, time};
use crate::intrinsics::Call;
use crate::json::Payload;
use crate::json::spanned::{Node, NodeValue, Span};

/// What can't run, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub message: String,
}

impl BuildError {
    pub(super) fn new(node: &Node, message: String) -> BuildError {
        BuildError {
            span: node.span,
            message,
        }
    }
}

/// The query language of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    JsonPath,
    Jsonata,
}

/// Builds the machine of a definition that passed the checks.
pub fn build(definition: &Node) -> Result<Machine, BuildError> {
    let mut builder = Builder {
        states: Vec::new(),
        graphs: Vec::new(),
    };
    let language = language(definition, Language::JsonPath);
    builder.graph(definition, language)?;
    let states = builder.states.into_iter().flatten().collect();
    Ok(Machine {
        states,
        graphs: builder.graphs,
        timeout_seconds: definition.get("TimeoutSeconds").map(fields::whole).transpose()?,
    })
}

fn language(node: &Node, inherited: Language) -> Language {
    match node.get("QueryLanguage").and_then(Node::as_str) {
        Some("JSONata") => Language::Jsonata,
        Some(_) => Language::JsonPath,
        None => inherited,
    }
}

struct Builder {
    /// `None` while a state is being built: its place is taken before its branches take theirs.
    states: Vec<Option<State>>,
    graphs: Vec<Graph>,
}

/// Places of a graph's states by name.
type Places = HashMap<Arc<str>, StateIx>;

impl Builder {
    fn graph(&mut self, node: &Node, inherited: Language) -> Result<GraphIx, BuildError> {
        let states = node
            .get("States")
            .and_then(Node::as_object)
            .filter(|states| !states.is_empty())
            .ok_or_else(|| BuildError::new(node, "`States` is missing".to_owned()))?;
        let mut places = Places::new();
        for member in states {
            places.insert(member.key.clone(), StateIx(index(self.states.len())));
            self.states.push(None);
        }
        let start = node
            .get("StartAt")
            .ok_or_else(|| BuildError::new(node, "`StartAt` is missing".to_owned()))?;
        let graph = GraphIx(index(self.graphs.len()));
        self.graphs.push(Graph {
            start: target(start, &places)?,
        });
        for member in states {
            let state = self.state(&member.key, &member.value, &places, inherited)?;
            if let Some(place) = places
                .get(&member.key)
                .and_then(|place| self.states.get_mut(place.0 as usize))
            {
                *place = Some(state);
            }
        }
        Ok(graph)
    }

    fn state(
        &mut self,
        name: &Arc<str>,
        node: &Node,
        places: &Places,
        inherited: Language,
    ) -> Result<State, BuildError> {
        let language = language(node, inherited);
        let body = match node.get("Type").and_then(Node::as_str) {
            Some("Pass") => Body::Pass {
                result: node
                    .get("Result")
                    .map(|result| Payload::from_json(template::plain(result))),
            },
            Some("Task") => Body::Task(Box::new(task(node, language)?)),
            Some("Choice") => Body::Choice {
                rules: rules(node, places, language)?,
                default: node
                    .get("Default")
                    .map(|default| target(default, places))
                    .transpose()?,
            },
            Some("Wait") => Body::Wait(wait(node)?),
            Some("Succeed") => Body::Succeed,
            Some("Fail") => Body::Fail {
                error: fail_text(node, "Error")?,
                cause: fail_text(node, "Cause")?,
            },
            Some("Parallel") => {
                let branches = node.get("Branches").and_then(Node::as_array).unwrap_or_default();
                let branches = branches.iter().map(|branch| self.graph(branch, inherited));
                Body::Parallel {
                    branches: branches.collect::<Result<_, _>>()?,
                }
            }
            Some("Map") => Body::Map(Box::new(self.map(node, inherited, language)?)),
            _ => return Err(BuildError::new(node, "the state has no known `Type`".to_owned())),
        };
        Ok(State {
            name: name.clone(),
            next: node.get("Next").map(|next| target(next, places)).transpose()?,
            io: io(node, language, &body)?,
            assign: assign(node, language)?,
            retry: retriers(node)?,
            catch: catchers(node, places, language)?,
            body,
        })
    }

    fn map(&mut self, node: &Node, inherited: Language, language: Language) -> Result<MapState, BuildError> {
        let processor = node
            .get("ItemProcessor")
            .or_else(|| node.get("Iterator"))
            .ok_or_else(|| BuildError::new(node, "`ItemProcessor` is missing".to_owned()))?;
        let config = |name| processor.get("ProcessorConfig")?.get(name)?.as_str();
        let distributed = if config("Mode") == Some("DISTRIBUTED") {
            let template = |node: &Node| template_of(node, language);
            let kind = match config("ExecutionType") {
                Some("EXPRESS") => MachineKind::Express,
                _ => MachineKind::Standard,
            };
            Some(Box::new(distributed::distributed(node, kind, &template)?))
        } else {
            None
        };
        let items = match language {
            Language::JsonPath => match node.get("ItemsPath") {
                None => Items::Input,
                Some(path) => Items::At(fields::query(path)?),
            },
            Language::Jsonata => match node.get("Items") {
                None => Items::Input,
                Some(items) => Items::Computed(template::jsonata(items)?),
            },
        };
        let selector = node.get("ItemSelector").or_else(|| match language {
            Language::JsonPath => node.get("Parameters"),
            Language::Jsonata => None,
        });
        Ok(MapState {
            items,
            selector: selector
                .map(|selector| template_of(selector, language))
                .transpose()?,
            processor: self.graph(processor, inherited)?,
            max_concurrency: fields::amount(node, "MaxConcurrency")?,
            tolerated_failure_count: fields::amount(node, "ToleratedFailureCount")?,
            tolerated_failure_percentage: fields::amount(node, "ToleratedFailurePercentage")?,
            distributed,
        })
    }
}

fn index(length: usize) -> u32 {
    // A definition of 1 MB can't hold 2^32 states.
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn target(node: &Node, places: &Places) -> Result<StateIx, BuildError> {
    let name = fields::text(node)?;
    places
        .get(&name)
        .copied()
        .ok_or_else(|| BuildError::new(node, format!("there is no state `{name}` here")))
}

fn template_of(node: &Node, language: Language) -> Result<Template, BuildError> {
    match language {
        Language::JsonPath => template::json_path(node),
        Language::Jsonata => template::jsonata(node),
    }
}

fn io(node: &Node, language: Language, body: &Body) -> Result<Io, BuildError> {
    let optional = |key: &str| node.get(key).map(|node| template_of(node, language)).transpose();
    Ok(match language {
        Language::JsonPath => Io::JsonPath(Box::new(JsonPathIo {
            input_path: fields::selection(node, "InputPath")?,
            // A Map's old `Parameters` is its item selector.
            parameters: if matches!(body, Body::Map(_)) {
                None
            } else {
                optional("Parameters")?
            },
            result_selector: optional("ResultSelector")?,
            result_path: fields::placement(node)?,
            output_path: fields::selection(node, "OutputPath")?,
        })),
        Language::Jsonata => Io::Jsonata(Box::new(JsonataIo {
            arguments: optional("Arguments")?,
            output: optional("Output")?,
        })),
    })
}

fn assign(node: &Node, language: Language) -> Result<Assign, BuildError> {
    // The template of the whole object, taken apart: names end in `.$` only in JSONPath.
    match node
        .get("Assign")
        .map(|assign| template_of(assign, language))
        .transpose()?
    {
        Some(Template::Object(parts)) => Ok(parts),
        Some(Template::Constant(value)) => Ok(value
            .as_object()
            .into_iter()
            .flat_map(crate::json::Object::iter)
            .map(|(name, value)| (name.clone(), Template::Constant(value.clone())))
            .collect()),
        _ => Ok(Vec::new()),
    }
}

fn task(node: &Node, language: Language) -> Result<Task, BuildError> {
    let resource_node = node
        .get("Resource")
        .ok_or_else(|| BuildError::new(node, "`Resource` is missing".to_owned()))?;
    let resource = Resource::parse(&fields::text(resource_node)?)
        .map_err(|error| BuildError::new(resource_node, error.to_string()))?;
    Ok(Task {
        shown: resource.shown(),
        resource,
        timeout: fields::amount(node, "TimeoutSeconds")?,
        heartbeat: fields::amount(node, "HeartbeatSeconds")?,
        credentials: node
            .get("Credentials")
            .map(|node| template_of(node, language))
            .transpose()?,
    })
}

fn wait(node: &Node) -> Result<Wait, BuildError> {
    if let Some(amount) = fields::amount(node, "Seconds")? {
        return Ok(Wait::Seconds(amount));
    }
    if let Some(timestamp) = node.get("Timestamp") {
        if let Some(expression) = fields::expression(timestamp)? {
            return Ok(Wait::UntilComputed(expression));
        }
        let text = fields::text(timestamp)?;
        return time::parse_ms(&text).map(Wait::Until).ok_or_else(|| {
            BuildError::new(
                timestamp,
                format!("`{text}` is no ISO-8601 timestamp with an offset"),
            )
        });
    }
    match node.get("TimestampPath") {
        Some(path) => Ok(Wait::UntilAt(fields::query(path)?)),
        None => Err(BuildError::new(
            node,
            "a Wait needs `Seconds`, `Timestamp` or one of their paths".to_owned(),
        )),
    }
}

fn fail_text(node: &Node, key: &str) -> Result<Option<FailText>, BuildError> {
    if let Some(fixed) = node.get(key) {
        return Ok(Some(match fields::expression(fixed)? {
            Some(expression) => FailText::Computed(expression),
            None => FailText::Fixed(fields::text(fixed)?),
        }));
    }
    let Some(path) = node.get(&format!("{key}Path")) else {
        return Ok(None);
    };
    let text = fields::text(path)?;
    if text.starts_with('$') {
        return Ok(Some(FailText::At(fields::query(path)?)));
    }
    let call = Call::parse(&text).map_err(|error| BuildError::new(path, error.to_string()))?;
    Ok(Some(FailText::Call(call)))
}

fn rules(node: &Node, places: &Places, language: Language) -> Result<Vec<Rule>, BuildError> {
    let rules = node.get("Choices").and_then(Node::as_array).unwrap_or_default();
    rules
        .iter()
        .map(|rule| {
            let next = rule
                .get("Next")
                .ok_or_else(|| BuildError::new(rule, "`Next` is missing".to_owned()))?;
            Ok(Rule {
                test: choice::test(rule)?,
                next: target(next, places)?,
                assign: assign(rule, language)?,
                output: rule.get("Output").map(template::jsonata).transpose()?,
            })
        })
        .collect()
}

fn retriers(node: &Node) -> Result<Vec<Retrier>, BuildError> {
    let retriers = node.get("Retry").and_then(Node::as_array).unwrap_or_default();
    retriers
        .iter()
        .map(|retrier| {
            let number = |key: &str| retrier.get(key).map(fields::whole).transpose();
            Ok(Retrier {
                errors: fields::texts(retrier.get("ErrorEquals"))?,
                interval_seconds: number("IntervalSeconds")?.unwrap_or(1),
                max_attempts: number("MaxAttempts")?.unwrap_or(3),
                backoff_rate: retrier
                    .get("BackoffRate")
                    .and_then(Node::as_number)
                    .and_then(serde_json::Number::as_f64)
                    .unwrap_or(2.0),
                max_delay_seconds: number("MaxDelaySeconds")?,
                jitter: retrier.get("JitterStrategy").and_then(Node::as_str) == Some("FULL"),
            })
        })
        .collect()
}

fn catchers(node: &Node, places: &Places, language: Language) -> Result<Vec<Catcher>, BuildError> {
    let catchers = node.get("Catch").and_then(Node::as_array).unwrap_or_default();
    catchers
        .iter()
        .map(|catcher| {
            let next = catcher
                .get("Next")
                .ok_or_else(|| BuildError::new(catcher, "`Next` is missing".to_owned()))?;
            Ok(Catcher {
                errors: fields::texts(catcher.get("ErrorEquals"))?,
                next: target(next, places)?,
                result_path: fields::placement(catcher)?,
                assign: assign(catcher, language)?,
                output: catcher
                    .get("Output")
                    .filter(|output| {
                        !matches!(output.value, NodeValue::Null) || language == Language::Jsonata
                    })
                    .map(template::jsonata)
                    .transpose()?,
            })
        })
        .collect()
}
