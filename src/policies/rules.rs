//! Rules of the house in CEL (the Common Expression Language): compiled when a template is registered, evaluated over every
//! definition, bounded before they run.
//!
//! A rule sees `definition`, or each state as `state` with its `name`, and must give a bool. CEL has no loops but its macros (`all`, `exists`, `map`,
//! `filter`), so the work of a rule is at most (largest collection) ^ (depth of nested macros): what would take longer than
//! [`limits::RULE_STEPS_MAX`] is not run but reported. What the crate `cel` lacks is declared types: a misspelt field is found when
//! the rule is evaluated ("No such key"), not when it is compiled.

use std::collections::HashMap;

use asl::json::spanned::{self, LineIndex};
use asl::syntax::definition::Definition;
use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::objects::Key;
use cel::{Context, Program, Value as CelValue};
use serde_json::Value;

use super::limits;
use super::model::{Diagnostic, Rule, RuleScope, Severity};
use crate::region::Region;

/// Code of a diagnostic that comes from a rule of the house.
pub const RULE_CODE: &str = "CUSTOM_RULE";

/// A rule that can be evaluated.
#[derive(Debug)]
struct CompiledRule {
    rule: Rule,
    program: Program,
    /// How deep macros stand inside of each other.
    depth: u32,
}

/// A rule that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rule `{rule}` can't be used: {reason}")]
pub struct InvalidRule {
    /// Where it stands in the list, from 0.
    pub index: usize,
    /// Its name.
    pub rule: String,
    /// Why.
    pub reason: String,
}

/// Compiles the rules and evaluates them over a definition: what is broken, or which rules can't be used. Takes as long as the rules
/// need, so run it where blocking is allowed.
pub(super) fn check(
    rules: &[Rule],
    text: &str,
    definition: Option<&Value>,
) -> Result<Vec<Diagnostic>, Vec<InvalidRule>> {
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    on_a_deep_stack(|| {
        let rules = compile(rules)?;
        Ok(definition.map_or_else(Vec::new, |definition| evaluate(&rules, text, definition)))
    })
    .unwrap_or_else(|error| {
        Err(vec![InvalidRule {
            index: 0,
            rule: String::new(),
            reason: format!("no thread could be had to evaluate it: {error}"),
        }])
    })
}

/// Runs `work` where the deepest expression of the allowed length fits: the parser of the crate `cel` and the evaluation are recursive,
/// and 2,000 parentheses exhaust an ordinary stack. The memory is only reserved, not used, by ordinary rules.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("rules".to_owned())
            .stack_size(limits::RULE_STACK_BYTES)
            .spawn_scoped(scope, work)?;
        thread
            .join()
            .map_err(|_| std::io::Error::other("the evaluation panicked"))
    })
}

/// Compiles every rule, or says of every one that can't be used why.
fn compile(rules: &[Rule]) -> Result<Vec<CompiledRule>, Vec<InvalidRule>> {
    let mut compiled = Vec::with_capacity(rules.len());
    let mut invalid = Vec::new();
    if rules.len() > limits::RULES_MAX {
        invalid.push(InvalidRule {
            index: limits::RULES_MAX,
            rule: String::new(),
            reason: format!("there are at most {} rules", limits::RULES_MAX),
        });
    }
    for (index, rule) in rules.iter().enumerate().take(limits::RULES_MAX) {
        match compile_one(rule) {
            Ok(rule) => compiled.push(rule),
            Err(reason) => invalid.push(InvalidRule {
                index,
                rule: rule.name.clone(),
                reason,
            }),
        }
    }
    if invalid.is_empty() {
        Ok(compiled)
    } else {
        Err(invalid)
    }
}

