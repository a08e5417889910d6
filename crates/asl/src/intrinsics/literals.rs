//! What can be said of a call before it runs: arguments that are written out and can't be right.

use super::{Argument, Call, Function};
use crate::json::Json;

/// The algorithms of `States.Hash`.
const HASHES: [&str; 5] = ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"];

impl Call {
    /// The first argument that is written out and of a kind the function does not take, in words.
    pub fn wrong_literal(&self) -> Option<String> {
        let name = self.function.name();
        let own = self
            .arguments
            .iter()
            .enumerate()
            .find_map(|(position, argument)| match argument {
                Argument::Literal(value) => match (takes(self.function, position), value) {
                    (Kind::Number, Json::Number(_)) | (Kind::Any, _) => None,
                    (Kind::Number, _) => Some(format!("{name} takes a number as argument {}", position + 1)),
                    (Kind::HashName, Json::String(text)) if HASHES.contains(&&**text) => None,
                    (Kind::HashName, _) => Some(format!("{name} knows {}", HASHES.join(", "))),
                },
                Argument::Query(_) | Argument::Call(_) => None,
            });
        own.or_else(|| self.calls().find_map(Call::wrong_literal))
    }

    /// Places and values of the first `States.Format` in which they differ in number.
    pub fn format_gap(&self) -> Option<(usize, usize)> {
        let own = match (self.function, self.arguments.first()) {
            (Function::Format, Some(Argument::Literal(Json::String(template)))) => {
                let (places, values) = (places(template), self.arguments.len() - 1);
                (places != values).then_some((places, values))
            }
            _ => None,
        };
        own.or_else(|| self.calls().find_map(Call::format_gap))
    }

    /// How deep calls are nested; one without a call among its arguments is 1.
    pub fn depth(&self) -> usize {
        1 + self.calls().map(Call::depth).max().unwrap_or(0)
    }

    fn calls(&self) -> impl Iterator<Item = &Call> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Call(call) => Some(&**call),
            Argument::Literal(_) | Argument::Query(_) => None,
        })
    }
}

enum Kind {
    Any,
    Number,
    HashName,
}

fn takes(function: Function, position: usize) -> Kind {
    match (function, position) {
        (Function::MathAdd | Function::MathRandom | Function::ArrayRange, _)
        | (Function::ArrayPartition | Function::ArrayGetItem, 1) => Kind::Number,
        (Function::Hash, 1) => Kind::HashName,
        _ => Kind::Any,
    }
}

/// The `{}` of a template; a backslash before a brace makes it text.
fn places(template: &str) -> usize {
    let mut count = 0;
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '{' if chars.peek() == Some(&'}') => {
                chars.next();
                count += 1;
            }
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Call {
        Call::parse(text).unwrap()
    }

    #[test]
    fn literals_of_the_wrong_kind_are_named() {
        assert!(
            parse("States.MathAdd(1, '-1')")
                .wrong_literal()
                .unwrap()
                .contains("argument 2")
        );
        assert!(
            parse("States.Array(States.Hash($.a, 'SHA-2'))")
                .wrong_literal()
                .is_some()
        );
        for right in [
            "States.MathAdd($.a, -1)",
            "States.Hash('a', 'SHA-1')",
            "States.Array('a', 1)",
        ] {
            assert_eq!(parse(right).wrong_literal(), None, "{right}");
        }
    }

    #[test]
    fn places_and_values_of_a_format_are_counted() {
        assert_eq!(parse("States.Format('{} {}', $.a)").format_gap(), Some((2, 1)));
        assert_eq!(
            parse("States.Array(States.Format('x', $.a))").format_gap(),
            Some((0, 1))
        );
        assert_eq!(
            parse(r"States.Format('\\{\\} {}', $.a)").format_gap(),
            parse(r"States.Format('{}', $.a)").format_gap()
        );
        assert_eq!(parse("States.Format('{} {}', $.a, 1)").format_gap(), None);
    }
}
