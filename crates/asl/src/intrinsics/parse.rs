//! The grammar of calls: names, arguments (strings in single quotes, numbers, `true`, `false`, `null`, paths, calls), arity.

use std::sync::Arc;

use super::{Argument, Call, Function};
use crate::json::{Json, read};
use crate::paths::Query;

/// Calls may stand inside of calls this deep. Ours: it bounds the stack. AWS documents ten, which is doubted rather than
/// refused, for nobody has recorded what it says of an eleventh.
const NESTING_MAX: usize = 40;

/// Why a text is not a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IntrinsicSyntaxError(pub String);

impl Call {
    /// Compiles `text`, for example `States.Array($.a, 'b', 3)`.
    pub fn parse(text: &str) -> Result<Call, IntrinsicSyntaxError> {
        let mut parser = Parser {
            chars: text.chars().collect(),
            at: 0,
        };
        let call = parser.call(NESTING_MAX)?;
        parser.blanks();
        if parser.at < parser.chars.len() {
            return Err(parser.error("text after the end of the call"));
        }
        Ok(call)
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn call(&mut self, nesting_left: usize) -> Result<Call, IntrinsicSyntaxError> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_')
        {
            self.at += 1;
        }
        let name = self.slice(start);
        let function = Function::parse(&name)
            .ok_or_else(|| IntrinsicSyntaxError(format!("`{name}` is not an intrinsic function")))?;
        let rest = nesting_left
            .checked_sub(1)
            .ok_or_else(|| self.error("calls are nested too deep"))?;
        self.blanks();
        if !self.take('(') {
            return Err(self.error("`(` is missing"));
        }
        let arguments = self.arguments(function, rest)?;
        let (least, most) = function.arity();
        if arguments.len() < least || arguments.len() > most {
            return Err(IntrinsicSyntaxError(format!(
                "`{}` takes {} arguments, not {}",
                function.name(),
                match most {
                    usize::MAX => format!("at least {least}"),
                    _ if least == most => least.to_string(),
                    _ => format!("{least} to {most}"),
                },
                arguments.len()
            )));
        }
        Ok(Call {
            text: self.slice(start).into(),
            function,
            arguments,
        })
    }

    fn arguments(
        &mut self,
        function: Function,
        nesting_left: usize,
    ) -> Result<Vec<Argument>, IntrinsicSyntaxError> {
        let mut arguments = Vec::new();
        self.blanks();
        if self.take(')') {
            return Ok(arguments);
        }
        loop {
            self.blanks();
            let is_template = function == Function::Format && arguments.is_empty();
            arguments.push(self.argument(is_template, nesting_left)?);
            self.blanks();
            if self.take(')') {
                return Ok(arguments);
            }
            if !self.take(',') {
                return Err(self.error("`,` or `)` is missing"));
            }
        }
    }

    fn argument(&mut self, is_template: bool, nesting_left: usize) -> Result<Argument, IntrinsicSyntaxError> {
        match self.peek() {
            Some('\'') => self
                .string(is_template)
                .map(|text| Argument::Literal(Json::String(text))),
            Some('$') => {
                let text = self.path_text();
                Query::parse(&text)
                    .map(|query| Argument::Query(Box::new(query)))
                    .map_err(|error| IntrinsicSyntaxError(format!("`{text}` is not a path: {error}")))
            }
            Some('S') => self.call(nesting_left).map(|call| Argument::Call(Box::new(call))),
            Some(_) => {
                let start = self.at;
                while self
                    .peek()
                    .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'))
                {
                    self.at += 1;
                }
                let text = self.slice(start);
                read::read(&text).map(Argument::Literal).map_err(|_| {
                    self.error("an argument that is neither a string in single quotes, number, path nor call")
                })
            }
            None => Err(self.error("an argument is missing")),
        }
    }

    /// Backslashes escape `'`, `{`, `}` and themselves, nothing else. In a template of `States.Format` an escaped brace stays
    /// escaped until it is formatted.
    fn string(&mut self, is_template: bool) -> Result<Arc<str>, IntrinsicSyntaxError> {
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\'' => return Ok(text.into()),
                '\\' => {
                    let escaped = self.peek();
                    self.at += 1;
                    match escaped {
                        Some(brace @ ('{' | '}' | '\\')) if is_template => {
                            text.push('\\');
                            text.push(brace);
                        }
                        Some(plain @ ('\'' | '{' | '}' | '\\')) => text.push(plain),
                        _ => return Err(self.error("a backslash may only stand before ', {, } and \\")),
                    }
                }
                other => text.push(other),
            }
        }
        Err(self.error("a string has no end"))
    }

    /// From `$` to before the comma or parenthesis that ends the argument.
    fn path_text(&mut self) -> String {
        let start = self.at;
        let (mut open, mut quote) = (0_i32, None);
        while let Some(c) = self.peek() {
            match (quote, c) {
                (Some(_), '\\') => self.at += 1,
                (Some(open_quote), c) if c == open_quote => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '[' | '(') => open += 1,
                (None, ']') => open -= 1,
                (None, ')') if open > 0 => open -= 1,
                (None, ')') => break,
                (None, ',') if open == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.at.min(self.chars.len());
        self.slice(start).trim_end().to_owned()
    }

    fn slice(&self, start: usize) -> String {
        self.chars
            .get(start..self.at)
            .unwrap_or_default()
            .iter()
            .collect()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += 1;
        }
        there
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn error(&self, problem: &str) -> IntrinsicSyntaxError {
        IntrinsicSyntaxError(format!("{problem} (at character {})", self.at + 1))
    }
}
