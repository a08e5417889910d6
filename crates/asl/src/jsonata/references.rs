//! What an expression reads: variables, fields of `$states`, and names that would be read from a context that
//! Step Functions does not have.
//!
//! An expression runs with no context item. Only the first step of a path is read against the top-level
//! context; a name in a later step, a predicate, a sort term or a grouping has a context of its own. The body
//! of a function keeps the context of the expression that defines it. (Measured on AWS.)

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// Levels of the tree that are walked; the parser goes no deeper on anything it accepts.
const DEPTH_MAX: usize = 400;

/// What an expression reads.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct References {
    /// The first name read from a context that does not exist (`phone`), or `$`, `*`, `**`, `%`.
    pub top_level: Option<String>,
    /// Whether `$$` is read.
    pub root_context: bool,
    /// Each `$states.<field>` and the fields behind it: `["context", "Task", "Token"]`.
    pub states: Vec<Vec<String>>,
    /// Whether `$states` is read as a whole.
    pub whole_states: bool,
    /// Variables read that the expression itself does not bind, without `$`.
    pub variables: Vec<String>,
    /// Functions called by `$name(…)`, without `$`, each once.
    pub functions: Vec<String>,
    /// Calls with more or fewer arguments than the function takes: its name without `$`, and how many there are.
    pub miscounted: Vec<(String, usize)>,
}

/// Finds them.
pub fn references(expression: &AstNode) -> References {
    let mut walker = Walker {
        found: References::default(),
        bound: Vec::new(),
    };
    walker.node(expression, Context::None, 0);
    walker.found
}

/// What `$` is where a node stands.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    /// Nothing: the top level.
    None,
    /// The item a path, predicate, sort or grouping is at.
    Item,
}

struct Walker {
    found: References,
    /// Names the expression binds (`:=`, parameters, `@$x`, `#$i`), innermost last.
    bound: Vec<String>,
}

impl Walker {
    fn node(&mut self, node: &AstNode, context: Context, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let deeper = depth + 1;
        match node {
            AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Placeholder
            | AstNode::Parent(_)
            | AstNode::Regex { .. } => {}
            AstNode::Name(name) => self.top_level(name, context),
            AstNode::Wildcard => self.top_level("*", context),
            AstNode::Descendant => self.top_level("**", context),
            AstNode::Variable(name) => self.variable(name, &[], context),
            AstNode::ParentVariable(_) => self.found.root_context = true,
            AstNode::Path { steps } => self.path(steps, context, deeper),
            AstNode::Binary { op, lhs, rhs } => self.binary(*op, lhs, rhs, context, deeper),
            AstNode::Unary { operand, .. } => self.node(operand, context, deeper),
            AstNode::Function {
                name,
                args,
                is_builtin,
            } => {
                if *is_builtin {
                    self.call(name, args.len());
                } else {
                    self.top_level(name, context);
                }
                self.all(args, context, deeper);
            }
            AstNode::Call { procedure, args } => {
                self.node(procedure, context, deeper);
                self.all(args, context, deeper);
            }
            AstNode::Lambda { params, body, .. } => {
                let before = self.bound.len();
                self.bound
                    .extend(params.iter().map(|name| name.trim_start_matches('$').to_owned()));
                self.node(body, context, deeper);
                self.bound.truncate(before);
            }
            AstNode::Array(nodes) | AstNode::ArrayGroup(nodes) => self.all(nodes, context, deeper),
            AstNode::Object(pairs) => self.pairs(pairs, context, deeper),
            AstNode::ObjectTransform { input, pattern } => {
                self.node(input, context, deeper);
                self.pairs(pattern, Context::Item, deeper);
            }
            AstNode::Block(nodes) => {
                let before = self.bound.len();
                self.all(nodes, context, deeper);
                self.bound.truncate(before);
            }
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => {
                self.node(condition, context, deeper);
                self.node(then_branch, context, deeper);
                if let Some(node) = else_branch {
                    self.node(node, context, deeper);
                }
            }
            AstNode::FunctionApplication(inner) => self.node(inner, Context::Item, deeper),
            AstNode::Sort { input, terms } => {
                self.node(input, context, deeper);
                for (term, _) in terms {
                    self.node(term, Context::Item, deeper);
                }
            }
            AstNode::Transform {
                location,
                update,
                delete,
            } => {
                self.node(location, Context::Item, deeper);
                self.node(update, Context::Item, deeper);
                if let Some(node) = delete {
                    self.node(node, Context::Item, deeper);
                }
            }
        }
    }

