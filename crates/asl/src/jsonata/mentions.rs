//! What an expression looks into, read off its text. Names inside of strings count too: too much is harmless, too little is not.

use std::sync::Arc;

/// The names an expression mentions.
#[expect(clippy::struct_excessive_bools, reason = "one for each member of `$states`")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Variables and functions (`$name`) other than `$states`, each once.
    pub names: Vec<Arc<str>>,
    /// Whether `$states.input` is needed.
    pub input: bool,
    /// Whether `$states.result` is needed.
    pub result: bool,
    /// Whether `$states.errorOutput` is needed.
    pub error_output: bool,
    /// Whether `$states.context` is needed.
    pub context: bool,
}

impl Mentions {
    pub(super) fn of(text: &str) -> Mentions {
        let mut mentions = Mentions::default();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('$') {
            let end = after
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(after.len());
            let (name, behind) = after.split_at_checked(end).unwrap_or((after, ""));
            rest = behind;
            if name == "states" {
                mentions.states(behind);
            } else if !name.is_empty() && !mentions.names.iter().any(|have| &**have == name) {
                mentions.names.push(name.into());
            }
        }
        mentions
    }

    /// `behind` is the text after `$states`.
    fn states(&mut self, behind: &str) {
        let member = behind.trim_start().strip_prefix('.').map(str::trim_start);
        let is = |name: &str| {
            member.is_some_and(|member| {
                member
                    .strip_prefix(name)
                    .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            })
        };
        if is("input") {
            self.input = true;
        } else if is("result") {
            self.result = true;
        } else if is("errorOutput") {
            self.error_output = true;
        } else if is("context") {
            self.context = true;
        } else {
            // The whole, or something computed: give all.
            (self.input, self.result, self.error_output, self.context) = (true, true, true, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mentions;

    #[test]
    fn only_what_is_named_is_mentioned() {
        let mentions = Mentions::of("$states.input.a + $x.b + $sum($x) & $states . context.Execution");
        assert!(mentions.input && mentions.context && !mentions.result && !mentions.error_output);
        let names: Vec<&str> = mentions.names.iter().map(|name| &**name).collect();
        assert_eq!(names, ["x", "sum"]);
    }

    #[test]
    fn the_whole_of_states_mentions_everything() {
        for text in [
            "$states",
            "$states[\"input\"]",
            "$states.*",
            "$keys($states)",
            "$states.inputs",
        ] {
            let mentions = Mentions::of(text);
            assert!(
                mentions.input && mentions.result && mentions.error_output && mentions.context,
                "{text}"
            );
        }
    }
}
