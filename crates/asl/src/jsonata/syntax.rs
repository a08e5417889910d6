//! A JSONata expression's text → its tree, with errors in jsonata.js's words, which are AWS's.

use jsonata_core::ast::AstNode;
use jsonata_core::parser::ParserError;

/// Nesting of brackets or prefix signs that is still parsed. AWS evaluates at most 100 levels
/// (`Stack overflow error: … Depth=101 max=100`), and it bounds the stack of the parser.
const NESTING_MAX: usize = 100;

/// Why a text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionSyntaxError(pub String);

/// Parses what stands between `{%` and `%}`.
pub fn parse(expression: &str) -> Result<AstNode, ExpressionSyntaxError> {
    if expression.trim().is_empty() {
        return Err(ExpressionSyntaxError("Unexpected end of expression".to_owned()));
    }
    if nesting(expression) > NESTING_MAX {
        return Err(ExpressionSyntaxError(format!(
            "The expression is nested more than {NESTING_MAX} deep"
        )));
    }
    jsonata_core::parser::parse(expression).map_err(|error| match error {
        // The parser has one error for both.
        ParserError::UnclosedString if quotes_are_closed(expression) => {
            ExpressionSyntaxError("No terminating / in regular expression".to_owned())
        }
        error => ExpressionSyntaxError(reworded(&error.to_string())),
    })
}

/// Whether every string ends.
fn quotes_are_closed(expression: &str) -> bool {
    let mut quote = None;
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            _ => {}
        }
    }
    quote.is_none()
}

/// An upper bound of how deep the parser goes: open brackets, and runs of things that each open a level.
fn nesting(expression: &str) -> usize {
    let (mut open, mut run, mut deepest) = (0_usize, 0_usize, 0_usize);
    let mut quote = None;
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(open_quote), c) if c == open_quote => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(' | '[' | '{') => {
                open += 1;
                run = 0;
            }
            (None, ')' | ']' | '}') => {
                open = open.saturating_sub(1);
                run = 0;
            }
            (None, '-' | '?') => run += 1,
            (None, ',' | ';') => run = 0,
            (Some(_) | None, _) => {}
        }
        deepest = deepest.max(open + run / 2);
    }
    deepest
}

/// The parser prints its own names of tokens; jsonata.js prints the characters, in quotes.
fn reworded(message: &str) -> String {
    let message = without_code(message);
    if let Some((expected, found)) = message
        .strip_prefix("Expected ")
        .and_then(|rest| rest.split_once(", got "))
    {
        return format!("Expected {}, got {}", symbol(expected), symbol(found));
    }
    if let Some(expected) = message
        .strip_prefix("Expected ")
        .and_then(|rest| rest.strip_suffix(" before end of expression"))
    {
        return format!("Expected {} before end of expression", symbol(expected));
    }
    if let Some(found) = message
        .strip_prefix("The symbol ")
        .and_then(|rest| rest.strip_suffix(" cannot be used as a unary operator"))
    {
        return format!("The symbol {} cannot be used as a unary operator", symbol(found));
    }
    for opening in ["Syntax error: ", "Unknown operator: "] {
        if let Some(found) = message.strip_prefix(opening) {
            return format!("{opening}{}", symbol(found));
        }
    }
    message.to_owned()
}

/// `S0202: Expected …` and `Invalid syntax: S0201: …` without what comes before the sentence.
fn without_code(message: &str) -> &str {
    let message = message.strip_prefix("Invalid syntax: ").unwrap_or(message);
    match message.split_once(": ") {
        Some((code, rest)) if code.len() == 5 && code.starts_with(['S', 'D', 'T', 'U']) => rest,
        _ => message,
    }
}

fn symbol(token: &str) -> String {
    let plain = match token {
        "Plus" => "+",
        "Minus" => "-",
        "Star" => "*",
        "StarStar" => "**",
        "Slash" => "/",
        "Percent" => "%",
        "Equal" => "=",
        "NotEqual" => "!=",
        "LessThan" => "<",
        "LessThanOrEqual" => "<=",
        "GreaterThan" => ">",
        "GreaterThanOrEqual" => ">=",
        "And" => "and",
        "Or" => "or",
        "In" => "in",
        "Ampersand" => "&",
        "Dot" => ".",
        "DotDot" => "..",
        "Question" => "?",
        "QuestionQuestion" => "??",
        "QuestionColon" => "?:",
        "Colon" => ":",
        "ColonEqual" => ":=",
        "TildeArrow" => "~>",
        "LeftParen" => "(",
        "RightParen" => ")",
        "LeftBracket" => "[",
        "RightBracket" => "]",
        "LeftBrace" => "{",
        "RightBrace" => "}",
        "Comma" => ",",
        "Semicolon" => ";",
        "Caret" => "^",
        "Pipe" => "|",
        "Hash" => "#",
        "At" => "@",
        "Eof" => "(end)",
        "True" => "true",
        "False" => "false",
        "Null" => "null",
        other => inner_text(other),
    };
    format!("\"{plain}\"")
}

/// `Identifier("b")` → `b`, `Number(2.0)` → `2.0`; anything else as it is.
fn inner_text(token: &str) -> &str {
    match token.split_once('(') {
        Some((name, rest)) if name.chars().all(char::is_alphabetic) => {
            rest.strip_suffix(')').unwrap_or(rest).trim_matches('"')
        }
        _ => token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_jsonata_js_writes_them() {
        let message = |text: &str| parse(text).unwrap_err().0;
        assert_eq!(message("a[1,2)"), r#"Expected "]", got ",""#);
        assert_eq!(message("1 +"), "Unexpected end of expression");
        assert_eq!(message(""), "Unexpected end of expression");
        assert_eq!(
            message("\"x"),
            "String literal must be terminated by a matching quote"
        );
        assert_eq!(
            message("{\"a\": }"),
            r#"The symbol "}" cannot be used as a unary operator"#
        );
        assert_eq!(
            message("$match(\"a\", /b"),
            "No terminating / in regular expression"
        );
        assert!(parse("$map($states.input.a, function($x){ $x.b })").is_ok());
    }

    #[test]
    fn nesting_without_end_is_refused_before_it_is_parsed() {
        for opening in ["(", "[", "{\"a\":", "-", "$f(", "a?b:"] {
            let text = opening.repeat(100_000);
            std::thread::Builder::new()
                .stack_size(1 << 20)
                .spawn(move || assert!(parse(&text).is_err()))
                .unwrap()
                .join()
                .unwrap();
        }
    }
}
