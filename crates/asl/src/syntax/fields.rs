//! The fields of the language: on which types of states they may stand, in which language, and what their
//! values must be. The matrix is the one measured on AWS, not the specification's.

use super::{QueryLanguage, StateType};

/// A field of a state.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// The types of states that take it.
    pub on: &'static [StateType],
    /// The only language that has it; `None` for both.
    pub language: Option<QueryLanguage>,
    /// What its value must be.
    pub shape: Shape,
}

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Anything, or nothing that is checked here.
    Any,
    /// A string.
    Text,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// An array with at least one element, if `non_empty`.
    Array {
        /// Whether `[]` is wrong.
        non_empty: bool,
    },
    /// A whole number from `min` to `max`; in JSONata an expression instead, if `evaluated`.
    Integer {
        /// Lowest value.
        min: i64,
        /// Highest value.
        max: i64,
        /// Whether a JSONata expression may stand here.
        evaluated: bool,
    },
    /// A number from 0 to 100.
    Percentage,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A JSONPath; `null` too if `or_null`.
    Path {
        /// Whether `null` may stand here.
        or_null: bool,
    },
    /// A JSONPath that names one place.
    ReferencePath {
        /// Whether `null` may stand here.
        or_null: bool,
        /// Whether a path into a variable or the context object may stand here.
        writable: bool,
    },
    /// A JSONPath or an intrinsic function that gives a string.
    PathOrIntrinsic,
    /// A JSONPath or an intrinsic function that gives a list.
    ItemsPath,
    /// A point in time.
    Timestamp,
    /// A JSONPath payload template in JSONPath states, a JSONata value in JSONata states.
    Template,
    /// As [`Shape::Template`], but an object (or, in JSONata, an expression).
    ObjectTemplate,
    /// As [`Shape::Template`], but always an object.
    Assignments,
    /// A string, or an expression in JSONata states.
    TextOrExpression,
    /// A list, or an expression in JSONata states.
    ItemsTemplate,
}

/// Seconds a timeout, heartbeat or wait may last: AWS answers `Maximum value is 99999999`.
const SECONDS_MAX: i64 = crate::limits::SECONDS_MAX;

use StateType::{Choice, Fail, Map, Parallel, Pass, Succeed, Task, Wait};

const ALL: &[StateType] = &StateType::ALL;
const PATHS: &[StateType] = &[Pass, Task, Wait, Parallel, Map, Choice, Succeed];
const NEXT: &[StateType] = &[Pass, Task, Wait, Parallel, Map];
const WORK: &[StateType] = &[Task, Parallel, Map];

const fn both(name: &'static str, on: &'static [StateType], shape: Shape) -> Field {
    Field {
        name,
        on,
        language: None,
        shape,
    }
}

const fn jsonpath(name: &'static str, on: &'static [StateType], shape: Shape) -> Field {
    Field {
        name,
        on,
        language: Some(QueryLanguage::JsonPath),
        shape,
    }
}

const fn jsonata(name: &'static str, on: &'static [StateType], shape: Shape) -> Field {
    Field {
        name,
        on,
        language: Some(QueryLanguage::Jsonata),
        shape,
    }
}

const fn seconds(min: i64) -> Shape {
    Shape::Integer {
        min,
        max: SECONDS_MAX,
        evaluated: true,
    }
}

const READ: Shape = Shape::ReferencePath {
    or_null: false,
    writable: false,
};

