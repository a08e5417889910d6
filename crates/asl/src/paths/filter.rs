//! Filters: `?(@.price < 10 && @.tags contains 'a')`.

use std::cmp::Ordering;

use regex::Regex;

use super::Path;
use super::parse::{Cursor, PathSyntaxError, is_definite};
use crate::json::{Json, read};

#[derive(Clone, Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Literal(Json),
    Pattern(Regex),
    FromCurrent(Path),
    FromRoot(Path),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    All,
    Contains,
    Size,
    Empty,
}

/// Longer ones first where one begins like another.
const OPERATORS: [(&str, Operator); 20] = [
    ("===", Operator::Equal),
    ("!==", Operator::NotEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=~", Operator::Matches),
    ("in ", Operator::In),
    ("in[", Operator::In),
    ("nin ", Operator::NotIn),
    ("subsetof ", Operator::SubsetOf),
    ("anyof ", Operator::AnyOf),
    ("noneof ", Operator::NoneOf),
    ("all ", Operator::All),
    ("contains ", Operator::Contains),
    ("size ", Operator::Size),
    ("empty ", Operator::Empty),
    ("IN ", Operator::In),
];

/// Reads from behind the `?` to behind the closing parenthesis.
pub(super) fn parse(cursor: &mut Cursor) -> Result<Filter, PathSyntaxError> {
    if !cursor.take('(') {
        return Err(cursor.error());
    }
    let filter = any(cursor)?;
    cursor.blanks();
    if !cursor.take(')') {
        return Err(PathSyntaxError("Expected character: )".to_owned()));
    }
    Ok(filter)
}

fn any(cursor: &mut Cursor) -> Result<Filter, PathSyntaxError> {
    let mut parts = vec![all(cursor)?];
    loop {
        cursor.blanks();
        if !cursor.take_word("||") {
            break;
        }
        parts.push(all(cursor)?);
    }
    Ok(single(parts, Filter::Any))
}

fn all(cursor: &mut Cursor) -> Result<Filter, PathSyntaxError> {
    let mut parts = vec![not(cursor)?];
    loop {
        cursor.blanks();
        if !cursor.take_word("&&") {
            break;
        }
        parts.push(not(cursor)?);
    }
    Ok(single(parts, Filter::All))
}

fn single(mut parts: Vec<Filter>, several: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    several(parts)
}

fn not(cursor: &mut Cursor) -> Result<Filter, PathSyntaxError> {
    cursor.blanks();
    if cursor.peek() == Some('!') {
        cursor.at += 1;
        return Ok(Filter::Not(Box::new(not(cursor)?)));
    }
    if cursor.take('(') {
        let inner = any(cursor)?;
        cursor.blanks();
        if !cursor.take(')') {
            return Err(PathSyntaxError("Expected character: )".to_owned()));
        }
        return Ok(inner);
    }
    comparison(cursor)
}

fn comparison(cursor: &mut Cursor) -> Result<Filter, PathSyntaxError> {
    let left = operand(cursor)?;
    cursor.blanks();
    let Some((_, operator)) = OPERATORS.iter().find(|(text, _)| cursor.take_word(text)) else {
        return match left {
            Operand::FromCurrent(_) | Operand::FromRoot(_) => Ok(Filter::Exists(left)),
            Operand::Literal(_) | Operand::Pattern(_) => Err(cursor.error()),
        };
    };
    // `in[` took the bracket of its list.
    if cursor.at > 0 && cursor.chars.get(cursor.at - 1) == Some(&'[') {
        cursor.at -= 1;
    }
    cursor.blanks();
    let right = operand(cursor)?;
    Ok(Filter::Compare(left, *operator, right))
}

fn operand(cursor: &mut Cursor) -> Result<Operand, PathSyntaxError> {
    match cursor.peek() {
        Some(sign @ ('@' | '$')) => {
            let start = cursor.at;
            let segments = cursor.path()?;
            let text: String = cursor
                .chars
                .get(start..cursor.at)
                .unwrap_or_default()
                .iter()
                .collect();
            let path = Path {
                text: text.into(),
                definite: is_definite(&segments),
                segments,
            };
            Ok(if sign == '@' {
                Operand::FromCurrent(path)
            } else {
                Operand::FromRoot(path)
            })
        }
        Some('/') => pattern(cursor),
        _ => literal(cursor).map(Operand::Literal),
    }
}

fn pattern(cursor: &mut Cursor) -> Result<Operand, PathSyntaxError> {
    cursor.at += 1;
    let mut text = String::new();
    loop {
        match cursor.peek() {
            None => return Err(cursor.error()),
            Some('/') => break,
            Some('\\') if cursor.peek_next() == Some('/') => {
                text.push('/');
                cursor.at += 2;
            }
            Some(c) => {
                text.push(c);
                cursor.at += 1;
            }
        }
    }
    cursor.at += 1;
    let mut flags = String::new();
    while let Some(flag) = cursor.peek().filter(char::is_ascii_alphabetic) {
        // Java's other flags have no meaning here.
        if matches!(flag, 'i' | 'm' | 's' | 'x' | 'u') {
            flags.push(flag);
        }
        cursor.at += 1;
    }
    let flags = if flags.is_empty() {
        String::new()
    } else {
        format!("(?{flags})")
    };
    // Jayway wants the whole text to match.
    Regex::new(&format!("{flags}^(?:{text})$"))
        .map(Operand::Pattern)
        .map_err(|error| PathSyntaxError(format!("Invalid regular expression `{text}`: {error}")))
}

/// A string, number, `true`, `false`, `null`, or a JSON array or object (with quotes of either kind).
pub(super) fn literal(cursor: &mut Cursor) -> Result<Json, PathSyntaxError> {
    cursor.blanks();
    match cursor.peek() {
        Some('\'' | '"') => cursor.quoted().map(Json::string),
        Some('[') => list(cursor),
        Some('{') => object(cursor),
        Some(_) => {
            let start = cursor.at;
            while cursor
                .peek()
                .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_'))
            {
                cursor.at += 1;
            }
            let text: String = cursor
                .chars
                .get(start..cursor.at)
                .unwrap_or_default()
                .iter()
                .collect();
            match read::read(&text) {
                Ok(value) => Ok(value),
                // `[?(@.category==home)]`: published definitions write it, and AWS takes a bare word for a text.
                Err(_) if text.starts_with(char::is_alphabetic) => Ok(Json::string(text)),
                Err(_) => Err(cursor.error()),
            }
        }
        None => Err(cursor.error()),
    }
}

fn list(cursor: &mut Cursor) -> Result<Json, PathSyntaxError> {
    cursor.at += 1;
    let mut items = Vec::new();
    loop {
        cursor.blanks();
        if cursor.take(']') {
            return Ok(Json::array(items));
        }
        if !items.is_empty() && !cursor.take(',') {
            return Err(cursor.error());
        }
        items.push(literal(cursor)?);
    }
}

fn object(cursor: &mut Cursor) -> Result<Json, PathSyntaxError> {
    let start = cursor.at;
    let mut open = 0_usize;
    while let Some(c) = cursor.peek() {
        cursor.at += 1;
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            let text: String = cursor
                .chars
                .get(start..cursor.at)
                .unwrap_or_default()
                .iter()
                .collect();
            return read::read(&text).map_err(|_| cursor.error());
        }
    }
    Err(cursor.error())
}

