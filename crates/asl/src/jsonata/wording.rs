//! The texts of JSONata's errors. AWS shows those of the reference implementation (`T2001: The left side of the "+" operator must
//! evaluate to a number`); the library has the codes, but words of its own. What its message lacks (a function's name, the two
//! values) is found by evaluating the parts of the expression until one fails in the same way.

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::value::JValue;

use super::convert::{Budget, from_jsonata};
use crate::json::Json;

/// Parts of an expression that are tried. Ours: expressions are short, and it only serves a message.
const PARTS_MAX: usize = 64;

/// Texts that hold no value.
const FIXED: [(&str, &str); 36] = [
    ("D1001", "Number out of range: null"),
    ("D1004", "Regular expression matches zero length string"),
    ("T1006", "Attempted to invoke a non-function"),
    ("T1008", "Attempted to partially apply a non-function"),
    (
        "T2003",
        "The left side of the range operator (..) must evaluate to an integer",
    ),
    (
        "T2004",
        "The right side of the range operator (..) must evaluate to an integer",
    ),
    (
        "T2006",
        "The right side of the function application operator ~> must be a function",
    ),
    (
        "T2008",
        "The expressions within an order-by clause must evaluate to numeric or string values",
    ),
    ("D3001", "Attempting to invoke string function on Infinity or NaN"),
    (
        "D3010",
        "Second argument of replace function cannot be an empty string",
    ),
    (
        "D3011",
        "Fourth argument of replace function must evaluate to a positive number",
    ),
    (
        "D3012",
        "Attempted to replace a matched string with a non-string value",
    ),
    (
        "D3020",
        "Third argument of split function must evaluate to a positive number",
    ),
    (
        "D3040",
        "Third argument of match function must evaluate to a positive number",
    ),
    (
        "D3050",
        "The second argument of reduce function must be a function with at least two arguments",
    ),
    (
        "D3070",
        "The single argument form of the sort function can only be applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison function",
    ),
    (
        "D3080",
        "The picture string must only contain a maximum of two sub-pictures",
    ),
    (
        "D3081",
        "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
    ),
    (
        "D3082",
        "The sub-picture must not contain more than one instance of the 'percent' character",
    ),
    (
        "D3083",
        "The sub-picture must not contain more than one instance of the 'per-mille' character",
    ),
    (
        "D3084",
        "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
    ),
    (
        "D3085",
        "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'",
    ),
    (
        "D3086",
        "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character",
    ),
    (
        "D3087",
        "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character",
    ),
    (
        "D3088",
        "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
    ),
    (
        "D3089",
        "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
    ),
    (
        "D3090",
        "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'",
    ),
    (
        "D3091",
        "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'",
    ),
    (
        "D3092",
        "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'",
    ),
    (
        "D3093",
        "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'",
    ),
    (
        "D3131",
        "In a decimal digit pattern, all digits must be from the same decimal group",
    ),
    (
        "D3134",
        "The timezone integer format specifier cannot have more than four digits",
    ),
    (
        "D3135",
        "No matching closing bracket ']' in date/time picture string",
    ),
    (
        "D3136",
        "The date/time picture string is missing specifiers required to parse the timestamp",
    ),
    (
        "D3138",
        "The $single() function expected exactly 1 matching result.  Instead it matched more.",
    ),
    (
        "D3139",
        "The $single() function expected exactly 1 matching result.  Instead it matched 0.",
    ),
];

/// Evaluates a part of the expression on its own; the message where it fails.
type Evaluate<'a> = &'a mut dyn FnMut(&AstNode) -> Result<JValue, String>;

/// `message` in the reference's words, the code before them.
pub(super) fn of_reference(message: &str, expression: &AstNode, evaluate: Evaluate<'_>) -> String {
    // What a function declares of its own arguments comes behind these words.
    let message = message
        .strip_prefix("Signature validation failed: ")
        .unwrap_or(message);
    let Some((code, text)) = message.split_once(": ").filter(|(code, _)| code.len() == 5) else {
        return message.to_owned();
    };
    let fixed = FIXED.iter().find(|(known, _)| *known == code);
    let worded = match fixed {
        Some((_, fixed)) => Some((*fixed).to_owned()),
        None => filled(code, text, message, expression, evaluate),
    };
    match worded {
        Some(worded) => format!("{code}: {worded}"),
        None => message.to_owned(),
    }
}

