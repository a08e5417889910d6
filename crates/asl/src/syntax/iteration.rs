//! The processor of a Map as it is written, which is the state machine of a Map Run's children.

use crate::json::spanned::{self, Node, NodeValue};

/// The text of the `ItemProcessor` (or `Iterator`) of the Map state of this name, wherever in the definition it is. States'
/// names are unique within a definition.
pub fn processor_of<'t>(definition: &'t str, map_state: &str) -> Option<&'t str> {
    let document = spanned::parse(definition).ok()?;
    let state = find(&document, map_state)?;
    let processor = state.get("ItemProcessor").or_else(|| state.get("Iterator"))?;
    definition.get(processor.span.start..processor.span.end)
}

/// A Map state of this name in a scope, or in the scopes within it.
fn find<'n>(scope: &'n Node, name: &str) -> Option<&'n Node> {
    let NodeValue::Object(states) = &scope.get("States")?.value else {
        return None;
    };
    states.iter().find_map(|state| {
        let node = &state.value;
        let is_map = node.get("Type").and_then(Node::as_str) == Some("Map");
        if is_map && *state.key == *name {
            return Some(node);
        }
        let branches = node.get("Branches").and_then(Node::as_array).unwrap_or_default();
        let processors = [node.get("ItemProcessor"), node.get("Iterator")];
        let mut within = branches.iter().chain(processors.into_iter().flatten());
        within.find_map(|scope| find(scope, name))
    })
}

#[cfg(test)]
mod tests {
    use super::processor_of;

    #[test]
    fn a_processor_is_found_wherever_its_map_is_and_as_it_is_written() {
        let definition = r#"{"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "M", "States": {
            "M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt" : "N", "States": {
                "N": {"Type": "Map", "End": true, "Iterator": {"StartAt":"I"}}}}}}}]}}}"#;
        assert_eq!(processor_of(definition, "N"), Some(r#"{"StartAt":"I"}"#));
        assert!(processor_of(definition, "M").is_some_and(|text| text.starts_with(r#"{"StartAt" : "N""#)));
        assert_eq!(processor_of(definition, "P"), None);
        assert_eq!(processor_of("{", "M"), None);
    }
}
