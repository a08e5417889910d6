//! Maps: old spellings, fields without effect, and what a distributed run needs to survive its items.

use super::has_any;
use crate::checks::context::{Context, Finding};
use crate::checks::mends::Mend;
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node};
use crate::syntax::StateType;
use crate::syntax::definition::State;
use crate::syntax::resource::ResourceText;

/// Fields only the distributed mode looks at.
const DISTRIBUTED_FIELDS: &[&str] = &[
    "ItemBatcher",
    "ItemReader",
    "Label",
    "ResultWriter",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
];

const TOLERANCES: &[&str] = &[
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
];

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context
        .state(index)
        .filter(|state| state.kind == Some(StateType::Map))
    else {
        return;
    };
    let place = state.place();
    let node = state.node();
    if let Some(member) = node.member("Iterator") {
        let at = place.member(member).shown_by_key();
        let finding = Finding::new(Code::DeprecatedIterator, &at, "Iterator is the old spelling");
        context.add(
            finding
                .help("Rename it to \"ItemProcessor\".")
                .mend(new_name(member, "ItemProcessor")),
        );
    }
    if let Some(member) = node.member("Parameters") {
        let at = place.member(member).shown_by_key();
        let message = "Parameters of a Map is the old spelling";
        let finding = Finding::new(Code::DeprecatedMapParameters, &at, message);
        context.add(
            finding
                .help("Rename it to \"ItemSelector\".")
                .mend(new_name(member, "ItemSelector")),
        );
    }
    if is_distributed(node) {
        distributed(context, state);
    } else {
        for member in node.as_object().unwrap_or_default() {
            if DISTRIBUTED_FIELDS.contains(&&*member.key) {
                let at = place.member(member).shown_by_key();
                let message = format!("{} has no effect on an inline Map", member.key);
                let help = "Set \"ProcessorConfig\": {\"Mode\": \"DISTRIBUTED\", …}, or remove it.";
                let mend = Mend::likely(format!("Remove \"{}\"", member.key)).remove(&member.value);
                context.add(
                    Finding::new(Code::DistributedOnlyField, &at, message)
                        .help(help)
                        .mend(mend),
                );
            }
        }
    }
    let unbounded = match node.get("MaxConcurrency") {
        None => node.member("MaxConcurrencyPath").is_none(),
        Some(value) => value.as_number().and_then(serde_json::Number::as_i64) == Some(0),
    };
    if unbounded && calls_something_limited(context, state) {
        let most = if is_distributed(node) { "10,000" } else { "40" };
        let message = format!("Map '{}' has no MaxConcurrency", state.name());
        let help = format!("Up to {most} items run at once against what it calls; set \"MaxConcurrency\".");
        context.add(Finding::new(Code::MapUnboundedConcurrency, &place, message).help(help));
    }
}

fn new_name(member: &Member, name: &str) -> Mend {
    Mend::certain(format!("Rename \"{}\" to \"{name}\"", member.key)).rename(&member.value, name)
}

/// Whether a Map runs its items as executions of their own.
pub(super) fn is_distributed(node: &Node) -> bool {
    ["ItemProcessor", "Iterator"]
        .iter()
        .filter_map(|key| node.get(key)?.get("ProcessorConfig")?.get("Mode")?.as_str())
        .any(|mode| mode == "DISTRIBUTED")
}

fn distributed(context: &mut Context<'_>, state: &State<'_>) {
    let place = state.place();
    if !has_any(state.node(), TOLERANCES) {
        let message = format!("One failed item fails the whole run of Map '{}'", state.name());
        let help = "Set \"ToleratedFailurePercentage\" or \"ToleratedFailureCount\".";
        context.add(Finding::new(Code::DistributedNoToleratedFailure, &place, message).help(help));
    }
    if state.node().member("ResultWriter").is_none() {
        let message = format!("The results of Map '{}' go back into the execution", state.name());
        let help = "More than 256 KiB of them fail it. Add a \"ResultWriter\".";
        context.add(Finding::new(Code::DistributedNoResultWriter, &place, message).help(help));
    }
}