    fn all(&mut self, nodes: &[AstNode], context: Context, depth: usize) {
        for node in nodes {
            self.node(node, context, depth);
        }
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)], context: Context, depth: usize) {
        for (key, value) in pairs {
            self.node(key, context, depth);
            self.node(value, context, depth);
        }
    }

    fn binary(&mut self, op: BinaryOp, lhs: &AstNode, rhs: &AstNode, context: Context, depth: usize) {
        if op == BinaryOp::ColonEqual {
            if let AstNode::Variable(name) = lhs {
                // A function may call itself: it is bound before its body is read.
                self.bound.push(name.trim_start_matches('$').to_owned());
            }
            self.node(rhs, context, depth);
            return;
        }
        self.node(lhs, context, depth);
        match rhs {
            // `x ~> $f(a)` is `$f(x, a)`.
            AstNode::Function {
                name,
                args,
                is_builtin: true,
            } if op == BinaryOp::ChainPipe => {
                self.call(name, args.len() + 1);
                self.all(args, context, depth);
            }
            rhs => self.node(rhs, context, depth),
        }
    }

    fn path(&mut self, steps: &[PathStep], context: Context, depth: usize) {
        let before = self.bound.len();
        for (index, step) in steps.iter().enumerate() {
            let here = if index == 0 { context } else { Context::Item };
            match &step.node {
                AstNode::Variable(name) if index == 0 => {
                    let fields: Vec<&str> =
                        steps.iter().skip(1).map_while(|step| field(&step.node)).collect();
                    self.variable(name, &fields, here);
                }
                node => self.node(node, here, depth),
            }
            for name in [&step.focus, &step.index_var].into_iter().flatten() {
                self.bound.push(name.clone());
            }
            for stage in &step.stages {
                match stage {
                    Stage::Filter(predicate) => self.node(predicate, Context::Item, depth),
                    Stage::Index(name) => self.bound.push(name.clone()),
                    Stage::KeepArray => {}
                }
            }
        }
        // What a path binds is seen in its later steps only.
        self.bound.truncate(before);
    }

    fn variable(&mut self, name: &str, fields: &[&str], context: Context) {
        match name.trim_start_matches('$') {
            "" => self.top_level("$", context),
            "states" => match fields {
                [] => self.found.whole_states = true,
                fields => self
                    .found
                    .states
                    .push(fields.iter().map(|&field| field.to_owned()).collect()),
            },
            name => {
                let known = self.bound.iter().any(|bound| bound == name)
                    || self.found.variables.iter().any(|found| found == name)
                    || is_function(name);
                if !known {
                    self.found.variables.push(name.to_owned());
                }
            }
        }
    }

    fn call(&mut self, name: &str, arguments: usize) {
        if self.bound.iter().any(|bound| bound == name) {
            return;
        }
        if !self.found.functions.iter().any(|found| found == name) {
            self.found.functions.push(name.to_owned());
        }
        if arity(name).is_some_and(|(least, most)| arguments < least || arguments > most) {
            self.found.miscounted.push((name.to_owned(), arguments));
        }
    }

    fn top_level(&mut self, name: &str, context: Context) {
        if context == Context::None && self.found.top_level.is_none() {
            self.found.top_level = Some(name.to_owned());
        }
    }
}

fn field(node: &AstNode) -> Option<&str> {
    match node {
        AstNode::Name(name) => Some(name),
        _ => None,
    }
}

/// Any number of arguments.
const MANY: usize = usize::MAX;