/// A text with values in it; nothing where the library's is the same or no value is known.
fn filled(
    code: &str,
    text: &str,
    message: &str,
    expression: &AstNode,
    evaluate: Evaluate<'_>,
) -> Option<String> {
    match code {
        "T2001" | "T2002" => {
            let side = if code == "T2001" { "left" } else { "right" };
            let operator = between(text, " of the ", " operator")?;
            Some(format!(
                "The {side} side of the \"{operator}\" operator must evaluate to a number"
            ))
        }
        "D3030" => {
            let value = between(text, "convert '", "' to number")?;
            Some(format!("Unable to cast value to a number: {}", Json::from(value)))
        }
        "D3100" => {
            let given = text.rsplit_once("got ")?.1;
            Some(format!(
                "The radix of the formatBase function must be between 2 and 36.  It was given {given}"
            ))
        }
        "D1002" => match culprit(message, expression, evaluate)? {
            AstNode::Unary { operand, .. } => Some(format!(
                "Cannot negate a non-numeric value: {}",
                value(operand, evaluate)?
            )),
            _ => None,
        },
        "T2009" | "T2010" => match culprit(message, expression, evaluate)? {
            AstNode::Binary { op, lhs, rhs } => {
                let operator = comparison(*op)?;
                Some(if code == "T2010" {
                    format!(
                        "The expressions either side of operator \"{operator}\" must evaluate to numeric or string values"
                    )
                } else {
                    format!(
                        "The values {} and {} either side of operator \"{operator}\" must be of the same data type",
                        value(lhs, evaluate)?,
                        value(rhs, evaluate)?
                    )
                })
            }
            _ => None,
        },
        // One of those added here: its words are AWS's already.
        "T0412" if text.ends_with("must be an array of undefined") => None,
        "T0410" | "T0411" | "T0412" => {
            let index = argument(text)?;
            let function = match between(text, "of function ", " ") {
                Some(named) if named != "undefined" => named.trim_matches(['$', '"']).to_owned(),
                _ => called(culprit(message, expression, evaluate)?)?,
            };
            Some(match code {
                "T0410" => {
                    format!("Argument {index} of function \"{function}\" does not match function signature")
                }
                "T0411" => format!(
                    "Context value is not a compatible type with argument {index} of function \"{function}\""
                ),
                _ => format!(
                    "Argument {index} of function \"{function}\" must be an array of \"{}\"",
                    elements(text)
                ),
            })
        }
        _ => None,
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

/// The number of the argument that does not fit: the first one too many, or the first that is missing.
fn argument(text: &str) -> Option<usize> {
    if let Some(counts) = text.strip_prefix("Argument count mismatch: expected ") {
        let (expected, actual) = counts.split_once(", got ")?;
        let (expected, actual): (usize, usize) = (expected.parse().ok()?, actual.parse().ok()?);
        return Some(expected.min(actual) + 1);
    }
    let digits = text.split_once("rgument ")?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

/// What the elements of an array had to be, as the reference calls them.
fn elements(text: &str) -> &'static str {
    let wanted = text.rsplit_once("array of ").map_or("", |(_, wanted)| wanted);
    match wanted {
        "String" => "strings",
        "Boolean" => "booleans",
        "Object" => "objects",
        "Array" => "arrays",
        "Function" => "functions",
        _ => "numbers",
    }
}

fn comparison(op: BinaryOp) -> Option<&'static str> {
    Some(match op {
        BinaryOp::LessThan => "<",
        BinaryOp::LessThanOrEqual => "<=",
        BinaryOp::GreaterThan => ">",
        BinaryOp::GreaterThanOrEqual => ">=",
        _ => return None,
    })
}

/// A part's value as JSON text.
fn value(part: &AstNode, evaluate: Evaluate<'_>) -> Option<String> {
    let mut budget = Budget {
        bytes: 1_024,
        depth: 32,
    };
    let value = evaluate(part).ok()?;
    Some(from_jsonata(&value, &mut budget).ok()?.to_string())
}

/// The name of the function a part calls. Where it hands another function on, the failure may have been in there.
fn called(part: &AstNode) -> Option<String> {
    let hands_on = |args: &[AstNode]| {
        args.iter()
            .any(|argument| matches!(argument, AstNode::Lambda { .. }))
    };
    match part {
        AstNode::Function { name, args, .. } if !hands_on(args) => Some(name.clone()),
        AstNode::Binary {
            op: BinaryOp::ChainPipe,
            rhs,
            ..
        } => match &**rhs {
            AstNode::Function { name, .. } | AstNode::Variable(name) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// The first innermost part that fails with the same message on its own.
fn culprit<'a>(message: &str, expression: &'a AstNode, evaluate: Evaluate<'_>) -> Option<&'a AstNode> {
    let mut parts = Vec::new();
    innermost_first(expression, &mut parts);
    parts
        .into_iter()
        .find(|part| matches!(evaluate(part), Err(own) if own.ends_with(message)))
}

/// The parts that have the context of the whole: not the bodies of functions, not the later steps of paths.
fn innermost_first<'a>(part: &'a AstNode, found: &mut Vec<&'a AstNode>) {
    if found.len() >= PARTS_MAX {
        return;
    }
    match part {
        AstNode::Binary { lhs, rhs, .. } => {
            innermost_first(lhs, found);
            innermost_first(rhs, found);
        }
        AstNode::Unary { operand, .. } | AstNode::FunctionApplication(operand) => {
            innermost_first(operand, found);
        }
        AstNode::Function { args, .. }
        | AstNode::Call { args, .. }
        | AstNode::Array(args)
        | AstNode::ArrayGroup(args)
        | AstNode::Block(args) => args.iter().for_each(|argument| innermost_first(argument, found)),
        AstNode::Object(members) => {
            for (key, member) in members {
                innermost_first(key, found);
                innermost_first(member, found);
            }
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            innermost_first(condition, found);
            innermost_first(then_branch, found);
            if let Some(branch) = else_branch {
                innermost_first(branch, found);
            }
        }
        AstNode::Path { steps } => {
            if let Some(first) = steps.first() {
                innermost_first(&first.node, found);
            }
        }
        AstNode::Sort { input, .. } | AstNode::ObjectTransform { input, .. } => innermost_first(input, found),
        _ => return,
    }
    found.push(part);
}
