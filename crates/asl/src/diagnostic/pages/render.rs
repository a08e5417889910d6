//! A code's page as Markdown.

use std::fmt::Write as _;

use super::{Code, Example, Rule, rules};
use crate::diagnostic::{Origin, Severity};

/// Columns an example's line may have before it is broken up.
const EXAMPLE_COLUMNS_MAX: usize = 90;

pub(super) fn markdown(code: Code) -> String {
    let mut page = format!("# {code}\n\n{}\n\n", code.title());
    let severity = match code.severity() {
        Severity::Error => "Error: the definition is refused.",
        Severity::Warning => "Warning: the definition can be created, and will likely disappoint.",
        Severity::Info => "Advice.",
    };
    let origin = match code.origin() {
        Origin::Aws => "AWS Step Functions has this code.",
        Origin::Ours => "The code is Signalbox's own.",
    };
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(page, "{severity} {origin}");
    let own: Vec<&Rule> = rules(code).collect();
    if own.len() > 1 {
        page.push_str("\nRules:\n\n");
        for rule in &own {
            let _ = writeln!(page, "- [{}](#{})", rule.title, anchor(rule.title));
        }
    }
    for rule in own {
        section(&mut page, rule);
    }
    page
}

fn section(page: &mut String, rule: &Rule) {
    let _ = write!(page, "\n## {}\n", rule.title);
    if !rule.text.is_empty() {
        let _ = write!(page, "\n{}\n", rule.text);
    }
    for (name, example) in [("Wrong", rule.wrong), ("Right", rule.right)] {
        let _ = write!(page, "\n{name}");
        match example {
            Example::Words(words) => {
                let _ = writeln!(page, ": {words}");
            }
            Example::ExpressStates(text) => {
                let _ = write!(page, " (Express):\n\n```json\n{}\n```\n", pretty(text));
            }
            Example::Definition(text) | Example::States(text) | Example::State(text) => {
                let _ = write!(page, ":\n\n```json\n{}\n```\n", pretty(text));
            }
        }
    }
}

/// As GitHub makes anchors of headings.
fn anchor(title: &str) -> String {
    title
        .chars()
        .filter_map(|c| match c {
            ' ' | '-' => Some('-'),
            '_' => Some('_'),
            c if c.is_alphanumeric() => c.to_lowercase().next(),
            _ => None,
        })
        .collect()
}

/// Breaks what is too long for a line; text that is no JSON, or has a key twice, stays as it is.
fn pretty(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) if value.to_string().len() >= without_blanks(text) => {
            let mut out = String::new();
            lay_out(&mut out, &value, 0, 0);
            out
        }
        _ => text.to_owned(),
    }
}

/// Bytes of a JSON text without the blanks between its tokens: less than that printed means something was lost.
fn without_blanks(text: &str) -> usize {
    let (mut count, mut in_string, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        count += usize::from(in_string || !byte.is_ascii_whitespace());
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
    }
    count
}

/// `column`: where on its line the value begins.
fn lay_out(out: &mut String, value: &serde_json::Value, indent: usize, column: usize) {
    use serde_json::Value;
    let line = on_one_line(value);
    let is_short = indent > 0 && column + line.len() <= EXAMPLE_COLUMNS_MAX;
    let inner = indent + 2;
    match value {
        Value::Object(members) if !members.is_empty() && !is_short => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let key = Value::from(key.as_str()).to_string();
                let _ = write!(out, "{comma}\n{:inner$}{key}: ", "");
                lay_out(out, member, inner, inner + key.len() + 2);
            }
            let _ = write!(out, "\n{:indent$}}}", "");
        }
        Value::Array(items) if !items.is_empty() && !is_short => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let _ = write!(out, "{comma}\n{:inner$}", "");
                lay_out(out, item, inner, inner);
            }
            let _ = write!(out, "\n{:indent$}]", "");
        }
        _ => out.push_str(&line),
    }
}

/// `{"a": [1, 2]}`: with a blank behind each comma and colon.
fn on_one_line(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, member)| format!("{}: {}", Value::from(key.as_str()), on_one_line(member)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(on_one_line).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