/// Every field of a state, in alphabetical order.
pub const STATE_FIELDS: &[Field] = &[
    jsonata("Arguments", &[Task, Parallel], Shape::ObjectTemplate),
    both(
        "Assign",
        &[Pass, Task, Wait, Parallel, Map, Choice],
        Shape::Assignments,
    ),
    both("Branches", &[Parallel], Shape::Array { non_empty: true }),
    both("Catch", WORK, Shape::Array { non_empty: false }),
    both("Cause", &[Fail], Shape::TextOrExpression),
    jsonpath("CausePath", &[Fail], Shape::PathOrIntrinsic),
    both("Choices", &[Choice], Shape::Array { non_empty: true }),
    both("Comment", ALL, Shape::Text),
    both("Credentials", &[Task], Shape::ObjectTemplate),
    both("Default", &[Choice], Shape::Text),
    both("End", NEXT, Shape::Boolean),
    both("Error", &[Fail], Shape::TextOrExpression),
    jsonpath("ErrorPath", &[Fail], Shape::PathOrIntrinsic),
    both("HeartbeatSeconds", &[Task], seconds(1)),
    jsonpath("HeartbeatSecondsPath", &[Task], READ),
    jsonpath("InputPath", PATHS, Shape::Path { or_null: true }),
    both("ItemBatcher", &[Map], Shape::Object),
    both("ItemProcessor", &[Map], Shape::Object),
    both("ItemReader", &[Map], Shape::Object),
    both("ItemSelector", &[Map], Shape::ObjectTemplate),
    jsonata("Items", &[Map], Shape::ItemsTemplate),
    jsonpath("ItemsPath", &[Map], Shape::ItemsPath),
    both("Iterator", &[Map], Shape::Object),
    both("Label", &[Map], Shape::Text),
    both(
        "MaxConcurrency",
        &[Map],
        Shape::Integer {
            min: 0,
            max: i64::MAX,
            evaluated: true,
        },
    ),
    jsonpath("MaxConcurrencyPath", &[Map], READ),
    both("Next", NEXT, Shape::Text),
    jsonata("Output", PATHS, Shape::Template),
    jsonpath("OutputPath", PATHS, Shape::Path { or_null: true }),
    jsonpath("Parameters", &[Pass, Task, Parallel, Map], Shape::Template),
    both("QueryLanguage", ALL, Shape::Any),
    both("Resource", &[Task], Shape::Text),
    jsonpath("Result", &[Pass], Shape::Any),
    jsonpath(
        "ResultPath",
        &[Pass, Task, Parallel, Map],
        Shape::ReferencePath {
            or_null: true,
            writable: true,
        },
    ),
    jsonpath("ResultSelector", WORK, Shape::ObjectTemplate),
    both("ResultWriter", &[Map], Shape::Object),
    both("Retry", WORK, Shape::Array { non_empty: false }),
    both("Seconds", &[Wait], seconds(0)),
    jsonpath("SecondsPath", &[Wait], READ),
    both("TimeoutSeconds", &[Task], seconds(1)),
    jsonpath("TimeoutSecondsPath", &[Task], READ),
    both("Timestamp", &[Wait], Shape::Timestamp),
    jsonpath("TimestampPath", &[Wait], READ),
    both(
        "ToleratedFailureCount",
        &[Map],
        Shape::Integer {
            min: 0,
            max: i64::MAX,
            evaluated: true,
        },
    ),
    jsonpath("ToleratedFailureCountPath", &[Map], READ),
    both("ToleratedFailurePercentage", &[Map], Shape::Percentage),
    jsonpath("ToleratedFailurePercentagePath", &[Map], READ),
    both("Type", ALL, Shape::Any),
];

/// The field of a state called `name`.
pub fn state_field(name: &str) -> Option<&'static Field> {
    STATE_FIELDS
        .binary_search_by(|field| field.name.cmp(name))
        .ok()
        .and_then(|index| STATE_FIELDS.get(index))
}

/// The fields a state of this type must have, one at least of each list; written as AWS lists them.
pub fn required(kind: StateType) -> &'static [&'static str] {
    match kind {
        Task => &["Resource"],
        Choice => &["Choices"],
        Parallel => &["Branches"],
        Map | Pass | Wait | Succeed | Fail => &[],
    }
}

/// Fields of which a state of this type has exactly one.
pub fn exactly_one(kind: StateType) -> &'static [&'static [&'static str]] {
    match kind {
        Wait => &[
            &["SecondsPath", "Seconds", "TimestampPath", "Timestamp"],
            &["Next", "End"],
        ],
        Map => &[&["ItemProcessor", "Iterator"], &["Next", "End"]],
        Task | Pass | Parallel => &[&["Next", "End"]],
        Choice | Succeed | Fail => &[],
    }
}

/// Fields of which a state of this type has at most one.
pub fn at_most_one(kind: StateType) -> &'static [&'static [&'static str]] {
    match kind {
        Task => &[
            &["TimeoutSeconds", "TimeoutSecondsPath"],
            &["HeartbeatSeconds", "HeartbeatSecondsPath"],
        ],
        Map => &[
            &["MaxConcurrency", "MaxConcurrencyPath"],
            &["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"],
            &["ToleratedFailureCount", "ToleratedFailureCountPath"],
            &["ItemSelector", "Parameters"],
        ],
        Fail => &[&["Error", "ErrorPath"], &["Cause", "CausePath"]],
        Wait | Pass | Parallel | Choice | Succeed => &[],
    }
}

/// Fields of the top-level object.
pub const TOP_FIELDS: &[&str] = &[
    "Comment",
    "QueryLanguage",
    "StartAt",
    "States",
    "TimeoutSeconds",
    "Version",
];
/// Fields of a branch.
pub const BRANCH_FIELDS: &[&str] = &["Comment", "StartAt", "States"];
/// Fields of an item processor.
pub const PROCESSOR_FIELDS: &[&str] = &["Comment", "ProcessorConfig", "StartAt", "States"];
/// Fields of a retrier.
pub const RETRIER_FIELDS: &[&str] = &[
    "BackoffRate",
    "Comment",
    "ErrorEquals",
    "IntervalSeconds",
    "JitterStrategy",
    "MaxAttempts",
    "MaxDelaySeconds",
];
/// Fields of a catcher.
pub const CATCHER_FIELDS: &[&str] = &["Assign", "Comment", "ErrorEquals", "Next", "Output", "ResultPath"];
/// What a Choice rule decides by; it has exactly one of them.
pub const RULE_SELECTORS: &[&str] = &["And", "Or", "Not", "Variable", "Condition"];
/// Fields of a Choice rule besides what it decides by.
pub const RULE_FIELDS: &[&str] = &["Assign", "Comment", "Next", "Output"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_so_that_it_can_be_searched() {
        assert!(STATE_FIELDS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(state_field("Next").unwrap().name, "Next");
        assert!(state_field("next").is_none());
    }
}