impl Filter {
    pub(super) fn matches(&self, root: &Json, current: &Json) -> bool {
        match self {
            Filter::All(parts) => parts.iter().all(|part| part.matches(root, current)),
            Filter::Any(parts) => parts.iter().any(|part| part.matches(root, current)),
            Filter::Not(inner) => !inner.matches(root, current),
            Filter::Exists(operand) => match operand {
                Operand::FromCurrent(path) => exists(path, root, current),
                Operand::FromRoot(path) => exists(path, root, root),
                Operand::Literal(_) | Operand::Pattern(_) => true,
            },
            Filter::Compare(left, Operator::Matches, Operand::Pattern(pattern)) => {
                match left.value(root, current) {
                    Some(Json::String(text)) => pattern.is_match(&text),
                    Some(Json::Number(number)) => pattern.is_match(&number.to_string()),
                    _ => false,
                }
            }
            Filter::Compare(left, operator, right) => compare(
                left.value(root, current).as_ref(),
                *operator,
                right.value(root, current).as_ref(),
            ),
        }
    }
}

fn exists(path: &Path, root: &Json, current: &Json) -> bool {
    match path.find_from(root, current) {
        Ok(Json::Array(items)) if !path.definite => !items.is_empty(),
        Ok(_) => true,
        Err(_) => false,
    }
}