/// Functions every expression may call, JSONata's and those Step Functions adds, with the fewest and the most arguments they
/// take; one less where the context item can take the place of the first. `$eval` is not among them.
/// Source: the signatures of jsonata.js 2; Developer Guide, "Transforming data with JSONata", for the added ones.
pub const FUNCTIONS: &[(&str, usize, usize)] = &[
    ("abs", 0, 1),
    ("append", 2, 2),
    ("assert", 1, 2),
    ("average", 1, 1),
    ("base64decode", 0, 1),
    ("base64encode", 0, 1),
    ("boolean", 0, 1),
    ("ceil", 0, 1),
    ("clone", 0, 1),
    ("contains", 1, 2),
    ("count", 1, 1),
    ("decodeUrl", 0, 1),
    ("decodeUrlComponent", 0, 1),
    ("distinct", 1, 1),
    ("each", 1, 2),
    ("encodeUrl", 0, 1),
    ("encodeUrlComponent", 0, 1),
    ("error", 0, 1),
    ("exists", 1, 1),
    ("filter", 2, 2),
    ("floor", 0, 1),
    ("formatBase", 0, 2),
    ("formatInteger", 1, 2),
    ("formatNumber", 1, 3),
    ("fromMillis", 0, 3),
    ("hash", 1, 2),
    ("join", 1, 2),
    ("keys", 0, 1),
    ("length", 0, 1),
    ("lookup", 1, 2),
    ("lowercase", 0, 1),
    ("map", 2, 2),
    ("match", 1, 3),
    ("max", 1, 1),
    ("merge", 1, 1),
    ("millis", 0, 0),
    ("min", 1, 1),
    ("not", 0, 1),
    ("now", 0, 2),
    ("number", 0, 1),
    ("pad", 1, 3),
    ("parse", 1, 1),
    ("parseInteger", 1, 2),
    ("partition", 2, 2),
    ("power", 1, 2),
    ("random", 0, 1),
    ("range", 2, 3),
    ("reduce", 2, 3),
    ("replace", 2, 4),
    ("reverse", 1, 1),
    ("round", 0, 2),
    ("shuffle", 1, 1),
    ("sift", 0, 2),
    ("single", 1, 2),
    ("sort", 1, 2),
    ("split", 1, 3),
    ("spread", 0, 1),
    ("sqrt", 0, 1),
    ("string", 0, 2),
    ("substring", 1, 3),
    ("substringAfter", 1, 2),
    ("substringBefore", 1, 2),
    ("sum", 1, 1),
    ("toMillis", 0, 2),
    ("trim", 0, 1),
    ("type", 1, 1),
    ("uppercase", 0, 1),
    ("uuid", 0, 0),
    ("zip", 1, MANY),
];

/// The names of [`FUNCTIONS`].
pub fn function_names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _, _)| *name)
}

/// The fewest and the most arguments a function takes.
pub fn arity(name: &str) -> Option<(usize, usize)> {
    let index = FUNCTIONS
        .binary_search_by(|(known, _, _)| (*known).cmp(name))
        .ok()?;
    FUNCTIONS.get(index).map(|(_, least, most)| (*least, *most))
}

/// Whether every expression may call it.
pub fn is_function(name: &str) -> bool {
    arity(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonata::syntax::parse;

    fn of(text: &str) -> References {
        references(&parse(text).unwrap())
    }

    #[test]
    fn only_the_first_step_of_a_path_reads_the_top_level() {
        for (text, name) in [
            ("phone", "phone"),
            ("phone[0]", "phone"),
            ("aaa + bbb", "aaa"),
            ("$map($states.input.a, function($x){ b })", "b"),
            ("$uppercase(name)", "name"),
            ("{'a': b}", "b"),
            ("$", "$"),
        ] {
            assert_eq!(of(text).top_level.as_deref(), Some(name), "{text}");
        }
        for text in [
            "$states.input.phone",
            "$states.input.items[phone > 3]",
            "$states.input.items.(a + b)",
            "$states.input.items^(>price).name",
            "$states.input.items{id: name}",
            "$map($states.input.a, function($x){ $x.phone })",
            "'text'",
        ] {
            assert_eq!(of(text).top_level, None, "{text}");
        }
    }

    #[test]
    fn the_table_of_functions_is_in_order_so_that_it_can_be_searched() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(arity("pad"), Some((1, 3)));
        assert_eq!(arity("eval"), None);
    }

    #[test]
    fn arguments_are_counted() {
        let wrong = |text: &str| of(text).miscounted;
        assert_eq!(wrong("$uppercase('a', 'b')"), [("uppercase".to_owned(), 2)]);
        assert_eq!(wrong("$merge()"), [("merge".to_owned(), 0)]);
        for right in [
            "$uppercase('a')",
            "$states.input.names.$uppercase()",
            "$states.input ~> $map(function($x) { $x })",
            "'a' ~> $uppercase()",
            "$substringBefore(?, ' ')",
            "($pad := function($a, $b, $c, $d) { $a }; $pad(1, 2, 3, 4))",
        ] {
            assert_eq!(wrong(right), [], "{right}");
        }
    }

    #[test]
    fn variables_are_those_the_expression_does_not_bind() {
        assert_eq!(of("$a + $b.c").variables, ["a", "b"]);
        assert!(of("($x := 1; $x + 1)").variables.is_empty());
        assert!(of("function($x){ $x }").variables.is_empty());
        assert_eq!(of("$map($items, $string)").variables, ["items"]);
        assert!(of("$states.context.Execution.Id").variables.is_empty());
    }

    #[test]
    fn fields_of_states_are_given_with_what_is_behind_them() {
        assert_eq!(
            of("$states.context.Task.Token").states,
            [["context", "Task", "Token"]]
        );
        assert!(of("$$").root_context);
        assert_eq!(of("$eval('1')").functions, ["eval"]);
    }
}
