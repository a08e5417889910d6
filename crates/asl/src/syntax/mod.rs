//! A definition as it is written: views on the spanned tree, and the tables of what may be written where.
//! Nothing here judges; [`crate::checks`] does.

pub mod definition;
pub mod fields;
mod iteration;
pub mod place;
pub mod resource;

pub use iteration::processor_of;

/// The eight types of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateType {
    /// Does work elsewhere.
    Task,
    /// Waits.
    Wait,
    /// Passes its input on, or a value of its own.
    Pass,
    /// Ends the scope well.
    Succeed,
    /// Ends the execution badly.
    Fail,
    /// Decides.
    Choice,
    /// Runs branches side by side.
    Parallel,
    /// Runs one scope for each item.
    Map,
}

impl StateType {
    /// The order AWS lists them in.
    pub const ALL: [Self; 8] = [
        Self::Task,
        Self::Wait,
        Self::Pass,
        Self::Succeed,
        Self::Fail,
        Self::Choice,
        Self::Parallel,
        Self::Map,
    ];

    /// The value of `Type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "Task",
            Self::Wait => "Wait",
            Self::Pass => "Pass",
            Self::Succeed => "Succeed",
            Self::Fail => "Fail",
            Self::Choice => "Choice",
            Self::Parallel => "Parallel",
            Self::Map => "Map",
        }
    }

    /// The type a value of `Type` names.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether a state of this type goes on by `Next` or ends by `End`.
    pub fn has_next_or_end(self) -> bool {
        !matches!(self, Self::Succeed | Self::Fail | Self::Choice)
    }
}

/// The two query languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryLanguage {
    /// JSONPath, the default.
    JsonPath,
    /// JSONata.
    Jsonata,
}

impl QueryLanguage {
    /// The value of `QueryLanguage`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JsonPath => "JSONPath",
            Self::Jsonata => "JSONata",
        }
    }
}

/// Whether a text holds a substitution (`${Name}`) of CloudFormation, SAM or CDK: then nobody can know its
/// value, and nothing may be said of it.
pub fn has_substitution(text: &str) -> bool {
    // Most texts have none: one look tells.
    if !text.as_bytes().contains(&b'$') {
        return false;
    }
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        let end =
            after.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-' | '!' | ' ')));
        if let Some(end) = end
            && end > 0
            && after.get(end..).is_some_and(|tail| tail.starts_with('}'))
        {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substitutions_are_recognised_and_jsonata_objects_are_not() {
        for text in [
            "${Fn.Arn}",
            "arn:${AWS::Partition}:states",
            "a ${x_1} b",
            "$ ${ok}",
        ] {
            assert!(has_substitution(text), "{text}");
        }
        for text in [
            "${lambdaArn",
            "${}",
            "$",
            "{% $states.input.a${'k': v} %}",
            "$ {x}",
        ] {
            assert!(!has_substitution(text), "{text}");
        }
    }
}
