//! A state alone → a definition it stands in, so that the same checks and the same machine serve both.

use asl::json::spanned::{self, Node};

/// The name AWS gives a state that came without one; locations in messages have it: `/States/StateName/Branches`.
pub(super) const STATE_NAME: &str = "StateName";

/// A definition of this one state, and of a Succeed for each state it leads to. What is not a JSON object is given back
/// as it is: the checks say so.
pub(super) fn around(state: &str) -> String {
    let Ok(node) = spanned::parse(state) else {
        return state.to_owned();
    };
    if node.as_object().is_none() {
        return state.to_owned();
    }
    let mut definition = format!(r#"{{"StartAt":"{STATE_NAME}","States":{{"{STATE_NAME}":{state}"#);
    let mut targets = targets(&node);
    targets.sort_unstable();
    targets.dedup();
    for target in targets.into_iter().filter(|target| *target != STATE_NAME) {
        definition.push(',');
        definition.push_str(&serde_json::Value::from(target).to_string());
        definition.push_str(r#":{"Type":"Succeed"}"#);
    }
    definition.push_str("}}");
    definition
}

fn targets(state: &Node) -> Vec<&str> {
    let rules = |field| state.get(field).and_then(Node::as_array).unwrap_or_default();
    let of_rules = ["Choices", "Catch"]
        .into_iter()
        .flat_map(rules)
        .filter_map(|rule| rule.get("Next"));
    let own = ["Next", "Default"]
        .into_iter()
        .filter_map(|field| state.get(field));
    own.chain(of_rules).filter_map(Node::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::around;

    #[test]
    fn every_state_it_leads_to_is_there_once() {
        let state = r#"{"Type":"Choice","Choices":[{"Variable":"$","IsNull":true,"Next":"B"},{"Variable":"$","IsNull":true,"Next":"C"}],"Default":"B"}"#;
        assert_eq!(
            around(state),
            format!(
                r#"{{"StartAt":"StateName","States":{{"StateName":{state},"B":{{"Type":"Succeed"}},"C":{{"Type":"Succeed"}}}}}}"#
            )
        );
    }

    #[test]
    fn what_is_no_object_is_left_to_the_checks() {
        assert_eq!(around("[1]"), "[1]");
        assert_eq!(around("{"), "{");
    }
}