fn compile_one(rule: &Rule) -> Result<CompiledRule, String> {
    if rule.name.trim().is_empty() || rule.name.chars().count() > limits::NAME_LENGTH_MAX {
        return Err(format!(
            "its name must have 1 to {} characters",
            limits::NAME_LENGTH_MAX
        ));
    }
    if rule.expression.len() > limits::RULE_EXPRESSION_BYTES_MAX {
        return Err(format!(
            "its expression has {} bytes; {} are allowed",
            rule.expression.len(),
            limits::RULE_EXPRESSION_BYTES_MAX
        ));
    }
    if rule
        .message
        .as_ref()
        .is_some_and(|message| message.chars().count() > limits::RULE_MESSAGE_LENGTH_MAX)
    {
        return Err(format!(
            "its message has more than {} characters",
            limits::RULE_MESSAGE_LENGTH_MAX
        ));
    }
    let program = Program::compile(&rule.expression).map_err(|errors| {
        errors.errors.first().map_or_else(
            || "it is not a CEL expression".to_owned(),
            |error| {
                let message = error.msg.lines().next().unwrap_or("it is not a CEL expression");
                format!("line {}, column {}: {message}", error.pos.0, error.pos.1)
            },
        )
    })?;
    let mut survey = Survey::default();
    let variables: &[&str] = match rule.scope {
        RuleScope::Definition => &["definition"],
        RuleScope::State => &["definition", "state", "name"],
    };
    survey.visit(program.expression(), 0, &mut variables.to_vec());
    if let Some(unknown) = survey.unknown {
        let known: Vec<String> = variables.iter().map(|name| format!("`{name}`")).collect();
        return Err(format!("it uses `{unknown}`; there is only {}", known.join(", ")));
    }
    Ok(CompiledRule {
        rule: rule.clone(),
        depth: survey.depth,
        program,
    })
}

/// What an expression uses, found by walking it once.
#[derive(Default)]
struct Survey {
    depth: u32,
    unknown: Option<String>,
}

impl Survey {
    fn visit<'e>(&mut self, expression: &'e IdedExpr, depth: u32, scope: &mut Vec<&'e str>) {
        self.depth = self.depth.max(depth);
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => {
                if !name.starts_with('@') && !scope.contains(&name.as_str()) && !is_type_name(name) {
                    self.unknown.get_or_insert_with(|| name.clone());
                }
            }
            Expr::Call(call) => {
                for part in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                    self.visit(part, depth, scope);
                }
            }
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range, depth, scope);
                self.visit(&comprehension.accu_init, depth, scope);
                let before = scope.len();
                scope.push(&comprehension.iter_var);
                scope.extend(comprehension.iter_var2.as_deref());
                scope.push(&comprehension.accu_var);
                for part in [
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ] {
                    self.visit(part, depth + 1, scope);
                }
                scope.truncate(before);
            }
            Expr::List(list) => {
                for element in &list.elements {
                    self.visit(element, depth, scope);
                }
            }
            Expr::Map(map) => self.visit_entries(map.entries.iter().map(|entry| &entry.expr), depth, scope),
            Expr::Struct(record) => {
                self.visit_entries(record.entries.iter().map(|entry| &entry.expr), depth, scope);
            }
            Expr::Select(select) => self.visit(&select.operand, depth, scope),
        }
    }

    fn visit_entries<'e>(
        &mut self,
        entries: impl Iterator<Item = &'e EntryExpr>,
        depth: u32,
        scope: &mut Vec<&'e str>,
    ) {
        for entry in entries {
            match entry {
                EntryExpr::StructField(field) => self.visit(&field.value, depth, scope),
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key, depth, scope);
                    self.visit(&entry.value, depth, scope);
                }
            }
        }
    }
}

/// Names that CEL gives to types; `type(x) == string` uses one.
fn is_type_name(name: &str) -> bool {
    matches!(
        name,
        "bool" | "bytes" | "double" | "int" | "list" | "map" | "null_type" | "string" | "type" | "uint"
    )
}

/// A state as rules see it.
struct StateAt {
    name: String,
    location: String,
    region: Region,
    value: Value,
}

/// Every state of a definition, nested ones too, where it is written.
fn states(text: &str) -> Vec<StateAt> {
    let Ok(root) = spanned::parse(text) else {
        return Vec::new();
    };
    let lines = LineIndex::new(text);
    let definition = Definition::of(&root);
    definition
        .states
        .iter()
        .map(|state| {
            let span = state.member.value.span;
            StateAt {
                name: state.name().to_owned(),
                location: state.written.clone(),
                region: asl::Region::of(state.member.key_span, &lines).into(),
                value: text
                    .get(span.start..span.end)
                    .and_then(|text| serde_json::from_str(text).ok())
                    .unwrap_or_default(),
            }
        })
        .collect()
}