/// Whether a task in the Map calls a function or an API: these have limits on calls at once.
fn calls_something_limited(context: &Context<'_>, state: &State<'_>) -> bool {
    let definition = context.definition;
    state
        .inner
        .iter()
        .filter_map(|scope| definition.scopes.get(*scope))
        .flat_map(|scope| &scope.states)
        .any(|index| {
            let text = definition
                .states
                .get(*index)
                .and_then(|inner| inner.node().get("Resource")?.as_str());
            text.is_some_and(|text| match ResourceText::of(text) {
                ResourceText::Lambda | ResourceText::AwsSdk { .. } => true,
                ResourceText::Integration { service, .. } => {
                    matches!(service, "lambda" | "http" | "apigateway")
                }
                _ => false,
            })
        })
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, machine, mended};

    fn map(fields: &str, config: &str, state: &str) -> String {
        machine(
            "",
            &format!(
                r#""M": {{"Type": "Map", {fields} "ItemProcessor": {{{config} "StartAt": "S", "States": {{"S": {{{state}, "End": true}}}}}}, "End": true}}"#
            ),
        )
    }

    const PASS: &str = r#""Type": "Pass""#;
    const INVOKE: &str = r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke""#;
    const DISTRIBUTED: &str = r#""ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},"#;

    #[test]
    fn old_spellings_are_remarked_on() {
        advises(
            &map("", "", PASS).replace("ItemProcessor", "Iterator"),
            "DEPRECATED_ITERATOR",
        );
        advises(
            &map(r#""Parameters": {"a": 1},"#, "", PASS),
            "DEPRECATED_MAP_PARAMETERS",
        );
    }

    #[test]
    fn old_spellings_are_renamed() {
        let old = map(r#""Parameters": {"a": 1},"#, "", PASS).replace("ItemProcessor", "Iterator");
        let state = |code| mended(&old, code)["States"]["M"].clone();
        assert!(state("DEPRECATED_ITERATOR")["ItemProcessor"].is_object());
        assert_eq!(state("DEPRECATED_MAP_PARAMETERS")["ItemSelector"]["a"], 1);
    }

    #[test]
    fn fields_of_the_distributed_mode_are_doubted_on_an_inline_map() {
        advises(&map(r#""Label": "l","#, "", PASS), "DISTRIBUTED_ONLY_FIELD");
        does_not_advise(
            &map(r#""Label": "l","#, DISTRIBUTED, PASS),
            "DISTRIBUTED_ONLY_FIELD",
        );
    }

    #[test]
    fn a_map_that_calls_functions_without_a_bound_is_doubted() {
        advises(&map("", "", INVOKE), "MAP_UNBOUNDED_CONCURRENCY");
        does_not_advise(
            &map(r#""MaxConcurrency": 5,"#, "", INVOKE),
            "MAP_UNBOUNDED_CONCURRENCY",
        );
        does_not_advise(&map("", "", PASS), "MAP_UNBOUNDED_CONCURRENCY");
    }

    #[test]
    fn a_distributed_run_without_tolerance_or_writer_is_doubted() {
        advises(&map("", DISTRIBUTED, PASS), "DISTRIBUTED_NO_TOLERATED_FAILURE");
        advises(&map("", DISTRIBUTED, PASS), "DISTRIBUTED_NO_RESULT_WRITER");
        let careful = r#""ToleratedFailureCount": 1, "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}},"#;
        does_not_advise(
            &map(careful, DISTRIBUTED, PASS),
            "DISTRIBUTED_NO_TOLERATED_FAILURE",
        );
        does_not_advise(&map(careful, DISTRIBUTED, PASS), "DISTRIBUTED_NO_RESULT_WRITER");
    }
}
