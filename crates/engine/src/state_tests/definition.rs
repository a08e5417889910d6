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

/// A state by its name in a definition, at any depth.
#[derive(Clone, Copy)]
pub(super) struct StateAt<'a> {
    pub(super) definition: &'a str,
    pub(super) name: &'a str,
}

impl StateAt<'_> {
    /// Whether a state of this name is in its branches or its processor, at any depth.
    pub(super) fn holds(self, inner: &str) -> bool {
        let Ok(definition) = spanned::parse(self.definition) else {
            return false;
        };
        find(&definition, self.name)
            .is_some_and(|state| graphs(state).any(|graph| find(graph, inner).is_some()))
    }
}

fn find<'a>(graph: &'a Node, name: &str) -> Option<&'a Node> {
    let states = graph.get("States").and_then(Node::as_object)?;
    let own = states.iter().find(|member| *member.key == *name);
    own.map(|member| &member.value).or_else(|| {
        states
            .iter()
            .flat_map(|member| graphs(&member.value))
            .find_map(|graph| find(graph, name))
    })
}

fn graphs(state: &Node) -> impl Iterator<Item = &Node> {
    let branches = state.get("Branches").and_then(Node::as_array).unwrap_or_default();
    let processors = ["ItemProcessor", "Iterator"]
        .into_iter()
        .filter_map(|field| state.get(field));
    branches.iter().chain(processors)
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
    use super::{StateAt, around};

    #[test]
    fn a_state_holds_what_its_branches_and_processors_hold() {
        let definition = r#"{"StartAt":"P","States":{
            "P":{"Type":"Parallel","Branches":[{"StartAt":"M","States":{
                "M":{"Type":"Map","ItemProcessor":{"StartAt":"Deep","States":{"Deep":{"Type":"Succeed"}}},"End":true}}}],"Next":"Z"},
            "Z":{"Type":"Succeed"}}}"#;
        let holds = |name, inner| StateAt { definition, name }.holds(inner);
        assert!(holds("P", "M") && holds("P", "Deep") && holds("M", "Deep"));
        assert!(!holds("P", "Z") && !holds("P", "P") && !holds("M", "M") && !holds("Z", "Z"));
        assert!(!holds("Deep", "M") && !holds("Nowhere", "M"));
    }

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
