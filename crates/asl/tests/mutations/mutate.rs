//! A definition, changed a little: its text, or its values. The same number gives the same change.

use serde_json::Value;

/// Numbers from a seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// From 0 to below `end`; 0 for 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % (end.max(1) as u64)).unwrap()
    }

    pub(crate) fn one<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// Pieces of text that mean something somewhere.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "$",
    "$$",
    ".",
    ".$",
    "..",
    "*",
    "?(@.a)",
    "{%",
    "%}",
    "${X}",
    "\\",
    "\u{e9}",
    "\u{1f600}",
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "99999999999999999999",
    "1.5",
    "\"\"",
    "\"$\"",
    "\"$.a[0]\"",
    "\"$states.input\"",
    "\"States.Format('{}', $.a)\"",
    "\"{% $states.input %}\"",
    "\"{% $sum([1..9]) %}\"",
    "\"Next\":\"A\"",
    "\"End\":true",
    "\"Retry\":[]",
    "\"Type\":\"Map\"",
    "\"QueryLanguage\":\"JSONata\"",
    "States.",
    "$map(",
    "function($x){",
    "~>",
    "/a/i",
    "'",
];

/// Values that mean something somewhere.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "3",
    "1.5",
    "1e300",
    "99999999",
    "[]",
    "{}",
    "\"\"",
    "\"A\"",
    "\"$\"",
    "\"$.a\"",
    "\"$$\"",
    "\"$v\"",
    "\"$.a[*].b\"",
    "\"$..a\"",
    "\"$.a[?(@.b > 1)]\"",
    "\"States.ALL\"",
    "\"States.UUID()\"",
    "\"States.Array($.a, 1)\"",
    "\"{% 1 + 1 %}\"",
    "\"{% $states.result %}\"",
    "\"{% $v %}\"",
    "\"{% ($f := function($n) { $f($n + 1) }; $f(1)) %}\"",
    "\"{% $states.input.a[b = 1]^(c) %}\"",
    "[1, 2, 3]",
    "{\"a.$\": \"$.a\"}",
    "\"2030-01-01T00:00:00Z\"",
    "\"DISTRIBUTED\"",
    "\"arn:aws:states:::lambda:invoke\"",
    "\"arn:aws:states:::aws-sdk:s3:getObject\"",
    "\"JSONata\"",
    "\"JSONPath\"",
];

/// Keys that mean something somewhere.
const KEYS: &[&str] = &[
    "Type",
    "Next",
    "End",
    "Default",
    "Retry",
    "Catch",
    "Parameters",
    "Arguments",
    "Output",
    "Assign",
    "Result",
    "ResultPath",
    "InputPath",
    "OutputPath",
    "ItemsPath",
    "Items",
    "ItemSelector",
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
    "MaxConcurrency",
    "Choices",
    "Branches",
    "ItemProcessor",
    "ProcessorConfig",
    "StartAt",
    "States",
    "QueryLanguage",
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "Seconds",
    "Timestamp",
    "ErrorEquals",
    "And",
    "Not",
    "Variable",
    "Condition",
    "a.$",
    "a",
];

/// One to three changes.
pub(crate) fn mutated(seeds: &[&str], dice: &mut Dice) -> String {
    let mut text = dice.one(seeds).to_owned();
    for _ in 0..=dice.below(3) {
        text = if dice.below(2) == 0 {
            changed_text(&text, seeds, dice)
        } else {
            changed_values(&text, dice)
        };
    }
    text
}

fn changed_text(text: &str, seeds: &[&str], dice: &mut Dice) -> String {
    let at = boundary(text, dice.below(text.len() + 1));
    let end = boundary(text, (at + dice.below(40)).min(text.len()));
    let piece = match dice.below(4) {
        0 => String::new(),
        1 => text[at..end].repeat(2),
        2 => {
            let other = dice.one(seeds);
            let from = boundary(other, dice.below(other.len()));
            let to = boundary(other, (from + dice.below(80)).min(other.len()));
            other[from..to].to_owned()
        }
        _ => dice.one(PIECES).to_owned(),
    };
    format!("{}{piece}{}", &text[..at], &text[end..])
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// Another value, a member more or less, two values exchanged. Text that is no JSON stays as it is.
fn changed_values(text: &str, dice: &mut Dice) -> String {
    let Ok(mut root) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let mut left = dice.below(count(&root));
    let value: Value = serde_json::from_str(dice.one(VALUES)).unwrap();
    let kind = dice.below(4);
    let key = dice.one(KEYS);
    change(&mut root, &mut left, &mut |node| match (kind, node) {
        (0, Value::Object(members)) => {
            members.insert(key.to_owned(), value.clone());
        }
        (1, Value::Object(members)) => {
            members.remove(key);
        }
        (2, Value::Array(items)) => items.push(value.clone()),
        (_, node) => *node = value.clone(),
    });
    root.to_string()
}

fn count(node: &Value) -> usize {
    1 + match node {
        Value::Array(nodes) => nodes.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn change(node: &mut Value, left: &mut usize, with: &mut dyn FnMut(&mut Value)) {
    if *left == 0 {
        with(node);
        *left = usize::MAX;
        return;
    }
    *left = left.saturating_sub(1);
    match node {
        Value::Array(nodes) => nodes.iter_mut().for_each(|node| change(node, left, with)),
        Value::Object(members) => members.values_mut().for_each(|node| change(node, left, with)),
        _ => {}
    }
}