impl Operand {
    /// `None` where there is nothing, which differs from null.
    fn value(&self, root: &Json, current: &Json) -> Option<Json> {
        match self {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Pattern(_) => None,
            Operand::FromCurrent(path) => path.find_from(root, current).ok(),
            Operand::FromRoot(path) => path.find_from(root, root).ok(),
        }
    }
}

fn compare(left: Option<&Json>, operator: Operator, right: Option<&Json>) -> bool {
    match operator {
        Operator::NotEqual => !compare(left, Operator::Equal, right),
        Operator::NotIn => !compare(left, Operator::In, right),
        Operator::NoneOf => !compare(left, Operator::AnyOf, right),
        _ => match (left, right) {
            (Some(left), Some(right)) => compare_values(left, operator, right),
            _ => false,
        },
    }
}

fn compare_values(left: &Json, operator: Operator, right: &Json) -> bool {
    let order = || order(left, right);
    let contains = |list: &[Json], value: &Json| list.iter().any(|item| equal(item, value));
    match operator {
        Operator::Equal => equal(left, right),
        Operator::Less => order() == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order() == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
        Operator::In => right.as_array().is_some_and(|list| contains(list, left)),
        Operator::SubsetOf => both(left, right, |own, given| {
            own.iter().all(|item| contains(given, item))
        }),
        Operator::AnyOf => both(left, right, |own, given| {
            own.iter().any(|item| contains(given, item))
        }),
        Operator::All => both(left, right, |own, given| {
            given.iter().all(|item| contains(own, item))
        }),
        Operator::Contains => match (left, right) {
            (Json::String(text), Json::String(part)) => text.contains(&**part),
            (Json::Array(items), value) => contains(items, value),
            _ => false,
        },
        Operator::Size => size(left)
            .is_some_and(|size| right.as_number().and_then(serde_json::Number::as_u64) == Some(size)),
        Operator::Empty => size(left).is_some_and(|size| *right == Json::Bool(size == 0)),
        // Handled above, with what is missing.
        Operator::NotEqual | Operator::NotIn | Operator::NoneOf | Operator::Matches => false,
    }
}

fn both(left: &Json, right: &Json, test: impl Fn(&[Json], &[Json]) -> bool) -> bool {
    matches!((left.as_array(), right.as_array()), (Some(left), Some(right)) if test(left, right))
}

fn size(value: &Json) -> Option<u64> {
    let size = match value {
        Json::String(text) => text.chars().count(),
        Json::Array(items) => items.len(),
        Json::Object(object) => object.len(),
        _ => return None,
    };
    u64::try_from(size).ok()
}

/// A number equals a string that reads as the same number.
fn equal(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(number), Json::String(text)) | (Json::String(text), Json::Number(number)) => {
            text.parse::<f64>().ok() == number.as_f64()
        }
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

fn order(left: &Json, right: &Json) -> Option<Ordering> {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Json::String(left), Json::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}