/// Evaluates the rules over a definition and says which are broken.
fn evaluate(rules: &[CompiledRule], text: &str, definition: &Value) -> Vec<Diagnostic> {
    let widest = widest_collection(definition);
    let mut context = Context::default();
    context.add_variable_from_value("definition", to_cel(definition));
    let states = if rules.iter().any(|rule| rule.rule.scope == RuleScope::State) {
        states(text)
    } else {
        Vec::new()
    };
    let mut broken = Vec::new();
    for rule in rules {
        match rule.rule.scope {
            RuleScope::Definition => {
                broken.extend(verdict(rule, widest, 1, &context).map(|said| diagnostic(rule, said, None)));
            }
            RuleScope::State => {
                for state in &states {
                    let mut inner = context.new_inner_scope();
                    inner.add_variable_from_value("state", to_cel(&state.value));
                    inner.add_variable_from_value("name", CelValue::String(state.name.clone().into()));
                    if let Some(said) = verdict(rule, widest, states.len() as u64, &inner) {
                        broken.push(diagnostic(rule, said, Some(state)));
                    }
                }
            }
        }
    }
    broken
}

fn diagnostic(
    rule: &CompiledRule,
    (severity, message): (Severity, String),
    state: Option<&StateAt>,
) -> Diagnostic {
    Diagnostic {
        severity,
        code: RULE_CODE.to_owned(),
        message,
        rule: Some(rule.rule.name.clone()),
        location: state.map(|state| state.location.clone()),
        line: state.map(|state| state.region.start_line),
        column: state.map(|state| state.region.start_column),
        region: state.map(|state| state.region),
        help: Some(format!("the rule `{}`: {}", rule.rule.name, rule.rule.expression)),
        documentation: None,
        fix: None,
        exemption: None,
    }
}

/// Whether the rule is broken, and in which words. It is evaluated `times` times in all.
fn verdict(
    rule: &CompiledRule,
    widest: u64,
    times: u64,
    context: &Context<'_, '_>,
) -> Option<(Severity, String)> {
    let name = &rule.rule.name;
    let severity = Severity::from(rule.rule.severity);
    let steps = widest
        .max(rule.rule.expression.len() as u64)
        .saturating_pow(rule.depth)
        .saturating_mul(times.max(1));
    if steps > limits::RULE_STEPS_MAX {
        return Some((
            Severity::Error,
            format!(
                "the rule `{name}` could take {steps} steps on this definition and was not run; nest its macros less deep"
            ),
        ));
    }
    match rule.program.execute(context) {
        Ok(CelValue::Bool(true)) => None,
        Ok(CelValue::Bool(false)) => Some((
            severity,
            rule.rule
                .message
                .clone()
                .unwrap_or_else(|| format!("the rule `{name}` is broken")),
        )),
        Ok(other) => Some((
            Severity::Error,
            format!("the rule `{name}` gave a {} instead of a bool", other.type_of()),
        )),
        Err(error) => {
            let reason: String = error.to_string().chars().take(200).collect();
            Some((
                severity,
                format!("the rule `{name}` could not be evaluated: {reason}"),
            ))
        }
    }
}

/// Size of the largest object, array or string of `value`.
fn widest_collection(value: &Value) -> u64 {
    match value {
        Value::Object(fields) => fields
            .values()
            .map(widest_collection)
            .fold(fields.len() as u64, u64::max),
        Value::Array(items) => items
            .iter()
            .map(widest_collection)
            .fold(items.len() as u64, u64::max),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

/// JSON as CEL sees it: whole numbers are ints, so that `definition.TimeoutSeconds > 10` compares like with like.
fn to_cel(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(b) => CelValue::Bool(*b),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => CelValue::Int(int),
            (None, Some(uint)) => CelValue::UInt(uint),
            (None, None) => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => CelValue::String(text.clone().into()),
        Value::Array(items) => CelValue::from(items.iter().map(to_cel).collect::<Vec<_>>()),
        Value::Object(fields) => CelValue::Map(
            fields
                .iter()
                .map(|(key, field)| (Key::from(key.as_str()), to_cel(field)))
                .collect::<HashMap<_, _>>()
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests;
