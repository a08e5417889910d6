//! Names: how long a state's may be, that no two states share one, and what a Map's label may look like.

use std::collections::HashMap;

use super::context::{Context, Finding};
use super::mends::Mend;
use crate::diagnostic::Code;
use crate::limits::{LABEL_CHARS_MAX, STATE_NAME_CHARS_MAX};
use crate::syntax::has_substitution;

/// Characters a label may not have besides blanks and control characters.
/// Source: Developer Guide, "Label" of a Distributed Map.
const LABEL_CHARS_FORBIDDEN: &str = "?*<>{}[]:;,\\|^~$#%&`\"/";

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context.state(index) else { return };
    let length = state.name().chars().count();
    let place = state.place();
    if length > STATE_NAME_CHARS_MAX && !has_substitution(state.name()) {
        let message = format!(
            "The state name exceeds the {STATE_NAME_CHARS_MAX}-character limit allowed by the service: {}",
            state.name()
        );
        let help = format!("It has {length} characters.");
        context.add(Finding::new(Code::InvalidStateName, &place, message).help(help));
    }
    if length == 0 {
        context.add(Finding::new(
            Code::InvalidStateName,
            &place,
            "The state name is empty",
        ));
    }
    if let Some(member) = state.node().member("Label") {
        let Some(label) = member.value.as_str().filter(|label| !has_substitution(label)) else {
            return;
        };
        let finding = |message: String| Finding::new(Code::InvalidLabelName, &place.member(member), message);
        let length = label.chars().count();
        if length > LABEL_CHARS_MAX {
            let message = format!(
                "The label exceeds the {LABEL_CHARS_MAX}-character limit allowed by the service: {label}"
            );
            context.add(finding(message).help(format!("It has {length} characters.")));
        } else if length == 0 {
            context.add(finding("The label is empty".to_owned()));
        } else if let Some(wrong) = label.chars().find(|c| !may_be_in_label(*c)) {
            let help = format!("A label may not contain {wrong:?}.");
            let plain: String = label
                .chars()
                .map(|c| if may_be_in_label(c) { c } else { '-' })
                .collect();
            let mend = Mend::likely(format!("Write \"{plain}\"")).replace(&member.value, plain);
            let finding = finding(format!("The label contains invalid characters: {label}"));
            context.add(finding.help(help).mend(mend));
        }
    }
}

fn may_be_in_label(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || LABEL_CHARS_FORBIDDEN.contains(c))
}

/// State names and labels are unique over the whole machine, whatever scope they are in.
pub(super) fn check_names(context: &mut Context<'_>) {
    let definition = context.definition;
    let mut states: HashMap<&str, usize> = HashMap::with_capacity(definition.states.len());
    let mut labels: HashMap<&str, usize> = HashMap::new();
    for index in in_order_of_text(context) {
        let Some(state) = context.state(index) else {
            continue;
        };
        let earlier = states.entry(state.name()).or_insert(index);
        // Two states of one name in one object are one key written twice, reported as that.
        if let Some(first) = context.state(*earlier).filter(|first| first.scope != state.scope) {
            let message = format!("Duplicate State name: {}", state.name());
            let help = format!(
                "{} has this name, too; names are unique over the whole machine.",
                first.written
            );
            context.add(Finding::new(Code::DuplicateStateName, &state.place(), message).help(help));
        }
        let Some(member) = state.node().member("Label") else {
            continue;
        };
        let Some(label) = member.value.as_str().filter(|label| !has_substitution(label)) else {
            continue;
        };
        let earlier = *labels.entry(label).or_insert(index);
        if let Some(first) = context.state(earlier).filter(|_| earlier != index) {
            let message = format!("Duplicate Label name: {label}");
            let help = format!("{} has this label, too.", first.written);
            context.add(
                Finding::new(Code::DuplicateLabelName, &state.place().member(member), message).help(help),
            );
        }
    }
}

/// So that the second in the text is the duplicate, not the inner one.
fn in_order_of_text(context: &Context<'_>) -> Vec<usize> {
    let states = &context.definition.states;
    let mut order: Vec<usize> = (0..states.len()).collect();
    if context.definition.scopes.len() > 1 {
        order.sort_by_key(|index| states.get(*index).map_or(0, |state| state.member.key_span.start));
    }
    order
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, machine, passes};

    #[test]
    fn a_state_name_has_at_most_eighty_characters() {
        let with =
            |length: usize| machine("", &format!(r#""{}": {{"Type": "Succeed"}}"#, "ä".repeat(length)));
        passes(&with(80));
        finds(
            &with(81),
            "INVALID_STATE_NAME: The state name exceeds the 80-character limit",
        );
    }

    #[test]
    fn names_are_unique_over_all_scopes() {
        finds(
            &machine(
                "",
                r#""A": {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}, "Next": "B"},
                   "B": {"Type": "Succeed"}"#,
            ),
            "DUPLICATE_STATE_NAME: Duplicate State name: B at /States/B",
        );
    }

    #[test]
    fn labels_are_short_plain_and_unique() {
        let map = |name: &str, label: &str, end: &str| {
            format!(
                r#""{name}": {{"Type": "Map", "Label": "{label}", "ItemProcessor": {{
                     "ProcessorConfig": {{"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}},
                     "StartAt": "{name}1", "States": {{"{name}1": {{"Type": "Succeed"}}}}}}, {end}}}"#
            )
        };
        passes(&machine("", &map("A", "label-1", r#""End": true"#)));
        finds(
            &machine("", &map("A", "a b", r#""End": true"#)),
            "INVALID_LABEL_NAME: The label contains",
        );
        finds(
            &machine("", &map("A", &"l".repeat(41), r#""End": true"#)),
            "INVALID_LABEL_NAME: The label exceeds",
        );
        let twice = format!(
            "{},{}",
            map("A", "l", r#""Next": "B""#),
            map("B", "l", r#""End": true"#)
        );
        finds(
            &machine("", &twice),
            "DUPLICATE_LABEL_NAME: Duplicate Label name: l at /States/B/Label",
        );
    }
}
